// What every transport promises, checked on each of them.
#include "fixture.h"

// A server and a client that are connected, over either transport.
typedef struct link_pair {
    watcher server, client;
    tl_memory_network *network;
    uint64_t skipped_us; // the in-memory network's time runs at our will
} link_pair;

static bool over_memory;

static uint64_t pair_now(const link_pair *p)
{
    return clock_us() + p->skipped_us;
}

static int pair_step(link_pair *p)
{
    int events = 0;
    if (p->server.transport) {
        events += watch(&p->server, pair_now(p));
    }
    if (p->client.transport) {
        events += watch(&p->client, pair_now(p));
    }
    if (events == 0) {
        usleep(200);
    }
    return events;
}

#define PAIR_UNTIL(p, condition)                      \
    do {                                              \
        uint64_t pair_end_us = clock_us() + 10000000; \
        for (; !(condition); pair_step(p))            \
            CHECK(clock_us() < pair_end_us);          \
    } while (0)

static link_pair pair_open_unconnected(void)
{
    link_pair p = {0};
    if (over_memory) {
        p.network = tl_memory_network_create(1);
        CHECK_EQUAL(tl_memory_network_open_server(p.network, &p.server.transport), TL_OK);
        CHECK_EQUAL(tl_memory_network_open_client(p.network, &p.client.transport), TL_OK);
    } else {
        p.server = server_open();
        p.client = client_open(&p.server);
    }
    return p;
}

static link_pair pair_open(void)
{
    link_pair p = pair_open_unconnected();
    PAIR_UNTIL(&p, p.server.connected && p.client.connected);
    CHECK_EQUAL(p.client.peer, 1);
    CHECK(p.server.peer != 0);
    return p;
}

static void pair_close(link_pair *p)
{
    watcher_close(&p->client);
    watcher_close(&p->server);
    tl_memory_network_destroy(p->network);
}

static tl_result send_from(watcher *w, tl_peer peer, const void *data, size_t size)
{
    return tl_transport_send(w->transport, peer, data, size);
}

TEST(echo)
{
    link_pair p = pair_open();
    p.server.echo = true;
    CHECK_EQUAL(send_from(&p.client, 1, "hello", 5), TL_OK);
    PAIR_UNTIL(&p, p.client.datagrams == 1);
    CHECK_EQUAL(p.client.size, 5);
    CHECK(memcmp(p.client.data, "hello", 5) == 0);
    CHECK_EQUAL(p.server.transport->stats.datagrams_received, 1);
    CHECK_EQUAL(p.server.transport->stats.bytes_sent, 5);
    CHECK_EQUAL(p.client.transport->stats.bytes_received, 5);
    CHECK(p.client.transport->stats.wire_bytes_sent > 5 + 28 + 37 - 1);
    pair_close(&p);
}

TEST(each_size)
{
    link_pair p = pair_open();
    uint8_t data[TL_DATAGRAM_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    p.server.echo = true;
    for (uint32_t size = 1; size <= TL_DATAGRAM_BYTES_MAX; size++) {
        CHECK_EQUAL(send_from(&p.client, 1, data, size), TL_OK);
        tl_transport_flush(p.client.transport);
        PAIR_UNTIL(&p, p.client.datagrams == size);
        CHECK_EQUAL(p.client.size, size);
        CHECK(memcmp(p.client.data, data, size) == 0);
    }
    CHECK_EQUAL(send_from(&p.client, 1, data, 0), TL_ERR_INVALID);
    CHECK_EQUAL(send_from(&p.client, 1, data, sizeof data), TL_ERR_INVALID);
    CHECK_EQUAL(send_from(&p.server, p.server.peer, data, 0), TL_ERR_INVALID);
    CHECK_EQUAL(send_from(&p.server, p.server.peer, data, sizeof data), TL_ERR_INVALID);
    pair_close(&p);
}

TEST(many_both_ways)
{
    enum { ROUNDS = 200, BURST = 20 };
    link_pair p = pair_open();
    uint8_t data[600] = {1};
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < BURST; i++) {
            CHECK_EQUAL(send_from(&p.client, 1, data, sizeof data), TL_OK);
            CHECK_EQUAL(send_from(&p.server, p.server.peer, data, sizeof data), TL_OK);
        }
        tl_transport_flush(p.client.transport);
        tl_transport_flush(p.server.transport);
        PAIR_UNTIL(&p, p.server.datagrams == round * BURST && p.client.datagrams == round * BURST);
    }
    CHECK_EQUAL(p.server.bytes, ROUNDS * BURST * sizeof data);
    CHECK_EQUAL(p.server.transport->stats.dropped_full, 0);
    pair_close(&p);
}

