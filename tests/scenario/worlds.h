// What the tests of the scenarios share.
#ifndef TEST_SCENARIO_WORLDS_H
#define TEST_SCENARIO_WORLDS_H

#include "check.h"
#include "scenario/scenario.h"

#include <math.h>

enum { WALKER, CAR, THING, TRAM, CABIN, AVATAR, BODY, PERFORMER, KINDS };

static inline scenario *world_make(const char *name, uint64_t seed, uint32_t entity_count)
{
    scenario_def def = scenario_def_default();
    def.name = name;
    def.seed = seed;
    def.entity_count = entity_count;
    def.fcd_file = SAMPLE_FILE;
    char text[512] = "";
    scenario *s = NULL;
    if (scenario_create(&def, &s, text, sizeof text) != TL_OK) {
        fprintf(stderr, "%s: %s\n", name, text);
        abort();
    }
    return s;
}

static inline double distance(tl_vec3 a, tl_vec3 b)
{
    return sqrt((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y) + (a.z - b.z) * (a.z - b.z));
}

static inline double length(tl_vec3 a)
{
    return distance(a, (tl_vec3){0, 0, 0});
}

// The angle between two rotations: of the rotation from one to the other, whose half has this sine.
static inline double angle_rad(tl_quat a, tl_quat b)
{
    double x = a.w * b.x - a.x * b.w - a.y * b.z + a.z * b.y, y = a.w * b.y - a.y * b.w - a.z * b.x + a.x * b.z;
    double z = a.w * b.z - a.z * b.w - a.x * b.y + a.y * b.x, half_sine = sqrt(x * x + y * y + z * z);
    return 2 * asin(half_sine > 1 ? 1 : half_sine);
}

static inline scenario_truth truth_at(const scenario *s, double time_s, uint32_t index)
{
    scenario_truth truth;
    scenario_evaluate(s, time_s, index, 1, &truth);
    return truth;
}

#endif
