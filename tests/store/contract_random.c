// Servers that commit, crash, rejoin, leave, checkpoint and fence at random; then what is stored is compared with what
// everybody was told.
#include "fixture.h"

enum { SERVERS = 3, TICKS_MAX = 100000 };

typedef struct random_run {
    uint64_t random;
    int64_t tick;
    seat live[SERVERS];
    seat *past; // closed seats
    size_t past_count, past_room;
    seat watcher;
    bool early; // epochs may end before records that were committed
} random_run;

static void retire(random_run *run, seat *s, bool leave)
{
    seat_poll(s);
    seat_close(s, leave);
    if (run->past_count == run->past_room) {
        run->past_room = run->past_room ? run->past_room * 2 : 16;
        run->past = realloc(run->past, run->past_room * sizeof(*run->past));
        CHECK(run->past);
    }
    run->past[run->past_count++] = *s;
    memset(s, 0, sizeof(*s));
}

static const char *const names[SERVERS] = {"alpha", "beta", "gamma"};

static void fence_some(random_run *run, seat *s)
{
    // By what it knows: the last record of the other, or a guess that must do no harm.
    tl_server_number other = (tl_server_number)(1 + check_random(&run->random) % SERVERS);
    const told *record = seat_last(s, TL_STORE_RECORD, other);
    const told *server = seat_last(s, TL_STORE_SERVER, other);
    if (other == s->server || !server) {
        return;
    }
    int64_t tick = server->event.tick;
    if (record && record->event.tick > tick) {
        tick = record->event.tick;
    }
    if (run->early && check_random(&run->random) % 2) {
        tick -= (int64_t)(check_random(&run->random) % 8);
        (void)tl_store_quarantine(s->store, other, server->event.epoch, tick < -1 ? -1 : tick, NULL, 0);
        return;
    }
    (void)tl_store_fence(s->store, other, server->event.epoch, tick);
}

static void random_step(random_run *run)
{
    size_t index = check_random(&run->random) % SERVERS;
    seat *s = &run->live[index];
    uint64_t dice = check_random(&run->random) % 100;
    if (!s->store) {
        if (dice < 30) {
            attach(s, names[index]);
            s->may_end_early = run->early;
        }
        return;
    }
    seat_poll(s);
    if (s->lost && dice < 50) {
        retire(run, s, false);
    } else if (!s->joined) {
        return;
    } else if (dice < 70) {
        (void)seat_submit(s, ++run->tick, now_us);
    } else if (dice < 80 && s->tick >= 0) {
        (void)tl_store_checkpoint(s->store, (tl_group_id)1 + check_random(&run->random) % 20, s->tick, "state", 5);
    } else if (dice < 84) {
        fence_some(run, s);
    } else if (dice < 86) {
        retire(run, s, dice == 84);
    } else if (dice < 87) {
        seat second; // the same name again, while the old one still runs
        attach(&second, names[index]);
        await(&second, TL_STORE_JOINED, 0, 1);
        second.may_end_early = run->early;
        retire(run, s, false);
        *s = second;
    }
}

// The last tick of a server's epoch, if it has ended.
static int64_t last_tick_of(const seat *loader, tl_server_number server, uint32_t epoch)
{
    int64_t tick = INT64_MAX;
    for (size_t i = 0; i < loader->count; i++) {
        const tl_store_event *event = &loader->journal[i].event;
        if (event->type == TL_STORE_FENCED && event->server == server && event->epoch == epoch) {
            tick = event->tick; // one that left in order may be ended again, earlier
        }
    }
    return tick;
}

// What was reported as committed is there, and what is there was submitted by that epoch.
static void check_truth(const random_run *run, const seat *loader)
{
    static uint32_t epoch_of[TICKS_MAX]; // ticks are of one server only in this test
    memset(epoch_of, 0, sizeof(epoch_of));
    for (size_t i = 0; i < loader->count; i++) {
        const tl_store_event *event = &loader->journal[i].event;
        if (event->type == TL_STORE_RECORD) {
            CHECK(event->tick < TICKS_MAX && epoch_of[event->tick] == 0);
            epoch_of[event->tick] = event->epoch * 8 + event->server;
        }
    }
    for (size_t i = 0; i < run->past_count; i++) {
        const seat *s = &run->past[i];
        for (size_t j = 0; j < s->count; j++) {
            const tl_store_event *event = &s->journal[j].event;
            if (event->type == TL_STORE_COMMITTED && event->tick <= last_tick_of(loader, s->server, s->epoch)) {
                CHECK_EQUAL(epoch_of[event->tick], s->epoch * 8 + s->server);
            }
        }
    }
}

static void settle(random_run *run)
{
    for (size_t i = 0; i < SERVERS; i++) {
        if (run->live[i].store) {
            seat_poll(&run->live[i]);
            if (run->live[i].joined && !run->live[i].lost) {
                drain(&run->live[i]);
            }
            retire(run, &run->live[i], false);
        }
    }
    idle(&run->watcher);
}

static void random_interleaving(uint64_t seed, bool early)
{
    random_run run = {.random = seed, .tick = 0, .early = early};
    begin(seed);
    attach(&run.watcher, NULL);
    run.watcher.may_end_early = early;
    for (int i = 0; i < backend->steps; i++) {
        random_step(&run);
        if (check_random(&run.random) % 4 == 0) {
            now_us = backend->pass(world);
            seat_poll(&run.watcher);
        }
    }
    settle(&run);
    seat loader;
    join(&loader, NULL);
    loader.may_end_early = early;
    await(&run.watcher, TL_STORE_RECORD, 0, seat_count(&loader, TL_STORE_RECORD, 0));
    idle(&run.watcher);
    seat_drop_set_aside(&run.watcher);
    seat_drop_set_aside(&loader);
    for (tl_server_number server = 1; server <= SERVERS; server++) {
        seat_check_same(&loader, &run.watcher, server, false);
        CHECK_EQUAL(seat_count(&loader, TL_STORE_FENCED, server) > 0,
                    seat_count(&run.watcher, TL_STORE_FENCED, server) > 0);
    }
    check_truth(&run, &loader);
    for (size_t i = 0; i < run.past_count; i++) {
        finish(&run.past[i]);
    }
    free(run.past);
    finish(&loader);
    finish(&run.watcher);
    end();
}

void random_interleavings_lose_and_double_nothing(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        random_interleaving(seed * 1000, seed % 2 == 0);
    }
}
