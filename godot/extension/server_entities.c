#include "server_entities.h"

#include "call.h"
#include "kind_values.h"
#include "variant.h"

// Prints an error; if the carrier is unsuitable, with what is wrong with it. `ref` TL_REF_NONE: of a new entity.
static gd_error report_carrier(const server_node *s, const char *method, tl_result result, const char *what,
                               tl_entity_ref ref, tl_entity_id carrier, tl_vec3 position)
{
    char text[KIND_ERROR_BYTES];
    if (result == TL_OK || tl_server_check_carrier(s->server, ref, carrier, position, text, sizeof text) == TL_OK) {
        return gd_error_report(method, result, what);
    }
    gd_error_print(method, "%s: %s.", what, text);
    return gd_error_from(result);
}

static const tl_kind_def *kind_of(const server_node *s, tl_entity_ref ref, tl_entity_info *info)
{
    return ref != TL_REF_NONE && tl_server_info(s->server, ref, info) == TL_OK ? &s->list->kinds[info->kind] : NULL;
}

// Finds an entity that this server may change; prints an error if there is none.
static tl_entity_ref find_owned(const server_node *s, const char *method, int64_t id, tl_entity_info *info,
                                gd_error *error)
{
    tl_entity_ref ref = tl_server_find(s->server, (tl_entity_id)id);
    if (!kind_of(s, ref, info)) {
        gd_error_print(method, "There is no entity %lld.", (long long)id);
        *error = GD_ERR_DOES_NOT_EXIST;
        return TL_REF_NONE;
    }
    if (!info->owned) {
        gd_error_print(method, "Entity %lld is server %d's; only that server may change it.", (long long)id,
                       info->owner);
        *error = GD_ERR_UNAUTHORIZED;
        return TL_REF_NONE;
    }
    *error = GD_OK;
    return ref;
}

static bool place_of(const char *method, const void *transform, tl_vec3 *position, tl_quat *rotation)
{
    bool good = gd_transform_split(transform, position, rotation);
    if (!good) {
        gd_error_print(method, "The transform is not finite, or its basis has no rotation.");
    }
    return good;
}

static tl_entity_id create(server_node *s, const void *const *args, int kind)
{
    const char *method = "TramlineServer.create_entity";
    const tl_kind_def *def = &s->list->kinds[kind];
    kind_values values = {0};
    char text[KIND_ERROR_BYTES];
    tl_vec3 position;
    tl_quat rotation;
    if (!place_of(method, args[2], &position, &rotation)) {
        return 0;
    }
    kind_values_place(def, &values.values, position, rotation);
    tl_entity_id id = 0;
    if (!kind_values_read(def, args[4], &values, text, sizeof text)) {
        gd_error_print(method, "No entity was created: %s.", text);
    } else {
        kind_values_complete(def, &values.values);
        tl_entity_def entity = {.id = (tl_entity_id)gd_arg_int(args, 5),
                                .group = (tl_group_id)gd_arg_int(args, 1),
                                .kind = kind,
                                .carrier = (tl_entity_id)gd_arg_int(args, 3),
                                .values = values.values};
        tl_entity_ref ref;
        tl_entity_info info = {0};
        tl_result result = tl_server_create_entity(s->server, &entity, &ref);
        if (report_carrier(s, method, result, "No entity was created", TL_REF_NONE, entity.carrier, position) ==
            GD_OK) {
            tl_server_info(s->server, ref, &info);
            id = info.id;
        }
    }
    kind_values_free(&values);
    return id;
}

// Finds the kind of that name; prints an error if there is none.
static int find_kind(const server_node *s, const char *method, const gd_string *name)
{
    char text[KIND_NAME_TEXT_BYTES];
    gd_string_to_text(name, text, sizeof text);
    int kind = kind_list_find(s->list, text);
    if (kind < 0) {
        gd_error_print(method, "There is no kind '%s'; declare it in the server's kinds.", text);
    }
    return kind;
}

void server_create_entity(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.create_entity";
    int kind = server_can_change(s, method) ? find_kind(s, method, args[0]) : -1;
    gd_ret_int(ret, kind >= 0 ? (int64_t)create(s, args, kind) : 0);
}

void server_delete_entity(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.delete_entity";
    gd_error error = GD_ERR_UNCONFIGURED;
    tl_entity_info info;
    tl_entity_ref ref = server_can_change(s, method) ? find_owned(s, method, gd_arg_int(args, 0), &info, &error)
                                                     : TL_REF_NONE;
    gd_ret_int(ret, ref == TL_REF_NONE ? error
                                       : gd_error_report(method, tl_server_delete_entity(s->server, ref),
                                                         "The entity cannot be deleted"));
}

