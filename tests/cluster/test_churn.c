// Clients that jump about make the server open tiles and code them whole, each tick anew. What that may cost is
// bounded, for each of them and for all, in units of slots; who only rides does not notice.
#include "cluster.h"

#include <math.h>
#include <time.h>

enum { ENTITIES = 20000, ENTITIES_FEW = 4000, ENTITIES_MANY = 100000, JUMPERS = 10 };

static uint64_t seed;

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

// A client's transport that makes of each report one that acknowledges nothing: what it was sent never arrives for
// certain, so that no stream is ever closed.
typedef struct mute {
    tl_transport base;
    tl_transport *inner;
} mute;

static tl_result mute_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    mute *m = (mute *)self;
    return tl_transport_poll(m->inner, now_us, out);
}

static tl_result mute_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    enum { REPORT = 0x02, BITS_AT = 5, BITS = 16 };
    mute *m = (mute *)self;
    unsigned char copy[TL_DATAGRAM_BYTES_MAX];
    memcpy(copy, data, size);
    if (copy[0] == REPORT && size >= BITS_AT + BITS) {
        memset(copy + BITS_AT, 0, BITS);
    }
    return tl_transport_send(m->inner, peer, copy, size);
}

static void mute_flush(tl_transport *self)
{
    mute *m = (mute *)self;
    tl_transport_flush(m->inner);
}

static void mute_drop(tl_transport *self, tl_peer peer)
{
    mute *m = (mute *)self;
    tl_transport_drop(m->inner, peer);
}

static int mute_wait_fd(tl_transport *self)
{
    return -1;
}

static void mute_close(tl_transport *self)
{
    mute *m = (mute *)self;
    tl_transport_close(m->inner);
}

static const tl_transport_ops mute_ops = {.poll = mute_poll,
                                          .send = mute_send,
                                          .flush = mute_flush,
                                          .drop = mute_drop,
                                          .wait_fd = mute_wait_fd,
                                          .close = mute_close};

typedef struct churn {
    cluster *c;
    tl_client *jumpers[JUMPERS];
    tl_transport *transports[JUMPERS];
    mute mutes[JUMPERS];
    uint64_t random;
    double server_ms;          // of the server's steps alone
    uint64_t units, units_max; // in a tick
    uint64_t jump_us;
    uint32_t ticks, streams_max;
} churn;

static void jump_all(churn *h)
{
    for (int i = 0; i < JUMPERS; i++) {
        if (h->jumpers[i]) {
            tl_client_observe_point(h->jumpers[i], (tl_vec3){check_random_between(&h->random, -4000, 4000), 2,
                                                             check_random_between(&h->random, -4000, 4000)});
        }
    }
}

static void run(churn *h, double seconds)
{
    cluster *c = h->c;
    uint64_t end_us = c->now_us + (uint64_t)(seconds * 1e6);
    tl_server *server = c->nodes[0].server;
    h->server_ms = 0, h->units = h->units_max = h->ticks = h->streams_max = 0;
    while (c->now_us < end_us) {
        c->now_us += 1000;
        tl_memory_world_advance(c->world, c->now_us);
        tl_memory_network_advance(c->nodes[0].network, c->now_us);
        c->nodes[0].clock.monotonic_us += 1000;
        double before = cpu_ms();
        uint64_t units = tl_server_get_stats(server).work_slots;
        tl_server_step(server, cluster_time(c, 0));
        h->server_ms += cpu_ms() - before;
        units = tl_server_get_stats(server).work_slots - units;
        h->units += units;
        if (units > h->units_max) {
            h->units_max = units;
        }
        uint32_t streams = tl_server_get_stats(server).streams;
        if (streams > h->streams_max) {
            h->streams_max = streams;
        }
        if (c->now_us % h->jump_us == 0) {
            jump_all(h);
        }
        h->ticks += c->now_us % 50000 == 0;
        for (int i = 0; i < c->rider_count; i++) {
            if (c->riders[i].client) {
                tl_client_step(c->riders[i].client, c->now_us);
            }
        }
        for (int i = 0; i < JUMPERS; i++) {
            if (h->jumpers[i]) {
                tl_client_step(h->jumpers[i], c->now_us);
            }
        }
    }
}

static void add_jumpers(churn *h, int count, bool never_acknowledge)
{
    for (int i = 0; i < count; i++) {
        CHECK_EQUAL(tl_memory_network_open_client(h->c->nodes[0].network, &h->transports[i]), TL_OK);
        h->mutes[i] = (mute){.base.ops = &mute_ops, .inner = h->transports[i]};
        if (never_acknowledge) {
            h->transports[i] = &h->mutes[i].base;
        }
        tl_client_def def = tl_client_def_default();
        def.transport = h->transports[i];
        def.entities_max = ENTITIES * 2;
        def.kbit_s = 4000;
        CHECK_EQUAL(tl_client_create(&def, &h->jumpers[i], NULL, 0), TL_OK);
    }
    jump_all(h);
}

