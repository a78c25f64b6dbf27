// One thing that jumps to where nobody was, in each tick, within its budget of speed and distance: the streams that it
// makes servers open are sent at once, or nobody's view would settle as long as it goes on.
#include "crowd.h"

#include <math.h>

enum { JUMPER = 1, RIDER = 2, SECONDS = 10 };
static const double WIDE_M = 3e7, UNSETTLED_S_MAX = 1;

static tl_values anywhere(uint64_t *random)
{
    return crowd_at(check_random_between(random, -WIDE_M, WIDE_M), check_random_between(random, 0, WIDE_M),
                    check_random_between(random, -WIDE_M, WIDE_M));
}

TEST(one_that_jumps_far_away)
{
    uint64_t random = 1;
    crowd *c = crowd_create(1);
    c->names_proven = true;
    crowd_start(c, 0);
    crowd_fill(c, 0, 20, 20);
    crowd_connect(c, RIDER, 0, "rider");
    crowd_connect(c, JUMPER, 0, "jumper");
    crowd_run(c, 1);
    crowd_client *rider = &c->clients[RIDER], *jumper = &c->clients[JUMPER];
    tl_values v = anywhere(&random);
    CHECK_EQUAL(tl_client_request_create(jumper->client, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
    crowd_run(c, 0.5);
    double unsettled_s = 0;
    for (int tick = 0; tick < SECONDS * CROWD_HZ; tick++) {
        v = anywhere(&random);
        CHECK_EQUAL(tl_client_set_values(jumper->client, jumper->last_made,
                                         tl_client_get_server_tick(jumper->client, c->now_us), 0, &v),
                    TL_OK);
        crowd_run(c, 1.0 / CROWD_HZ);
        tl_client_stats stats = tl_client_get_stats(rider->client);
        unsettled_s = fmax(unsettled_s, (double)(stats.tick - stats.settled_tick) / CROWD_HZ);
    }
    printf("  unsettled for %.2f s at most\n", unsettled_s);
    CHECK(unsettled_s < UNSETTLED_S_MAX);
    crowd_destroy(c);
}

int main(void)
{
    RUN(one_that_jumps_far_away);
    return 0;
}
