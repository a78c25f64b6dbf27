#include "client.h"

#include "entity.h"
#include "variant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    RETRY_US = 200000, // then longer and longer
    RETRY_US_MAX = 2000000,
    SETTLED_US = 500000,        // no more entities for so long: all have come
    TAKE_OVER_US_MAX = 5000000, // a new connection is shown after that, even if it has not got as much as the old one had
    RATE_US = 1000000,
    TIDY_US = 500000,
    STEP_US_MAX = 100000,       // of a step, that counts as silence
};
#define DELAY_TICKS_MIN 1.5 // the display behind the server
#define DELAY_TICKS_MAX 20.0

uint64_t client_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

client_link *client_active(client_node *c) { return c->next.client ? &c->next : &c->shown; }

static client_state state_of(client_node *c)
{
    const client_link *link = client_active(c);
    if (!c->wanted) {
        return CLIENT_DISCONNECTED;
    }
    if (!link->client) {
        return CLIENT_CONNECTING;
    }
    switch (tl_client_get_state(link->client)) {
    case TL_CLIENT_JOINING: return CLIENT_JOINING;
    case TL_CLIENT_LIVE: return CLIENT_LIVE;
    default: return CLIENT_CONNECTING; // also between two connections
    }
}

// ---- opening and closing -------------------------------------------------------------------------------------------

// All that is shown goes: "entity_left" for each.
static void forget_shown(client_node *c)
{
    uint32_t generation = ++c->generation;
    uint32_t count = c->shown.client ? client_all_poses(c, &c->shown, c->display_tick, false) : 0;
    tl_entity_id *ids = count ? malloc(count * sizeof *ids) : NULL;
    for (uint32_t i = 0; ids && i < count; i++) {
        ids[i] = c->poses[i].entity;
    }
    client_link_close(&c->shown);
    client_unspawn_all(c);
    for (uint32_t i = 0; ids && i < count && c->generation == generation && !c->doomed; i++) {
        gd_emit(c, "entity_left", (gd_variant[]){gd_variant_int((int64_t)ids[i])}, 1);
    }
    free(ids);
}

static void close_all(client_node *c)
{
    c->wanted = false;
    c->retry_us = 0;
    c->own_count = 0;
    c->out_bytes = 0;
    c->generation++;
    client_link_close(&c->next);
    if (c->doomed) {
        client_link_close(&c->shown);
    } else {
        forget_shown(c);
    }
}

static void open_next(client_node *c)
{
    client_link *link = c->shown.client ? &c->next : &c->shown;
    c->retry_us = 0;
    if (!client_link_open(c, link, c->address_index)) {
        uint64_t wait_us = (uint64_t)RETRY_US << (c->retries < 4 ? c->retries : 4);
        c->retries++;
        c->retry_us = client_now_us() + (wait_us < RETRY_US_MAX ? wait_us : RETRY_US_MAX);
        gd_warning_print("TramlineClient", "%s.", c->text);
    }
}

static gd_error begin(client_node *c)
{
    const char *method = "TramlineClient.connect_to_server";
    if (c->wanted) {
        gd_error_print(method, "It is connected already, or on its way; call disconnect_from_server() first.");
        return GD_ERR_ALREADY_IN_USE;
    }
    if (!c->custom_transport && gd_size(GD_STRINGS, &c->addresses) == 0) {
        gd_error_print(method, "addresses is empty; give one or more as 'host:port'.");
        return GD_ERR_UNCONFIGURED;
    }
    kind_list_destroy(c->list);
    c->list = kind_list_create(&c->kinds, c->text, sizeof c->text);
    if (!c->list) {
        gd_error_print(method, "It cannot connect: %s.", c->text);
        return GD_ERR_INVALID_PARAMETER;
    }
    c->address_index = 0;
    c->retries = 0;
    c->delay_ticks = 2;
    c->display_tick = 0;
    c->text[0] = 0;
    client_link *link = &c->shown;
    if (!client_link_open(c, link, 0)) {
        gd_error_print(method, "It cannot connect: %s.", c->text);
        return GD_ERR_CANT_CONNECT;
    }
    c->wanted = true;
    c->told_state = CLIENT_CONNECTING;
    return GD_OK;
}

