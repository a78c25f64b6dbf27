// The client's clock over simulated paths: jitter, one-sided delay, drift, steps.
#include "check.h"
#include "client/clock.h"

#include <math.h>

typedef struct path {
    int64_t there_us, back_us, jitter_us; // one way, the least; what is added at random to each
    double drift;                         // of the local clock, against the server's
    int64_t offset_us;                    // server less local, at local time 0
} path;

typedef struct run {
    tl_clock clock;
    path p;
    uint64_t now_us, random;
    double error_max_us, last_us;
    bool backwards;
} run;

static double true_server_us(const run *r)
{
    return (double)r->now_us * (1 + r->p.drift) + (double)r->p.offset_us;
}

// 20 samples a second.
static void feed(run *r, double seconds, double ignore_s)
{
    uint64_t end = r->now_us + (uint64_t)(seconds * 1e6), count_from = r->now_us + (uint64_t)(ignore_s * 1e6);
    r->error_max_us = 0;
    while (r->now_us < end) {
        r->now_us += 50000;
        int64_t there = r->p.there_us + (int64_t)(check_random(&r->random) % (uint64_t)(r->p.jitter_us + 1));
        int64_t back = r->p.back_us + (int64_t)(check_random(&r->random) % (uint64_t)(r->p.jitter_us + 1));
        tl_clock_add(&r->clock, r->now_us, (int64_t)true_server_us(r) - back, there + back);
        double shown = tl_clock_server_us(&r->clock, r->now_us);
        r->backwards |= shown < r->last_us;
        r->last_us = shown;
        if (r->now_us > count_from) {
            r->error_max_us = fmax(r->error_max_us, fabs(shown - true_server_us(r)));
        }
    }
}

static run begin(path p, uint64_t seed)
{
    run r = {.p = p, .random = seed, .now_us = 1000000, .last_us = -1e18};
    tl_clock_reset(&r.clock);
    tl_clock_run(&r.clock);
    CHECK(tl_clock_server_us(&r.clock, 12345) == 0);
    return r;
}

TEST(a_still_path_is_exact)
{
    run r = begin((path){20000, 20000, 0, 0, 5000000000}, 1);
    feed(&r, 10, 0);
    CHECK(r.error_max_us < 2 && !r.backwards);
    CHECK_NEAR(r.clock.rtt_us, 40000, 1);
    CHECK(r.clock.error_us < 2);
}

TEST(jitter_is_seen_through)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        run r = begin((path){10000, 10000, 40000, 0, -3000000}, seed);
        feed(&r, 60, 5);
        CHECK(r.error_max_us < 15000); // of an even 0 to 40 ms each way
        CHECK(!r.backwards);
        CHECK(r.clock.rtt_us >= 20000 && r.clock.rtt_us < 60000);
    }
}

TEST(an_uneven_path_errs_by_half_the_difference)
{
    run r = begin((path){50000, 10000, 0, 0, 0}, 1);
    feed(&r, 5, 1);
    CHECK_NEAR(r.error_max_us, 20000, 100);
}

TEST(drift_is_followed)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        run r = begin((path){15000, 15000, 5000, sign * 200e-6, 1000}, 3);
        feed(&r, 300, 5);
        CHECK(r.error_max_us < 5000);
        CHECK(!r.backwards);
    }
}

TEST(a_small_step_is_slewed_and_a_large_one_taken)
{
    run r = begin((path){10000, 10000, 0, 0, 0}, 1);
    feed(&r, 5, 1);
    r.p.offset_us += 100000;
    feed(&r, 20, 15);
    CHECK(r.error_max_us < 10 && !r.backwards);
    r.p.offset_us -= 100000; // back: slower for a while, never backwards
    feed(&r, 20, 15);
    CHECK(r.error_max_us < 10 && !r.backwards);
    r.p.offset_us += 10000000;
    feed(&r, 4, 2);
    CHECK(r.error_max_us < 10);
}

// A server that goes on at the others' time: the samples from before would be believed for more than a second.
TEST(a_server_that_is_set_is_seen_at_once)
{
    run r = begin((path){10000, 10000, 5000, 0, 0}, 1);
    feed(&r, 5, 1);
    r.p.offset_us += 200000;
    feed(&r, 0.3, 0.15);
    CHECK(r.error_max_us < 6000 && !r.backwards);
    r.p.offset_us += 800000;
    feed(&r, 0.3, 0.15);
    CHECK(r.error_max_us < 6000 && !r.backwards);
}

// A client that decodes for long, at a join, takes what came meanwhile for as old as its step: late, and with no way at
// all.
static void decode_for(run *r, int64_t us)
{
    for (int i = 0; i < 10; i++) {
        tl_clock_add(&r->clock, r->now_us, (int64_t)true_server_us(r) + us * i / 10, 0);
    }
}

TEST(what_one_long_step_takes_in_is_no_step_of_the_clock)
{
    run r = begin((path){3000, 3000, 1000, 0, 0}, 1);
    feed(&r, 1, 0.5);
    decode_for(&r, 200000);
    feed(&r, 5, 0);
    CHECK(r.error_max_us < 3000 && !r.backwards);
}

TEST(before_it_runs_it_is_set_back_too)
{
    run r = begin((path){200000, 3000, 0, 0, 0}, 1); // the server is busy with the join
    r.clock.runs = false;
    feed(&r, 1, 0);
    CHECK(r.error_max_us > 90000);
    r.p.there_us = 3000;
    feed(&r, 0.5, 0.15);
    CHECK(r.error_max_us < 3000);
    tl_clock_run(&r.clock);
    r.backwards = false;
    feed(&r, 5, 0);
    CHECK(r.error_max_us < 3000 && !r.backwards);
}

TEST(unknown_round_trips_count_until_a_known_one_comes)
{
    tl_clock clock;
    tl_clock_reset(&clock);
    tl_clock_add(&clock, 1000000, 7000000, -1);
    CHECK_NEAR(tl_clock_server_us(&clock, 1000000), 7000000, 1);
    CHECK_NEAR(clock.rtt_us, 0, 0);
    for (uint64_t i = 1; i <= 100; i++) {
        tl_clock_add(&clock, 1000000 + i * 50000, 7000000 + (int64_t)i * 50000, 30000);
    }
    CHECK_NEAR(tl_clock_server_us(&clock, 6000000), 12015000, 1);
    CHECK_NEAR(clock.rtt_us, 30000, 0);
    for (uint64_t i = 1; i <= 10; i++) {
        tl_clock_add(&clock, 6000000 + i * 50000, 1, -1); // worse ones change nothing
    }
    CHECK_NEAR(tl_clock_server_us(&clock, 6500000), 12515000, 1);
}

int main(void)
{
    RUN(a_still_path_is_exact);
    RUN(jitter_is_seen_through);
    RUN(an_uneven_path_errs_by_half_the_difference);
    RUN(drift_is_followed);
    RUN(a_small_step_is_slewed_and_a_large_one_taken);
    RUN(a_server_that_is_set_is_seen_at_once);
    RUN(what_one_long_step_takes_in_is_no_step_of_the_clock);
    RUN(before_it_runs_it_is_set_back_too);
    RUN(unknown_round_trips_count_until_a_known_one_comes);
}
