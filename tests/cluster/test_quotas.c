// What clients may create: a quota for each, a limit for all of them, and servers that have less room than the world
// needs.
#include "crowd.h"

enum { SERVERS = 3, CLIENTS = 24, GAME_GROUPS = 20, GAME_EACH = 25, SPARE = 8192 };

static uint64_t seed = 1;

static crowd *create(uint32_t created_max, uint32_t grant_created_max)
{
    crowd *c = crowd_create(seed);
    c->def.entities_max = GAME_GROUPS * GAME_EACH + SPARE;
    c->def.created_max = created_max;
    c->grant_created_max = grant_created_max;
    for (int i = 0; i < SERVERS; i++) {
        crowd_start(c, i);
    }
    crowd_fill(c, 0, GAME_GROUPS, GAME_EACH);
    return c;
}

static void connect_all(crowd *c)
{
    for (int i = 0; i < CLIENTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "player-%d", i);
        crowd_connect(c, i, i % SERVERS, name);
    }
    crowd_run(c, 1.5);
}

static void ask_for_one(crowd *c, int client)
{
    tl_values v = crowd_at(client * 7.0, 0, c->clients[client].asked * 0.1);
    if (tl_client_request_create(c->clients[client].client, CROWD_BOX, 0, &v, false, NULL) == TL_OK) {
        c->clients[client].asked++;
    }
}

// Everybody asks for more as fast as it goes, for so long.
static void flood(crowd *c, double seconds)
{
    uint64_t end_us = c->now_us + (uint64_t)(seconds * 1e6);
    while (c->now_us < end_us) {
        for (int i = 0; i < CLIENTS; i++) {
            if (c->clients[i].client) {
                ask_for_one(c, i);
            }
        }
        crowd_run(c, 0.026);
    }
    crowd_run(c, 1);
}

static uint32_t accepted(const crowd *c)
{
    uint32_t sum = 0;
    for (int i = 0; i < CLIENTS; i++) {
        sum += c->clients[i].accepted;
    }
    return sum;
}

TEST(each_has_its_quota)
{
    crowd *c = create(4000, 0);
    connect_all(c);
    flood(c, 4);
    uint32_t quota = tl_grant_default().created_max;
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQUAL(c->clients[i].accepted, quota);
        CHECK(c->clients[i].refused_full > 0);
    }
    CHECK_EQUAL(crowd_entities(c, 0), c->game_count + CLIENTS * quota);
    CHECK(crowd_mirrors_equal(c));
    CHECK(tl_server_get_stats(c->servers[0].server).creations_refused > 0);
    CHECK_EQUAL(tl_server_get_stats(c->servers[0].server).created, CLIENTS * quota);
    // Who comes back under the same name has no more than before; what is deleted, by whomever, may be created again.
    tl_entity_id made = c->clients[0].last_made;
    crowd_disconnect(c, 0);
    crowd_run(c, 1);
    crowd_connect(c, 0, 0, "player-0");
    crowd_run(c, 1.5);
    ask_for_one(c, 0);
    crowd_run(c, 0.5);
    CHECK_EQUAL(c->clients[0].answer.result, TL_ERR_FULL);
    CHECK_EQUAL(tl_client_request_delete(c->clients[1].client, made, NULL), TL_OK); // of another server's client
    crowd_run(c, 0.5);
    ask_for_one(c, 0);
    crowd_run(c, 0.5);
    CHECK_EQUAL(c->clients[0].answer.result, TL_OK);
    CHECK(crowd_mirrors_equal(c));
    crowd_destroy(c);
}

// A name that nobody has proven is not another's quota.
TEST(nobody_uses_up_the_quota_of_a_namesake)
{
    crowd *c = create(4000, 4);
    crowd_crash(c, 0);
    c->def.secret_seed[0] = 1;
    crowd_start(c, 0);
    for (int i = 0; i < 2; i++) {
        crowd_connect(c, i, 0, "alice");
        crowd_run(c, 1.5);
        for (int k = 0; k < 6; k++) {
            ask_for_one(c, i);
            crowd_run(c, 0.2);
        }
        CHECK_EQUAL(c->clients[i].accepted, 4);
        CHECK_EQUAL(c->clients[i].refused_full, 2);
    }
    crowd_destroy(c);
}

