// Streams: the entities of one tile with their states at one level, which clients subscribe to.
//
// A tile of size S has two streams: one with the tolerance of level S, and one of level S + 1 for viewers twice as far
// away. Size and level together are a stream's *rank*. A stream exists only while it has subscribers. Its entities are
// in slots; its versions, and what slots held before, are its history.
#ifndef TRAMLINE_WORLD_STREAM_H
#define TRAMLINE_WORLD_STREAM_H

#include "wire/cursor.h"
#include "world/history.h"
#include "world/kept_chunks.h"
#include "world/tiles.h"
#include "world/wheel.h"

enum {
    TL_STREAMS_MAX = 1 << 18,
    TL_RANKS_MAX = TL_STREAMS_OF_TILE * TL_LEVELS_MAX, // 2 * size + (level - size)
};

typedef struct tl_slot {
    tl_entity_id id, carrier_id;
    int64_t *state;
    int64_t due_tick; // when to check again whether the segment holds; -1: never
    int32_t entity;
    uint32_t last_version; // version of its last undo entry
    int64_t segment_tick;  // of its state: when the segment began
    uint8_t motion;        // of its state: a tl_motion
    uint8_t kind;
    bool used;
} tl_slot;

typedef struct tl_stream {
    int32_t tile;
    int level, rank;
    tl_origin origin;
    tl_slot *slots;
    uint32_t slot_capacity, slot_top;
    uint32_t *slot_free;
    uint32_t slot_free_count;
    tl_history history;
    tl_kept_chunks chunks;
    int64_t urgent_tick; // when an entity in it last changed its carrier, or jumped
    uint32_t subscriber_count;
    int64_t idle_tick; // since when it has no subscribers
    int64_t full_tick; // when more than a few of its slots were last in use
    bool used;
} tl_stream;

typedef struct tl_streams {
    tl_heap *heap;
    tl_mirror *mirror;
    const tl_kinds *kinds;
    tl_tiles *tiles;
    tl_wheel *wheel;
    tl_stream *at; // by index
    int32_t *free;
    uint32_t count_max, top, free_count;
    uint32_t slots_max; // per stream: TL_STREAM_SLOTS_MAX, fewer in tests
    int64_t tick;
    uint64_t published_count[TL_LEVELS_MAX];
    uint64_t history_lost_count;
    uint64_t full_count; // total of failures for lack of memory or at a limit
    uint64_t work_count; // slots of streams set up and chunks encoded, see server/work.h
} tl_streams;

size_t tl_streams_bytes(uint32_t tiles_max);
tl_result tl_streams_init(tl_streams *ss, tl_heap *heap, tl_mirror *mirror, tl_tiles *tiles, tl_wheel *wheel);

// Must be called before a stream changes.
void tl_stream_begin_version(tl_streams *ss, tl_stream *s);
// Called before a slot changes: begins a version, and keeps what the slot holds.
void tl_stream_keep_slot(tl_streams *ss, tl_stream *s, uint32_t slot);
// Returns false if out of memory, or if `capacity` exceeds the limit.
bool tl_stream_grow(tl_streams *ss, tl_stream *s, uint32_t capacity);
// Returns a slot for an entity, with memory for its state, which the caller sets. NULL: no space.
tl_slot *tl_stream_take_slot(tl_streams *ss, tl_stream *s, int32_t entity);
void tl_stream_free_slot(tl_streams *ss, tl_stream *s, int32_t entity);
// Frees all slots, chunks and history.
void tl_stream_empty(tl_streams *ss, tl_stream *s);

static inline size_t tl_stream_state_bytes(const tl_streams *ss, int kind)
{
    return (size_t)ss->kinds->kinds[kind].word_count * sizeof(int64_t);
}

// The stream of an entity at a rank; TL_NONE if it is not in one.
int32_t tl_stream_of(const tl_streams *ss, const tl_entity *e, int rank);

#endif