TEST(nobody_there)
{
    link_pair p = pair_open_unconnected();
    CHECK_EQUAL(send_from(&p.client, 1, "x", 1), TL_ERR_NOT_FOUND); // not yet
    PAIR_UNTIL(&p, p.server.connected && p.client.connected);
    CHECK_EQUAL(send_from(&p.client, 2, "x", 1), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(send_from(&p.client, 0, "x", 1), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(send_from(&p.server, 0, "x", 1), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(send_from(&p.server, p.server.peer + 1, "x", 1), TL_ERR_NOT_FOUND);
    tl_transport_drop(p.server.transport, 12345); // no effect
    CHECK_EQUAL(send_from(&p.server, p.server.peer, "x", 1), TL_OK);
    pair_close(&p);
}

TEST(server_drops)
{
    link_pair p = pair_open();
    tl_transport_drop(p.server.transport, p.server.peer);
    CHECK_EQUAL(send_from(&p.server, p.server.peer, "x", 1), TL_ERR_NOT_FOUND);
    PAIR_UNTIL(&p, p.client.closed == 1);
    CHECK_EQUAL(p.client.result, TL_OK);
    CHECK_EQUAL(send_from(&p.client, 1, "x", 1), TL_ERR_NOT_FOUND);
    for (int i = 0; i < 20; i++) {
        pair_step(&p);
    }
    CHECK_EQUAL(p.server.closed, 0);
    CHECK_EQUAL(p.client.closed, 1);
    pair_close(&p);
}

TEST(client_drops)
{
    link_pair p = pair_open();
    tl_transport_drop(p.client.transport, 1);
    PAIR_UNTIL(&p, p.server.closed == 1);
    CHECK_EQUAL(p.server.closed_peer, p.server.peer);
    CHECK_EQUAL(p.server.result, TL_OK);
    CHECK_EQUAL(send_from(&p.server, p.server.peer, "x", 1), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(p.client.closed, 0);
    pair_close(&p);
}

TEST(client_closes)
{
    link_pair p = pair_open();
    watcher_close(&p.client);
    PAIR_UNTIL(&p, p.server.closed == 1);
    pair_close(&p);
}

TEST(server_closes)
{
    link_pair p = pair_open();
    watcher_close(&p.server);
    PAIR_UNTIL(&p, p.client.closed == 1);
    pair_close(&p);
}

// Both polled in time, but nothing is said for ten seconds: both close.
TEST(silence)
{
    link_pair p = pair_open();
    for (int i = 0; i < 24 && !(p.server.closed && p.client.closed); i++) {
        p.skipped_us += 500000;
        watch(&p.server, pair_now(&p));
        if (p.server.closed) {
            CHECK(i >= 18);
        }
        if (!p.server.closed) {
            watch(&p.client, pair_now(&p));
        }
    }
    CHECK_EQUAL(p.server.closed, 1);
    CHECK_EQUAL(p.server.result, TL_ERR_UNAVAILABLE);
    CHECK(strstr(p.server.text, "10000 ms"));
    PAIR_UNTIL(&p, p.client.closed == 1);
    pair_close(&p);
}

// Who speaks is kept, though the other does not.
TEST(no_silence_while_speaking)
{
    link_pair p = pair_open();
    p.server.echo = true;
    for (uint32_t i = 1; i <= 60; i++) {
        p.skipped_us += 500000;
        CHECK_EQUAL(send_from(&p.client, 1, "x", 1), TL_OK);
        PAIR_UNTIL(&p, p.client.datagrams == i);
    }
    CHECK_EQUAL(p.server.closed + p.client.closed, 0);
    pair_close(&p);
}

TEST(peer_numbers_are_new)
{
    link_pair p = pair_open();
    tl_peer last = p.server.peer;
    for (int i = 0; i < 20; i++) {
        watcher_close(&p.client);
        uint32_t connected = p.server.connected;
        if (over_memory) {
            CHECK_EQUAL(tl_memory_network_open_client(p.network, &p.client.transport), TL_OK);
        } else {
            p.client = client_open(&p.server);
        }
        PAIR_UNTIL(&p, p.server.connected > connected);
        CHECK(p.server.peer > last);
        last = p.server.peer;
    }
    pair_close(&p);
}

static void run_all(void)
{
    RUN(echo);
    RUN(each_size);
    RUN(many_both_ways);
    RUN(nobody_there);
    RUN(server_drops);
    RUN(client_drops);
    RUN(client_closes);
    RUN(server_closes);
    RUN(silence);
    RUN(no_silence_while_speaking);
    RUN(peer_numbers_are_new);
}

int main(void)
{
    folder_create();
    for (int memory = 1; memory >= 0; memory--) {
        over_memory = memory;
        printf("-- %s\n", memory ? "memory" : "DTLS");
        run_all();
    }
    folder_remove();
    return 0;
}
