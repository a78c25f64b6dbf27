// UDP with DTLS against a bad network, and against people who mean harm: loss, copies, replays, noise, forgeries.
#include "fixture.h"

static void send_all(watcher *w, tl_peer peer, int count, size_t size)
{
    uint8_t data[TL_DATAGRAM_BYTES_MAX] = {0};
    for (int i = 0; i < count; i++) {
        CHECK_EQUAL(tl_transport_send(w->transport, peer, data, size), TL_OK);
    }
    tl_transport_flush(w->transport);
}

// Works both ways, now, once what has piled up is read.
static void check_alive(watcher *server, watcher *client)
{
    watch(server, clock_us());
    uint32_t before = client->datagrams;
    server->echo = true;
    CHECK_EQUAL(tl_transport_send(client->transport, 1, "alive?", 6), TL_OK);
    WATCH_UNTIL(server, client, client->datagrams == before + 1);
    CHECK(client->size == 6 && memcmp(client->data, "alive?", 6) == 0);
}

static void relay_alive(relay *r, watcher *server, watcher *client)
{
    uint32_t before = client->datagrams;
    server->echo = true;
    CHECK_EQUAL(tl_transport_send(client->transport, 1, "alive?", 6), TL_OK);
    RELAY_UNTIL(r, server, client, client->datagrams == before + 1);
}

static void relay_for(relay *r, watcher *server, watcher *client, uint32_t ms)
{
    for (uint64_t end_us = clock_us() + ms * 1000ull; clock_us() < end_us; usleep(200)) {
        relay_pump(r);
        watch(server, clock_us());
        watch(client, clock_us());
    }
}

// Two datagrams that a client began its handshake with: a ClientHello, and the same with a cookie.
static void record_hellos(watcher *server, relay_packet out[2])
{
    relay *r = relay_open(tl_dtls_server_get_port(server->transport), 1);
    watcher client = client_open_with(tl_dtls_client_def_default(), server, r->port);
    uint32_t connected = server->connected, closed = server->closed;
    RELAY_UNTIL(r, server, &client, client.connected && server->connected > connected);
    out[0] = r->log[0];
    out[1] = r->log[1];
    watcher_close(&client);
    for (uint64_t end_us = clock_us() + 5000000; server->closed == closed; usleep(100)) {
        CHECK(clock_us() < end_us);
        relay_pump(r);
        watch(server, clock_us());
    }
    relay_close(r);
}

// ---- a bad network --------------------------------------------------------------------------------------------------

TEST(payload_within_1200_bytes)
{
    watcher server = server_open();
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    RELAY_UNTIL(r, &server, &client, client.connected && server.connected);
    CHECK(r->size_max <= 1200);
    send_all(&client, 1, 5, TL_DATAGRAM_BYTES_MAX);
    send_all(&server, server.peer, 5, TL_DATAGRAM_BYTES_MAX);
    RELAY_UNTIL(r, &server, &client, client.datagrams == 5 && server.datagrams == 5);
    CHECK(r->size_max > TL_DATAGRAM_BYTES_MAX && r->size_max <= 1200);
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

TEST(handshake_through_loss)
{
    enum { CLIENTS = 12 };
    watcher server = server_open();
    for (int i = 0; i < CLIENTS; i++) {
        relay *r = relay_open(tl_dtls_server_get_port(server.transport), (uint64_t)i);
        r->loss = 0.2;
        r->copy = 0.1;
        watcher client = {0};
        for (int tries = 0; tries < 5 && !client.connected; tries++) {
            watcher_close(&client);
            client = client_open_with(tl_dtls_client_def_default(), &server, r->port);
            RELAY_UNTIL(r, &server, &client, client.connected || client.closed);
        }
        CHECK(client.connected);
        r->loss = 0;
        RELAY_UNTIL(r, &server, &client, server.connected > (uint32_t)i);
        relay_alive(r, &server, &client);
        watcher_close(&client);
        relay_close(r);
    }
    watcher_close(&server);
}

// Six of ten are lost, each way: it takes a while, but every handshake completes, at the first try.
TEST(handshake_through_heavy_loss)
{
    enum { CLIENTS = 8 };
    watcher server = server_open();
    for (int i = 0; i < CLIENTS; i++) {
        relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1000 + (uint64_t)i);
        r->loss = 0.6;
        tl_dtls_client_def def = tl_dtls_client_def_default();
        def.handshake_ms_max = 60000; // the tests' machine may be slow
        watcher client = client_open_with(def, &server, r->port);
        uint64_t begun_us = clock_us();
        for (int k = 0; k < 300 && !client.connected; k++) {
            relay_for(r, &server, &client, 200);
        }
        CHECK(client.connected && !client.closed);
        printf("  %u datagrams, %.1f s\n", r->packets, (double)(clock_us() - begun_us) * 1e-6);
        watcher_close(&client);
        relay_close(r);
    }
    watcher_close(&server);
}

