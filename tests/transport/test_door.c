// What one peer and one address may take of a DTLS server, before anything is decrypted. Times are those that are
// passed in.
#include "fixture.h"

static tl_dtls_server_def limited(void)
{
    tl_dtls_server_def def = server_def(), usual = tl_dtls_server_def_default();
    def.peer_datagrams_per_s = usual.peer_datagrams_per_s;
    def.address_datagrams_per_s = usual.address_datagrams_per_s;
    return def;
}

// A peer that floods is read at its rate, and the other one loses nothing.
TEST(a_peer_has_its_rate)
{
    enum { JUNK = 4000, HONEST = 50 };
    watcher server = server_open_with(limited()), flooder = client_open(&server), honest = client_open(&server);
    WATCH_UNTIL(&server, &flooder, flooder.connected);
    WATCH_UNTIL(&server, &honest, honest.connected && server.connected == 2);
    uint64_t frozen_us = clock_us();
    watch(&server, frozen_us);
    for (int i = 0; i < JUNK; i++) {
        tl_transport_send(flooder.transport, 1, "junk", 4);
        if (i % (JUNK / HONEST) == 0) {
            tl_transport_send(honest.transport, 1, "report", 6);
        }
        tl_transport_flush(flooder.transport);
        tl_transport_flush(honest.transport);
        if (i % 200 == 0) {
            watch(&server, frozen_us);
        }
    }
    while (watch(&server, frozen_us) > 0) {
        continue;
    }
    CHECK_EQUAL(server.datagrams, limited().peer_datagrams_per_s + HONEST);
    CHECK_EQUAL(server.transport->stats.dropped_rate, JUNK - limited().peer_datagrams_per_s);
    watcher_close(&flooder);
    watcher_close(&honest);
    watcher_close(&server);
}

// Newcomers count against an address until the server has sent them something.
TEST(an_address_has_its_share_of_newcomers)
{
    tl_dtls_server_def def = limited();
    def.address_handshakes_max = 2;
    watcher server = server_open_with(def), clients[3];
    for (int i = 0; i < 2; i++) {
        clients[i] = client_open(&server);
        WATCH_UNTIL(&server, &clients[i], clients[i].connected && server.connected == (uint32_t)i + 1);
    }
    tl_peer first = server.peer;
    clients[2] = client_open(&server);
    watch_for(&server, &clients[2], 600);
    CHECK_EQUAL(server.connected, 2);
    CHECK(server.transport->stats.refused_address > 0);
    CHECK_EQUAL(tl_transport_send(server.transport, first, "welcome", 7), TL_OK);
    WATCH_UNTIL(&server, &clients[2], clients[2].connected);
    for (int i = 0; i < 3; i++) {
        watcher_close(&clients[i]);
    }
    watcher_close(&server);
}

TEST(an_address_has_its_share_of_peers)
{
    tl_dtls_server_def def = limited();
    def.address_peers_max = 2;
    watcher server = server_open_with(def), clients[3];
    for (int i = 0; i < 2; i++) {
        clients[i] = client_open(&server);
        WATCH_UNTIL(&server, &clients[i], clients[i].connected && server.connected == (uint32_t)i + 1);
        tl_transport_send(server.transport, server.peer, "welcome", 7);
    }
    clients[2] = client_open(&server);
    WATCH_UNTIL(&server, &clients[2], clients[2].closed == 1);
    CHECK_EQUAL(clients[2].result, TL_ERR_FULL);
    CHECK(server.transport->stats.refused_address > 0);
    // One that has gone makes room.
    watcher_close(&clients[0]);
    WATCH_UNTIL(&server, &clients[1], server.closed == 1);
    watcher_close(&clients[2]);
    clients[2] = client_open(&server);
    WATCH_UNTIL(&server, &clients[2], clients[2].connected);
    watcher_close(&clients[1]);
    watcher_close(&clients[2]);
    watcher_close(&server);
}

// Two that come at once: who is too early is let in later.
static void check_one_waits(tl_dtls_server_def def)
{
    watcher server = server_open_with(def), first = client_open(&server), second = client_open(&server);
    WATCH_UNTIL(&server, &first, first.connected);
    WATCH_UNTIL(&server, &second, second.connected);
    CHECK(server.transport->stats.refused_address > 0);
    watcher_close(&first);
    watcher_close(&second);
    watcher_close(&server);
}

// Handshakes begin at a rate.
TEST(an_address_begins_so_many_handshakes)
{
    tl_dtls_server_def def = limited();
    def.address_handshakes_per_s = 1;
    check_one_waits(def);
}

