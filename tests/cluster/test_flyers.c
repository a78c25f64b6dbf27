// Entities that fly about and jump: each tick they are in tiles where nobody was. Whoever owns them, what others see
// stays right.
#include "cluster.h"

#include <math.h>

enum { ENTITIES = 4000, FLYERS = 64, CLIENTS = 8, OWN_EACH = 8, RIDERS = 2, RIDE_S = 30, WIDE_M = 30000000 };

static uint64_t seed;

typedef struct flight {
    cluster *c;
    int kind;
    uint64_t random;
    tl_entity_ref refs[FLYERS];
    tl_client *clients[CLIENTS];
    tl_transport *transports[CLIENTS];
    tl_entity_id own[CLIENTS][OWN_EACH];
    int own_count[CLIENTS];
    uint32_t refused;
} flight;

static int kind_named(const char *name)
{
    const tl_kind_def *kinds;
    int count = scenario_kinds(&kinds);
    for (int i = 0; i < count; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return i;
        }
    }
    CHECK(false);
    return -1;
}

static flight begin(void)
{
    flight f = {.c = cluster_create("city", ENTITIES, seed, 20), .random = seed};
    f.kind = kind_named("avatar");
    for (int i = 0; i < RIDERS; i++) {
        cluster_add_rider(f.c, 0);
    }
    cluster_settle(f.c, 5);
    return f;
}

static void end(flight *f)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (f->clients[i]) {
            tl_client_destroy(f->clients[i]);
            tl_transport_close(f->transports[i]);
        }
    }
    cluster_destroy(f->c);
}

// Anywhere within 30'000 km of the origin, with up to that speed.
static tl_values anywhere(flight *f, double speed_mps)
{
    tl_values v = {.mask = 1};
    v.fields[0].position = (tl_vec3){check_random_between(&f->random, -WIDE_M, WIDE_M),
                                     check_random_between(&f->random, 0, 1000),
                                     check_random_between(&f->random, -WIDE_M, WIDE_M)};
    v.fields[0].velocity = (tl_vec3){check_random_between(&f->random, -speed_mps, speed_mps), 0, speed_mps / 2};
    return v;
}

static void check_riders(flight *f)
{
    for (int i = 0; i < RIDERS; i++) {
        cluster_errors e = cluster_compare(f->c, i);
        if (!cluster_errors_none(&e)) {
            cluster_print("rider", &e);
        }
        CHECK(cluster_errors_none(&e));
    }
}

TEST(what_the_game_lets_fly_costs_no_client_its_work)
{
    flight f = begin();
    tl_server *server = f.c->nodes[0].server;
    tl_group_id group;
    CHECK_EQUAL(tl_server_create_group(server, 0, &group), TL_OK);
    for (int i = 0; i < FLYERS; i++) {
        tl_entity_def def = {.group = group, .kind = f.kind, .values = anywhere(&f, 0)};
        CHECK_EQUAL(tl_server_create_entity(server, &def, &f.refs[i]), TL_OK);
    }
    for (int tick = 0; tick < RIDE_S * 20; tick++) {
        for (int i = 0; i < FLYERS; i++) {
            tl_values to = anywhere(&f, 10000);
            CHECK_EQUAL(tl_server_set_values(server, f.refs[i], &to), TL_OK);
        }
        cluster_run(f.c, 0.05);
        if (tick % 10 == 9) {
            check_riders(&f);
        }
    }
    printf("  %d that jump each tick: riders waited in %llu ticks\n", FLYERS,
           (unsigned long long)tl_server_get_stats(server).work_waits);
    CHECK_EQUAL(tl_server_get_stats(server).work_waits, 0);
    end(&f);
}

static void take_events(flight *f, int client)
{
    tl_client_event event;
    while (tl_client_next_event(f->clients[client], &event)) {
        if (event.type != TL_CLIENT_ANSWER) {
            continue;
        }
        if (event.request != 0 && event.result == TL_OK && f->own_count[client] < OWN_EACH) {
            f->own[client][f->own_count[client]++] = event.entity;
        }
        f->refused += event.result != TL_OK;
    }
}

