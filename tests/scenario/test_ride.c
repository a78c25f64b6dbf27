// Trams, convoy and those who ride in them.
#include "worlds.h"

enum { RIDES_SEEN = 24 };

TEST(trams_stop_and_go)
{
    scenario *s = world_make("city", 1, 4000);
    for (uint32_t rider = 0; rider < 8; rider++) {
        uint32_t cabin = scenario_ride_cabin(s, rider), tram = truth_at(s, 0, cabin).carrier;
        int stopped = 0, total = 0;
        double speed_max_mps = 0;
        for (double time_s = 0; time_s < 1500; time_s += 0.5, total++) {
            scenario_truth truth = truth_at(s, time_s, tram);
            CHECK_EQUAL(truth.kind, TRAM);
            double speed_mps = length(truth.velocity);
            stopped += speed_mps == 0;
            speed_max_mps = fmax(speed_max_mps, speed_mps);
        }
        CHECK_NEAR(speed_max_mps, 12, 0.01);
        CHECK(stopped > total / 10 && stopped < total / 2);
    }
    scenario_destroy(s);
}

// The front cabin is the tram's frame; the others follow it by 10 m each along the track, bent away in curves.
static void check_cabins(const char *name, double seconds)
{
    scenario *s = world_make(name, 1, 4000);
    double bend_max_rad = 0;
    for (double time_s = 0; time_s < seconds; time_s += 1.5) {
        for (uint32_t rider = 0; rider < RIDES_SEEN; rider++) {
            uint32_t cabin = scenario_ride_cabin(s, rider);
            scenario_truth truth = truth_at(s, time_s, cabin);
            CHECK_EQUAL(truth.kind, CABIN);
            double behind_m = rider / 8 * 10.0;
            CHECK(length(truth.position) <= behind_m + 1e-3 && length(truth.position) >= behind_m * 0.85);
            CHECK(truth.position.z > behind_m * 0.7 - 1e-3);
            bend_max_rad = fmax(bend_max_rad, angle_rad(truth.rotation, (tl_quat){0, 0, 0, 1}));
        }
    }
    CHECK(bend_max_rad > 0.6 && bend_max_rad < 0.9); // 20 m on arcs of 25 m
    scenario_destroy(s);
}

TEST(cabins_bend_in_curves)
{
    check_cabins("city", 1500);
    check_cabins("convoy", 300);
}

TEST(trams_and_their_cabins_are_groups)
{
    scenario *s = world_make("city", 1, 4000);
    uint32_t groups = scenario_group_count(s);
    for (uint32_t g = groups - 8; g < groups; g++) {
        uint32_t first, count;
        scenario_group_range(s, g, &first, &count);
        CHECK_EQUAL(count, 4);
        CHECK_EQUAL(truth_at(s, 0, first).kind, TRAM);
        CHECK_EQUAL(truth_at(s, 0, first + 3).carrier, first);
    }
    scenario_destroy(s);
}

TEST(seats_for_riders_differ_and_are_within_the_cabin)
{
    scenario *s = world_make("city", 1, 4000);
    for (uint32_t a = 0; a < 24 * 16; a++) {
        tl_vec3 seat = scenario_ride_seat(s, a);
        CHECK(fabs(seat.x) < 1.2 && fabs(seat.z) < 4.5);
        for (uint32_t b = 0; b < a; b++) {
            CHECK(scenario_ride_cabin(s, a) != scenario_ride_cabin(s, b) ||
                  distance(seat, scenario_ride_seat(s, b)) > 0.4);
        }
    }
    scenario_destroy(s);
    s = world_make("choke", 1, 100);
    CHECK_EQUAL(scenario_ride_cabin(s, 3), SCENARIO_NONE);
    CHECK(fabs(scenario_free_point(s).x) < 1000);
    scenario_destroy(s);
}

// Passengers board and alight while the tram stands, sit still for most of the ride, and no two share a seat.
TEST(passengers_ride_by_the_timetable)
{
    scenario *s = world_make("city", 1, 0);
    const double step_s = 0.5;
    uint32_t passengers = 0, boarded = 0, rode = 0, sat = 0;
    for (uint32_t i = 0; i < scenario_entity_count(s); i += 1) {
        scenario_truth before = truth_at(s, 0, i);
        bool rides = before.kind == WALKER && before.carrier != SCENARIO_NONE;
        if (before.kind != WALKER || (!rides && i % 50)) {
            continue; // those who ride at first are passengers
        }
        passengers += rides;
        tl_vec3 place, place_before;
        tl_quat rotation;
        scenario_world_pose(s, 0, i, &place_before, &rotation);
        for (double time_s = step_s; rides && time_s < 5000; time_s += step_s) {
            scenario_truth now = truth_at(s, time_s, i);
            scenario_world_pose(s, time_s, i, &place, &rotation);
            CHECK(distance(place, place_before) < 13 * step_s + 2e-3);
            CHECK(now.carrier == before.carrier || distance(place, place_before) < 2 * step_s + 2e-3);
            place_before = place;
            if (now.carrier != before.carrier) {
                uint32_t cabin = now.carrier != SCENARIO_NONE ? now.carrier : before.carrier;
                uint32_t tram = truth_at(s, time_s, cabin).carrier;
                CHECK(length(truth_at(s, time_s, tram).velocity) == 0);
                boarded += now.carrier != SCENARIO_NONE;
                CHECK(length(now.velocity) < 2);
            }
            rode += now.carrier != SCENARIO_NONE;
            sat += now.carrier != SCENARIO_NONE && length(now.velocity) == 0;
            before = now;
        }
    }
    printf("  %u of the passengers ride at first; %u times one boards in 5000 s; %.0f %% of a ride they sit\n",
           passengers, boarded, 100.0 * sat / rode);
    CHECK(passengers > 40 && boarded > 2 * passengers);
    CHECK((double)sat / rode > 0.7);
    scenario_destroy(s);
}

TEST(the_convoy_keeps_its_speed)
{
    scenario *s = world_make("convoy", 1, 0);
    CHECK_EQUAL(scenario_entity_count(s), 8 * (1 + 3 + 11));
    int walking = 0, seen = 0;
    for (double time_s = 0; time_s < 400; time_s += 1) {
        for (uint32_t i = 0; i < scenario_entity_count(s); i++) {
            scenario_truth truth = truth_at(s, time_s, i);
            if (truth.kind == TRAM) {
                CHECK_NEAR(length(truth.velocity), 10, 1e-6);
            } else if (truth.kind == WALKER) {
                CHECK(truth.carrier != SCENARIO_NONE && length(truth.velocity) < 1);
                walking += length(truth.velocity) > 0;
                seen++;
            }
        }
    }
    CHECK_EQUAL(seen, 400 * 88);
    CHECK(walking > seen / 100 && walking < seen / 4);
    scenario_destroy(s);
}

int main(void)
{
    RUN(trams_stop_and_go);
    RUN(cabins_bend_in_curves);
    RUN(trams_and_their_cabins_are_groups);
    RUN(seats_for_riders_differ_and_are_within_the_cabin);
    RUN(passengers_ride_by_the_timetable);
    RUN(the_convoy_keeps_its_speed);
    return 0;
}
