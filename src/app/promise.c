#include "app/promise.h"

#include "app/json_number.h"

#include <stdarg.h>

#define OVER_SHARE_MAX 0.001 // of places may be off by more than is allowed
#define CHECKS_PER_S_MIN 2.0
#define KBIT_S_MAX 250.0
#define JOIN_S_MAX 5.0
#define LINK_MS_MAX 20.0
#define TICK_MS_MAX 25.0

static json_t *promise_make(const char *name, bool held, const char *format, ...) __attribute__((format(printf, 3, 4)));
static json_t *promise_make(const char *name, bool held, const char *format, ...)
{
    char detail[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return json_pack("{s:s, s:b, s:s}", "name", name, "held", held, "detail", detail);
}

static double sum_of(const json_t *list, const char *key)
{
    double sum = 0;
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        sum += json_number(one, key);
    }
    return sum;
}

// The largest `key`, or `key`.`part` if part is not NULL, in a list; -1 if an entry has none.
static double largest_of(const json_t *list, const char *key, const char *part)
{
    double largest = json_array_size(list) > 0 ? 0 : -1;
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        json_t *value = json_object_get(one, key);
        value = part ? json_object_get(value, part) : value;
        if (!json_is_number(value)) {
            return -1;
        }
        largest = json_number_value(value) > largest ? json_number_value(value) : largest;
    }
    return largest;
}

// Whether there are any, and each has more than none of `key`.
static bool all_have(const json_t *list, const char *key)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        if (!(json_number(one, key) > 0)) {
            return false;
        }
    }
    return json_array_size(list) > 0;
}

// ---- of riders -----------------------------------------------------------------------------------------------------

static json_t *judge_complete(const json_t *riders)
{
    double missing = largest_of(riders, "missing", NULL), doubled = largest_of(riders, "doubled", NULL);
    double surplus = largest_of(riders, "surplus", NULL), checks = sum_of(riders, "checks");
    return promise_make("complete", missing + doubled + surplus == 0,
                        "in %.0f checks of all entities, at most %.0f were missing, %.0f doubled, %.0f left over",
                        checks, missing, doubled, surplus);
}

static json_t *judge_places(const json_t *riders)
{
    double samples = sum_of(riders, "samples"), over = sum_of(riders, "over"), twice = sum_of(riders, "over_twice");
    double share = samples > 0 ? over / samples : 1, share_most = share;
    size_t i;
    json_t *rider;
    json_array_foreach(riders, i, rider)
    {
        double own = json_number(rider, "samples");
        double own_share = own > 0 ? json_number(rider, "over") / own : 1;
        share_most = own_share > share_most ? own_share : share_most;
    }
    return promise_make("places", share_most <= OVER_SHARE_MAX && twice == 0,
                        "of %.0f positions, %.4f %% were off by more than 2 cm or 1 mrad, and %.0f by more than twice "
                        "that (worst %.2f mrad)",
                        samples, 100 * share, twice, largest_of(riders, "error_mrad", "max"));
}

static json_t *judge_frames(const json_t *riders)
{
    double carrier = largest_of(riders, "wrong_carrier", NULL), kind = largest_of(riders, "wrong_kind", NULL);
    double late = largest_of(riders, "late_carrier", NULL);
    return promise_make("frames", carrier == 0 && kind == 0,
                        "at most %.0f entities had a wrong carrier, %.0f a wrong kind; %.0f had boarded or alighted "
                        "less than 0.5 s before",
                        carrier, kind, late);
}

static json_t *judge_checks(const json_t *riders)
{
    double least = -1;
    size_t i;
    json_t *rider;
    json_array_foreach(riders, i, rider)
    {
        double seconds = json_number(rider, "seconds");
        // The first one comes within half a second.
        double checks = json_number(rider, "checks") + json_number(rider, "checks_unjudged");
        double rate = seconds > 1 ? (checks + 1) / seconds : 0;
        least = least < 0 || rate < least ? rate : least;
    }
    return promise_make("checked", least >= CHECKS_PER_S_MIN,
                        "every view was compared as a whole at least %.2f times per second", least);
}

static json_t *judge_company(const json_t *riders)
{
    size_t count = json_array_size(riders);
    double others = (double)count - 1, seen = others;
    size_t i;
    json_t *rider;
    json_array_foreach(riders, i, rider)
    {
        double own = json_number(rider, "riders_seen");
        seen = own < seen ? own : seen;
    }
    double lost = largest_of(riders, "riders_missing", NULL);
    return promise_make("company", count > 0 && seen == others && lost == 0,
                        "every rider saw %.0f of %.0f others in their seats, and lost sight of %.0f", seen, others,
                        lost);
}

