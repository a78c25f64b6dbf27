#include "motion/evaluate.h"

tl_vec3 tl_position_at(const int64_t *words, int shift, const tl_kinds *kinds, double tick)
{
    double scale = tl_power(-shift), elapsed = (tick - (double)words[0]) * tl_power(-kinds->rate_shift);
    return (tl_vec3){((double)words[1] + (double)words[4] * elapsed) * scale,
                     ((double)words[2] + (double)words[5] * elapsed) * scale,
                     ((double)words[3] + (double)words[6] * elapsed) * scale};
}

tl_vec3 tl_velocity_of(const int64_t *words, int shift, const tl_kinds *kinds)
{
    double scale = kinds->tick_hz * tl_power(-shift - kinds->rate_shift);
    return (tl_vec3){(double)words[4] * scale, (double)words[5] * scale, (double)words[6] * scale};
}

static tl_vec3 vector_of(const int64_t *words, double scale)
{
    return (tl_vec3){(double)words[0] * scale, (double)words[1] * scale, (double)words[2] * scale};
}

tl_quat tl_rotation_at(const int64_t *words, const tl_field *field, int level, const tl_kinds *kinds, double tick,
                       tl_vec3 velocity_mps)
{
    double scale = tl_power(-field->shift[level]);
    if (field->predictor != TL_PREDICT_LINEAR) {
        return words[0] == 1 ? tl_heading(velocity_mps) : tl_quat_from_vector(vector_of(words + 1, scale));
    }
    tl_quat base = tl_quat_from_vector(vector_of(words + 1, scale));
    if (!(words[4] | words[5] | words[6])) {
        return base;
    }
    double elapsed = (tick - (double)words[0]) * tl_power(-kinds->rate_shift);
    return tl_quat_multiply(tl_quat_from_vector(vector_of(words + 4, scale * elapsed)), base);
}

double tl_scalar_at(const int64_t *words, const tl_field *field, int level, const tl_kinds *kinds, double tick)
{
    double scale = tl_power(-field->shift[level]);
    if (field->predictor != TL_PREDICT_LINEAR) {
        return (double)words[0] * scale;
    }
    return ((double)words[1] + (double)words[2] * (tick - (double)words[0]) * tl_power(-kinds->rate_shift)) * scale;
}

void tl_position_quanta(const int64_t *words, int rate_shift, int64_t tick, int64_t out[3])
{
    for (int axis = 0; axis < 3; axis++) {
        out[axis] = tl_add_wrap(words[1 + axis],
                                tl_shift_round(tl_mul_wrap(words[4 + axis], tl_sub_wrap(tick, words[0])), rate_shift));
    }
}
