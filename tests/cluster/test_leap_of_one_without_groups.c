// A server that owns nothing, for its game's things are all another's, and whose monotonic clock leaps ahead: nobody
// fences it, since there is nothing to take over. It goes on within some seconds all the same, by the others' time.
#include "crowd.h"

static void leap(double seconds)
{
    crowd *c = crowd_create(1);
    crowd_start(c, 0);
    tl_server *first = c->servers[0].server;
    tl_group_id group;
    CHECK_EQUAL(tl_server_create_group(first, 0, &group), TL_OK);
    CHECK_EQUAL(tl_server_keep_group(first, group, true), TL_OK);
    tl_entity_def def = {.group = group, .kind = CROWD_BOX, .values = crowd_at(1, 2, 3)};
    CHECK_EQUAL(tl_server_create_entity(first, &def, NULL), TL_OK);
    crowd_start(c, 1);
    crowd_run(c, 8);
    crowd_server *s = &c->servers[1];
    CHECK_EQUAL(tl_server_get_stats(s->server).groups_owned, 0);
    s->ahead_us = (uint64_t)(seconds * 1e6);
    double stood_s = 0;
    int64_t before = tl_server_get_stats(s->server).tick;
    for (; stood_s < 60; stood_s += 0.1) {
        crowd_run(c, 0.1);
        if (tl_server_get_state(s->server) != TL_SERVER_RUNNING || tl_server_get_stats(s->server).tick > before) {
            break;
        }
    }
    int64_t apart = tl_server_get_stats(s->server).tick - tl_server_get_stats(first).tick;
    printf("  a leap of %g s: it stood still for %.1f s, state %d, then %lld ticks from the other\n", seconds, stood_s,
           tl_server_get_state(s->server), (long long)apart);
    CHECK(stood_s < 6);
    CHECK(apart <= 12); // half a second, and a little
    if (tl_server_get_state(s->server) == TL_SERVER_RUNNING) {
        crowd_run(c, 3);
        crowd_connect(c, 0, 1, "late");
        crowd_run(c, 2);
        CHECK_EQUAL(tl_client_get_state(c->clients[0].client), TL_CLIENT_LIVE);
        CHECK(crowd_mirrors_equal(c));
        apart = tl_server_get_stats(s->server).tick - tl_server_get_stats(first).tick;
        CHECK(apart >= -3 && apart <= 3);
    }
    crowd_destroy(c);
}

TEST(it_goes_on_by_the_others_time)
{
    leap(0.5);
    leap(1.3);
    leap(5);
    leap(20);
    leap(3600);
}

int main(void)
{
    RUN(it_goes_on_by_the_others_time);
    return 0;
}
