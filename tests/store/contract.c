#include "fixture.h"

// ---- joining -------------------------------------------------------------------------------------------------------

TEST(world_is_made_once)
{
    begin(1);
    tl_store *store = backend->attach(world);
    tl_world_info info;
    CHECK_EQUAL(tl_store_get_world(store, &info), TL_OK);
    CHECK_EQUAL(info.tick_hz, 20);
    CHECK(strcmp(info.scenario, "test") == 0);
    CHECK_EQUAL(info.seed, UINT64_MAX);
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_ERR_EXISTS);
    info.tick_hz = 241;
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_ERR_INVALID);
    info.format = TL_STORE_FORMAT + 1;
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_ERR_VERSION);
    CHECK_EQUAL(tl_store_join(store, "a/b"), TL_ERR_INVALID);
    CHECK_EQUAL(tl_store_join(store, ""), TL_ERR_INVALID);
    CHECK_EQUAL(tl_store_join(store, "12345678901234567890123456789012"), TL_ERR_INVALID);
    CHECK_EQUAL(tl_store_submit(store, 1, "x", 1, now_us), TL_ERR_STATE);
    CHECK_EQUAL(tl_store_fence(store, 1, 1, 1), TL_ERR_STATE);
    tl_store_close(store, false);
    end();
}

TEST(join_tells_number_epoch_and_tick)
{
    begin(2);
    seat alpha, beta;
    join(&alpha, "alpha");
    CHECK_EQUAL(alpha.server, 1);
    CHECK_EQUAL(alpha.epoch, 1);
    CHECK_EQUAL(alpha.tick, -1);
    CHECK_EQUAL(tl_store_join(alpha.store, "alpha"), TL_ERR_STATE);
    commit(&alpha, 5);
    CHECK_EQUAL(seat_submit(&alpha, 5, now_us), TL_ERR_INVALID);
    join(&beta, "beta");
    CHECK_EQUAL(beta.server, 2);
    const told *t = seat_last(&beta, TL_STORE_SERVER, 1);
    CHECK(t && strcmp(t->event.name, "alpha") == 0);
    CHECK_EQUAL(t->event.epoch, 1);
    t = seat_last(&beta, TL_STORE_RECORD, 1);
    CHECK(t && t->event.tick == 5);
    t = await(&alpha, TL_STORE_SERVER, 2, 1);
    CHECK(strcmp(t->event.name, "beta") == 0);
    CHECK_EQUAL(t->event.tick, -1);
    finish(&alpha);
    finish(&beta);
    end();
}

TEST(rejoin_raises_the_epoch_and_keeps_the_groups)
{
    begin(3);
    seat watcher, old, new;
    join(&watcher, NULL);
    CHECK_EQUAL(tl_store_submit(watcher.store, 1, "x", 1, now_us), TL_ERR_STATE);
    join(&old, "alpha");
    commit(&old, 1);
    commit(&old, 2);
    join(&new, "alpha");
    CHECK_EQUAL(new.server, old.server);
    CHECK_EQUAL(new.epoch, 2);
    CHECK_EQUAL(new.tick, 2);
    CHECK_EQUAL(seat_count(&new, TL_STORE_RECORD, 1), 2);
    const told *t = await(&old, TL_STORE_LOST, 0, 1);
    CHECK_EQUAL(t->event.tick, 2);
    CHECK_EQUAL(t->event.heir, 1);
    CHECK_EQUAL(seat_submit(&old, 3, now_us), TL_ERR_FENCED);
    commit(&new, 3);
    t = await(&watcher, TL_STORE_RECORD, 1, 3);
    CHECK_EQUAL(t->event.epoch, 2);
    t = seat_last(&watcher, TL_STORE_FENCED, 1);
    CHECK_EQUAL(t->event.epoch, 1);
    CHECK_EQUAL(t->event.tick, 2);
    CHECK_EQUAL(t->event.heir, 1);
    CHECK_EQUAL(seat_last(&watcher, TL_STORE_SERVER, 1)->event.epoch, 2);
    // The old process goes on as a follower, of its own name too.
    t = await(&old, TL_STORE_RECORD, 1, 1);
    CHECK_EQUAL(t->event.tick, 3);
    finish(&watcher);
    finish(&old);
    finish(&new);
    end();
}

