#include "client.h"

#include "base/os/clock.h"
#include "call.h"
#include "classes.h"
#include "client_draw.h"
#include "client_link.h"
#include "client_own.h"
#include "client_read.h"
#include "client_spawn.h"
#include "client_transport.h"
#include "entity_follow.h"
#include "guard.h"
#include "instance.h"
#include "variant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RETRY_US = 200000, // doubled at each retry
    RETRY_US_MAX = 2000000,
    RETRY_DOUBLINGS_MAX = 4,
    RATE_US = 1000000,
    TIDY_US = 500000,
};
#define DELAY_TICKS_MIN 1.5 // of the display behind the server
#define DELAY_TICKS_MAX 20.0
#define DELAY_FIRST_TICKS 2.0
// What share of the way to the wanted delay it goes in a frame: quickly to a longer one, slowly to a shorter one.
#define DELAY_RISE 0.05
#define DELAY_FALL 0.002
#define JUMP_S 5.0 // a display that is farther off jumps

static client_state state_of(const client_node *c)
{
    if (!c->wanted) {
        return CLIENT_DISCONNECTED;
    }
    switch (c->link.client ? tl_client_get_state(c->link.client) : TL_CLIENT_CONNECTING) {
    case TL_CLIENT_JOINING: return CLIENT_JOINING;
    case TL_CLIENT_LIVE: return CLIENT_LIVE;
    case TL_CLIENT_RECONNECTING: return CLIENT_RECONNECTING;
    default: return CLIENT_CONNECTING; // also while it waits for the next retry
    }
}

// ---- opening and closing -------------------------------------------------------------------------------------------

// Closes the link. All that was shown leaves: emits "entity_left" for each entity.
static void forget_view(client_node *c)
{
    uint32_t generation = ++c->generation;
    uint32_t count = c->link.client ? client_all_poses(c, c->display_tick, false) : 0;
    tl_entity_id *ids = count ? malloc(count * sizeof *ids) : NULL;
    for (uint32_t i = 0; ids && i < count; i++) {
        ids[i] = c->poses[i].entity;
    }
    client_link_close(&c->link);
    client_unspawn_all(c);
    for (uint32_t i = 0; ids && i < count && c->generation == generation && !c->instance.freed; i++) {
        gd_emit(c, "entity_left", (gd_variant[]){gd_variant_int((int64_t)ids[i])}, 1);
    }
    free(ids);
}

static void close_all(client_node *c)
{
    c->wanted = false;
    c->retry_us = 0;
    c->own_count = 0;
    if (c->instance.freed) {
        c->generation++;
        client_link_close(&c->link);
    } else {
        forget_view(c);
    }
}

// No server has admitted it yet. The next attempt begins with the next address.
static void retry_later(client_node *c)
{
    uint64_t wait_us = (uint64_t)RETRY_US << (c->retries < RETRY_DOUBLINGS_MAX ? c->retries : RETRY_DOUBLINGS_MAX);
    c->retries++;
    c->retry_us = tl_os_monotonic_us() + (wait_us < RETRY_US_MAX ? wait_us : RETRY_US_MAX);
}

static void retry(client_node *c)
{
    c->retry_us = 0;
    if (!client_link_open(c, c->retries)) {
        retry_later(c);
        gd_warning_print("TramlineClient", "%s.", c->text);
    }
}

static gd_error begin(client_node *c)
{
    const char *method = "TramlineClient.connect_to_server";
    if (c->instance.failed) {
        gd_error_print(method, "A bug in Tramline has stopped this node; free it and add a new one.");
        return GD_ERR_UNAVAILABLE;
    }
    if (c->wanted) {
        gd_error_print(method, "It is already connected or connecting; call disconnect_from_server() first.");
        return GD_ERR_ALREADY_IN_USE;
    }
    if (!c->custom_transport && gd_size(GD_STRINGS, &c->addresses) == 0) {
        gd_error_print(method, "addresses is empty; add at least one 'host:port'.");
        return GD_ERR_UNCONFIGURED;
    }
    kind_list_destroy(c->list);
    c->list = kind_list_create(&c->kinds, c->text, sizeof c->text);
    if (!c->list) {
        gd_error_print(method, "It cannot connect: %s.", c->text);
        return GD_ERR_INVALID_PARAMETER;
    }
    c->retries = 0;
    c->out_bytes = 0;
    c->delay_ticks = DELAY_FIRST_TICKS;
    c->display_tick = 0;
    c->text[0] = 0;
    if (!client_link_open(c, 0)) {
        gd_error_print(method, "It cannot connect: %s.", c->text);
        return GD_ERR_CANT_CONNECT;
    }
    c->wanted = true;
    c->reported_state = CLIENT_CONNECTING;
    return GD_OK;
}

