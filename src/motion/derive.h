// An entity's state at a coarser level, derived from level 0.
#ifndef TRAMLINE_MOTION_DERIVE_H
#define TRAMLINE_MOTION_DERIVE_H

#include "motion/state.h"

// Where a tile begins, in metres: positions of a stream's free entities are relative to it. Passengers' are relative to
// their carrier.
typedef struct tl_origin {
    int64_t x_m, y_m, z_m;
} tl_origin;

// Which level's state is derived or compared with level 0's, and when.
typedef struct tl_level_context {
    const tl_kinds *kinds;
    const tl_kind *kind;
    int level;
    int64_t tick;
    tl_origin origin; // zero for passengers
} tl_level_context;

// The level's state that says the same at the tick as the level-0 state `from`: coarser quanta, positions relative to
// the origin. Fields that the level does not send are 0.
void tl_state_derive(const tl_level_context *c, const int64_t *from, int64_t *to);

#endif