static json_t *judge_budget(const json_t *riders)
{
    double most = largest_of(riders, "kbit_s", "mean"), sum = 0;
    for (size_t i = 0; i < json_array_size(riders); i++) {
        sum += json_number_value(json_object_get(json_object_get(json_array_get(riders, i), "kbit_s"), "mean"));
    }
    double mean = sum / (double)json_array_size(riders);
    return promise_make("budget", most >= 0 && mean <= KBIT_S_MAX,
                        "%.0f kbit/s per rider on average, limit %.0f; largest %.0f", mean, KBIT_S_MAX, most);
}

static json_t *judge_join(const json_t *riders)
{
    double most = largest_of(riders, "join_s", NULL);
    return promise_make("join", most >= 0 && most <= JOIN_S_MAX,
                        "all entities in view after at most %.2f s, limit %.0f", most, JOIN_S_MAX);
}

// ---- of servers ----------------------------------------------------------------------------------------------------

static json_t *judge_link(const json_t *servers)
{
    double most = largest_of(servers, "link_ms", "p99");
    if (json_array_size(servers) < 2) {
        return promise_make("link", true, "not measured: there is only one server");
    }
    return promise_make(
        "link", most >= 0 && most < LINK_MS_MAX,
        "from the start of a commit until another server has applied it at most %.1f ms (p99), limit %.0f", most,
        LINK_MS_MAX);
}

static json_t *judge_tick(const json_t *servers)
{
    double most = largest_of(servers, "tick_ms", "p99");
    return promise_make("tick", most >= 0 && most < TICK_MS_MAX,
                        "at most %.1f ms of processor time per tick (p99), limit %.0f", most, TICK_MS_MAX);
}

// ---- all of them ---------------------------------------------------------------------------------------------------

typedef struct judge {
    const char *name;
    json_t *(*judge)(const json_t *list);
    bool of_view; // also of one rider alone
} judge;

static const judge rider_judges[] = {
    {"complete", judge_complete, true}, {"places", judge_places, true},    {"frames", judge_frames, true},
    {"checked", judge_checks, false},   {"company", judge_company, false}, {"join", judge_join, false},
    {"budget", judge_budget, false},
};
static const judge server_judges[] = {{"link", judge_link, false}, {"tick", judge_tick, false}};

// What was never measured is not held.
static void judge_one(const judge *j, const json_t *list, const char *measure, json_t *promises)
{
    json_array_append_new(promises, all_have(list, measure) ? j->judge(list)
                                                            : promise_make(j->name, false, "it was not measured"));
}

json_t *promise_judge_view(json_t *rider)
{
    json_t *riders = json_pack("[O]", rider), *promises = json_array();
    for (size_t i = 0; i < sizeof rider_judges / sizeof *rider_judges; i++) {
        if (rider_judges[i].of_view) {
            judge_one(&rider_judges[i], riders, "checks", promises);
        }
    }
    json_decref(riders);
    return promises;
}

json_t *promise_judge_demo(json_t *report, const char *order_detail)
{
    const json_t *riders = json_object_get(report, "riders"), *servers = json_object_get(report, "servers");
    json_t *promises = json_array();
    for (size_t i = 0; i < sizeof rider_judges / sizeof *rider_judges; i++) {
        judge_one(&rider_judges[i], riders, "checks", promises);
    }
    for (size_t i = 0; i < sizeof server_judges / sizeof *server_judges; i++) {
        judge_one(&server_judges[i], servers, "ticks", promises);
    }
    json_array_append_new(promises, promise_make("order", !order_detail, "%s",
                                                 order_detail ? order_detail : "every process shut down cleanly"));
    return promises;
}

bool promise_all_held(json_t *promises)
{
    size_t i;
    json_t *promise;
    json_array_foreach(promises, i, promise)
    {
        if (!json_is_true(json_object_get(promise, "held"))) {
            return false;
        }
    }
    return true;
}

void promise_print(json_t *promises, FILE *out)
{
    size_t i;
    json_t *promise;
    json_array_foreach(promises, i, promise)
    {
        fprintf(out, "  %-10s %-8s %s\n", json_string_value(json_object_get(promise, "name")),
                json_is_true(json_object_get(promise, "held")) ? "held" : "NOT HELD",
                json_string_value(json_object_get(promise, "detail")));
    }
}
