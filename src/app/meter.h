// What a server measures of itself, written as one JSON line a second: each tick's and each commit's own time, not
// means, so that readers of the lines can compute percentiles over any part of a run.
//
//   {"name", "number", "state", "tick", "world_tick", "entities", "groups", "groups_owned", "clients", "servers_alive",
//    "cpu_s", "rss_mb", "record_bytes", "frame_bytes", "datagrams_lost", "malformed", "limits_reached",
//    "transport_dropped", "memory_used_mb", "transport_dropped_rate", "handshakes_refused",
//    "hellos_refused", "newcomers_closed", "peers_closed_malformed", "datagrams_over_rate", "steps_deferred",
//    "client_lines_omitted", "tick_ms": [...], "tick_wall_ms": [...], "commit_ms": [...], "link_ms": [...]}
//
// tick_ms: of this thread's processor time in all steps since the tick before; tick_wall_ms: by the clock on the wall.
// cpu_s: of the whole process since it began, with the store's thread.
#ifndef APP_METER_H
#define APP_METER_H

#include "app/outlet.h"
#include "tramline/server.h"

#include <jansson.h>
#include <stdio.h>

typedef struct meter {
    outlet *out; // NULL: nothing is written
    int fd;
    json_t *tick_ms, *tick_wall_ms, *commit_ms, *link_ms;
    uint64_t step_cpu_us, step_wall_us; // when the step began
    uint64_t cpu_us, wall_us;           // of the steps since the tick
    uint64_t line_us;                   // when the last line was written
    bool ticked;
} meter;

// `file`: NULL for none. False: it cannot be written, and errno says why.
bool meter_open(meter *m, const char *file);
void meter_close(meter *m);

void meter_step_begin(meter *m);
void meter_tick(meter *m); // within a step
void meter_step_end(meter *m);
void meter_commit(meter *m, uint64_t us);
void meter_link(meter *m, uint64_t us);
// Writes a line if a second has gone by, or if it is the last one.
void meter_line(meter *m, const tl_server *server, const tl_transport *transport, const char *name, bool last);

#endif
