#include "crowd.h"

#include "check.h"
#include "lateness.h"
#include "view_line.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#define OVER_SHARE_MAX 0.001
#define JOIN_S 20.0
#define SETTLE_S 60         // until every server has its share: mvsqlite takes its time
#define COMMIT_MS_MAX 100.0 // of a store that is well, on a busy machine

static const char *const server_names[SERVERS] = {"alpha", "beta", "gamma"};
static const char *const rider_names[RIDERS_MAX] = {"alice", "bob", "carol"};

static void path_of(const crowd *c, char path[2 * PROGRAM_PATH_BYTES], const char *name, const char *ending)
{
    snprintf(path, 2 * PROGRAM_PATH_BYTES, "%s/%s.%s", c->folder, name, ending);
}

void crowd_start_server(crowd *c, int i)
{
    char ready[2 * PROGRAM_PATH_BYTES], log[2 * PROGRAM_PATH_BYTES], stats[2 * PROGRAM_PATH_BYTES];
    path_of(c, ready, server_names[i], "ready");
    path_of(c, log, server_names[i], "log");
    path_of(c, stats, server_names[i], "stats");
    remove(ready);
    c->servers[i] = program_start(log, "serve --store %s --name %s --own %s --listen 127.0.0.1:0 --ready %s --stats %s",
                                  c->store, server_names[i], c->folder, ready, stats);
    json_t *told = ready_wait(ready);
    c->ports[i] = (int)number_of(told, "port");
    snprintf(c->fingerprints[i], sizeof c->fingerprints[i], "%s",
             json_string_value(json_object_get(told, "fingerprint")));
    json_decref(told);
}

static int rider_count(const crowd *c)
{
    return c->rider_count ? c->rider_count : RIDERS;
}

static int entity_count(const crowd *c)
{
    return c->entities ? c->entities : ENTITIES;
}

void crowd_start_rider(crowd *c, int i)
{
    char way[WAY_BYTES], log[2 * PROGRAM_PATH_BYTES], stats[2 * PROGRAM_PATH_BYTES];
    path_of(c, log, rider_names[i], "log");
    path_of(c, stats, rider_names[i], "stats");
    snprintf(way, sizeof way, "--server 127.0.0.1:%d --fingerprint %s", c->ports[0], c->fingerprints[0]);
    remove(stats);
    c->riders[i] = program_start(log, "ride %s --name %s --rider %d --riders %d --entities %d --stats %s --quiet",
                                 c->ways[i][0] ? c->ways[i] : way, rider_names[i], i, rider_count(c), entity_count(c),
                                 stats);
}

// Groups that server `i` owns; `all` gets how many there are, as it knows.
static double owned_by(const crowd *c, int i, double *all)
{
    char stats[2 * PROGRAM_PATH_BYTES];
    path_of(c, stats, server_names[i], "stats");
    json_t *line = lines_last(stats);
    double owned = number_of(line, "groups_owned");
    *all = number_of(line, "groups");
    json_decref(line);
    return owned;
}

void crowd_wait_for_owners(const crowd *c, int mask, double seconds_max)
{
    double until_s = now_s() + seconds_max;
    for (;;) {
        double owned = 0, all = 0;
        bool each = true;
        for (int i = 0; i < SERVERS; i++) {
            if (mask >> i & 1) {
                double own = owned_by(c, i, &all);
                owned += own;
                each = each && own > 0;
            }
        }
        if (each && all > 0 && owned == all) {
            return;
        }
        CHECK(now_s() < until_s);
        sleep_s(0.05);
    }
}

static double said_by(const crowd *c, int i, const char *key)
{
    char stats[2 * PROGRAM_PATH_BYTES];
    path_of(c, stats, server_names[i], "stats");
    json_t *line = lines_last(stats);
    double value = number_of(line, key);
    json_decref(line);
    return value;
}

double crowd_tick(const crowd *c, int server)
{
    return said_by(c, server, "tick");
}

