#include "motion/lead.h"

// A change of velocity counts as an acceleration within these limits: ticks between the segments, and magnitude.
enum { RAMP_TICKS_MAX = 10 };
static const double RAMP_MPS2_MIN = 0.2, RAMP_MPS2_MAX = 30;
static const double AGE_SLACK = 3;     // it has ended if it would be off by this many tolerances by now
static const double LEAD_SHARE = 0.35; // of the limit: how far a segment leads
static const double STOP_SHARE = 0.45; // of the limit: how far ahead a stop may be to be shown at once
static const double BRAKE_SHARE = 0.9; // it is braking if at least this share of the acceleration opposes the velocity

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

bool tl_state_accelerates(const tl_level_context *c, const int64_t *fine, const float acceleration[3])
{
    double a = magnitude_of(acceleration), age_s = (double)(c->tick - fine[0]) / c->kinds->tick_hz;
    return a > RAMP_MPS2_MIN && a < RAMP_MPS2_MAX && fine[0] > 0 &&
           0.5 * a * age_s * age_s < AGE_SLACK * c->kind->fields[0].tolerance[0];
}

// Sets the position of the stop if it is near enough.
static bool stop_ahead(int64_t *words, tl_vec3 velocity, double a, double along, double limit_m, double quanta_a_m)
{
    double speed = tl_vec3_length(velocity), way_m = speed * speed / (2 * a);
    if (along > -BRAKE_SHARE * speed || way_m > STOP_SHARE * limit_m) {
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

void tl_state_lead(const tl_level_context *c, const float acceleration[3], double limit_m, int64_t *words)
{
    const tl_field *place = &c->kind->fields[0];
    double a = magnitude_of(acceleration);
    TL_ASSERT(a > 0 && limit_m >= 0); // ensured by tl_state_accelerates()
    if (!tl_position_moves(words)) {
        return;
    }
    tl_vec3 v = tl_velocity_of(words, place->shift[c->level], c->kinds);
    double along = (v.x * acceleration[0] + v.y * acceleration[1] + v.z * acceleration[2]) / a;
    if (stop_ahead(words, v, a, along, limit_m, tl_power(place->shift[c->level]))) {
        return;
    }
    double lead = sqrt(2 * a * LEAD_SHARE * limit_m);
    if (along < 0) {
        lead = fmin(lead, -along); // it does not reverse
    }
    double scale = lead / a * tl_power(place->shift[c->level] + c->kinds->rate_shift) / c->kinds->tick_hz;
    for (int axis = 0; axis < 3; axis++) {
        words[4 + axis] = tl_add_wrap(words[4 + axis], llround(acceleration[axis] * scale));
    }
    if (!tl_position_moves(words)) {
        words[0] = 0;
    }
}
