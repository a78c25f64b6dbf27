// How things move: without jumps, as their velocity says, facing where they go, in the proportions of a city.
#include "worlds.h"

// The largest speeds of anything; places of entities in cabins count too.
static double speed_max_mps(const char *name)
{
    return strcmp(name, "asteroids") == 0 ? 12.1 : strcmp(name, "concert") == 0 ? 2.5 : 16;
}

static bool may_jump(const char *name, uint32_t index, double time_s, double step_s)
{
    if (strcmp(name, "ragdoll") != 0) {
        return false;
    }
    double u = fmod(time_s + index * 12.0 / 64, 12); // at the step's end
    return u < step_s || (u >= 8 && u < 8 + step_s);
}

static void walk_through(const char *name, uint32_t count_wanted, double begin_s, double step_s, int steps, int stride)
{
    scenario *s = world_make(name, 3, count_wanted);
    uint32_t count = scenario_entity_count(s);
    double limit_mps = strcmp(name, "ragdoll") == 0 ? 61 : speed_max_mps(name);
    tl_vec3 *before = malloc(count * sizeof *before);
    tl_quat rotation;
    for (int n = 0; n <= steps; n++) {
        double time_s = begin_s + n * step_s;
        for (uint32_t i = 0; i < count; i += (uint32_t)stride) {
            tl_vec3 place;
            scenario_world_pose(s, time_s, i, &place, &rotation);
            if (n > 0 && !may_jump(name, i, time_s, step_s)) {
                double moved_m = distance(place, before[i]);
                if (moved_m > limit_mps * step_s + 2e-3) {
                    fprintf(stderr, "%s: entity %u moved %g m before %g s\n", name, i, moved_m, time_s);
                    abort();
                }
            }
            before[i] = place;
        }
    }
    free(before);
    scenario_destroy(s);
}

TEST(nothing_jumps)
{
    walk_through("city", 100000, 0, 0.05, 200, 41);
    walk_through("city", 3000, 0, 0.2, 9000, 3); // longer than a tram's round
    walk_through("far", 20000, 5000, 0.05, 100, 7);
    walk_through("convoy", 0, 0, 0.05, 6000, 1);
    walk_through("choke", 0, 0, 0.1, 500, 11);
    walk_through("concert", 0, 0, 0.05, 100, 3);
    walk_through("asteroids", 0, 0, 0.05, 3000, 1);
    walk_through("ragdoll", 0, 0, 0.01, 3000, 1);
}

TEST(ragdolls_are_teleported_at_known_times)
{
    scenario *s = world_make("ragdoll", 1, 0);
    for (uint32_t i = 0; i < 64; i++) {
        double jump_s = 24 + 8 - i * 12.0 / 64;
        CHECK_NEAR(distance(truth_at(s, jump_s - 1e-6, i).position, truth_at(s, jump_s + 1e-6, i).position), 200, 1e-3);
        CHECK_NEAR(length(truth_at(s, jump_s - 4.9, i).velocity), 60, 1e-9);
    }
    scenario_destroy(s);
}

// Differences on both sides of a time agree with the velocity, but where the motion changes just then.
static void differentiate(const char *name, uint32_t count_wanted, double time_s)
{
    const double h_s = 1e-4;
    scenario *s = world_make(name, 2, count_wanted);
    uint32_t count = scenario_entity_count(s), off = 0, seen = 0;
    for (uint32_t i = 0; i < count; i++) {
        scenario_truth a = truth_at(s, time_s - h_s, i), b = truth_at(s, time_s, i), c = truth_at(s, time_s + h_s, i);
        if (!a.present || !c.present || a.carrier != c.carrier || a.generation != c.generation) {
            continue;
        }
        tl_vec3 rate = {(c.position.x - a.position.x) / (2 * h_s), (c.position.y - a.position.y) / (2 * h_s),
                        (c.position.z - a.position.z) / (2 * h_s)};
        off += distance(rate, b.velocity) > 0.01;
        seen++;
    }
    if (seen == 0 || off > 1 + seen / 500) {
        fprintf(stderr, "%s: velocity is off for %u of %u\n", name, off, seen);
        abort();
    }
    scenario_destroy(s);
}

TEST(velocity_is_the_derivative)
{
    static const char *const names[] = {"city", "convoy", "choke", "concert", "ragdoll", "asteroids", "trace"};
    for (int n = 0; n < 7; n++) {
        differentiate(names[n], 20000, 12.345);
        differentiate(names[n], 20000, 57.003);
    }
}

TEST(walkers_and_cars_face_where_they_go)
{
    scenario *s = world_make("city", 1, 20000);
    for (uint32_t i = 0; i < 20000; i++) {
        scenario_truth truth = truth_at(s, 30.5, i);
        double speed_mps = length(truth.velocity);
        if (truth.kind <= CAR && speed_mps > 0.01) {
            tl_quat q = truth.rotation; // of (0, 0, -1)
            tl_vec3 forward = {-2 * (q.x * q.z + q.w * q.y), -2 * (q.y * q.z - q.w * q.x),
                               2 * (q.x * q.x + q.y * q.y) - 1};
            tl_vec3 way = {truth.velocity.x / speed_mps, 0, truth.velocity.z / speed_mps};
            CHECK(distance(forward, way) < 1e-5);
        }
    }
    scenario_destroy(s);
}

