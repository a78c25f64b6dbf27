// Epochs that are ended before records that were committed: those are set aside, for everybody and for good.
#include "fixture.h"

typedef struct quarantine_fixture {
    seat alpha, beta, watcher;
} quarantine_fixture;

static void begin_quarantine(quarantine_fixture *f, uint64_t seed)
{
    begin(seed);
    join(&f->alpha, "alpha");
    join(&f->beta, "beta");
    join(&f->watcher, NULL);
    f->alpha.may_end_early = f->beta.may_end_early = f->watcher.may_end_early = true;
}

static void end_quarantine(quarantine_fixture *f)
{
    finish(&f->alpha);
    finish(&f->beta);
    finish(&f->watcher);
    end();
}

static void commit_odd(quarantine_fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        commit(&f->alpha, 1 + 2 * i);
    }
    await(&f->beta, TL_STORE_RECORD, 1, (size_t)count);
    await(&f->watcher, TL_STORE_RECORD, 1, (size_t)count);
}

static tl_result quarantine(seat *s, uint32_t epoch, int64_t tick, const told *bad)
{
    const void *data = bad ? bad->data : NULL;
    return tl_store_quarantine(s->store, 1, epoch, tick, data, bad ? bad->event.size : 0);
}

// The journal's record of server 1 with that tick.
static const told *record_of(const seat *s, int64_t tick)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->journal[i].event.type == TL_STORE_RECORD && s->journal[i].event.tick == tick) {
            return &s->journal[i];
        }
    }
    CHECK(false);
    return NULL;
}

static void nothing_happens(quarantine_fixture *f)
{
    idle(&f->watcher);
    idle(&f->alpha);
    CHECK_EQUAL(seat_count(&f->watcher, TL_STORE_FENCED, 1), 0);
    CHECK(!f->alpha.lost);
}

static void check_records(const seat *s, const int64_t *ticks, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->journal[i].event.type == TL_STORE_RECORD && s->journal[i].event.server == 1) {
            CHECK(found < count);
            CHECK_EQUAL(s->journal[i].event.tick, ticks[found]);
            found++;
        }
    }
    CHECK_EQUAL(found, count);
}

// What is set aside, by a look from outside: these ticks of server 1, each in the epoch of its index.
static void check_aside(const int64_t *ticks, const uint32_t *epochs, size_t count)
{
    tl_store *store = backend->attach(world);
    told t = {0};
    char text[256];
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(tl_store_next_set_aside(store, &t.event, text, sizeof text), TL_OK);
        CHECK_EQUAL(t.event.type, TL_STORE_RECORD);
        CHECK_EQUAL(t.event.result, TL_OK);
        CHECK_EQUAL(t.event.server, 1);
        CHECK_EQUAL(t.event.epoch, epochs[i]);
        CHECK_EQUAL(t.event.tick, ticks[i]);
        CHECK(strcmp(t.event.name, "alpha") == 0);
        t.data = (unsigned char *)(uintptr_t)t.event.data;
        body_check(&t);
    }
    CHECK_EQUAL(tl_store_next_set_aside(store, &t.event, NULL, 0), TL_AGAIN);
    t.event.server = 0; // from the beginning
    CHECK_EQUAL(tl_store_next_set_aside(store, &t.event, NULL, 0), count ? TL_OK : TL_AGAIN);
    CHECK_EQUAL(tl_store_join(store, NULL), TL_OK);
    CHECK_EQUAL(tl_store_next_set_aside(store, &t.event, text, sizeof text), TL_ERR_STATE);
    tl_store_close(store, false);
}

TEST(quarantine_ends_an_epoch_before_its_last_records)
{
    quarantine_fixture f;
    begin_quarantine(&f, 31);
    commit_odd(&f, 5);
    CHECK_EQUAL(quarantine(&f.beta, 1, 3, record_of(&f.beta, 5)), TL_OK);
    seat *const all[] = {&f.beta, &f.watcher};
    for (int i = 0; i < 2; i++) {
        const told *t = await(all[i], TL_STORE_FENCED, 1, 1);
        CHECK_EQUAL(t->event.tick, 3);
        CHECK_EQUAL(t->event.epoch, 1);
        CHECK_EQUAL(t->event.heir, f.beta.server);
    }
    const told *lost = await(&f.alpha, TL_STORE_LOST, 0, 1);
    CHECK_EQUAL(lost->event.tick, 3);
    CHECK_EQUAL(lost->event.heir, f.beta.server);
    CHECK_EQUAL(seat_submit(&f.alpha, 11, now_us), TL_ERR_FENCED);
    seat late;
    join(&late, NULL);
    check_records(&late, (int64_t[]){1, 3}, 2);
    CHECK_EQUAL(seat_last(&late, TL_STORE_FENCED, 1)->event.tick, 3);
    finish(&late);
    check_aside((int64_t[]){5, 7, 9}, (uint32_t[]){1, 1, 1}, 3);
    end_quarantine(&f);
}