// The connection has ended. If no server has admitted the client yet, it tries again. (A client that was admitted
// reconnects without ending.)
static void on_closed(client_node *c)
{
    snprintf(c->text, sizeof c->text, "%s: %s", client_address(&c->link), tl_client_text(c->link.client));
    if (c->reconnect && !c->custom_transport && !c->link.has_view) {
        c->generation++;
        client_link_close(&c->link);
        retry_later(c);
        c->reported_state = CLIENT_CONNECTING;
    } else {
        close_all(c);
        c->reported_state = CLIENT_DISCONNECTED;
    }
    gd_emit(c, "disconnected", (gd_variant[]){gd_variant_text(c->text)}, 1);
}

// Emits the signal that belongs to a change of state.
static void report_state(client_node *c)
{
    client_state state = state_of(c), before = c->reported_state;
    if (state == before) {
        return;
    }
    if (state == CLIENT_RECONNECTING && !c->reconnect) {
        on_closed(c);
        return;
    }
    c->reported_state = state;
    if (state == CLIENT_LIVE) {
        client_link_live(c);
        c->retries = 0;
        c->text[0] = 0;
        gd_emit(c, before == CLIENT_RECONNECTING ? "reconnected" : "connected", NULL, 0);
    } else if (state == CLIENT_RECONNECTING) {
        snprintf(c->text, sizeof c->text, "%s: %s", client_address(&c->link), tl_client_text(c->link.client));
        gd_emit(c, "reconnecting", (gd_variant[]){gd_variant_text(c->text)}, 1);
    }
}

// ---- events --------------------------------------------------------------------------------------------------------

static void on_entered(client_node *c, tl_entity_id id, int kind)
{
    const client_link *link = &c->link;
    if (kind >= link->kind_count) {
        return;
    }
    if (link->has_scene[kind] && !client_spawn(c, id, link->listed[kind])) {
        return;
    }
    gd_variant name;
    gd.variant_new_copy(&name, &link->kind_names[kind]);
    gd_emit(c, "entity_entered", (gd_variant[]){gd_variant_int((int64_t)id), name}, 2);
}

static void on_event(client_node *c, const tl_client_event *event)
{
    switch (event->type) {
    case TL_CLIENT_STATE: report_state(c); break;
    case TL_CLIENT_ENTITY_ENTERED: on_entered(c, event->entity, event->kind); break;
    case TL_CLIENT_ENTITY_CHANGED:
        gd_emit(c, "entity_changed", (gd_variant[]){gd_variant_int((int64_t)event->entity)}, 1);
        break;
    case TL_CLIENT_ENTITY_LEFT:
        client_unspawn(c, event->entity);
        gd_emit(c, "entity_left", (gd_variant[]){gd_variant_int((int64_t)event->entity)}, 1);
        break;
    case TL_CLIENT_MESSAGE:
        gd_emit(c, "message_received", (gd_variant[]){gd_variant_bytes(event->data, event->size)}, 1);
        break;
    case TL_CLIENT_ANSWER: client_on_answer(c, event); break;
    case TL_CLIENT_OWN_GIVEN_BACK: client_on_returned(c, event); break;
    case TL_CLIENT_OWN_LOST: client_on_lost(c, event->entity); break;
    case TL_CLIENT_FULL:
        gd_warning_print("TramlineClient", "entities_max is reached: some visible entities are not shown; raise it.");
        break;
    }
}

// Emits signals for what has happened. False: a script has ended the connection meanwhile.
static bool emit_events(client_node *c)
{
    tl_client_event event;
    uint32_t generation = c->generation;
    while (tl_client_next_event(c->link.client, &event)) {
        on_event(c, &event);
        if (c->instance.freed || c->generation != generation) {
            return false;
        }
    }
    return true;
}

