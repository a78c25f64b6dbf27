// What may ride in what, for games and for clients; and what happens if two servers say at once what cannot be.
#include "crowd.h"

#include <math.h>

static uint64_t seed = 1;

typedef struct placed {
    tl_entity_id id;
    tl_entity_ref ref; // on its owner
} placed;

typedef struct stage { // a box, and cabins at x = 100 and 200, of each of two servers
    crowd *c;
    tl_group_id groups[2];
    placed boxes[2], cabins[2][2];
} stage;

static placed make(stage *t, int server, int kind, tl_entity_id carrier, double x)
{
    placed p;
    tl_entity_info info;
    tl_entity_def def = {.group = t->groups[server], .kind = kind, .carrier = carrier, .values = crowd_at(x, 0, 0)};
    CHECK_EQUAL(tl_server_create_entity(t->c->servers[server].server, &def, &p.ref), TL_OK);
    CHECK_EQUAL(tl_server_get_entity_info(t->c->servers[server].server, p.ref, &info), TL_OK);
    p.id = info.id;
    return p;
}

static stage begin(void)
{
    stage t = {.c = crowd_create(seed)};
    t.c->def.entities_max = 1000;
    for (int i = 0; i < 2; i++) {
        crowd_start(t.c, i);
    }
    crowd_run(t.c, 1);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(tl_server_create_group(t.c->servers[i].server, 0, &t.groups[i]), TL_OK);
        CHECK_EQUAL(tl_server_keep_group(t.c->servers[i].server, t.groups[i], true), TL_OK);
        t.boxes[i] = make(&t, i, CROWD_BOX, 0, 10 * (i + 1));
        for (int k = 0; k < 2; k++) {
            t.cabins[i][k] = make(&t, i, CROWD_CABIN, 0, 100 * (k + 1) + 10 * i);
        }
    }
    crowd_run(t.c, 1);
    return t;
}

static tl_vec3 place_on(const stage *t, int server, tl_entity_id id)
{
    const tl_server *s = t->c->servers[server].server;
    tl_vec3 position = {0};
    tl_quat rotation;
    CHECK_EQUAL(
        tl_server_get_pose(s, tl_server_find(s, id), (double)tl_server_get_stats(s).world_tick, &position, &rotation),
        TL_OK);
    return position;
}

// Seen by both servers, at the same place.
static tl_vec3 place_of(const stage *t, tl_entity_id id)
{
    tl_vec3 a = place_on(t, 0, id), b = place_on(t, 1, id);
    CHECK(hypot(hypot(a.x - b.x, a.y - b.y), a.z - b.z) < 0.001);
    return a;
}

static tl_entity_id carrier_on(const stage *t, int server, tl_entity_id id)
{
    tl_entity_info info;
    const tl_server *s = t->c->servers[server].server;
    CHECK_EQUAL(tl_server_get_entity_info(s, tl_server_find(s, id), &info), TL_OK);
    return info.carrier;
}

static tl_result board(const stage *t, int server, placed what, tl_entity_id carrier, double x)
{
    tl_values v = crowd_at(x, 0, 0);
    return tl_server_set_carrier(t->c->servers[server].server, what.ref, carrier, &v);
}

