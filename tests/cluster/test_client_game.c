// What the game can ask of a server and of a client, and how it says where things are.
#include "client_lab.h"

#include <math.h>

TEST(what_there_is)
{
    lab *l = lab_create();
    lab_connect(l, 0, 0, "friend-anna");
    tl_kind_def kind;
    CHECK_EQUAL(tl_client_get_kind(l->friends[0].client, 0, &kind), TL_ERR_NOT_FOUND); // not known yet
    lab_run(l, 1);
    tl_client *c = l->friends[0].client;
    CHECK_EQUAL(tl_client_get_kind(c, KIND_CABIN, &kind), TL_OK);
    CHECK(strcmp(kind.name, "cabin") == 0 && kind.carrier_reach_m == 8 && kind.field_count == 3 &&
          kind.fields[2].type == TL_FIELD_INTEGER);
    CHECK_EQUAL(tl_client_get_kind(c, KIND_COUNT, &kind), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_client_get_kind(c, -1, &kind), TL_ERR_NOT_FOUND);
    tl_server *server = l->nodes[0].server; // has what beta made, too
    tl_entity_ref all[16], refs[5] = {TL_REF_NONE, TL_REF_NONE, 1u << 30, TL_REF_NONE, 0};
    CHECK_EQUAL(tl_server_get_entities(server, NULL, 0), 7);
    CHECK_EQUAL(tl_server_get_entities(server, all, 16), 7);
    const tl_entity_id ids[5] = {l->nodes[0].box_ids[2], l->nodes[1].cabin_id, l->nodes[1].box_ids[0], 12345,
                                 l->nodes[0].box_ids[1]};
    for (int pass = 0; pass < 2; pass++) { // with nothing known, with something wrong, and with what was found
        CHECK_EQUAL(tl_server_find_all(server, ids, 5, refs), 4);
        for (int i = 0; i < 5; i++) {
            CHECK(refs[i] == tl_server_find(server, ids[i]) && (refs[i] == TL_REF_NONE) == (i == 3));
        }
    }
    uint32_t hint = 0;
    tl_pose pose;
    tl_placement placed;
    for (int i = 0; i < 3; i++) { // with a wrong hint, and with the right one
        tl_entity_id id = i ? l->nodes[1].cabin_id : l->nodes[0].box_ids[1];
        double tick = (double)tl_client_get_frame_tick(c);
        CHECK(tl_client_get_placement(c, id, &hint, tick, &placed) == TL_OK &&
              tl_client_get_pose(c, id, tick, true, &pose) == TL_OK);
        CHECK(placed.kind == pose.kind && fabs(placed.position.x - pose.position.x) < 1e-3 &&
              fabs(placed.position.z - pose.position.z) < 1e-3);
    }
    CHECK_EQUAL(tl_client_get_placement(c, 12345, &hint, 0, &placed), TL_ERR_NOT_FOUND);
    uint64_t releases = tl_server_get_release_count(server);
    CHECK_EQUAL(tl_server_delete_entity(server, refs[0]), TL_OK);
    lab_run(l, 0.5);
    CHECK(tl_server_get_release_count(server) == releases + 1 && tl_server_find(server, ids[0]) == TL_REF_NONE);
    lab_destroy(l);
}

TEST(groups_that_are_kept_stay)
{
    lab *l = lab_create();
    tl_server *alpha = l->nodes[0].server, *beta = l->nodes[1].server;
    tl_group_id groups[6];
    for (int i = 0; i < 6; i++) {
        CHECK_EQUAL(tl_server_create_group(alpha, 0, &groups[i]), TL_OK);
    }
    for (int i = 0; i < 6; i++) {
        CHECK_EQUAL(tl_server_keep_group(alpha, groups[i], true), TL_OK);
    }
    CHECK_EQUAL(tl_server_keep_group(beta, groups[0], true), TL_ERR_NOT_FOUND); // not told yet
    lab_run(l, 1);
    CHECK_EQUAL(tl_server_keep_group(beta, groups[0], true), TL_ERR_DENIED);
    for (int i = 0; i < 6; i++) {
        CHECK(tl_server_owns_group(alpha, groups[i]));
    }
    for (int i = 0; i < 6; i++) {
        CHECK_EQUAL(tl_server_keep_group(alpha, groups[i], false), TL_OK);
    }
    lab_run(l, 1);
    int owned = 0;
    for (int i = 0; i < 6; i++) {
        owned += tl_server_owns_group(alpha, groups[i]);
    }
    CHECK(owned == 3 || owned == 4); // of eight, with those that both had before
    for (int i = 0; i < 6; i++) {
        if (tl_server_owns_group(alpha, groups[i])) {
            CHECK_EQUAL(tl_server_keep_group(alpha, groups[i], true), TL_OK);
        }
    }
    tl_server_leave(alpha);
    lab_run(l, 2);
    for (int i = 0; i < 6; i++) {
        CHECK(tl_server_owns_group(beta, groups[i]));
    }
    lab_destroy(l);
}

