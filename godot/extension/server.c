#include "server.h"

#include "base/os/clock.h"
#include "call.h"
#include "classes.h"
#include "guard.h"
#include "instance.h"
#include "server_events.h"
#include "server_open.h"
#include "variant.h"

#include <stdio.h>
#include <stdlib.h>

enum { DRAIN_MS_MAX = 1000 };

static gd_error begin(server_node *s)
{
    if (s->instance.failed) {
        gd_error_print("TramlineServer.start", "A bug in Tramline has stopped this node; free it and add a new one.");
        return GD_ERR_UNAVAILABLE;
    }
    if (s->server || s->in_core) {
        gd_error_print("TramlineServer.start", "It is already running; call stop() or stop_now() first.");
        return GD_ERR_ALREADY_IN_USE;
    }
    s->step_ms = s->step_ms_max = s->commit_ms = s->link_ms = s->link_ms_max = 0;
    s->reported_answer = s->reported_no_handler = s->failed_due = false;
    tl_result result = server_open(s);
    if (result != TL_OK) {
        gd_error_print("TramlineServer.start", "The server cannot start: %s.", s->text);
        server_close(s, false);
        s->state = SERVER_FAILED;
        s->failed_due = true;
        return gd_error_from(result);
    }
    s->state = SERVER_JOINING;
    return GD_OK;
}

// Ends at once: what is submitted gets a moment to be committed, and the other servers see that this one has left.
static void end_now(server_node *s, server_state state)
{
    if (s->store && s->state != SERVER_FAILED && s->state != SERVER_FENCED) {
        s->store->ops->drain(s->store, DRAIN_MS_MAX);
    }
    server_close(s, s->state == SERVER_JOINING || s->state == SERVER_RUNNING || s->state == SERVER_LEAVING);
    s->state = state;
}

static void end_failed(server_node *s, server_state state, const char *signal)
{
    snprintf(s->text, sizeof s->text, "%s", tl_server_text(s->server));
    gd_warning_print("TramlineServer", "%s: %s.",
                     state == SERVER_FENCED ? "Fenced; call start() to join again" : "Failed", s->text);
    server_close(s, false);
    s->state = state;
    gd_emit(s, signal, (gd_variant[]){gd_variant_text(s->text)}, 1);
}

static void follow_state(server_node *s)
{
    switch (tl_server_get_state(s->server)) {
    case TL_SERVER_RUNNING:
        if (s->state == SERVER_JOINING) {
            s->state = SERVER_RUNNING;
            gd_emit(s, "started", NULL, 0);
        }
        break;
    case TL_SERVER_LEFT:
        server_close(s, true);
        s->state = SERVER_STOPPED;
        gd_emit(s, "stopped", NULL, 0);
        break;
    case TL_SERVER_FENCED: end_failed(s, SERVER_FENCED, "fenced"); break;
    case TL_SERVER_FAILED: end_failed(s, SERVER_FAILED, "failed"); break;
    default: break;
    }
}

static void release(server_node *s)
{
    end_now(s, SERVER_STOPPED);
    server_drop_events(s);
    free(s->scratch);
    free(s->orphans);
}

static void step_core(void *context)
{
    server_node *s = context;
    tl_server_step(s->server, tl_os_now());
}

static void step(server_node *s)
{
    GD_ASSERT(s->server && !s->instance.busy && !s->instance.failed);
    tl_time begun = tl_os_now();
    s->instance.busy = s->in_core = true;
    if (!gd_guard(s, step_core, s)) {
        s->ticking = false; // the tick was jumped out of
    }
    s->in_core = false;
    s->step_ms = (double)(tl_os_now().monotonic_us - begun.monotonic_us) / 1000;
    s->step_ms_max = s->step_ms > s->step_ms_max ? s->step_ms : s->step_ms_max;
    if (s->stop_due && !s->instance.freed) { // stop_now() was called within
        end_now(s, SERVER_STOPPED);
        gd_emit(s, "stopped", NULL, 0);
    }
    if (s->server && !s->instance.freed && tl_server_get_state(s->server) == TL_SERVER_RUNNING) {
        follow_state(s); // "started" is emitted before the events since
    }
    server_emit_events(s);
    if (s->server && !s->instance.freed) {
        follow_state(s);
    }
    s->instance.busy = false;
    if (s->instance.freed) {
        release(s);
        gd_instance_release(s);
    }
}

