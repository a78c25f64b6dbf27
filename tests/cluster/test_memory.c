// What clients' history and chunks take of a server's memory is not missing for records: with none left for them the
// world goes on. And what waits for a store that stalls is bounded: beyond that, changes are gathered.
#include "crowd.h"
#include "server/state.h"

enum { GROUPS = 20, EACH = 250, STALL_S = 25, STALLED_MEMORY_BYTES = 112 << 20 };

static void move_all(crowd *c, double seconds)
{
    static tl_entity_ref all[GROUPS * EACH];
    for (double t = 0; t < seconds; t += 1.0 / CROWD_HZ) {
        uint32_t count = tl_server_get_entities(c->servers[0].server, all, GROUPS * EACH);
        for (uint32_t i = 0; i < count; i++) {
            tl_values v = crowd_at(i * 3.0, (double)(c->now_us / 50000 % 2), i % 9);
            tl_server_set_values(c->servers[0].server, all[i], &v);
        }
        crowd_run(c, 1.0 / CROWD_HZ);
    }
}

static crowd *begin(size_t memory_bytes)
{
    crowd *c = crowd_create(1);
    c->def.entities_max = GROUPS * EACH, c->def.clients_max = 2, c->def.level_count = 1;
    c->def.memory_bytes = memory_bytes;
    crowd_start(c, 0);
    crowd_start(c, 1);
    crowd_fill(c, 0, GROUPS, EACH);
    return c;
}

static void check_running(crowd *c)
{
    for (int i = 0; i < 2; i++) {
        if (tl_server_get_state(c->servers[i].server) != TL_SERVER_RUNNING) {
            printf("  %s\n", tl_server_get_text(c->servers[i].server));
        }
        CHECK_EQUAL(tl_server_get_state(c->servers[i].server), TL_SERVER_RUNNING);
    }
    CHECK(crowd_mirrors_equal(c));
}

static void take_all(tl_heap *heap)
{
    for (size_t bytes = 1 << 24; bytes >= 16; bytes = bytes * 3 / 4) {
        while (tl_heap_alloc(heap, bytes)) {
        }
    }
}

TEST(records_have_memory_of_their_own)
{
    crowd *c = begin(0);
    crowd_run(c, 1);
    for (int i = 0; i < 2; i++) {
        take_all(&c->servers[i].server->heap);
    }
    move_all(c, 2);
    check_running(c);
    crowd_destroy(c);
}

TEST(what_waits_for_a_stalled_store_is_bounded)
{
    crowd *c = begin(STALLED_MEMORY_BYTES);
    crowd_run(c, 1);
    tl_memory_world_stall(c->world, true);
    move_all(c, STALL_S);
    const tl_server *s = c->servers[0].server;
    CHECK(s->records.count < TL_OWN_RECORDS_MAX && s->records.count < STALL_S * CROWD_HZ); // it gathers
    tl_memory_world_stall(c->world, false);
    crowd_run(c, 3);
    check_running(c);
    crowd_destroy(c);
}

int main(void)
{
    RUN(records_have_memory_of_their_own);
    RUN(what_waits_for_a_stalled_store_is_bounded);
    return 0;
}