TEST(crash_before_the_commit_loses_only_what_was_not_committed)
{
    begin(4);
    seat watcher, alpha;
    join(&watcher, NULL);
    join(&alpha, "alpha");
    commit(&alpha, 1);
    CHECK_EQUAL(seat_submit(&alpha, 2, now_us), TL_OK);
    seat_close(&alpha, false);
    seat again;
    join(&again, "alpha");
    CHECK(again.tick == 1 || again.tick == 2);
    int64_t tick = again.tick;
    commit(&again, 10);
    await(&watcher, TL_STORE_RECORD, 1, tick == 1 ? 2 : 3);
    idle(&watcher);
    CHECK_EQUAL(seat_count(&watcher, TL_STORE_RECORD, 1), tick == 1 ? 2 : 3);
    finish(&watcher);
    finish(&alpha);
    finish(&again);
    end();
}

// ---- fencing -------------------------------------------------------------------------------------------------------

TEST(fence_ends_the_epoch_and_names_the_heir)
{
    begin(5);
    seat alpha, beta;
    join(&alpha, "alpha");
    join(&beta, "beta");
    commit(&alpha, 1);
    await(&beta, TL_STORE_RECORD, 1, 1);
    CHECK_EQUAL(tl_store_fence(beta.store, beta.server, 1, -1), TL_ERR_INVALID);
    // A wrong tick or epoch: it lives.
    CHECK_EQUAL(tl_store_fence(beta.store, 1, 1, 0), TL_OK);
    CHECK_EQUAL(tl_store_fence(beta.store, 1, 2, 1), TL_OK);
    idle(&beta);
    CHECK_EQUAL(seat_count(&beta, TL_STORE_FENCED, 0), 0);
    commit(&alpha, 2);
    CHECK_EQUAL(tl_store_fence(beta.store, 1, 1, 2), TL_OK);
    const told *t = await(&beta, TL_STORE_FENCED, 1, 1);
    CHECK_EQUAL(t->event.heir, beta.server);
    CHECK_EQUAL(t->event.tick, 2);
    CHECK_EQUAL(t->event.epoch, 1);
    t = await(&alpha, TL_STORE_LOST, 0, 1);
    CHECK_EQUAL(t->event.heir, beta.server);
    CHECK_EQUAL(t->event.tick, 2);
    // It comes back: a new epoch; the old one's history stays.
    seat again;
    join(&again, "alpha");
    CHECK_EQUAL(again.epoch, 2);
    t = seat_last(&again, TL_STORE_FENCED, 1);
    CHECK(t && t->event.heir == beta.server && t->event.epoch == 1);
    finish(&alpha);
    finish(&beta);
    finish(&again);
    end();
}

TEST(zombie_commits_nothing)
{
    begin(6);
    seat alpha, beta, watcher;
    join(&alpha, "alpha");
    join(&beta, "beta");
    join(&watcher, NULL);
    commit(&alpha, 1);
    await(&beta, TL_STORE_RECORD, 1, 1);
    CHECK_EQUAL(tl_store_fence(beta.store, 1, 1, 1), TL_OK);
    await(&beta, TL_STORE_FENCED, 1, 1);
    // alpha has not polled: it does not know yet.
    (void)seat_submit(&alpha, 2, now_us);
    (void)tl_store_fence(alpha.store, 2, 1, -1);
    const told *t = await(&alpha, TL_STORE_LOST, 0, 1);
    CHECK_EQUAL(t->event.tick, 1);
    idle(&watcher);
    CHECK_EQUAL(seat_count(&watcher, TL_STORE_RECORD, 1), 1);
    CHECK_EQUAL(seat_count(&watcher, TL_STORE_FENCED, 2), 0);
    CHECK_EQUAL(seat_count(&alpha, TL_STORE_COMMITTED, 0), 1);
    CHECK_EQUAL(tl_store_checkpoint(alpha.store, 1, 1, "x", 1), TL_ERR_FENCED);
    finish(&alpha);
    finish(&beta);
    finish(&watcher);
    end();
}

TEST(of_two_fencers_one_wins)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        begin(100 + seed);
        seat alpha, rivals[2];
        join(&alpha, "alpha");
        join(&rivals[0], "beta");
        join(&rivals[1], "gamma");
        commit(&alpha, 7);
        seat_close(&alpha, false);
        for (int i = 0; i < 2; i++) {
            await(&rivals[i], TL_STORE_RECORD, 1, 1);
        }
        for (int i = 0; i < 2; i++) {
            tl_store *store = rivals[(seed + (uint64_t)i) % 2].store;
            CHECK_EQUAL(tl_store_fence(store, 1, 1, 7), TL_OK);
        }
        tl_server_number heir = await(&rivals[0], TL_STORE_FENCED, 1, 1)->event.heir;
        CHECK_EQUAL(await(&rivals[1], TL_STORE_FENCED, 1, 1)->event.heir, heir);
        CHECK(heir == rivals[0].server || heir == rivals[1].server);
        idle(&rivals[0]);
        CHECK_EQUAL(seat_count(&rivals[0], TL_STORE_FENCED, 1), 1);
        finish(&alpha);
        finish(&rivals[0]);
        finish(&rivals[1]);
        end();
    }
}

