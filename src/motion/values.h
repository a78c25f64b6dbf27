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
// Publishes what differs: sets the words of those fields anew. Gives the mask of what changed.
uint32_t tl_values_publish(int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int64_t tick,
                           const tl_values *values, double share);
void tl_values_get(const int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int level, double tick,
                   tl_values *out);
// The fast path of the same for a place and a rotation. `rotation` may be NULL.
uint32_t tl_pose_publish(int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int64_t tick, tl_vec3 position,
                         tl_vec3 velocity, tl_vec3 spin, const tl_quat *rotation, double share);

#endif
