#include "motion/state.h"

enum { START_AHEAD_TICKS = 1000 }; // the most ticks that a segment may start after its record or frame
enum {
    TURN_RAD_MAX = 4,     // of rotation vectors; more than half a turn
    SPIN_BITS_MAX = 19,   // |quanta of a radian per tick|, less the shift, from the wire
    SPIN_RAD_S_MAX = 200, // from games; faster spins are clamped
};

bool tl_place_valid(tl_vec3 place)
{
    return fabs(place.x) <= TL_WORLD_LIMIT_M && fabs(place.y) <= TL_WORLD_LIMIT_M && fabs(place.z) <= TL_WORLD_LIMIT_M;
}

bool tl_rate_valid(tl_vec3 rate)
{
    static const double LIMIT = 0x1p31;
    return fabs(rate.x) < LIMIT && fabs(rate.y) < LIMIT && fabs(rate.z) < LIMIT;
}

bool tl_quat_valid(tl_quat q)
{
    return fabs(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w - 1) < TL_QUAT_LENGTH2_MARGIN;
}

int64_t tl_place_quanta_max(int shift)
{
    return (int64_t)1 << (TL_POSITION_BITS_MAX + 1 + shift);
}

static bool position_words_valid(const int64_t *words, int shift, int rate_shift, int64_t tick)
{
    int64_t p_max = tl_place_quanta_max(shift), v_max = (int64_t)1 << (TL_VELOCITY_BITS_MAX + shift + rate_shift);
    for (int axis = 0; axis < 3; axis++) {
        if (words[1 + axis] > p_max || words[1 + axis] < -p_max || words[4 + axis] > v_max ||
            words[4 + axis] < -v_max) {
            return false;
        }
    }
    return words[0] >= 0 && words[0] <= tick + START_AHEAD_TICKS;
}

static bool rotation_words_valid(const int64_t *words, const tl_field *field, int shift, int64_t tick)
{
    int64_t r_max = (int64_t)TURN_RAD_MAX << shift, rate_max = (int64_t)1 << (SPIN_BITS_MAX + shift);
    for (int axis = 0; axis < 3; axis++) {
        if (words[1 + axis] > r_max || words[1 + axis] < -r_max) {
            return false;
        }
    }
    if (field->predictor != TL_PREDICT_LINEAR) {
        bool heads = words[0] == 1 && field->predictor == TL_PREDICT_HEADING && !(words[1] | words[2] | words[3]);
        return words[0] == 0 || heads;
    }
    for (int axis = 0; axis < 3; axis++) {
        if (words[4 + axis] > rate_max || words[4 + axis] < -rate_max) {
            return false;
        }
    }
    return words[0] >= 0 && words[0] <= tick + START_AHEAD_TICKS;
}

static bool scalar_words_valid(const int64_t *words, const tl_field *field, int64_t tick)
{
    bool linear = field->predictor == TL_PREDICT_LINEAR;
    for (int i = linear; i < field->word_count; i++) {
        if (words[i] > TL_SCALAR_QUANTA_MAX || words[i] < -TL_SCALAR_QUANTA_MAX) {
            return false;
        }
    }
    return !linear || (words[0] >= 0 && words[0] <= tick + START_AHEAD_TICKS);
}

bool tl_field_valid(const tl_field *field, const tl_kinds *kinds, const int64_t *words, int level, int64_t tick)
{
    switch (field->type) {
    case TL_FIELD_POSITION: return position_words_valid(words, field->shift[level], kinds->rate_shift, tick);
    case TL_FIELD_ROTATION: return rotation_words_valid(words, field, field->shift[level], tick);
    case TL_FIELD_SCALAR: return scalar_words_valid(words, field, tick);
    case TL_FIELD_BYTES: return words[0] >= 0 && words[0] <= field->bytes_max;
    default: return true;
    }
}

bool tl_state_valid(const tl_kind *kind, const tl_kinds *kinds, const int64_t *words, int level, int64_t tick)
{
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        if (tl_field_at(field, level) && !tl_field_valid(field, kinds, words + field->word, level, tick)) {
            return false;
        }
    }
    return true;
}

