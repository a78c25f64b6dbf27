#include "client_read.h"

#include "base/os/clock.h"
#include "call.h"
#include "kind_values.h"
#include "variant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POSES_SPARE = 64 };

uint32_t client_all_poses(client_node *c, double tick, bool smooth)
{
    uint32_t count = tl_client_get_stats(c->link.client).entities;
    if (count > c->pose_capacity) {
        uint32_t capacity = count + count / 8 + POSES_SPARE;
        tl_pose *poses = realloc(c->poses, capacity * sizeof *poses);
        if (!poses) {
            return 0;
        }
        c->poses = poses;
        c->pose_capacity = capacity;
    }
    count = tl_client_poses(c->link.client, tick, smooth, c->poses, c->pose_capacity);
    return count < c->pose_capacity ? count : c->pose_capacity;
}

static uint32_t poses_now(client_node *c)
{
    return client_has_view(c) ? client_all_poses(c, c->display_tick, true) : 0;
}

static bool pose_of(const client_node *c, int64_t id, tl_pose *pose)
{
    return client_has_view(c) && tl_client_pose(c->link.client, (tl_entity_id)id, c->display_tick, true, pose) == TL_OK;
}

static void put_transform(double *to, const tl_pose *pose)
{
    const double values[GD_TRANSFORM_DOUBLES] = {pose->position.x, pose->position.y, pose->position.z, pose->rotation.x,
                                                 pose->rotation.y, pose->rotation.z, pose->rotation.w};
    memcpy(to, values, sizeof values);
}

// ---- times ---------------------------------------------------------------------------------------------------------

void client_get_server_tick(void *self, const void *const *args, void *ret)
{
    const client_node *c = self;
    gd_ret_float(ret, client_has_view(c) ? tl_client_server_tick(c->link.client, tl_os_monotonic_us()) : 0);
}

void client_get_display_tick(void *self, const void *const *args, void *ret)
{
    gd_ret_float(ret, ((client_node *)self)->display_tick);
}

void client_get_frame_tick(void *self, const void *const *args, void *ret)
{
    const client_node *c = self;
    gd_ret_int(ret, client_has_view(c) ? tl_client_frame_tick(c->link.client) : -1);
}

void client_get_tick_hz(void *self, const void *const *args, void *ret)
{
    const client_node *c = self;
    gd_ret_int(ret, client_has_view(c) ? tl_client_tick_hz(c->link.client) : 0);
}

// ---- entities ------------------------------------------------------------------------------------------------------

void client_get_entities(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    uint32_t most = client_has_view(c) ? tl_client_get_stats(c->link.client).entities : 0;
    *(gd_packed *)ret = gd_packed_make(GD_INT64S, most);
    if (most) {
        uint32_t count = tl_client_entities(c->link.client, c->display_tick, (tl_entity_id *)gd.int64s_edit(ret, 0),
                                            most);
        gd_resize(GD_INT64S, ret, count < most ? count : most);
    }
}

void client_get_kind_names(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    int count = client_has_view(c) ? c->link.kind_count : 0;
    *(gd_packed *)ret = gd_packed_make(GD_STRINGS, count);
    for (int i = 0; i < count; i++) {
        gd_string *to = gd.strings_edit(ret, i);
        gd.destroy[GD_STRING](to);
        gd.string_new(to, tl_client_kind_name(c->link.client, i));
    }
}

void client_has_entity(void *self, const void *const *args, void *ret)
{
    tl_pose pose;
    gd_ret_bool(ret, pose_of(self, gd_arg_int(args, 0), &pose));
}

void client_get_transform(void *self, const void *const *args, void *ret)
{
    tl_pose pose = {.rotation.w = 1};
    if (!pose_of(self, gd_arg_int(args, 0), &pose)) {
        pose = (tl_pose){.rotation.w = 1}; // the identity
    }
    *(gd_transform3d *)ret = gd_transform_make(pose.position, pose.rotation);
}

// Fields that move are as they are shown. The others, and the carrier, are those of the newest frame, so that a handler
// of "entity_changed" finds the change here.
static bool values_of(const client_node *c, const tl_pose *shown, const tl_kind_def *kind, tl_entity_id *carrier,
                      tl_values *out)
{
    tl_client *client = c->link.client;
    double newest_tick = (double)tl_client_frame_tick(client);
    tl_pose newest;
    tl_values fields;
    *carrier = shown->carrier;
    if (tl_client_get(client, shown->entity, newest_tick, &fields) != TL_OK ||
        tl_client_pose(client, shown->entity, newest_tick, false, &newest) != TL_OK) {
        return false;
    }
    *carrier = newest.carrier;
    bool boards = newest.carrier != shown->carrier; // places are in the new frame then
    if (tl_client_get(client, shown->entity, boards ? newest_tick : c->display_tick, out) != TL_OK) {
        return false;
    }
    for (int f = 1; f < kind->field_count; f++) {
        if (kind->fields[f].predictor == TL_PREDICT_HOLD && kind->fields[f].type >= TL_FIELD_SCALAR) {
            out->fields[f] = fields.fields[f];
        }
    }
    return true;
}

