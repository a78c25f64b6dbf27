#include "motion/state.h"

#include <stdlib.h>

enum { START_AHEAD_TICKS = 1000 }; // a segment's start may be so far ahead of the record or frame that brings it
#define SCALAR_QUANTA_MAX ((int64_t)1 << 61)

// ---- rotations ----

tl_quat tl_quat_multiply(tl_quat a, tl_quat b)
{
    return (tl_quat){
        a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
        a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
        a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w,
        a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,
    };
}

tl_quat tl_quat_conjugate(tl_quat q)
{
    return (tl_quat){-q.x, -q.y, -q.z, q.w};
}

tl_vec3 tl_quat_rotate(tl_quat q, tl_vec3 v)
{
    tl_vec3 t = {2 * (q.y * v.z - q.z * v.y), 2 * (q.z * v.x - q.x * v.z), 2 * (q.x * v.y - q.y * v.x)};
    return (tl_vec3){
        v.x + q.w * t.x + q.y * t.z - q.z * t.y,
        v.y + q.w * t.y + q.z * t.x - q.x * t.z,
        v.z + q.w * t.z + q.x * t.y - q.y * t.x,
    };
}

tl_quat tl_quat_from_vector(tl_vec3 v)
{
    double angle = tl_vec3_length(v);
    if (angle < 1e-12) {
        return (tl_quat){v.x / 2, v.y / 2, v.z / 2, 1};
    }
    double s = sin(angle / 2) / angle;
    return (tl_quat){v.x * s, v.y * s, v.z * s, cos(angle / 2)};
}

tl_vec3 tl_quat_to_vector(tl_quat q)
{
    if (q.w < 0) {
        q = (tl_quat){-q.x, -q.y, -q.z, -q.w};
    }
    double s = sqrt(q.x * q.x + q.y * q.y + q.z * q.z);
    if (s < 1e-12) {
        return (tl_vec3){2 * q.x, 2 * q.y, 2 * q.z};
    }
    double scale = 2 * atan2(s, q.w) / s;
    return (tl_vec3){q.x * scale, q.y * scale, q.z * scale};
}

double tl_quat_angle(tl_quat a, tl_quat b)
{
    tl_quat d = tl_quat_multiply(tl_quat_conjugate(a), b);
    return 2 * atan2(sqrt(d.x * d.x + d.y * d.y + d.z * d.z), fabs(d.w));
}

tl_quat tl_heading(tl_vec3 velocity)
{
    // Yaw turns -Z to the velocity: sin(yaw) = -x, cos(yaw) = -z of its direction. Half angles without trigonometry.
    double length = sqrt(velocity.x * velocity.x + velocity.z * velocity.z);
    if (length * 1000 < TL_HEADING_SPEED_MM_S) {
        return (tl_quat){0, 0, 0, 1};
    }
    double cosine = -velocity.z / length, sine = -velocity.x / length;
    double half_cosine = sqrt(fmax(0, (1 + cosine) / 2)), half_sine = sqrt(fmax(0, (1 - cosine) / 2));
    return (tl_quat){0, sine < 0 ? -half_sine : half_sine, 0, half_cosine};
}

// ---- from values ----

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

static int64_t place_limit(int shift)
{
    return (int64_t)1 << (TL_POSITION_BITS_MAX + 1 + shift);
}

static bool position_words_valid(const int64_t *words, int shift, int rate_shift, int64_t tick)
{
    int64_t p_max = place_limit(shift), v_max = (int64_t)1 << (TL_VELOCITY_BITS_MAX + shift + rate_shift);
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
    int64_t r_max = (int64_t)4 << shift, rate_max = (int64_t)1 << (8 + shift + 11);
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
        if (words[i] > SCALAR_QUANTA_MAX || words[i] < -SCALAR_QUANTA_MAX) {
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
        words[4 + axis] = llround(fmin(fmax(w[axis], -200), 200) * rate_scale);
    }
    if (!(words[4] | words[5] | words[6])) {
        words[0] = 0;
    }
}