TEST(what_is_set_aside_is_told_by_epochs_and_ticks)
{
    quarantine_fixture f;
    begin_quarantine(&f, 40);
    check_aside(NULL, NULL, 0);
    commit_odd(&f, 4);
    CHECK_EQUAL(quarantine(&f.beta, 1, 3, NULL), TL_OK);
    await(&f.beta, TL_STORE_FENCED, 1, 1);
    seat again;
    join(&again, "alpha");
    commit(&again, 5); // a tick that was set aside in the epoch before
    commit(&again, 6);
    await(&f.beta, TL_STORE_RECORD, 1, 6);
    CHECK_EQUAL(quarantine(&f.beta, 2, 4, NULL), TL_OK);
    await(&f.beta, TL_STORE_FENCED, 1, 2);
    check_aside((int64_t[]){5, 7, 5, 6}, (uint32_t[]){1, 1, 2, 2}, 4);
    finish(&again);
    end_quarantine(&f);
}

TEST(after_a_quarantine_the_server_comes_back_and_may_use_the_ticks_again)
{
    quarantine_fixture f;
    begin_quarantine(&f, 32);
    commit_odd(&f, 5);
    CHECK_EQUAL(quarantine(&f.beta, 1, 3, NULL), TL_OK);
    await(&f.beta, TL_STORE_FENCED, 1, 1);
    seat again, late;
    join(&again, "alpha");
    CHECK_EQUAL(again.epoch, 2);
    CHECK_EQUAL(again.tick, 3);
    commit(&again, 5);
    commit(&again, 6);
    commit(&again, 20);
    await(&f.watcher, TL_STORE_RECORD, 1, 8);
    check_records(&f.watcher, (int64_t[]){1, 3, 5, 7, 9, 5, 6, 20}, 8);
    await(&f.alpha, TL_STORE_RECORD, 1, 3); // the old process follows its own name
    check_records(&f.alpha, (int64_t[]){5, 6, 20}, 3);
    CHECK_EQUAL(tl_store_truncate(again.store, 6), TL_OK);
    drain(&again);
    join(&late, NULL);
    check_records(&late, (int64_t[]){6, 20}, 2);
    finish(&late);
    finish(&again);
    end_quarantine(&f);
}

// A follower that slept through it all finds the log as it is now.
TEST(a_follower_that_is_behind_is_not_given_what_was_set_aside)
{
    quarantine_fixture f;
    begin_quarantine(&f, 33);
    seat sleeper;
    join(&sleeper, NULL);
    sleeper.may_end_early = true;
    commit_odd(&f, 2);
    await(&sleeper, TL_STORE_RECORD, 1, 2);
    commit(&f.alpha, 5);
    await(&f.beta, TL_STORE_RECORD, 1, 3);
    CHECK_EQUAL(quarantine(&f.beta, 1, 3, NULL), TL_OK);
    await(&f.beta, TL_STORE_FENCED, 1, 1);
    seat again;
    join(&again, "alpha");
    commit(&again, 9);
    await(&sleeper, TL_STORE_FENCED, 1, 1);
    await(&sleeper, TL_STORE_SERVER, 1, 2);
    while (seat_last(&sleeper, TL_STORE_RECORD, 1)->event.tick != 9) {
        idle(&sleeper);
    }
    finish(&sleeper);
    finish(&again);
    end_quarantine(&f);
}

TEST(quarantine_does_nothing_where_it_is_not_the_same_record_or_epoch)
{
    quarantine_fixture f;
    begin_quarantine(&f, 34);
    CHECK_EQUAL(tl_store_quarantine(f.watcher.store, 1, 1, 3, NULL, 0), TL_ERR_STATE);
    CHECK_EQUAL(tl_store_quarantine(f.alpha.store, 1, 1, 3, NULL, 0), TL_ERR_INVALID);
    CHECK_EQUAL(quarantine(&f.beta, 1, -2, NULL), TL_ERR_INVALID);
    commit_odd(&f, 3);
    CHECK_EQUAL(quarantine(&f.beta, 1, 1, record_of(&f.beta, 5)), TL_OK); // after 1 comes 3
    CHECK_EQUAL(quarantine(&f.beta, 1, 5, record_of(&f.beta, 5)), TL_OK); // nothing comes after 5
    CHECK_EQUAL(quarantine(&f.beta, 2, 1, NULL), TL_OK);
    nothing_happens(&f);
    CHECK_EQUAL(tl_store_truncate(f.alpha.store, 4), TL_OK);
    drain(&f.alpha);
    CHECK_EQUAL(quarantine(&f.beta, 1, 1, NULL), TL_OK); // what came after 1 is cut
    nothing_happens(&f);
    CHECK_EQUAL(quarantine(&f.beta, 1, 4, NULL), TL_OK); // between two records: the first stays
    CHECK_EQUAL(await(&f.watcher, TL_STORE_FENCED, 1, 1)->event.tick, 3);
    CHECK_EQUAL(quarantine(&f.beta, 1, 1, NULL), TL_OK); // it has ended
    idle(&f.watcher);
    CHECK_EQUAL(seat_count(&f.watcher, TL_STORE_FENCED, 1), 1);
    end_quarantine(&f);
}

