// The declared kinds, resolved: where each field lies in an entity's state, and its tolerance and quantum at each
// level.
//
// A state is an array of int64_t words, one run per field:
//   position         t0, p[3], v[3]   p in quanta at tick t0, v in quanta / 2^rate_shift a tick; v = 0: t0 = 0
//   rotation linear  t0, r[3], w[3]   r a rotation vector (axis * angle), w a rotation vector a tick, each in quanta
//   rotation hold    mode, r[3]       mode 0: r; 1: along the heading (r = 0)
//   scalar linear    t0, p, v         as position
//   scalar hold      p
//   integer          value
//   bytes            size, bytes packed into words
// A quantum is 2^-shift of the unit.
#ifndef TRAMLINE_MOTION_KINDS_H
#define TRAMLINE_MOTION_KINDS_H

#include "base/bytes.h"
#include "tramline/kind.h"

enum {
    TL_POSITION_WORDS = 7,
    TL_ROTATION_LINEAR_WORDS = 7,
    TL_ROTATION_HOLD_WORDS = 4,
    TL_STATE_WORDS_MAX = 512,
    TL_SHIFT_MAX = 20,                                // the finest quantum: 2^-20
    TL_TILE_SHIFT = 6,                                // tiles of level 0 are 2^6 m wide
    TL_TILE_EDGE = TL_WORLD_LIMIT_M >> TL_TILE_SHIFT, // tiles on each side of the origin
    TL_KIND_TABLE_BYTES_MAX = 48 * 1024,
};

typedef struct tl_field {
    char name[TL_NAME_BYTES_MAX + 1];
    tl_field_type type;
    tl_predictor predictor;
    int level_last, bytes_max;
    int word, word_count;
    double tolerance[TL_LEVELS_MAX];
    double half_cosine; // rotations: cosine of half the tolerance at level 0
    int shift[TL_LEVELS_MAX];
} tl_field;

typedef struct tl_kind {
    char name[TL_NAME_BYTES_MAX + 1];
    tl_field fields[TL_FIELDS_MAX];
    int field_count, word_count, level_last;
    int rotation; // the first rotation field, or TL_NONE
    double carrier_reach_m;
    tl_policy update, remove, create;
} tl_kind;

typedef struct tl_kinds {
    tl_kind kinds[TL_KINDS_MAX];
    int count;
    int rate_shift; // derived from the tick rate
    uint32_t tick_hz;
    uint64_t hash; // of the encoded table
} tl_kinds;

// The position tolerance of a level: 2 cm, then 32 mm * 2^level, which is 1 mrad at half a tile's width.
double tl_level_tolerance_m(int level);
// The minimum distance from a viewer at which a level may be used.
double tl_level_distance_m(int level);
// The width of a level's tiles.
double tl_level_tile_m(int level);

// The fraction of the tolerance that an entity's own position may use: carriers and passengers share the tolerance.
double tl_tolerance_share(const tl_kind *kind, bool carried);

// On TL_ERR_INVALID, `text` names the kind and field and the reason.
tl_result tl_kinds_init(tl_kinds *kinds, const tl_kind_def *defs, int count, uint32_t tick_hz, char *text,
                        size_t text_bytes);
// Encodes and decodes the table, for clients and for the hash.
void tl_kinds_write(const tl_kinds *kinds, tl_writer *w);
tl_result tl_kinds_read(tl_kinds *kinds, tl_reader *r);

// Restores a kind's declaration. The names stay owned by the kind.
void tl_kinds_def(const tl_kind *kind, tl_kind_def *out);

// Whether a field is coded at a level.
static inline bool tl_field_at(const tl_field *field, int level)
{
    return level <= field->level_last;
}

// The mask of the fields that are coded at a level.
static inline uint32_t tl_fields_mask_at(const tl_kind *kind, int level)
{
    uint32_t mask = 0;
    for (int i = 0; i < kind->field_count; i++) {
        mask |= (uint32_t)tl_field_at(&kind->fields[i], level) << i;
    }
    return mask;
}

#endif