// A client's address changes in mid-connection, as behind a NAT that forgets: nothing comes any more, and a second
// connection beside the first takes its place. The former one is closed by its own silence, or its farewell.
TEST(address_changes)
{
    static char fingerprint[65], address[64];
    watcher server = server_open(), client = {0};
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 5);
    tl_dtls_server_get_fingerprint(server.transport, fingerprint);
    snprintf(address, sizeof address, "127.0.0.1:%u", r->port);
    tl_dtls_client_def def = tl_dtls_client_def_default();
    def.address = address, def.fingerprint = fingerprint;
    CHECK_EQUAL(tl_dtls_failover_open(&def, 1, &client.transport, NULL, 0), TL_OK);
    RELAY_UNTIL(r, &server, &client, server.connected == 1 && client.connected == 1);
    relay_alive(r, &server, &client);
    uint32_t before = client.datagrams, heard = server.datagrams;
    close(r->upstream[0]); // what the server sees as the client's address
    r->upstream[0] = udp_socket_on_loopback(NULL);
    for (int i = 0; i < 20; i++) {
        tl_transport_send(client.transport, 1, "lost", 4);
        tl_transport_send(server.transport, server.peer, "lost", 4);
        relay_for(r, &server, &client, 10);
    }
    CHECK(client.datagrams == before && server.datagrams == heard && client.closed == 0);
    tl_peer former = server.peer;
    CHECK_EQUAL(tl_transport_reconnect(client.transport, TL_RECONNECT_SAME), TL_OK);
    RELAY_UNTIL(r, &server, &client, server.connected == 2 && client.connected == 2);
    CHECK(server.peer != former && client.closed == 0);
    relay_alive(r, &server, &client);
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

// An attempt that is not needed leaves the connection as it was.
TEST(attempt_is_stopped)
{
    static char fingerprint[65], address[64];
    watcher server = server_open(), client = {0};
    tl_dtls_server_get_fingerprint(server.transport, fingerprint);
    uint16_t deaf_port;
    int deaf = udp_socket_on_loopback(&deaf_port);
    static char deaf_address[64];
    snprintf(address, sizeof address, "127.0.0.1:%u", tl_dtls_server_get_port(server.transport));
    snprintf(deaf_address, sizeof deaf_address, "127.0.0.1:%u", deaf_port);
    tl_dtls_client_def defs[2] = {tl_dtls_client_def_default(), tl_dtls_client_def_default()};
    defs[0].address = address, defs[1].address = deaf_address;
    defs[0].fingerprint = defs[1].fingerprint = fingerprint;
    CHECK_EQUAL(tl_dtls_failover_open(defs, 2, &client.transport, NULL, 0), TL_OK);
    WATCH_UNTIL(&server, &client, server.connected == 1 && client.connected == 1);
    CHECK_EQUAL(tl_transport_reconnect(client.transport, TL_RECONNECT_OTHER), TL_OK);
    watch_for(&server, &client, 50);
    uint32_t before = client.datagrams;
    tl_transport_send(server.transport, server.peer, "still here", 10);
    WATCH_UNTIL(&server, &client, client.datagrams > before);
    CHECK_EQUAL(tl_transport_reconnect(client.transport, TL_RECONNECT_STOP), TL_OK);
    watch_for(&server, &client, 50);
    CHECK(client.connected == 1 && client.closed == 0 && server.closed == 0);
    CHECK_EQUAL(tl_failover_get_server(client.transport), 0);
    watcher_close(&client);
    close(deaf);
    watcher_close(&server);
}