bool tl_place_words_valid(const tl_field *field, const int64_t *words)
{
    int64_t limit = tl_shift_round(TL_WORLD_LIMIT_M, -field->shift[0]);
    for (int axis = 0; axis < 3; axis++) {
        if (words[1 + axis] > limit || words[1 + axis] < -limit) {
            return false;
        }
    }
    return true;
}

tl_result tl_state_accept(const tl_kind *kind, const tl_kinds *kinds, const int64_t *words, uint32_t fields,
                          int64_t tick)
{
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        const int64_t *w = words + field->word;
        if (!(fields >> i & 1)) {
            continue;
        }
        if (!tl_field_valid(field, kinds, w, 0, tick)) {
            return TL_ERR_INVALID;
        }
        if (field->type != TL_FIELD_POSITION) {
            continue;
        }
        int shift = field->shift[0];
        bool inside = tl_place_words_valid(field, w) && tl_place_valid(tl_position_at(w, shift, kinds, (double)tick));
        if (!inside) {
            return TL_ERR_OUTSIDE;
        }
    }
    return TL_OK;
}

// ---- conversion from values ----

void tl_position_set(int64_t *words, int shift, const tl_kinds *kinds, int64_t tick, tl_vec3 position,
                     tl_vec3 velocity_mps, bool linear)
{
    double p_scale = tl_power(shift), v_scale = linear ? tl_power(shift + kinds->rate_shift) / kinds->tick_hz : 0;
    double p_max = TL_WORLD_LIMIT_M, v_max = tl_power(TL_VELOCITY_BITS_MAX) * v_scale;
    const double p[3] = {position.x, position.y, position.z}, v[3] = {velocity_mps.x, velocity_mps.y, velocity_mps.z};
    for (int axis = 0; axis < 3; axis++) {
        words[1 + axis] = llround(fmin(fmax(p[axis], -p_max), p_max) * p_scale);
        words[4 + axis] = llround(fmin(fmax(v[axis] * v_scale, -v_max), v_max));
    }
    words[0] = words[4] | words[5] | words[6] ? tick : 0;
}

void tl_rotation_set(int64_t *words, const tl_field *field, const tl_kinds *kinds, int64_t tick, tl_quat rotation,
                     tl_vec3 rate_rad_s, bool heading)
{
    tl_vec3 r = tl_quat_to_vector(rotation);
    double scale = tl_power(field->shift[0]);
    bool linear = field->predictor == TL_PREDICT_LINEAR;
    words[0] = linear ? tick : heading;
    words[1] = heading ? 0 : llround(r.x * scale);
    words[2] = heading ? 0 : llround(r.y * scale);
    words[3] = heading ? 0 : llround(r.z * scale);
    if (!linear) {
        return;
    }
    double rate_scale = tl_power(field->shift[0] + kinds->rate_shift) / kinds->tick_hz;
    const double w[3] = {rate_rad_s.x, rate_rad_s.y, rate_rad_s.z};
    for (int axis = 0; axis < 3; axis++) {
        words[4 + axis] = llround(fmin(fmax(w[axis], -SPIN_RAD_S_MAX), SPIN_RAD_S_MAX) * rate_scale);
    }
    if (!(words[4] | words[5] | words[6])) {
        words[0] = 0;
    }
}

void tl_scalar_set(int64_t *words, const tl_field *field, const tl_kinds *kinds, int64_t tick, double value,
                   double rate)
{
    double scale = tl_power(field->shift[0]), limit = (double)TL_SCALAR_QUANTA_MAX;
    int64_t quanta = (int64_t)fmin(fmax(nearbyint(value * scale), -limit), limit);
    if (field->predictor != TL_PREDICT_LINEAR) {
        words[0] = quanta;
        return;
    }
    double v = nearbyint(rate * tl_power(field->shift[0] + kinds->rate_shift) / kinds->tick_hz);
    words[1] = quanta;
    words[2] = (int64_t)fmin(fmax(v, -limit), limit);
    words[0] = words[2] ? tick : 0;
}