TEST(two_servers_that_fence_each_other_do_not_both_win)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        begin(200 + seed);
        seat a, b, watcher;
        join(&a, "alpha");
        join(&b, "beta");
        join(&watcher, NULL);
        await(&a, TL_STORE_SERVER, 2, 1);
        CHECK_EQUAL(tl_store_fence(a.store, 2, 1, -1), TL_OK);
        tl_result result = tl_store_fence(b.store, 1, 1, -1); // it may know already that it was slower
        CHECK(result == TL_OK || result == TL_ERR_FENCED);
        const told *fenced = await(&watcher, TL_STORE_FENCED, 0, 1);
        await(fenced->event.server == a.server ? &a : &b, TL_STORE_LOST, 0, 1);
        idle(&watcher);
        idle(&a);
        idle(&b);
        CHECK_EQUAL(seat_count(&watcher, TL_STORE_FENCED, 0), 1);
        CHECK(a.lost != b.lost);
        finish(&a);
        finish(&b);
        finish(&watcher);
        end();
    }
}

TEST(one_that_leaves_is_taken_over_by_the_first_that_asks)
{
    begin(7);
    seat alpha, beta;
    join(&alpha, "alpha");
    join(&beta, "beta");
    commit(&alpha, 3);
    seat_close(&alpha, true);
    const told *t = await(&beta, TL_STORE_FENCED, 1, 1);
    CHECK_EQUAL(t->event.heir, 0);
    CHECK_EQUAL(t->event.tick, 3);
    CHECK_EQUAL(tl_store_fence(beta.store, 1, 1, 3), TL_OK);
    t = await(&beta, TL_STORE_FENCED, 1, 2);
    CHECK_EQUAL(t->event.heir, beta.server);
    CHECK_EQUAL(t->event.epoch, 1);
    // One that leaves and returns before that keeps its groups.
    seat_close(&beta, true);
    seat again;
    join(&again, "beta");
    t = seat_last(&again, TL_STORE_FENCED, 2);
    CHECK(t && t->event.heir == 2);
    finish(&alpha);
    finish(&beta);
    finish(&again);
    end();
}

// ---- order ---------------------------------------------------------------------------------------------------------

static void check_alternates(const seat *s)
{
    int64_t tick = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->journal[i].event.type == TL_STORE_RECORD) {
            CHECK_EQUAL(s->journal[i].event.tick, tick);
            tick++;
        }
    }
    CHECK_EQUAL(tick, 100);
}

// Two servers answer each other's records: nobody is told an answer before what it answers, although one's clock is
// late.
TEST(what_a_server_had_seen_is_told_before_what_it_wrote)
{
    begin(14);
    seat rivals[2], watcher, loader;
    join(&rivals[0], "alpha");
    join(&rivals[1], "beta");
    join(&watcher, NULL);
    for (int64_t tick = 0; tick < 100; tick++) {
        CHECK_EQUAL(seat_submit(&rivals[tick % 2], tick, tick % 2 ? now_us / 2 : now_us), TL_OK);
        await(&rivals[(tick + 1) % 2], TL_STORE_RECORD, 0, (size_t)tick / 2 + 1);
        seat_poll(&watcher);
    }
    await(&watcher, TL_STORE_RECORD, 0, 100);
    join(&loader, NULL);
    check_alternates(&watcher);
    check_alternates(&loader);
    finish(&rivals[0]);
    finish(&rivals[1]);
    finish(&watcher);
    finish(&loader);
    end();
}

// ---- checkpoints ---------------------------------------------------------------------------------------------------

static void put(seat *s, tl_group_id group, int64_t tick, const char *text)
{
    CHECK_EQUAL(tl_store_checkpoint(s->store, group, tick, text, strlen(text)), TL_OK);
}

static const told *find_checkpoint(const seat *s, tl_group_id group)
{
    const told *found = NULL;
    for (size_t i = 0; i < s->count; i++) {
        if (s->journal[i].event.type == TL_STORE_CHECKPOINT && s->journal[i].event.group == group) {
            CHECK(!found);
            found = &s->journal[i];
        }
    }
    return found;
}