// The server of a link is gone, or has refused.
static void on_closed(client_node *c, client_link *link)
{
    bool was_next = link == &c->next;
    snprintf(c->text, sizeof c->text, "%s: %s", link->address[0] ? link->address : "custom transport", tl_client_text(link->client));
    bool again = c->reconnect && !c->custom_transport;
    int64_t count = gd_size(GD_STRINGS, &c->addresses);
    c->address_index = count > 0 ? (int)((c->address_index + 1) % count) : 0;
    c->own_count = 0;
    if (was_next || !again || !link->live_us) {
        c->generation++;
        client_link_close(link); // what was never live has nothing to show
    }
    if (again) {
        uint64_t wait_us = (uint64_t)RETRY_US << (c->retries < 4 ? c->retries : 4);
        c->retry_us = client_now_us() + (c->retries < (uint32_t)count ? RETRY_US / 4 : wait_us < RETRY_US_MAX ? wait_us : RETRY_US_MAX);
        c->retries++;
        c->told_state = CLIENT_CONNECTING;
    } else {
        close_all(c);
        c->told_state = CLIENT_DISCONNECTED;
    }
    gd_emit(c, "disconnected", (gd_variant[]){gd_variant_text(c->text)}, 1);
}

// ---- events --------------------------------------------------------------------------------------------------------