// Without tokens each connection is somebody new. What they leave behind, and nobody owns, does not keep others from
// making what is their own.
TEST(who_comes_again_and_again_leaves_room_for_others)
{
    enum { ROOM = 256, TIMES = 5 };
    crowd *c = create(ROOM, 0);
    crowd_crash(c, 0);
    c->def.secret_seed[0] = 1;
    crowd_start(c, 0);
    for (int i = 0; i < TIMES; i++) {
        crowd_connect(c, 0, 0, "guest");
        crowd_run(c, 0.5);
        for (uint32_t k = 0; k <= tl_grant_default().created_max; k++) {
            ask_for_one(c, 0);
            crowd_run(c, 0.035);
        }
        crowd_disconnect(c, 0);
    }
    crowd_connect(c, 1, 0, "alice");
    crowd_run(c, 1.5);
    tl_values v = crowd_at(1, 2, 3);
    CHECK_EQUAL(tl_client_request_create(c->clients[1].client, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
    crowd_run(c, 0.5);
    CHECK_EQUAL(c->clients[1].answer.result, TL_OK);
    crowd_destroy(c);
}

TEST(all_of_them_have_a_limit)
{
    crowd *c = create(1000, 100000);
    connect_all(c);
    flood(c, 12);
    printf("  %u accepted\n", accepted(c));
    CHECK(accepted(c) <= 1000 && accepted(c) > 990);
    CHECK_EQUAL(crowd_entities(c, 0), c->game_count + accepted(c));
    CHECK(crowd_mirrors_equal(c));
    crowd_fill(c, 1, 8, 800); // the game's places are the game's
    CHECK_EQUAL(crowd_entities(c, 2), c->game_count + accepted(c));
    CHECK(crowd_mirrors_equal(c));
    // What was created through a dead server stays, and counts at its heirs as it did before.
    uint32_t before = accepted(c);
    crowd_crash(c, 0);
    crowd_run(c, 4);
    uint32_t left = crowd_entities(c, 1) - c->game_count;
    CHECK_EQUAL(left, before);
    for (int i = 0; i < CLIENTS; i += SERVERS) {
        crowd_disconnect(c, i);
    }
    flood(c, 12);
    CHECK(crowd_entities(c, 1) - c->game_count <= 1000 && crowd_entities(c, 1) - c->game_count > 990);
    CHECK(crowd_mirrors_equal(c));
    crowd_destroy(c);
}

// The attack: every spare place of the world is filled, as the operator has it. Nothing differs, nothing is lost, and a
// crashed server comes back.
TEST(a_full_world_is_a_whole_one)
{
    crowd *c = create(SPARE, 100000);
    connect_all(c);
    flood(c, 22);
    CHECK(accepted(c) > SPARE - 10 && accepted(c) <= SPARE);
    CHECK_EQUAL(crowd_entities(c, 0), c->game_count + accepted(c));
    CHECK(crowd_mirrors_equal(c));
    crowd_crash(c, 1);
    crowd_start(c, 1);
    CHECK_EQUAL(tl_server_get_state(c->servers[1].server), TL_SERVER_RUNNING);
    crowd_run(c, 1);
    CHECK(crowd_mirrors_equal(c));
    crowd_crash(c, 2);
    crowd_run(c, 4); // its groups are others' now
    crowd_start(c, 2);
    crowd_run(c, 3);
    CHECK(crowd_mirrors_equal(c));
    CHECK(tl_server_get_stats(c->servers[2].server).groups_owned > 0);
    for (int i = 0; i < SERVERS; i++) {
        CHECK_EQUAL(tl_server_get_stats(c->servers[i].server).entities_missing, 0);
    }
    crowd_destroy(c);
}

static void check_owned_groups_are_whole(const crowd *c, int server)
{
    static tl_entity_ref all[GAME_GROUPS * GAME_EACH];
    const tl_server *s = c->servers[server].server;
    uint32_t count = tl_server_get_entities(s, all, GAME_GROUPS * GAME_EACH);
    for (uint32_t i = 0; i < count; i++) {
        tl_entity_info info;
        CHECK_EQUAL(tl_server_get_entity_info(s, all[i], &info), TL_OK);
        if (info.owned) {
            CHECK_EQUAL(tl_server_get_group_entities(s, info.group, NULL, 0), GAME_EACH);
        }
    }
}

// A server with less room than the world needs runs, says so, owns nothing that it has in part, and is whole again once
// there is room.
TEST(a_server_that_is_too_small)
{
    enum { SMALL = 80, ROOM = SMALL + SMALL / 4 + 256 };
    crowd *c = create(0, 0);
    c->def.entities_max = SMALL;
    crowd_start(c, 3);
    CHECK_EQUAL(tl_server_get_state(c->servers[3].server), TL_SERVER_RUNNING);
    crowd_run(c, 5);
    tl_server_stats stats = tl_server_get_stats(c->servers[3].server);
    CHECK_EQUAL(stats.entities, ROOM);
    CHECK_EQUAL(stats.entities + stats.entities_missing, c->game_count);
    CHECK(c->servers[3].said_count >= 1 && c->servers[3].said_count <= 2);
    check_owned_groups_are_whole(c, 3);
    tl_server_validate(c->servers[3].server);
    // Some go: there is room, and what was lacking is told anew.
    tl_entity_ref all[GAME_GROUPS * GAME_EACH];
    uint32_t gone = 0, excess = GAME_GROUPS * GAME_EACH - ROOM;
    for (int i = 0; i < SERVERS; i++) {
        uint32_t count = tl_server_get_entities(c->servers[i].server, all, GAME_GROUPS * GAME_EACH);
        for (uint32_t k = 0; k < count && gone < excess + 20; k++) {
            tl_entity_info info;
            CHECK_EQUAL(tl_server_get_entity_info(c->servers[i].server, all[k], &info), TL_OK);
            if (tl_server_find(c->servers[3].server, info.id) == TL_REF_NONE) {
                continue; // only what it has
            }
            gone += tl_server_delete_entity(c->servers[i].server, all[k]) == TL_OK;
        }
        crowd_run(c, 0.5);
    }
    CHECK_EQUAL(gone, excess + 20);
    crowd_run(c, GAME_GROUPS + 2);
    CHECK_EQUAL(tl_server_get_stats(c->servers[3].server).entities_missing, 0);
    CHECK(crowd_mirrors_equal(c));
    crowd_run(c, 6); // and it takes its share again
    CHECK(tl_server_get_stats(c->servers[3].server).groups_owned > 0);
    crowd_destroy(c);
}

// Changes something of every group.
static void move_some(crowd *c, int server)
{
    static tl_entity_ref all[GAME_GROUPS * GAME_EACH];
    tl_server *s = c->servers[server].server;
    uint32_t count = tl_server_get_entities(s, all, GAME_GROUPS * GAME_EACH);
    for (uint32_t i = 0; i < count; i++) {
        tl_values v = crowd_at(i, 1, 0);
        CHECK_EQUAL(tl_server_set_values(s, all[i], &v), TL_OK);
    }
}

// Alone, it keeps the world going, and loses nothing of it in the store.
TEST(a_small_server_alone)
{
    crowd *c = crowd_create(seed);
    c->def.entities_max = 1000;
    crowd_start(c, 0);
    crowd_fill(c, 0, GAME_GROUPS, GAME_EACH);
    crowd_run(c, 12); // some checkpoints
    crowd_crash(c, 0);
    c->def.entities_max = 80;
    crowd_start(c, 1);
    crowd_run(c, 15);
    tl_server_stats stats = tl_server_get_stats(c->servers[1].server);
    CHECK_EQUAL(tl_server_get_state(c->servers[1].server), TL_SERVER_RUNNING);
    CHECK_EQUAL(stats.groups_owned, GAME_GROUPS);
    CHECK(stats.entities_missing > 0);
    move_some(c, 1);
    crowd_run(c, 12); // now its whole groups have checkpoints, and the others must have none
    // One with room joins: it has everything, and is given what the small one has in part.
    c->def.entities_max = 1000;
    crowd_start(c, 2);
    crowd_run(c, 8); // until the small one has heard of it
    CHECK_EQUAL(crowd_entities(c, 2), c->game_count);
    stats = tl_server_get_stats(c->servers[2].server);
    CHECK(stats.groups_owned > 0);
    CHECK_EQUAL(stats.groups_owned + tl_server_get_stats(c->servers[1].server).groups_owned, GAME_GROUPS);
    crowd_crash(c, 1);
    crowd_run(c, 20);
    crowd_crash(c, 2);
    crowd_start(c, 2); // from the store alone
    crowd_run(c, 1);
    CHECK_EQUAL(crowd_entities(c, 2), c->game_count);
    CHECK_EQUAL(tl_server_get_stats(c->servers[2].server).groups_owned, GAME_GROUPS);
    crowd_destroy(c);
}

// One that leaves would never be done, and what it made has nowhere to go.
TEST(one_that_leaves_makes_nothing_for_clients)
{
    crowd *c = create(0, 0);
    connect_all(c);
    tl_server_leave(c->servers[0].server);
    for (int i = 0; i < 100 && tl_server_get_state(c->servers[0].server) == TL_SERVER_LEAVING; i++) {
        for (int k = 0; k < CLIENTS; k += SERVERS) {
            tl_values v = crowd_at(k, 0, 0);
            tl_client_request_create(c->clients[k].client, CROWD_BOX, 0, &v, k % 2, NULL);
            if (c->clients[k].last_made) {
                tl_client_request_delete(c->clients[k].client, c->clients[k].last_made, NULL);
            }
        }
        crowd_run(c, 0.06);
    }
    CHECK_EQUAL(tl_server_get_state(c->servers[0].server), TL_SERVER_LEFT);
    crowd_destroy(c);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        seed = strtoull(argv[1], NULL, 10);
    }
    RUN(each_has_its_quota);
    RUN(nobody_uses_up_the_quota_of_a_namesake);
    RUN(who_comes_again_and_again_leaves_room_for_others);
    RUN(all_of_them_have_a_limit);
    RUN(a_full_world_is_a_whole_one);
    RUN(a_server_that_is_too_small);
    RUN(a_small_server_alone);
    RUN(one_that_leaves_makes_nothing_for_clients);
    return 0;
}
