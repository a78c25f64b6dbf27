#include "server_bulk.h"

#include "call.h"
#include "kind_values.h"
#include "variant.h"

#include <string.h>

enum { COUNT_MAX = 1 << 26 }; // ids of one call
enum { BLOCK = 512 };         // entities that are passed to the core in one call

// ---- setting -------------------------------------------------------------------------------------------------------

typedef struct block {
    tl_vec3 positions[BLOCK], velocities[BLOCK];
    tl_quat rotations[BLOCK];
} block;

static uint32_t set_block(server_node *s, const tl_entity_ref *refs, uint32_t count, const double *transforms,
                          const double *velocities)
{
    static block b; // only the main thread comes here
    for (uint32_t i = 0; i < count; i++) {
        const double *t = transforms + (size_t)i * GD_TRANSFORM_DOUBLES;
        b.positions[i] = (tl_vec3){t[0], t[1], t[2]};
        b.rotations[i] = (tl_quat){t[3], t[4], t[5], t[6]};
    }
    for (uint32_t i = 0; i < count && velocities; i++) {
        const double *v = velocities + (size_t)i * 3;
        b.velocities[i] = (tl_vec3){v[0], v[1], v[2]};
    }
    return tl_server_set_poses(s->server, refs, count, b.positions, velocities ? b.velocities : NULL, b.rotations);
}

void server_set_transforms(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.set_transforms";
    int64_t count = gd_size(GD_INT64S, args[0]), doubles = gd_size(GD_FLOAT64S, args[1]),
            rates = gd_size(GD_FLOAT64S, args[2]);
    gd_ret_int(ret, 0);
    if (!server_can_change(s, method) || count == 0) {
        return;
    }
    if (doubles != count * GD_TRANSFORM_DOUBLES || (rates && rates != count * 3) || count > COUNT_MAX) {
        gd_error_print(method,
                       "%lld ids need %lld doubles of transforms (x y z qx qy qz qw each) and 3 each, or none, of "
                       "velocities; there are %lld and %lld.",
                       (long long)count, (long long)count * GD_TRANSFORM_DOUBLES, (long long)doubles, (long long)rates);
        return;
    }
    const tl_entity_id *ids = (const tl_entity_id *)gd.int64s_at(args[0], 0);
    const tl_entity_ref *refs = ref_caches_find(&s->caches, s->server, ids, (uint32_t)count);
    const double *transforms = gd.float64s_at(args[1], 0), *velocities = rates ? gd.float64s_at(args[2], 0) : NULL;
    uint32_t set = 0;
    for (int64_t i = 0; i < count && refs; i += BLOCK) {
        uint32_t part = count - i < BLOCK ? (uint32_t)(count - i) : BLOCK;
        set += set_block(s, refs + i, part, transforms + i * GD_TRANSFORM_DOUBLES,
                         velocities ? velocities + i * 3 : NULL);
    }
    gd_ret_int(ret, set);
}

// ---- creating ------------------------------------------------------------------------------------------------------

static int64_t create_one(server_node *s, const tl_kind_def *def, int kind, tl_group_id group, tl_entity_id id,
                          const double *t, tl_result *worst)
{
    tl_entity_def entity = {.id = id, .group = group, .kind = kind};
    tl_quat rotation = {t[3], t[4], t[5], t[6]};
    kind_values_place(def, &entity.values, (tl_vec3){t[0], t[1], t[2]}, rotation);
    kind_values_complete(def, &entity.values);
    tl_entity_ref ref;
    tl_entity_info info = {0};
    tl_result result = tl_server_create_entity(s->server, &entity, &ref);
    if (result != TL_OK || tl_server_info(s->server, ref, &info) != TL_OK) {
        *worst = result;
        return 0;
    }
    return (int64_t)info.id;
}

void server_create_entities(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.create_entities";
    int64_t id_count = gd_size(GD_INT64S, args[2]), doubles = gd_size(GD_FLOAT64S, args[3]),
            count = doubles / GD_TRANSFORM_DOUBLES;
    *(gd_packed *)ret = gd_packed_make(GD_INT64S, 0);
    if (!server_can_change(s, method)) {
        return;
    }
    char name[KIND_NAME_TEXT_BYTES];
    gd_string_to_text(args[0], name, sizeof name);
    int kind = kind_list_find(s->list, name);
    if (kind < 0 || doubles % GD_TRANSFORM_DOUBLES || (id_count && id_count != count)) {
        gd_error_print(
            method, kind < 0 ? "There is no kind of that name; declare it in the server's kinds."
                             : "Transforms are 7 doubles each (x y z qx qy qz qw), one for each id if ids are given.");
        return;
    }
    const int64_t *ids = id_count ? gd.int64s_at(args[2], 0) : NULL;
    const double *transforms = count ? gd.float64s_at(args[3], 0) : NULL;
    gd_resize(GD_INT64S, ret, count);
    int64_t *made = count ? gd.int64s_edit(ret, 0) : NULL, failed = 0;
    tl_result worst = TL_OK;
    for (int64_t i = 0; i < count; i++) {
        made[i] = create_one(s, &s->list->kinds[kind], kind, (tl_group_id)gd_arg_int(args, 1),
                             ids ? (tl_entity_id)ids[i] : 0, transforms + i * GD_TRANSFORM_DOUBLES, &worst);
        failed += made[i] == 0;
    }
    if (failed) {
        gd_error_print(method, "%lld of %lld entities were not created, their ids are 0: %s.", (long long)failed,
                       (long long)count, tl_result_text(worst));
    }
}

// ---- reading -------------------------------------------------------------------------------------------------------

void server_get_transforms(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    int64_t count = gd_size(GD_INT64S, args[0]);
    *(gd_packed *)ret = gd_packed_make(GD_FLOAT64S, 0);
    if (!server_can_read(s, "TramlineServer.get_transforms") || count == 0 || count > COUNT_MAX) {
        return;
    }
    const tl_entity_id *ids = (const tl_entity_id *)gd.int64s_at(args[0], 0);
    const tl_entity_ref *refs = ref_caches_find(&s->caches, s->server, ids, (uint32_t)count);
    gd_resize(GD_FLOAT64S, ret, count * GD_TRANSFORM_DOUBLES);
    double *to = gd.float64s_edit(ret, 0), tick = (double)tl_server_get_stats(s->server).world_tick;
    memset(to, 0, (size_t)count * GD_TRANSFORM_DOUBLES * sizeof *to); // an entity that is not here: all 0
    for (int64_t i = 0; i < count && refs; i++, to += GD_TRANSFORM_DOUBLES) {
        tl_vec3 p;
        tl_quat q;
        if (tl_server_pose(s->server, refs[i], tick, &p, &q) == TL_OK) {
            memcpy(to, (double[]){p.x, p.y, p.z, q.x, q.y, q.z, q.w}, GD_TRANSFORM_DOUBLES * sizeof *to);
        }
    }
}