static void on_entered(client_node *c, client_link *link, tl_entity_id id, int kind)
{
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

static void on_event(client_node *c, client_link *link, const tl_client_event *event)
{
    bool shown = link == &c->shown;
    switch (event->type) {
    case TL_CLIENT_ENTITY_ENTERED:
        if (shown) {
            on_entered(c, link, event->entity, event->kind);
        }
        break;
    case TL_CLIENT_ENTITY_CHANGED:
        if (shown) {
            gd_emit(c, "entity_changed", (gd_variant[]){gd_variant_int((int64_t)event->entity)}, 1);
        }
        break;
    case TL_CLIENT_ENTITY_LEFT:
        if (shown) {
            client_unspawn(c, event->entity);
            gd_emit(c, "entity_left", (gd_variant[]){gd_variant_int((int64_t)event->entity)}, 1);
        }
        break;
    case TL_CLIENT_MESSAGE: gd_emit(c, "message_received", (gd_variant[]){gd_variant_bytes(event->data, event->size)}, 1); break;
    case TL_CLIENT_ANSWER: client_answered(c, event); break;
    default: break;
    }
}

// Tells what has happened on a link. False: a script has ended it meanwhile.
static bool tell_events(client_node *c, client_link *link, uint64_t now_us)
{
    tl_client_event event;
    uint32_t generation = c->generation;
    while (tl_client_next_event(link->client, &event)) {
        if (tl_client_get_state(link->client) == TL_CLIENT_LIVE && !link->live_us) {
            client_link_live(c, link, now_us);
            c->retries = 0;
        }
        on_event(c, link, &event);
        if (c->doomed || c->generation != generation) {
            return false;
        }
    }
    return true;
}

static void tell_frame(client_node *c, client_link *link)
{
    if (!link->received_bytes) {
        return;
    }
    gd_variant frame = gd_variant_bytes(link->received, link->received_bytes);
    link->received_bytes = 0;
    gd_emit(c, "frame_received", &frame, 1);
}

static void tell_datagrams(client_node *c)
{
    size_t bytes = c->out_bytes;
    unsigned char *out = c->out;
    c->out = NULL; // scripts may cause more
    c->out_bytes = c->out_room = 0;
    for (size_t at = 0; at + 2 <= bytes && !c->doomed;) {
        size_t size = out[at] | (size_t)out[at + 1] << 8;
        gd_emit(c, "datagram_ready", (gd_variant[]){gd_variant_bytes(out + at + 2, size)}, 1);
        at += 2 + size;
    }
    free(out);
}

// ---- another server ------------------------------------------------------------------------------------------------

// The new connection's view takes the place of the old one's: what both have goes on.
static void take_over(client_node *c)
{
    client_link old;
    client_link_move(&old, &c->shown);
    client_link_move(&c->shown, &c->next);
    c->own_count = 0;
    uint32_t generation = ++c->generation;
    double tick = (double)tl_client_frame_tick(c->shown.client);
    tl_pose pose;
    uint32_t before = client_all_poses(c, &old, c->display_tick, false);
    tl_entity_id *left = malloc((before + 1) * sizeof *left);
    uint32_t left_count = 0;
    for (uint32_t i = 0; left && i < before; i++) {
        if (tl_client_pose(c->shown.client, c->poses[i].entity, tick, false, &pose) == TL_ERR_NOT_FOUND) {
            left[left_count++] = c->poses[i].entity;
        }
    }
    uint32_t now = client_all_poses(c, &c->shown, tick, false), entered_count = 0;
    tl_pose *entered = malloc((now + 1) * sizeof *entered);
    for (uint32_t i = 0; entered && i < now; i++) {
        if (tl_client_pose(old.client, c->poses[i].entity, c->display_tick, false, &pose) == TL_ERR_NOT_FOUND) {
            entered[entered_count++] = c->poses[i];
        }
    }
    client_link_close(&old);
    for (uint32_t i = 0; i < left_count && !c->doomed && c->generation == generation; i++) {
        client_unspawn(c, left[i]);
        gd_emit(c, "entity_left", (gd_variant[]){gd_variant_int((int64_t)left[i])}, 1);
    }
    for (uint32_t i = 0; i < entered_count && !c->doomed && c->generation == generation; i++) {
        on_entered(c, &c->shown, entered[i].entity, entered[i].kind);
    }
    free(left);
    free(entered);
}

// Once it shows as much as the old one did, or no more is coming: not all may still be there.
static bool take_over_is_due(client_node *c, uint64_t now_us)
{
    client_link *next = &c->next;
    if (!next->client || !next->live_us) {
        return false;
    }
    uint32_t before = tl_client_get_stats(c->shown.client).entities, now = tl_client_get_stats(next->client).entities;
    if (now > next->entities) {
        next->entities = now;
        next->grown_us = now_us;
    }
    bool settled = next->grown_us && now_us - next->grown_us > SETTLED_US;
    return now >= before || settled || now_us - next->live_us > TAKE_OVER_US_MAX;
}

// ---- a server that says nothing -------------------------------------------------------------------------------------

// A frame that took long (a scene was loaded) is our own silence, not the server's: it counts little.
static void note_heard(client_link *link, uint64_t now_us)
{
    uint64_t datagrams = tl_client_get_stats(link->client).datagrams, passed_us = now_us - link->looked_us;
    link->silent_us = datagrams != link->heard_datagrams ? 0 : link->silent_us + (passed_us < STEP_US_MAX ? passed_us : STEP_US_MAX);
    link->heard_datagrams = datagrams;
    link->looked_us = now_us;
}

// Another server is tried while the old one is only silent; whichever speaks first is gone on with.
static void watch_silence(client_node *c, uint64_t now_us)
{
    client_link *link = &c->shown;
    int64_t addresses = gd_size(GD_STRINGS, &c->addresses);
    if (!c->reconnect || c->custom_transport || addresses == 0 || !link->client || !link->live_us || tl_client_get_state(link->client) != TL_CLIENT_LIVE) {
        return;
    }
    note_heard(link, now_us);
    double limit_s = c->silence_s >= 0.5 ? c->silence_s : 0.5;
    bool silent = (double)link->silent_us > limit_s * 1e6;
    if (!silent && (c->next.client || c->retry_us)) { // it is back
        c->generation++;
        client_link_close(&c->next);
        c->retry_us = 0;
        c->retries = 0;
    } else if (silent && !c->next.client && !c->retry_us) {
        c->address_index = (int)((c->address_index + 1) % addresses);
        snprintf(c->text, sizeof c->text, "%s: nothing was heard for %.1f s", link->address, limit_s);
        c->told_state = CLIENT_CONNECTING;
        open_next(c);
        gd_emit(c, "disconnected", (gd_variant[]){gd_variant_text(c->text)}, 1);
    }
}

// ---- the step ------------------------------------------------------------------------------------------------------

// The display's time for this frame: behind the server by what frames take to come and a little more, and never back.
static void set_display_tick(client_node *c, uint64_t now_us)
{
    client_link *link = &c->shown;
    if (!link->client || !link->live_us || tl_client_frame_tick(link->client) < 0) {
        return;
    }
    double hz = tl_client_tick_hz(link->client);
    double wanted = tl_client_get_stats(link->client).latency_ms * hz / 1000 + 1;
    wanted = wanted >= DELAY_TICKS_MIN ? wanted : DELAY_TICKS_MIN; // also if it is no number
    wanted = wanted < DELAY_TICKS_MAX ? wanted : DELAY_TICKS_MAX;
    c->delay_ticks += (wanted - c->delay_ticks) * (wanted > c->delay_ticks ? 0.05 : 0.002);
    double tick = tl_client_server_tick(link->client, now_us) - c->delay_ticks;
    bool jump = !(fabs(tick - c->display_tick) < 5 * hz); // another world, or a long sleep
    c->display_tick = jump || tick > c->display_tick ? tick : c->display_tick;
}

static void measure(client_node *c, uint64_t now_us)
{
    uint64_t bytes = c->shown.client ? tl_client_get_stats(c->shown.client).bytes : 0;
    if (now_us - c->rate_us < RATE_US) {
        return;
    }
    bool good = c->rate_us && bytes >= c->rate_bytes;
    c->kbit_s_now = good ? (double)(bytes - c->rate_bytes) * 8e3 / (double)(now_us - c->rate_us) : 0;
    c->rate_us = now_us;
    c->rate_bytes = bytes;
}

static void tell_state(client_node *c)
{
    client_state state = state_of(c);
    if (state == CLIENT_LIVE && c->told_state != CLIENT_LIVE) {
        c->told_state = CLIENT_LIVE;
        gd_emit(c, "connected", NULL, 0);
    }
}

// One link's step and what it tells. False: it, or the node, is gone.
static bool step_link(client_node *c, client_link *link, uint64_t now_us)
{
    if (!link->client || (link == &c->shown && c->retry_us && !c->next.client && tl_client_get_state(link->client) == TL_CLIENT_CLOSED)) {
        return true; // there is none, or it only shows what there was
    }
    tl_client_step(link->client, now_us);
    bool closed = tl_client_get_state(link->client) == TL_CLIENT_CLOSED;
    if (!tell_events(c, link, now_us)) {
        return false;
    }
    uint32_t generation = c->generation;
    tell_frame(c, link);
    if (c->doomed || c->generation != generation) {
        return false;
    }
    bool dead_already = link == &c->shown && c->next.client;
    if (closed && !dead_already) {
        on_closed(c, link);
    }
    return !c->doomed;
}

static void end_untold(void *self)
{
    client_node *c = self;
    c->instance.object = NULL; // nobody is told any more
    client_link_close(&c->next);
    client_link_close(&c->shown);
    c->wanted = false;
}

void client_end_all(void) { gd_class_each(&client_class, end_untold); }

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
    uint64_t now_us = client_now_us();
    c->busy = true;
    if (c->retry_us && now_us >= c->retry_us) {
        open_next(c);
    }
    bool going = step_link(c, &c->shown, now_us);
    if (going) {
        watch_silence(c, now_us);
    }
    going = going && !c->doomed && step_link(c, &c->next, now_us);
    if (going && take_over_is_due(c, now_us)) {
        take_over(c);
    }
    if (!c->doomed) {
        client_settle_own(c);
        set_display_tick(c, now_us);
        tell_state(c);
        tell_datagrams(c);
    }
    if (!c->doomed) {
        measure(c, now_us);
        client_move_spawned(c);
        for (uint32_t i = 0; i < c->nodes.count && !c->doomed; i++) {
            entity_follow(c->nodes.nodes[i], c);
        }
    }
    c->step_ms = (double)(client_now_us() - now_us) / 1000;
    c->busy = false;
    if (c->doomed) {
        release(c);
        gd_instance_release(c);
    }
}

