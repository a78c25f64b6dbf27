// The world ends at TL_WORLD_LIMIT_M. Up to there all is as exact as anywhere; beyond it nothing is taken, by servers
// or by clients, and what goes on moving by itself is still shown where it is.
#include "check.h"
#include "tramline/client.h"
#include "tramline/server.h"

#include <math.h>

static const double LIMIT = TL_WORLD_LIMIT_M;
enum { TICK_HZ = 20, START_US = 1000000 };

typedef struct lab {
    uint64_t now_us;
    tl_memory_world *world;
    tl_memory_network *network;
    tl_store *store;
    tl_transport *server_transport, *client_transport;
    tl_server *server;
    tl_client *client;
    tl_group_id group;
    tl_entity_ref corner, flyer;
    tl_entity_id corner_id, flyer_id;
    tl_result answer;
    uint32_t answers;
    double start_x;
    int64_t start_tick;
} lab;

static tl_values at(double x, double y, double z)
{
    tl_values v = {.mask = 1};
    v.fields[0].position = (tl_vec3){x, y, z};
    return v;
}

static tl_entity_id create(lab *l, const tl_values *values, tl_entity_ref *ref)
{
    tl_entity_def def = {.group = l->group, .values = *values};
    tl_entity_info info;
    CHECK_EQUAL(tl_server_create_entity(l->server, &def, ref), TL_OK);
    CHECK_EQUAL(tl_server_get_entity_info(l->server, *ref, &info), TL_OK);
    return info.id;
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    lab *l = user;
    (void)time_s;
    if (l->group) {
        return;
    }
    CHECK_EQUAL(tl_server_create_group(server, 0, &l->group), TL_OK);
    tl_values corner = at(LIMIT, 0.3, -LIMIT), flyer = at(LIMIT - 101.37, 0, 701.3);
    flyer.fields[0].velocity = (tl_vec3){20000, 0, 0};
    l->corner_id = create(l, &corner, &l->corner);
    l->flyer_id = create(l, &flyer, &l->flyer);
    l->start_x = flyer.fields[0].position.x, l->start_tick = tick;
}

static void run(lab *l, double seconds)
{
    uint64_t end_us = l->now_us + (uint64_t)(seconds * 1e6);
    tl_client_event event;
    while (l->now_us < end_us) {
        l->now_us += 1000;
        tl_memory_world_advance(l->world, l->now_us);
        tl_server_step(l->server, (tl_time){.wall_us = l->now_us, .monotonic_us = l->now_us});
        if (l->client == NULL) {
            continue;
        }
        tl_client_step(l->client, l->now_us);
        while (tl_client_next_event(l->client, &event)) {
            if (event.type == TL_CLIENT_ANSWER) {
                l->answer = event.result, l->answers++;
            }
        }
    }
}

