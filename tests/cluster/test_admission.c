// Whom a server listens to, and for how long: peers that send junk, that say hello again and again, or never; and a
// step that ends although more is waiting.
#include "crowd.h"

enum { STRANGERS_MAX = 40, HELLO_BYTES_MAX = 128 };

typedef struct strangers {
    crowd *c;
    tl_transport *ends[STRANGERS_MAX];
    bool closed[STRANGERS_MAX];
    uint32_t refusals;
    int count;
} strangers;

static void strangers_poll(strangers *s)
{
    tl_transport_event event;
    for (int i = 0; i < s->count; i++) {
        while (tl_transport_poll(s->ends[i], s->c->now_us, &event) == TL_OK) {
            s->closed[i] |= event.type == TL_TRANSPORT_CLOSED;
            s->refusals += event.type == TL_TRANSPORT_DATAGRAM && *(const uint8_t *)event.data == 0x83;
        }
    }
}

static void strangers_run(strangers *s, double seconds)
{
    for (uint64_t end_us = s->c->now_us + (uint64_t)(seconds * 1e6); s->c->now_us < end_us;) {
        strangers_poll(s);
        crowd_run(s->c, 0.002);
    }
    strangers_poll(s);
}

static strangers strangers_connect(crowd *c, int count)
{
    strangers s = {.c = c, .count = count};
    for (int i = 0; i < count; i++) {
        CHECK_EQUAL(tl_memory_network_open_client(c->servers[0].network, &s.ends[i]), TL_OK);
    }
    strangers_run(&s, 0.1);
    return s;
}

static void strangers_send(const strangers *s, int i, const void *data, size_t size)
{
    tl_transport_send(s->ends[i], 1, data, size);
}

static int strangers_closed(const strangers *s)
{
    int closed = 0;
    for (int i = 0; i < s->count; i++) {
        closed += s->closed[i];
    }
    return closed;
}

static void strangers_end(strangers *s)
{
    for (int i = 0; i < s->count; i++) {
        tl_transport_close(s->ends[i]);
    }
}

static crowd *create(void)
{
    crowd *c = crowd_create(1);
    c->def.entities_max = 1000;
    c->def.clients_max = 8;
    return c;
}

static void begin(crowd *c)
{
    crowd_start(c, 0);
    crowd_connect(c, 0, 0, "honest");
    crowd_run(c, 1);
    CHECK_EQUAL(tl_client_get_state(c->clients[0].client), TL_CLIENT_LIVE);
}

static tl_server_stats stats(const crowd *c)
{
    return tl_server_get_stats(c->servers[0].server);
}

// The honest client has noticed nothing, and every tick was made.
static void check_unharmed(crowd *c)
{
    CHECK_EQUAL(tl_client_get_state(c->clients[0].client), TL_CLIENT_LIVE);
    CHECK_EQUAL(stats(c).clients, 1);
    CHECK(tl_client_get_frame_tick(c->clients[0].client) + 3 >= stats(c).tick);
}

static void end(crowd *c, strangers *s)
{
    strangers_end(s);
    crowd_disconnect(c, 0);
    crowd_destroy(c);
}

TEST(who_sends_junk_is_closed)
{
    crowd *c = create();
    begin(c);
    strangers s = strangers_connect(c, 4);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 400; i++) {
            strangers_send(&s, i % 4, "\x7fjunk", 5);
        }
        strangers_run(&s, 0.002);
    }
    CHECK_EQUAL(strangers_closed(&s), 4);
    CHECK_EQUAL(stats(c).peers_closed_malformed, 4);
    CHECK_EQUAL(stats(c).malformed, 4 * c->def.malformed_max);
    check_unharmed(c);
    end(c, &s);
}

// Of a client, too: what it sends above its rate is not read at all.
TEST(who_sends_too_much_is_not_listened_to)
{
    crowd *c = create();
    c->def.malformed_max = 1000000;
    begin(c);
    strangers s = strangers_connect(c, 1);
    uint64_t sent = 0;
    for (int round = 0; round < 500; round++, sent += 20) {
        for (int i = 0; i < 20; i++) {
            strangers_send(&s, 0, "\x7fjunk", 5);
        }
        strangers_run(&s, 0.002);
    }
    uint32_t rate = c->def.peer_datagrams_per_s; // a burst of as many, and a second's
    CHECK(stats(c).malformed >= rate && stats(c).malformed <= 2 * rate + 10);
    CHECK_EQUAL(stats(c).malformed + stats(c).datagrams_over_rate, sent);
    check_unharmed(c);
    end(c, &s);
}

static void take_hello(void *user, const void *data, size_t size)
{
    uint8_t *hello = user;
    if (hello[0] || size >= HELLO_BYTES_MAX) {
        return;
    }
    hello[0] = (uint8_t)size;
    memcpy(hello + 1, data, size);
}

// hello[0] gets its size.
static void make_hello(uint8_t hello[HELLO_BYTES_MAX], const char *name)
{
    memset(hello, 0, HELLO_BYTES_MAX);
    tl_client_def def = tl_client_def_default();
    def.send = take_hello, def.send_user = hello;
    def.token = name, def.token_bytes = strlen(name);
    def.entities_max = 100;
    tl_client *client;
    CHECK_EQUAL(tl_client_create(&def, &client, NULL, 0), TL_OK);
    tl_client_connected(client, 1000000);
    tl_client_step(client, 2000000);
    CHECK(hello[0] > 0);
    tl_client_destroy(client);
}

