// Chunks: what changed in a stream between two of its versions, coded. The grammar is written once, for both directions
// (codec.h); docs/PROTOCOL.md has it in words. A chunk goes through its slots one by one and says of each whether it
// changed; how likely that is, both sides judge by what the slot held. A chunk from version 0 tells everything.
#ifndef TRAMLINE_WIRE_CHUNK_H
#define TRAMLINE_WIRE_CHUNK_H

#include "motion/motion.h"
#include "motion/segment.h"
#include "wire/codec.h"
#include "wire/cursor.h"

enum {
    TL_CHUNK_BYTES_MAX = 1080,
    TL_CHUNK_OPS_MAX = 1024,
    TL_CHUNK_WORDS_MAX = 32768, // of states, in one chunk
};

typedef enum tl_chunk_op_type {
    TL_CHUNK_UPDATE, // the slot's entity has new fields
    TL_CHUNK_ENTER,  // the slot has this entity now, whole
    TL_CHUNK_LEAVE,  // the slot is empty; the entity is elsewhere, or not sent at this level
    TL_CHUNK_DELETE, // the slot is empty; the entity is no more
} tl_chunk_op_type;

typedef struct tl_chunk_op {
    tl_chunk_op_type type;
    uint32_t slot;
    int kind;
    tl_entity_id id, carrier_id;
    int64_t *words;
} tl_chunk_op;

// What a slot held, as far as it bears on whether it changes: the motions of motion.h, the moving ones by how long the
// segment has been kept.
enum {
    TL_SLOT_MOVING = TL_MOTION_SLOW,
    TL_SEGMENT_AGES = 10,
    TL_SLOT_CLASSES = TL_SLOT_MOVING + 2 * TL_SEGMENT_AGES,
};

// Axes are told apart by what they are to a motion: along it (of the two horizontal ones that with the larger part),
// across it, vertical.
// Probabilities, one set a level. Each member is the first of its models; see codec.h for how many a value takes.
typedef struct tl_models {
    uint16_t added[TL_UINT_CONTEXTS]; // slots more than before
    uint16_t filled[1];               // from nothing: whether a slot is
    // [one version, more of them][none of the last few slots changed, some did]
    uint16_t changed[2][2][TL_SLOT_CLASSES];
    uint16_t op[4];
    uint16_t kind[TL_KINDS_MAX];
    uint16_t server[1], id[2][TL_SIGNED_CONTEXTS]; // [from a version, from nothing]
    uint16_t carrier[2];
    uint16_t field[TL_FIELD_TYPE_COUNT];
    uint16_t still[3];                        // [new, was moving, was still]
    uint16_t age[2][TL_UINT_CONTEXTS];        // [new, changed]
    uint16_t place[2][TL_SIGNED_CONTEXTS];    // new: [horizontal, vertical]
    uint16_t speed[2][2][TL_SIGNED_CONTEXTS]; // [new, from rest][horizontal, vertical]
    uint16_t turn[4];                         // straight on, left, right, back, afresh
    // velocity less what the turn makes of the old: [straight, turned][slow, fast][axis]
    uint16_t swerve[2][2][3][TL_SIGNED_CONTEXTS];
    uint16_t since[TL_UINT_CONTEXTS];        // ticks since a sudden change
    uint16_t miss[4][3][TL_SIGNED_CONTEXTS]; // place less what is expected: [goes on, stops, starts, suddenly][axis]
    uint16_t mode[3];
    uint16_t rotation[2][3][TL_SIGNED_CONTEXTS];
    uint16_t spin[3][TL_SIGNED_CONTEXTS];
    uint16_t scalar[3][TL_SIGNED_CONTEXTS];
    uint16_t integer[TL_SIGNED_CONTEXTS];
    uint16_t bytes[TL_UINT_CONTEXTS];
} tl_models;

extern const tl_models *tl_models_start(int level);

typedef struct tl_chunk_coder {
    tl_codec codec;
    tl_models models;
    const tl_kinds *kinds;
    int level;
    bool whole;    // from version 0
    bool one_step; // over one version
    int64_t to_tick;
    tl_entity_id last_id, last_carrier;
    uint32_t recent; // bit i: whether the slot i + 1 before changed
} tl_chunk_coder;

// `near_id`: the id in the first of the chunk's slots that held something at its start, 0: none did; ids are told
// from it.
void tl_chunk_encoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, uint32_t steps, bool whole, int64_t to_tick,
                      tl_entity_id near_id, void *out, size_t capacity);
void tl_chunk_decoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, uint32_t steps, bool whole, int64_t to_tick,
                      tl_entity_id near_id, const void *in, size_t size);
// First, if the chunk is up to the end of the stream: how many slots it has more than at its start (from nothing: than
// the chunk's first slot).
uint32_t tl_chunk_added(tl_chunk_coder *c, uint32_t added);
// Then for each slot: whether it changed. Motion and segment are of what it held at the chunk's start.
bool tl_chunk_changed(tl_chunk_coder *c, bool changed, tl_motion motion, int64_t segment_tick);
// And if so, how.
void tl_chunk_code(tl_chunk_coder *c, tl_chunk_op *op, const int64_t *base, int base_kind);

#endif
