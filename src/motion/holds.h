// How long a level's state stays within its tolerance of level 0's state.
#ifndef TRAMLINE_MOTION_HOLDS_H
#define TRAMLINE_MOTION_HOLDS_H

#include "motion/derive.h"

// Returns for how many whole ticks from the context's tick the level's state is guaranteed to stay within its tolerance
// of level 0's: 0 if it is out of tolerance now, at most `ticks_max`. `share` is the fraction of the tolerance that the
// position may use.
int64_t tl_state_holds(const tl_level_context *c, const int64_t *fine, const int64_t *coarse, double share,
                       int64_t ticks_max);
// Returns the distance between the level's position and level 0's at the context's tick.
double tl_state_place_error_m(const tl_level_context *c, const int64_t *fine, const int64_t *coarse);

#endif