TEST(who_is_refused_is_closed)
{
    crowd *c = create();
    begin(c);
    strangers s = strangers_connect(c, 2);
    uint8_t hello[HELLO_BYTES_MAX];
    make_hello(hello, CROWD_INTRUDER);
    for (int i = 0; i < 1000; i++) {
        strangers_send(&s, i % 2, hello + 1, hello[0]);
    }
    strangers_run(&s, 0.5);
    CHECK_EQUAL(strangers_closed(&s), 2);
    CHECK_EQUAL(stats(c).hellos_refused, 2); // each token was looked at once
    CHECK_EQUAL(s.refusals, 2);
    check_unharmed(c);
    end(c, &s);
}

// Whatever another version's hello has after the version.
TEST(who_speaks_another_version_hears_so)
{
    crowd *c = create();
    begin(c);
    strangers s = strangers_connect(c, 2);
    strangers_send(&s, 0, "\x01\x01\x00", 3);
    strangers_send(&s, 1, "\x01\xff\x7f and what else it has", 25);
    strangers_run(&s, 0.2);
    CHECK_EQUAL(s.refusals, 2);
    CHECK_EQUAL(strangers_closed(&s), 2);
    CHECK_EQUAL(stats(c).hellos_refused, 2);
    CHECK_EQUAL(stats(c).malformed, 0);
    end(c, &s);
}

TEST(who_never_says_hello_is_closed)
{
    crowd *c = create();
    c->def.malformed_max = 1000000;
    begin(c);
    strangers s = strangers_connect(c, STRANGERS_MAX);
    for (int round = 0; round < 28; round++) {
        for (int i = 0; i < STRANGERS_MAX / 2; i++) {
            strangers_send(&s, i, "\x02\x01\x00\x00\x00\x00\x00", 7); // reports
        }
        strangers_run(&s, 0.1);
    }
    CHECK_EQUAL(strangers_closed(&s), 0);
    strangers_run(&s, 0.5);
    CHECK_EQUAL(strangers_closed(&s), STRANGERS_MAX);
    CHECK_EQUAL(stats(c).newcomers_closed, STRANGERS_MAX);
    check_unharmed(c);
    end(c, &s);
}

TEST(newcomers_have_so_many_places)
{
    crowd *c = create();
    c->def.newcomers_max = 10;
    begin(c);
    strangers s = strangers_connect(c, STRANGERS_MAX);
    strangers_run(&s, 0.5);
    CHECK_EQUAL(stats(c).newcomers_refused, STRANGERS_MAX - 10 - (c->def.clients_max - 1));
    CHECK_EQUAL(strangers_closed(&s), (int)stats(c).newcomers_refused);
    strangers_run(&s, 3.5); // then there is room again
    crowd_connect(c, 1, 0, "late");
    strangers_run(&s, 1);
    CHECK_EQUAL(tl_client_get_state(c->clients[1].client), TL_CLIENT_LIVE);
    crowd_disconnect(c, 1);
    strangers_run(&s, 0.5);
    check_unharmed(c);
    end(c, &s);
}

TEST(a_step_ends_although_more_is_waiting)
{
    crowd *c = create();
    c->def.malformed_max = c->def.peer_datagrams_per_s = 1000000;
    c->def.step_units_max = 50;
    begin(c);
    strangers s = strangers_connect(c, 4);
    uint64_t malformed = stats(c).malformed, cut = stats(c).steps_deferred;
    for (int i = 0; i < 2000; i++) {
        strangers_send(&s, i % 4, "\x7fjunk", 5);
    }
    crowd_run(c, 0.02); // ten steps
    CHECK(stats(c).malformed - malformed <= 11 * 50);
    CHECK(stats(c).steps_deferred - cut >= 9);
    crowd_run(c, 0.5);
    CHECK_EQUAL(stats(c).malformed - malformed, 2000);
    check_unharmed(c);
    end(c, &s);
}

// Each refusal would be a line of the log.
TEST(clients_cannot_fill_the_log)
{
    crowd *c = create();
    begin(c);
    uint8_t hello[HELLO_BYTES_MAX];
    make_hello(hello, CROWD_INTRUDER);
    for (int round = 0; round < 10; round++) {
        strangers s = strangers_connect(c, 20);
        for (int i = 0; i < 20; i++) {
            strangers_send(&s, i, hello + 1, hello[0]);
        }
        strangers_run(&s, 0.1);
        CHECK_EQUAL(strangers_closed(&s), 20);
        strangers_end(&s);
    }
    CHECK_EQUAL(stats(c).hellos_refused, 200);
    CHECK(stats(c).client_lines_omitted > 100 && stats(c).client_lines_omitted < 150);
    check_unharmed(c);
    crowd_disconnect(c, 0);
    crowd_destroy(c);
}

int main(void)
{
    RUN(who_sends_junk_is_closed);
    RUN(who_sends_too_much_is_not_listened_to);
    RUN(who_is_refused_is_closed);
    RUN(who_speaks_another_version_hears_so);
    RUN(who_never_says_hello_is_closed);
    RUN(newcomers_have_so_many_places);
    RUN(a_step_ends_although_more_is_waiting);
    RUN(clients_cannot_fill_the_log);
}