// One who stands keeps the heading; it turns only in motion (or on the spot just as it sets out).
TEST(those_who_stand_keep_their_heading)
{
    scenario *s = world_make("city", 1, 20000);
    for (uint32_t i = 0; i < 20000; i += 3) {
        scenario_truth a = truth_at(s, 90, i), b = truth_at(s, 90.5, i);
        if (length(a.velocity) == 0 && length(b.velocity) == 0 && a.carrier == b.carrier) {
            CHECK(angle_rad(a.rotation, b.rotation) < 1e-6);
        }
    }
    scenario_destroy(s);
}

TEST(the_city_has_its_proportions)
{
    scenario *s = world_make("city", 1, 0);
    uint32_t count = scenario_entity_count(s), kinds[KINDS] = {0}, moving[KINDS] = {0}, inside = 0;
    CHECK_EQUAL(count, 100000);
    CHECK(scenario_group_count(s) > 230 && scenario_group_count(s) < 300);
    for (double time_s = 0; time_s < 600; time_s += 100) {
        for (uint32_t i = 0; i < count; i++) {
            scenario_truth truth = truth_at(s, time_s, i);
            CHECK(truth.present);
            kinds[truth.kind]++;
            moving[truth.kind] += length(truth.velocity) > 0.05;
            inside += truth.carrier != SCENARIO_NONE ||
                      (fabs(truth.position.x) < 2001 && fabs(truth.position.z) < 2001);
        }
    }
    printf("  %.1f %% walkers, %.1f %% cars; %.1f %% and %.1f %% of them move\n", kinds[WALKER] / 6e3, kinds[CAR] / 6e3,
           100.0 * moving[WALKER] / kinds[WALKER], 100.0 * moving[CAR] / kinds[CAR]);
    CHECK_EQUAL(kinds[TRAM], 6 * 8);
    CHECK_EQUAL(kinds[CABIN], 6 * 24);
    CHECK_NEAR(kinds[WALKER] / 6e5, 0.76, 0.02);
    CHECK_NEAR(kinds[CAR] / 6e5, 0.12, 0.01);
    CHECK_NEAR((double)moving[WALKER] / kinds[WALKER], 0.8, 0.06);
    CHECK((double)moving[CAR] / kinds[CAR] > 0.5);
    CHECK_EQUAL(moving[THING], 0);
    CHECK_EQUAL(inside, 6 * count);
    scenario_destroy(s);
}

TEST(neighbours_share_a_group)
{
    scenario *s = world_make("city", 1, 0);
    double spread_m = 0;
    uint32_t seen = 0;
    for (uint32_t g = 0; g < scenario_group_count(s); g++) {
        uint32_t first, count;
        scenario_group_range(s, g, &first, &count);
        tl_vec3 place, other;
        tl_quat rotation;
        scenario_world_pose(s, 10, first + count / 2, &place, &rotation);
        for (uint32_t i = first; i < first + count; i += 10, seen++) {
            scenario_world_pose(s, 10, i, &other, &rotation);
            spread_m += distance(place, other);
        }
    }
    CHECK(spread_m / seen < 500);
    scenario_destroy(s);
}

TEST(far_is_the_city_moved)
{
    scenario *city = world_make("city", 4, 10000), *far = world_make("far", 4, 10000);
    for (uint32_t i = 0; i < 10000; i++) {
        scenario_truth a = truth_at(city, 222.2, i), b = truth_at(far, 222.2, i);
        double offset_m = a.carrier == SCENARIO_NONE ? 1e7 : 0;
        CHECK_EQUAL(a.carrier, b.carrier);
        CHECK_EQUAL(a.kind, b.kind);
        CHECK(b.position.x == a.position.x + offset_m && b.position.z == a.position.z - offset_m);
        CHECK(distance(a.velocity, b.velocity) == 0 && angle_rad(a.rotation, b.rotation) < 1e-7);
    }
    scenario_destroy(city);
    scenario_destroy(far);
}

TEST(all_of_the_choke_pass_the_gate)
{
    scenario *s = world_make("choke", 1, 0);
    CHECK_EQUAL(scenario_entity_count(s), 10000);
    for (uint32_t i = 0; i < 10000; i += 97) {
        double x_m = truth_at(s, 0, i).position.x;
        int passes = 0;
        for (double time_s = 0.25; time_s < 700; time_s += 0.25) {
            scenario_truth truth = truth_at(s, time_s, i);
            if ((truth.position.x < 0) != (x_m < 0)) {
                CHECK(fabs(truth.position.z) < 2);
                passes++;
            }
            x_m = truth.position.x;
        }
        CHECK(passes >= 2);
    }
    scenario_destroy(s);
}

int main(void)
{
    RUN(nothing_jumps);
    RUN(ragdolls_are_teleported_at_known_times);
    RUN(velocity_is_the_derivative);
    RUN(walkers_and_cars_face_where_they_go);
    RUN(those_who_stand_keep_their_heading);
    RUN(the_city_has_its_proportions);
    RUN(neighbours_share_a_group);
    RUN(far_is_the_city_moved);
    RUN(all_of_the_choke_pass_the_gate);
    return 0;
}
