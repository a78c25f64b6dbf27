// A client that has too little room for what it is to see: what it shows is right, it settles, it says once that it is
// full, and it does not ask for the same again and again.
#include "check.h"
#include "tramline/client.h"
#include "tramline/server.h"

#include <math.h>

enum { BODIES = 12000, TICK_HZ = 20, STEP_US = 5000, STEPS_PER_S = 1000000 / STEP_US, SECONDS = 14 };

typedef struct lab {
    uint64_t now_us;
    tl_memory_world *world;
    tl_memory_network *network;
    tl_store *store;
    tl_transport *server_end, *client_end;
    tl_server *server;
    tl_client *client;
    tl_group_id group;
    uint32_t bodies;
    tl_entity_ref refs[BODIES];
    uint32_t full;
} lab;

static tl_pose poses[2 * BODIES];

// A dense crowd of 120 by 120 m; the others are spread over 4 km. All go round in circles.
static tl_vec3 place(int i, double time_s)
{
    double angle = i * 0.7 + time_s * 0.3, gap_m = i % 2 ? 1.5 : 50;
    return (tl_vec3){(i % 80 - 40) * gap_m + 5 * cos(angle), 0, (i / 80 % 80 - 40) * gap_m + 5 * sin(angle)};
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    lab *l = user;
    (void)tick;
    if (l->group == 0) {
        CHECK_EQUAL(tl_server_create_group(server, 0, &l->group), TL_OK);
        for (int i = 0; i < BODIES; i++) {
            tl_entity_def def = {.group = l->group, .values = {.mask = 1}};
            def.values.fields[0].position = place(i, time_s);
            CHECK_EQUAL(tl_server_create_entity(server, &def, &l->refs[i]), TL_OK);
        }
        l->bodies = BODIES;
        return;
    }
    for (uint32_t i = 0; i < l->bodies; i++) {
        tl_vec3 p = place((int)i, time_s);
        tl_server_set_poses(server, &l->refs[i], 1, &p, NULL, NULL);
    }
}

static void run(lab *l, int steps)
{
    tl_client_event event;
    for (int i = 0; i < steps; i++) {
        l->now_us += STEP_US;
        tl_memory_world_advance(l->world, l->now_us);
        tl_server_step(l->server, (tl_time){.wall_us = l->now_us, .monotonic_us = l->now_us});
        if (l->client == NULL) {
            continue;
        }
        tl_client_step(l->client, l->now_us);
        while (tl_client_next_event(l->client, &event)) {
            l->full += event.type == TL_CLIENT_FULL;
        }
    }
}

