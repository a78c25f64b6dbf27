// Evaluates an entity's words at a time.
#ifndef TRAMLINE_MOTION_EVALUATE_H
#define TRAMLINE_MOTION_EVALUATE_H

#include "motion/kinds.h"
#include "motion/vector.h"

// `tick` may be fractional; `level` is the level of the words.
tl_vec3 tl_position_at(const int64_t *words, int shift, const tl_kinds *kinds, double tick);
tl_vec3 tl_velocity_of(const int64_t *words, int shift, const tl_kinds *kinds); // m/s
// `velocity_mps` is the entity's velocity, for a rotation along the heading.
tl_quat tl_rotation_at(const int64_t *words, const tl_field *field, int level, const tl_kinds *kinds, double tick,
                       tl_vec3 velocity_mps);
double tl_scalar_at(const int64_t *words, const tl_field *field, int level, const tl_kinds *kinds, double tick);

// The position in quanta at a whole tick, rounded: the base of deltas.
void tl_position_quanta(const int64_t *words, int rate_shift, int64_t tick, int64_t out[3]);

// Whether the words of a position move. An entity at rest has no velocity and no start tick.
static inline bool tl_position_moves(const int64_t *words)
{
    return (words[4] | words[5] | words[6]) != 0;
}

#endif
