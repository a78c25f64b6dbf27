// What is done to a log, or to a group, while others go on: the author commits tick by tick, followers are slow,
// several write the same.
#include "fixture.h"

enum {
    RECORDS = 1300,    // in a log that is cut every minute
    BACK = 30,         // ticks that are set aside
    COMMITS_MAX = 200, // of the author, until its end must have come through
    STEP_US = 50000,
    LARGE_BYTES = 4 << 20,
    GROUP = 7,
};

static void fill(seat *s, int64_t until)
{
    while (s->tick < until) {
        if (seat_submit(s, s->tick + 1, now_us) != TL_OK) {
            now_us = backend->pass(world);
            seat_poll(s);
        }
    }
    drain(s);
    seat_poll(s);
}

static void join_all(seat *alpha, seat *beta, seat *watcher)
{
    join(alpha, "alpha");
    join(beta, "beta");
    join(watcher, NULL);
    alpha->may_end_early = beta->may_end_early = watcher->may_end_early = true;
}

static void finish_all(seat *alpha, seat *beta, seat *watcher)
{
    finish(alpha);
    finish(beta);
    finish(watcher);
}

static void await_tick(seat *s, tl_server_number server, uint32_t epoch, int64_t tick)
{
    const told *t = NULL;
    do {
        now_us = backend->pass(world);
        seat_poll(s);
        CHECK_EQUAL(seat_count(s, TL_STORE_FAILED, 0), 0);
        t = seat_last(s, TL_STORE_RECORD, server);
    } while (!t || t->event.epoch != epoch || t->event.tick != tick);
}

// Both servers commit, each in its ticks, until alpha has lost its lease. Returns how many commits that took; the
// longest that beta waited for one is printed.
static int go_on_until_lost(seat *alpha, seat *beta)
{
    uint64_t next_us = now_us, longest_us = 0;
    int commits = 0;
    size_t seen = beta->count;
    while (!alpha->lost) {
        if (now_us >= next_us) {
            next_us += STEP_US;
            (void)seat_submit(alpha, alpha->tick + 1, now_us);
            (void)seat_submit(beta, beta->tick + 1, now_us); // a slow machine may have its queue full
            CHECK(++commits < COMMITS_MAX);
        }
        now_us = backend->pass(world);
        seat_poll(alpha);
        seat_poll(beta);
        for (; seen < beta->count; seen++) {
            const tl_store_event *event = &beta->journal[seen].event;
            bool longer = event->type == TL_STORE_COMMITTED && event->done_us - event->begun_us > longest_us;
            longest_us = longer ? event->done_us - event->begun_us : longest_us;
        }
    }
    printf("  %d commits until the author was ended, at most %.1f ms for one of who ended it\n", commits,
           (double)longest_us / 1000);
    return commits;
}

TEST(a_quarantine_comes_through_while_its_author_commits)
{
    for (int with_bad = 0; with_bad < 2; with_bad++) {
        seat alpha, beta, watcher;
        begin(50);
        join_all(&alpha, &beta, &watcher);
        fill(&alpha, RECORDS);
        await_tick(&beta, 1, 1, RECORDS);
        const told *bad = seat_last(&beta, TL_STORE_RECORD, 1);
        while (bad->event.type != TL_STORE_RECORD || bad->event.tick != RECORDS - BACK + 1) {
            bad--;
        }
        const void *data = with_bad ? bad->data : NULL;
        size_t bytes = with_bad ? bad->event.size : 0;
        CHECK_EQUAL(tl_store_quarantine(beta.store, 1, 1, RECORDS - BACK, data, bytes), TL_OK);
        (void)go_on_until_lost(&alpha, &beta);
        CHECK_EQUAL(seat_last(&alpha, TL_STORE_LOST, 0)->event.tick, RECORDS - BACK);
        while (seat_count(&alpha, TL_STORE_STALLED, 0) >
               seat_count(&alpha, TL_STORE_RECOVERED, 0)) { // it goes on as a follower
            now_us = backend->pass(world);
            seat_poll(&alpha);
        }
        CHECK_EQUAL(await(&watcher, TL_STORE_FENCED, 1, 1)->event.tick, RECORDS - BACK);
        seat again;
        join(&again, "alpha");
        CHECK_EQUAL(again.tick, RECORDS - BACK);
        commit(&again, RECORDS);
        await_tick(&watcher, 1, 2, RECORDS);
        finish(&again);
        finish_all(&alpha, &beta, &watcher);
        end();
    }
}