void server_set_entity(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.set_entity";
    gd_error error = GD_ERR_UNCONFIGURED;
    tl_entity_info info;
    tl_entity_ref ref = server_can_change(s, method) ? find_owned(s, method, gd_arg_int(args, 0), &info, &error)
                                                     : TL_REF_NONE;
    if (ref != TL_REF_NONE) {
        kind_values values = {0};
        char text[KIND_ERROR_BYTES];
        if (kind_values_read(&s->list->kinds[info.kind], args[1], &values, text, sizeof text)) {
            error = gd_error_report(method, tl_server_set(s->server, ref, &values.values), "The values cannot be set");
        } else {
            gd_error_print(method, "Nothing was set: %s.", text);
            error = GD_ERR_INVALID_PARAMETER;
        }
        kind_values_free(&values);
    }
    gd_ret_int(ret, error);
}

void server_set_transform(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.set_transform";
    gd_error error = GD_ERR_UNCONFIGURED;
    tl_entity_info info;
    tl_entity_ref ref = server_can_change(s, method) ? find_owned(s, method, gd_arg_int(args, 0), &info, &error)
                                                     : TL_REF_NONE;
    tl_vec3 position;
    tl_quat rotation;
    if (ref != TL_REF_NONE && !place_of(method, args[1], &position, &rotation)) {
        error = GD_ERR_INVALID_PARAMETER;
    } else if (ref != TL_REF_NONE) {
        bool turns = kind_rotation_field(&s->list->kinds[info.kind]) >= 0;
        bool set = tl_server_set_poses(s->server, &ref, 1, &position, NULL, turns ? &rotation : NULL) == 1;
        error = set ? GD_OK
                    : gd_error_report(method, TL_ERR_INVALID,
                                      "The place is too far away, from the origin or from its carrier");
    }
    gd_ret_int(ret, error);
}

void server_set_carrier(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.set_carrier";
    gd_error error = GD_ERR_UNCONFIGURED;
    tl_entity_info info;
    tl_entity_ref ref = server_can_change(s, method) ? find_owned(s, method, gd_arg_int(args, 0), &info, &error)
                                                     : TL_REF_NONE;
    tl_vec3 position;
    tl_quat rotation;
    if (ref != TL_REF_NONE && !place_of(method, args[2], &position, &rotation)) {
        error = GD_ERR_INVALID_PARAMETER;
    } else if (ref != TL_REF_NONE) {
        kind_values values = {0};
        char text[KIND_ERROR_BYTES];
        kind_values_place(&s->list->kinds[info.kind], &values.values, position, rotation);
        if (kind_values_read(&s->list->kinds[info.kind], args[3], &values, text, sizeof text)) {
            tl_entity_id carrier = (tl_entity_id)gd_arg_int(args, 1);
            tl_result result = tl_server_set_carrier(s->server, ref, carrier, &values.values);
            error = report_carrier(s, method, result, "The entity cannot board", ref, carrier, position);
        } else {
            gd_error_print(method, "Nothing was set: %s.", text);
            error = GD_ERR_INVALID_PARAMETER;
        }
        kind_values_free(&values);
    }
    gd_ret_int(ret, error);
}

void server_has_entity(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_bool(ret, s->server && tl_server_find(s->server, (tl_entity_id)gd_arg_int(args, 0)) != TL_REF_NONE);
}

void server_get_entity(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_dictionary *out = ret;
    gd.construct[GD_DICTIONARY](out, NULL);
    tl_entity_info info;
    tl_entity_ref ref = s->server ? tl_server_find(s->server, (tl_entity_id)gd_arg_int(args, 0)) : TL_REF_NONE;
    const tl_kind_def *kind = s->server ? kind_of(s, ref, &info) : NULL;
    if (!kind) {
        return;
    }
    tl_values values;
    tl_vec3 position;
    tl_quat rotation;
    if (tl_server_get(s->server, ref, &values) == TL_OK) {
        kind_values_write(kind, &values, out);
    }
    double tick = (double)tl_server_get_stats(s->server).world_tick;
    if (tl_server_pose(s->server, ref, tick, &position, &rotation) == TL_OK) {
        gd_dictionary_put(out, "transform", gd_variant_transform(position, rotation));
    }
    gd_dictionary_put(out, "kind", gd_variant_text(kind->name));
    gd_dictionary_put(out, "carrier", gd_variant_int((int64_t)info.carrier));
    gd_dictionary_put(out, "group", gd_variant_int((int64_t)info.group));
    gd_dictionary_put(out, "owner", gd_variant_int(info.owner));
    gd_dictionary_put(out, "owned", gd_variant_bool(info.owned));
}