void tl_scalar_set(int64_t *words, const tl_field *field, const tl_kinds *kinds, int64_t tick, double value,
                   double rate)
{
    double scale = tl_power(field->shift[0]), limit = (double)SCALAR_QUANTA_MAX;
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

// ---- to values ----

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

// ---- between levels ----

// What flies on for long enough leaves every limit; it is shown at the limit then, or clients would refuse the whole
// tile.
static int64_t within(int64_t value, int64_t limit)
{
    return value > limit ? limit : value < -limit ? -limit : value;
}

static void derive_position(const tl_field *field, const tl_kinds *kinds, const int64_t *from, int64_t tick, int level,
                            tl_origin origin, int64_t *to)
{
    int drop = field->shift[0] - field->shift[level], rate = kinds->rate_shift, fine_shift = field->shift[0] + rate;
    const int64_t origin_m[3] = {origin.x_m, origin.y_m, origin.z_m};
    if (level == 0) { // the very segment, with its start
        memcpy(to, from, TL_POSITION_WORDS * sizeof *to);
        for (int axis = 0; axis < 3; axis++) {
            to[1 + axis] = within(to[1 + axis] - tl_shift_round(origin_m[axis], -field->shift[0]),
                                  place_limit(field->shift[0]));
        }
        return;
    }
    for (int axis = 0; axis < 3; axis++) {
        int64_t fine = tl_add_wrap((int64_t)((uint64_t)from[1 + axis] << rate),
                                   tl_mul_wrap(from[4 + axis], tick - from[0]));
        int64_t place = tl_shift_round(tl_add_wrap(fine, -tl_shift_round(origin_m[axis], -fine_shift)), drop + rate);
        to[1 + axis] = within(place, place_limit(field->shift[level]));
        to[4 + axis] = tl_shift_round(from[4 + axis], drop);
    }
    to[0] = to[4] | to[5] | to[6] ? tick : 0;
}

static void derive_rotation(const tl_field *field, const tl_kinds *kinds, const int64_t *from, int64_t tick, int level,
                            int64_t *to)
{
    int drop = field->shift[0] - field->shift[level];
    if (field->predictor != TL_PREDICT_LINEAR) {
        to[0] = from[0];
        for (int axis = 1; axis <= 3; axis++) {
            to[axis] = tl_shift_round(from[axis], drop);
        }
        return;
    }
    for (int axis = 1; axis <= 6; axis++) {
        to[axis] = tl_shift_round(from[axis], drop);
    }
    to[0] = to[4] | to[5] | to[6] ? from[0] : 0;
    // The same start as long as that does: after 2^rate_shift ticks the rounded spin has made half a quantum of error.
    if (drop == 0 || llabs(tick - from[0]) >> kinds->rate_shift == 0 || !(from[4] | from[5] | from[6])) {
        return;
    }
    tl_vec3 now = tl_quat_to_vector(tl_rotation_at(from, field, 0, kinds, (double)tick, (tl_vec3){0, 0, 0}));
    double scale = tl_power(field->shift[level]);
    to[1] = llround(now.x * scale), to[2] = llround(now.y * scale), to[3] = llround(now.z * scale);
    if (to[0]) {
        to[0] = tick;
    }
}

static void derive_scalar(const tl_field *field, const tl_kinds *kinds, const int64_t *from, int64_t tick, int level,
                          int64_t *to)
{
    int drop = field->shift[0] - field->shift[level];
    if (field->predictor != TL_PREDICT_LINEAR) {
        to[0] = tl_shift_round(from[0], drop);
        return;
    }
    if (drop == 0) {
        memcpy(to, from, 3 * sizeof *to);
        return;
    }
    int64_t gone = tl_shift_round(tl_mul_wrap(from[2], tick - from[0]), kinds->rate_shift);
    to[1] = within(tl_shift_round(tl_add_wrap(from[1], gone), drop), SCALAR_QUANTA_MAX);
    to[2] = tl_shift_round(from[2], drop);
    to[0] = to[2] ? tick : 0;
}

void tl_state_derive(const tl_kind *kind, const tl_kinds *kinds, const int64_t *from, int64_t tick, int level,
                     tl_origin origin, int64_t *to)
{
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        const int64_t *f = from + field->word;
        int64_t *t = to + field->word;
        if (!tl_field_at(field, level)) {
            memset(t, 0, (size_t)field->word_count * sizeof *t);
            continue;
        }
        switch (field->type) {
        case TL_FIELD_POSITION:
            derive_position(field, kinds, f, tick, level, i == 0 ? origin : (tl_origin){0, 0, 0}, t);
            break;
        case TL_FIELD_ROTATION: derive_rotation(field, kinds, f, tick, level, t); break;
        case TL_FIELD_SCALAR: derive_scalar(field, kinds, f, tick, level, t); break;
        default: memcpy(t, f, (size_t)field->word_count * sizeof *t); break;
        }
    }
}