// What it was not told before the end is not told after it, whatever the author has written in its place.
TEST(a_follower_that_pauses_over_a_quarantine_and_a_rejoin_goes_on)
{
    enum { ALL = 1400, LEFT = 900 };
    seat alpha, beta, watcher, sleeper, again;
    begin(51);
    join_all(&alpha, &beta, &watcher);
    join(&sleeper, NULL);
    sleeper.may_end_early = true;
    fill(&alpha, ALL);
    await_tick(&beta, 1, 1, ALL);
    CHECK_EQUAL(tl_store_quarantine(beta.store, 1, 1, LEFT, NULL, 0), TL_OK);
    await(&beta, TL_STORE_FENCED, 1, 1);
    join(&again, "alpha");
    fill(&again, ALL + 5); // ticks that were set aside, and more
    await_tick(&sleeper, 1, 2, ALL + 5);
    await_tick(&watcher, 1, 2, ALL + 5);
    size_t first_epoch = 0;
    for (size_t i = 0; i < sleeper.count; i++) {
        const tl_store_event *event = &sleeper.journal[i].event;
        first_epoch += event->type == TL_STORE_RECORD && event->epoch == 1;
    }
    // It may have looked at the log just before, and is told what was there then: how much that is depends on the
    // machine.
    printf("  %zu of %d records that were left, and of %d in all\n", first_epoch, LEFT, ALL);
    CHECK(first_epoch >= LEFT && first_epoch <= ALL + 1);
    seat_drop_set_aside(&sleeper);
    seat_drop_set_aside(&watcher);
    seat_check_same(&watcher, &sleeper, 1, false);
    finish(&sleeper);
    finish(&again);
    finish_all(&alpha, &beta, &watcher);
    end();
}

// ---- what is large -------------------------------------------------------------------------------------------------

static unsigned char large[LARGE_BYTES];

static void check_large(const told *t, int64_t tick)
{
    CHECK_EQUAL(t->event.tick, tick);
    CHECK_EQUAL(t->event.size, LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i += 997) {
        CHECK_EQUAL(t->data[i], tick % 251);
    }
}

TEST(two_servers_store_a_large_group_at_once)
{
    for (uint64_t seed = 0; seed < 4; seed++) {
        seat alpha, beta, watcher, late;
        begin(60 + seed);
        join_all(&alpha, &beta, &watcher);
        commit(&alpha, 200);
        commit(&beta, 200);
        memset(large, 200, sizeof(large));
        CHECK_EQUAL(tl_store_checkpoint(beta.store, GROUP, 100, "x", 1), TL_OK);
        CHECK_EQUAL(tl_store_checkpoint(alpha.store, GROUP, 200, large, sizeof(large)), TL_OK);
        for (int64_t tick = 101; tick < 199; tick++) {
            CHECK_EQUAL(tl_store_checkpoint(beta.store, GROUP, tick, "x", 1), TL_OK);
            for (uint64_t i = 0; i < seed + 1; i++) {
                now_us = backend->pass(world);
            }
        }
        drain(&alpha);
        drain(&beta);
        join(&late, NULL);
        check_large(seat_last(&late, TL_STORE_CHECKPOINT, 0), 200);
        finish(&late);
        finish_all(&alpha, &beta, &watcher);
        end();
    }
}

// Its parts are read one after the other, and in between they go, or are others.
TEST(a_large_record_is_set_aside_while_it_is_read)
{
    enum { ROUNDS = 6 };
    seat alpha, beta, watcher;
    begin(70);
    join_all(&alpha, &beta, &watcher);
    commit(&alpha, 1);
    for (int64_t round = 1; round <= ROUNDS; round++) {
        memset(large, (int)(2 + round), sizeof(large));
        CHECK_EQUAL(tl_store_submit(alpha.store, 2, large, sizeof(large), now_us), TL_OK);
        drain(&alpha);
        CHECK_EQUAL(tl_store_quarantine(beta.store, 1, (uint32_t)round, 1, NULL, 0), TL_OK);
        await(&alpha, TL_STORE_LOST, 0, 1);
        seat_free(&alpha);
        join(&alpha, "alpha");
        CHECK_EQUAL(alpha.tick, 1);
    }
    await(&watcher, TL_STORE_FENCED, 1, ROUNDS);
    for (size_t i = 0; i < watcher.count; i++) {
        const told *t = &watcher.journal[i];
        CHECK(t->event.type != TL_STORE_FAILED);
        if (t->event.type == TL_STORE_RECORD && t->event.tick == 2) {
            CHECK_EQUAL(t->event.size, LARGE_BYTES);
            CHECK(memcmp(t->data, t->data + 1, LARGE_BYTES - 1) == 0);
            CHECK_EQUAL(t->data[0], 2 + t->event.epoch);
        }
    }
    seat_free(&alpha);
    seat_free(&beta);
    seat_free(&watcher);
    end();
}

void alive_run(void)
{
    RUN(a_quarantine_comes_through_while_its_author_commits);
    RUN(a_follower_that_pauses_over_a_quarantine_and_a_rejoin_goes_on);
    RUN(two_servers_store_a_large_group_at_once);
    RUN(a_large_record_is_set_aside_while_it_is_read);
}