// From time to time, connected or not: what is kept for MultiMeshes goes soon after them.
static void tidy(client_node *c)
{
    uint64_t now_us = client_now_us();
    if (now_us - c->tidied_us >= TIDY_US) {
        c->tidied_us = now_us;
        client_drop_freed_draws(c);
    }
}

static void on_process(client_node *c)
{
    if (!gd_on_main_thread()) {
        if (!c->told_thread) {
            gd_error_print("TramlineClient", "It works on the main thread alone; set process_thread_group to the main thread.");
        }
        c->told_thread = true;
    } else if (!c->busy) {
        tidy(c);
        if (c->wanted) {
            step(c);
        }
    }
}

void client_on_notify(void *self, int32_t what)
{
    client_node *c = self;
    switch (what) {
    case GD_NOTIFICATION_POSTINITIALIZE:
        gd.method_ptrcall(gd.method.node_set_process_mode, c->instance.object, (const void *[]){&(int64_t){3}}, NULL); // always, also when paused
        break;
    case GD_NOTIFICATION_READY:
        if (c->autoconnect && !gd_in_editor()) {
            begin(c);
        }
        break;
    case GD_NOTIFICATION_ENTER_TREE: gd.method_ptrcall(gd.method.node_set_process_internal, c->instance.object, (const void *[]){&(gd_bool){1}}, NULL); break;
    case GD_NOTIFICATION_EXIT_TREE: client_drop_draws(c); break; // nobody tidies up out there
    case GD_NOTIFICATION_INTERNAL_PROCESS: on_process(c); break;
    default: break;
    }
}

