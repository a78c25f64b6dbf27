// Groups that find no room on a server: it says so and asks for them, does not keep what it is given of them, and is
// whole again once there is room. What clients own leaves room for the game's groups.
#include "crowd.h"
#include "server/state.h"

enum { GROUPS = 300, EACH = 2, SMALL = 8, LARGE = 1024, DELETED = 100, CLIENTS = 12, FEW = 16 };

static tl_group_id groups[GROUPS];

static void start(crowd *c, int server, uint32_t groups_max)
{
    c->def.groups_max = groups_max;
    crowd_start(c, server);
}

// All groups are server 0's; server 1 has no room for some of them.
static crowd *begin(void)
{
    crowd *c = crowd_create(1);
    start(c, 0, LARGE);
    for (int i = 0; i < GROUPS; i++) {
        CHECK_EQUAL(tl_server_create_group(c->servers[0].server, 0, &groups[i]), TL_OK);
        CHECK_EQUAL(tl_server_keep_group(c->servers[0].server, groups[i], true), TL_OK);
        tl_entity_def def = {.group = groups[i], .kind = CROWD_BOX, .values = crowd_at(i, 0, 0)};
        for (int k = 0; k < EACH; k++) {
            CHECK_EQUAL(tl_server_create_entity(c->servers[0].server, &def, NULL), TL_OK);
        }
    }
    crowd_run(c, 0.5);
    start(c, 1, SMALL);
    crowd_run(c, 2);
    CHECK(tl_server_get_stats(c->servers[1].server).groups_missing > 0);
    CHECK(crowd_entities(c, 1) < GROUPS * EACH);
    return c;
}

static bool lacks(const crowd *c, int server, tl_group_id group)
{
    return tl_mirror_find_group(&c->servers[server].server->mirror, group) == TL_NONE;
}

static int owners(const crowd *c, tl_group_id group)
{
    int count = 0;
    for (int i = 0; i < CROWD_SERVERS_MAX; i++) {
        count += c->servers[i].server && tl_server_owns_group(c->servers[i].server, group);
    }
    return count;
}

TEST(once_there_is_room_all_groups_are_told_anew)
{
    crowd *c = begin();
    for (int i = 0, deleted = 0; i < GROUPS && deleted < DELETED; i++) {
        if (lacks(c, 1, groups[i])) {
            continue;
        }
        CHECK_EQUAL(tl_server_delete_group(c->servers[0].server, groups[i]), TL_OK);
        deleted++;
    }
    crowd_run(c, 12); // eight a second, twice
    CHECK_EQUAL(tl_server_get_stats(c->servers[1].server).groups_missing, 0);
    CHECK_EQUAL(crowd_entities(c, 1), (GROUPS - DELETED) * EACH);
    CHECK(crowd_mirrors_equal(c));
    CHECK(strstr(c->servers[1].said, "no longer degraded"));
    tl_group_id group; // it is given something again
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(tl_server_create_group(c->servers[0].server, 0, &group), TL_OK);
    }
    crowd_run(c, 7);
    CHECK(tl_server_get_stats(c->servers[1].server).groups_owned > 0);
    crowd_destroy(c);
}

TEST(what_is_deleted_is_not_lacking)
{
    crowd *c = begin();
    for (int i = 0; i < GROUPS; i++) {
        CHECK(!lacks(c, 1, groups[i]) || tl_server_delete_group(c->servers[0].server, groups[i]) == TL_OK);
    }
    crowd_run(c, 2);
    CHECK_EQUAL(tl_server_get_stats(c->servers[1].server).groups_missing, 0);
    CHECK(crowd_mirrors_equal(c));
    crowd_destroy(c);
}

TEST(a_group_that_is_given_to_a_server_without_room_goes_on)
{
    crowd *c = begin();
    int given = 0;
    while (!lacks(c, 1, groups[given])) {
        given++;
    }
    CHECK_EQUAL(tl_server_give_group(c->servers[0].server, groups[given], tl_server_get_number(c->servers[1].server)),
                TL_OK);
    crowd_run(c, 2);
    CHECK(lacks(c, 1, groups[given]));
    CHECK_EQUAL(owners(c, groups[given]), 1);
    crowd_destroy(c);
}

// It is the only heir there is. Whoever comes with room gets what it lacks.
TEST(what_an_heir_has_no_room_for_goes_on)
{
    crowd *c = begin();
    crowd_crash(c, 0);
    crowd_run(c, 5);
    start(c, 2, LARGE);
    crowd_run(c, 3);
    CHECK_EQUAL(crowd_entities(c, 2), GROUPS * EACH);
    for (int i = 0; i < GROUPS; i++) {
        CHECK_EQUAL(owners(c, groups[i]), 1);
    }
    crowd_destroy(c);
}

TEST(one_that_leaves_gives_all_to_a_degraded_one_if_there_is_no_other)
{
    crowd *c = begin();
    tl_server_leave(c->servers[0].server);
    crowd_run(c, 3);
    CHECK_EQUAL(tl_server_get_state(c->servers[0].server), TL_SERVER_LEFT);
    crowd_destroy(c);
}

TEST(what_clients_own_leaves_room_for_the_game)
{
    crowd *c = crowd_create(1);
    start(c, 0, FEW);
    for (int i = 0; i < CLIENTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "player-%d", i);
        crowd_connect(c, i, 0, name);
    }
    crowd_run(c, 1.5);
    tl_values v = crowd_at(1, 0, 0);
    uint32_t accepted = 0, full = 0;
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQUAL(tl_client_request_create(c->clients[i].client, CROWD_BOX, 0, &v, true, NULL), TL_OK);
    }
    crowd_run(c, 1);
    for (int i = 0; i < CLIENTS; i++) {
        accepted += c->clients[i].accepted, full += c->clients[i].refused_full;
    }
    CHECK_EQUAL(accepted, FEW / 2);
    CHECK_EQUAL(full, CLIENTS - FEW / 2);
    for (int i = 0; i < FEW / 2; i++) {
        tl_group_id group;
        CHECK_EQUAL(tl_server_create_group(c->servers[0].server, 0, &group), TL_OK);
    }
    crowd_destroy(c);
}

int main(void)
{
    RUN(once_there_is_room_all_groups_are_told_anew);
    RUN(what_is_deleted_is_not_lacking);
    RUN(a_group_that_is_given_to_a_server_without_room_goes_on);
    RUN(what_an_heir_has_no_room_for_goes_on);
    RUN(one_that_leaves_gives_all_to_a_degraded_one_if_there_is_no_other);
    RUN(what_clients_own_leaves_room_for_the_game);
    return 0;
}