TEST(games_are_answered)
{
    stage t = begin();
    tl_server *s = t.c->servers[0].server;
    char text[200];
    CHECK_EQUAL(board(&t, 0, t.boxes[0], t.boxes[1].id, 1), TL_ERR_INVALID); // a box carries nothing
    CHECK_EQUAL(tl_server_check_carrier(s, t.boxes[0].ref, t.boxes[1].id, (tl_vec3){1, 0, 0}, text, sizeof text),
                TL_ERR_INVALID);
    CHECK(strstr(text, "'box'") && strstr(text, "carrier_reach_m"));
    CHECK_EQUAL(board(&t, 0, t.boxes[0], t.cabins[1][0].id, 500), TL_ERR_INVALID);
    CHECK_EQUAL(tl_server_check_carrier(s, t.boxes[0].ref, t.cabins[1][0].id, (tl_vec3){500, 0, 0}, text, sizeof text),
                TL_ERR_INVALID);
    CHECK(strstr(text, "500.00 m") && strstr(text, "8 m"));
    CHECK_EQUAL(board(&t, 0, t.boxes[0], 12345, 1), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(board(&t, 0, t.boxes[0], t.cabins[1][0].id, 8), TL_OK);
    CHECK_EQUAL(board(&t, 0, t.cabins[0][0], t.cabins[0][0].id, 0), TL_ERR_INVALID); // in itself
    CHECK_EQUAL(board(&t, 0, t.cabins[0][0], t.cabins[0][1].id, 1), TL_OK);
    // not mirrored yet, and known all the same
    CHECK_EQUAL(board(&t, 0, t.cabins[0][1], t.cabins[0][0].id, 1), TL_ERR_INVALID);
    tl_entity_id below = t.cabins[0][0].id;
    for (int depth = 3; depth <= TL_CARRIER_DEPTH_MAX; depth++) {
        below = make(&t, 0, CROWD_CABIN, below, 1).id;
    }
    tl_entity_def def = {.group = t.groups[0], .kind = CROWD_BOX, .carrier = below, .values = crowd_at(0, 0, 0)};
    CHECK_EQUAL(tl_server_create_entity(s, &def, NULL), TL_ERR_INVALID);
    CHECK_EQUAL(tl_server_check_carrier(s, TL_REF_NONE, below, (tl_vec3){0, 0, 0}, text, sizeof text), TL_ERR_INVALID);
    CHECK(strstr(text, "deeper than 4"));
    tl_values far = crowd_at(9, 0, 0);
    CHECK_EQUAL(tl_server_set_values(s, t.boxes[0].ref, &far), TL_ERR_INVALID);
    CHECK_EQUAL(tl_server_set_poses(s, &t.boxes[0].ref, 1, &far.fields[0].position, NULL, NULL), 0);
    CHECK_EQUAL(tl_server_delete_entity(s, t.cabins[0][1].ref), TL_OK);
    CHECK_EQUAL(tl_server_check_carrier(s, t.boxes[0].ref, t.cabins[0][1].id, (tl_vec3){0, 0, 0}, text, sizeof text),
                TL_ERR_NOT_FOUND);
    crowd_run(t.c, 0.5);
    CHECK_NEAR(place_of(&t, t.boxes[0].id).x, 118, 0.01);
    CHECK_EQUAL(t.c->servers[1].set_down, 0);
    CHECK(crowd_mirrors_equal(t.c));
    crowd_destroy(t.c);
}

static tl_result create(stage *t, int client, int kind, tl_entity_id carrier, double x, bool own)
{
    tl_values v = crowd_at(x, 0, 0);
    CHECK_EQUAL(tl_client_request_create(t->c->clients[client].client, kind, carrier, &v, own, NULL), TL_OK);
    crowd_run(t->c, 0.4);
    return t->c->clients[client].answer.result;
}

static void say(stage *t, tl_entity_id id, tl_entity_id carrier, double x, double speed_mps)
{
    tl_client *client = t->c->clients[0].client;
    tl_values v = crowd_at(x, 0, 0);
    v.fields[0].velocity.x = speed_mps;
    CHECK_EQUAL(tl_client_set_values(client, id, tl_client_get_server_tick(client, t->c->now_us), carrier, &v), TL_OK);
    crowd_run(t->c, 1.2);
}

// Until its record is mirrored the cabin is nobody's to move, but it is there.
TEST(a_carrier_that_is_being_given_away)
{
    stage t = begin();
    tl_server *s = t.c->servers[0].server;
    CHECK_EQUAL(tl_server_give_group(s, t.groups[0], tl_server_get_number(t.c->servers[1].server)), TL_OK);
    int refused = 0, moved = 0;
    for (int i = 0; i < 400; i++) {
        crowd_run(t.c, CROWD_STEP_US * 1e-6);
        moved += !tl_server_owns_group(s, t.groups[0]);
        refused += tl_server_check_carrier(s, TL_REF_NONE, t.cabins[0][0].id, (tl_vec3){1, 0, 0}, NULL, 0) != TL_OK;
    }
    CHECK(moved > 100);
    CHECK_EQUAL(refused, 0);
    crowd_destroy(t.c);
}

TEST(clients_are_answered)
{
    stage t = begin();
    crowd_connect(t.c, 0, 0, "anna");
    crowd_connect(t.c, 1, 1, "bert");
    crowd_run(t.c, 1.5);
    CHECK_EQUAL(create(&t, 0, CROWD_AVATAR, t.boxes[1].id, 0, true), TL_ERR_INVALID);
    CHECK_EQUAL(create(&t, 0, CROWD_AVATAR, t.cabins[1][0].id, 500, true), TL_ERR_INVALID);
    CHECK_EQUAL(create(&t, 0, CROWD_AVATAR, 999, 0, true), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(create(&t, 0, CROWD_CABIN, t.cabins[1][0].id, 2, true), TL_OK);
    tl_entity_id own = t.c->clients[0].last_made;
    CHECK_NEAR(place_of(&t, own).x, 112, 0.03);
    // What it then says is refused where it cannot be; it hears of that, and nothing vanishes.
    const struct {
        tl_entity_id carrier;
        double x, speed_mps;
        tl_result result;
    } bad[] = {{t.boxes[1].id, 1, 0, TL_ERR_INVALID},
               {t.cabins[1][0].id, 500, 0, TL_ERR_INVALID},
               {31337, 1, 0, TL_ERR_NOT_FOUND},
               {own, 1, 0, TL_ERR_INVALID},
               {t.cabins[1][0].id, 3, 300, TL_ERR_INVALID}};
    for (int i = 0; i < 5; i++) {
        uint32_t told = t.c->clients[0].told;
        say(&t, own, bad[i].carrier, bad[i].x, bad[i].speed_mps);
        CHECK_EQUAL(t.c->clients[0].told, told + 1);
        CHECK_EQUAL(t.c->clients[0].notice.result, bad[i].result);
        CHECK_EQUAL(t.c->clients[0].notice.entity, own);
        CHECK_NEAR(place_of(&t, own).x, 112, 0.03);
        tl_pose pose;
        CHECK_EQUAL(tl_client_get_pose(t.c->clients[1].client, own,
                                       (double)tl_client_get_frame_tick(t.c->clients[1].client), false, &pose),
                    TL_OK);
    }
    CHECK(tl_server_get_stats(t.c->servers[0].server).states_refused >= 5);
    // One that drifts off, and is silent about it, stops at the edge.
    say(&t, own, t.cabins[1][0].id, 3, 6);
    crowd_run(t.c, 2);
    double x = place_of(&t, own).x;
    CHECK(x > 117.9 && x < 119);
    CHECK_EQUAL(carrier_on(&t, 1, own), t.cabins[1][0].id);
    // Good ones are taken again.
    say(&t, own, t.cabins[1][1].id, -1, 0);
    CHECK_NEAR(place_of(&t, own).x, 209, 0.03);
    say(&t, own, 0, 77, 0);
    CHECK_NEAR(place_of(&t, own).x, 77, 0.03);
    crowd_destroy(t.c);
}

// Of two servers one deletes what the other's entity boards, in every order of a few ticks: it stands where the carrier
// was.
TEST(a_carrier_that_goes)
{
    for (int apart = -3; apart <= 3; apart++) {
        stage t = begin();
        crowd_connect(t.c, 0, 0, "anna");
        crowd_run(t.c, 1.5);
        tl_entity_id cabin = t.cabins[1][0].id;
        if (apart < 0) {
            CHECK_EQUAL(board(&t, 0, t.boxes[0], cabin, 2), TL_OK);
        }
        if (apart < 0) {
            crowd_run(t.c, -apart * 0.02);
        }
        CHECK_EQUAL(tl_server_delete_entity(t.c->servers[1].server, t.cabins[1][0].ref), TL_OK);
        if (apart > 0) {
            crowd_run(t.c, apart * 0.02);
        }
        tl_result result = apart < 0 ? TL_OK : board(&t, 0, t.boxes[0], cabin, 2);
        CHECK(result == TL_OK || result == TL_ERR_NOT_FOUND);
        for (int i = 0; i < 40; i++) { // at no time it is nowhere
            crowd_run(t.c, 0.02);
            for (int s = 0; s < 2; s++) {
                double x = place_on(&t, s, t.boxes[0].id).x;
                CHECK(fabs(x - 10) < 0.01 || fabs(x - 112) < 0.01);
            }
        }
        CHECK_NEAR(place_of(&t, t.boxes[0].id).x, result == TL_OK ? 112 : 10, 0.01);
        for (int s = 0; s < 2; s++) {
            CHECK_EQUAL(carrier_on(&t, s, t.boxes[0].id), 0);
        }
        CHECK_EQUAL(t.c->servers[0].set_down, result == TL_OK ? 1u : 0u);
        if (result == TL_OK) {
            CHECK(t.c->servers[0].set_down_last == t.boxes[0].id && t.c->servers[0].set_down_carrier == cabin);
        }
        tl_pose pose;
        tl_client *client = t.c->clients[0].client;
        CHECK_EQUAL(tl_client_get_pose(client, t.boxes[0].id, (double)tl_client_get_frame_tick(client), false, &pose),
                    TL_OK);
        CHECK_NEAR(pose.position.x, result == TL_OK ? 112 : 10, 0.03);
        CHECK(crowd_mirrors_equal(t.c));
        crowd_destroy(t.c);
    }
}

// Each of two servers lets its cabin board the other's, at the same tick or a little later: one of them stands, the
// same one everywhere, and its owner hears of it.
TEST(a_loop_over_two_servers)
{
    for (int apart = 0; apart <= 2; apart++) {
        for (int first = 0; first < 2; first++) {
            stage t = begin();
            crowd_connect(t.c, 0, 0, "anna");
            crowd_run(t.c, 1.5);
            placed a = t.cabins[0][0], b = t.cabins[1][0]; // at 100 and 110
            for (int i = 0; i < 2; i++) {
                int server = i ? !first : first;
                tl_result result = server ? board(&t, 1, b, a.id, 5) : board(&t, 0, a, b.id, -5);
                // or it has heard of the other by then
                CHECK(result == TL_OK || (i && apart && result == TL_ERR_INVALID));
                if (apart && i == 0) {
                    crowd_run(t.c, apart * 0.02);
                }
            }
            for (int i = 0; i < 40; i++) {
                crowd_run(t.c, 0.02);
                for (int s = 0; s < 2; s++) {
                    place_on(&t, s, a.id), place_on(&t, s, b.id);
                }
            }
            tl_vec3 at_a = place_of(&t, a.id), at_b = place_of(&t, b.id);
            bool a_stands = carrier_on(&t, 0, a.id) == 0, b_stands = carrier_on(&t, 0, b.id) == 0;
            CHECK(a_stands != b_stands);
            CHECK(a_stands == (carrier_on(&t, 1, a.id) == 0) && b_stands == (carrier_on(&t, 1, b.id) == 0));
            CHECK_NEAR(at_b.x - at_a.x, 5, 0.01);
            CHECK(t.c->servers[0].set_down + t.c->servers[1].set_down <= 1);
            tl_pose pose;
            tl_client *client = t.c->clients[0].client;
            for (int i = 0; i < 2; i++) {
                CHECK_EQUAL(
                    tl_client_get_pose(client, i ? a.id : b.id, (double)tl_client_get_frame_tick(client), false, &pose),
                    TL_OK);
            }
            CHECK(crowd_mirrors_equal(t.c));
            crowd_destroy(t.c);
        }
    }
}

// Its owner dies before it can say so: the heir does.
TEST(an_owner_that_dies)
{
    stage t = begin();
    CHECK_EQUAL(board(&t, 0, t.boxes[0], t.cabins[1][0].id, 2), TL_OK);
    crowd_run(t.c, 1);
    CHECK_EQUAL(tl_server_delete_entity(t.c->servers[1].server, t.cabins[1][0].ref), TL_OK);
    crowd_crash(t.c, 0);
    crowd_run(t.c, 3);
    CHECK_NEAR(place_on(&t, 1, t.boxes[0].id).x, 112, 0.01);
    CHECK_EQUAL(t.c->servers[1].set_down, 1);
    crowd_start(t.c, 0); // from the store
    crowd_run(t.c, 1);
    CHECK_NEAR(place_of(&t, t.boxes[0].id).x, 112, 0.01);
    crowd_destroy(t.c);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        seed = strtoull(argv[1], NULL, 10);
    }
    RUN(games_are_answered);
    RUN(a_carrier_that_is_being_given_away);
    RUN(clients_are_answered);
    RUN(a_carrier_that_goes);
    RUN(a_loop_over_two_servers);
    RUN(an_owner_that_dies);
    return 0;
}