TEST(newest_checkpoint_wins_and_a_tombstone_is_one)
{
    begin(8);
    seat alpha, beta, loader;
    join(&alpha, "alpha");
    join(&beta, "beta");
    commit(&alpha, 10);
    commit(&beta, 20);
    CHECK_EQUAL(tl_store_checkpoint(alpha.store, 1, 11, "x", 1), TL_ERR_INVALID); // was not submitted
    CHECK_EQUAL(tl_store_checkpoint(alpha.store, 0, 10, "x", 1), TL_ERR_INVALID);
    put(&alpha, 1, 9, "old");
    put(&alpha, 1, 10, "new");
    put(&alpha, 2, 10, "kept");
    put(&alpha, 3, 5, "gone");
    drain(&alpha);
    put(&beta, 1, 10, "same tick");
    put(&beta, 2, 4, "older");
    put(&beta, 3, 20, "");
    drain(&beta);
    join(&loader, NULL);
    CHECK_EQUAL(seat_count(&loader, TL_STORE_CHECKPOINT, 0), 3);
    const told *t = find_checkpoint(&loader, 1);
    CHECK(t->event.size == 3 && memcmp(t->data, "new", 3) == 0 && t->event.tick == 10);
    t = find_checkpoint(&loader, 2);
    CHECK(t->event.size == 4 && memcmp(t->data, "kept", 4) == 0);
    t = find_checkpoint(&loader, 3);
    CHECK(t->event.size == 0 && t->event.tick == 20);
    finish(&alpha);
    finish(&beta);
    finish(&loader);
    end();
}

TEST(cut_drops_old_records_and_keeps_the_newest)
{
    begin(9);
    seat alpha, watcher, loader;
    join(&watcher, NULL);
    join(&alpha, "alpha");
    for (int64_t tick = 1; tick <= 60; tick++) {
        commit(&alpha, tick * 3);
    }
    put(&alpha, 77, 150, "state");
    CHECK_EQUAL(tl_store_truncate(alpha.store, 150), TL_OK);
    drain(&alpha);
    await(&watcher, TL_STORE_RECORD, 1, 60);
    join(&loader, NULL);
    CHECK(find_checkpoint(&loader, 77));
    CHECK_EQUAL(seat_count(&loader, TL_STORE_RECORD, 1), 11);
    CHECK_EQUAL(seat_last(&loader, TL_STORE_RECORD, 1)->event.tick, 180);
    seat_check_same(&watcher, &loader, 1, true);
    // All of it: the newest stays, so that the last tick can still be told.
    CHECK_EQUAL(tl_store_truncate(alpha.store, 1000), TL_OK);
    drain(&alpha);
    commit(&alpha, 200);
    finish(&loader);
    join(&loader, NULL);
    CHECK_EQUAL(seat_count(&loader, TL_STORE_RECORD, 1), 2);
    CHECK_EQUAL(seat_last(&loader, TL_STORE_RECORD, 1)->event.tick, 200);
    finish(&alpha);
    finish(&watcher);
    finish(&loader);
    end();
}

TEST(load_after_a_restart_gives_what_was_committed)
{
    begin(10);
    seat a, b, watcher;
    join(&watcher, NULL);
    join(&a, "alpha");
    join(&b, "beta");
    for (int64_t tick = 0; tick < 150; tick++) {
        CHECK_EQUAL(seat_submit(&a, tick, now_us), TL_OK);
        CHECK_EQUAL(seat_submit(&b, tick * 2, now_us), TL_OK);
        await(&a, TL_STORE_COMMITTED, 0, tick < 40 ? 0 : (size_t)tick - 40);
        await(&b, TL_STORE_COMMITTED, 0, tick < 40 ? 0 : (size_t)tick - 40);
    }
    drain(&a);
    drain(&b);
    seat_close(&a, false);
    seat_close(&b, false);
    await(&watcher, TL_STORE_RECORD, 0, 300);
    seat again, loader;
    join(&again, "beta");
    CHECK_EQUAL(again.tick, 298);
    CHECK_EQUAL(seat_count(&again, TL_STORE_RECORD, 0), 300);
    join(&loader, NULL);
    for (tl_server_number server = 1; server <= 2; server++) {
        seat_check_same(&watcher, &again, server, false);
        seat_check_same(&watcher, &loader, server, false);
    }
    finish(&a);
    finish(&b);
    finish(&watcher);
    finish(&again);
    finish(&loader);
    end();
}

// ---- limits and stalls ---------------------------------------------------------------------------------------------

