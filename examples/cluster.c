// Two servers and a client in one process: a world in memory, a network in memory, and time that passes as fast as the
// processor allows. After ten seconds the first server crashes; the second adopts its groups, and the client, which is
// connected to the second, goes on seeing every car.
//
//   cluster
#include <tramline/tramline.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SERVERS = 2, CARS = 100, TICK_HZ = 20, STEP_US = 1000, SECONDS = 20, CRASH_S = 10 };

typedef struct node {
    tl_store *store;
    tl_server *server;
} node;

// What a server does with the groups that it owns: each car drives in its own circle.
static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    static tl_entity_ref cars[2 * CARS];
    uint32_t count = tl_server_get_entities(server, cars, 2 * CARS);
    for (uint32_t i = 0; i < count; i++) {
        tl_entity_info info;
        if (tl_server_get_entity_info(server, cars[i], &info) != TL_OK || !info.owned) {
            continue;
        }
        double radius_m = 20 + (double)(info.id % CARS), angle = time_s * 10 / radius_m; // 10 m/s
        tl_values values = {.mask = 1};
        values.fields[0].position = (tl_vec3){radius_m * cos(angle), 0, radius_m * sin(angle)};
        values.fields[0].velocity = (tl_vec3){-10 * sin(angle), 0, 10 * cos(angle)};
        tl_server_set_values(server, cars[i], &values);
    }
}

static void require(tl_result result, const char *what, const char *text)
{
    if (result != TL_OK) {
        fprintf(stderr, "cluster: %s: %s\n", what, text && text[0] ? text : tl_result_text(result));
        exit(1);
    }
}

static void open_node(node *n, const char *name, tl_memory_world *world, tl_transport *transport,
                      const tl_kind_def *kind)
{
    char text[256] = "";
    require(tl_memory_store_open(world, &n->store), "store", NULL);
    tl_server_def def = tl_server_def_default();
    def.name = name, def.kinds = kind, def.kind_count = 1, def.store = n->store, def.transport = transport;
    def.entities_max = 10 * CARS, def.callbacks.tick = on_tick;
    require(tl_server_create(&def, &n->server, text, sizeof text), name, text);
}

static void crash(node *n)
{
    tl_server_destroy(n->server);
    tl_store_close(n->store, false); // without leaving: its lease runs out
    n->server = NULL, n->store = NULL;
}

static void create_cars(tl_server *server, uint32_t count)
{
    tl_group_id group;
    require(tl_server_create_group(server, 0, &group), "group", NULL);
    for (uint32_t i = 0; i < count; i++) {
        tl_entity_def car = {.group = group, .values.mask = 1};
        require(tl_server_create_entity(server, &car, NULL), "car", NULL);
    }
}

int main(void)
{
    tl_memory_world_def world_def = tl_memory_world_def_default();
    tl_memory_world *world = tl_memory_world_create(&world_def);
    tl_memory_network *network = tl_memory_network_create(1);
    tl_transport *ends[2] = {NULL, NULL};
    node nodes[SERVERS] = {0};
    tl_client *client = NULL;
    tl_kind_def kind = tl_kind_def_default("car");
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = TICK_HZ};
    char text[256] = "";

    tl_store *tool;
    require(tl_memory_store_open(world, &tool), "store", NULL);
    require(tl_store_create_world(tool, &info), "world", NULL);
    tl_store_close(tool, false);
    require(tl_memory_network_open_server(network, &ends[0]), "network", NULL);
    require(tl_memory_network_open_client(network, &ends[1]), "network", NULL);
    open_node(&nodes[0], "alpha", world, NULL, &kind);
    open_node(&nodes[1], "beta", world, ends[0], &kind);
    tl_client_def client_def = tl_client_def_default();
    client_def.transport = ends[1], client_def.entities_max = 10 * CARS;
    require(tl_client_create(&client_def, &client, text, sizeof text), "client", text);

    bool populated[SERVERS] = {false};
    uint32_t seen = 0;
    for (uint64_t now_us = STEP_US; now_us <= SECONDS * 1000000ull; now_us += STEP_US) {
        tl_memory_world_advance(world, now_us);
        for (int i = 0; i < SERVERS; i++) {
            if (nodes[i].server == NULL) {
                continue;
            }
            tl_server_step(nodes[i].server, (tl_time){.wall_us = now_us, .monotonic_us = now_us});
            if (!populated[i] && tl_server_get_state(nodes[i].server) == TL_SERVER_RUNNING) {
                create_cars(nodes[i].server, CARS / SERVERS);
                populated[i] = true;
            }
        }
        if (populated[1]) { // a server that has not joined yet would refuse it
            tl_client_step(client, now_us);
        }
        for (tl_client_event event; tl_client_next_event(client, &event);) {
        }
        if (now_us == CRASH_S * 1000000ull) {
            crash(&nodes[0]);
            printf("%2d s: alpha has crashed\n", CRASH_S);
        }
        if (now_us % 2000000 == 0) {
            static tl_pose poses[10 * CARS];
            double tick = tl_client_get_server_tick(client, now_us) - 2;
            seen = tl_client_get_poses(client, tick, true, poses, 10 * CARS);
            printf("%2u s: the client sees %u cars, beta owns %u groups\n", (unsigned)(now_us / 1000000), seen,
                   tl_server_get_stats(nodes[1].server).groups_owned);
        }
    }
    tl_client_destroy(client);
    crash(&nodes[1]);
    tl_transport_close(ends[0]);
    tl_transport_close(ends[1]);
    tl_memory_network_destroy(network);
    tl_memory_world_destroy(world);
    return seen == CARS ? 0 : 1;
}
