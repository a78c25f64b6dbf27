// The words of an entity's state (kinds.h): validation, and conversion from a game's values.
#ifndef TRAMLINE_MOTION_STATE_H
#define TRAMLINE_MOTION_STATE_H

#include "motion/evaluate.h"

enum {
    // limits of words: |metres| <= 2^32, so that the finest quanta at the finest rate fit into 62 bits
    TL_POSITION_BITS_MAX = 31,
    TL_VELOCITY_BITS_MAX = 20, // |m/s| < 2^20
};
#define TL_SCALAR_QUANTA_MAX ((int64_t)1 << 61)

bool tl_place_valid(tl_vec3 place); // finite, and within TL_WORLD_LIMIT_M
bool tl_rate_valid(tl_vec3 rate);   // finite, and < 2^31 (rates that words cannot represent are clamped)
#define TL_QUAT_LENGTH2_MARGIN 2e-3
bool tl_quat_valid(tl_quat q);          // finite, of length 1 within 1e-3
int64_t tl_place_quanta_max(int shift); // of a coordinate
// Whether words from outside are within the limits: one field's words, and those of all fields that the level sends.
bool tl_field_valid(const tl_field *field, const tl_kinds *kinds, const int64_t *words, int level, int64_t tick);
bool tl_state_valid(const tl_kind *kind, const tl_kinds *kinds, const int64_t *words, int level, int64_t tick);
// Whether the words of a level-0 position, as records hold them, start within the world.
bool tl_place_words_valid(const tl_field *field, const int64_t *words);
// Whether level-0 fields from a client may be committed at `tick` or later. TL_ERR_INVALID: they are not valid then.
// TL_ERR_OUTSIDE: the position is not within the world both at the segment's start and at `tick`.
tl_result tl_state_accept(const tl_kind *kind, const tl_kinds *kinds, const int64_t *words, uint32_t fields,
                          int64_t tick);

// ---- conversion from values; level 0 ----

void tl_position_set(int64_t *words, int shift, const tl_kinds *kinds, int64_t tick, tl_vec3 position,
                     tl_vec3 velocity_mps, bool linear);
void tl_rotation_set(int64_t *words, const tl_field *field, const tl_kinds *kinds, int64_t tick, tl_quat rotation,
                     tl_vec3 rate_rad_s, bool heading);
void tl_scalar_set(int64_t *words, const tl_field *field, const tl_kinds *kinds, int64_t tick, double value,
                   double rate);

#endif