enum { FAST_MM_S = 2500 };

bool tl_velocity_is_fast(const tl_field *place, const tl_kinds *kinds, int level, const int64_t *velocity)
{
    int64_t speed = (int64_t)(tl_magnitude(velocity[0]) + tl_magnitude(velocity[2]));
    int64_t unit = (int64_t)FAST_MM_S << (place->shift[level] + kinds->rate_shift + 8);
    return speed > (unit >> 8) / (1000 * (int64_t)kinds->tick_hz);
}

tl_motion tl_motion_of(const tl_kind *kind, const tl_kinds *kinds, int level, const int64_t *words)
{
    const tl_field *place = &kind->fields[0];
    if (place->predictor == TL_PREDICT_HOLD) {
        return TL_MOTION_FIXED;
    }
    if (!(words[4] | words[5] | words[6])) {
        return TL_MOTION_STILL;
    }
    return tl_velocity_is_fast(place, kinds, level, words + 4) ? TL_MOTION_FAST : TL_MOTION_SLOW;
}

// ---- ahead of an acceleration ----

enum { RAMP_TICKS_MAX = 10 };
static const double RAMP_MPS2_MIN = 0.2, RAMP_MPS2_MAX = 30, LEAD_SHARE = 0.35, STOP_SHARE = 0.45, AGE_SLACK = 3;

void tl_state_acceleration(const tl_kind *kind, const tl_kinds *kinds, const int64_t *before, const int64_t *now,
                           float acceleration[3])
{
    const tl_field *place = &kind->fields[0];
    if (memcmp(before, now, TL_POSITION_WORDS * sizeof *now) == 0) {
        return;
    }
    int64_t ticks = now[0] - before[0];
    bool ramp = before[0] > 0 && now[0] > 0 && ticks > 0 && ticks <= RAMP_TICKS_MAX &&
                place->predictor == TL_PREDICT_LINEAR;
    double scale = ramp ? tl_power(-place->shift[0] - kinds->rate_shift) * kinds->tick_hz * kinds->tick_hz /
                              (double)ticks
                        : 0;
    for (int axis = 0; axis < 3; axis++) {
        acceleration[axis] = (float)(scale * (double)tl_sub_wrap(now[4 + axis], before[4 + axis]));
    }
}

static double magnitude_of(const float a[3])
{
    return sqrt((double)a[0] * a[0] + (double)a[1] * a[1] + (double)a[2] * a[2]);
}

bool tl_state_accelerates(const tl_kind *kind, const tl_kinds *kinds, const int64_t *fine, int64_t tick,
                          const float acceleration[3])
{
    double a = magnitude_of(acceleration), age_s = (double)(tick - fine[0]) / kinds->tick_hz;
    return a > RAMP_MPS2_MIN && a < RAMP_MPS2_MAX && fine[0] > 0 &&
           0.5 * a * age_s * age_s < AGE_SLACK * kind->fields[0].tolerance[0];
}

