// How something moves, as far as it bears on how likely it changes.
#ifndef TRAMLINE_MOTION_MOTION_H
#define TRAMLINE_MOTION_MOTION_H

#include "motion/evaluate.h"

// Nothing is there; it holds its place; it could move
// but stands; it moves, slowly or fast (2.5 m/s).
typedef enum tl_motion { TL_MOTION_EMPTY, TL_MOTION_FIXED, TL_MOTION_STILL, TL_MOTION_SLOW, TL_MOTION_FAST } tl_motion;
tl_motion tl_motion_of(const tl_kind *kind, const tl_kinds *kinds, int level, const int64_t *words);
bool tl_velocity_is_fast(const tl_field *place, const tl_kinds *kinds, int level, const int64_t *velocity);

#endif
