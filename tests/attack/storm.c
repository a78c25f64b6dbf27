// Three servers on one store, three riders, and bad weather: clocks that jump, drift and leap, networks that lose,
// delay, reorder, double and cut, addresses that change, servers and riders that stop. What riders see stays right, or
// is right again within the promised time.
//
//   storm                       some of it, for a few seconds
//   storm SECONDS [WEATHER...]  20'000 entities; for a quiet machine. Each kind is begun, lasts, and ends. Where
//   commits
//                               took long, some entities may be off meanwhile (lateness.h)
//
// Clocks are libfaketime's. beta's wall clock is off alone; all of gamma's clocks are. From the beginning alpha's is
// 0.4 s ahead of the time, and beta's 0.45 s behind it.
#include "check.h"
#include "crowd.h"
#include "lateness.h"
#include "relay.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { ALPHA, BETA, GAMMA, CAROL = 2, ENTITIES_LONG = 20000, MILLION = 1000000, RECONNECT_S = 4 };
#define ALPHA_OFF_S 0.4
#define BETA_OFF_S (-0.45)
#define LOSSY_JOIN_S 60.0 // some 7 s on average, once in a while 30 s
#define CLOCK_READ_S 1.2  // libfaketime reads its file anew each second

typedef struct storm {
    crowd crowd;
    relay relay;
    double seconds, gamma_off_s;
    bool is_long;
} storm;

// ---- clocks --------------------------------------------------------------------------------------------------------

static const char *const server_names[SERVERS] = {"alpha", "beta", "gamma"};

