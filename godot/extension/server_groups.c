#include "server_groups.h"

#include "call.h"
#include "variant.h"

void server_create_group(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    tl_group_id group = 0;
    if (server_can_change(s, "TramlineServer.create_group")) {
        gd_error_report("TramlineServer.create_group",
                        tl_server_create_group(s->server, (tl_group_id)gd_arg_int(args, 0), &group),
                        "No group was created");
    }
    gd_ret_int(ret, (int64_t)group);
}

void server_delete_group(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    gd_error error = GD_ERR_UNCONFIGURED;
    if (server_can_change(s, "TramlineServer.delete_group")) {
        error = gd_error_report("TramlineServer.delete_group",
                                tl_server_delete_group(s->server, (tl_group_id)gd_arg_int(args, 0)),
                                "The group cannot be deleted; it must be this server's, and at least a tick old");
    }
    gd_ret_int(ret, error);
}

void server_owns_group(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_bool(ret, s->server && tl_server_owns_group(s->server, (tl_group_id)gd_arg_int(args, 0)));
}

void server_keep_group(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    gd_error error = GD_ERR_UNCONFIGURED;
    if (server_can_change(s, "TramlineServer.keep_group")) {
        error = gd_error_report("TramlineServer.keep_group",
                                tl_server_keep_group(s->server, (tl_group_id)gd_arg_int(args, 0), gd_arg_bool(args, 1)),
                                "The group cannot be kept; it must be this server's");
    }
    gd_ret_int(ret, error);
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
        error = gd_error_report(
            "TramlineServer.give_group", result,
            "The group cannot be handed over; it must be this server's, and the other server alive");
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