// The server's last flight is lost: the client repeats its own, and the server answers again.
TEST(last_flight_lost)
{
    watcher server = server_open();
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    RELAY_UNTIL(r, &server, &client, r->log_count == 3); // hello, with cookie, key exchange and Finished
    r->loss = 1;
    RELAY_UNTIL(r, &server, &client, server.connected);
    CHECK(!client.connected);
    r->loss = 0;
    RELAY_UNTIL(r, &server, &client, client.connected);
    relay_alive(r, &server, &client);
    CHECK_EQUAL(server.connected, 1);
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

TEST(copies_and_replays)
{
    watcher server = server_open();
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    r->copy = 1;
    RELAY_UNTIL(r, &server, &client, client.connected && server.connected);
    send_all(&client, 1, 50, 100);
    send_all(&server, server.peer, 50, 100);
    relay_for(r, &server, &client, 300);
    CHECK_EQUAL(server.datagrams, 50);
    CHECK_EQUAL(client.datagrams, 50);
    CHECK_EQUAL(server.connected, 1);
    r->copy = 0;
    for (int round = 0; round < 3; round++) { // all that the client ever sent, again, from its own address
        for (uint32_t i = 0; i < r->log_count; i++) {
            send_to_port(r->upstream[0], r->server_port, r->log[i].data, r->log[i].size);
        }
    }
    relay_for(r, &server, &client, 300);
    CHECK_EQUAL(server.datagrams, 50);
    CHECK_EQUAL(server.connected, 1);
    CHECK_EQUAL(server.closed + client.closed, 0);
    relay_alive(r, &server, &client);
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

// A client whose datagrams are written down and not delivered. They begin at log[first].
static watcher held_back(watcher *server, relay *r, uint32_t count, uint32_t *first)
{
    watcher client = client_open_with(tl_dtls_client_def_default(), server, r->port);
    RELAY_UNTIL(r, server, &client, client.connected && server->connected);
    relay_alive(r, server, &client);
    r->loss = 1;
    server->echo = false;
    *first = r->log_count;
    send_all(&client, 1, (int)count, 100);
    RELAY_UNTIL(r, server, &client, r->log_count == *first + count);
    return client;
}

static void deliver_log(relay *r, watcher *server, uint32_t index)
{
    send_to_port(r->upstream[0], r->server_port, r->log[index].data, r->log[index].size);
    watch(server, clock_us());
}

TEST(any_order_within_the_window)
{
    enum { COUNT = 100, WINDOW = 64 };
    uint32_t first;
    watcher server = server_open();
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = held_back(&server, r, COUNT, &first);
    uint32_t before = server.datagrams;
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = COUNT; i-- > 0;) {
            deliver_log(r, &server, first + i);
        }
        CHECK_EQUAL(server.datagrams, before + WINDOW); // the newest one and the 63 before it, each once
    }
    r->loss = 0;
    relay_alive(r, &server, &client);
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

TEST(altered_data)
{
    uint32_t first;
    watcher server = server_open();
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = held_back(&server, r, 1, &first);
    uint32_t before = server.datagrams;
    relay_packet original = r->log[first], *p = &r->log[first];
    for (uint32_t i = 0; i < original.size; i++) {
        p->data[i] ^= (uint8_t)(1 << i % 8);
        deliver_log(r, &server, first);
        p->data[i] = original.data[i];
    }
    for (p->size = 1; p->size < original.size; p->size++) {
        deliver_log(r, &server, first);
    }
    CHECK_EQUAL(server.datagrams, before);
    CHECK_EQUAL(server.closed, 0);
    deliver_log(r, &server, first);
    CHECK_EQUAL(server.datagrams, before + 1);
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

// The server answers the first record before it has read the second one.
TEST(two_records_in_one_datagram)
{
    uint32_t first;
    watcher server = server_open();
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = held_back(&server, r, 2, &first);
    uint32_t before = server.datagrams, answered = client.datagrams;
    relay_packet *p = &r->log[first], *second = &r->log[first + 1];
    memcpy(p->data + p->size, second->data, second->size);
    p->size += second->size;
    server.echo = true;
    r->loss = 0;
    deliver_log(r, &server, first);
    RELAY_UNTIL(r, &server, &client, server.datagrams == before + 2 && client.datagrams == answered + 2);
    relay_alive(r, &server, &client);
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

// ---- strangers ------------------------------------------------------------------------------------------------------

TEST(cookie_is_no_amplifier)
{
    uint8_t answer[2048];
    relay_packet hello[2];
    watcher server = server_open();
    record_hellos(&server, hello);
    int stranger = udp_socket_on_loopback(NULL);
    for (int i = 0; i < 2; i++) { // without a cookie, and with another address's
        send_to_port(stranger, tl_dtls_server_get_port(server.transport), hello[i].data, hello[i].size);
        watch_for(&server, NULL, 50);
        ssize_t size = recv(stranger, answer, sizeof answer, 0);
        CHECK(size > 0 && size <= 60 && size < hello[i].size);
        CHECK_EQUAL(answer[13], 3); // HelloVerifyRequest
        CHECK(recv(stranger, answer, sizeof answer, 0) < 0);
    }
    watch_for(&server, NULL, 1300); // nothing is sent again: there is no timer, because there is no state
    CHECK(recv(stranger, answer, sizeof answer, 0) < 0);
    close(stranger);
    watcher_close(&server);
}

// A thousand addresses that never answer a cookie take none of the four places.
TEST(hellos_without_cookie_take_no_place)
{
    relay_packet hello[2];
    tl_dtls_server_def def = server_def();
    def.handshakes_max = 4;
    def.peers_max = 4;
    watcher server = server_open_with(def);
    record_hellos(&server, hello);
    for (int i = 0; i < 1000; i++) {
        int stranger = udp_socket_on_loopback(NULL);
        send_to_port(stranger, tl_dtls_server_get_port(server.transport), hello[i % 2].data, hello[i % 2].size);
        close(stranger);
        watch(&server, clock_us());
    }
    CHECK_EQUAL(server.transport->stats.dropped_full, 0);
    watcher client = client_open(&server);
    WATCH_UNTIL(&server, &client, client.connected && server.connected == 2);
    watcher_close(&client);
    watcher_close(&server);
}

// Encrypted records that are too short for any cipher, in the name of either side, end nothing: OpenSSL alone would
// give up.
TEST(short_records_end_nothing)
{
    watcher server = server_open(), client = client_open(&server);
    WATCH_UNTIL(&server, &client, client.connected && server.connected);
    int client_fd = tl_transport_wait_fd(client.transport), server_fd = tl_transport_wait_fd(server.transport);
    struct sockaddr_storage address;
    socklen_t address_bytes = sizeof address;
    CHECK_EQUAL(getsockname(client_fd, (struct sockaddr *)&address, &address_bytes), 0);
    for (int type = 20; type <= 24; type++) {
        for (uint8_t length = 0; length < 48; length++) {
            uint8_t record[13 + 48] = {(uint8_t)type, 0xfe, 0xfd, 0, 1, 0, 0, 0, 1, (uint8_t)type, length, 0, length};
            CHECK(send(client_fd, record, 13u + length, 0) > 0);
            CHECK(sendto(server_fd, record, 13u + length, 0, (struct sockaddr *)&address, address_bytes) > 0);
            check_alive(&server, &client);
        }
    }
    CHECK_EQUAL(server.closed + client.closed, 0);
    watcher_close(&client);
    watcher_close(&server);
}

static size_t make_noise(uint64_t *random, uint8_t *data)
{
    static const uint8_t types[] = {20, 21, 22, 23, 24, 25, 0, 255};
    size_t size = 1 + check_random(random) % 1400;
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)check_random(random);
    }
    if (check_random(random) % 4 == 0) {
        return size;
    }
    data[0] = types[check_random(random) % 8]; // a record's head, more or less
    if (size > 2) {
        data[1] = 0xfe, data[2] = check_random(random) % 2 ? 0xfd : 0xff;
    }
    if (size > 4) {
        data[3] = 0, data[4] = (uint8_t)(check_random(random) % 3);
    }
    if (size > 12 && check_random(random) % 2) {
        data[11] = (uint8_t)((size - 13) >> 8), data[12] = (uint8_t)(size - 13);
    }
    if (size > 24 && check_random(random) % 2) {
        data[13] = (uint8_t)(check_random(random) % 21);
        memset(data + 14, 0, 8);
    }
    return size;
}

TEST(noise)
{
    uint8_t data[1500];
    uint64_t random = 1;
    relay_packet hello[2];
    watcher server = server_open();
    record_hellos(&server, hello);
    uint16_t port = tl_dtls_server_get_port(server.transport);
    watcher client = client_open(&server);
    WATCH_UNTIL(&server, &client, client.connected && server.connected == 2);
    int stranger = udp_socket_on_loopback(NULL);
    int own = tl_transport_wait_fd(client.transport); // noise in the client's own name
    for (int i = 0; i < 20000; i++) {
        size_t size = make_noise(&random, data);
        send_to_port(stranger, port, data, size);
        if (send(own, data, size, 0) < 0) {
            usleep(10);
        }
        if (i % 20 == 0) {
            watch(&server, clock_us());
        }
        if (i % 1000 == 0) {
            check_alive(&server, &client); // on a slow machine all this takes longer than a silence may
        }
    }
    for (size_t size = 0; size < hello[1].size; size++) { // hellos, cut and altered
        memcpy(data, hello[1].data, hello[1].size);
        send_to_port(stranger, port, data, size);
        send(own, data, size, 0);
        data[size] ^= 1 << size % 8;
        send_to_port(stranger, port, data, hello[1].size);
        send(own, data, hello[1].size, 0);
        watch(&server, clock_us());
    }
    check_alive(&server, &client);
    CHECK_EQUAL(server.connected, 2);
    CHECK_EQUAL(server.closed, 1); // the one that was recorded
    CHECK(server.transport->stats.dropped_malformed > 20000);
    close(stranger);
    watcher_close(&client);
    watcher_close(&server);
}

TEST(altered_handshakes)
{
    watcher server = server_open();
    tl_dtls_client_def def = tl_dtls_client_def_default();
    def.handshake_ms_max = 100;
    uint32_t failed = 0;
    for (uint64_t seed = 0; seed < 150; seed++) {
        relay *r = relay_open(tl_dtls_server_get_port(server.transport), seed);
        r->corrupt = 0.3;
        watcher client = client_open_with(def, &server, r->port);
        RELAY_UNTIL(r, &server, &client, client.connected || client.closed);
        failed += client.closed;
        watcher_close(&client);
        relay_pump(r);
        relay_close(r);
    }
    CHECK(failed > 10);
    watch(&server, clock_us() + 6000000); // those that hang are given up
    watcher client = client_open(&server);
    uint32_t before = server.connected;
    WATCH_UNTIL(&server, &client, client.connected && server.connected == before + 1);
    check_alive(&server, &client);
    watcher_close(&client);
    watcher_close(&server);
}

// ---- in somebody's name ---------------------------------------------------------------------------------------------

TEST(forged_hello_evicts_nobody)
{
    relay_packet hello[2];
    watcher server = server_open();
    record_hellos(&server, hello);
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    RELAY_UNTIL(r, &server, &client, client.connected && server.connected == 2);
    for (int i = 0; i < 100; i++) { // another's hellos, whose cookie is for another address
        for (int k = 0; k < 2; k++) {
            send_to_port(r->upstream[0], r->server_port, hello[k].data, hello[k].size);
        }
    }
    for (int i = 0; i < 100; i++) { // alerts in the clear: close_notify, and a fatal one
        send_to_port(r->upstream[0], r->server_port,
                     i % 2 ? "\x15\xfe\xfd\0\0\0\0\0\0\0\1\0\2\2\x28" : "\x15\xfe\xfd\0\0\0\0\0\0\0\1\0\2\1\0", 15);
    }
    relay_for(r, &server, &client, 200);
    CHECK_EQUAL(server.closed, 1); // the one that was recorded
    CHECK_EQUAL(client.closed, 0);
    relay_alive(r, &server, &client);
    CHECK_EQUAL(server.connected, 2);
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

// A client that lost its memory comes again from the same address.
TEST(new_connection_replaces_the_old)
{
    watcher server = server_open();
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    r->one_upstream = true;
    watcher first = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    RELAY_UNTIL(r, &server, &first, first.connected && server.connected == 1);
    tl_peer old = server.peer;
    watcher second = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    RELAY_UNTIL(r, &server, &second, second.connected && server.connected == 2);
    CHECK_EQUAL(server.closed, 1);
    CHECK_EQUAL(server.closed_peer, old);
    CHECK(strstr(server.text, "replaced"));
    CHECK(server.peer != old);
    CHECK_EQUAL(tl_transport_send(server.transport, old, "x", 1), TL_ERR_NOT_FOUND);
    relay_alive(r, &server, &second);
    watcher_close(&first);
    watcher_close(&second);
    relay_close(r);
    watcher_close(&server);
}

// Even a valid cookie puts nobody out before the handshake is complete.
TEST(unfinished_handshake_evicts_nobody)
{
    watcher server = server_open();
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    r->one_upstream = true;
    watcher first = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    RELAY_UNTIL(r, &server, &first, first.connected && server.connected == 1);
    for (int i = 0; i < 3; i++) {
        watcher second = client_open_with(tl_dtls_client_def_default(), &server, r->port);
        uint32_t packets = r->log_count;
        RELAY_UNTIL(r, &server, &second, r->log_count >= packets + 2); // hello, hello with cookie; then it is gone
        r->client_last = 0;
        relay_alive(r, &server, &first);
        watcher_close(&second);
    }
    for (int i = 0; i < 20; i++) { // its time runs out; the first one's does not
        watch(&server, clock_us() + (uint64_t)(i + 1) * 500000);
        relay_pump(r);
        CHECK_EQUAL(tl_transport_send(first.transport, 1, "x", 1), TL_OK);
        tl_transport_flush(first.transport);
        relay_pump(r);
        usleep(2000);
    }
    watch(&server, clock_us() + 10500000);
    CHECK_EQUAL(server.transport->stats.handshakes_failed, 1); // each candidate took the place of the one before
    CHECK_EQUAL(server.closed, 0);
    CHECK_EQUAL(server.connected, 1);
    r->client_last = 0;
    relay_for(r, &server, &first, 100);
    relay_alive(r, &server, &first);
    watcher_close(&first);
    relay_close(r);
    watcher_close(&server);
}

// Junk from the server's own address, as anybody can forge it, is taken off the queue until what is behind it shows.
TEST(junk_does_not_starve_a_client)
{
    watcher server = server_open();
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    RELAY_UNTIL(r, &server, &client, server.connected == 1 && client.connected == 1);
    relay_for(r, &server, &client, 20);
    uint32_t before = client.datagrams;
    for (int i = 0; i < 100; i++) {
        send_to_port(r->fd, ntohs(r->clients[0].sin_port), "junk", 4);
    }
    tl_transport_send(server.transport, server.peer, "frame", 5);
    tl_transport_flush(server.transport);
    relay_pump(r);
    watch(&client, clock_us()); // one step
    CHECK_EQUAL(client.datagrams, before + 1);
    watcher_close(&client);
    relay_close(r);
    watcher_close(&server);
}

int main(void)
{
    folder_create();
    RUN(junk_does_not_starve_a_client);
    RUN(payload_within_1200_bytes);
    RUN(handshake_through_loss);
    RUN(handshake_through_heavy_loss);
    RUN(address_changes);
    RUN(attempt_is_stopped);
    RUN(last_flight_lost);
    RUN(copies_and_replays);
    RUN(any_order_within_the_window);
    RUN(altered_data);
    RUN(two_records_in_one_datagram);
    RUN(cookie_is_no_amplifier);
    RUN(hellos_without_cookie_take_no_place);
    RUN(short_records_end_nothing);
    RUN(noise);
    RUN(altered_handshakes);
    RUN(forged_hello_evicts_nobody);
    RUN(new_connection_replaces_the_old);
    RUN(unfinished_handshake_evicts_nobody);
    folder_remove();
    return 0;
}
