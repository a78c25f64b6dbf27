// The clock reports in a server's records, about once a second; server/world_clock.h explains their use.
#ifndef TRAMLINE_WORLD_CLOCK_REPORT_H
#define TRAMLINE_WORLD_CLOCK_REPORT_H

#include "world/record.h"

typedef struct tl_clock_seen {
    tl_server_number server;
    int64_t tick;   // of that server: the tick of its record that had arrived
    uint64_t at_us; // arrival time by the writer's world clock
} tl_clock_seen;
typedef struct tl_clock_report {
    bool settled;         // the writer has run for some time
    int64_t wall_lead_us; // its wall clock minus its world clock
    uint32_t count;
    tl_clock_seen seen[TL_SERVERS_MAX];
} tl_clock_report;
void tl_record_clock_write(tl_record_writer *r, const tl_clock_report *report);
// Reads the record's clock report. Returns false if it has none.
bool tl_record_clock_read(const void *data, size_t size, tl_clock_report *out);
void tl_clock_report_read(tl_reader *r, int64_t tick, tl_clock_report *out); // reads after the op

#endif