static void emit_frame(client_node *c)
{
    client_link *link = &c->link;
    if (!link->received_bytes) {
        return;
    }
    gd_variant frame = gd_variant_bytes(link->received, link->received_bytes);
    link->received_bytes = 0;
    gd_emit(c, "frame_received", &frame, 1);
}

static void emit_datagrams(client_node *c)
{
    size_t bytes = c->out_bytes;
    unsigned char *out = c->out;
    c->out = NULL; // scripts may cause more
    c->out_bytes = c->out_capacity = 0;
    for (size_t at = 0; at + 2 <= bytes && !c->instance.freed;) {
        size_t size = out[at] | (size_t)out[at + 1] << 8;
        gd_emit(c, "datagram_ready", (gd_variant[]){gd_variant_bytes(out + at + 2, size)}, 1);
        at += 2 + size;
    }
    free(out);
}

// ---- the step ------------------------------------------------------------------------------------------------------

// The display's time for this frame: behind the server by the time that frames take to arrive and a little more. It
// never goes back.
static void set_display_tick(client_node *c, uint64_t now_us)
{
    const client_link *link = &c->link;
    if (!link->client || !link->has_view || tl_client_frame_tick(link->client) < 0) {
        return;
    }
    double hz = tl_client_tick_hz(link->client);
    double wanted = tl_client_get_stats(link->client).latency_ms * hz / 1000 + 1;
    wanted = wanted >= DELAY_TICKS_MIN ? wanted : DELAY_TICKS_MIN; // also if it is NaN
    wanted = wanted < DELAY_TICKS_MAX ? wanted : DELAY_TICKS_MAX;
    c->delay_ticks += (wanted - c->delay_ticks) * (wanted > c->delay_ticks ? DELAY_RISE : DELAY_FALL);
    double tick = tl_client_server_tick(link->client, now_us) - c->delay_ticks;
    bool jump = !(fabs(tick - c->display_tick) < JUMP_S * hz); // another world, or the machine has slept
    c->display_tick = jump || tick > c->display_tick ? tick : c->display_tick;
}

static void measure(client_node *c, uint64_t now_us)
{
    uint64_t bytes = c->link.client ? tl_client_get_stats(c->link.client).bytes : 0;
    if (now_us - c->rate_us < RATE_US) {
        return;
    }
    bool good = c->rate_us && bytes >= c->rate_bytes;
    c->kbit_s_now = good ? (double)(bytes - c->rate_bytes) * 8e3 / (double)(now_us - c->rate_us) : 0;
    c->rate_us = now_us;
    c->rate_bytes = bytes;
}

// Takes in what has arrived, and emits signals for it. False: the connection, or the node, is gone.
static bool step_link(client_node *c, uint64_t now_us)
{
    if (!c->link.client) {
        return true; // until the next retry
    }
    tl_client_step(c->link.client, now_us);
    if (!emit_events(c)) {
        return false;
    }
    uint32_t generation = c->generation;
    emit_frame(c);
    if (c->instance.freed || c->generation != generation) {
        return false;
    }
    if (tl_client_get_state(c->link.client) == TL_CLIENT_CLOSED) {
        on_closed(c);
    }
    return !c->instance.freed;
}

static void release(client_node *c)
{
    close_all(c);
    kind_list_destroy(c->list);
    client_drop_draws(c);
    client_unspawn_all(c);
    node_list_free(&c->nodes);
    free(c->poses);
    free(c->out);
}

static void step(client_node *c)
{
    GD_ASSERT(c->wanted && !c->instance.busy && !c->instance.failed);
    uint64_t now_us = tl_os_monotonic_us();
    c->instance.busy = true;
    if (c->retry_us && now_us >= c->retry_us) {
        retry(c);
    }
    step_link(c, now_us);
    if (!c->instance.freed) {
        client_settle_own(c);
        set_display_tick(c, now_us);
        emit_datagrams(c);
    }
    if (!c->instance.freed) {
        measure(c, now_us);
        client_move_spawned(c);
        for (uint32_t i = 0; i < c->nodes.count && !c->instance.freed; i++) {
            entity_follow(c->nodes.nodes[i], c);
        }
    }
    c->step_ms = (double)(tl_os_monotonic_us() - now_us) / 1000;
    c->instance.busy = false;
    if (c->instance.freed) {
        release(c);
        gd_instance_release(c);
    }
}

