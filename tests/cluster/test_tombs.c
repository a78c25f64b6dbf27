// Groups that were deleted, far more of them than a server has room for groups: whoever loads the world has all that
// lives.
#include "crowd.h"

enum { ROUNDS = 6, GROUPS_A_ROUND = 100, LIVING = 20, ENTITIES_EACH = 10 };

static void delete_many(crowd *c, int server)
{
    tl_group_id groups[GROUPS_A_ROUND];
    for (int i = 0; i < GROUPS_A_ROUND; i++) {
        tl_entity_def def = {.kind = CROWD_BOX, .values = crowd_at(i, 0, 0)};
        CHECK_EQUAL(tl_server_create_group(c->servers[server].server, 0, &groups[i]), TL_OK);
        CHECK_EQUAL(tl_server_keep_group(c->servers[server].server, groups[i], true), TL_OK);
        def.group = groups[i];
        CHECK_EQUAL(tl_server_create_entity(c->servers[server].server, &def, NULL), TL_OK);
    }
    crowd_run(c, 0.5);
    for (int i = 0; i < GROUPS_A_ROUND; i++) {
        CHECK_EQUAL(tl_server_delete_group(c->servers[server].server, groups[i]), TL_OK);
    }
    crowd_run(c, 0.5);
}

static void check_whole(crowd *c, int server, uint32_t entities)
{
    tl_server_stats stats = tl_server_get_stats(c->servers[server].server);
    CHECK_EQUAL(tl_server_get_state(c->servers[server].server), TL_SERVER_RUNNING);
    CHECK_EQUAL(stats.groups_missing, 0);
    CHECK_EQUAL(stats.entities, entities);
}

TEST(a_world_with_many_deleted_groups_is_loaded_whole)
{
    crowd *c = crowd_create(1);
    c->def.groups_max = 128;
    crowd_start(c, 0);
    crowd_start(c, 1);
    for (int round = 0; round < ROUNDS; round++) {
        delete_many(c, 0);
    }
    crowd_fill(c, 1, LIVING, ENTITIES_EACH); // their ids are the highest
    crowd_run(c, 5);                         // checkpoints wait
    const uint32_t living = LIVING * ENTITIES_EACH;
    crowd_start(c, 2);
    crowd_run(c, 1);
    check_whole(c, 2, living);
    CHECK(crowd_mirrors_equal(c));
    for (int i = 0; i < 3; i++) {
        crowd_crash(c, i);
    }
    for (int i = 0; i < 2; i++) {
        crowd_start(c, i);
    }
    crowd_run(c, 4);
    for (int i = 0; i < 2; i++) {
        check_whole(c, i, living);
    }
    CHECK_EQUAL(tl_server_get_stats(c->servers[0].server).groups_owned +
                    tl_server_get_stats(c->servers[1].server).groups_owned,
                LIVING);
    crowd_destroy(c);
}

int main(void)
{
    RUN(a_world_with_many_deleted_groups_is_loaded_whole);
    return 0;
}
