// Chunks: what changed in a stream between two of its versions, coded. The grammar is written once, for both directions
// (codec.h); docs/PROTOCOL.md has it in words. A chunk from version 0 tells everything; one from a later version tells
// the slots that changed, against what they held at that version.
#ifndef TRAMLINE_CORE_CHUNK_H
#define TRAMLINE_CORE_CHUNK_H

#include "codec.h"
#include "cursor.h"
#include "stream.h"

enum {
    TL_CHUNK_BYTES_MAX = 1100,
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

// Probabilities, one set a level. Each member is the first of its models; see codec.h for how many a value takes.
typedef struct tl_models {
    uint16_t more[2];                          // [from anything]
    uint16_t gap[2][TL_UINT_CONTEXTS];
    uint16_t op[4];
    uint16_t kind[TL_KINDS_MAX];
    uint16_t server[1], id[TL_SIGNED_CONTEXTS];
    uint16_t carrier[2];
    uint16_t field[TL_FIELD_TYPE_COUNT];
    uint16_t still[3];                          // [new, was moving, was still]
    uint16_t age[2][TL_UINT_CONTEXTS];          // [new, changed]
    uint16_t place[2][TL_SIGNED_CONTEXTS];      // new: [horizontal, vertical]
    uint16_t speed[2][TL_SIGNED_CONTEXTS];      // from rest
    uint16_t miss[3][2][TL_SIGNED_CONTEXTS];    // [goes on, stops, starts]: truth less prediction
    uint16_t turn[2][TL_SIGNED_CONTEXTS];       // new velocity less old
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
    bool whole;       // from version 0
    int64_t to_tick;
    uint32_t next_slot;
    tl_entity_id last_id, last_carrier;
} tl_chunk_coder;

void tl_chunk_encoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, bool whole, int64_t to_tick, uint32_t first_slot, void *out, size_t capacity);
void tl_chunk_decoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, bool whole, int64_t to_tick, uint32_t first_slot, const void *in, size_t size);
// Whether another op follows.
bool tl_chunk_more(tl_chunk_coder *c, bool more);
// An op: first its slot; then, the slot's present content being known to both sides, the op itself. `base` is what the
// slot holds at the chunk's start, NULL if it is empty; `base_kind` its kind.
uint32_t tl_chunk_slot(tl_chunk_coder *c, uint32_t slot);
void tl_chunk_code(tl_chunk_coder *c, tl_chunk_op *op, const int64_t *base, int base_kind);

// The chunk of a stream from a version (0, or one that tl_stream_can_continue) to now, for slots from `begin` to before
// `limit`, as far as the size allows (to `end`); kept with the stream until it changes. NULL if memory ran out.
const tl_chunk_bytes *tl_chunk_get(tl_pyramid *p, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit);

#endif
