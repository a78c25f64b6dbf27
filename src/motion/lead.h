// Ahead of an acceleration: segments that hold longer.
#ifndef TRAMLINE_MOTION_LEAD_H
#define TRAMLINE_MOTION_LEAD_H

#include "motion/derive.h"

// How a new segment's velocity differs from the one before, as an acceleration, m/s²: 0 if that was kept for long, for
// then something turned or stopped at once. Kept as it was if the segment is the same.
void tl_state_acceleration(const tl_kind *kind, const tl_kinds *kinds, const int64_t *before, const int64_t *now,
                           float acceleration[3]);
// Whether it still does: otherwise the segment would have been changed again by now.
bool tl_state_accelerates(const tl_level_context *c, const int64_t *fine, const float acceleration[3]);
// Lets a segment that was derived for a level run ahead of an acceleration: it is off by so much first on one side,
// then on the other, and holds more than twice as long. What is about to stop is shown where it will stand. `limit_m`:
// how far off the place may be.
void tl_state_lead(const tl_level_context *c, const float acceleration[3], double limit_m, int64_t *words);

#endif