// From time to time, connected or not: drops what is kept for MultiMeshes that are gone.
static void tidy(client_node *c)
{
    uint64_t now_us = tl_os_monotonic_us();
    if (now_us - c->tidied_us >= TIDY_US) {
        c->tidied_us = now_us;
        client_drop_freed_draws(c);
    }
}

static void on_process(client_node *c)
{
    if (!gd_on_main_thread()) {
        if (!c->reported_thread) {
            gd_error_print(
                "TramlineClient",
                "It works on the main thread only; set process_thread_group to PROCESS_THREAD_GROUP_MAIN_THREAD.");
        }
        c->reported_thread = true;
    } else if (!c->instance.busy) {
        tidy(c);
        if (c->wanted) {
            step(c);
        } else if (c->failed_due) {
            c->failed_due = false;
            client_unspawn_all(c);
            gd_emit(c, "disconnected", (gd_variant[]){gd_variant_text(c->text)}, 1);
        }
    }
}

static void end_silently(void *self)
{
    client_node *c = self;
    c->instance.object = NULL; // no signals any more
    client_link_close(&c->link);
    c->wanted = false;
}

void client_end_all(void)
{
    gd_class_each(&client_class, end_silently);
}

void client_on_notify(void *self, int32_t what)
{
    client_node *c = self;
    switch (what) {
    case GD_NOTIFICATION_POSTINITIALIZE:
        // also when the tree is paused
        gd.method_ptrcall(gd.method.node_set_process_mode, c->instance.object,
                          (const void *[]){&(int64_t){GD_PROCESS_MODE_ALWAYS}}, NULL);
        break;
    case GD_NOTIFICATION_READY:
        if (c->autoconnect && !gd_in_editor()) {
            begin(c);
        }
        break;
    case GD_NOTIFICATION_ENTER_TREE:
        gd.method_ptrcall(gd.method.node_set_process_internal, c->instance.object, (const void *[]){&(gd_bool){1}},
                          NULL);
        break;
    case GD_NOTIFICATION_EXIT_TREE: client_drop_draws(c); break; // tidy() does not run outside of the tree
    case GD_NOTIFICATION_INTERNAL_PROCESS: on_process(c); break;
    default: break;
    }
}

void client_on_fail(void *self, const char *why)
{
    client_node *c = self;
    c->generation++;
    c->link = (client_link){0};
    c->wanted = false;
    c->retry_us = 0;
    c->own_count = 0;
    c->reported_state = CLIENT_DISCONNECTED;
    c->failed_due = true;
    snprintf(c->text, sizeof c->text, "%s; this is a bug in Tramline", why);
}

bool client_on_destroy(void *self)
{
    client_node *c = self;
    client_remove_all_nodes(c);
    if (c->instance.busy) {
        return false;
    }
    release(c);
    return true;
}

// ---- methods -------------------------------------------------------------------------------------------------------

void client_connect_to_server(void *self, const void *const *args, void *ret)
{
    gd_ret_int(ret, begin(self));
}

void client_disconnect_from_server(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    if (!c->wanted) {
        return;
    }
    bool was_busy = c->instance.busy;
    c->instance.busy = true;
    close_all(c);
    c->reported_state = CLIENT_DISCONNECTED;
    snprintf(c->text, sizeof c->text, "disconnect_from_server() was called");
    if (!c->instance.freed) {
        emit_datagrams(c); // its goodbye
    }
    if (!c->instance.freed) {
        gd_emit(c, "disconnected", (gd_variant[]){gd_variant_text(c->text)}, 1);
    }
    c->instance.busy = was_busy;
    if (c->instance.freed && !was_busy) {
        release(c);
        gd_instance_release(c);
    }
}

void client_get_state(void *self, const void *const *args, void *ret)
{
    gd_ret_int(ret, state_of(self));
}

void client_get_state_text(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    static const char *const texts[] = {"disconnected", "connecting", "joining", "live", "reconnecting"};
    client_state state = state_of(c);
    char text[sizeof c->text + 32];
    bool why = c->text[0] && (state <= CLIENT_CONNECTING || state == CLIENT_RECONNECTING);
    snprintf(text, sizeof text, "%s%s%s", texts[state], why ? ": " : "", why ? c->text : "");
    gd.string_new(ret, text);
}

void client_get_address(void *self, const void *const *args, void *ret)
{
    gd.string_new(ret, client_address(&((client_node *)self)->link));
}
