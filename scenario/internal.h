// What the scenarios' own files share: the world behind a scenario, seeded numbers, headings.
#ifndef SCENARIO_INTERNAL_H
#define SCENARIO_INTERNAL_H

#include "scenario/scenario.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    KIND_WALKER,
    KIND_CAR,
    KIND_THING,
    KIND_TRAM,
    KIND_CABIN,
    KIND_AVATAR,
    KIND_BODY,
    KIND_PERFORMER,
    KIND_COUNT,
};

enum {
    SCENARIO_ENTITIES_MAX = 4000000,
    SCENARIO_GROUP_ENTITIES = 400, // about this many in a group
    SCENARIO_SERVER = 65534,       // the server number that ids are made under
};

// One world: made once, then only read.
typedef struct scenario_world {
    const char *name;
    uint32_t entities_default;
    // Fills the scenario's counts, groups, rides and data. On failure `text` says what is wrong; destroy follows.
    tl_result (*create)(scenario *s, const scenario_def *def, char *text, size_t text_bytes);
    void (*evaluate)(const scenario *s, double time_s, uint32_t first, uint32_t count, scenario_truth *out);
    void (*destroy)(scenario *s);
} scenario_world;

struct scenario {
    const scenario_world *world;
    void *data;
    uint32_t entity_count;
    uint32_t group_count;
    uint32_t *group_first; // group_count + 1 of them
    uint32_t *rides;       // cabins that a rider may ride in
    uint32_t ride_count;
    tl_vec3 free_point;
    double break_every_s; // everything is replaced so often; 0: never
};

extern const scenario_world scenario_city, scenario_far, scenario_convoy, scenario_choke, scenario_concert,
    scenario_ragdoll, scenario_asteroids, scenario_trace;

#define SCENARIO_ASSERT(condition)                                                            \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                          \
        }                                                                                     \
    } while (0)

#define SCENARIO_PI 3.14159265358979323846

// Equal groups of about SCENARIO_GROUP_ENTITIES over all indices.
tl_result scenario_groups_even(scenario *s, uint32_t group_count);

// A seeded generator (splitmix64, public domain method by Sebastiano Vigna).
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline double random_between(uint64_t *state, double low, double high)
{
    return low + (high - low) * ((double)(random_next(state) >> 11) * 0x1p-53);
}

// 0..count-1
static inline int random_below(uint64_t *state, int count)
{
    return (int)(random_next(state) % (uint64_t)count);
}

static inline bool random_chance(uint64_t *state, double chance)
{
    return random_between(state, 0, 1) < chance;
}

// A separate seed for each use of a scenario's seed.
static inline uint64_t random_seed(uint64_t seed, uint64_t use, uint64_t number)
{
    uint64_t state = seed ^ (use * 0xd1342543de82ef95u) ^ (number * 0x2545f4914f6cdd1du);
    random_next(&state);
    return random_next(&state);
}

// The rotation that faces along the unit direction (x, z): yaw about Y, -Z forward.
static inline tl_quat quat_facing(double x, double z)
{
    double cosine = -z, sine = -x;
    if (cosine > -0.5) {
        double w = sqrt((1 + cosine) / 2);
        return (tl_quat){0, sine / (2 * w), 0, w};
    }
    double y = copysign(sqrt((1 - cosine) / 2), sine);
    return (tl_quat){0, y, 0, sine / (2 * y)};
}

static inline tl_quat quat_multiply(tl_quat a, tl_quat b)
{
    return (tl_quat){
        a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
        a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
        a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w,
        a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,
    };
}

static inline tl_vec3 quat_rotate(tl_quat q, tl_vec3 v)
{
    tl_vec3 t = {2 * (q.y * v.z - q.z * v.y), 2 * (q.z * v.x - q.x * v.z), 2 * (q.x * v.y - q.y * v.x)};
    return (tl_vec3){
        v.x + q.w * t.x + q.y * t.z - q.z * t.y,
        v.y + q.w * t.y + q.z * t.x - q.x * t.z,
        v.z + q.w * t.z + q.x * t.y - q.y * t.x,
    };
}

// time_s modulo period_s, in [0, period_s).
static inline double time_within(double time_s, double period_s)
{
    double local_s = time_s - floor(time_s / period_s) * period_s;
    return local_s >= 0 && local_s < period_s ? local_s : 0;
}

#endif
