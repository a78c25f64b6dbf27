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

int main(void)
{
    RUN(a_cabin_that_others_fill_flies_on);
    return 0;
}
