// The view: a client's copy of the world. Frames' datagrams go in, each on its own and in any order; poses come out, at
// any time. An entity may be in several streams for a while (when levels or tiles change over): the finest one shows
// it, and it never goes out of sight in between. This file has the data; those above it work on it.
#ifndef TRAMLINE_CLIENT_VIEW_H
#define TRAMLINE_CLIENT_VIEW_H

#include "base/map.h"
#include "tramline/client.h"
#include "wire/chunk.h"
#include "wire/datagram.h"

typedef struct tl_view_slot {
    tl_entity_id id, carrier_id;
    int64_t *state;
    int64_t enter_tick;
    int32_t entity;                 // TL_NONE: deleted already, by another stream
    int32_t next_stream, next_slot; // the entity's next holder
    int64_t segment_tick;           // of its state: when its segment began
    uint8_t motion;
    uint8_t kind;
    bool used;
} tl_view_slot;

typedef struct tl_view_stream {
    bool open;
    int tile_size, level;
    int32_t x, y, z;
    tl_origin origin;
    tl_view_slot *slots;
    uint32_t capacity, top;
    uint32_t end_top; // how many slots there were at the version that the last run of `held` is at
    tl_cursor_map held;
    int64_t opened_tick; // of the frame that opened it
    int64_t closed_tick; // of the newest frame that closed the handle
    bool left_out;       // for want of room: nothing of it is held, taken or asked for before that tick
    int64_t again_tick, wait_ticks;
} tl_view_stream;

// How the state that shows an entity takes the place of the one before: from tick `at` on. So that nothing leaps, the
// gap between the two is crossed evenly in `ticks` from tick `from` on; see view_history.c.
typedef struct tl_view_switch {
    double at, from;
    float ticks;                 // 0: there is no gap
    float gap_m[3], turn_rad[3]; // in the frame of the carrier
} tl_view_switch;

// A state that has shown an entity before, kept as far back as a display looks that runs behind the newest frame.
typedef struct tl_view_former {
    struct tl_view_former *next;           // the one that was kept after it, of any entity
    struct tl_view_former *before, *after; // of the same entity; no `after`: what shows it now comes next
    tl_view_switch to;                     // to the one that comes next
    double needed_tick;                    // until then
    tl_entity_id carrier_id;
    tl_origin origin;
    int32_t entity; // TL_NONE: it is gone
    int level;
    uint8_t kind;
    int64_t state[];
} tl_view_former;

typedef struct tl_view_entity {
    tl_entity_id id;
    int32_t home_stream, home_slot; // TL_NONE: an orphan, which left its last stream and has not come into the next yet
    int32_t first_stream, first_slot; // its holders
    tl_view_former *former;           // what showed it before; NULL: no display looks back so far
    int64_t left_tick;                // the newest of those at which a slot ceased to hold it
    // an orphan's last state
    int64_t *state;
    tl_entity_id carrier_id;
    tl_origin origin;
    int level;
    uint8_t kind;
    bool used;
    bool listed; // its index is in the list of orphans: it is one, or was
} tl_view_entity;

// An entity as the renderer needs it, kept as long as nothing of it changes and it goes straight.
typedef struct tl_view_drawn {
    double position[3], tick; // where it is at that tick
    double until;             // the last tick for which that and the rate hold
    float rate[3];            // metres a tick
    float basis[9];           // rows
    float speed;              // m/s
    float numbers[2];         // that its id gives
    uint8_t kind;
    uint8_t state; // TL_DRAWN_…
    bool carried;
} tl_view_drawn;

enum {
    TL_DRAWN_NONE,  // no entity has that index
    TL_DRAWN_STALE, // to be evaluated
    TL_DRAWN_HELD,
};

typedef enum tl_view_change { TL_VIEW_ENTERED, TL_VIEW_CHANGED, TL_VIEW_LEFT } tl_view_change;

