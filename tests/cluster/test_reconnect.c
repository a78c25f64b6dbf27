// Clients that connect anew: to the same server from another address, or to another one. Their view stays whole, what
// they own is kept for them, and nobody else gets it.
#include "reconnect_lab.h"

// ---- the view and own entities go on ----

TEST(address_change)
{
    const char *const tokens[] = {"anna", "id-anna"};
    for (int t = 0; t < 2; t++) {
        lab *l = lab_create_scene(tokens[t]);
        friend *f = &l->friends[0];
        lab_change_address(f);
        double took_s = lab_until_live_s(l, f);
        printf("  live again after %.2f s\n", took_s);
        CHECK(took_s < 2);
        lab_run(l, 2);
        CHECK_EQUAL(f->given_back, 1);
        CHECK(f->back.entity == f->avatar && f->back.kind == KIND_AVATAR);
        CHECK_EQUAL(f->lost, 0);
        lab_check_whole(l);
        CHECK_EQUAL(tl_client_get_stats(f->client).reconnects, 1);
        CHECK_EQUAL(l->nodes[0].joins, 2); // the same server
        lab_run(l, 12);                    // the former connection is gone for long, and took nothing with it
        lab_check_whole(l);
        CHECK_EQUAL(l->nodes[0].joins - l->nodes[0].leaves, 1);
        lab_destroy(l);
    }
}

TEST(its_server_dies)
{
    const char *const tokens[] = {"anna", "id-anna"};
    for (int t = 0; t < 2; t++) {
        lab *l = lab_create_scene(tokens[t]);
        friend *f = &l->friends[0];
        lab_kill_server(l, 0);
        double took_s = lab_until_live_s(l, f);
        printf("  live at another server after %.2f s\n", took_s);
        CHECK(took_s < 2);
        lab_run(l, 4);
        CHECK_EQUAL(f->given_back, 1);
        CHECK_EQUAL(f->lost, 0);
        lab_check_whole(l);
        CHECK_EQUAL(l->nodes[0].joins + l->nodes[1].joins, 2);
        lab_start_server(l, 0);
        lab_run(l, 12);
        lab_check_whole(l);
        lab_destroy(l);
    }
}

TEST(its_server_leaves)
{
    lab *l = lab_create_scene("anna");
    friend *f = &l->friends[0];
    tl_server_leave(l->nodes[0].server);
    for (int i = 0; i < 500 && tl_server_get_state(l->nodes[0].server) == TL_SERVER_LEAVING; i++) {
        lab_run(l, 0.01);
    }
    CHECK_EQUAL(tl_server_get_state(l->nodes[0].server), TL_SERVER_LEFT);
    lab_run(l, 3);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    CHECK_EQUAL(f->given_back, 1);
    lab_check_whole(l);
    lab_destroy(l);
}

// A server that is only slow to answer is not left: it has spoken again before another was found.
TEST(it_was_only_silent)
{
    lab *l = lab_create_scene("anna");
    friend *f = &l->friends[0];
    f->first_server = 0;
    for (int i = 0; i < SERVERS; i++) {
        tl_memory_network_partition(l->nodes[i].network, true);
    }
    lab_run(l, 1.5);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_RECONNECTING);
    for (int i = 0; i < SERVERS; i++) {
        tl_memory_network_partition(l->nodes[i].network, false);
    }
    lab_run(l, 3);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    lab_check_whole(l);
    lab_destroy(l);
}

TEST(it_gives_up)
{
    const lab_def def = lab_def_default();
    lab *l = lab_create(&def);
    lab_connect(l, 0, 0, 1, "anna");
    lab_run(l, 1.5);
    friend *f = &l->friends[0];
    lab_watch(f, true);
    lab_kill_server(l, 0);
    lab_run(l, 29);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_RECONNECTING);
    lab_run(l, 4);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_CLOSED);
    CHECK(strstr(tl_client_get_text(f->client), "30000 ms"));
    CHECK_EQUAL(f->left, 0); // what was seen last stays readable
    lab_destroy(l);
}

// ---- time of grace ----

TEST(grace_ends)
{
    lab *l = lab_create_scene("anna");
    tl_entity_id avatar = l->friends[0].avatar;
    l->friends[1].watched = false;
    lab_disconnect(l, 0, false);
    double took_s = lab_until_gone_s(l, avatar);
    printf("  kept for %.2f s\n", took_s);
    CHECK(took_s > GRACE_S - 0.5 && took_s < GRACE_S + 1);
    lab_run(l, 0.5);
    CHECK(!lab_sees(&l->friends[1], avatar));
    lab_destroy(l);
}