// Where it will stand, if that is near enough.
static bool stop_ahead(int64_t *words, tl_vec3 velocity, double a, double along, double limit_m, double quanta_a_m)
{
    double speed = tl_vec3_length(velocity), way_m = speed * speed / (2 * a);
    if (along > -0.9 * speed || way_m > STOP_SHARE * limit_m) {
        return false;
    }
    const double v[3] = {velocity.x, velocity.y, velocity.z};
    for (int axis = 0; axis < 3; axis++) {
        words[1 + axis] = tl_add_wrap(words[1 + axis], llround(v[axis] / speed * way_m * quanta_a_m));
        words[4 + axis] = 0;
    }
    words[0] = 0;
    return true;
}

void tl_state_lead(const tl_kind *kind, const tl_kinds *kinds, int level, const float acceleration[3], double limit_m,
                   int64_t *words)
{
    const tl_field *place = &kind->fields[0];
    double a = magnitude_of(acceleration);
    if (!(words[4] | words[5] | words[6])) {
        return;
    }
    tl_vec3 v = tl_velocity_of(words, place->shift[level], kinds);
    double along = (v.x * acceleration[0] + v.y * acceleration[1] + v.z * acceleration[2]) / a;
    if (stop_ahead(words, v, a, along, limit_m, tl_power(place->shift[level]))) {
        return;
    }
    double lead = sqrt(2 * a * LEAD_SHARE * limit_m);
    if (along < 0) {
        lead = fmin(lead, -along); // it does not go back
    }
    double scale = lead / a * tl_power(place->shift[level] + kinds->rate_shift) / kinds->tick_hz;
    for (int axis = 0; axis < 3; axis++) {
        words[4 + axis] = tl_add_wrap(words[4 + axis], llround(acceleration[axis] * scale));
    }
    if (!(words[4] | words[5] | words[6])) {
        words[0] = 0;
    }
}

double tl_tolerance_share(const tl_kind *kind, bool carried)
{
    // a carrier's own tolerance is tightened already (kinds.c)
    return kind->carrier_reach_m > 0 ? 1 : carried ? 0.25 : 1;
}

// Ticks until a difference that is `error` now and grows by at most `rate` a tick reaches `limit`.
static int64_t ticks_until(double error, double rate, double limit, int64_t ticks_max)
{
    if (error > limit) {
        return 0;
    }
    if (rate <= 0 || (limit - error) >= rate * (double)ticks_max) {
        return ticks_max;
    }
    return tl_max_i64(1, (int64_t)((limit - error) / rate));
}

static tl_vec3 place_error(const tl_field *field, const tl_kinds *kinds, const int64_t *fine, const int64_t *coarse,
                           int64_t tick, int level, tl_origin origin)
{
    tl_vec3 a = tl_position_at(fine, field->shift[0], kinds, (double)tick),
            b = tl_position_at(coarse, field->shift[level], kinds, (double)tick);
    return (tl_vec3){a.x - (double)origin.x_m - b.x, a.y - (double)origin.y_m - b.y, a.z - (double)origin.z_m - b.z};
}

static int64_t position_holds(const tl_field *field, const tl_kinds *kinds, const int64_t *fine, const int64_t *coarse,
                              int64_t tick, int level, tl_origin origin, double share, int64_t ticks_max)
{
    int s0 = field->shift[0], sl = field->shift[level];
    double limit = fmax(share * (field->tolerance[level] - field->tolerance[0]), tl_power(-sl));
    tl_vec3 error = place_error(field, kinds, fine, coarse, tick, level, origin);
    tl_vec3 rate = tl_vec3_sub(tl_velocity_of(fine, s0, kinds), tl_velocity_of(coarse, sl, kinds));
    return ticks_until(tl_vec3_length(error), tl_vec3_length(rate) / kinds->tick_hz, limit, ticks_max);
}

