#include "app/meter.h"

#include "base/base.h"

#include "base/os/clock.h"
#include "base/os/file.h"
#include "base/os/process.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_EVERY_US = 1000000, QUEUE_BYTES = 4 << 20, CLOSE_MS_MAX = 1000 };

static void arrays_make(meter *m)
{
    m->tick_ms = json_array();
    m->tick_wall_ms = json_array();
    m->commit_ms = json_array();
    m->link_ms = json_array();
}

bool meter_open(meter *m, const char *file)
{
    memset(m, 0, sizeof *m);
    m->line_us = tl_os_monotonic_us();
    if (!file) {
        return true;
    }
    m->fd = tl_os_file_create(file);
    m->out = m->fd >= 0 ? outlet_open(m->fd, QUEUE_BYTES, NULL) : NULL;
    arrays_make(m);
    return m->out != NULL;
}

static void arrays_drop(meter *m)
{
    json_decref(m->tick_ms);
    json_decref(m->tick_wall_ms);
    json_decref(m->commit_ms);
    json_decref(m->link_ms);
}

void meter_close(meter *m)
{
    arrays_drop(m);
    if (m->out) {
        outlet_close(m->out, CLOSE_MS_MAX);
        m->out = NULL; // the descriptor stays open until the process ends: its thread may still be writing
    }
}

void meter_step_begin(meter *m)
{
    m->step_cpu_us = tl_os_thread_cpu_us();
    m->step_wall_us = tl_os_monotonic_us();
}

void meter_tick(meter *m)
{
    m->ticked = true;
}

static void add_ms(const meter *m, json_t *array, uint64_t us)
{
    if (m->out) {
        json_array_append_new(array, json_real((double)us / 1000));
    }
}

void meter_step_end(meter *m)
{
    TL_ASSERT(m->step_wall_us != 0); // the step has begun
    m->cpu_us += tl_os_thread_cpu_us() - m->step_cpu_us;
    m->wall_us += tl_os_monotonic_us() - m->step_wall_us;
    if (m->ticked) {
        add_ms(m, m->tick_ms, m->cpu_us);
        add_ms(m, m->tick_wall_ms, m->wall_us);
        m->cpu_us = m->wall_us = 0;
        m->ticked = false;
    }
}

void meter_commit(meter *m, uint64_t us)
{
    add_ms(m, m->commit_ms, us);
}

void meter_link(meter *m, uint64_t us)
{
    add_ms(m, m->link_ms, us);
}

static const char *state_text(tl_server_state state)
{
    TL_ASSERT(state <= TL_SERVER_FAILED);
    static const char *const texts[] = {
        [TL_SERVER_JOINING] = "joining", [TL_SERVER_RUNNING] = "running", [TL_SERVER_LEAVING] = "leaving",
        [TL_SERVER_LEFT] = "left",       [TL_SERVER_FENCED] = "fenced",   [TL_SERVER_FAILED] = "failed",
    };
    return texts[state];
}

typedef struct count {
    const char *name;
    uint64_t value;
} count;

static void counts_set(json_t *line, const tl_server_stats *s, const tl_transport_stats *t)
{
    const count counts[] = {
        {"entities", s->entities},
        {"groups", s->groups},
        {"groups_owned", s->groups_owned},
        {"clients", s->clients},
        {"servers_alive", s->servers_alive},
        {"record_bytes", s->record_bytes},
        {"frame_bytes", s->frame_bytes},
        {"datagrams_lost", s->datagrams_lost},
        {"limits_reached", s->limits_reached},
        {"store_stalls", s->store_stalls},
        {"clock_jumps", s->clock_jumps},
        {"clock_steps", s->clock_steps},
        {"clock_holds", s->clock_holds},
        // what strangers and clients may not do
        {"transport_dropped", t->dropped_malformed + t->dropped_full},
        {"transport_dropped_rate", t->dropped_rate},
        {"handshakes_refused", t->refused_address},
        {"malformed", s->malformed},
        {"rate_limited", s->rate_limited},
        {"hellos_refused", s->hellos_refused},
        {"newcomers_closed", s->newcomers_closed + s->newcomers_refused},
        {"peers_closed_malformed", s->peers_closed_malformed},
        {"datagrams_over_rate", s->datagrams_over_rate},
        {"steps_deferred", s->steps_deferred},
        {"client_lines_omitted", s->client_lines_omitted},
        {"created", s->created},
        {"creations_refused", s->creations_refused},
        {"graces_shortened", s->graces_shortened},
        {"states_refused", s->states_refused},
        {"work_waits", s->work_waits},
        {"streams_kept_waits", s->streams_kept_waits},
        {"client_bytes_waits", s->client_bytes_waits},
        // records and mirrors
        {"ticks_incomplete", s->ticks_incomplete},
        {"records_split", s->records_split},
        {"records_set_aside", s->records_set_aside},
        {"servers_quarantined", s->servers_quarantined},
        {"checkpoints_unread", s->checkpoints_unread},
        {"checkpoints_refused", s->checkpoints_refused},
        {"groups_unread", s->groups_unread},
        {"entities_missing", s->entities_missing},
        {"groups_missing", s->groups_missing},
        {"set_down", s->set_down},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        json_object_set_new(line, counts[i].name, json_integer((json_int_t)counts[i].value));
    }
}

static json_t *line_make(meter *m, const tl_server *server, const tl_transport *transport, const char *name)
{
    tl_server_stats stats = tl_server_get_stats(server);
    json_t *line = json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:b, s:f}", "name", name, "number",
                             (int)tl_server_get_number(server), "state", state_text(tl_server_get_state(server)),
                             "tick", (json_int_t)stats.tick, "world_tick", (json_int_t)stats.world_tick,
                             "committed_tick", (json_int_t)stats.committed_tick, "cpu_s",
                             (double)tl_os_process_cpu_us() / 1e6, "rss_mb", (double)tl_os_process_rss_bytes() / 1e6,
                             "memory_used_mb", (double)stats.memory_used_bytes / 1e6, "store_stalled",
                             (int)stats.store_stalled, "clock_ahead_ms", stats.clock_ahead_ms);
    counts_set(line, &stats, &transport->stats);
    json_object_set(line, "tick_ms", m->tick_ms);
    json_object_set(line, "tick_wall_ms", m->tick_wall_ms);
    json_object_set(line, "commit_ms", m->commit_ms);
    json_object_set(line, "link_ms", m->link_ms);
    return line;
}

void meter_line(meter *m, const tl_server *server, const tl_transport *transport, const char *name, bool last)
{
    uint64_t now_us = tl_os_monotonic_us();
    if (!m->out || (now_us - m->line_us < LINE_EVERY_US && !last)) {
        return;
    }
    m->line_us = now_us;
    json_t *line = line_make(m, server, transport, name);
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (text) {
        outlet_line(m->out, text, strlen(text));
    }
    free(text);
    json_decref(line);
    arrays_drop(m);
    arrays_make(m);
}
