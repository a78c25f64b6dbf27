#include "app/rider_report.h"

#include "base/base.h"

#include "base/os/clock.h"

#include <string.h>

enum { WINDOW_US = 1000000 };

bool rider_report_open(rider_report *r, const rider_report_def *def)
{
    memset(r, 0, sizeof *r);
    r->def = *def;
    r->lines = def->stats_file ? fopen(def->stats_file, "w") : NULL;
    return r->lines || !def->stats_file;
}

void rider_report_close(rider_report *r)
{
    if (r->lines) {
        fclose(r->lines);
    }
}

void rider_report_joined(rider_report *r, const tl_client *client, const tl_transport *transport, double join_s)
{
    TL_ASSERT(!r->joined);
    r->joined = true;
    r->join_s = join_s;
    r->join_bytes = r->window_bytes = tl_client_get_stats(client).bytes;
    r->join_wire_bytes = transport->stats.wire_bytes_received;
    r->joined_us = r->window_us = tl_os_monotonic_us();
}

void rider_report_frame(rider_report *r, const tl_client_stats *stats)
{
    if (!r->joined) {
        return;
    }
    histogram_add(&r->end_to_end_ms, stats->latency_ms);
    uint64_t now_us = tl_os_monotonic_us();
    if (now_us - r->window_us >= WINDOW_US) {
        r->kbit_s_now = (double)(stats->bytes - r->window_bytes) * 8000 / (double)(now_us - r->window_us);
        histogram_add(&r->kbit_s, r->kbit_s_now);
        r->window_us = now_us;
        r->window_bytes = stats->bytes;
    }
}

double rider_report_seconds(const rider_report *r)
{
    return r->joined ? (double)(tl_os_monotonic_us() - r->joined_us) / 1e6 : 0;
}

static json_t *finding_json(const truth_finding *f)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "expected",
                     (json_int_t)f->expected, "visible", (json_int_t)f->visible, "missing", (json_int_t)f->missing,
                     "doubled", (json_int_t)f->doubled, "surplus", (json_int_t)f->surplus, "coming_or_going",
                     (json_int_t)f->coming_or_going, "wrong_carrier", (json_int_t)f->wrong_carrier, "late_carrier",
                     (json_int_t)f->late_carrier, "wrong_kind", (json_int_t)f->wrong_kind, "foreign",
                     (json_int_t)f->foreign, "riders_seen", (json_int_t)f->riders_seen, "riders_missing",
                     (json_int_t)f->riders_missing);
}

void rider_report_line(rider_report *r, const tl_client *client, const truth_finding *finding, int64_t tick,
                       bool judged)
{
    if (!r->lines) {
        return;
    }
    tl_client_stats stats = tl_client_get_stats(client);
    json_t *line = finding_json(finding);
    json_t *rest = json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:I}", "name", r->def.name, "joined",
                             r->joined, "judged", judged, "tick", (json_int_t)tick, "over", (json_int_t)finding->over,
                             "over_twice", (json_int_t)finding->over_twice, "error_mrad", finding->worst.error_mrad,
                             "error_m", finding->worst.error_m, "kbit_s", r->kbit_s_now, "latency_ms", stats.latency_ms,
                             "datagrams_lost", (json_int_t)stats.datagrams_lost);
    json_object_update(line, rest);
    json_decref(rest);
    json_dumpf(line, r->lines, JSON_COMPACT | JSON_REAL_PRECISION(6));
    fputc('\n', r->lines);
    fflush(r->lines);
    json_decref(line);
}

static json_t *worst_json(const truth_worst *w)
{
    const tl_kind_def *kinds;
    int kind_count = scenario_kinds(&kinds);
    return json_pack("{s:I, s:s, s:i, s:f, s:f, s:f}", "index", (json_int_t)w->index, "kind",
                     w->kind < kind_count ? kinds[w->kind].name : "?", "level", w->level, "error_mrad", w->error_mrad,
                     "error_m", w->error_m, "distance_m", w->distance_m);
}

static json_t *traffic_json(const rider_report *r, const tl_client *client, const tl_transport *transport)
{
    tl_client_stats stats = tl_client_get_stats(client);
    double seconds = rider_report_seconds(r);
    double per_kbit_s = seconds > 0 ? 0.008 / seconds : 0;
    json_t *kbit_s = json_pack("{s:f, s:f, s:f}", "mean", (double)(stats.bytes - r->join_bytes) * per_kbit_s, "p99",
                               histogram_percentile(&r->kbit_s, 0.99), "max", r->kbit_s.max);
    double wire = (double)(transport->stats.wire_bytes_received - r->join_wire_bytes) * per_kbit_s;
    return json_pack("{s:o, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o}", "kbit_s", kbit_s, "wire_kbit_s", wire,
                     "frames", (json_int_t)stats.frames, "datagrams", (json_int_t)stats.datagrams, "datagrams_lost",
                     (json_int_t)stats.datagrams_lost, "malformed", (json_int_t)stats.malformed, "skipped",
                     (json_int_t)stats.skipped, "transport_dropped",
                     (json_int_t)(transport->stats.dropped_malformed + transport->stats.dropped_full), "rtt_ms",
                     stats.rtt_ms, "join_kbytes", (double)r->join_bytes / 1000, "end_to_end_ms",
                     histogram_json(&r->end_to_end_ms));
}

json_t *rider_report_json(const rider_report *r, const tl_client *client, const tl_transport *transport)
{
    const truth_sums *sums = truth_check_sums(r->def.check);
    json_t *report = finding_json(&sums->most);
    json_object_set_new(report, "visible", json_integer(sums->last.visible));
    json_object_set_new(report, "riders_seen", json_integer(sums->last.riders_seen));
    json_t *rest = json_pack("{s:s, s:s, s:b, s:o, s:f, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:f, s:I}", "name",
                             r->def.name, "server", r->def.server, "joined", r->joined, "join_s",
                             r->joined ? json_real(r->join_s) : json_null(), "seconds", rider_report_seconds(r),
                             "checks", (json_int_t)sums->checks, "samples", (json_int_t)sums->samples, "over",
                             (json_int_t)sums->over, "over_twice", (json_int_t)sums->over_twice, "error_mrad",
                             histogram_json(&sums->error_mrad), "error_m", histogram_json(&sums->error_m), "worst",
                             worst_json(&sums->most.worst), "rider_error_m_max", sums->most.rider_error_m_max, "riders",
                             (json_int_t)r->def.rider_count);
    json_object_set_new(rest, "checks_unjudged", json_integer((json_int_t)r->checks_unjudged));
    json_object_update(report, rest);
    json_decref(rest);
    rest = traffic_json(r, client, transport);
    json_object_update(report, rest);
    json_decref(rest);
    return report;
}
