// The state of one entity at one level, as words (kinds.h): made from game values, evaluated at a time, and derived
// from level 0 for a coarser level.
#ifndef TRAMLINE_MOTION_STATE_H
#define TRAMLINE_MOTION_STATE_H

#include "motion/kinds.h"

// Where a tile begins, in metres: positions of a stream's free entities are relative to it. Passengers' are relative to
// their carrier.
typedef struct tl_origin {
    int64_t x_m, y_m, z_m;
} tl_origin;

enum {
    // words: |metres| <= 2^32, so that the finest quanta at the finest rate stay within 62 bits
    TL_POSITION_BITS_MAX = 31,
    TL_VELOCITY_BITS_MAX = 20, // |m/s| < 2^20
};

// ---- from values ----
bool tl_place_valid(tl_vec3 place); // finite, and within TL_WORLD_LIMIT_M
bool tl_rate_valid(tl_vec3 rate);   // finite, and < 2^31 (what is faster than words can say is clamped)
#define TL_QUAT_LENGTH2_MARGIN 2e-3
bool tl_quat_valid(tl_quat q); // finite, of length 1 within 1e-3
// Whether words from outside stay within the limits: one field's, and those of all that the level sends.
bool tl_field_valid(const tl_field *field, const tl_kinds *kinds, const int64_t *words, int level, int64_t tick);
bool tl_state_valid(const tl_kind *kind, const tl_kinds *kinds, const int64_t *words, int level, int64_t tick);
// Whether the words of a place at level 0, as records have them, start within the world.
bool tl_place_words_valid(const tl_field *field, const int64_t *words);
// Whether those fields of level 0, from a client, may be committed at `tick` or later: TL_ERR_INVALID: not valid then;
// TL_ERR_OUTSIDE: not within the world both where the segment starts and at `tick`.
tl_result tl_state_accept(const tl_kind *kind, const tl_kinds *kinds, const int64_t *words, uint32_t fields,
                          int64_t tick);
void tl_position_set(int64_t *words, int shift, const tl_kinds *kinds, int64_t tick, tl_vec3 position,
                     tl_vec3 velocity_mps, bool linear);
void tl_rotation_set(int64_t *words, const tl_field *field, const tl_kinds *kinds, int64_t tick, tl_quat rotation,
                     tl_vec3 rate_rad_s, bool heading);
void tl_scalar_set(int64_t *words, const tl_field *field, const tl_kinds *kinds, int64_t tick, double value,
                   double rate);

// ---- to values; `tick` may have a fraction; `level` is that of the words ----
tl_vec3 tl_position_at(const int64_t *words, int shift, const tl_kinds *kinds, double tick);
tl_vec3 tl_velocity_of(const int64_t *words, int shift, const tl_kinds *kinds); // m/s
// `velocity_mps` is the entity's, for a rotation along the heading.
tl_quat tl_rotation_at(const int64_t *words, const tl_field *field, int level, const tl_kinds *kinds, double tick,
                       tl_vec3 velocity_mps);
double tl_scalar_at(const int64_t *words, const tl_field *field, int level, const tl_kinds *kinds, double tick);

// The place in quanta at a whole tick, rounded: what a delta is taken against.
void tl_position_quanta(const int64_t *words, int rate_shift, int64_t tick, int64_t out[3]);

// The state at `level` that says the same at `tick` as the level-0 state: coarser quanta, positions relative to
// `origin` (zero for riders). Fields that the level does not send are 0.
void tl_state_derive(const tl_kind *kind, const tl_kinds *kinds, const int64_t *from, int64_t tick, int level,
                     tl_origin origin, int64_t *to);
// How long, in whole ticks from `tick`, the level's state surely stays within its tolerance of level 0's: 0 if it is
// out of it now, at most `ticks_max`. `share` is the part of the tolerance that the place may use up.
int64_t tl_state_holds(const tl_kind *kind, const tl_kinds *kinds, const int64_t *fine, const int64_t *coarse,
                       int64_t tick, int level, tl_origin origin, double share, int64_t ticks_max);

// How a new course's velocity differs from the one before, as an acceleration, m/s²: 0 if that was kept for long, for
// then something turned or stopped at once. Kept as it was if the course is the same.
void tl_state_acceleration(const tl_kind *kind, const tl_kinds *kinds, const int64_t *before, const int64_t *now,
                           float acceleration[3]);
// Whether it still does: otherwise the course would have been changed again by now.
bool tl_state_accelerates(const tl_kind *kind, const tl_kinds *kinds, const int64_t *fine, int64_t tick,
                          const float acceleration[3]);
// Lets a course that was derived for a level run ahead of an acceleration: it is off by so much first on one side, then
// on the other, and holds more than twice as long. What is about to stop is shown where it will stand. `limit_m`: how
// far off the place may be.
void tl_state_lead(const tl_kind *kind, const tl_kinds *kinds, int level, const float acceleration[3], double limit_m,
                   int64_t *words);

// How far the level's place is off level 0's now.
double tl_state_place_error_m(const tl_kind *kind, const tl_kinds *kinds, const int64_t *fine, const int64_t *coarse,
                              int64_t tick, int level, tl_origin origin);

// The share of the tolerance that an entity's own place may use up: carriers and riders leave room for each other.
double tl_tolerance_share(const tl_kind *kind, bool carried);

// How something moves, as far as it bears on how likely it changes: nothing is there; it holds its place; it could move
// but stands; it moves, slowly or fast (2.5 m/s).
typedef enum tl_motion { TL_MOTION_EMPTY, TL_MOTION_FIXED, TL_MOTION_STILL, TL_MOTION_SLOW, TL_MOTION_FAST } tl_motion;
tl_motion tl_motion_of(const tl_kind *kind, const tl_kinds *kinds, int level, const int64_t *words);
bool tl_velocity_is_fast(const tl_field *place, const tl_kinds *kinds, int level, const int64_t *velocity);

tl_quat tl_quat_multiply(tl_quat a, tl_quat b);
tl_vec3 tl_quat_rotate(tl_quat q, tl_vec3 v);
tl_quat tl_quat_conjugate(tl_quat q);
tl_quat tl_quat_from_vector(tl_vec3 v); // a rotation vector: axis * angle
tl_vec3 tl_quat_to_vector(tl_quat q);
double tl_quat_angle(tl_quat a, tl_quat b); // between the two, radians
tl_quat tl_heading(tl_vec3 velocity);       // facing -Z along the horizontal velocity
enum { TL_HEADING_SPEED_MM_S = 50 };        // slower has no heading

static inline tl_vec3 tl_vec3_add(tl_vec3 a, tl_vec3 b)
{
    return (tl_vec3){a.x + b.x, a.y + b.y, a.z + b.z};
}

static inline tl_vec3 tl_vec3_sub(tl_vec3 a, tl_vec3 b)
{
    return (tl_vec3){a.x - b.x, a.y - b.y, a.z - b.z};
}

static inline tl_vec3 tl_vec3_scale(tl_vec3 a, double s)
{
    return (tl_vec3){a.x * s, a.y * s, a.z * s};
}

static inline double tl_vec3_length(tl_vec3 a)
{
    return sqrt(a.x * a.x + a.y * a.y + a.z * a.z);
}

#endif