static void end_silently(void *self)
{
    server_node *s = self;
    s->instance.object = NULL; // no signals any more
    end_now(s, SERVER_STOPPED);
}

void server_end_all(void)
{
    gd_class_each(&server_class, end_silently);
}

static void on_process(server_node *s)
{
    if (!gd_on_main_thread()) {
        if (!s->reported_thread) {
            gd_error_print(
                "TramlineServer",
                "It works on the main thread only; set process_thread_group to PROCESS_THREAD_GROUP_MAIN_THREAD.");
        }
        s->reported_thread = true;
    } else if (s->server && !s->instance.busy) {
        step(s);
    } else if (s->failed_due) { // not within start(), so that a script may start it again
        s->failed_due = false;
        gd_emit(s, "failed", (gd_variant[]){gd_variant_text(s->text)}, 1);
    }
}

void server_on_notify(void *self, int32_t what)
{
    server_node *s = self;
    switch (what) {
    case GD_NOTIFICATION_POSTINITIALIZE:
        // also when the tree is paused
        gd.method_ptrcall(gd.method.node_set_process_mode, s->instance.object,
                          (const void *[]){&(int64_t){GD_PROCESS_MODE_ALWAYS}}, NULL);
        break;
    case GD_NOTIFICATION_READY:
        if (s->autostart && !gd_in_editor()) {
            begin(s);
        }
        break;
    case GD_NOTIFICATION_ENTER_TREE:
        gd.method_ptrcall(gd.method.node_set_process_internal, s->instance.object, (const void *[]){&(gd_bool){1}},
                          NULL);
        break;
    case GD_NOTIFICATION_INTERNAL_PROCESS: on_process(s); break;
    default: break;
    }
}

void server_on_fail(void *self, const char *why)
{
    server_node *s = self;
    server_abandon(s);
    s->state = SERVER_FAILED;
    s->failed_due = true;
    snprintf(s->text, sizeof s->text, "%s; this is a bug in Tramline", why);
}

bool server_on_destroy(void *self)
{
    server_node *s = self;
    server_remove_all_nodes(s);
    if (s->instance.busy) {
        return false;
    }
    release(s);
    return true;
}

// ---- methods -------------------------------------------------------------------------------------------------------

void server_start(void *self, const void *const *args, void *ret)
{
    gd_ret_int(ret, begin(self));
}

void server_stop(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    if (s->server) {
        tl_server_leave(s->server);
        s->state = s->state == SERVER_FENCED || s->state == SERVER_FAILED ? s->state : SERVER_LEAVING;
    }
}

void server_stop_now(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    if (s->in_core) {
        s->stop_due = true;
    } else if (s->server) {
        end_now(s, SERVER_STOPPED);
        gd_emit(s, "stopped", NULL, 0);
    }
}

void server_get_state(void *self, const void *const *args, void *ret)
{
    gd_ret_int(ret, ((server_node *)self)->state);
}

void server_get_state_text(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    static const char *const texts[] = {"stopped", "joining", "running", "leaving", "fenced", "failed"};
    char text[SERVER_TEXT_BYTES + 16];
    bool why = s->state >= SERVER_FENCED && s->text[0];
    snprintf(text, sizeof text, "%s%s%s", texts[s->state], why ? ": " : "", why ? s->text : "");
    gd.string_new(ret, text);
}

void server_get_port(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_int(ret, s->dtls ? tl_dtls_server_port(s->dtls) : 0);
}

void server_get_fingerprint(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    char text[65] = "";
    if (s->dtls) {
        tl_dtls_server_fingerprint(s->dtls, text);
    }
    gd.string_new(ret, text);
}

void server_get_server_number(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_int(ret, s->server ? tl_server_get_number(s->server) : 0);
}

void server_get_tick(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_int(ret, s->server ? tl_server_get_stats(s->server).tick : -1);
}

void server_get_time_s(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_float(ret, s->server ? tl_server_tick_at(s->server, tl_os_now().monotonic_us) / s->world_hz : 0);
}
