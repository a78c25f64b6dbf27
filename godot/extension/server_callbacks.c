#include "server_callbacks.h"

#include "base/os/clock.h"
#include "entity_publish.h"
#include "guard.h"
#include "instance.h"
#include "kind_values.h"
#include "server_events.h"
#include "variant.h"

#include <string.h>

enum { US_PER_S = 1000000 };

static tl_result on_authorize(void *user, const void *token, size_t token_bytes, tl_grant *out)
{
    server_node *s = user;
    return tl_token_verify(s->verifier, token, token_bytes, (int64_t)(tl_os_now().wall_us / US_PER_S), out);
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    server_node *s = user;
    GD_ASSERT(s->server == server && s->in_core && !s->ticking);
    s->ticking = true;
    s->tick_now = tick;
    s->world_tick = tl_server_get_stats(server).world_tick;
    gd_emit(s, "tick", (gd_variant[]){gd_variant_int(tick), gd_variant_float(time_s)}, 2);
    gd_guard_leave_if_failed(s);
    for (; s->orphan_count; s->orphan_count--) {
        tl_entity_ref ref = tl_server_find(server, s->orphans[s->orphan_count - 1]);
        if (ref != TL_REF_NONE) {
            tl_server_delete_entity(server, ref);
        }
    }
    for (uint32_t i = 0; i < s->nodes.count && !s->instance.freed; i++) {
        entity_publish(s->nodes.nodes[i], s);
        gd_guard_leave_if_failed(s);
    }
    s->ticking = false;
}

static void on_group(void *user, tl_server *server, tl_group_id group, bool owned)
{
    server_add_event(user, (server_event){.type = EVENT_GROUP, .group = group, .yes = owned}, NULL, 0);
}

static void on_client(void *user, tl_server *server, tl_client_number client, const char *name, bool joined)
{
    server_event event = {.type = EVENT_CLIENT, .client = client, .yes = joined};
    strncpy(event.name, name, TL_NAME_BYTES_MAX);
    server_add_event(user, event, NULL, 0);
}

static void on_message(void *user, tl_server *server, tl_client_number client, const void *data, size_t size)
{
    server_add_event(user, (server_event){.type = EVENT_MESSAGE, .client = client}, data, size);
}

static void on_set_down(void *user, tl_server *server, tl_entity_id entity, tl_entity_id carrier)
{
    server_node *s = user;
    for (uint32_t i = 0; i < s->nodes.count; i++) {
        entity_set_down(s->nodes.nodes[i], entity);
    }
    server_add_event(s, (server_event){.type = EVENT_SET_DOWN, .entity = entity, .carrier = carrier}, NULL, 0);
}

static void on_log(void *user, const char *text)
{
    server_add_event(user, (server_event){.type = EVENT_LOG}, text, strlen(text));
}

static void on_link(void *user, tl_server_number from, int64_t tick, uint64_t begun_us)
{
    server_node *s = user;
    uint64_t now_us = tl_os_now().wall_us;
    if (!begun_us) {
        return; // not known yet
    }
    s->link_ms = now_us > begun_us ? (double)(now_us - begun_us) / 1000 : 0;
    s->link_ms_max = s->link_ms > s->link_ms_max ? s->link_ms : s->link_ms_max;
}

static void on_committed(void *user, int64_t tick, uint64_t us)
{
    server_node *s = user;
    s->commit_ms = (double)us / 1000;
}

// ---- requests ------------------------------------------------------------------------------------------------------

static gd_variant describe_request(const server_node *s, const tl_request *request)
{
    static const char *const types[] = {"create", "update", "delete"};
    GD_ASSERT(request->type < sizeof types / sizeof *types);
    const tl_kind_def *kind = request->kind >= 0 && request->kind < s->list->count ? &s->list->kinds[request->kind]
                                                                                   : NULL;
    gd_dictionary dictionary, values;
    gd.construct[GD_DICTIONARY](&dictionary, NULL);
    gd.construct[GD_DICTIONARY](&values, NULL);
    if (kind) {
        kind_values_write(kind, &request->values, &values);
    }
    gd_dictionary_put(&dictionary, "type", gd_variant_text(types[request->type]));
    gd_dictionary_put(&dictionary, "client", gd_variant_int(request->client));
    gd_dictionary_put(&dictionary, "client_name", gd_variant_text(request->client_name));
    gd_dictionary_put(&dictionary, "entity", gd_variant_int((int64_t)request->entity));
    gd_dictionary_put(&dictionary, "kind", gd_variant_text(kind ? kind->name : ""));
    gd_dictionary_put(&dictionary, "carrier", gd_variant_int((int64_t)request->carrier));
    gd_dictionary_put(&dictionary, "values", gd_variant_take(GD_DICTIONARY, &values));
    return gd_variant_take(GD_DICTIONARY, &dictionary);
}

// Only true allows. A handler that awaits returns an object instead.
static bool read_answer(server_node *s, const gd_variant *answer, const gd_call_error *error)
{
    bool good = error->type == GD_CALL_OK && gd_variant_type(answer) == GD_BOOL;
    if (!good && !s->reported_answer) {
        gd_error_print("TramlineServer", "A request was denied: request_handler must return true or false at once, "
                                         "without await, and take one argument, "
                                         "the request as a Dictionary.");
        s->reported_answer = true;
    }
    return good && gd.variant_booleanize(answer);
}

static tl_result on_request(void *user, tl_server *server, const tl_request *request)
{
    server_node *s = user;
    gd_bool valid = 0;
    gd.callable_is_valid(&s->request_handler, NULL, &valid, 0);
    if (!valid) {
        if (!s->reported_no_handler) {
            gd_error_print("TramlineServer", "A request was denied: a policy of its kind is ASK and there is no "
                                             "request_handler; set one, or make the policy "
                                             "ALLOW or DENY.");
        }
        s->reported_no_handler = true;
        return TL_ERR_DENIED;
    }
    gd_callable copy;
    gd.copy[GD_CALLABLE](&copy, (const void *[]){&s->request_handler});
    gd_variant handler = gd_variant_take(GD_CALLABLE, &copy), argument = describe_request(s, request), answer;
    gd_call_error error;
    bool was_ticking = s->ticking;
    s->ticking = false; // a handler decides about the world, and does not change it
    gd.variant_call(&handler, gd_name("call"), (const gd_variant *[]){&argument}, 1, &answer, &error);
    s->ticking = was_ticking;
    bool allowed = read_answer(s, &answer, &error);
    gd_variant_free(&answer);
    gd_variant_free(&argument);
    gd_variant_free(&handler);
    gd_guard_leave_if_failed(s);
    return allowed ? TL_OK : TL_ERR_DENIED;
}

// ---- all of them ---------------------------------------------------------------------------------------------------

tl_server_callbacks server_callbacks(server_node *s)
{
    return (tl_server_callbacks){
        .user = s,
        .authorize = s->verifier ? on_authorize : NULL,
        .tick = on_tick,
        .group = on_group,
        .request = on_request,
        .client = on_client,
        .message = on_message,
        .set_down = on_set_down,
        .link = on_link,
        .committed = on_committed,
        .log = on_log,
    };
}
