// What a rider measures: lines while it rides, and the report at the end.
//
// Line: {"name", "joined", "tick", "expected", "visible", "missing", "doubled", "surplus", "coming_or_going",
//        "wrong_carrier", "late_carrier", "wrong_kind", "foreign", "over", "over_twice", "error_mrad", "error_m",
//        "riders_seen", "riders_missing", "kbit_s", "latency_ms", "datagrams_lost"}, errors being the worst of that
//        check.
#ifndef APP_RIDER_REPORT_H
#define APP_RIDER_REPORT_H

#include "app/truth_check.h"

#include "tramline/transport.h"

#include <jansson.h>
#include <stdio.h>

typedef struct rider_report_def {
    const char *name, *server; // of the rider; the address that it tries first
    const char *stats_file;    // of the lines; NULL: none
    uint32_t rider_count;
    const truth_check *check;
} rider_report_def;

typedef struct rider_report {
    rider_report_def def;
    FILE *lines; // NULL: none
    bool joined;
    double join_s;
    uint64_t checks_unjudged; // made all the same: of what follows a recording's break
    uint64_t join_bytes;      // until it had joined
    uint64_t join_wire_bytes;
    uint64_t joined_us, window_us;
    uint64_t window_bytes; // until the window of a second began
    double kbit_s_now;     // of the last whole second
    histogram kbit_s, end_to_end_ms;
} rider_report;

// False: the file of lines cannot be written, and errno says why.
bool rider_report_open(rider_report *r, const rider_report_def *def);
void rider_report_close(rider_report *r);
void rider_report_joined(rider_report *r, const tl_client *client, const tl_transport *transport, double join_s);
void rider_report_frame(rider_report *r, const tl_client_stats *stats); // has come
// Of one check. `judged`: whether what it found counts.
void rider_report_line(rider_report *r, const tl_client *client, const truth_finding *finding, int64_t tick,
                       bool judged);
double rider_report_seconds(const rider_report *r); // since it joined
json_t *rider_report_json(const rider_report *r, const tl_client *client, const tl_transport *transport);

#endif
