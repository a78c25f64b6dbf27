// How long a level's state stays within its tolerance of level 0's.
#ifndef TRAMLINE_MOTION_HOLDS_H
#define TRAMLINE_MOTION_HOLDS_H

#include "motion/derive.h"

// How long, in whole ticks from the context's, the level's state surely stays within its tolerance of level 0's: 0 if
// it is out of it now, at most `ticks_max`. `share` is the part of the tolerance that the place may use up.
int64_t tl_state_holds(const tl_level_context *c, const int64_t *fine, const int64_t *coarse, double share,
                       int64_t ticks_max);
// How far the level's place is off level 0's now.
double tl_state_place_error_m(const tl_level_context *c, const int64_t *fine, const int64_t *coarse);

#endif