typedef struct tl_view_event {
    tl_view_change change;
    tl_entity_id id;
    uint8_t kind;
} tl_view_event;

typedef struct tl_nack {
    uint16_t sequence; // of the newest datagram with a chunk of those slots that did not fit
    uint32_t handle, begin, end;
    int64_t tick;       // that the newest such chunk ran to: once all of the slots have that, the nack is settled
    int64_t first_tick; // and the oldest: before that everything may have arrived
} tl_nack;

typedef enum tl_view_verdict {
    TL_VIEW_TAKEN,
    TL_VIEW_LATE,   // what it brings is here already, or its stream is closed
    TL_VIEW_MISSED, // it does not run from what is held: the server is told (a nack)
} tl_view_verdict;

typedef struct tl_view_chunk {
    tl_chunk_head head;
    uint32_t first_op, op_count;
    uint32_t to_version, top; // top: slots that the stream then has at least
    int64_t to_tick;
    tl_view_verdict verdict;
} tl_view_chunk;

enum {
    TL_VIEW_NACKS_MAX = 256,
    TL_VIEW_CHUNKS_MAX = 512, // in a datagram
    TL_VIEW_ENDED_MAX = 256,
    TL_VIEW_SLOTS_VISITED_MAX = 1 << 22, // by its chunks
};

typedef struct tl_view {
    tl_heap *heap;
    const tl_kinds *kinds;
    tl_view_stream *streams; // by handle
    tl_view_entity *entities;
    tl_view_drawn *drawn; // by entity
    int32_t *entity_free;
    int32_t *orphans;    // each once
    int64_t orphan_tick; // the earliest that one of them left at
    uint32_t entities_max, entity_top, entity_free_count, entity_count, orphan_count;
    tl_map map;
    tl_view_event *events; // ring
    uint32_t events_max, event_first, event_count;
    bool events_lost;
    int64_t tick, settled_tick;       // of the newest frame
    int64_t settled_told;             // as the server knows it: it may not have heard of the nacks yet
    tl_nack nacks[TL_VIEW_NACKS_MAX]; // of what is not held as the server believes; told until it is mended
    uint32_t nack_count, nack_next;
    // Entities that were deleted, until all that was on its way by then has arrived: a late datagram may still bring
    // one.
    struct {
        tl_entity_id id;
        int64_t tick;
    } ended[TL_VIEW_ENDED_MAX];
    uint32_t ended_count;
    uint16_t sequence;                          // of the datagram being taken in
    tl_view_former *former_first, *former_last; // the oldest, the latest
    uint32_t former_count;
    double shown_tick; // the latest that was displayed; below every tick: none was
    // scratch
    tl_view_chunk *chunks;
    tl_chunk_op *ops;
    int64_t *words;
    tl_chunk_coder *coder;
    uint32_t chunk_count, op_count, word_count, slots_visited;
    uint32_t left_out_count; // streams
    uint64_t unshown;        // streams and entities that found no room, ever
    uint64_t malformed, skipped, full, applied, orphans_looked_at;
} tl_view;

size_t tl_view_bytes(uint32_t entities_max);
tl_result tl_view_init(tl_view *v, tl_heap *heap, const tl_kinds *kinds, uint32_t entities_max);

int32_t tl_view_find(const tl_view *v, tl_entity_id id);
// What shows an entity now.
typedef struct tl_view_source {
    const int64_t *state;
    tl_entity_id carrier_id;
    tl_origin origin;
    int level;
    const tl_kind *kind;
} tl_view_source;
tl_view_source tl_view_source_of(const tl_view *v, int32_t entity);
void tl_view_push_event(tl_view *v, tl_view_change change, const tl_view_entity *e);
bool tl_view_next_event(tl_view *v, tl_view_event *out);
// What shows the entity has changed.
static inline void tl_view_stale(tl_view *v, int32_t entity)
{
    v->drawn[entity].state = TL_DRAWN_STALE;
}
void tl_view_validate(const tl_view *v);

#endif
