// Classifies motion by how likely the entity is to change.
#ifndef TRAMLINE_MOTION_MOTION_H
#define TRAMLINE_MOTION_MOTION_H

#include "motion/evaluate.h"

typedef enum tl_motion {
    TL_MOTION_EMPTY, // the slot is empty
    TL_MOTION_FIXED, // it holds its position
    TL_MOTION_STILL, // it can move but is at rest
    TL_MOTION_SLOW,
    TL_MOTION_FAST, // at least 2.5 m/s
} tl_motion;
tl_motion tl_motion_of(const tl_kind *kind, const tl_kinds *kinds, int level, const int64_t *words);
bool tl_velocity_is_fast(const tl_field *place, const tl_kinds *kinds, int level, const int64_t *velocity);

#endif
