// The report of a demo: report.json, and the same as a table.
//
// {"entities", "seconds", "tick_hz", "scenario", "seed", "version", "processors",
//  "servers": [{"name", "tick_ms": {"p50", "p99", "max"}, "tick_wall_ms", "cpu_s", "rss_mb", "commit_ms", "link_ms",
//  …}], "riders": [what rider_report.h says, "server" being the server's name], "promises": [{"name", "held",
//  "detail"}]}
#ifndef APP_REPORT_H
#define APP_REPORT_H

#include "app/demo_cluster.h"

typedef struct report_facts {
    uint32_t entities, tick_hz;
    double seconds; // measured
} report_facts;

// The caller releases it.
json_t *report_make(const demo_cluster *c, const report_facts *facts);
void report_print(const json_t *report);

#endif
