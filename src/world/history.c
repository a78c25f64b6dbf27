#include "world/history.h"

enum { UNDO_MIN = 16 };
_Static_assert((int)TL_HISTORY_VERSIONS < (int)TL_HISTORY_RING, "the versions that can be continued are in the ring");

static size_t state_bytes(const tl_history *h, int kind)
{
    return (size_t)h->kinds->kinds[kind].word_count * sizeof(int64_t);
}

void tl_history_init(tl_history *h, tl_heap *heap, const tl_kinds *kinds, int64_t tick)
{
    *h = (tl_history){.heap = heap, .kinds = kinds, .version = 1, .version_oldest = 1, .version_tick = tick};
    h->reached[h->version % TL_HISTORY_RING] = tick;
}

static void drop_oldest(tl_history *h)
{
    TL_ASSERT(h->undo_count > 0);
    tl_undo *undo = &h->undo[h->undo_first];
    if (undo->state) {
        tl_heap_free(h->heap, undo->state, state_bytes(h, undo->kind));
    }
    if (undo->version > h->version_oldest) {
        h->version_oldest = undo->version;
    }
    h->undo_first = (h->undo_first + 1) % h->undo_capacity;
    h->undo_count--;
}

static void drop_all(tl_history *h)
{
    while (h->undo_count) {
        drop_oldest(h);
    }
}

tl_version_begun tl_history_begin(tl_history *h, int64_t tick, uint32_t slot_top)
{
    if (h->version_tick == tick) {
        return TL_VERSION_GOES_ON;
    }
    TL_ASSERT(tick > h->version_tick);
    bool restarted = h->version == UINT32_MAX;
    if (restarted) {
        drop_all(h);
        h->version = 0;
        h->version_oldest = 1;
    }
    h->version++;
    h->version_tick = tick;
    h->reached[h->version % TL_HISTORY_RING] = tick;
    tl_history_note_top(h, slot_top);
    while (h->undo_count && h->version - h->undo[h->undo_first].version >= TL_HISTORY_VERSIONS) {
        drop_oldest(h);
    }
    if (h->version - h->version_oldest > TL_HISTORY_VERSIONS) {
        h->version_oldest = h->version - TL_HISTORY_VERSIONS;
    }
    return restarted ? TL_VERSION_RESTARTED : TL_VERSION_BEGUN;
}

static tl_undo *push_undo(tl_history *h)
{
    if (h->undo_count == h->undo_capacity) {
        uint32_t capacity = h->undo_capacity ? h->undo_capacity * 2 : UNDO_MIN;
        tl_undo *grown = tl_heap_alloc(h->heap, capacity * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        for (uint32_t i = 0; i < h->undo_count; i++) {
            grown[i] = *tl_history_undo(h, i);
        }
        tl_heap_free(h->heap, h->undo, h->undo_capacity * sizeof *h->undo);
        h->undo = grown;
        h->undo_first = 0;
        h->undo_capacity = capacity;
    }
    return &h->undo[(h->undo_first + h->undo_count++) % h->undo_capacity];
}

bool tl_history_keep(tl_history *h, tl_undo held)
{
    size_t bytes = held.state ? state_bytes(h, held.kind) : 0;
    int64_t *copy = bytes ? tl_heap_alloc(h->heap, bytes) : NULL;
    tl_undo *undo = bytes && copy == NULL ? NULL : push_undo(h);
    if (undo == NULL) {
        tl_heap_free(h->heap, copy, bytes);
        tl_history_forget(h);
        return false;
    }
    if (copy) {
        memcpy(copy, held.state, bytes);
    }
    *undo = held;
    undo->state = copy;
    undo->version = h->version;
    return true;
}

void tl_history_note_top(tl_history *h, uint32_t slot_top)
{
    h->top_at[h->version % TL_HISTORY_RING] = slot_top;
}

void tl_history_forget(tl_history *h)
{
    drop_all(h);
    h->version_oldest = h->version;
}

void tl_history_free(tl_history *h)
{
    drop_all(h);
    tl_heap_free(h->heap, h->undo, h->undo_capacity * sizeof *h->undo);
    h->undo = NULL;
    h->undo_capacity = h->undo_first = 0;
}

bool tl_history_reaches(const tl_history *h, uint32_t version)
{
    return version >= h->version_oldest && version <= h->version && version > 0;
}

int64_t tl_history_tick(const tl_history *h, uint32_t version)
{
    TL_ASSERT(tl_history_reaches(h, version) && h->version - version <= TL_HISTORY_VERSIONS);
    return h->reached[version % TL_HISTORY_RING];
}

uint32_t tl_history_top(const tl_history *h, uint32_t version)
{
    TL_ASSERT(tl_history_reaches(h, version) && h->version - version <= TL_HISTORY_VERSIONS);
    return h->top_at[version % TL_HISTORY_RING];
}