TEST(quarantine_at_the_newest_record_is_a_fence)
{
    quarantine_fixture f;
    begin_quarantine(&f, 35);
    commit_odd(&f, 3);
    CHECK_EQUAL(quarantine(&f.beta, 1, 8, NULL), TL_OK);
    CHECK_EQUAL(await(&f.watcher, TL_STORE_FENCED, 1, 1)->event.tick, 5);
    CHECK_EQUAL(await(&f.alpha, TL_STORE_LOST, 0, 1)->event.tick, 5);
    end_quarantine(&f);
}

TEST(quarantine_never_reaches_back_into_an_earlier_epoch)
{
    quarantine_fixture f;
    begin_quarantine(&f, 36);
    commit_odd(&f, 3);
    seat again;
    join(&again, "alpha");
    commit(&again, 6);
    commit(&again, 7);
    await(&f.beta, TL_STORE_RECORD, 1, 5);
    CHECK_EQUAL(quarantine(&f.beta, 2, 1, NULL), TL_OK);
    const told *t = await(&f.watcher, TL_STORE_FENCED, 1, 2);
    CHECK_EQUAL(t->event.epoch, 2);
    CHECK_EQUAL(t->event.tick, 5);
    CHECK_EQUAL(await(&again, TL_STORE_LOST, 0, 1)->event.tick, 5);
    seat late;
    join(&late, NULL);
    check_records(&late, (int64_t[]){1, 3, 5}, 3);
    finish(&late);
    finish(&again);
    end_quarantine(&f);
}

TEST(what_a_server_left_behind_in_order_can_be_set_aside)
{
    quarantine_fixture f;
    begin_quarantine(&f, 37);
    commit_odd(&f, 3);
    seat_close(&f.alpha, true);
    CHECK_EQUAL(await(&f.beta, TL_STORE_FENCED, 1, 1)->event.tick, 5);
    CHECK_EQUAL(await(&f.watcher, TL_STORE_FENCED, 1, 1)->event.tick, 5);
    CHECK_EQUAL(quarantine(&f.beta, 1, 1, record_of(&f.beta, 3)), TL_OK);
    const told *t = await(&f.watcher, TL_STORE_FENCED, 1, 2);
    CHECK_EQUAL(t->event.tick, 1);
    CHECK_EQUAL(t->event.heir, f.beta.server);
    seat again;
    join(&again, "alpha");
    CHECK_EQUAL(again.tick, 1);
    finish(&again);
    end_quarantine(&f);
}

TEST(one_whose_lease_is_lost_quarantines_nobody)
{
    quarantine_fixture f;
    begin_quarantine(&f, 38);
    commit_odd(&f, 3);
    seat gamma;
    join(&gamma, "gamma");
    await(&gamma, TL_STORE_SERVER, 2, 1);
    CHECK_EQUAL(tl_store_fence(gamma.store, 2, 1, -1), TL_OK);
    await(&gamma, TL_STORE_FENCED, 2, 1);
    tl_result result = quarantine(&f.beta, 1, 1, NULL); // it may not know yet
    CHECK(result == TL_OK || result == TL_ERR_FENCED);
    nothing_happens(&f);
    finish(&gamma);
    end_quarantine(&f);
}

// Whatever the race between its commits and the end, all see the same log.
TEST(quarantine_is_atomic_against_commits)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        quarantine_fixture f;
        begin_quarantine(&f, 300 + seed);
        commit_odd(&f, 2);
        int64_t tick = 3;
        for (int i = 0; i < 40 && !f.alpha.lost; i++) {
            (void)seat_submit(&f.alpha, ++tick, now_us);
            if (i == (int)seed * 2) {
                CHECK_EQUAL(quarantine(&f.beta, 1, 3, NULL), TL_OK);
            }
            now_us = backend->pass(world);
            seat_poll(&f.alpha);
        }
        CHECK_EQUAL(await(&f.alpha, TL_STORE_LOST, 0, 1)->event.tick,
                    await(&f.watcher, TL_STORE_FENCED, 1, 1)->event.tick);
        seat late;
        join(&late, NULL);
        CHECK_EQUAL(seat_last(&late, TL_STORE_RECORD, 1)->event.tick, seat_last(&late, TL_STORE_FENCED, 1)->event.tick);
        seat_drop_set_aside(&f.watcher);
        seat_check_same(&late, &f.watcher, 1, false);
        finish(&late);
        end_quarantine(&f);
    }
}

void quarantine_run(void)
{
    RUN(quarantine_ends_an_epoch_before_its_last_records);
    RUN(what_is_set_aside_is_told_by_epochs_and_ticks);
    RUN(after_a_quarantine_the_server_comes_back_and_may_use_the_ticks_again);
    RUN(a_follower_that_is_behind_is_not_given_what_was_set_aside);
    RUN(quarantine_does_nothing_where_it_is_not_the_same_record_or_epoch);
    RUN(quarantine_at_the_newest_record_is_a_fence);
    RUN(quarantine_never_reaches_back_into_an_earlier_epoch);
    RUN(what_a_server_left_behind_in_order_can_be_set_aside);
    RUN(one_whose_lease_is_lost_quarantines_nobody);
    RUN(quarantine_is_atomic_against_commits);
}
