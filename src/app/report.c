#include "app/report.h"

#include "app/number.h"
#include "app/promise.h"
#include "base/os/process.h"

#include "tramline/types.h"

#include <inttypes.h>

static json_t *server_json(const demo_server *server)
{
    json_t *object = json_pack("{s:s, s:I, s:o, s:o, s:f, s:f, s:o, s:o}", "name", server->process.name, "ticks",
                               (json_int_t)server->tick_ms.count, "tick_ms", histogram_json(&server->tick_ms),
                               "tick_wall_ms", histogram_json(&server->tick_wall_ms), "cpu_s",
                               server->cpu_s - server->cpu_begin_s, "rss_mb",
                               json_number_value(json_object_get(server->line, "rss_mb")), "commit_ms",
                               histogram_json(&server->commit_ms), "link_ms", histogram_json(&server->link_ms));
    static const char *const kept[] = {"groups_owned", "record_bytes",   "frame_bytes",       "datagrams_lost",
                                       "malformed",    "limits_reached", "transport_dropped", "memory_used_mb"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        json_object_set(object, kept[i], json_object_get(server->line, kept[i]));
    }
    return object;
}

static json_t *rider_json(const demo_cluster *c, const demo_rider *rider)
{
    json_t *object = rider->report ? json_copy(rider->report) : json_object();
    json_object_set_new(object, "name", json_string(rider->process.name));
    json_object_set_new(object, "server", json_string(c->servers[rider->server].process.name));
    return object;
}

json_t *report_make(const demo_cluster *c, const report_facts *facts)
{
    json_t *servers = json_array(), *riders = json_array();
    for (uint32_t i = 0; i < c->servers_started; i++) {
        json_array_append_new(servers, server_json(&c->servers[i]));
    }
    for (uint32_t i = 0; i < c->riders_started; i++) {
        json_array_append_new(riders, rider_json(c, &c->riders[i]));
    }
    json_t *report = json_pack(
        "{s:I, s:f, s:I, s:s, s:I, s:s, s:I, s:o, s:o}", "entities", (json_int_t)facts->entities, "seconds",
        facts->seconds, "tick_hz", (json_int_t)facts->tick_hz, "scenario", game_name(&c->def.game), "seed",
        (json_int_t)(c->def.game.seed_given ? c->def.game.seed : 1), "version", TL_VERSION_STRING, "processors",
        (json_int_t)tl_os_processor_count(), "servers", servers, "riders", riders);
    json_object_set_new(report, "promises", promise_judge_demo(report, c->fault[0] ? c->fault : NULL));
    return report;
}

// ---- the table -----------------------------------------------------------------------------------------------------

static double number_of(const json_t *object, const char *key, const char *part)
{
    const json_t *value = json_object_get(object, key);
    return json_number_value(part ? json_object_get(value, part) : value);
}

static void print_server(const json_t *s, double seconds)
{
    printf("%-8s %6.1f %6.1f %6.1f %8.1f %8.1f %8.1f %8.1f %8.1f %7.1f %% %8.0f\n",
           json_string_value(json_object_get(s, "name")), number_of(s, "tick_ms", "p50"),
           number_of(s, "tick_ms", "p99"), number_of(s, "tick_ms", "max"), number_of(s, "tick_wall_ms", "p99"),
           number_of(s, "commit_ms", "p50"), number_of(s, "commit_ms", "p99"), number_of(s, "link_ms", "p50"),
           number_of(s, "link_ms", "p99"), seconds > 0 ? 100 * number_of(s, "cpu_s", NULL) / seconds : 0,
           number_of(s, "rss_mb", NULL));
}

static void print_rider(const json_t *r)
{
    char visible[NUMBER_TEXT_BYTES];
    printf("%-8s %-7s %9s %5.0f %5.0f %6.2f %6.2f %6.2f %9.4f %6.0f %6.0f %7.0f %6.2f %7.1f %6.1f\n",
           json_string_value(json_object_get(r, "name")), json_string_value(json_object_get(r, "server")),
           number_text((uint64_t)number_of(r, "visible", NULL), visible), number_of(r, "missing", NULL),
           number_of(r, "doubled", NULL), number_of(r, "error_mrad", "p50"), number_of(r, "error_mrad", "p99"),
           number_of(r, "error_mrad", "max"),
           number_of(r, "samples", NULL) > 0 ? 100 * number_of(r, "over", NULL) / number_of(r, "samples", NULL) : 0,
           number_of(r, "kbit_s", "mean"), number_of(r, "kbit_s", "p99"), number_of(r, "wire_kbit_s", NULL),
           number_of(r, "join_s", NULL), number_of(r, "end_to_end_ms", "p50"), number_of(r, "end_to_end_ms", "p99"));
}

void report_print(const json_t *report)
{
    size_t i;
    json_t *one;
    double seconds = number_of(report, "seconds", NULL);
    printf("\n         tick, CPU ms         wall ms  commit, ms        link, ms\n"
           "server      p50    p99    max      p99      p50      p99      p50      p99       CPU   RSS MB\n");
    json_array_foreach(json_object_get(report, "servers"), i, one)
    {
        print_server(one, seconds);
    }
    printf("\n                            entities     error, mrad           over 1    kbit/s          wire    join  "
           "latency, ms\n"
           "rider    server    in view  miss   dbl    p50    p99    max    mrad %%   mean    p99  kbit/s      s     "
           "p50    p99\n");
    json_array_foreach(json_object_get(report, "riders"), i, one)
    {
        print_rider(one);
    }
    printf("\npromises\n");
    promise_print(json_object_get(report, "promises"), stdout);
}
