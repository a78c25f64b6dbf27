// Several servers' world clocks that hear each other over paths of any delay: what is certain, what is slewed, stepped
// or held, and that slowness is never taken for a wrong clock.
#include "check.h"
#include "server/world_clock.h"

#include <math.h>
#include <stdlib.h>

enum { SERVERS_MAX = 4, TICK_HZ = 20, STEP_US = 1000, FLIGHTS_MAX = 8192, CREATED_US = 1000000000 };

typedef struct flight { // a record under way
    uint64_t due_us;
    int from, to;
    int64_t tick;
    bool settled;
    int64_t seen_tick[SERVERS_MAX];
    uint64_t seen_at_us[SERVERS_MAX];
} flight;

typedef struct member {
    tl_world_clock clock;
    double monotonic_us, rate;
    int64_t wall_less_us, tick;
    uint64_t delay_us, jitter_us; // of its records, to everybody
    uint32_t steps, holds, jumps;
} member;

typedef struct room {
    member members[SERVERS_MAX];
    int count;
    uint64_t now_us, random;
    flight flights[FLIGHTS_MAX];
    uint32_t flight_count;
} room;

static void start(room *r, int number, double offset_s)
{
    member *m = &r->members[number];
    tl_world_clock_init(&m->clock, CREATED_US, TICK_HZ);
    m->monotonic_us = 1e6 * (7 + 100 * number);
    m->rate = 1;
    m->tick = -1;
    m->delay_us = m->delay_us ? m->delay_us : 5000;
    tl_world_clock_take(&m->clock,
                        (tl_time){.wall_us = CREATED_US + r->now_us, .monotonic_us = (uint64_t)m->monotonic_us});
    tl_world_clock_set(&m->clock, (uint64_t)((double)r->now_us + offset_s * 1e6));
}

static room *begin(int count, uint64_t seed)
{
    room *r = calloc(1, sizeof *r);
    r->count = count;
    r->random = seed;
    r->now_us = 1000000000;
    for (int i = 0; i < count; i++) {
        start(r, i, 0);
    }
    return r;
}

static void send(room *r, int from)
{
    member *m = &r->members[from];
    for (int to = 0; to < r->count; to++) {
        if (to == from) {
            continue;
        }
        CHECK(r->flight_count < FLIGHTS_MAX);
        flight *f = &r->flights[r->flight_count++];
        *f = (flight){.due_us = r->now_us + m->delay_us + check_random(&r->random) % (m->jitter_us + 1),
                      .from = from,
                      .to = to,
                      .tick = m->tick,
                      .settled = tl_world_clock_settled(&m->clock)};
        for (int n = 0; n < r->count; n++) {
            const tl_peer_clock *p = &m->clock.peers[n + 1];
            f->seen_tick[n] = p->has_seen ? p->seen_tick : -1;
            f->seen_at_us[n] = p->seen_at_us;
        }
    }
    for (int n = 0; n < r->count; n++) {
        m->clock.peers[n + 1].has_seen = false;
    }
}

static void receive(room *r)
{
    for (uint32_t i = 0; i < r->flight_count; i++) {
        flight f = r->flights[i];
        if (f.due_us > r->now_us) {
            continue;
        }
        member *m = &r->members[f.to];
        tl_world_clock_hear(&m->clock, (tl_server_number)(f.from + 1), f.tick);
        m->clock.peers[f.from + 1].settled = f.settled;
        tl_world_clock_seen(&m->clock, (tl_server_number)(f.from + 1), f.seen_tick[f.to], f.seen_at_us[f.to]);
        r->flights[i--] = r->flights[--r->flight_count];
    }
}

static void feed(room *r, double seconds)
{
    for (uint64_t end = r->now_us + (uint64_t)(seconds * 1e6); r->now_us < end; r->now_us += STEP_US) {
        receive(r);
        for (int i = 0; i < r->count; i++) {
            member *m = &r->members[i];
            m->monotonic_us += STEP_US * m->rate;
            tl_time now = {.wall_us = CREATED_US + r->now_us + (uint64_t)m->wall_less_us,
                           .monotonic_us = (uint64_t)m->monotonic_us};
            bool held = m->clock.held;
            m->jumps += tl_world_clock_take(&m->clock, now) != 0;
            m->steps += tl_world_clock_judge(&m->clock) >= TL_CLOCK_STEP_US;
            m->holds += m->clock.held && !held && m->clock.ahead_us >= TL_CLOCK_HOLD_US;
            int64_t tick = tl_world_clock_tick(&m->clock);
            CHECK(tick >= m->tick); // never back
            if (tick == m->tick) {
                continue;
            }
            m->tick = tick;
            tl_world_clock_ticked(&m->clock, tick);
            send(r, i);
        }
    }
}

static double apart_s(const room *r, int a, int b)
{
    return (double)(int64_t)(r->members[a].clock.world_us - r->members[b].clock.world_us) * 1e-6;
}

static uint32_t corrections(const room *r)
{
    uint32_t sum = 0;
    for (int i = 0; i < r->count; i++) {
        sum += r->members[i].steps + r->members[i].holds;
    }
    return sum;
}

TEST(clocks_that_agree_are_let_be)
{
    room *r = begin(3, 1);
    feed(r, 60);
    CHECK_EQUAL(corrections(r), 0);
    CHECK(fabs(apart_s(r, 0, 1)) < 0.003 && fabs(apart_s(r, 0, 2)) < 0.003);
    CHECK_NEAR((double)(r->members[0].clock.world_us - r->now_us) * 1e-6, 0, 0.01); // nor do they drift together
    free(r);
}

