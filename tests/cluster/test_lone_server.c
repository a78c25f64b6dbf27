// A lone server leaves while hostile clients say what their own entities do, each as often as a peer may.
#include "crowd.h"
#include "raw.h"

enum { CLIENTS = 16, STEPS_A_WORD = 3 }; // 6 ms: 167 datagrams a second each

static raw clients[CLIENTS];
static uint16_t version;

static void say_own(raw *r, int64_t x)
{
    tl_writer *w = raw_begin(r, TL_REPORT_OWNED);
    tl_write_varint(w, 1);
    tl_write_signed(w, r->tick);
    tl_write_varint(w, r->made[0]);
    tl_write_fixed(w, ++version, 2);
    tl_write_varint(w, CROWD_AVATAR);
    tl_write_varint(w, 0);
    raw_fields(w, x, 0, 0);
    raw_send(r);
}

TEST(a_lone_server_leaves_while_clients_speak)
{
    crowd *c = crowd_create(1);
    crowd_start(c, 0);
    crowd_fill(c, 0, 2, 4);
    for (int i = 0; i < CLIENTS; i++) {
        raw_open(&clients[i], c->servers[0].network);
    }
    for (int t = 0; t < 30; t++) {
        crowd_run(c, 0.05);
        raw_keep_all(clients, CLIENTS, c->now_us);
    }
    for (int i = 0; i < CLIENTS; i++) {
        raw_create(&clients[i], CROWD_AVATAR, 0, true, i * 1000, 0, 0);
    }
    crowd_run(c, 0.2);
    raw_poll_all(clients, CLIENTS, c->now_us);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQUAL(clients[i].made_count, 1);
    }
    tl_server_leave(c->servers[0].server);
    int steps = 0;
    for (; steps < 30 * 500 && tl_server_get_state(c->servers[0].server) != TL_SERVER_LEFT; steps++) {
        raw_poll_all(clients, CLIENTS, c->now_us);
        for (int i = 0; i < CLIENTS; i++) {
            if (steps % STEPS_A_WORD == i % STEPS_A_WORD) {
                say_own(&clients[i], i * 1000 + steps % 50 * 20);
            }
        }
        crowd_run(c, 0.002);
    }
    printf("  %d clients: left after %.3f s\n", CLIENTS, steps * 0.002);
    CHECK(tl_server_get_state(c->servers[0].server) == TL_SERVER_LEFT);
    for (int i = 0; i < CLIENTS; i++) {
        raw_close(&clients[i]);
    }
    crowd_destroy(c);
}

int main(void)
{
    RUN(a_lone_server_leaves_while_clients_speak);
    return 0;
}
