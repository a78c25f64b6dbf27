// The history of a stream: its recent versions, and what its slots held before them, so that a chunk can run from any
// of those versions to the present one. A version begins in each tick that changes the stream; before a slot's first
// change in it, the slot's content is copied to an undo log.
#ifndef TRAMLINE_WORLD_HISTORY_H
#define TRAMLINE_WORLD_HISTORY_H

#include "base/heap.h"
#include "motion/kinds.h"

enum {
    TL_HISTORY_VERSIONS = 60, // clients with older versions receive the whole tile
    TL_HISTORY_RING = 64,
};

typedef struct tl_undo { // what a slot held before a version
    tl_entity_id id, carrier_id;
    int64_t *state; // NULL: the slot was empty
    uint32_t version, slot;
    uint8_t kind;
} tl_undo;

typedef struct tl_history {
    tl_heap *heap;
    const tl_kinds *kinds;
    uint32_t version, version_oldest; // chunks can start from version_oldest or later
    int64_t version_tick;             // at which the present version began
    tl_undo *undo;                    // ring
    uint32_t undo_capacity, undo_first, undo_count;
    uint32_t top_at[TL_HISTORY_RING]; // by version: the number of slots
    int64_t reached[TL_HISTORY_RING]; // by version: the tick at which it began
} tl_history;

typedef enum tl_version_begun {
    TL_VERSION_GOES_ON,   // a version has already begun this tick
    TL_VERSION_BEGUN,     //
    TL_VERSION_RESTARTED, // the number wrapped to 1: no older version can be continued
} tl_version_begun;

void tl_history_init(tl_history *h, tl_heap *heap, const tl_kinds *kinds, int64_t tick);
// Begins a version at the first change of a tick, and drops history beyond the limit.
tl_version_begun tl_history_begin(tl_history *h, int64_t tick, uint32_t slot_top);
// Copies what a slot holds, once per version (sets `held.version`). Returns false if out of memory; the history is
// dropped then, and all clients receive the whole tile.
bool tl_history_keep(tl_history *h, tl_undo held);
// Records the present version's number of slots.
void tl_history_note_top(tl_history *h, uint32_t slot_top);
// Makes all versions before the present one unreachable.
void tl_history_forget(tl_history *h);
// The same, and frees all memory; version numbers continue.
void tl_history_free(tl_history *h);

// Whether a chunk can run from that version to the present one.
bool tl_history_reaches(const tl_history *h, uint32_t version);
// For a reachable version: the tick at which it began, and its number of slots.
int64_t tl_history_tick(const tl_history *h, uint32_t version);
uint32_t tl_history_top(const tl_history *h, uint32_t version);
// `index` counts from the oldest entry, 0, to the newest.
static inline const tl_undo *tl_history_undo(const tl_history *h, uint32_t index)
{
    return &h->undo[(h->undo_first + index) % h->undo_capacity];
}

#endif
