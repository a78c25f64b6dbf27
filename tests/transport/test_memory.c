// The in-memory network's faults: as many as asked for, and the same ones for the same seed.
#include "fixture.h"

enum { SENT = 20000, STEP_US = 1000 };

typedef struct run_result {
    uint32_t arrived, twice, late; // late: after one that was sent later
    uint64_t delay_us_min, delay_us_max, delay_us_sum;
    uint64_t hash;
} run_result;

typedef struct message {
    uint32_t index;
    uint64_t sent_us;
} message;

typedef struct world {
    tl_memory_network *network;
    watcher server, client;
    uint64_t now_us;
} world;

static world world_open(uint64_t seed)
{
    world w = {.network = tl_memory_network_create(seed), .now_us = 1000000};
    CHECK_EQUAL(tl_memory_network_open_server(w.network, &w.server.transport), TL_OK);
    CHECK_EQUAL(tl_memory_network_open_client(w.network, &w.client.transport), TL_OK);
    return w;
}

static void world_step(world *w, uint64_t us)
{
    w->now_us += us;
    if (w->client.transport) {
        watch(&w->client, w->now_us);
    }
    if (w->server.transport) {
        watch(&w->server, w->now_us);
    }
}

static void world_connect(world *w)
{
    for (int i = 0; i < 10000 && !(w->client.connected && w->server.connected); i++) {
        world_step(w, STEP_US);
    }
    CHECK(w->client.connected == 1 && w->server.connected == 1);
}

static void world_close(world *w)
{
    watcher_close(&w->client);
    watcher_close(&w->server);
    tl_memory_network_destroy(w->network);
}

static void account(run_result *result, uint8_t *seen, uint32_t *newest, const tl_transport_event *event,
                    uint64_t now_us)
{
    message m;
    CHECK_EQUAL(event->size, sizeof m);
    memcpy(&m, event->data, sizeof m);
    CHECK(m.index < SENT);
    uint64_t delay_us = now_us - m.sent_us;
    result->hash = (result->hash ^ (m.index + now_us * 31)) * 1099511628211u;
    if (seen[m.index]++) {
        result->twice++;
        return;
    }
    result->arrived++;
    if (m.index < *newest) {
        result->late++;
    } else {
        *newest = m.index;
    }
    result->delay_us_sum += delay_us;
    if (delay_us < result->delay_us_min) {
        result->delay_us_min = delay_us;
    }
    if (delay_us > result->delay_us_max) {
        result->delay_us_max = delay_us;
    }
}

static run_result run(uint64_t seed, tl_link_faults faults)
{
    static uint8_t seen[SENT];
    memset(seen, 0, sizeof seen);
    run_result result = {.delay_us_min = UINT64_MAX};
    uint32_t newest = 0;
    world w = world_open(seed);
    world_connect(&w);
    tl_memory_network_set_faults(w.network, faults);
    tl_transport *client = w.client.transport, *server = w.server.transport;
    for (uint32_t i = 0; i < SENT + 1000; i++) {
        tl_transport_event event;
        w.now_us += STEP_US;
        message m = {i, w.now_us};
        watch(&w.client, w.now_us);
        if (i < SENT) {
            CHECK_EQUAL(tl_transport_send(client, 1, &m, sizeof m), TL_OK);
        }
        if (i % 1000 == 0) {
            tl_transport_send(server, w.server.peer, "alive", 5);
        }
        while (tl_transport_poll(server, w.now_us, &event) == TL_OK) {
            if (event.type == TL_TRANSPORT_DATAGRAM) {
                account(&result, seen, &newest, &event, w.now_us);
            }
        }
    }
    world_close(&w);
    return result;
}

TEST(no_faults)
{
    run_result result = run(1, (tl_link_faults){0});
    CHECK_EQUAL(result.arrived, SENT);
    CHECK_EQUAL(result.twice + result.late, 0);
    CHECK_EQUAL(result.delay_us_max, 0);
}

TEST(loss_and_copies)
{
    run_result result = run(2, (tl_link_faults){.loss = 0.1, .copy = 0.05});
    CHECK_NEAR(result.arrived, SENT * 0.9, SENT * 0.01);
    CHECK_NEAR(result.twice, SENT * 0.9 * 0.05, SENT * 0.01);
    CHECK_EQUAL(result.late, 0);
}

TEST(delay_and_jitter)
{
    run_result result = run(3, (tl_link_faults){.delay_us = 50000, .jitter_us = 20000});
    CHECK_EQUAL(result.arrived, SENT);
    CHECK(result.delay_us_min >= 50000 && result.delay_us_min <= 51000);
    CHECK(result.delay_us_max >= 69000 && result.delay_us_max <= 71000);
    CHECK_NEAR((double)result.delay_us_sum / SENT, 60500, 500);
}

TEST(reordering)
{
    CHECK_EQUAL(run(4, (tl_link_faults){.delay_us = 50000}).late, 0);
    run_result result = run(4, (tl_link_faults){.delay_us = 50000, .reorder = 0.1});
    CHECK_EQUAL(result.arrived, SENT);
    CHECK_NEAR(result.late, SENT * 0.1, SENT * 0.01);
    CHECK_EQUAL(result.delay_us_max, 100000);
}

static bool is_same(const run_result *a, const run_result *b)
{
    return a->arrived == b->arrived && a->twice == b->twice && a->late == b->late &&
           a->delay_us_min == b->delay_us_min && a->delay_us_max == b->delay_us_max &&
           a->delay_us_sum == b->delay_us_sum && a->hash == b->hash;
}