// A goodbye is no accident.
TEST(goodbye_ends_it)
{
    lab *l = lab_create_scene("anna");
    tl_entity_id avatar = l->friends[0].avatar;
    l->friends[1].watched = false;
    lab_disconnect(l, 0, true);
    CHECK(lab_until_gone_s(l, avatar) < 0.5);
    lab_destroy(l);
}

// Servers die during it, one after another: each heir counts from the client's last datagram, not from its own
// beginning.
TEST(servers_die_during_grace)
{
    for (int deaths = 1; deaths <= 2; deaths++) {
        lab *l = lab_create_scene("anna");
        tl_entity_id avatar = l->friends[0].avatar;
        l->friends[1].watched = false;
        lab_disconnect(l, 1, true);
        lab_disconnect(l, 0, false);
        uint64_t begun_us = l->now_us;
        for (int i = 0; i < deaths; i++) {
            lab_run(l, 3.5);
            int owner = -1;
            for (int n = 0; n < SERVERS; n++) {
                tl_entity_info info;
                tl_entity_ref ref = l->nodes[n].server ? tl_server_find(l->nodes[n].server, avatar) : TL_REF_NONE;
                if (ref != TL_REF_NONE && tl_server_get_entity_info(l->nodes[n].server, ref, &info) == TL_OK &&
                    info.owned) {
                    owner = n;
                }
            }
            CHECK(owner >= 0);
            lab_kill_server(l, owner);
        }
        lab_until_gone_s(l, avatar);
        double took_s = (double)(l->now_us - begun_us) * 1e-6;
        printf("  %d deaths: kept for %.2f s\n", deaths, took_s);
        CHECK(took_s > GRACE_S - 0.5 && took_s < GRACE_S + GRACE_SLACK_S);
        lab_destroy(l);
    }
}

// All servers die at once, and come back: what is in the store is kept as long as it would have been.
TEST(all_servers_restart_during_grace)
{
    lab *l = lab_create_scene("anna");
    friend *f = &l->friends[0];
    l->friends[1].watched = false;
    lab_disconnect(l, 1, true);
    for (int i = 0; i < SERVERS; i++) {
        lab_kill_server(l, i);
    }
    lab_run(l, 1);
    for (int i = 0; i < SERVERS; i++) {
        lab_start_server(l, i);
    }
    lab_run(l, 6);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    CHECK_EQUAL(f->given_back, 1);
    CHECK_EQUAL(f->left, 0);
    CHECK_EQUAL(lab_owners(l, f->avatar), 1);
    tl_entity_id avatar = f->avatar;
    uint64_t begun_us = l->now_us;
    lab_disconnect(l, 0, false);
    lab_run(l, 2);
    for (int i = 0; i < SERVERS; i++) {
        lab_kill_server(l, i);
    }
    lab_run(l, 1);
    for (int i = 0; i < SERVERS; i++) {
        lab_start_server(l, i);
    }
    lab_run(l, 2);
    CHECK(lab_exists(l, avatar));
    lab_until_gone_s(l, avatar);
    double took_s = (double)(l->now_us - begun_us) * 1e-6;
    printf("  kept for %.2f s\n", took_s);
    CHECK(took_s > GRACE_S - 3 && took_s < GRACE_S + GRACE_SLACK_S);
    lab_destroy(l);
}

// ---- who it is ----

// A program that has started anew knows no secret; its token is enough.
TEST(a_token_is_enough)
{
    lab *l = lab_create_scene("id-anna");
    tl_entity_id avatar = l->friends[0].avatar;
    lab_disconnect(l, 0, false);
    lab_connect(l, 2, 1, 1, "id-anna"); // at another server, while the old connection still stands
    lab_run(l, 2);
    CHECK_EQUAL(l->friends[2].given_back, 1);
    CHECK_EQUAL(l->friends[2].back.entity, avatar);
    l->friends[2].avatar = avatar;
    lab_run(l, 15);
    CHECK_EQUAL(lab_owners(l, avatar), 1);
    CHECK_EQUAL(l->friends[1].left, 0);
    double time_s = (double)tl_client_get_frame_tick(l->friends[1].client) / TICK_HZ;
    CHECK(lab_off_m(&l->friends[1], avatar, lab_avatar_values(time_s).fields[0].position) < 0.5);
    lab_destroy(l);
}

