#include "fixture.h"

#include <time.h>

const contract_backend *backend;
void *world;
uint64_t now_us;

void begin(uint64_t seed)
{
    world = backend->create(seed);
    now_us = backend->pass(world);
}

void end(void)
{
    backend->destroy(world);
    world = NULL;
}

void attach(seat *s, const char *name)
{
    seat_open(s, backend->attach(world), name);
}

static time_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

// Lets time go by until the seat was told `count` such events in all.
const told *await(seat *s, tl_store_event_type type, tl_server_number server, size_t count)
{
    time_t until = seconds() + 30;
    seat_poll(s);
    while (seat_count(s, type, server) < count) {
        now_us = backend->pass(world);
        seat_poll(s);
        CHECK(seconds() < until);
    }
    return seat_last(s, type, server);
}

void join(seat *s, const char *name)
{
    attach(s, name);
    await(s, TL_STORE_LOADED, 0, 1);
}

// Lets enough time go by for whatever is not going to happen.
void idle(seat *s)
{
    for (int i = 0; i < 100; i++) {
        now_us = backend->pass(world);
        seat_poll(s);
    }
}

void commit(seat *s, int64_t tick)
{
    size_t before = seat_count(s, TL_STORE_COMMITTED, 0);
    CHECK_EQUAL(seat_submit(s, tick, now_us), TL_OK);
    const told *t = await(s, TL_STORE_COMMITTED, 0, before + 1);
    CHECK_EQUAL(t->event.tick, tick);
}

void finish(seat *s)
{
    seat_check(s);
    seat_free(s);
}

void drain(seat *s)
{
    time_t until = seconds() + 30;
    while (tl_store_drain(s->store, 50) != TL_OK) {
        now_us = backend->pass(world);
        seat_poll(s);
        CHECK(seconds() < until);
    }
}