static void destroy(churn *h)
{
    for (int i = 0; i < JUMPERS && h->jumpers[i]; i++) {
        tl_client_destroy(h->jumpers[i]);
        tl_transport_close(h->transports[i]);
    }
    cluster_destroy(h->c);
}

// The riders see all as it is.
static void check_riders(churn *h)
{
    for (int i = 0; i < h->c->rider_count; i++) {
        cluster_errors e = cluster_compare(h->c, i);
        if (!cluster_errors_none(&e)) {
            cluster_print("rider", &e);
        }
        CHECK(cluster_errors_none(&e));
    }
}

static void print(const churn *h, const char *what)
{
    printf("  %s: %.0f slots a tick, %.0f at most; %u streams at most; %.1f ms a tick\n", what,
           (double)h->units / h->ticks, (double)h->units_max, h->streams_max, h->server_ms / h->ticks);
}

// What a ride takes is free in a city of any size, and there is nobody to share it with.
TEST(who_rides_alone_never_waits)
{
    churn h = {.c = cluster_create("city", ENTITIES_MANY, seed, 20), .random = seed, .jump_us = UINT64_MAX};
    cluster_add_rider(h.c, 0);
    cluster_settle(h.c, 10);
    uint64_t joined = tl_server_get_stats(h.c->nodes[0].server).work_waits;
    for (int i = 0; i < 6; i++) {
        run(&h, 1);
        check_riders(&h);
    }
    print(&h, "one rider");
    CHECK_EQUAL(tl_server_get_stats(h.c->nodes[0].server).work_waits, joined);
    destroy(&h);
}

// The work is counted; the time is only told of.
TEST(who_jumps_about_waits)
{
    churn h = {.c = cluster_create("city", ENTITIES, seed, 20), .random = seed, .jump_us = 50000};
    const uint64_t all = tl_server_def_default().work_slots, each = 100 + ENTITIES / 256, tile_max = ENTITIES;
    for (int i = 0; i < 2; i++) {
        cluster_add_rider(h.c, 0);
    }
    cluster_settle(h.c, 5);
    run(&h, 1);
    print(&h, "riders alone");
    add_jumpers(&h, JUMPERS, false);
    run(&h, 2.5);
    print(&h, "ten that jump come"); // and use up what a join takes
    CHECK(h.units_max <= all + tile_max);
    check_riders(&h);
    for (int i = 0; i < 3; i++) {
        run(&h, 1);
        print(&h, "they go on");
        CHECK(h.units <= h.ticks * (JUMPERS * each + 500) + 8000); // a tile may be overdrawn, and is paid for later
        check_riders(&h);
    }
    CHECK(tl_server_get_stats(h.c->nodes[0].server).work_waits > 10 * JUMPERS);
    // One who joins now is not held up by them.
    int rider = cluster_add_rider(h.c, 0);
    double waited_s = 0;
    for (;; waited_s += 0.1) {
        cluster_errors e = cluster_compare(h.c, rider);
        if (e.compared > 0 && cluster_errors_none(&e)) {
            break;
        }
        CHECK(waited_s < 2);
        run(&h, 0.1);
    }
    printf("  a rider that joins sees all after %.1f s\n", waited_s);
    check_riders(&h);
    destroy(&h);
}

// Who goes on before what it needed has arrived keeps what it has: so many streams, whether it says so or not.
static tl_server_stats jump_alone(churn *h, double seconds, uint64_t jump_us, bool never_acknowledges, const char *what)
{
    *h = (churn){.c = cluster_create("city", ENTITIES_FEW, seed, 20), .random = seed, .jump_us = jump_us};
    add_jumpers(h, 1, never_acknowledges);
    run(h, seconds);
    tl_server_stats stats = tl_server_get_stats(h->c->nodes[0].server);
    printf("  one that %s: %u streams at most, of %u cells; it stayed where it was for %llu ticks\n", what,
           h->streams_max, stats.tiles, (unsigned long long)stats.streams_kept_waits);
    fflush(stdout);
    destroy(h);
    return stats;
}

TEST(who_acknowledges_nothing_holds_few_streams)
{
    churn h;
    tl_server_stats stats = jump_alone(&h, 20, 1000000, false, "jumps each second");
    CHECK_EQUAL(stats.streams_kept_waits, 0);
    uint32_t once = h.streams_max;
    stats = jump_alone(&h, 60, 50000, true, "jumps each tick and acknowledges nothing");
    CHECK(stats.streams_kept_waits > 0);
    CHECK(h.streams_max <= tl_server_def_default().streams_kept_max + once);
}

int main(int argc, char **argv)
{
    seed = cluster_seed(argc, argv, 1);
    RUN(who_rides_alone_never_waits);
    RUN(who_jumps_about_waits);
    RUN(who_acknowledges_nothing_holds_few_streams);
    return 0;
}