void client_get_entity(void *self, const void *const *args, void *ret)
{
    const client_node *c = self;
    gd.construct[GD_DICTIONARY](ret, NULL);
    tl_pose pose;
    tl_kind_def kind;
    tl_values values;
    tl_entity_id carrier;
    if (!pose_of(c, gd_arg_int(args, 0), &pose) || tl_client_kind(c->link.client, pose.kind, &kind) != TL_OK) {
        return;
    }
    if (values_of(c, &pose, &kind, &carrier, &values)) {
        kind_values_write(&kind, &values, ret);
    }
    gd_packed doubles = gd_packed_make(GD_FLOAT64S, GD_TRANSFORM_DOUBLES);
    put_transform(gd.float64s_edit(&doubles, 0), &pose);
    gd_dictionary_put(ret, "kind", gd_variant_text(kind.name));
    gd_dictionary_put(ret, "carrier", gd_variant_int((int64_t)carrier));
    gd_dictionary_put(ret, "level", gd_variant_int(pose.level));
    gd_dictionary_put(ret, "transform", gd_variant_transform(pose.position, pose.rotation));
    gd_dictionary_put(ret, "transform_doubles", gd_variant_take(GD_FLOAT64S, &doubles));
}

void client_get_transforms(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    int64_t count = gd_size(GD_INT64S, args[0]);
    const int64_t *ids = count ? gd.int64s_at(args[0], 0) : NULL;
    count = ids ? count : poses_now(c);
    *(gd_packed *)ret = gd_packed_make(GD_FLOAT64S, count * GD_TRANSFORM_DOUBLES);
    double *to = count ? gd.float64s_edit(ret, 0) : NULL;
    for (int64_t i = 0; i < count; i++, to += GD_TRANSFORM_DOUBLES) {
        tl_pose pose = {0}; // an entity that is not in view: all 0
        if (!ids) {
            put_transform(to, &c->poses[i]);
        } else if (pose_of(c, ids[i], &pose)) {
            put_transform(to, &pose);
        } else {
            memset(to, 0, GD_TRANSFORM_DOUBLES * sizeof *to);
        }
    }
}

void client_get_transforms_at(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    double tick = gd_arg_float(args, 0);
    gd.construct[GD_DICTIONARY](ret, NULL);
    if (!isfinite(tick)) {
        gd_error_print("TramlineClient.get_transforms_at", "The tick is not finite.");
        return;
    }
    uint32_t count = client_has_view(c) ? client_all_poses(c, tick, gd_arg_bool(args, 1)) : 0;
    gd_packed ids = gd_packed_make(GD_INT64S, count), carriers = gd_packed_make(GD_INT64S, count),
              kinds = gd_packed_make(GD_INT32S, count), levels = gd_packed_make(GD_INT32S, count),
              transforms = gd_packed_make(GD_FLOAT64S, (int64_t)count * GD_TRANSFORM_DOUBLES);
    int64_t *id = count ? gd.int64s_edit(&ids, 0) : NULL, *carrier = count ? gd.int64s_edit(&carriers, 0) : NULL;
    int32_t *kind = count ? gd.int32s_edit(&kinds, 0) : NULL, *level = count ? gd.int32s_edit(&levels, 0) : NULL;
    double *to = count ? gd.float64s_edit(&transforms, 0) : NULL;
    for (uint32_t i = 0; i < count; i++) {
        const tl_pose *pose = &c->poses[i];
        id[i] = (int64_t)pose->entity;
        carrier[i] = (int64_t)pose->carrier;
        kind[i] = pose->kind;
        level[i] = pose->level;
        put_transform(to + (size_t)i * GD_TRANSFORM_DOUBLES, pose);
    }
    gd_dictionary_put(ret, "ids", gd_variant_take(GD_INT64S, &ids));
    gd_dictionary_put(ret, "kinds", gd_variant_take(GD_INT32S, &kinds));
    gd_dictionary_put(ret, "carriers", gd_variant_take(GD_INT64S, &carriers));
    gd_dictionary_put(ret, "levels", gd_variant_take(GD_INT32S, &levels));
    gd_dictionary_put(ret, "transforms", gd_variant_take(GD_FLOAT64S, &transforms));
}
