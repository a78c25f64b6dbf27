// Between the values of games (tramline/values.h) and the words of a state.
#ifndef TRAMLINE_MOTION_VALUES_H
#define TRAMLINE_MOTION_VALUES_H

#include "motion/state.h"
#include "tramline/values.h"

// Whether the fields that are given can be taken: finite, within limits.
// TL_ERR_OUTSIDE: a place is not within TL_WORLD_LIMIT_M. TL_ERR_INVALID: something else is out of its range.
tl_result tl_values_check(const tl_kind *kind, const tl_values *values);
// Sets the words of one field as of `tick`. `velocity_mps` is that of the place, for a rotation along the heading.
void tl_value_set(int64_t *words, const tl_kind *kind, int field, const tl_kinds *kinds, int64_t tick,
                  const tl_value *value);
// Publishes what no longer holds: sets the words of those fields. Returns the mask of what changed.
uint32_t tl_values_publish(int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int64_t tick,
                           const tl_values *values, double share);
void tl_values_get(const int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int level, double tick,
                   tl_values *out);
// Where values are set, and what limits them.
typedef struct tl_values_target {
    const tl_kinds *kinds;
    const tl_kind *kind;
    int64_t tick;
    double share;   // as in tl_tolerance_share()
    double reach_m; // how far the place may be from its carrier; INFINITY: it has none
} tl_values_target;
// A game's values, all the way: checks them, as tl_values_check() and within the reach, and publishes what differs.
// Unless TL_OK, nothing changes.
tl_result tl_values_set(const tl_values_target *to, const tl_values *values, int64_t *words, uint32_t *changed);
// The fast path of the same for a place and a rotation. `rotation` may be NULL.
uint32_t tl_pose_publish(int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int64_t tick, tl_vec3 position,
                         tl_vec3 velocity, tl_vec3 spin, const tl_quat *rotation, double share);

#endif