// However late everything of one server is, its clock is not wrong, nor are the others'.
TEST(slowness_is_not_a_wrong_clock)
{
    static const uint64_t delays[] = {100000, 700000, 5000000};
    for (int i = 0; i < 3; i++) {
        room *r = begin(3, 2);
        r->members[2].delay_us = delays[i];
        r->members[2].jitter_us = delays[i] / 2;
        feed(r, 20);
        CHECK_EQUAL(corrections(r), 0);
        CHECK(fabs(apart_s(r, 0, 1)) < 0.01);
        free(r);
    }
}

TEST(an_offset_is_known_within_half_a_round_trip)
{
    room *r = begin(2, 3);
    r->members[0].delay_us = 30000, r->members[1].delay_us = 10000;
    feed(r, 3);
    int64_t offset_us, error_us;
    CHECK(tl_world_clock_offset(&r->members[0].clock, 2, &offset_us, &error_us));
    CHECK(tl_magnitude((int64_t)(r->members[1].clock.world_us - r->members[0].clock.world_us) - offset_us) <=
          (uint64_t)error_us + 2000);
    CHECK(error_us >= 15000 && error_us < 30000); // of a round trip of 40 ms
    free(r);
}

TEST(drift_is_slewed)
{
    static const double rates[] = {1.0002, 0.9998, 1.01, 0.99};
    for (int servers = 2; servers <= 3; servers++) {
        for (int i = 0; i < 4; i++) {
            room *r = begin(servers, 4);
            r->members[1].rate = rates[i];
            feed(r, 60);
            CHECK_EQUAL(corrections(r), 0);
            CHECK(fabs(apart_s(r, 0, 1)) < 0.05);
            free(r);
        }
    }
}

TEST(behind_steps_forward_and_ahead_stands_still)
{
    room *r = begin(3, 5);
    feed(r, 6);
    r->members[1].clock.world_us -= 3000000;
    r->members[1].tick = tl_world_clock_tick(&r->members[1].clock);
    feed(r, 0.2);
    CHECK(r->members[1].steps == 1 && fabs(apart_s(r, 0, 1)) < 0.05);
    r->members[2].clock.world_us += 3000000;
    feed(r, 0.5);
    CHECK(r->members[2].clock.held && r->members[2].holds == 1);
    CHECK(tl_world_clock_too_far(&r->members[0].clock, r->members[2].tick));
    feed(r, 3);
    CHECK(!r->members[2].clock.held && fabs(apart_s(r, 0, 2)) < 0.05);
    CHECK(r->members[0].steps + r->members[0].holds == 0);
    free(r);
}

// Held by others who then fall silent: it goes on.
TEST(nobody_is_held_by_the_dead)
{
    room *r = begin(2, 6);
    feed(r, 6);
    r->members[1].clock.world_us += 30000000;
    feed(r, 0.5);
    CHECK(r->members[1].clock.held);
    r->members[0].delay_us = 100000000;
    r->members[0].rate = 0;
    feed(r, 1.5);
    CHECK(!r->members[1].clock.held);
    free(r);
}

// Newcomers that guessed wrong, both alike, do not outvote the one who runs.
TEST(newcomers_do_not_count)
{
    room *r = begin(3, 7);
    feed(r, 6);
    start(r, 1, -10);
    start(r, 2, -10);
    for (tl_server_number n = 2; n <= 3; n++) {
        tl_world_clock_forget(&r->members[0].clock, n);
    }
    feed(r, 0.5);
    CHECK(fabs(apart_s(r, 0, 1)) < 0.05 && fabs(apart_s(r, 0, 2)) < 0.05);
    CHECK(r->members[0].steps + r->members[0].holds == 0);
    free(r);
}

TEST(a_wall_clock_is_only_watched)
{
    room *r = begin(1, 8);
    feed(r, 1);
    r->members[0].wall_less_us = 50000; // not worth a word
    feed(r, 1);
    r->members[0].wall_less_us = -10000000;
    feed(r, 1);
    CHECK_EQUAL(r->members[0].jumps, 1);
    CHECK_NEAR((double)(r->members[0].clock.world_us - r->now_us) * 1e-6, 0, 0.01);
    for (int i = 0; i < 200; i++) { // slewed by 500 ppm for minutes
        r->members[0].wall_less_us += 500;
        feed(r, 1);
    }
    CHECK_EQUAL(r->members[0].jumps, 1);
    free(r);
}

TEST(numbers_from_outside_do_no_harm)
{
    room *r = begin(1, 9);
    tl_world_clock *c = &r->members[0].clock;
    static const int64_t ticks[] = {INT64_MIN, -1, 0, TL_TICK_MAX, TL_TICK_MAX + 1, INT64_MAX};
    for (int i = 0; i < 6; i++) {
        tl_world_clock_hear(c, 5, ticks[i]);
        tl_world_clock_seen(c, 5, ticks[i], UINT64_MAX);
        tl_world_clock_too_far(c, ticks[i]);
        tl_world_clock_judge(c);
    }
    free(r);
}

int main(void)
{
    RUN(clocks_that_agree_are_let_be);
    RUN(slowness_is_not_a_wrong_clock);
    RUN(an_offset_is_known_within_half_a_round_trip);
    RUN(drift_is_slewed);
    RUN(behind_steps_forward_and_ahead_stands_still);
    RUN(nobody_is_held_by_the_dead);
    RUN(newcomers_do_not_count);
    RUN(a_wall_clock_is_only_watched);
    RUN(numbers_from_outside_do_no_harm);
}