// As libfaketime reads it: seconds, and how much faster than the true one it goes.
static void clock_set(const storm *s, int server, double off_s, double speed)
{
    char path[2 * PROGRAM_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s.clock", s->crowd.folder, server_names[server]);
    FILE *out = fopen(path, "w");
    CHECK(out);
    fprintf(out, speed != 1 ? "%+f x%f\n" : "%+f\n", off_s, speed);
    fclose(out);
}

static void start_server(storm *s, int i)
{
    char path[2 * PROGRAM_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s.clock", s->crowd.folder, server_names[i]);
    setenv("LD_PRELOAD", FAKETIME_LIBRARY, 1);
    setenv("FAKETIME_TIMESTAMP_FILE", path, 1);
    setenv("FAKETIME_CACHE_DURATION", "1", 1);
    setenv("FAKETIME_DONT_FAKE_MONOTONIC", i == GAMMA ? "0" : "1", 1);
    crowd_start_server(&s->crowd, i);
    unsetenv("LD_PRELOAD");
    if (s->relay.weather) {
        s->relay.weather->servers[i] = s->crowd.ports[i];
    }
}

static void wall_two_ahead(storm *s)
{
    clock_set(s, BETA, BETA_OFF_S + 2, 1);
}
static void wall_ten_back(storm *s)
{
    clock_set(s, BETA, BETA_OFF_S - 10, 1);
}
static void wall_two_minutes_ahead(storm *s)
{
    clock_set(s, BETA, BETA_OFF_S + 120, 1);
}
static void wall_right(storm *s)
{
    clock_set(s, BETA, BETA_OFF_S, 1);
}
// A monotonic clock never goes back: what it has leapt stays.
static void all_leap(storm *s)
{
    clock_set(s, GAMMA, s->gamma_off_s += 30, 1);
}

// A speed counts from the program's start.
static void gamma_with_speed(storm *s, double speed)
{
    CHECK_EQUAL(program_stop(s->crowd.servers[GAMMA], SIGTERM), 0);
    clock_set(s, GAMMA, s->gamma_off_s = 0, speed);
    start_server(s, GAMMA);
}

static void all_fast(storm *s)
{
    gamma_with_speed(s, 1.005);
}
static void all_as_fast(storm *s)
{
    gamma_with_speed(s, 1);
}

// ---- servers and riders --------------------------------------------------------------------------------------------

static void sleep_begins(storm *s)
{
    CHECK_EQUAL(kill(s->crowd.servers[GAMMA], SIGSTOP), 0);
}
static void sleep_ends(storm *s)
{
    CHECK_EQUAL(kill(s->crowd.servers[GAMMA], SIGCONT), 0);
}

static void alpha_is_killed(storm *s)
{
    int status = program_stop(s->crowd.servers[ALPHA], SIGKILL);
    CHECK(WIFSIGNALED(status));
    crowd_wait_for_owners(&s->crowd, 1 << BETA | 1 << GAMMA, OWNER_WITHIN_S + LINE_EVERY_S);
}

static void alpha_leaves(storm *s)
{
    CHECK_EQUAL(program_stop(s->crowd.servers[ALPHA], SIGTERM), 0);
}
static void alpha_starts(storm *s)
{
    start_server(s, ALPHA);
}

// A tenth of a processor's time is what is left to it.
static void carol_is_slow(storm *s, double at_s)
{
    CHECK_EQUAL(kill(s->crowd.riders[CAROL], SIGSTOP), 0);
    sleep_s(0.09);
    CHECK_EQUAL(kill(s->crowd.riders[CAROL], SIGCONT), 0);
}

// ---- the network ---------------------------------------------------------------------------------------------------

static void loses_two(storm *s)
{
    s->relay.weather->lost = MILLION / 50;
}
static void loses_ten(storm *s)
{
    s->relay.weather->lost = MILLION / 10;
}
static void doubles(storm *s)
{
    s->relay.weather->doubled = MILLION / 5;
}

static void reorders(storm *s)
{
    s->relay.weather->delay_ms = 60;
    s->relay.weather->jitter_ms = 80;
}

static void far_and_lossy(storm *s)
{
    s->relay.weather->delay_ms = 350;
    s->relay.weather->lost = MILLION * 3 / 100;
}

static void is_calm(storm *s)
{
    relay_calm(&s->relay);
}

static bool once_in(double at_s, double seconds)
{
    return (int)(at_s / seconds) != (int)((at_s - 0.1) / seconds);
}

static void moves(storm *s, double at_s)
{
    s->relay.weather->moves += once_in(at_s, 6);
}
static void uplink_is_silent(storm *s, double at_s)
{
    s->relay.weather->no_uplink = at_s - 4 * (int)(at_s / 4) < 1.35;
}
static void is_cut(storm *s, double at_s)
{
    s->relay.weather->no_uplink = s->relay.weather->no_downlink = at_s - 10 * (int)(at_s / 10) < 3;
}

// Six of ten datagrams: who is there gets by, and who comes gets in.
static void loses_sixty(storm *s)
{
    s->relay.weather->lost = MILLION * 6 / 10;
    program_stop(s->crowd.riders[CAROL], SIGTERM);
    crowd_start_rider(&s->crowd, CAROL);
    double begun_s = now_s();
    for (; crowd_checks(&s->crowd, CAROL) == 0; sleep_s(0.1)) {
        CHECK(now_s() < begun_s + LOSSY_JOIN_S);
    }
    printf("    who came saw all after %.1f s\n", now_s() - begun_s);
}

// ---- all of it -----------------------------------------------------------------------------------------------------

// What may be off meanwhile: shares of all places, once and twice; and carriers. What is overtaken or lost comes later,
// and until then the newest frame does not cover its tick (it is not settled, PROTOCOL.md 11.2).
typedef struct allowance {
    double over_share, over_twice_share;
    int wrong_carriers;
} allowance;

// clang-format off
#define CALM {0, 0, 0}
#define LOST {0.005, 0.0025, 0}
#define LOST_FAR {0.08, 0.04, 5} // at 0.7 s there and back it comes a second later, or two
// clang-format on

typedef struct weather {
    const char *name;
    void (*begin)(storm *s), (*end)(storm *s);
    void (*step)(storm *s, double at_s); // each 0.1 s
    // whether riders see everything right meanwhile, too, as far as frames reach them; but not rider `spared`
    bool throughout;
    int spared;
    bool in_short;
    allowance allowed;
} weather;

static const weather weathers[] = {
    {"wall-ahead", wall_two_ahead, wall_right, NULL, true, -1, true, CALM},
    {"wall-back", wall_ten_back, wall_right, NULL, true, -1, false, CALM},
    {"wall-far", wall_two_minutes_ahead, wall_right, NULL, true, -1, true, CALM},
    {"drift", all_fast, all_as_fast, NULL, true, -1, false, CALM},
    {"leap", all_leap, NULL, NULL, false, -1, true, CALM},
    {"sleep", sleep_begins, sleep_ends, NULL, false, -1, false, CALM},
    {"loss-2", loses_two, is_calm, NULL, true, -1, false, LOST},
    {"loss-10", loses_ten, is_calm, NULL, true, -1, false, LOST},
    {"loss-60", loses_sixty, is_calm, NULL, false, -1, false, CALM},
    {"double", doubles, is_calm, NULL, true, -1, false, CALM},
    {"reorder", reorders, is_calm, NULL, true, -1, true, LOST},
    {"far", far_and_lossy, is_calm, NULL, true, -1, false, LOST_FAR},
    {"move", NULL, is_calm, moves, true, -1, true, CALM},
    {"uplink", NULL, is_calm, uplink_is_silent, true, -1, false, CALM},
    {"cut", NULL, is_calm, is_cut, true, -1, false, CALM},
    {"slow", NULL, NULL, carol_is_slow, true, CAROL, false, CALM},
    {"kill", alpha_is_killed, alpha_starts, NULL, false, -1, false, CALM},
    {"leave", alpha_leaves, alpha_starts, NULL, true, -1, false, CALM},
};
enum { WEATHERS = sizeof weathers / sizeof *weathers };

// The world goes on without late records: there may be few of them.
static void check_lateness(const storm *s, const double *ticks)
{
    for (int i = 0; i < SERVERS; i++) {
        int late = crowd_late_seconds(&s->crowd, i, ticks[i]);
        if (late) {
            printf("    %s: records were late in %d s\n", server_names[i], late);
        }
        CHECK(late <= LATE_SECONDS_MAX);
    }
}

// In short storms the machine is busy with other things, and the shares stay as they are.
static void allow(storm *s, allowance allowed)
{
    if (s->is_long) {
        s->crowd.over_share = allowed.over_share;
        s->crowd.over_twice_share = allowed.over_twice_share;
        s->crowd.wrong_carriers_max = allowed.wrong_carriers;
    }
}

static void pass(storm *s, const weather *w)
{
    printf("  %s, %g s\n", w->name, s->seconds);
    size_t from[RIDERS_MAX];
    for (int i = 0; i < RIDERS_MAX; i++) {
        from[i] = crowd_checks(&s->crowd, i) + 1;
    }
    if (w->begin) {
        w->begin(s);
    }
    double ticks[SERVERS]; // only now: a server that starts counts as late until its first record
    for (int i = 0; i < SERVERS; i++) {
        ticks[i] = crowd_tick(&s->crowd, i);
    }
    for (double begun_s = now_s(), at_s = 0; at_s < s->seconds; at_s = now_s() - begun_s) {
        if (w->step) {
            w->step(s, at_s);
        }
        sleep_s(w->step == carol_is_slow ? 0.01 : 0.1);
    }
    sleep_s(LINE_EVERY_S); // the servers' lines of the last second are there
    if (w->throughout && s->is_long) {
        check_lateness(s, ticks);
    }
    allow(s, w->allowed);
    for (int i = 0; i < RIDERS_MAX; i++) {
        CHECK(!w->throughout || !s->is_long || i == w->spared || crowd_was_right(&s->crowd, i, from[i]));
    }
    allow(s, (allowance)CALM);
    if (w->end) {
        w->end(s);
    }
    sleep_s(CLOCK_READ_S);
    crowd_wait_for_owners(&s->crowd, 7, 20);
    sleep_s(RECONNECT_S);
    crowd_check(&s->crowd, 3);
}

static void begin(storm *s)
{
    crowd *c = &s->crowd;
    c->rider_count = RIDERS_MAX;
    c->entities = s->is_long ? ENTITIES_LONG : 0;
    c->forgives_slow_store = s->is_long;
    // On a machine that is busy with other things records come late now and then, and the world goes on without them.
    c->over_share = s->is_long ? 0 : 0.05;
    c->over_twice_share = s->is_long ? 0 : 0.02;
    crowd_fill(c, NULL);
    clock_set(s, ALPHA, ALPHA_OFF_S, 1);
    clock_set(s, BETA, BETA_OFF_S, 1);
    clock_set(s, GAMMA, 0, 1);
    for (int i = 0; i < SERVERS; i++) {
        start_server(s, i);
    }
    relay_start(&s->relay, c->ports, SERVERS);
    for (int i = 0; i < RIDERS_MAX; i++) {
        for (int n = 0; n < SERVERS; n++) {
            int server = (i + n) % SERVERS;
            size_t length = strlen(c->ways[i]);
            snprintf(c->ways[i] + length, WAY_BYTES - length, "--server 127.0.0.1:%d --fingerprint %s ",
                     s->relay.ports[server], c->fingerprints[server]);
        }
    }
    crowd_ride(c);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    static storm s;
    s.is_long = argc > 1;
    s.seconds = s.is_long ? atof(argv[1]) : 3;
    begin(&s);
    for (int i = 0; i < WEATHERS; i++) {
        bool named = false;
        for (int n = 2; n < argc; n++) {
            named |= strcmp(argv[n], weathers[i].name) == 0;
        }
        if (argc > 2 ? named : s.is_long || weathers[i].in_short) {
            pass(&s, &weathers[i]);
        }
    }
    crowd_stop(&s.crowd, 7);
    relay_stop(&s.relay);
}