TEST(turns_are_worked_out)
{
    lab *l = lab_create();
    node *n = &l->nodes[0];
    tl_server *server = n->server;
    int64_t tick = tl_server_get_stats(server).tick;
    tl_entity_def def = {.group = n->group, .kind = KIND_CABIN, .values = lab_cabin_values((double)tick / TICK_HZ)};
    CHECK_EQUAL(tl_server_create_entity(server, &def, &n->turner), TL_OK);
    tl_entity_info info;
    CHECK_EQUAL(tl_server_get_entity_info(server, n->turner, &info), TL_OK);
    n->turner_id = info.id;
    lab_run(l, 1);
    for (int i = 0; i < 60; i++) { // between ticks, too, it is where and how it should be
        lab_run(l, 0.05);
        tl_vec3 at, truth, velocity, spin;
        tl_quat rotation, turned;
        double half = (double)tl_server_get_stats(server).world_tick + 0.5;
        CHECK_EQUAL(tl_server_get_pose(server, n->turner, half, &at, &rotation), TL_OK);
        lab_cabin_truth(half / TICK_HZ, &truth, &velocity, &turned, &spin);
        double cosine = fabs(rotation.x * turned.x + rotation.y * turned.y + rotation.z * turned.z +
                             rotation.w * turned.w);
        CHECK_NEAR(at.x, truth.x, 0.02);
        CHECK_NEAR(at.z, truth.z, 0.02);
        CHECK(2 * acos(fmin(cosine, 1)) < 0.003); // half a tick without a spin is 0.005
    }
    tl_vec3 last, velocity, spin, at;
    tl_quat turned, rotation;
    lab_cabin_truth((double)tl_server_get_stats(server).tick / TICK_HZ, &last, &velocity, &turned, &spin);
    n->turner_id = 0; // and it is not set any more: it stands still
    lab_run(l, 0.5);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(
            tl_server_get_pose(server, n->turner, (double)tl_server_get_stats(server).world_tick, &at, &rotation),
            TL_OK);
        CHECK_NEAR(at.x, last.x, 0.005);
        CHECK_NEAR(at.z, last.z, 0.005);
        CHECK(fabs(rotation.x * turned.x + rotation.y * turned.y + rotation.z * turned.z + rotation.w * turned.w) >
              1 - 1e-6);
        lab_run(l, 2);
    }
    lab_destroy(l);
}

// What was worked out does not come back once the game says itself how the entity moves.
TEST(what_the_game_says_last_holds)
{
    lab *l = lab_create();
    node *n = &l->nodes[0];
    tl_server *server = n->server;
    tl_entity_def def = {.group = n->group, .kind = KIND_CABIN, .values = lab_cabin_values(0)};
    tl_entity_ref ref;
    CHECK_EQUAL(tl_server_create_entity(server, &def, &ref), TL_OK);
    lab_run(l, 0.5);
    for (int way = 0; way < 2; way++) {
        for (int i = 0; i < 6; i++) {
            tl_vec3 place = {100 + i * 0.5, 0, 0};
            CHECK_EQUAL(tl_server_set_poses(server, &ref, 1, &place, NULL, NULL), 1);
            lab_run(l, 1.0 / TICK_HZ);
        }
        double x_m = 500;
        for (int i = 0; i < 20; i++, x_m += 0.5) { // elsewhere, and every tick
            tl_vec3 place = {x_m, 0, 0}, velocity = {0.5 * TICK_HZ, 0, 0}, shown;
            tl_quat rotation;
            tl_values values = {.mask = 1};
            values.fields[0] = (tl_value){.position = place, .velocity = velocity};
            if (way == 0) {
                CHECK_EQUAL(tl_server_set_values(server, ref, &values), TL_OK);
            } else {
                CHECK_EQUAL(tl_server_set_poses(server, &ref, 1, &place, &velocity, NULL), 1);
            }
            lab_run(l, 1.0 / TICK_HZ);
            CHECK_EQUAL(
                tl_server_get_pose(server, ref, (double)tl_server_get_stats(server).world_tick, &shown, &rotation),
                TL_OK);
            if (i > 0) {
                CHECK_NEAR(shown.x, x_m, 1.1); // a tick or two behind, not 400 m
            }
        }
    }
    lab_destroy(l);
}

int main(int argc, char **argv)
{
    lab_begin(argc, argv);
    RUN(what_there_is);
    RUN(groups_that_are_kept_stay);
    RUN(turns_are_worked_out);
    RUN(what_the_game_says_last_holds);
}
