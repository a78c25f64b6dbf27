// Conversion between a game's values (tramline/values.h) and the words of a state.
#ifndef TRAMLINE_MOTION_VALUES_H
#define TRAMLINE_MOTION_VALUES_H

#include "motion/state.h"
#include "tramline/values.h"

// Checks the fields that are present: finite and within limits.
// TL_ERR_OUTSIDE: a position is not within TL_WORLD_LIMIT_M. TL_ERR_INVALID: another value is out of range.
tl_result tl_values_check(const tl_kind *kind, const tl_values *values);
// Sets the words of one field as of `tick`. `velocity_mps` is the entity's velocity, for a rotation along the heading.
void tl_value_set(int64_t *words, const tl_kind *kind, int field, const tl_kinds *kinds, int64_t tick,
                  const tl_value *value);
// Sets the words of the fields that no longer hold. Returns the mask of changed fields.
uint32_t tl_values_publish(int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int64_t tick,
                           const tl_values *values, double share);
void tl_values_get(const int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int level, double tick,
                   tl_values *out);
// The entity whose values are set, and the limits.
typedef struct tl_values_target {
    const tl_kinds *kinds;
    const tl_kind *kind;
    int64_t tick;
    double share;   // as in tl_tolerance_share()
    double reach_m; // largest distance from the carrier; INFINITY: no carrier
} tl_values_target;
// Checks a game's values, as tl_values_check() and against the reach, and publishes what differs. Nothing changes
// unless it returns TL_OK.
tl_result tl_values_set(const tl_values_target *to, const tl_values *values, int64_t *words, uint32_t *changed);
// The fast path of tl_values_publish() for a position and a rotation. `rotation` may be NULL.
uint32_t tl_pose_publish(int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int64_t tick, tl_vec3 position,
                         tl_vec3 velocity, tl_vec3 spin, const tl_quat *rotation, double share);

#endif
