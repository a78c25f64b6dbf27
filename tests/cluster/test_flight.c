// What a client lets fly goes as far in a second as all that it owns may go together, whether or not it says so again.
#include "crowd.h"

#include <math.h>

enum { OWN = 16, FLIGHT_S = 20, TILE_M = 64 };

static tl_vec3 place_of(const crowd *c, tl_entity_id id)
{
    const tl_server *s = c->servers[0].server;
    tl_vec3 p;
    tl_quat q;
    CHECK_EQUAL(tl_server_get_pose(s, tl_server_find(s, id), (double)tl_server_get_stats(s).world_tick, &p, &q), TL_OK);
    return p;
}

static crowd *begin(tl_entity_id own[OWN])
{
    crowd *c = crowd_create(1);
    c->names_proven = true;
    crowd_start(c, 0);
    crowd_connect(c, 0, 0, "mallory");
    crowd_run(c, 1.5);
    for (int i = 0; i < OWN; i++) {
        tl_values v = crowd_at(i * 100, 0, 0);
        CHECK_EQUAL(tl_client_request_create(c->clients[0].client, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
        crowd_run(c, 0.2);
        own[i] = c->clients[0].last_made;
    }
    CHECK_EQUAL(c->clients[0].accepted, OWN);
    return c;
}

// How far all go in a second; in a tick no more than a tile counts.
static double way_mps(crowd *c, const tl_entity_id own[OWN])
{
    tl_vec3 from[OWN];
    double way_m = 0;
    for (int i = 0; i < OWN; i++) {
        from[i] = place_of(c, own[i]);
    }
    for (int tick = 0; tick < FLIGHT_S * CROWD_HZ; tick++) {
        crowd_run(c, 1.0 / CROWD_HZ);
        for (int i = 0; i < OWN; i++) {
            tl_vec3 to = place_of(c, own[i]);
            way_m += fmin(hypot(hypot(to.x - from[i].x, to.y - from[i].y), to.z - from[i].z), TILE_M);
            from[i] = to;
        }
    }
    return way_m / FLIGHT_S;
}

TEST(who_says_nothing_more_flies_no_farther)
{
    tl_entity_id own[OWN];
    crowd *c = begin(own);
    for (int i = 0; i < OWN; i++) {
        tl_client *client = c->clients[0].client;
        tl_values v = crowd_at(i * 100, 1, 0);
        v.fields[0].velocity.z = c->def.client_speed_max - 10;
        CHECK_EQUAL(tl_client_set_values(client, own[i], tl_client_get_server_tick(client, c->now_us), 0, &v), TL_OK);
    }
    crowd_run(c, 0.5);
    double mps = way_mps(c, own);
    printf("  %.0f m/s, where %u may be\n", mps, c->def.client_speed_max);
    CHECK(mps < 2 * c->def.client_speed_max); // with what is saved
    crowd_destroy(c);
}

// A request to move what is its own counts as well as its word.
TEST(requests_count)
{
    tl_entity_id own[OWN];
    crowd *c = begin(own);
    crowd_run(c, 5);
    uint64_t random = 1;
    uint32_t taken = c->clients[0].accepted;
    for (int tick = 0; tick < FLIGHT_S * CROWD_HZ; tick++) {
        for (int i = 0; i < 2; i++) {
            tl_client *client = c->clients[0].client;
            tl_values v = crowd_at(check_random_between(&random, -3e7, 3e7), 0,
                                   check_random_between(&random, -3e7, 3e7));
            (void)tl_client_request_update(client, own[(2 * tick + i) % OWN], &v, NULL);
            v = crowd_at(check_random_between(&random, -3e7, 3e7), 0, check_random_between(&random, -3e7, 3e7));
            (void)tl_client_set_values(client, own[(2 * tick + i) % OWN], tl_client_get_server_tick(client, c->now_us),
                                       0, &v);
        }
        crowd_run(c, 1.0 / CROWD_HZ);
    }
    taken = c->clients[0].accepted - taken;
    printf("  %u requests were taken, beside what it says\n", taken);
    CHECK(taken * 64.0 / FLIGHT_S < 1.3 * c->def.client_speed_max / 2);
    crowd_destroy(c);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    RUN(who_says_nothing_more_flies_no_farther);
    RUN(requests_count);
    return 0;
}