TEST(stall_is_told_once_and_nothing_is_lost)
{
    begin(11);
    seat alpha, watcher;
    join(&watcher, NULL);
    join(&alpha, "alpha");
    commit(&alpha, 1);
    backend->stall(world, "alpha", true);
    CHECK_EQUAL(seat_submit(&alpha, 2, now_us), TL_OK);
    const told *t = await(&alpha, TL_STORE_STALLED, 0, 1);
    CHECK(t->event.result != TL_OK && t->event.text[0] != 0);
    idle(&alpha);
    CHECK_EQUAL(seat_count(&alpha, TL_STORE_COMMITTED, 0), 1);
    // The queue has a limit, and it holds.
    int64_t tick = 3;
    while (seat_submit(&alpha, tick, now_us) == TL_OK) {
        tick++;
    }
    CHECK_EQUAL(tick, 66);
    CHECK_EQUAL(seat_submit(&alpha, tick, now_us), TL_ERR_FULL);
    CHECK_EQUAL(tl_store_drain(alpha.store, 5), TL_AGAIN);
    backend->stall(world, "alpha", false);
    await(&alpha, TL_STORE_RECOVERED, 0, 1);
    await(&alpha, TL_STORE_COMMITTED, 0, 65);
    commit(&alpha, tick);
    CHECK_EQUAL(seat_count(&alpha, TL_STORE_STALLED, 0), 1);
    CHECK_EQUAL(seat_count(&alpha, TL_STORE_RECOVERED, 0), 1);
    await(&watcher, TL_STORE_RECORD, 1, 66);
    finish(&alpha);
    finish(&watcher);
    end();
}

TEST(queues_are_bounded_in_bytes)
{
    begin(12);
    seat alpha;
    join(&alpha, "alpha");
    backend->stall(world, "alpha", true);
    size_t size = 15 << 20;
    unsigned char *body = calloc(1, TL_RECORD_BYTES_MAX + 1);
    CHECK(body);
    CHECK_EQUAL(tl_store_submit(alpha.store, 1, body, TL_RECORD_BYTES_MAX + 1, now_us), TL_ERR_INVALID);
    for (int64_t tick = 1; tick <= 4; tick++) {
        CHECK_EQUAL(tl_store_submit(alpha.store, tick, body, size, now_us), TL_OK);
    }
    CHECK_EQUAL(tl_store_submit(alpha.store, 5, body, size, now_us), TL_ERR_FULL);
    free(body);
    backend->stall(world, "alpha", false);
    await(&alpha, TL_STORE_COMMITTED, 0, 4);
    seat_free(&alpha);
    end();
}

TEST(a_slow_follower_gets_all_of_it)
{
    begin(13);
    seat alpha, slow;
    join(&slow, NULL);
    join(&alpha, "alpha");
    enum { RECORDS = 1500 };
    for (int64_t tick = 0; tick < RECORDS; tick++) {
        CHECK_EQUAL(tl_store_submit(alpha.store, tick, &tick, sizeof(tick), now_us), TL_OK);
        await(&alpha, TL_STORE_COMMITTED, 0, tick < 40 ? 0 : (size_t)tick - 40);
    }
    drain(&alpha);
    await(&slow, TL_STORE_RECORD, 1, RECORDS);
    int64_t tick = 0;
    for (size_t i = 0; i < slow.count; i++) {
        if (slow.journal[i].event.type == TL_STORE_RECORD) {
            CHECK_EQUAL(slow.journal[i].event.tick, tick);
            CHECK(memcmp(slow.journal[i].data, &tick, sizeof(tick)) == 0);
            tick++;
        }
    }
    seat_free(&alpha);
    seat_free(&slow);
    end();
}

void contract_run(const contract_backend *with)
{
    backend = with;
    RUN(world_is_made_once);
    RUN(join_tells_number_epoch_and_tick);
    RUN(rejoin_raises_the_epoch_and_keeps_the_groups);
    RUN(crash_before_the_commit_loses_only_what_was_not_committed);
    RUN(fence_ends_the_epoch_and_names_the_heir);
    RUN(zombie_commits_nothing);
    RUN(of_two_fencers_one_wins);
    RUN(two_servers_that_fence_each_other_do_not_both_win);
    RUN(one_that_leaves_is_taken_over_by_the_first_that_asks);
    RUN(what_a_server_had_seen_is_told_before_what_it_wrote);
    RUN(newest_checkpoint_wins_and_a_tombstone_is_one);
    RUN(cut_drops_old_records_and_keeps_the_newest);
    RUN(load_after_a_restart_gives_what_was_committed);
    RUN(stall_is_told_once_and_nothing_is_lost);
    RUN(queues_are_bounded_in_bytes);
    RUN(a_slow_follower_gets_all_of_it);
    quarantine_run();
    alive_run();
    RUN(random_interleavings_lose_and_double_nothing);
    restore_run();
}
