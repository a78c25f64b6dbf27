// What a client has ride in a carrier is within its reach, and stays so, whoever owns it.
#include "crowd.h"

#include <math.h>

enum { REACH_M = 8, FAST_MPS = 2000 };

static crowd *begin(tl_entity_id *cabin)
{
    crowd *c = crowd_create(1);
    tl_group_id group;
    tl_entity_ref ref;
    tl_entity_info info;
    crowd_start(c, 0);
    CHECK_EQUAL(tl_server_create_group(c->servers[0].server, 0, &group), TL_OK);
    tl_entity_def def = {.group = group, .kind = CROWD_CABIN, .values = crowd_at(100, 0, 0)};
    CHECK_EQUAL(tl_server_create_entity(c->servers[0].server, &def, &ref), TL_OK);
    CHECK_EQUAL(tl_server_get_entity_info(c->servers[0].server, ref, &info), TL_OK);
    *cabin = info.id;
    crowd_run(c, 0.5);
    crowd_connect(c, 0, 0, "mallory");
    crowd_run(c, 1.5);
    return c;
}

static double away_m(const crowd *c, tl_entity_id id)
{
    const tl_server *s = c->servers[0].server;
    tl_vec3 p;
    tl_quat q;
    CHECK_EQUAL(tl_server_get_pose(s, tl_server_find(s, id), (double)tl_server_get_stats(s).world_tick, &p, &q), TL_OK);
    return hypot(hypot(p.x - 100, p.y), p.z);
}

static tl_entity_id create(crowd *c, tl_entity_id cabin, double speed_mps, bool own)
{
    tl_values v = crowd_at(1, 0, 0);
    v.fields[0].velocity.x = speed_mps;
    c->clients[0].last_made = 0;
    CHECK_EQUAL(tl_client_request_create(c->clients[0].client, CROWD_AVATAR, cabin, &v, own, NULL), TL_OK);
    crowd_run(c, 0.2);
    return c->clients[0].last_made;
}

TEST(what_nobody_owns_does_not_fly_out_of_its_carrier)
{
    tl_entity_id cabin;
    crowd *c = begin(&cabin);
    tl_entity_id made = create(c, cabin, FAST_MPS, false);
    crowd_run(c, 2);
    if (made) {
        printf("  %.0f m away\n", away_m(c, made));
    }
    CHECK(made == 0 || away_m(c, made) < REACH_M + 1);
    made = create(c, cabin, 0, false);
    CHECK(made);
    tl_values v = crowd_at(1, 0, 0);
    v.fields[0].velocity.x = REACH_M - 1;
    CHECK_EQUAL(tl_client_request_update(c->clients[0].client, made, &v, NULL), TL_OK);
    crowd_run(c, 20);
    printf("  %.0f m away\n", away_m(c, made));
    CHECK(away_m(c, made) < REACH_M + 1);
    crowd_destroy(c);
}

TEST(what_a_client_owns_does_not_fly_out_of_its_carrier)
{
    tl_entity_id cabin;
    crowd *c = begin(&cabin);
    double most_m = 0;
    tl_entity_id made = create(c, cabin, FAST_MPS, true);
    if (made) {
        most_m = away_m(c, made);
    }
    for (int i = 0; i < 20 && made; i++) {
        crowd_run(c, 0.05);
        most_m = fmax(most_m, away_m(c, made));
    }
    printf("  at most %.0f m away after it was made,", most_m);
    CHECK(most_m < 2 * REACH_M);
    crowd_run(c, 20); // until there is such a time
    made = create(c, cabin, 0, true);
    CHECK(made);
    most_m = 0;
    for (int i = 0; i < 100; i++) { // it set out long ago, and would be far away by now
        tl_client *client = c->clients[0].client;
        tl_values v = crowd_at(i % 3 - 1.0, 0, 0);
        v.fields[0].velocity = (tl_vec3){i % 2 ? REACH_M - 1 : 1 - REACH_M, 0, 0};
        CHECK_EQUAL(tl_client_set_values(client, made, tl_client_get_server_tick(client, c->now_us) - 380, cabin, &v),
                    TL_OK);
        crowd_run(c, 0.05);
        most_m = fmax(most_m, away_m(c, made));
    }
    printf(" %.0f m by a state of long ago\n", most_m);
    CHECK(most_m < 2 * REACH_M);
    crowd_destroy(c);
}

int main(void)
{
    RUN(what_nobody_owns_does_not_fly_out_of_its_carrier);
    RUN(what_a_client_owns_does_not_fly_out_of_its_carrier);
    return 0;
}