double tl_state_place_error_m(const tl_kind *kind, const tl_kinds *kinds, const int64_t *fine, const int64_t *coarse,
                              int64_t tick, int level, tl_origin origin)
{
    const tl_field *place = &kind->fields[0];
    return tl_vec3_length(place_error(place, kinds, fine, coarse, tick, level, origin));
}

static int64_t rotation_holds(const tl_kind *kind, const tl_field *field, const tl_kinds *kinds, const int64_t *fine,
                              const int64_t *coarse, int64_t tick, int level, int64_t ticks_max)
{
    const int64_t *f = fine + field->word, *c = coarse + field->word;
    if (memcmp(f, c, (size_t)field->word_count * sizeof *f) == 0 && f[0] != 1) {
        return ticks_max;
    }
    tl_vec3 v_fine = tl_velocity_of(fine, kind->fields[0].shift[0], kinds),
            v_coarse = tl_velocity_of(coarse, kind->fields[0].shift[level], kinds);
    double angle = tl_quat_angle(tl_rotation_at(f, field, 0, kinds, (double)tick, v_fine),
                                 tl_rotation_at(c, field, level, kinds, (double)tick, v_coarse));
    double limit = fmax(field->tolerance[level] - field->tolerance[0], tl_power(-field->shift[level])), rate = 0;
    if (field->predictor == TL_PREDICT_LINEAR) {
        double unit = tl_power(-kinds->rate_shift);
        tl_vec3 w_fine = vector_of(f + 4, unit * tl_power(-field->shift[0])),
                w_coarse = vector_of(c + 4, unit * tl_power(-field->shift[level]));
        rate = tl_vec3_length(tl_vec3_sub(w_fine, w_coarse)) * 1.01;
    }
    return ticks_until(angle, rate, limit, ticks_max);
}

static int64_t scalar_holds(const tl_field *field, const tl_kinds *kinds, const int64_t *f, const int64_t *c,
                            int64_t tick, int level, int64_t ticks_max)
{
    double error = fabs(tl_scalar_at(f, field, 0, kinds, (double)tick) -
                        tl_scalar_at(c, field, level, kinds, (double)tick)),
           rate = 0;
    double limit = fmax(field->tolerance[level] - field->tolerance[0], tl_power(-field->shift[level]));
    if (field->predictor == TL_PREDICT_LINEAR) {
        rate = fabs((double)f[2] * tl_power(-field->shift[0]) - (double)c[2] * tl_power(-field->shift[level])) *
               tl_power(-kinds->rate_shift);
    }
    return ticks_until(error, rate, limit, ticks_max);
}

int64_t tl_state_holds(const tl_kind *kind, const tl_kinds *kinds, const int64_t *fine, const int64_t *coarse,
                       int64_t tick, int level, tl_origin origin, double share, int64_t ticks_max)
{
    int64_t ticks = ticks_max;
    for (int i = 0; i < kind->field_count && ticks > 0; i++) {
        const tl_field *field = &kind->fields[i];
        const int64_t *f = fine + field->word, *c = coarse + field->word;
        if (!tl_field_at(field, level)) {
            continue;
        }
        switch (field->type) {
        case TL_FIELD_POSITION:
            ticks = tl_min_i64(ticks, position_holds(field, kinds, f, c, tick, level,
                                                     i == 0 ? origin : (tl_origin){0, 0, 0}, share, ticks_max));
            break;
        case TL_FIELD_ROTATION:
            ticks = tl_min_i64(ticks, rotation_holds(kind, field, kinds, fine, coarse, tick, level, ticks_max));
            break;
        case TL_FIELD_SCALAR:
            ticks = tl_min_i64(ticks, scalar_holds(field, kinds, f, c, tick, level, ticks_max));
            break;
        default:
            if (memcmp(f, c, (size_t)field->word_count * sizeof *f)) {
                ticks = 0;
            }
        }
    }
    return ticks;
}
