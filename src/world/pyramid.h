// The pyramid: the world in tiles of several sizes, as streams that clients subscribe to.
//
// Tiles of size S are cubes of 64 m * 2^S; each entity is in one tile a size: that of its outermost carrier. Tiles
// nest, so any cut through the tree of tiles shows each entity once. A tile has two *streams*: one with the tolerance
// of level S, and, for when it is twice as far away, one of level S + 1; size and level together are a stream's *rank*.
// A stream is there only while somebody subscribes to it: slots with the entities' states at that level. A stream's
// *version* rises in each tick that changes it; an undo log keeps what slots held before, for the last versions, so
// that a chunk can run from any of them to now.
//
// Between changes nothing is computed: when a level's curve will leave level 0's by more than the tolerance is worked
// out when either changes, and put on a wheel of ticks.
#ifndef TRAMLINE_WORLD_PYRAMID_H
#define TRAMLINE_WORLD_PYRAMID_H

#include "wire/cursor.h"
#include "world/mirror.h"

enum {
    TL_HISTORY_VERSIONS = 60, // a cursor further back gets the tile anew
    TL_HISTORY_RING = 64,
    // a stream in which nothing changes gets a new version now and then all the same: ages stay small
    TL_QUIET_TICKS_MAX = 1 << 30,
    TL_WHEEL_TICKS = 1024,
    TL_STREAMS_MAX = 1 << 18,
    TL_CHUNKS_KEPT = 32,              // of a stream, from one tick to the next: clients can ask for endless ones
    TL_STREAM_LINGER_TICKS = 100,     // without subscribers, before it is taken down
    TL_RANKS_MAX = 2 * TL_LEVELS_MAX, // 2 * size + (level - size)
};

typedef struct tl_slot {
    tl_entity_id id, carrier_id;
    int64_t *state;
    int64_t due_tick; // when to look again whether the curve holds; -1: never
    int32_t entity;
    uint32_t last_version; // of its last undo entry
    int64_t course_tick;   // of its state: since when it keeps its course
    uint8_t motion;        // of its state, see state.h
    uint8_t kind;
    bool used;
} tl_slot;

typedef struct tl_undo {
    tl_entity_id id, carrier_id;
    int64_t *state; // NULL: the slot was empty
    uint32_t version, slot;
    uint8_t kind;
} tl_undo;

typedef struct tl_chunk_bytes { // a coded chunk, shared by all clients (chunk.c)
    struct tl_chunk_bytes *next;
    uint32_t from, begin, limit, end; // of slots up to limit, those before end are in
    uint16_t size, capacity;
    bool too_large;      // the slot `begin` does not fit by itself: there is nothing to send of it
    uint32_t ops, words; // in it
    unsigned char data[];
} tl_chunk_bytes;

typedef struct tl_stream {
    int32_t cell;
    int level, rank;
    tl_origin origin;
    tl_slot *slots;
    uint32_t slot_capacity, slot_top;
    uint32_t *slot_free;
    uint32_t slot_free_count;
    tl_undo *undo; // ring
    uint32_t undo_capacity, undo_first, undo_count;
    uint32_t version, version_oldest; // cursors from version_oldest on can be continued
    int64_t version_tick;
    int64_t urgent_tick;              // when an entity in it last changed its carrier, or jumped
    uint32_t top_at[TL_HISTORY_RING]; // slot_top at the end of each version, by its low bits
    int64_t reached[TL_HISTORY_RING]; // the tick at which each version was reached
    uint32_t subscriber_count;
    int64_t idle_tick;      // since when it has none
    int64_t full_tick;      // when more than a few of its slots were last in use
    tl_chunk_bytes *chunks; // for the present version
    uint32_t chunk_count;
    int64_t chunk_tick; // when one was last asked for
    bool used;
} tl_stream;

typedef struct tl_cell {
    int32_t x, y, z; // in tiles of its size
    int32_t parent, child_first, sibling_next, sibling_prev;
    int32_t entity_first;       // size 0
    uint32_t entity_count;      // with all below
    int32_t streams[2];         // of level `size` and of `size` + 1
    uint32_t inhabited_version; // the pyramid's shape_version when the first of its entities came
    uint8_t size;
    bool used;
} tl_cell;

typedef struct tl_wheel_entry {
    int32_t entity;
    int32_t rank; // TL_RANKS_MAX: crossing
} tl_wheel_entry;

typedef struct tl_wheel_bucket {
    tl_wheel_entry *entries;
    uint32_t count, capacity;
} tl_wheel_bucket;

typedef struct tl_pyramid {
    tl_heap *heap;
    tl_mirror *mirror;
    const tl_kinds *kinds;
    int size_count;
    tl_cell *cells;
    int32_t *cell_free;
    uint32_t cells_max, cell_top, cell_free_count;
    tl_map cell_map;
    int32_t root_first; // cells of the largest size, by sibling_next
    tl_stream *streams;
    int32_t *stream_free;
    uint32_t streams_max, stream_top, stream_free_count;
    uint32_t slots_max; // of a stream: TL_STREAM_SLOTS_MAX, less in tests
    tl_wheel_bucket wheel[TL_WHEEL_TICKS];
    // some entities found no cell: they are looked for; once more, for others have met that since
    bool placeless, placeless_again;
    int32_t placeless_at;   // from here on
    uint32_t shape_version; // rises when cells come or go
    int64_t tick;
    uint64_t published_count[TL_LEVELS_MAX], history_lost_count, full_count;
    uint64_t work_count; // slots of streams set up and of chunks made, see work.h
} tl_pyramid;

size_t tl_pyramid_bytes(uint32_t cells_max);
tl_result tl_pyramid_init(tl_pyramid *p, tl_heap *heap, tl_mirror *mirror, int size_count, uint32_t cells_max);
// Takes in what changed in the mirror at its tick.
void tl_pyramid_tick(tl_pyramid *p, int64_t tick);
// Subscribes to one of a cell's streams (coarser: 0 or 1), which is set up if it is not there. Index, or TL_NONE if a
// limit was reached.
int32_t tl_pyramid_acquire(tl_pyramid *p, int32_t cell, int coarser);
void tl_pyramid_release(tl_pyramid *p, int32_t stream);
// How far a point is from a tile, 0 inside.
double tl_cell_distance_m(const tl_cell *cell, tl_vec3 point);
void tl_pyramid_validate(const tl_pyramid *p);

#endif
