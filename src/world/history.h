// The history of a stream: its versions, and what its slots held before them, so that a chunk can run from any of the
// last versions to now. A version begins in each tick that changes the stream; the first change of a slot in it is
// preceded by a copy of what the slot held, in an undo log.
#ifndef TRAMLINE_WORLD_HISTORY_H
#define TRAMLINE_WORLD_HISTORY_H

#include "base/heap.h"
#include "motion/kinds.h"

enum {
    TL_HISTORY_VERSIONS = 60, // a cursor further back gets the tile anew
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
    uint32_t version, version_oldest; // cursors from version_oldest on can be continued
    int64_t version_tick;             // at which the present version began
    tl_undo *undo;                    // ring
    uint32_t undo_capacity, undo_first, undo_count;
    uint32_t top_at[TL_HISTORY_RING]; // by version: how many slots there were
    int64_t reached[TL_HISTORY_RING]; // and the tick at which it began
} tl_history;

typedef enum tl_version_begun {
    TL_VERSION_GOES_ON,   // this tick has begun one already
    TL_VERSION_BEGUN,     //
    TL_VERSION_RESTARTED, // after the last number comes 1: no cursor can continue over that
} tl_version_begun;

void tl_history_init(tl_history *h, tl_heap *heap, const tl_kinds *kinds, int64_t tick);
// The first change of a tick begins a version, and drops history beyond the limit.
tl_version_begun tl_history_begin(tl_history *h, int64_t tick, uint32_t slot_top);
// Copies what a slot holds (`held.version` is set here), once a version. False: memory ran out, and the history is
// dropped: all get the tile whole.
bool tl_history_keep(tl_history *h, tl_undo held);
// The present version has so many slots.
void tl_history_note_top(tl_history *h, uint32_t slot_top);
// Nothing before the present version can be continued any more.
void tl_history_forget(tl_history *h);
// The same, and all memory is freed; versions go on.
void tl_history_free(tl_history *h);

// Whether a chunk can run from that version to now.
bool tl_history_reaches(const tl_history *h, uint32_t version);
// Of such a version: the tick at which it began, and how many slots there were then.
int64_t tl_history_tick(const tl_history *h, uint32_t version);
uint32_t tl_history_top(const tl_history *h, uint32_t version);
// From the oldest, 0, to the newest.
static inline const tl_undo *tl_history_undo(const tl_history *h, uint32_t index)
{
    return &h->undo[(h->undo_first + index) % h->undo_capacity];
}

#endif
