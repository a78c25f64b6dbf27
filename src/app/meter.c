#include "meter.h"

#include "clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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
    m->line_us = clock_steady_us();
    if (!file) {
        return true;
    }
    m->fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
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
    m->step_cpu_us = clock_thread_us();
    m->step_wall_us = clock_steady_us();
}

void meter_tick(meter *m) { m->ticked = true; }

static void add_ms(const meter *m, json_t *array, uint64_t us)
{
    if (m->out) {
        json_array_append_new(array, json_real((double)us / 1000));
    }
}

void meter_step_end(meter *m)
{
    m->cpu_us += clock_thread_us() - m->step_cpu_us;
    m->wall_us += clock_steady_us() - m->step_wall_us;
    if (m->ticked) {
        add_ms(m, m->tick_ms, m->cpu_us);
        add_ms(m, m->tick_wall_ms, m->wall_us);
        m->cpu_us = m->wall_us = 0;
        m->ticked = false;
    }
}

void meter_commit(meter *m, uint64_t us) { add_ms(m, m->commit_ms, us); }

void meter_link(meter *m, uint64_t us) { add_ms(m, m->link_ms, us); }

static const char *state_text(tl_server_state state)
{
    static const char *const texts[] = {
        [TL_SERVER_JOINING] = "joining", [TL_SERVER_RUNNING] = "running", [TL_SERVER_LEAVING] = "leaving",
        [TL_SERVER_LEFT] = "left",       [TL_SERVER_FENCED] = "fenced",   [TL_SERVER_FAILED] = "failed",
    };
    return texts[state];
}

static double process_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double process_rss_mb(void)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%lu %lu", &total, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static json_t *line_make(meter *m, const tl_server *server, const tl_transport *transport, const char *name)
{
    tl_server_stats stats = tl_server_get_stats(server);
    json_t *line = json_pack(
        "{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:b, s:f, s:I, s:I, s:I}", "name", name, "number",
        (int)tl_server_get_number(server), "state", state_text(tl_server_get_state(server)), "tick", (json_int_t)stats.tick,
        "world_tick", (json_int_t)stats.world_tick, "entities", (json_int_t)stats.entities, "groups",
        (json_int_t)stats.groups, "groups_owned", (json_int_t)stats.groups_owned, "clients", (json_int_t)stats.clients,
        "servers_alive", (json_int_t)stats.servers_alive, "cpu_s", process_cpu_s(), "rss_mb", process_rss_mb(),
        "record_bytes", (json_int_t)stats.record_bytes, "frame_bytes", (json_int_t)stats.frame_bytes, "datagrams_lost",
        (json_int_t)stats.datagrams_lost, "malformed", (json_int_t)stats.malformed, "limits_reached",
        (json_int_t)stats.limits_reached, "transport_dropped",
        (json_int_t)(transport->stats.dropped_malformed + transport->stats.dropped_full), "memory_used_mb",
        (double)stats.memory_used_bytes / 1e6, "committed_tick", (json_int_t)stats.committed_tick, "store_stalls",
        (json_int_t)stats.store_stalls, "store_stalled", (int)stats.store_stalled, "clock_ahead_ms", stats.clock_ahead_ms,
        "clock_jumps", (json_int_t)stats.clock_jumps, "clock_steps", (json_int_t)stats.clock_steps, "clock_holds",
        (json_int_t)stats.clock_holds);
    json_object_set_new(line, "transport_dropped_rate", json_integer((json_int_t)transport->stats.dropped_rate));
    json_object_set_new(line, "handshakes_refused", json_integer((json_int_t)transport->stats.refused_address));
    json_object_set_new(line, "hellos_refused", json_integer((json_int_t)stats.hellos_refused));
    json_object_set_new(line, "newcomers_closed", json_integer((json_int_t)(stats.newcomers_closed + stats.newcomers_refused)));
    json_object_set_new(line, "peers_closed_malformed", json_integer((json_int_t)stats.peers_closed_malformed));
    json_object_set_new(line, "datagrams_over_rate", json_integer((json_int_t)stats.datagrams_over_rate));
    json_object_set_new(line, "steps_cut_short", json_integer((json_int_t)stats.steps_cut_short));
    json_object_set_new(line, "client_lines_omitted", json_integer((json_int_t)stats.client_lines_omitted));
    json_object_set(line, "tick_ms", m->tick_ms);
    json_object_set(line, "tick_wall_ms", m->tick_wall_ms);
    json_object_set(line, "commit_ms", m->commit_ms);
    json_object_set(line, "link_ms", m->link_ms);
    return line;
}

void meter_line(meter *m, const tl_server *server, const tl_transport *transport, const char *name, bool last)
{
    uint64_t now_us = clock_steady_us();
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
