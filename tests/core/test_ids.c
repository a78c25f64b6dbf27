// A server that runs for months uses up the ids of its epoch, and goes on with those that are free.
#include "check.h"
#include "server/state.h"

enum { HZ = 20, START_US = 1000000, STEP_US = 50000, ENTITIES = 300 };

static tl_memory_world *world;
static tl_store *store;
static tl_server *server;
static uint64_t now_us = START_US;
static tl_kind_def kind;

static void run(int steps)
{
    for (int i = 0; i < steps; i++) {
        now_us += STEP_US;
        tl_memory_world_advance(world, now_us);
        tl_server_step(server, (tl_time){.wall_us = now_us, .monotonic_us = now_us});
        CHECK(tl_server_get_state(server) <= TL_SERVER_RUNNING);
    }
}

static void begin(void)
{
    kind = tl_kind_def_default("thing");
    tl_memory_world_def def = tl_memory_world_def_default();
    CHECK(world = tl_memory_world_create(&def));
    tl_memory_world_advance(world, now_us);
    CHECK_EQUAL(tl_memory_store_open(world, &store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = HZ, .created_us = START_US};
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_server_def server_def = tl_server_def_default();
    server_def.name = "alpha";
    server_def.kinds = &kind, server_def.kind_count = 1;
    server_def.store = store;
    server_def.entities_max = 1000, server_def.groups_max = 64, server_def.level_count = 1;
    char why[256] = "";
    CHECK_EQUAL(tl_server_create(&server_def, &server, why, sizeof why), TL_OK);
    while (tl_server_get_state(server) == TL_SERVER_JOINING) {
        run(1);
    }
}

static void create(tl_group_id group, int count)
{
    for (int i = 0; i < count; i++) {
        tl_entity_def def = {.group = group, .values = {.mask = 1}};
        CHECK_EQUAL(tl_server_create_entity(server, &def, NULL), TL_OK);
    }
}

TEST(ids_begin_again_without_those_in_use)
{
    begin();
    tl_group_id group, others[3];
    CHECK_EQUAL(tl_server_create_group(server, 0, &group), TL_OK);
    create(group, ENTITIES);
    run(10);
    // All but a hundred are used up: the next three hundred are those, and the first that the living do not have.
    server->own.entity_counter = server->own.group_counter = ((uint64_t)1 << 24) - 100;
    create(group, ENTITIES);
    run(10);
    for (int i = 0; i < 3; i++) {
        server->own.group_counter = ((uint64_t)1 << 24) - 1;
        CHECK_EQUAL(tl_server_create_group(server, 0, &others[i]), TL_OK);
    }
    run(10);
    CHECK(group != others[0] && others[0] != others[1] && others[1] != others[2]);
    CHECK_EQUAL(tl_server_get_stats(server).entities, 2 * ENTITIES);
    tl_server_validate(server);
    // Nor do they run into the next epoch's.
    for (int32_t i = 0; i < server->mirror.entity_top; i++) {
        CHECK_EQUAL(server->mirror.entities[i].id >> 24, (uint64_t)1 << 24 | server->epoch);
    }
    tl_server_destroy(server);
    tl_store_close(store, false);
    tl_memory_world_destroy(world);
}

int main(void)
{
    RUN(ids_begin_again_without_those_in_use);
}
