// A few hostile clients fill somebody's fast cabin with what they make. Its pilot flies on as before.
#include "crowd.h"

enum { PILOT = 0, EACH = 62, SECONDS = 60, OWN_MAX = 64, PASSENGERS = 8 };
static const double PLACE_M = 0.1; // apart

typedef struct flight { // clients 1 to `others` are not the pilot
    crowd *c;
    int others;
    tl_entity_id plane;
} flight;

static void grant_many(tl_grant *out)
{
    out->entities_max = OWN_MAX;
}

static flight begin(int others)
{
    static char names[PASSENGERS + 1][16];
    flight f = {.c = crowd_create(1), .others = others};
    f.c->names_proven = true;
    f.c->on_grant = grant_many;
    crowd_start(f.c, 0);
    for (int i = 0; i <= others; i++) {
        snprintf(names[i], sizeof names[i], "client-%d", i);
        crowd_connect(f.c, i, 0, names[i]);
    }
    crowd_run(f.c, 1);
    tl_values v = crowd_at(0, 100, 0);
    CHECK_EQUAL(tl_client_request_create(f.c->clients[PILOT].client, CROWD_CABIN, 0, &v, true, NULL), TL_OK);
    crowd_run(f.c, 0.5);
    f.plane = f.c->clients[PILOT].last_made;
    return f;
}

// Each of the others makes a passenger.
static void board(flight *f, int place, bool own, double seconds)
{
    tl_values p = crowd_at(PLACE_M * (place % 8), 0, PLACE_M * (place / 8));
    for (int i = 1; i <= f->others; i++) {
        CHECK_EQUAL(tl_client_request_create(f->c->clients[i].client, CROWD_AVATAR, f->plane, &p, own, NULL), TL_OK);
    }
    crowd_run(f->c, seconds);
}

static void set_plane(flight *f, double x_m, int tick, double speed_mps)
{
    tl_client *pilot = f->c->clients[PILOT].client;
    tl_values at = crowd_at(x_m, 100, 0);
    at.fields[0].velocity = (tl_vec3){speed_mps, 0, 0.01 * (tick % 2)};
    CHECK_EQUAL(tl_client_set_values(pilot, f->plane, tl_client_get_server_tick(pilot, f->c->now_us), 0, &at), TL_OK);
    crowd_run(f->c, 1.0 / CROWD_HZ);
}

static tl_server_stats stats_of(const flight *f)
{
    return tl_server_get_stats(f->c->servers[0].server);
}

// ---- who is put aboard ----

static double fly(int hostiles, double speed_mps)
{
    flight f = begin(hostiles);
    tl_server *s = f.c->servers[0].server;
    for (int k = 0; k < EACH; k++) {
        board(&f, k, false, 0.05);
    }
    crowd_run(f.c, 1);
    double x = 0, worst_m = 0;
    uint64_t refused_before = stats_of(&f).states_refused;
    for (int tick = 0; tick < SECONDS * CROWD_HZ; tick++) {
        tl_vec3 position;
        tl_quat rotation;
        x += speed_mps / CROWD_HZ;
        set_plane(&f, x, tick, speed_mps);
        CHECK_EQUAL(
            tl_server_get_pose(s, tl_server_find(s, f.plane), (double)stats_of(&f).world_tick, &position, &rotation),
            TL_OK);
        worst_m = x - position.x > worst_m ? x - position.x : worst_m;
    }
    printf("  %d hostile clients with %u entities aboard, %g m/s: off by %.0f m at the worst; %u states refused\n",
           hostiles, stats_of(&f).entities - 1, speed_mps, worst_m,
           (uint32_t)(stats_of(&f).states_refused - refused_before));
    crowd_destroy(f.c);
    return worst_m;
}

TEST(a_cabin_that_others_fill_flies_on)
{
    double alone_m = fly(0, 250);
    CHECK(fly(3, 250) < 2 * alone_m + 100);
    CHECK(fly(7, 100) < 2 * alone_m + 100);
}

// In one report come a cabin and what is to ride in it: a client can guess the next id. The cabin is in no group yet.
TEST(a_cabin_that_is_just_being_made_is_boarded)
{
    flight f = begin(0);
    crowd_client *pilot = &f.c->clients[PILOT];
    tl_values v = crowd_at(50, 100, 0), p = crowd_at(0, 0, 0);
    tl_entity_id next = f.plane + 1;
    tl_entity_info info;
    CHECK_EQUAL(tl_client_request_create(pilot->client, CROWD_CABIN, 0, &v, true, NULL), TL_OK);
    CHECK_EQUAL(tl_client_request_create(pilot->client, CROWD_AVATAR, next, &p, false, NULL), TL_OK);
    crowd_run(f.c, 1);
    tl_server *s = f.c->servers[0].server;
    CHECK_EQUAL(tl_server_get_entity_info(s, tl_server_find(s, pilot->last_made), &info), TL_OK);
    CHECK_EQUAL(info.carrier, next);
    crowd_destroy(f.c);
}

// ---- who pays ----

static bool is_aboard(const flight *f, tl_entity_id id)
{
    tl_server *s = f->c->servers[0].server;
    tl_entity_info info;
    CHECK_EQUAL(tl_server_get_entity_info(s, tl_server_find(s, id), &info), TL_OK);
    return info.carrier == f->plane;
}

// A pilot with passengers who own `each` that ride. Gives how many of what the last one owns has got off.
static int ride(int each, double speed_mps)
{
    static tl_entity_id own[OWN_MAX];
    flight f = begin(PASSENGERS);
    int off = 0;
    for (int k = 0; k < each; k++) {
        board(&f, k, true, 0.2);
        own[k] = f.c->clients[PASSENGERS].last_made;
        CHECK(is_aboard(&f, own[k]));
    }
    uint64_t refused = stats_of(&f).states_refused;
    for (int tick = 0; tick < 20 * CROWD_HZ; tick++) {
        set_plane(&f, speed_mps / CROWD_HZ * tick, tick, speed_mps);
    }
    for (int k = 0; k < each; k++) {
        off += !is_aboard(&f, own[k]);
    }
    refused = stats_of(&f).states_refused - refused;
    printf("  %d aboard at %g m/s: %d of %d of one client have got off, %u states refused\n", PASSENGERS * each,
           speed_mps, off, each, (uint32_t)refused);
    CHECK_EQUAL(refused, off * PASSENGERS); // none of the pilot's
    crowd_destroy(f.c);
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
    RUN(a_cabin_that_is_just_being_made_is_boarded);
    RUN(passengers_pay_for_themselves);
    return 0;
}
