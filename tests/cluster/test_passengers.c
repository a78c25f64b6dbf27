// Nobody hostile: passengers who walk to and fro in a cabin that stands, far from its origin, by centimetres a tick.
// They travel next to nothing, so none of their states is refused.
#include "crowd.h"

enum { PASSENGERS = 16, SECONDS = 20 };

static void walk(uint32_t passengers, uint32_t speed_max, int kind, double from_origin_m)
{
    crowd *c = crowd_create(1);
    tl_entity_id all[PASSENGERS];
    if (speed_max > 0) {
        c->def.client_speed_max = speed_max;
    }
    crowd_start(c, 0);
    crowd_connect(c, 0, 0, "honest");
    crowd_run(c, 1);
    tl_values v = crowd_at(0, 0, 0);
    crowd_client *k = &c->clients[0];
    CHECK_EQUAL(tl_client_request_create(k->client, kind, 0, &v, false, NULL), TL_OK);
    crowd_run(c, 0.3);
    tl_entity_id cabin = k->last_made;
    for (uint32_t i = 0; i < passengers; i++) {
        tl_values p = crowd_at(from_origin_m, 0, 0.1);
        CHECK_EQUAL(tl_client_request_create(k->client, CROWD_AVATAR, cabin, &p, true, NULL), TL_OK);
        crowd_run(c, 0.3);
        all[i] = k->last_made;
    }
    for (int tick = 0; tick < SECONDS * CROWD_HZ; tick++) {
        for (uint32_t i = 0; i < passengers; i++) {
            tl_values p = crowd_at(from_origin_m, 0, tick % 2 ? 0.1 : -0.1);
            CHECK_EQUAL(
                tl_client_set_values(k->client, all[i], tl_client_get_server_tick(k->client, c->now_us), cabin, &p),
                TL_OK);
        }
        crowd_run(c, 1.0 / CROWD_HZ);
    }
    uint64_t refused = tl_server_get_stats(c->servers[0].server).states_refused;
    printf("  %u passengers, %u m/s: %llu of %u states refused, told %u times: %s\n", passengers,
           c->def.client_speed_max, (unsigned long long)refused, passengers * SECONDS * CROWD_HZ, k->told,
           tl_result_name(k->notice.result));
    CHECK_EQUAL(refused, 0);
    crowd_destroy(c);
}

TEST(one_passenger_of_a_game_of_walkers)
{
    walk(1, 100, CROWD_CABIN, 7.9);
}

TEST(three_passengers_of_a_ferry_by_default)
{
    walk(3, 0, CROWD_FERRY, 60);
}

int main(void)
{
    RUN(one_passenger_of_a_game_of_walkers);
    RUN(three_passengers_of_a_ferry_by_default);
    return 0;
}
