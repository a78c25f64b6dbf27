// A server's methods on groups, entities and clients; and its table.
#include "server.h"

#include "variant.h"

#include <stdio.h>
#include <string.h>

// ---- groups --------------------------------------------------------------------------------------------------------

static gd_error tell(const char *method, tl_result result, const char *what)
{
    if (result != TL_OK && result != TL_AGAIN) {
        gd_error_print(method, "%s: %s.", what, tl_result_text(result));
    }
    return gd_error_from(result);
}

// As above; if it is the carrier that will not do, with what is wrong with it. `ref` TL_REF_NONE: of a new entity.
static gd_error tell_carrier(const server_node *s, const char *method, tl_result result, const char *what,
                             tl_entity_ref ref, tl_entity_id carrier, tl_vec3 position)
{
    char text[256];
    if (result == TL_OK || tl_server_check_carrier(s->server, ref, carrier, position, text, sizeof text) == TL_OK) {
        return tell(method, result, what);
    }
    gd_error_print(method, "%s: %s.", what, text);
    return gd_error_from(result);
}

void server_create_group(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    tl_group_id group = 0;
    if (server_can_change(s, "TramlineServer.create_group")) {
        tell("TramlineServer.create_group", tl_server_create_group(s->server, (tl_group_id)gd_arg_int(args, 0), &group),
             "No group was made");
    }
    gd_ret_int(ret, (int64_t)group);
}

void server_delete_group(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    gd_error error = GD_ERR_UNCONFIGURED;
    if (server_can_change(s, "TramlineServer.delete_group")) {
        error = tell("TramlineServer.delete_group", tl_server_delete_group(s->server, (tl_group_id)gd_arg_int(args, 0)),
                     "The group cannot be deleted; it must be this server's, and a tick old");
    }
    gd_ret_int(ret, error);
}

void server_owns_group(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_bool(ret, s->server && tl_server_owns_group(s->server, (tl_group_id)gd_arg_int(args, 0)));
}

void server_give_group(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    int64_t to = gd_arg_int(args, 1);
    gd_error error = GD_ERR_UNCONFIGURED;
    if (server_can_change(s, "TramlineServer.give_group")) {
        tl_result result = to < 1 || to > TL_SERVERS_MAX
                               ? TL_ERR_INVALID
                               : tl_server_give_group(s->server, (tl_group_id)gd_arg_int(args, 0),
                                                      (tl_server_number)to);
        error = tell("TramlineServer.give_group", result,
                     "The group cannot be given; it must be this server's, and the other one alive");
    }
    gd_ret_int(ret, error);
}

void server_keep_group(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    gd_error error = GD_ERR_UNCONFIGURED;
    if (server_can_change(s, "TramlineServer.keep_group")) {
        error = tell("TramlineServer.keep_group",
                     tl_server_keep_group(s->server, (tl_group_id)gd_arg_int(args, 0), gd_arg_bool(args, 1)),
                     "The group cannot be kept");
    }
    gd_ret_int(ret, error);
}

static gd_packed ids_of(const server_node *s, const tl_entity_ref *refs, uint32_t count)
{
    gd_packed ids = gd_packed_make(GD_INT64S, count);
    int64_t *to = count ? gd.int64s_edit(&ids, 0) : NULL;
    for (uint32_t i = 0; i < count; i++) {
        tl_entity_info info = {0};
        tl_server_info(s->server, refs[i], &info);
        to[i] = (int64_t)info.id;
    }
    return ids;
}

void server_get_group_entities(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    tl_group_id group = (tl_group_id)gd_arg_int(args, 0);
    uint32_t count = s->server ? tl_server_group_entities(s->server, group, NULL, 0) : 0;
    tl_entity_ref *refs = count ? server_scratch(s, count * sizeof *refs) : NULL;
    *(gd_packed *)ret = refs ? ids_of(s, refs, tl_server_group_entities(s->server, group, refs, count))
                             : gd_packed_make(GD_INT64S, 0);
}

void server_get_entities(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    uint32_t count = s->server ? tl_server_entities(s->server, NULL, 0) : 0;
    tl_entity_ref *refs = count ? server_scratch(s, count * sizeof *refs) : NULL;
    *(gd_packed *)ret = refs ? ids_of(s, refs, tl_server_entities(s->server, refs, count))
                             : gd_packed_make(GD_INT64S, 0);
}

// ---- entities ------------------------------------------------------------------------------------------------------

static const tl_kind_def *kind_of(const server_node *s, tl_entity_ref ref, tl_entity_info *info)
{
    return ref != TL_REF_NONE && tl_server_info(s->server, ref, info) == TL_OK ? &s->list->kinds[info->kind] : NULL;
}