bool client_on_destroy(void *self)
{
    client_node *c = self;
    for (uint32_t i = 0; i < c->nodes.count; i++) {
        entity_client_gone(c->nodes.nodes[i]);
    }
    c->nodes.count = 0;
    c->doomed = true;
    if (c->busy) {
        return false;
    }
    release(c);
    return true;
}

bool client_add_node(client_node *c, struct entity_node *node) { return !c->doomed && node_list_add(&c->nodes, node); }

void client_remove_node(client_node *c, struct entity_node *node) { node_list_remove(&c->nodes, node); }

// ---- methods of its life -------------------------------------------------------------------------------------------

void client_connect_to_server(void *self, const void *const *args, void *ret) { gd_ret_int(ret, begin(self)); }

void client_disconnect_from_server(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    if (!c->wanted) {
        return;
    }
    bool was_busy = c->busy;
    c->busy = true;
    close_all(c);
    c->told_state = CLIENT_DISCONNECTED;
    snprintf(c->text, sizeof c->text, "disconnect_from_server() was called");
    if (!c->doomed) {
        gd_emit(c, "disconnected", (gd_variant[]){gd_variant_text(c->text)}, 1);
    }
    c->busy = was_busy;
    if (c->doomed && !was_busy) {
        release(c);
        gd_instance_release(c);
    }
}

void client_get_state(void *self, const void *const *args, void *ret) { gd_ret_int(ret, state_of(self)); }

void client_get_state_text(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    static const char *const texts[] = {"disconnected", "connecting", "joining", "live"};
    client_state state = state_of(c);
    char text[sizeof c->text + 32];
    bool why = state <= CLIENT_CONNECTING && c->text[0];
    snprintf(text, sizeof text, "%s%s%s", texts[state], why ? ": " : "", why ? c->text : "");
    gd.string_new(ret, text);
}

void client_get_address(void *self, const void *const *args, void *ret) { gd.string_new(ret, client_active(self)->address); }
