// What a client may have a server do, and what all of them together use up of that.
#include "check.h"
#include "server/work.h"

enum { ENTITIES = 25600, RATE = TL_WORK_SLOTS_A_TICK + ENTITIES / TL_WORK_SHARE, TICKS = 1000, CHUNK = 60 };

// Of chunks that it asks for all the time, so many slots.
static int64_t ask_on(tl_work *w, int64_t shared_each_tick, int64_t *shared)
{
    int64_t done = 0;
    for (int64_t tick = 1; tick <= TICKS; tick++) {
        *shared = shared_each_tick;
        tl_work_refill(w, tick, ENTITIES);
        for (; tl_work_may(w, 1); done += CHUNK) {
            tl_work_spend(w, CHUNK, CHUNK, false);
        }
    }
    return done;
}

TEST(what_others_use_up_leaves_each_its_rate)
{
    int64_t shared = 0;
    tl_work w = {.shared = &shared};
    tl_work_refill(&w, 0, ENTITIES);
    int64_t done = ask_on(&w, 0, &shared);
    CHECK(done >= (int64_t)TICKS * RATE && done <= (int64_t)(TICKS + 1) * RATE + CHUNK);
    CHECK(w.waits > TICKS - 2);
}

TEST(what_nobody_else_uses_is_limited_by_its_own_account)
{
    int64_t shared = 0;
    tl_work w = {.shared = &shared};
    tl_work_refill(&w, 0, ENTITIES);
    int64_t most = 2 * ENTITIES + TL_WORK_SLOTS_MORE, done = ask_on(&w, 1 << 20, &shared);
    CHECK(done >= most + (TICKS - 1) * (int64_t)RATE && done <= most + (TICKS - 1) * (int64_t)RATE + CHUNK);
}

// What is done as a whole waits for its turn, so that all clients together do little more than they may.
TEST(nothing_larger_than_the_rate_is_begun_beyond_what_all_may)
{
    int64_t shared = 0;
    tl_work w = {.shared = &shared};
    tl_work_refill(&w, 0, ENTITIES);
    CHECK(tl_work_may(&w, RATE) && !tl_work_may(&w, RATE + 1));
    shared = 1;
    CHECK(tl_work_may(&w, RATE + 1));
    tl_work_spend(&w, 10 * RATE, 10 * RATE, false); // of what all may: its rate is still there
    CHECK(shared < 0 && tl_work_may(&w, RATE));
    tl_work_spend(&w, RATE, RATE, false);
    CHECK(!tl_work_may(&w, 1));
    tl_work_refill(&w, 1, ENTITIES);
    CHECK(tl_work_may(&w, RATE));
}

// What others are the cause of leaves a client its own account; but beyond what all may it comes out of its rate.
TEST(what_others_are_the_cause_of_costs_it_nothing_of_its_own)
{
    int64_t shared = 10 * RATE;
    tl_work w = {.shared = &shared};
    tl_work_refill(&w, 0, ENTITIES);
    int64_t left = w.own.left;
    tl_work_spend(&w, 10 * RATE, 10 * RATE, true);
    CHECK_EQUAL(w.own.left, left);
    CHECK(shared == 0 && tl_work_may(&w, RATE));
    tl_work_spend(&w, RATE, RATE, true);
    CHECK_EQUAL(w.own.left, left);
    CHECK(!tl_work_may(&w, 1));
}

int main(void)
{
    RUN(what_others_use_up_leaves_each_its_rate);
    RUN(what_nobody_else_uses_is_limited_by_its_own_account);
    RUN(nothing_larger_than_the_rate_is_begun_beyond_what_all_may);
    RUN(what_others_are_the_cause_of_costs_it_nothing_of_its_own);
}
