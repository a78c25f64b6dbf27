// A few hostile clients fill somebody's fast cabin with what they make. Its pilot flies on as before.
#include "crowd.h"

enum { PILOT = 0, FIRST_HOSTILE = 1, EACH = 62, SECONDS = 60 };

static double fly(int hostiles, double speed_mps)
{
    crowd *c = crowd_create(1);
    c->names_proven = true;
    crowd_start(c, 0);
    crowd_connect(c, PILOT, 0, "pilot");
    static char names[8][16];
    for (int i = 0; i < hostiles; i++) {
        snprintf(names[i], sizeof names[i], "hostile-%d", i);
        crowd_connect(c, FIRST_HOSTILE + i, 0, names[i]);
    }
    crowd_run(c, 1);
    tl_client *pilot = c->clients[PILOT].client;
    tl_values v = crowd_at(0, 100, 0);
    CHECK_EQUAL(tl_client_request_create(pilot, CROWD_CABIN, 0, &v, true, NULL), TL_OK);
    crowd_run(c, 0.5);
    tl_entity_id plane = c->clients[PILOT].last_made;
    for (int k = 0; k < EACH; k++) {
        for (int i = 0; i < hostiles; i++) {
            tl_values p = crowd_at(0.1 * (k % 8), 0, 0.1 * (k / 8));
            CHECK_EQUAL(tl_client_request_create(c->clients[FIRST_HOSTILE + i].client, CROWD_AVATAR, plane, &p, false, NULL), TL_OK);
        }
        crowd_run(c, 0.05);
    }
    crowd_run(c, 1);
    double x = 0, worst_m = 0;
    uint32_t refused_before = (uint32_t)tl_server_get_stats(c->servers[0].server).states_refused;
    for (int tick = 0; tick < SECONDS * CROWD_HZ; tick++) {
        x += speed_mps / CROWD_HZ;
        tl_values at = crowd_at(x, 100, 0);
        at.fields[0].velocity = (tl_vec3){speed_mps, 0, 0.01 * (tick % 2)};
        CHECK_EQUAL(tl_client_set(pilot, plane, tl_client_server_tick(pilot, c->now_us), 0, &at), TL_OK);
        crowd_run(c, 1.0 / CROWD_HZ);
        tl_vec3 position;
        tl_quat rotation;
        tl_server *s = c->servers[0].server;
        CHECK_EQUAL(tl_server_pose(s, tl_server_find(s, plane), (double)tl_server_get_stats(s).world_tick, &position, &rotation), TL_OK);
        double off_m = x - position.x;
        if (off_m > worst_m) worst_m = off_m;
    }
    tl_server_stats stats = tl_server_get_stats(c->servers[0].server);
    printf("  %d hostile clients with %u entities aboard, %g m/s: off by %.0f m at the worst; %u states refused\n", hostiles, stats.entities - 1, speed_mps, worst_m,
           (uint32_t)stats.states_refused - refused_before);
    crowd_destroy(c);
    return worst_m;
}

TEST(a_cabin_that_others_fill_flies_on)
{
    double alone_m = fly(0, 250);
    CHECK(fly(3, 250) < 2 * alone_m + 100);
    CHECK(fly(7, 100) < 2 * alone_m + 100);
}

// ---- who pays ----

enum { OWN_MAX = 64, PASSENGERS = 9 };
static const double PLACE_M = 0.1; // apart

static void grant_many(tl_grant *out)
{
    out->entities_max = OWN_MAX;
}

static bool is_aboard(const crowd *c, tl_entity_id id, tl_entity_id carrier)
{
    tl_server *s = c->servers[0].server;
    tl_entity_info info;
    CHECK_EQUAL(tl_server_info(s, tl_server_find(s, id), &info), TL_OK);
    return info.carrier == carrier;
}

// A pilot with passengers who own `each` that ride. Gives how many of what the last one owns has got off.
static int ride(int each, double speed_mps)
{
    crowd *c = crowd_create(1);
    static tl_entity_id own[OWN_MAX];
    static char names[PASSENGERS][16];
    int off = 0;
    c->names_proven = true;
    c->on_grant = grant_many;
    crowd_start(c, 0);
    crowd_connect(c, PILOT, 0, "pilot");
    for (int i = 1; i < PASSENGERS; i++) {
        snprintf(names[i], sizeof names[i], "passenger-%d", i);
        crowd_connect(c, i, 0, names[i]);
    }
    crowd_run(c, 1);
    tl_client *pilot = c->clients[PILOT].client;
    tl_values v = crowd_at(0, 100, 0);
    CHECK_EQUAL(tl_client_request_create(pilot, CROWD_CABIN, 0, &v, true, NULL), TL_OK);
    crowd_run(c, 0.5);
    tl_entity_id plane = c->clients[PILOT].last_made;
    for (int k = 0; k < each; k++) {
        for (int i = 1; i < PASSENGERS; i++) {
            tl_values p = crowd_at(PLACE_M * (k % 8), 0, PLACE_M * (k / 8));
            CHECK_EQUAL(tl_client_request_create(c->clients[i].client, CROWD_AVATAR, plane, &p, true, NULL), TL_OK);
        }
        crowd_run(c, 0.2);
        own[k] = c->clients[PASSENGERS - 1].last_made;
        CHECK(is_aboard(c, own[k], plane));
    }
    uint64_t refused = tl_server_get_stats(c->servers[0].server).states_refused;
    for (int tick = 0; tick < 20 * CROWD_HZ; tick++) {
        tl_values at = crowd_at(speed_mps / CROWD_HZ * tick, 100, 0);
        at.fields[0].velocity = (tl_vec3){speed_mps, 0, 0.01 * (tick % 2)};
        CHECK_EQUAL(tl_client_set(pilot, plane, tl_client_server_tick(pilot, c->now_us), 0, &at), TL_OK);
        crowd_run(c, 1.0 / CROWD_HZ);
    }
    for (int k = 0; k < each; k++) off += !is_aboard(c, own[k], plane);
    refused = tl_server_get_stats(c->servers[0].server).states_refused - refused;
    printf("  %d aboard at %g m/s: %d of %d of one client have got off, %u states refused\n", (PASSENGERS - 1) * each, speed_mps, off, each, (uint32_t)refused);
    CHECK_EQUAL(refused, off * (PASSENGERS - 1)); // none of the pilot's
    crowd_destroy(c);
    return off;
}

TEST(passengers_pay_for_themselves)
{
    CHECK_EQUAL(ride(16, 500), 0);
    CHECK_EQUAL(ride(4, 1200), 0);
    CHECK(ride(OWN_MAX, 1200) > 0); // 4'800 m/s for each of them
}

int main(void)
{
    RUN(a_cabin_that_others_fill_flies_on);
    RUN(passengers_pay_for_themselves);
    return 0;
}