// The entity, if it is this server's to change; prints what is wrong otherwise.
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
        gd_error_print(method, "Entity %lld is server %d's; only that may change it.", (long long)id, info->owner);
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
    char text[256];
    tl_vec3 position;
    tl_quat rotation;
    if (!place_of(method, args[2], &position, &rotation)) {
        return 0;
    }
    kind_values_place(def, &values.values, position, rotation);
    tl_entity_id id = 0;
    if (!kind_values_read(def, args[4], &values, text, sizeof text)) {
        gd_error_print(method, "No entity was made: %s.", text);
    } else {
        for (int i = 0; i < def->field_count; i++) { // a rotation of 0 is none
            if (def->fields[i].type == TL_FIELD_ROTATION && !(values.values.mask >> i & 1)) {
                values.values.fields[i].rotation.w = 1;
            }
        }
        values.values.mask = (1u << def->field_count) - 1;
        tl_entity_def entity = {.id = (tl_entity_id)gd_arg_int(args, 5),
                                .group = (tl_group_id)gd_arg_int(args, 1),
                                .kind = kind,
                                .carrier = (tl_entity_id)gd_arg_int(args, 3),
                                .values = values.values};
        tl_entity_ref ref;
        tl_entity_info info = {0};
        tl_result result = tl_server_create_entity(s->server, &entity, &ref);
        if (tell_carrier(s, method, result, "No entity was made", TL_REF_NONE, entity.carrier, position) == GD_OK) {
            tl_server_info(s->server, ref, &info);
            id = info.id;
        }
    }
    kind_values_free(&values);
    return id;
}

// The kind of that name; prints if there is none.
static int find_kind(const server_node *s, const char *method, const gd_string *name)
{
    char text[TL_NAME_BYTES_MAX + 33];
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
                                       : tell(method, tl_server_delete_entity(s->server, ref), "It cannot be deleted"));
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
        char text[256];
        if (kind_values_read(&s->list->kinds[info.kind], args[1], &values, text, sizeof text)) {
            error = tell(method, tl_server_set(s->server, ref, &values.values), "The values cannot be taken");
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
                    : tell(method, TL_ERR_INVALID, "The place is too far away, from the origin or from its carrier");
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
        char text[256];
        kind_values_place(&s->list->kinds[info.kind], &values.values, position, rotation);
        if (kind_values_read(&s->list->kinds[info.kind], args[3], &values, text, sizeof text)) {
            tl_entity_id carrier = (tl_entity_id)gd_arg_int(args, 1);
            tl_result result = tl_server_set_carrier(s->server, ref, carrier, &values.values);
            error = tell_carrier(s, method, result, "It cannot board", ref, carrier, position);
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

// ---- clients -------------------------------------------------------------------------------------------------------

void server_send_message(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    gd_error error = GD_ERR_UNCONFIGURED;
    if (server_can_change(s, "TramlineServer.send_message")) {
        int64_t client = gd_arg_int(args, 0), size = gd_size(GD_BYTES, args[1]);
        const void *data = size ? (const void *)gd.bytes_at(args[1], 0) : "";
        tl_result result = client < 1 || client > UINT32_MAX
                               ? TL_ERR_NOT_FOUND
                               : tl_server_send(s->server, (tl_client_number)client, data, (size_t)size);
        error = tell("TramlineServer.send_message", result,
                     "The message cannot be sent; it may have up to 1'024 bytes");
    }
    gd_ret_int(ret, error);
}

void server_drop_client(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    int64_t client = gd_arg_int(args, 0);
    char reason[128];
    gd_string_to_text(args[1], reason, sizeof reason);
    if (server_can_read(s, "TramlineServer.drop_client") && client > 0 && client <= UINT32_MAX) {
        tl_server_drop_client(s->server, (tl_client_number)client, reason);
    }
}

void server_add_custom_peer(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.add_custom_peer";
    tl_peer peer = 0;
    if (server_can_read(s, method)) {
        peer = peers_add(s->peers);
        if (!peer) {
            gd_error_print(method,
                           "There are %d custom peers, and there can be no more; call remove_custom_peer() for those "
                           "that have gone.",
                           PEERS_CUSTOM_MAX);
        }
    }
    gd_ret_int(ret, peer);
}

static tl_peer arg_peer(const void *const *args)
{
    int64_t peer = gd_arg_int(args, 0);
    return peer > 0 && peer <= UINT32_MAX ? (tl_peer)peer : 0;
}

void server_receive_custom(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    gd_error error = GD_ERR_UNCONFIGURED;
    if (server_can_read(s, "TramlineServer.receive_custom")) {
        int64_t size = gd_size(GD_BYTES, args[1]);
        tl_result result = peers_receive(s->peers, arg_peer(args), size ? gd.bytes_at(args[1], 0) : NULL, (size_t)size);
        // Bytes come from outside: the script is told, and no error is printed for each.
        error = gd_error_from(result);
    }
    gd_ret_int(ret, error);
}

void server_remove_custom_peer(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    if (server_can_read(s, "TramlineServer.remove_custom_peer")) {
        peers_remove(s->peers, arg_peer(args));
    }
}
