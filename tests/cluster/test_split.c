// More changes in one tick than a record has room for: they are spread over ticks, and the other server has all of
// them.
#include "check.h"
#include "server/state.h"
#include <stdlib.h>
#include <string.h>

enum {
    HZ = 20,
    START_US = 1000000,
    STEP_US = 10000,
    CREATIONS = 18500,
    DELETIONS = 9000,
    BYTES = 900,
    GROUPS = 40,
    ROUNDS = 8
};

static tl_memory_world *world;
static tl_store *stores[2];
static tl_server *servers[2];
static uint64_t now_us = START_US;
static tl_kind_def kind;
static unsigned char text[BYTES];
static tl_entity_ref refs[CREATIONS];
static tl_group_id groups[GROUPS];

static void start(int which)
{
    CHECK_EQUAL(tl_memory_store_open(world, &stores[which]), TL_OK);
    tl_server_def def = tl_server_def_default();
    def.name = which ? "beta" : "alpha";
    def.kinds = &kind, def.kind_count = 1;
    def.store = stores[which];
    def.entities_max = 20000, def.groups_max = 64, def.level_count = 1;
    char why[256] = "";
    CHECK_EQUAL(tl_server_create(&def, &servers[which], why, sizeof why), TL_OK);
}

static void run(double seconds)
{
    for (uint64_t end_us = now_us + (uint64_t)(seconds * 1e6); now_us < end_us;) {
        now_us += STEP_US;
        tl_memory_world_advance(world, now_us);
        for (int i = 0; i < 2; i++) {
            if (servers[i] == NULL) {
                continue;
            }
            tl_server_step(servers[i], (tl_time){.wall_us = now_us, .monotonic_us = now_us});
            CHECK(tl_server_get_state(servers[i]) <= TL_SERVER_RUNNING);
        }
    }
}

static void create_all(void)
{
    for (int i = 0; i < GROUPS; i++) {
        CHECK_EQUAL(tl_server_create_group(servers[0], 0, &groups[i]), TL_OK);
        CHECK_EQUAL(tl_server_keep_group(servers[0], groups[i], true), TL_OK);
    }
    for (int i = 0; i < CREATIONS; i++) {
        tl_entity_def def = {.group = groups[i % GROUPS], .kind = 0, .values = {.mask = 3}};
        memset(text, i, sizeof text);
        def.values.fields[0].position = (tl_vec3){i % 100, 0, i / 100};
        def.values.fields[1].bytes = text, def.values.fields[1].size = sizeof text;
        CHECK_EQUAL(tl_server_create_entity(servers[0], &def, &refs[i]), TL_OK);
    }
}

static uint32_t entities(int which)
{
    return tl_server_get_stats(servers[which]).entities;
}

static void check_waiting(const tl_server *s)
{
    static bool listed[40000];
    memset(listed, 0, sizeof listed);
    for (uint32_t i = 0; i < s->changes.entity_count; i++) {
        CHECK(!listed[s->changes.entities[i]] && s->mirror.entities[s->changes.entities[i]].unsent_listed);
        listed[s->changes.entities[i]] = true;
    }
}

static void change_all(void)
{
    static tl_entity_ref all[CREATIONS];
    uint32_t count = tl_server_get_entities(servers[0], all, CREATIONS), deleted = 0;
    for (uint32_t i = 0; i < count; i++) {
        tl_values v = {.mask = 3};
        memset(text, (int)(now_us / 1000 + i), sizeof text);
        v.fields[0].position = (tl_vec3){(double)(i % 100), (double)(now_us % 7), (double)(i / 100)};
        v.fields[1].bytes = text, v.fields[1].size = sizeof text;
        tl_server_set_values(servers[0], all[i], &v);
        if (i % 10 == 0) {
            deleted += tl_server_delete_entity(servers[0], all[i]) == TL_OK;
        }
    }
    run(0.05);
    for (; deleted; deleted--) {
        tl_entity_def def = {.group = groups[1], .kind = 0, .values = {.mask = 3}};
        def.values.fields[1].bytes = text, def.values.fields[1].size = sizeof text;
        CHECK_EQUAL(tl_server_create_entity(servers[0], &def, NULL), TL_OK);
    }
    check_waiting(servers[0]);
    run(0.05);
    check_waiting(servers[0]);
}

TEST(a_tick_with_more_than_a_record_holds_is_split)
{
    kind = tl_kind_def_default("sign");
    kind.fields[1] = tl_field_def_default("text", TL_FIELD_BYTES, TL_PREDICT_HOLD);
    kind.fields[1].bytes_max = BYTES;
    kind.field_count = 2;
    tl_memory_world_def def = tl_memory_world_def_default();
    CHECK(world = tl_memory_world_create(&def));
    tl_memory_world_advance(world, now_us);
    tl_store *store;
    CHECK_EQUAL(tl_memory_store_open(world, &store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = HZ, .created_us = START_US};
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
    start(0);
    start(1);
    while (tl_server_get_state(servers[0]) == TL_SERVER_JOINING ||
           tl_server_get_state(servers[1]) == TL_SERVER_JOINING) {
        run(0.1);
    }
    create_all();
    run(1.5);
    CHECK(tl_server_get_stats(servers[0]).records_split >= 1);
    CHECK_EQUAL(entities(0), CREATIONS);
    CHECK_EQUAL(entities(1), CREATIONS);
    // Deletions, groups that go with what is left in them, and as many creations again, all in a tick.
    for (int i = 0; i < DELETIONS; i++) {
        CHECK_EQUAL(tl_server_delete_entity(servers[0], refs[i]), TL_OK);
    }
    uint32_t gone = DELETIONS;
    for (int i = DELETIONS; i < CREATIONS; i++) {
        gone += i % GROUPS == 0;
    }
    CHECK_EQUAL(tl_server_delete_group(servers[0], groups[0]), TL_OK);
    run(2);
    CHECK_EQUAL(entities(0), CREATIONS - gone);
    CHECK_EQUAL(entities(1), CREATIONS - gone);
    for (int i = 0; i < 2; i++) {
        tl_server_validate(servers[i]);
    }
    // For some ticks more than fits, with entities that are deleted while they wait, and others in their places.
    for (int round = 0; round < ROUNDS; round++) {
        change_all();
    }
    run(3);
    CHECK_EQUAL(entities(0), CREATIONS - gone);
    CHECK_EQUAL(entities(1), CREATIONS - gone);
    // All in one group is more than a checkpoint may be: that is found out each ten seconds, not in each tick.
    CHECK(tl_server_get_stats(servers[0]).checkpoints_refused <= 2);
    // One that loads it all.
    tl_server_destroy(servers[1]);
    tl_store_close(stores[1], false);
    start(1);
    run(3);
    CHECK_EQUAL(entities(1), CREATIONS - gone);
    for (int i = 0; i < 2; i++) {
        tl_server_destroy(servers[i]);
        tl_store_close(stores[i], false);
    }
    tl_memory_world_destroy(world);
}

int main(void)
{
    RUN(a_tick_with_more_than_a_record_holds_is_split);
    return 0;
}
