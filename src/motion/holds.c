#include "motion/holds.h"

static const double SPIN_MARGIN = 1.01; // two rotations diverge slightly faster than their spins differ

// Returns the number of ticks until a difference of `error` now, growing by at most `rate` per tick, reaches `limit`.
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

// The largest error allowed between a coarser level and level 0; at least a quantum, which rounding alone may cost.
static double limit_of(const tl_field *field, int level, double share)
{
    return fmax(share * (field->tolerance[level] - field->tolerance[0]), tl_power(-field->shift[level]));
}

static tl_vec3 place_error(const tl_level_context *c, const tl_field *field, tl_origin origin, const int64_t *fine,
                           const int64_t *coarse)
{
    tl_vec3 a = tl_position_at(fine, field->shift[0], c->kinds, (double)c->tick),
            b = tl_position_at(coarse, field->shift[c->level], c->kinds, (double)c->tick);
    return (tl_vec3){a.x - (double)origin.x_m - b.x, a.y - (double)origin.y_m - b.y, a.z - (double)origin.z_m - b.z};
}

double tl_state_place_error_m(const tl_level_context *c, const int64_t *fine, const int64_t *coarse)
{
    return tl_vec3_length(place_error(c, &c->kind->fields[0], c->origin, fine, coarse));
}

// The two states that are compared, and the limits.
typedef struct comparison {
    const tl_level_context *c;
    const int64_t *fine, *coarse;
    double share;
    int64_t ticks_max;
} comparison;

static int64_t position_holds(const comparison *d, int index)
{
    const tl_level_context *c = d->c;
    const tl_field *field = &c->kind->fields[index];
    const int64_t *fine = d->fine + field->word, *coarse = d->coarse + field->word;
    tl_vec3 error = place_error(c, field, index == 0 ? c->origin : (tl_origin){0, 0, 0}, fine, coarse);
    tl_vec3 rate = tl_vec3_sub(tl_velocity_of(fine, field->shift[0], c->kinds),
                               tl_velocity_of(coarse, field->shift[c->level], c->kinds));
    return ticks_until(tl_vec3_length(error), tl_vec3_length(rate) / c->kinds->tick_hz,
                       limit_of(field, c->level, d->share), d->ticks_max);
}

static tl_vec3 spin_of(const int64_t *words, int shift, int rate_shift)
{
    double scale = tl_power(-rate_shift) * tl_power(-shift);
    return (tl_vec3){(double)words[4] * scale, (double)words[5] * scale, (double)words[6] * scale};
}

static int64_t rotation_holds(const comparison *d, const tl_field *field)
{
    const tl_level_context *c = d->c;
    const tl_field *place = &c->kind->fields[0];
    const int64_t *fine = d->fine + field->word, *coarse = d->coarse + field->word;
    if (memcmp(fine, coarse, (size_t)field->word_count * sizeof *fine) == 0 && fine[0] != 1) {
        return d->ticks_max;
    }
    tl_vec3 v_fine = tl_velocity_of(d->fine, place->shift[0], c->kinds),
            v_coarse = tl_velocity_of(d->coarse, place->shift[c->level], c->kinds);
    double angle = tl_quat_angle(tl_rotation_at(fine, field, 0, c->kinds, (double)c->tick, v_fine),
                                 tl_rotation_at(coarse, field, c->level, c->kinds, (double)c->tick, v_coarse));
    double rate = 0;
    if (field->predictor == TL_PREDICT_LINEAR) {
        tl_vec3 w_fine = spin_of(fine, field->shift[0], c->kinds->rate_shift),
                w_coarse = spin_of(coarse, field->shift[c->level], c->kinds->rate_shift);
        rate = tl_vec3_length(tl_vec3_sub(w_fine, w_coarse)) * SPIN_MARGIN;
    }
    return ticks_until(angle, rate, limit_of(field, c->level, 1), d->ticks_max);
}

static int64_t scalar_holds(const comparison *d, const tl_field *field)
{
    const tl_level_context *c = d->c;
    const int64_t *fine = d->fine + field->word, *coarse = d->coarse + field->word;
    double error = fabs(tl_scalar_at(fine, field, 0, c->kinds, (double)c->tick) -
                        tl_scalar_at(coarse, field, c->level, c->kinds, (double)c->tick)),
           rate = 0;
    if (field->predictor == TL_PREDICT_LINEAR) {
        rate = fabs((double)fine[2] * tl_power(-field->shift[0]) -
                    (double)coarse[2] * tl_power(-field->shift[c->level])) *
               tl_power(-c->kinds->rate_shift);
    }
    return ticks_until(error, rate, limit_of(field, c->level, 1), d->ticks_max);
}

static int64_t field_holds(const comparison *d, int index)
{
    const tl_field *field = &d->c->kind->fields[index];
    switch (field->type) {
    case TL_FIELD_POSITION: return position_holds(d, index);
    case TL_FIELD_ROTATION: return rotation_holds(d, field);
    case TL_FIELD_SCALAR: return scalar_holds(d, field);
    default: {
        size_t bytes = (size_t)field->word_count * sizeof *d->fine;
        return memcmp(d->fine + field->word, d->coarse + field->word, bytes) == 0 ? d->ticks_max : 0;
    }
    }
}

int64_t tl_state_holds(const tl_level_context *c, const int64_t *fine, const int64_t *coarse, double share,
                       int64_t ticks_max)
{
    TL_ASSERT(share > 0 && share <= 1 && ticks_max > 0);
    comparison d = {c, fine, coarse, share, ticks_max};
    int64_t ticks = ticks_max;
    for (int i = 0; i < c->kind->field_count && ticks > 0; i++) {
        if (tl_field_at(&c->kind->fields[i], c->level)) {
            ticks = tl_min_i64(ticks, field_holds(&d, i));
        }
    }
    return ticks;
}