int crowd_late_seconds(const crowd *c, int server, double from_tick)
{
    char stats[2 * PROGRAM_PATH_BYTES];
    path_of(c, stats, server_names[server], "stats");
    return lateness_seconds(stats, from_tick, INFINITY);
}

// The slowest commit that its last line tells of, in ms; -1: of none.
static double slowest_commit_ms(const crowd *c, int i)
{
    char stats[2 * PROGRAM_PATH_BYTES];
    path_of(c, stats, server_names[i], "stats");
    json_t *line = lines_last(stats), *one;
    double slowest_ms = -1;
    size_t n;
    json_array_foreach(json_object_get(line, "commit_ms"), n, one)
    {
        slowest_ms = json_number_value(one) > slowest_ms ? json_number_value(one) : slowest_ms;
    }
    json_decref(line);
    return slowest_ms;
}

static bool commits(const crowd *c, int i, double after_tick)
{
    double slowest_ms = slowest_commit_ms(c, i);
    return said_by(c, i, "committed_tick") > after_tick && slowest_ms >= 0 && slowest_ms < COMMIT_MS_MAX;
}

void crowd_wait_for_commits(const crowd *c, int mask, double seconds_max)
{
    double until_s = now_s() + seconds_max;
    for (int i = 0; i < SERVERS; i++) {
        double from_tick = mask >> i & 1 ? said_by(c, i, "tick") : 0;
        while (mask >> i & 1 && !commits(c, i, from_tick)) {
            CHECK(now_s() < until_s);
            sleep_s(0.05);
        }
    }
}

size_t crowd_checks(const crowd *c, int rider)
{
    char stats[2 * PROGRAM_PATH_BYTES];
    path_of(c, stats, rider_names[rider], "stats");
    json_t *lines = lines_read(stats);
    size_t count = json_array_size(lines);
    json_decref(lines);
    return count;
}

static void wait_for_riders(const crowd *c)
{
    for (int i = 0; i < rider_count(c); i++) {
        char stats[2 * PROGRAM_PATH_BYTES];
        path_of(c, stats, rider_names[i], "stats");
        double until_s = now_s() + JOIN_S;
        for (bool joined = false; !joined;) {
            json_t *line = lines_last(stats);
            joined = json_is_true(json_object_get(line, "joined"));
            json_decref(line);
            CHECK(now_s() < until_s);
            sleep_s(0.05);
        }
    }
}

static bool store_was_slow(const crowd *c, double tick)
{
    bool slow = false;
    for (int i = 0; i < SERVERS; i++) {
        char stats[2 * PROGRAM_PATH_BYTES];
        path_of(c, stats, server_names[i], "stats");
        slow |= lateness_of_store(stats, tick);
    }
    return slow;
}

static bool is_right(const crowd *c, const char *rider, const json_t *line)
{
    view_limits limits = {entity_count(c), c->over_share > 0 ? c->over_share : OVER_SHARE_MAX, c->over_twice_share,
                          c->wrong_carriers_max};
    view_limits late = view_limits_when_late(&limits);
    bool right = view_line_is_right(line, &limits);
    right = right ||
            (c->forgives_slow_store && view_line_is_right(line, &late) && store_was_slow(c, number_of(line, "tick")));
    if (!right) {
        view_line_print(rider, line);
    }
    return right;
}

// Of the rider's lines from `from` on, up to `to`, or to the last one.
static bool was_right(const crowd *c, int rider, size_t from, size_t to)
{
    char stats[2 * PROGRAM_PATH_BYTES];
    path_of(c, stats, rider_names[rider], "stats");
    json_t *lines = lines_read(stats);
    bool right = true;
    for (size_t n = from; n < to && n < json_array_size(lines); n++) {
        const json_t *line = json_array_get(lines, n);
        right &= !json_is_true(json_object_get(line, "judged")) || is_right(c, rider_names[rider], line);
    }
    json_decref(lines);
    return right;
}