// What it does not say of what was given back stays as it was.
TEST(values_are_kept)
{
    lab *l = lab_create_scene("id-anna");
    tl_entity_id avatar = l->friends[0].avatar;
    lab_disconnect(l, 0, false);
    lab_connect(l, 2, 1, 1, "id-anna");
    friend *f = &l->friends[2];
    for (int i = 0; i < 400 && f->given_back == 0; i++) {
        lab_run(l, 0.005);
    }
    tl_values place = {.mask = 1, .fields[0].position = {1, 2, 3}}, seen;
    tl_result result = TL_AGAIN;
    for (int i = 0; i < 400 && result == TL_AGAIN; i++) {
        result = tl_client_set_values(f->client, avatar, tl_client_get_server_tick(f->client, l->now_us), 0, &place);
        lab_run(l, 0.005);
    }
    CHECK_EQUAL(result, TL_OK);
    lab_run(l, 1);
    CHECK(lab_off_m(&l->friends[1], avatar, place.fields[0].position) < 0.1);
    CHECK_EQUAL(tl_client_get_values(l->friends[1].client, avatar,
                                     (double)tl_client_get_frame_tick(l->friends[1].client), &seen),
                TL_OK);
    CHECK_EQUAL(seen.fields[1].integer, lab_avatar_values(0).fields[1].integer);
    lab_destroy(l);
}

// Two living connections of one name: the later one has what the name owns, the earlier one is told why it ends.
TEST(twice_at_once)
{
    for (int server = 0; server < 2; server++) {
        lab *l = lab_create_scene("id-anna");
        tl_entity_id avatar = l->friends[0].avatar;
        lab_connect(l, 2, server, 1, "id-anna");
        lab_run(l, 3);
        CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_CLOSED);
        CHECK(strstr(tl_client_get_text(l->friends[0].client), "since"));
        CHECK_EQUAL(l->friends[2].given_back, 1);
        CHECK_EQUAL(lab_owners(l, avatar), 1);
        CHECK_EQUAL(l->friends[1].left, 0);
        lab_destroy(l);
    }
}

static void say_hello(tl_transport *transport, const char *token, const unsigned char *secret)
{
    unsigned char data[128] = {0x01, 2, 0, 100, (unsigned char)strlen(token)};
    size_t size = 5 + strlen(token);
    memcpy(data + 5, token, strlen(token));
    data[size++] = SECRET_BYTES;
    memcpy(data + size, secret, SECRET_BYTES);
    CHECK_EQUAL(tl_transport_send(transport, 1, data, size + SECRET_BYTES), TL_OK);
}

// Guesses at a secret, and names without proof, at the same server and at others, for as long as anybody likes.
TEST(theft)
{
    const char *const victims[] = {"anna", "id-anna"};
    for (int v = 0; v < 2; v++) {
        lab *l = lab_create_scene(victims[v]);
        friend *f = &l->friends[0];
        unsigned char secret[SECRET_BYTES] = {0};
        if (v == 0) {
            memcpy(secret, f->secret, sizeof secret);
        }
        for (int i = 0; i < 40; i++) {
            tl_transport *thief;
            tl_transport_event event;
            CHECK_EQUAL(tl_memory_network_open_client(l->nodes[i % SERVERS].network, &thief), TL_OK);
            for (int k = 0; k < 20; k++) {
                while (tl_transport_poll(thief, l->now_us, &event) == TL_OK) {
                    continue;
                }
                lab_run(l, 0.01);
            }
            secret[i % SECRET_BYTES] ^= (unsigned char)(1 << i % 8);
            say_hello(thief, i % 2 ? "anna" : "n-anna", secret);
            secret[i % SECRET_BYTES] ^= (unsigned char)(1 << i % 8);
            lab_run(l, 0.2);
            tl_transport_close(thief);
        }
        lab_run(l, 1);
        CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
        CHECK_EQUAL(tl_client_get_stats(f->client).reconnects, 0);
        CHECK_EQUAL(f->given_back + f->lost, 0);
        lab_check_whole(l);
        lab_destroy(l);
    }
}

// ---- loss ----

TEST(sixty_percent_are_lost)
{
    for (uint64_t i = 0; i < 8; i++) {
        uint64_t before = lab_seed;
        lab_seed = lab_seed * 100 + i;
        const lab_def def = lab_def_default();
        lab *l = lab_create(&def);
        for (int n = 0; n < SERVERS; n++) {
            tl_memory_network_set_faults(l->nodes[n].network,
                                         (tl_link_faults){.loss = 0.6, .delay_us = 20000, .jitter_us = 20000});
        }
        lab_connect(l, 0, 0, SERVERS, "anna");
        friend *f = &l->friends[0];
        uint64_t begun_us = l->now_us;
        for (int k = 0; k < 2000 && tl_client_get_stats(f->client).entities < SERVERS * BODIES; k++) {
            lab_run(l, 0.01);
        }
        printf("  all in view after %.2f s\n", (double)(l->now_us - begun_us) * 1e-6);
        CHECK_EQUAL(tl_client_get_stats(f->client).entities, SERVERS * BODIES);
        lab_watch(f, true);
        lab_change_address(f);
        printf("  live again after %.2f s\n", lab_until_live_s(l, f));
        lab_run(l, 5);
        CHECK_EQUAL(f->left + f->entered, 0);
        lab_destroy(l);
        lab_seed = before;
    }
}

