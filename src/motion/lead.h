// Leads accelerations: segments that hold longer.
#ifndef TRAMLINE_MOTION_LEAD_H
#define TRAMLINE_MOTION_LEAD_H

#include "motion/derive.h"

// Returns the change from the previous segment's velocity to the new one's as an acceleration, m/s². It is 0 if the
// previous segment was kept for long: then the entity turned or stopped at once. Unchanged if the segment is the same.
void tl_state_acceleration(const tl_kind *kind, const tl_kinds *kinds, const int64_t *before, const int64_t *now,
                           float acceleration[3]);
// Whether the entity may still accelerate: not if its segment has been kept for so long that the acceleration would
// have forced a new one.
bool tl_state_accelerates(const tl_level_context *c, const int64_t *fine, const float acceleration[3]);
// Shifts a segment that was derived for a level ahead of an acceleration: its error is first on one side, then on the
// other, so it holds more than twice as long. An entity that is about to stop is shown where it will stop. `limit_m` is
// the largest allowed position error.
void tl_state_lead(const tl_level_context *c, const float acceleration[3], double limit_m, int64_t *words);

#endif
