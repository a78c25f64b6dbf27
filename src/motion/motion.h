// How something moves, as far as it bears on how likely it changes.
#ifndef TRAMLINE_MOTION_MOTION_H
#define TRAMLINE_MOTION_MOTION_H

#include "motion/evaluate.h"

typedef enum tl_motion {
    TL_MOTION_EMPTY, // nothing is there
    TL_MOTION_FIXED, // it holds its place
    TL_MOTION_STILL, // it could move but stands
    TL_MOTION_SLOW,
    TL_MOTION_FAST, // 2.5 m/s
} tl_motion;
tl_motion tl_motion_of(const tl_kind *kind, const tl_kinds *kinds, int level, const int64_t *words);
bool tl_velocity_is_fast(const tl_field *place, const tl_kinds *kinds, int level, const int64_t *velocity);

#endif
