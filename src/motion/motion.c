#include "motion/motion.h"

enum {
    FAST_MM_S = 2500,
    SPARE_BITS = 8, // so that a negative shift keeps the limit's bits
};

bool tl_velocity_is_fast(const tl_field *place, const tl_kinds *kinds, int level, const int64_t *velocity)
{
    int64_t speed = (int64_t)(tl_magnitude(velocity[0]) + tl_magnitude(velocity[2]));
    int64_t unit = (int64_t)FAST_MM_S << (place->shift[level] + kinds->rate_shift + SPARE_BITS);
    return speed > (unit >> SPARE_BITS) / (1000 * (int64_t)kinds->tick_hz);
}

tl_motion tl_motion_of(const tl_kind *kind, const tl_kinds *kinds, int level, const int64_t *words)
{
    TL_ASSERT(level >= 0 && level < TL_LEVELS_MAX);
    const tl_field *place = &kind->fields[0];
    if (place->predictor == TL_PREDICT_HOLD) {
        return TL_MOTION_FIXED;
    }
    if (!tl_position_moves(words)) {
        return TL_MOTION_STILL;
    }
    return tl_velocity_is_fast(place, kinds, level, words + 4) ? TL_MOTION_FAST : TL_MOTION_SLOW;
}