bool crowd_was_right(const crowd *c, int rider, size_t from)
{
    return was_right(c, rider, from, SIZE_MAX);
}

static bool riders_are_right(const crowd *c, double seconds)
{
    bool right = true;
    size_t before[RIDERS_MAX], after[RIDERS_MAX];
    for (int i = 0; i < rider_count(c); i++) {
        before[i] = crowd_checks(c, i);
    }
    sleep_s(seconds);
    for (int i = 0; i < rider_count(c); i++) {
        after[i] = crowd_checks(c, i);
        CHECK(program_runs(c->riders[i]) && after[i] > before[i] + (size_t)seconds);
    }
    if (c->forgives_slow_store) {
        sleep_s(LINE_EVERY_S); // the servers' lines of these seconds are there
    }
    for (int i = 0; i < rider_count(c); i++) {
        right &= was_right(c, i, before[i] + 1, after[i]); // the first one may tell of a frame before
    }
    return right;
}

void crowd_check(const crowd *c, double seconds)
{
    CHECK(riders_are_right(c, seconds));
}

// Whether the store was well for the last seconds: each commit was soon done.
static bool was_well(const crowd *c, int seconds)
{
    bool well = true;
    for (int i = 0; i < SERVERS; i++) {
        char stats[2 * PROGRAM_PATH_BYTES];
        path_of(c, stats, server_names[i], "stats");
        json_t *lines = lines_read(stats), *one;
        size_t count = json_array_size(lines), n;
        for (size_t line = count > (size_t)seconds ? count - (size_t)seconds : 0; line < count; line++) {
            json_array_foreach(json_object_get(json_array_get(lines, line), "commit_ms"), n, one)
            {
                well &= json_number_value(one) < COMMIT_MS_MAX;
            }
        }
        json_decref(lines);
    }
    return well;
}

void crowd_check_once_well(const crowd *c, int seconds, double seconds_max)
{
    double until_s = now_s() + seconds_max;
    for (;;) {
        crowd_wait_for_commits(c, 7, seconds_max);
        sleep_s(RIGHT_WITHIN_S);
        if (riders_are_right(c, seconds)) {
            return;
        }
        sleep_s(LINE_EVERY_S); // the servers' lines of these seconds are there
        CHECK(!was_well(c, seconds + 2 + (int)RIGHT_WITHIN_S) && now_s() < until_s);
        fprintf(stderr, "the store was not well meanwhile: once more\n");
    }
}

void crowd_fill(crowd *c, const char *store)
{
    static char output[PROGRAM_OUTPUT_BYTES];
    folder_make(c->folder);
    snprintf(c->store, sizeof c->store, store ? "%s" : "%s/store", store ? store : c->folder);
    CHECK_EQUAL(program_run(output, "city --store %s --entities %d --quiet", c->store, entity_count(c)), 0);
}

void crowd_ride(crowd *c)
{
    crowd_wait_for_owners(c, 7, SETTLE_S);
    for (int i = 0; i < rider_count(c); i++) {
        crowd_start_rider(c, i);
    }
    wait_for_riders(c);
    crowd_check(c, 3);
}

void crowd_start(crowd *c, const char *store)
{
    crowd_fill(c, store);
    for (int i = 0; i < SERVERS; i++) {
        crowd_start_server(c, i);
    }
    crowd_ride(c);
}

void crowd_stop(crowd *c, int mask)
{
    for (int i = 0; i < rider_count(c); i++) {
        int status = program_stop(c->riders[i], SIGTERM);
        CHECK(WIFEXITED(status));
    }
    for (int i = 0; i < SERVERS; i++) {
        if (mask >> i & 1) {
            CHECK_EQUAL(program_stop(c->servers[i], SIGTERM), 0);
        }
    }
    static char output[PROGRAM_OUTPUT_BYTES];
    CHECK_EQUAL(program_run(output, "inspect %s", c->store), 0);
    folder_remove(c->folder);
}