// Whoever they are: of all together so many may begin.
TEST(everybody_begins_so_many_handshakes)
{
    tl_dtls_server_def def = limited();
    def.handshakes_per_s = 1;
    check_one_waits(def);
}

// Of many ClientHellos without a cookie, at one time, so many are answered.
static void check_answers(tl_dtls_server_def def, uint32_t rate)
{
    enum { HELLOS = 2000 };
    watcher server = server_open_with(def);
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    RELAY_UNTIL(r, &server, &client, client.connected && server.connected == 1);
    uint64_t frozen_us = clock_us() + 2000000;
    watch(&server, frozen_us);
    uint64_t before = server.transport->stats.dropped_rate;
    int stranger = udp_socket_on_loopback(NULL);
    uint32_t answers = 0;
    uint8_t answer[256];
    for (int i = 0; i < HELLOS; i++) {
        send_to_port(stranger, tl_dtls_server_get_port(server.transport), r->log[0].data, r->log[0].size);
        if (i % 20 != 0) {
            continue;
        }
        watch(&server, frozen_us);
        while (recv(stranger, answer, sizeof answer, 0) > 0) {
            answers++;
        }
    }
    while (watch(&server, frozen_us) > 0) {
        continue;
    }
    while (recv(stranger, answer, sizeof answer, 0) > 0) {
        answers++;
    }
    CHECK_EQUAL(answers, rate);
    CHECK_EQUAL(server.transport->stats.dropped_rate - before, HELLOS - rate);
    close(stranger);
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

// ClientHellos of one address are answered at its rate, whatever its ports.
TEST(an_address_has_its_rate_of_hellos)
{
    check_answers(limited(), limited().address_datagrams_per_s);
}

// And those of all addresses together: who forges addresses has any number of them.
TEST(everybody_has_a_rate_of_hellos)
{
    tl_dtls_server_def def = limited();
    def.address_datagrams_per_s = 1000000;
    def.hellos_per_s = 50;
    check_answers(def, def.hellos_per_s);
}

// However many of them wait: strangers of one address have few places, all of them some more, and a round's work for
// them ends.
TEST(strangers_have_so_much_of_a_round)
{
    enum { ADDRESSES = 10, EACH = 50, A_ROUND = 64, PLACES = 256, PLACES_OF_ONE = 32 };
    tl_dtls_server_def def = server_def();
    def.hellos_per_s = 1000000;
    watcher server = server_open_with(def);
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    RELAY_UNTIL(r, &server, &client, client.connected && server.connected == 1);
    int sockets[ADDRESSES];
    for (int i = 0; i < ADDRESSES; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)i)};
        sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        CHECK(sockets[i] >= 0 && bind(sockets[i], (struct sockaddr *)&from, sizeof from) == 0);
        for (int n = 0; n < EACH; n++) {
            send_to_port(sockets[i], tl_dtls_server_get_port(server.transport), r->log[0].data, r->log[0].size);
        }
    }
    uint64_t now_us = clock_us() + 2000000, full = server.transport->stats.dropped_full;
    uint32_t answers = 0, rounds = 0;
    for (uint32_t before = 1; before != answers; rounds++) {
        before = answers;
        watch(&server, ++now_us);
        uint8_t answer[256];
        for (int i = 0; i < ADDRESSES; i++) {
            while (recv(sockets[i], answer, sizeof answer, 0) > 0) {
                answers++;
            }
        }
        CHECK(answers - before <= A_ROUND);
    }
    CHECK_EQUAL(answers, PLACES);
    CHECK_EQUAL(rounds, PLACES / A_ROUND + 1);
    CHECK_EQUAL(server.transport->stats.dropped_full - full, ADDRESSES * EACH - PLACES);
    // Alone, one has no more than its own places.
    for (int n = 0; n < EACH; n++) {
        send_to_port(sockets[0], tl_dtls_server_get_port(server.transport), r->log[0].data, r->log[0].size);
    }
    full = server.transport->stats.dropped_full;
    watch(&server, ++now_us);
    CHECK_EQUAL(server.transport->stats.dropped_full - full, EACH - PLACES_OF_ONE);
    for (int i = 0; i < ADDRESSES; i++) {
        close(sockets[i]);
    }
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

int main(void)
{
    folder_create();
    RUN(a_peer_has_its_rate);
    RUN(an_address_has_its_share_of_newcomers);
    RUN(an_address_has_its_share_of_peers);
    RUN(an_address_begins_so_many_handshakes);
    RUN(everybody_begins_so_many_handshakes);
    RUN(an_address_has_its_rate_of_hellos);
    RUN(everybody_has_a_rate_of_hellos);
    RUN(strangers_have_so_much_of_a_round);
    folder_remove();
}