// A client that has a connection, and has just said hello.
static lab *join(void)
{
    const lab_def def = lab_def_default();
    lab *l = lab_create(&def);
    lab_connect(l, 0, 0, 1, "anna");
    while (tl_client_get_state(l->friends[0].client) != TL_CLIENT_JOINING) {
        lab_run(l, 0.002);
    }
    return l;
}

// A server closes who has said nothing for three seconds. If that is lost, too, nobody answers on that connection any
// more.
TEST(a_first_connection_that_nobody_knows_of)
{
    lab *l = join();
    friend *f = &l->friends[0];
    lab_change_address(f);
    lab_run(l, 5);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    CHECK_EQUAL(tl_client_get_stats(f->client).entities, SERVERS * BODIES);
    CHECK_EQUAL(tl_client_get_stats(f->client).reconnects, 1);
    lab_destroy(l);
}

// Who answers none of a client's connections is given up in the end.
TEST(a_server_that_never_answers)
{
    lab *l = join();
    friend *f = &l->friends[0];
    tl_memory_network_set_faults(l->nodes[0].network, (tl_link_faults){.loss = 1});
    lab_run(l, 39);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_JOINING); // ten seconds, and the thirty of reconnect_ms
    lab_run(l, 2);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_CLOSED);
    CHECK(strstr(tl_client_get_text(f->client), "does not answer"));
    lab_destroy(l);
}

// ---- all of it at random ----

TEST(at_random)
{
    uint64_t random = lab_seed + 77;
    lab *l = lab_create_scene(lab_seed % 2 ? "anna" : "id-anna");
    friend *f = &l->friends[0];
    l->friends[1].watched = false;
    lab_disconnect(l, 1, true);
    for (int i = 0; i < 12; i++) {
        int which = (int)check_random_between(&random, 0, SERVERS), down = -1;
        for (int n = 0; n < SERVERS; n++) {
            tl_memory_network_set_faults(l->nodes[n].network,
                                         (tl_link_faults){.loss = check_random_between(&random, 0, 0.3),
                                                          .copy = 0.05,
                                                          .reorder = 0.1,
                                                          .delay_us = 10000,
                                                          .jitter_us = 20000});
            if (l->nodes[n].server == NULL) {
                down = n;
            }
        }
        double what = check_random_between(&random, 0, 1);
        if (what < 0.4) {
            lab_change_address(f);
        }
        if (what >= 0.4 && what < 0.7 && down < 0 && which < SERVERS) {
            lab_kill_server(l, which);
        }
        lab_run(l, check_random_between(&random, 0.2, 3));
        if (down >= 0) {
            lab_start_server(l, down);
        }
        lab_run(l, check_random_between(&random, 2, 5));
    }
    for (int n = 0; n < SERVERS; n++) {
        tl_memory_network_set_faults(l->nodes[n].network, (tl_link_faults){0});
        if (l->nodes[n].server == NULL) {
            lab_start_server(l, n);
        }
    }
    lab_run(l, 8);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    CHECK_EQUAL(f->left, 0);
    CHECK_EQUAL(f->lost, 0);
    CHECK_EQUAL(lab_owners(l, f->avatar), 1);
    double time_s = (double)tl_client_get_frame_tick(f->client) / TICK_HZ;
    CHECK(lab_off_m(f, f->avatar, lab_avatar_values(time_s).fields[0].position) < 0.5);
    printf("  %llu reconnects, %u times given back\n", (unsigned long long)tl_client_get_stats(f->client).reconnects,
           f->given_back);
    tl_entity_id avatar = f->avatar;
    lab_disconnect(l, 0, false);
    double took_s = lab_until_gone_s(l, avatar);
    CHECK(took_s > GRACE_S - 0.5 && took_s < GRACE_S + 1);
    lab_destroy(l);
}

int main(int argc, char **argv)
{
    lab_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    printf("seed %llu\n", (unsigned long long)lab_seed);
    RUN(address_change);
    RUN(its_server_dies);
    RUN(its_server_leaves);
    RUN(it_was_only_silent);
    RUN(it_gives_up);
    RUN(grace_ends);
    RUN(goodbye_ends_it);
    RUN(servers_die_during_grace);
    RUN(all_servers_restart_during_grace);
    RUN(a_token_is_enough);
    RUN(values_are_kept);
    RUN(twice_at_once);
    RUN(theft);
    RUN(sixty_percent_are_lost);
    RUN(a_first_connection_that_nobody_knows_of);
    RUN(a_server_that_never_answers);
    RUN(at_random);
}