static void run_clients(flight *f, double seconds)
{
    for (int i = 0; i < seconds * 1000; i++) {
        cluster_run(f->c, 0.001);
        for (int k = 0; k < CLIENTS; k++) {
            tl_client_step(f->clients[k], f->c->now_us);
            take_events(f, k);
        }
    }
}

static void add_clients(flight *f)
{
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQUAL(tl_memory_network_open_client(f->c->nodes[0].network, &f->transports[i]), TL_OK);
        tl_client_def def = tl_client_def_default();
        def.transport = f->transports[i];
        def.entities_max = ENTITIES * 2;
        CHECK_EQUAL(tl_client_create(&def, &f->clients[i], NULL, 0), TL_OK);
    }
    run_clients(f, 2);
    for (int i = 0; i < CLIENTS * OWN_EACH; i++) {
        uint32_t request;
        tl_values at = anywhere(f, 0);
        CHECK_EQUAL(tl_client_request_create(f->clients[i % CLIENTS], f->kind, 0, &at, true, &request), TL_OK);
        run_clients(f, 0.05);
    }
    run_clients(f, 1);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQUAL(f->own_count[i], OWN_EACH);
    }
}

// The last state that a client sets is taken in the end, though its entities have gone too far before.
static void check_rest(flight *f)
{
    tl_vec3 place = {123, 4, 567};
    for (int i = 0; i < CLIENTS * OWN_EACH; i++) {
        tl_client *client = f->clients[i % CLIENTS];
        tl_values at = {.mask = 1, .fields[0].position = place};
        CHECK_EQUAL(tl_client_set_values(client, f->own[i % CLIENTS][i / CLIENTS],
                                         tl_client_get_server_tick(client, f->c->now_us), 0, &at),
                    TL_OK);
    }
    run_clients(f, 8);
    for (int i = 0; i < CLIENTS * OWN_EACH; i++) {
        tl_values seen;
        CHECK_EQUAL(tl_client_get_values(f->clients[0], f->own[i % CLIENTS][i / CLIENTS],
                                         (double)tl_client_get_frame_tick(f->clients[0]), &seen),
                    TL_OK);
        CHECK(fabs(seen.fields[0].position.x - place.x) < 1 && fabs(seen.fields[0].position.z - place.z) < 1);
    }
}

// `speed_mps`: of what flies. Returns how many states the server refused.
static uint64_t fly(flight *f, double speed_mps)
{
    tl_server *server = f->c->nodes[0].server;
    uint64_t refused = tl_server_get_stats(server).states_refused;
    for (int tick = 0; tick < RIDE_S * 20; tick++) {
        for (int i = 0; i < CLIENTS * OWN_EACH; i++) {
            tl_client *client = f->clients[i % CLIENTS];
            tl_values to = anywhere(f, speed_mps);
            (void)tl_client_set_values(client, f->own[i % CLIENTS][i / CLIENTS],
                                       tl_client_get_server_tick(client, f->c->now_us), 0, &to);
        }
        run_clients(f, 0.05);
        if (tick % 10 == 9) {
            check_riders(f);
        }
    }
    return tl_server_get_stats(server).states_refused - refused;
}

TEST(clients_fly_as_far_as_they_may_and_nobody_else_notices)
{
    flight f = begin();
    add_clients(&f);
    printf("  %d clients, %d things that jump each tick:", CLIENTS, CLIENTS * OWN_EACH);
    uint64_t refused = fly(&f, 100);
    printf(" %llu states were refused;", (unsigned long long)refused);
    CHECK(refused > 0);
    check_rest(&f);
    refused = fly(&f, 1e6);
    printf(" and %llu of those that were too fast\n", (unsigned long long)refused);
    CHECK(refused > 0);
    CHECK(f.refused > 0); // and their clients hear of it
    end(&f);
}

int main(int argc, char **argv)
{
    seed = cluster_seed(argc, argv, 1);
    RUN(what_the_game_lets_fly_costs_no_client_its_work);
    RUN(clients_fly_as_far_as_they_may_and_nobody_else_notices);
    return 0;
}