static lab *begin(void)
{
    lab *l = calloc(1, sizeof *l);
    static tl_kind_def kind;
    kind = tl_kind_def_default("probe");
    kind.create = kind.update = TL_POLICY_ALLOW;
    l->now_us = START_US;
    tl_memory_world_def world_def = tl_memory_world_def_default();
    CHECK(l->world = tl_memory_world_create(&world_def));
    tl_memory_world_advance(l->world, l->now_us);
    CHECK_EQUAL(tl_memory_store_open(l->world, &l->store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = TICK_HZ, .created_us = START_US};
    CHECK_EQUAL(tl_store_create_world(l->store, &info), TL_OK);
    CHECK(l->network = tl_memory_network_create(1));
    CHECK_EQUAL(tl_memory_network_open_server(l->network, &l->server_transport), TL_OK);
    tl_server_def def = tl_server_def_default();
    def.name = "alpha", def.kinds = &kind, def.kind_count = 1;
    def.store = l->store, def.transport = l->server_transport;
    def.entities_max = 1000, def.groups_max = 16, def.clients_max = 2;
    def.callbacks = (tl_server_callbacks){.user = l, .tick = on_tick};
    CHECK_EQUAL(tl_server_create(&def, &l->server, NULL, 0), TL_OK);
    run(l, 1);
    CHECK_EQUAL(tl_memory_network_open_client(l->network, &l->client_transport), TL_OK);
    tl_client_def client_def = tl_client_def_default();
    client_def.transport = l->client_transport;
    client_def.entities_max = 1000;
    CHECK_EQUAL(tl_client_create(&client_def, &l->client, NULL, 0), TL_OK);
    return l;
}

static void end(lab *l)
{
    tl_client_destroy(l->client);
    tl_transport_close(l->client_transport);
    tl_server_destroy(l->server);
    tl_transport_close(l->server_transport);
    tl_store_close(l->store, false);
    tl_memory_network_destroy(l->network);
    tl_memory_world_destroy(l->world);
    free(l);
}

static tl_vec3 seen(const lab *l, tl_entity_id id, double tick)
{
    tl_pose pose;
    CHECK_EQUAL(tl_client_get_pose(l->client, id, tick, false, &pose), TL_OK);
    return pose.position;
}

TEST(at_the_limit_all_is_as_exact_as_anywhere)
{
    lab *l = begin();
    CHECK_EQUAL(tl_client_observe_point(l->client, (tl_vec3){LIMIT, 0, -LIMIT}), TL_OK);
    run(l, 1);
    double off[3] = {0, -0.5, -3.1};
    for (int i = 0; i < 3; i++) {
        tl_values v = at(LIMIT + off[i], 0.1 * i, -LIMIT);
        CHECK_EQUAL(tl_server_set_values(l->server, l->corner, &v), TL_OK);
        run(l, 0.5);
        tl_vec3 p = seen(l, l->corner_id, (double)tl_client_get_frame_tick(l->client));
        CHECK(fabs(p.x - (LIMIT + off[i])) <= 0.02 && fabs(p.y - 0.1 * i) <= 0.02 && fabs(p.z + LIMIT) <= 0.02);
    }
    end(l);
}

TEST(beyond_the_limit_nothing_is_taken)
{
    lab *l = begin();
    double beyond = nextafter(LIMIT, 1e9);
    run(l, 1);
    for (int axis = 0; axis < 3; axis++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            double p[3] = {0};
            p[axis] = sign * beyond;
            tl_values v = at(p[0], p[1], p[2]);
            tl_entity_def def = {.group = l->group, .values = v};
            tl_entity_ref ref;
            uint32_t request;
            CHECK_EQUAL(tl_server_create_entity(l->server, &def, &ref), TL_ERR_OUTSIDE);
            CHECK_EQUAL(tl_server_set_values(l->server, l->corner, &v), TL_ERR_OUTSIDE);
            CHECK_EQUAL(tl_server_set_carrier(l->server, l->corner, 0, &v), TL_ERR_OUTSIDE);
            CHECK_EQUAL(tl_server_set_poses(l->server, &l->corner, 1, &v.fields[0].position, NULL, NULL), 0);
            CHECK_EQUAL(tl_client_observe_point(l->client, v.fields[0].position), TL_ERR_OUTSIDE);
            CHECK_EQUAL(tl_client_request_create(l->client, 0, 0, &v, true, &request), TL_ERR_OUTSIDE);
        }
    }
    CHECK(strstr(tl_result_text(TL_ERR_OUTSIDE), "33'554'432 m") &&
          strstr(tl_result_text(TL_ERR_OUTSIDE), "TL_WORLD_LIMIT_M"));
    tl_values nothing = at(NAN, 0, 0);
    CHECK_EQUAL(tl_server_set_values(l->server, l->corner, &nothing), TL_ERR_INVALID);
    end(l);
}

// It left the world at 20 km/s, and nobody sets it any more.
TEST(what_flies_on_beyond_the_limit_is_shown_where_it_is)
{
    lab *l = begin();
    for (int i = 0; i < 20; i++) {
        tl_client_observe_entity(l->client, l->flyer_id);
        run(l, 0.5);
        double tick = (double)tl_client_get_frame_tick(l->client);
        if (i < 2) {
            continue;
        }
        tl_vec3 p = seen(l, l->flyer_id, tick);
        // it is looked at from itself
        double truth = l->start_x + (tick - (double)l->start_tick) * 20000 / TICK_HZ, allowed = 0.02;
        CHECK(truth > LIMIT && fabs(p.x - truth) <= allowed && fabs(p.z - 701.3) <= allowed);
    }
    end(l);
}

int main(void)
{
    RUN(at_the_limit_all_is_as_exact_as_anywhere);
    RUN(beyond_the_limit_nothing_is_taken);
    RUN(what_flies_on_beyond_the_limit_is_shown_where_it_is);
}
