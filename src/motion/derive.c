#include "motion/derive.h"

#include <stdlib.h>

// An entity that moves on for long enough exceeds every limit. It is clamped to the limit then; clients would refuse
// the whole tile otherwise.
static int64_t within(int64_t value, int64_t limit)
{
    return tl_max_i64(-limit, tl_min_i64(value, limit));
}

static void derive_position(const tl_level_context *c, const tl_field *field, tl_origin origin, const int64_t *from,
                            int64_t *to)
{
    int drop = field->shift[0] - field->shift[c->level], rate = c->kinds->rate_shift,
        fine_shift = field->shift[0] + rate;
    const int64_t origin_m[3] = {origin.x_m, origin.y_m, origin.z_m};
    if (c->level == 0) { // the same segment, with its start
        memcpy(to, from, TL_POSITION_WORDS * sizeof *to);
        for (int axis = 0; axis < 3; axis++) {
            to[1 + axis] = within(to[1 + axis] - tl_shift_round(origin_m[axis], -field->shift[0]),
                                  tl_place_quanta_max(field->shift[0]));
        }
        return;
    }
    for (int axis = 0; axis < 3; axis++) {
        int64_t fine = tl_add_wrap((int64_t)((uint64_t)from[1 + axis] << rate),
                                   tl_mul_wrap(from[4 + axis], c->tick - from[0]));
        int64_t place = tl_shift_round(tl_add_wrap(fine, -tl_shift_round(origin_m[axis], -fine_shift)), drop + rate);
        to[1 + axis] = within(place, tl_place_quanta_max(field->shift[c->level]));
        to[4 + axis] = tl_shift_round(from[4 + axis], drop);
    }
    to[0] = tl_position_moves(to) ? c->tick : 0;
}

static void derive_rotation(const tl_level_context *c, const tl_field *field, const int64_t *from, int64_t *to)
{
    int drop = field->shift[0] - field->shift[c->level];
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
    to[0] = tl_position_moves(to) ? from[0] : 0;
    // Keep the start while that is accurate enough: after 2^rate_shift ticks the rounded spin has added half a quantum
    // of error.
    if (drop == 0 || llabs(c->tick - from[0]) >> c->kinds->rate_shift == 0 || !tl_position_moves(from)) {
        return;
    }
    tl_vec3 now = tl_quat_to_vector(tl_rotation_at(from, field, 0, c->kinds, (double)c->tick, (tl_vec3){0, 0, 0}));
    double scale = tl_power(field->shift[c->level]);
    to[1] = llround(now.x * scale);
    to[2] = llround(now.y * scale);
    to[3] = llround(now.z * scale);
    if (to[0]) {
        to[0] = c->tick;
    }
}

static void derive_scalar(const tl_level_context *c, const tl_field *field, const int64_t *from, int64_t *to)
{
    int drop = field->shift[0] - field->shift[c->level];
    if (field->predictor != TL_PREDICT_LINEAR) {
        to[0] = tl_shift_round(from[0], drop);
        return;
    }
    if (drop == 0) {
        memcpy(to, from, 3 * sizeof *to);
        return;
    }
    int64_t gone = tl_shift_round(tl_mul_wrap(from[2], c->tick - from[0]), c->kinds->rate_shift);
    to[1] = within(tl_shift_round(tl_add_wrap(from[1], gone), drop), TL_SCALAR_QUANTA_MAX);
    to[2] = tl_shift_round(from[2], drop);
    to[0] = to[2] ? c->tick : 0;
}

void tl_state_derive(const tl_level_context *c, const int64_t *from, int64_t *to)
{
    TL_ASSERT(c->level >= 0 && c->level < TL_LEVELS_MAX);
    for (int i = 0; i < c->kind->field_count; i++) {
        const tl_field *field = &c->kind->fields[i];
        const int64_t *f = from + field->word;
        int64_t *t = to + field->word;
        if (!tl_field_at(field, c->level)) {
            memset(t, 0, (size_t)field->word_count * sizeof *t);
            continue;
        }
        switch (field->type) {
        case TL_FIELD_POSITION: derive_position(c, field, i == 0 ? c->origin : (tl_origin){0, 0, 0}, f, t); break;
        case TL_FIELD_ROTATION: derive_rotation(c, field, f, t); break;
        case TL_FIELD_SCALAR: derive_scalar(c, field, f, t); break;
        default: memcpy(t, f, (size_t)field->word_count * sizeof *t); break;
        }
    }
}
