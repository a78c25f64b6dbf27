// Clients that connect anew while the servers' clocks differ, records are under way, and connections follow each other
// within moments: what a client owns is given back to it, whichever server it comes to, and nobody refuses it as its
// own double.
#include "reconnect_lab.h"

enum { ITS_ADDRESS_CHANGES, ITS_SERVER_DIES, ITS_SERVER_LEAVES, IT_CONNECTS_ELSEWHERE, MISHAP_COUNT };

static uint32_t server_of(const friend *f)
{
    return (tl_failover_get_server(f->transport) + f->first_server) % SERVERS;
}

static void connect_elsewhere(friend *f)
{
    lab_change_address(f);
    tl_transport_reconnect(f->transport, TL_RECONNECT_OTHER);
}

static void befall(lab *l, int mishap)
{
    friend *f = &l->friends[0];
    int server = (int)server_of(f);
    if (mishap == ITS_ADDRESS_CHANGES) {
        lab_change_address(f);
    }
    if (mishap == ITS_SERVER_DIES) {
        lab_kill_server(l, server);
    }
    if (mishap == ITS_SERVER_LEAVES) {
        tl_server_leave(l->nodes[server].server);
    }
    if (mishap == IT_CONNECTS_ELSEWHERE) {
        connect_elsewhere(f);
    }
}

static void until_live(lab *l)
{
    friend *f = &l->friends[0];
    for (int i = 0; i < 5000 && tl_client_get_state(f->client) != TL_CLIENT_LIVE; i++) {
        lab_run(l, 0.001);
    }
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
}

// A client at alpha with an avatar, of which it has the answer, and no more.
static lab *begin_at_once(const lab_def *def, const char *token)
{
    lab *l = lab_create(def);
    for (int i = 0; i < 500 && tl_server_get_state(l->nodes[0].server) != TL_SERVER_RUNNING; i++) {
        lab_run(l, 0.01);
    }
    lab_connect(l, 0, 0, SERVERS, token);
    until_live(l);
    lab_create_avatar(l, 0);
    return l;
}

// With an avatar that is committed.
static lab *begin(const lab_def *def, const char *token)
{
    lab *l = begin_at_once(def, token);
    friend *f = &l->friends[0];
    for (int i = 0; i < 1000 && !lab_sees(f, f->avatar); i++) {
        lab_run(l, 0.001);
    }
    CHECK(lab_sees(f, f->avatar));
    return l;
}

// It is the client's, and whatever it asks for is answered as for any other client.
static void end(lab *l)
{
    friend *f = &l->friends[0];
    lab_run(l, 9);
    if (tl_client_get_state(f->client) != TL_CLIENT_LIVE) {
        printf("%s\n", tl_client_get_text(f->client));
    }
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    CHECK_EQUAL(f->lost, 0);
    CHECK(lab_sees(f, f->avatar));
    CHECK_EQUAL(lab_owners(l, f->avatar), 1);
    double time_s = (double)tl_client_get_frame_tick(f->client) / TICK_HZ;
    CHECK(lab_off_m(f, f->avatar, lab_avatar_values(time_s).fields[0].position) < 0.5);
    tl_values v = lab_avatar_values(1);
    uint32_t request, before = f->answers;
    CHECK_EQUAL(tl_client_request_create(f->client, KIND_AVATAR, 0, &v, true, &request), TL_OK);
    for (int i = 0; i < 200 && f->answers == before; i++) {
        lab_run(l, 0.01);
    }
    CHECK_EQUAL(f->answer.result, TL_OK);
    lab_destroy(l);
}

static const char *const tokens[] = {"anna", "id-anna"};

// Long after, or before the clocks have met.
TEST(clocks_differ)
{
    static const int64_t offsets_ms[][SERVERS] = {{500, -500, -500}, {-500, 500, 500}, {500, -500, 0}};
    static const double ages_s[] = {0, 0.3};
    for (size_t o = 0; o < sizeof offsets_ms / sizeof *offsets_ms; o++) {
        for (int mishap = 0; mishap < MISHAP_COUNT; mishap++) {
            for (size_t a = 0; a < sizeof ages_s / sizeof *ages_s; a++) {
                lab_def def = lab_def_default();
                def.settle_s = a;
                for (int i = 0; i < SERVERS; i++) {
                    def.wall_less_us[i] = offsets_ms[o][i] * 1000;
                }
                lab *l = begin(&def, tokens[a]);
                lab_run(l, ages_s[a]);
                befall(l, mishap);
                end(l);
            }
        }
    }
}

// What the client owns is in a record that its next server has not seen yet when it says hello.
TEST(its_record_is_under_way)
{
    for (uint32_t follow_ms = 20; follow_ms <= 120; follow_ms += 50) {
        for (int t = 0; t < 2; t++) {
            lab_def def = lab_def_default();
            def.world.follow_us_min = def.world.follow_us_max = follow_ms * 1000;
            lab *l = begin_at_once(&def, tokens[t]);
            befall(l, IT_CONNECTS_ELSEWHERE);
            end(l);
        }
    }
}

// It comes back to its server, and is at another one some milliseconds later: both claims are of about the same tick.
TEST(two_servers_within_a_tick)
{
    for (int ms = 0; ms < 60; ms += 4) {
        const lab_def def = lab_def_default();
        lab *l = begin(&def, tokens[ms % 8 / 4]);
        friend *f = &l->friends[0];
        lab_run(l, 1 + ms * 0.003);
        befall(l, ITS_ADDRESS_CHANGES);
        while (tl_client_get_state(f->client) == TL_CLIENT_LIVE) {
            lab_run(l, 0.001);
        }
        lab_run(l, ms * 0.001);
        connect_elsewhere(f);
        end(l);
    }
}

static void try_at_random(uint64_t *random)
{
    lab_def def = lab_def_default();
    for (int i = 0; i < SERVERS; i++) {
        def.wall_less_us[i] = (int64_t)check_random_between(random, -500e3, 500e3);
    }
    def.world.commit_us_max = (uint32_t)check_random_between(random, def.world.commit_us_min, 60e3);
    def.world.follow_us_max = (uint32_t)check_random_between(random, def.world.follow_us_min, 60e3);
    def.apart_s = check_random_between(random, 0, 0.5);
    def.settle_s = 0;
    lab *l = begin(&def, tokens[check_random_between(random, 0, 1) < 0.5]);
    uint32_t delay_us = (uint32_t)check_random_between(random, 0, 50e3);
    for (int i = 0; i < SERVERS; i++) {
        tl_memory_network_set_faults(l->nodes[i].network, (tl_link_faults){.delay_us = delay_us});
    }
    bool down = false;
    for (int count = (int)check_random_between(random, 1, 4); count > 0; count--) {
        lab_run(l, check_random_between(random, 0, 1.5));
        int mishap = (int)check_random_between(random, 0, MISHAP_COUNT);
        bool downs = mishap == ITS_SERVER_DIES || mishap == ITS_SERVER_LEAVES;
        if (!downs || !down) {
            befall(l, mishap);
        }
        down |= downs;
    }
    end(l);
}

TEST(at_random)
{
    uint64_t random = lab_seed + 99;
    for (int i = 0; i < 10; i++) {
        try_at_random(&random);
    }
}

int main(int argc, char **argv)
{
    lab_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %llu\n", (unsigned long long)lab_seed);
    RUN(clocks_differ);
    RUN(its_record_is_under_way);
    RUN(two_servers_within_a_tick);
    RUN(at_random);
}
