#include "world/clock_report.h"

// Times are absolute, so that a reader needs neither tick rate nor clock.
void tl_record_clock_write(tl_record_writer *r, const tl_clock_report *report)
{
    tl_write_fixed(&r->w, TL_OP_CLOCK, 1);
    TL_ASSERT(report->count <= TL_SERVERS_MAX);
    tl_write_fixed(&r->w, report->settled, 1);
    tl_write_signed(&r->w, report->wall_lead_us);
    tl_write_varint(&r->w, report->count);
    for (uint32_t i = 0; i < report->count; i++) {
        const tl_clock_seen *seen = &report->seen[i];
        tl_write_varint(&r->w, seen->server);
        tl_write_signed(&r->w, r->tick - seen->tick);
        tl_write_varint(&r->w, seen->at_us);
    }
}

void tl_clock_report_read(tl_reader *r, int64_t tick, tl_clock_report *out)
{
    out->settled = tl_read_limited(r, 1);
    out->wall_lead_us = tl_read_signed(r);
    if (tl_magnitude(out->wall_lead_us) > TL_CLOCK_US_MAX) {
        r->bad = true;
    }
    out->count = (uint32_t)tl_read_limited(r, TL_SERVERS_MAX);
    for (uint32_t i = 0; i < out->count && !r->bad; i++) {
        out->seen[i].server = (tl_server_number)tl_read_limited(r, TL_SERVER_NUMBER_MAX);
        out->seen[i].tick = tl_add_wrap(tick, -tl_read_signed(r));
        out->seen[i].at_us = tl_read_limited(r, TL_CLOCK_US_MAX);
    }
}

bool tl_record_clock_read(const void *data, size_t size, tl_clock_report *out)
{
    tl_reader r = tl_reader_make(data, size);
    tl_read_fixed(&r, 1);
    int64_t tick = tl_read_signed(&r);
    uint64_t op;
    while ((op = tl_read_fixed(&r, 1)) == TL_OP_NEED && !r.bad) {
        tl_read_varint(&r), tl_read_varint(&r);
        tl_read_signed(&r);
    }
    if (r.bad || op != TL_OP_CLOCK) {
        return false;
    }
    tl_clock_report_read(&r, tick, out);
    return !r.bad;
}
