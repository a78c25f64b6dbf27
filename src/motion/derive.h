// Derives an entity's state at a coarser level from level 0.
#ifndef TRAMLINE_MOTION_DERIVE_H
#define TRAMLINE_MOTION_DERIVE_H

#include "motion/state.h"

// A tile's corner, in metres. Positions of a stream's free entities are relative to it; those of passengers are
// relative to their carrier.
typedef struct tl_origin {
    int64_t x_m, y_m, z_m;
} tl_origin;

// The level, tick and origin for which a state is derived from level 0 or compared with it.
typedef struct tl_level_context {
    const tl_kinds *kinds;
    const tl_kind *kind;
    int level;
    int64_t tick;
    tl_origin origin; // zero for passengers
} tl_level_context;

// Derives the level's state that matches the level-0 state `from` at the context's tick: coarser quanta, positions
// relative to the origin. Fields that the level does not send are 0.
void tl_state_derive(const tl_level_context *c, const int64_t *from, int64_t *to);

#endif