TEST(same_seed_same_run)
{
    tl_link_faults faults = {.loss = 0.2, .copy = 0.1, .reorder = 0.1, .delay_us = 30000, .jitter_us = 10000};
    run_result a = run(5, faults), b = run(5, faults), c = run(6, faults);
    CHECK(is_same(&a, &b));
    CHECK(!is_same(&a, &c));
}

// While it is cut nothing arrives, in neither direction; afterwards it goes on.
TEST(cut)
{
    world w = world_open(7);
    world_connect(&w);
    tl_memory_network_set_faults(w.network, (tl_link_faults){.delay_us = 5000});
    tl_transport_send(w.client.transport, 1, "under way", 9);
    tl_memory_network_partition(w.network, true);
    for (int i = 0; i < 100; i++) {
        tl_transport_send(w.client.transport, 1, "x", 1);
        tl_transport_send(w.server.transport, w.server.peer, "x", 1);
        world_step(&w, 10000);
    }
    CHECK_EQUAL(w.server.datagrams + w.client.datagrams, 0);
    tl_memory_network_partition(w.network, false);
    tl_transport_send(w.client.transport, 1, "x", 1);
    world_step(&w, 10000);
    CHECK_EQUAL(w.server.datagrams, 1);
    world_close(&w);
}

TEST(handshake_under_loss)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        world w = world_open(seed);
        tl_link_faults faults = {.loss = 0.3, .copy = 0.2, .reorder = 0.2, .delay_us = 20000, .jitter_us = 20000};
        tl_memory_network_set_faults(w.network, faults);
        world_connect(&w);
        for (int i = 0; i < 100; i++) {
            world_step(&w, STEP_US);
        }
        CHECK_EQUAL(w.server.connected, 1); // copies of a HELLO make no second peer
        world_close(&w);
    }
}

TEST(nobody_answers)
{
    world w = world_open(8);
    watcher_close(&w.server);
    for (int i = 0; i < 60; i++) {
        world_step(&w, 100000);
    }
    CHECK_EQUAL(w.client.closed, 1);
    CHECK_EQUAL(w.client.result, TL_ERR_UNAVAILABLE);
    world_close(&w);
}

// A server that crashes is a network that is cut while the server's end is closed.
TEST(server_crash_and_return)
{
    world w = world_open(9);
    world_connect(&w);
    tl_memory_network_partition(w.network, true);
    watcher_close(&w.server);
    tl_memory_network_partition(w.network, false);
    tl_transport *second;
    w.server = (watcher){0};
    CHECK_EQUAL(tl_memory_network_open_server(w.network, &w.server.transport), TL_OK);
    CHECK_EQUAL(tl_memory_network_open_server(w.network, &second), TL_ERR_EXISTS);
    for (int i = 0; i < 110; i++) {
        world_step(&w, 100000);
    }
    CHECK_EQUAL(w.client.closed, 1);
    CHECK_EQUAL(w.server.connected, 0);
    watcher_close(&w.client);
    w.client = (watcher){0};
    CHECK_EQUAL(tl_memory_network_open_client(w.network, &w.client.transport), TL_OK);
    world_connect(&w);
    world_close(&w);
}

TEST(many_clients)
{
    enum { CLIENTS = 10000 };
    static watcher clients[CLIENTS];
    tl_memory_network *network = tl_memory_network_create(10);
    watcher server = {.echo = true};
    CHECK_EQUAL(tl_memory_network_open_server(network, &server.transport), TL_OK);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQUAL(tl_memory_network_open_client(network, &clients[i].transport), TL_OK);
    }
    for (uint64_t now_us = 1; now_us < 100; now_us++) {
        for (int i = 0; i < CLIENTS; i++) {
            watch(&clients[i], now_us);
            tl_transport *t = clients[i].transport;
            if (now_us % 10 == 0) {
                CHECK_EQUAL(tl_transport_send(t, 1, &i, sizeof i), TL_OK);
            }
        }
        watch(&server, now_us);
    }
    CHECK_EQUAL(server.connected, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQUAL(clients[i].datagrams, 9);
        CHECK(memcmp(clients[i].data, &i, sizeof i) == 0);
        watcher_close(&clients[i]);
    }
    watch(&server, 1000);
    CHECK_EQUAL(server.closed, CLIENTS);
    watcher_close(&server);
    tl_memory_network_destroy(network);
}

// An end that is never polled keeps a bounded number of datagrams.
TEST(inbox_is_bounded)
{
    world w = world_open(11);
    world_connect(&w);
    for (int i = 0; i < 10000; i++) {
        tl_transport_send(w.server.transport, w.server.peer, "x", 1);
    }
    world_step(&w, STEP_US);
    CHECK_EQUAL(w.client.datagrams, 4096);
    CHECK_EQUAL(w.client.transport->stats.dropped_full, 10000 - 4096);
    world_close(&w);
}

int main(void)
{
    RUN(no_faults);
    RUN(loss_and_copies);
    RUN(delay_and_jitter);
    RUN(reordering);
    RUN(same_seed_same_run);
    RUN(cut);
    RUN(handshake_under_loss);
    RUN(nobody_answers);
    RUN(server_crash_and_return);
    RUN(many_clients);
    RUN(inbox_is_bounded);
    return 0;
}