static lab *create_lab(void)
{
    lab *l = calloc(1, sizeof *l);
    l->now_us = 1000000000000;
    tl_memory_world_def world = tl_memory_world_def_default();
    CHECK(l->world = tl_memory_world_create(&world));
    tl_memory_world_advance(l->world, l->now_us);
    CHECK(l->network = tl_memory_network_create(1));
    CHECK_EQUAL(tl_memory_network_open_server(l->network, &l->server_end), TL_OK);
    CHECK_EQUAL(tl_memory_store_open(l->world, &l->store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = TICK_HZ, .created_us = l->now_us};
    CHECK_EQUAL(tl_store_create_world(l->store, &info), TL_OK);
    static tl_kind_def kind;
    kind = tl_kind_def_default("walker");
    tl_server_def def = tl_server_def_default();
    def.name = "alpha", def.kinds = &kind, def.kind_count = 1, def.store = l->store, def.transport = l->server_end;
    def.entities_max = 2 * BODIES, def.clients_max = 4, def.kbit_s = 20000;
    def.callbacks = (tl_server_callbacks){.user = l, .tick = on_tick};
    char text[256] = "";
    CHECK_EQUAL(tl_server_create(&def, &l->server, text, sizeof text), TL_OK);
    run(l, STEPS_PER_S);
    return l;
}

static void destroy_lab(lab *l)
{
    tl_client_destroy(l->client);
    tl_server_destroy(l->server);
    tl_transport_close(l->client_end);
    tl_transport_close(l->server_end);
    tl_store_close(l->store, false);
    tl_memory_network_destroy(l->network);
    tl_memory_world_destroy(l->world);
    free(l);
}

// `spare_bytes`: beyond what a client needs to be made at all; 0: as much as it wants.
static void connect_client(lab *l, uint32_t entities_max, size_t spare_bytes)
{
    enum { STEP_BYTES = 64 << 10 };
    CHECK_EQUAL(tl_memory_network_open_client(l->network, &l->client_end), TL_OK);
    tl_client_def def = tl_client_def_default();
    def.transport = l->client_end, def.kbit_s = 20000, def.entities_max = entities_max;
    if (spare_bytes) {
        for (def.memory_bytes = STEP_BYTES; tl_client_create(&def, &l->client, NULL, 0) != TL_OK;) {
            def.memory_bytes += STEP_BYTES;
        }
    }
    tl_client_destroy(l->client);
    if (spare_bytes) {
        def.memory_bytes += spare_bytes;
    }
    CHECK_EQUAL(tl_client_create(&def, &l->client, NULL, 0), TL_OK);
    CHECK_EQUAL(tl_client_observe_point(l->client, (tl_vec3){0, 0, 0}), TL_OK);
}

// All that is shown is in the world and where it should be, as finely as its level tells. Returns how many there are.
static uint32_t check_shown(lab *l)
{
    int64_t tick = tl_client_get_stats(l->client).tick;
    uint32_t count = tl_client_get_poses(l->client, (double)tick, false, poses, 2 * BODIES);
    CHECK(count <= 2 * BODIES);
    for (uint32_t i = 0; i < count; i++) {
        tl_entity_ref ref = tl_server_find(l->server, poses[i].entity);
        CHECK(ref != TL_REF_NONE);
        tl_vec3 p;
        tl_quat q;
        tl_server_get_pose(l->server, ref, (double)tick, &p, &q);
        double off_m = hypot(p.x - poses[i].position.x, p.z - poses[i].position.z),
               tolerance_m = 0.032 * (double)(1 << poses[i].level);
        CHECK_NEAR(off_m, 0, tolerance_m * 2 + 0.05); // the server's own is half a tick newer
    }
    return count;
}

static void try_room(uint32_t entities_max, size_t spare_bytes, uint32_t least, uint32_t most)
{
    lab *l = create_lab();
    connect_client(l, entities_max, spare_bytes);
    uint64_t bytes = 0;
    uint32_t shown = 0;
    for (int s = 0; s < SECONDS; s++) {
        uint64_t before = tl_client_get_stats(l->client).bytes;
        bool away = s >= 4 && s < 7;
        CHECK_EQUAL(tl_client_observe_point(l->client, (tl_vec3){away ? 1500 : 0, 0, 0}), TL_OK);
        run(l, STEPS_PER_S);
        shown = check_shown(l);
        tl_client_validate(l->client);
        bytes = tl_client_get_stats(l->client).bytes - before;
    }
    tl_client_stats stats = tl_client_get_stats(l->client);
    printf("  entities_max %u, %zu bytes to spare: %u shown, %u streams left out, %.0f kB/s, settled %lld of %lld\n",
           entities_max, spare_bytes, shown, stats.streams_omitted, (double)bytes * 1e-3, (long long)stats.settled_tick,
           (long long)stats.tick);
    CHECK_EQUAL(tl_client_get_state(l->client), TL_CLIENT_LIVE);
    CHECK_EQUAL(stats.malformed, 0);
    CHECK(stats.settled_tick > stats.tick - TICK_HZ);
    CHECK(shown >= least && shown <= most);
    CHECK(bytes < 150000); // no tile comes again and again
    CHECK_EQUAL(l->full, most < BODIES);
    destroy_lab(l);
}

TEST(with_room_all_is_shown)
{
    try_room(2 * BODIES, 0, BODIES, BODIES);
}

TEST(too_few_places)
{
    try_room(1000, 0, 1000, 1000);
}

// From what does not do for the crowd near by to what nearly does for all.
TEST(too_little_memory)
{
    static const size_t spare_kb[] = {64, 256, 512, 768, 1024, 1536};
    for (int i = 0; i < 6; i++) {
        try_room(i % 2 ? 2 * BODIES : 2000, spare_kb[i] << 10, 1, BODIES - 1);
    }
}

int main(void)
{
    RUN(with_room_all_is_shown);
    RUN(too_few_places);
    RUN(too_little_memory);
    return 0;
}
