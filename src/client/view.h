// The view: a client's copy of the world. It takes in the datagrams of frames, each on its own and in any order, and
// returns poses at any time. While levels or tiles change over, an entity may be in several streams: the finest one
// shows it, and it stays visible throughout. This file declares the data that the other view files work on.
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
    int32_t entity;                 // TL_NONE: already deleted by another stream
    int32_t next_stream, next_slot; // the entity's next holder
    int64_t segment_tick;           // of its state: when the segment began
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
    uint32_t end_top; // the number of slots at the version of the last run of `held`
    tl_cursor_map held;
    int64_t opened_tick; // of the frame that opened it
    int64_t closed_tick; // of the newest frame that closed the handle
    bool left_out;       // for lack of space: nothing of it is held, applied or requested before again_tick
    int64_t again_tick, wait_ticks;
} tl_view_stream;

// How the state that shows an entity replaces the previous one, from tick `at` on. To avoid a jump, the gap between the
// two is closed evenly in `ticks` from tick `from` on; see view_history.c.
typedef struct tl_view_switch {
    double at, from;
    float ticks;                 // 0: no gap
    float gap_m[3], turn_rad[3]; // in the frame of the carrier
} tl_view_switch;

// A state that showed an entity earlier, kept for displays that run behind the newest frame.
typedef struct tl_view_former {
    struct tl_view_former *next;           // the one kept after it, of any entity
    struct tl_view_former *before, *after; // of the same entity; after = NULL: what shows it now follows
    tl_view_switch to;                     // the switch to the state that follows
    double needed_tick;                    // kept until this tick
    tl_entity_id carrier_id;
    tl_origin origin;
    int32_t entity; // TL_NONE: the entity is gone
    int level;
    uint8_t kind;
    int64_t state[];
} tl_view_former;

typedef struct tl_view_entity {
    tl_entity_id id;
    int32_t home_stream, home_slot;   // TL_NONE: an orphan, between its last stream and the next
    int32_t first_stream, first_slot; // its holders
    tl_view_former *former;           // what showed it before; NULL: no display looks back that far
    int64_t left_tick;                // the newest tick at which a slot ceased to hold it
    // an orphan's last state
    int64_t *state;
    tl_entity_id carrier_id;
    tl_origin origin;
    int level;
    uint8_t kind;
    bool used;
    bool listed; // it is in the list of orphans: it is one, or was
} tl_view_entity;

// An entity as a renderer needs it, valid as long as it does not change and moves straight.
typedef struct tl_view_drawn {
    double position[3], tick; // its position at that tick
    double until;             // the last tick for which position and rate are valid
    float rate[3];            // metres per tick
    float basis[9];           // rows
    float speed;              // m/s
    float numbers[2];         // derived from its id
    uint8_t kind;
    uint8_t state; // TL_DRAWN_…
    bool carried;
} tl_view_drawn;

enum {
    TL_DRAWN_NONE,  // no entity has this index
    TL_DRAWN_STALE, // needs evaluation
    TL_DRAWN_HELD,
};

typedef enum tl_view_change { TL_VIEW_ENTERED, TL_VIEW_CHANGED, TL_VIEW_LEFT } tl_view_change;

typedef struct tl_view_event {
    tl_view_change change;
    tl_entity_id id;
    uint8_t kind;
} tl_view_event;

typedef struct tl_nack {
    uint16_t sequence; // of the newest datagram with a chunk of these slots that could not be applied
    uint32_t handle, begin, end;
    int64_t tick;       // last tick of the newest such chunk; the nack is settled when all slots have reached it
    int64_t first_tick; // and of the oldest: before it everything may have arrived
} tl_nack;

typedef enum tl_view_verdict {
    TL_VIEW_TAKEN,
    TL_VIEW_LATE,   // its content is already here, or its stream is closed
    TL_VIEW_MISSED, // it does not start from what is held: reported to the server (a nack)
} tl_view_verdict;

typedef struct tl_view_chunk {
    tl_chunk_head head;
    uint32_t first_op, op_count;
    uint32_t to_version, top; // top: the stream's least number of slots then
    int64_t to_tick;
    tl_view_verdict verdict;
} tl_view_chunk;

enum {
    TL_VIEW_NACKS_MAX = 256,
    TL_VIEW_CHUNKS_MAX = 512, // per datagram
    TL_VIEW_ENDED_MAX = 256,
    TL_VIEW_SLOTS_VISITED_MAX = 1 << 22, // by a datagram's chunks
};

typedef struct tl_view {
    tl_heap *heap;
    const tl_kinds *kinds;
    tl_view_stream *streams; // by handle
    tl_view_entity *entities;
    tl_view_drawn *drawn; // by entity
    int32_t *entity_free;
    int32_t *orphans;    // no duplicates
    int64_t orphan_tick; // the earliest tick at which one of them left
    uint32_t entities_max, entity_top, entity_free_count, entity_count, orphan_count;
    tl_map map;
    tl_view_event *events; // ring
    uint32_t events_max, event_first, event_count;
    bool events_lost;
    int64_t tick, settled_tick;       // of the newest frame
    int64_t settled_told;             // as far as the server knows, which may not have received the nacks yet
    tl_nack nacks[TL_VIEW_NACKS_MAX]; // slots not held as the server assumes; reported until settled
    uint32_t nack_count, nack_next;
    // Deleted entities, until everything sent up to then has arrived: a late datagram may still contain one.
    struct {
        tl_entity_id id;
        int64_t tick;
    } ended[TL_VIEW_ENDED_MAX];
    uint32_t ended_count;
    uint16_t sequence;                          // of the datagram being applied
    tl_view_former *former_first, *former_last; // the oldest, the newest
    uint32_t former_count;
    double shown_tick; // the latest displayed tick; negative before the first
    // scratch space
    tl_view_chunk *chunks;
    tl_chunk_op *ops;
    int64_t *words;
    tl_chunk_coder *coder;
    uint32_t chunk_count, op_count, word_count, slots_visited;
    uint32_t left_out_count; // streams
    uint64_t unshown;        // total of streams and entities that found no space
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
// Must be called when what shows the entity has changed.
static inline void tl_view_stale(tl_view *v, int32_t entity)
{
    v->drawn[entity].state = TL_DRAWN_STALE;
}
void tl_view_validate(const tl_view *v);

#endif
