// Chunks: the encoded difference between two versions of a stream. The grammar is written once, for both directions
// (codec.h); docs/PROTOCOL.md describes it. A chunk lists its slots in order and codes for each whether it changed;
// both sides derive the probability from what the slot held. A chunk from version 0 contains everything.
#ifndef TRAMLINE_WIRE_CHUNK_H
#define TRAMLINE_WIRE_CHUNK_H

#include "motion/motion.h"
#include "motion/segment.h"
#include "wire/codec.h"
#include "wire/cursor.h"

enum {
    TL_CHUNK_BYTES_MAX = 1080,
    TL_CHUNK_OPS_MAX = 1024,
    TL_CHUNK_WORDS_MAX = 32768, // words of states in one chunk
};

typedef enum tl_chunk_op_type {
    TL_CHUNK_UPDATE, // new fields for the slot's entity
    TL_CHUNK_ENTER,  // a new entity in the slot, with all fields
    TL_CHUNK_LEAVE,  // the slot is now empty; the entity is elsewhere, or not sent at this level
    TL_CHUNK_DELETE, // the slot is now empty; the entity was deleted
} tl_chunk_op_type;

typedef struct tl_chunk_op {
    tl_chunk_op_type type;
    uint32_t slot;
    int kind;
    tl_entity_id id, carrier_id;
    int64_t *words;
} tl_chunk_op;

// Classes of what a slot held, by how likely it is to change: the motions of motion.h, with moving entities split by
// the age of their segment.
enum {
    TL_SLOT_MOVING = TL_MOTION_SLOW,
    TL_SEGMENT_AGES = 10,
    TL_SLOT_CLASSES = TL_SLOT_MOVING + 2 * TL_SEGMENT_AGES,
};

// Probabilities, one set per level. Each member is the first of its models; codec.h states how many a value takes. Axes
// are distinguished by their role in a motion: along (the horizontal axis with the larger component), across, vertical.
typedef struct tl_models {
    uint16_t added[TL_UINT_CONTEXTS]; // slots added since the chunk's start
    uint16_t filled[1];               // in a chunk from version 0: whether a slot is in use
    // [one version, several][none of the preceding few slots changed, some did]
    uint16_t changed[2][2][TL_SLOT_CLASSES];
    uint16_t op[4];
    uint16_t kind[TL_KINDS_MAX];
    uint16_t server[1], id[2][TL_SIGNED_CONTEXTS]; // [from a version, from version 0]
    uint16_t carrier[2];
    uint16_t field[TL_FIELD_TYPE_COUNT];
    uint16_t still[3];                        // [new, was moving, was still]
    uint16_t age[2][TL_UINT_CONTEXTS];        // [new, changed]
    uint16_t place[2][TL_SIGNED_CONTEXTS];    // new: [horizontal, vertical]
    uint16_t speed[2][2][TL_SIGNED_CONTEXTS]; // [new, from rest][horizontal, vertical]
    uint16_t turn[4];                         // straight, left, right, back, afresh
    // new velocity less the turned old one: [straight, turned][slow, fast][axis]
    uint16_t swerve[2][2][3][TL_SIGNED_CONTEXTS];
    uint16_t since[TL_UINT_CONTEXTS];        // ticks since a sudden change
    uint16_t miss[4][3][TL_SIGNED_CONTEXTS]; // position less the expected one: [goes on, stops, starts, suddenly][axis]
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
    bool one_step; // spans one version
    int64_t to_tick;
    tl_entity_id last_id, last_carrier;
    uint32_t recent; // bit i: whether the slot i + 1 positions before changed
} tl_chunk_coder;

// `near_id` is the id in the first of the chunk's slots that was in use at its start, or 0 if none was; ids are coded
// relative to it.
void tl_chunk_encoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, uint32_t steps, bool whole, int64_t to_tick,
                      tl_entity_id near_id, void *out, size_t capacity);
void tl_chunk_decoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, uint32_t steps, bool whole, int64_t to_tick,
                      tl_entity_id near_id, const void *in, size_t size);
// Comes first, if the chunk reaches the end of the stream: by how many slots the stream has grown since the chunk's
// start (from version 0: how many slots follow the chunk's first).
uint32_t tl_chunk_added(tl_chunk_coder *c, uint32_t added);
// Then for each slot: whether it changed. `motion` and `segment_tick` describe what it held at the chunk's start.
bool tl_chunk_changed(tl_chunk_coder *c, bool changed, tl_motion motion, int64_t segment_tick);
// Codes the op of a slot that changed.
void tl_chunk_code(tl_chunk_coder *c, tl_chunk_op *op, const int64_t *base, int base_kind);

#endif
