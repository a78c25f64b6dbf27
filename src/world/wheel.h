// The wheel: which entities to check in which tick. It has a bucket for each of the next ticks; an entity with a later
// due tick is checked within a turn and added again.
#ifndef TRAMLINE_WORLD_WHEEL_H
#define TRAMLINE_WORLD_WHEEL_H

#include "base/heap.h"

enum {
    TL_WHEEL_TICKS = 1024,
    TL_WHEEL_AHEAD_TICKS_MAX = TL_WHEEL_TICKS - 8, // entries are added at most this far ahead
};

typedef struct tl_wheel_entry {
    int32_t entity;
    int32_t reason; // what to check; defined by the callers
} tl_wheel_entry;

typedef struct tl_wheel_bucket {
    tl_wheel_entry *entries;
    uint32_t count, capacity;
} tl_wheel_bucket;

typedef struct tl_wheel {
    tl_heap *heap;
    tl_wheel_bucket buckets[TL_WHEEL_TICKS];
} tl_wheel;

void tl_wheel_init(tl_wheel *wheel, tl_heap *heap);
// Returns false if out of memory.
bool tl_wheel_add(tl_wheel *wheel, tl_wheel_entry entry, int64_t due_tick);
static inline tl_wheel_bucket *tl_wheel_at(tl_wheel *wheel, int64_t tick)
{
    return &wheel->buckets[tick % TL_WHEEL_TICKS];
}
// Removes the first entries of a bucket: those that were in it before entries a whole turn later were added.
void tl_wheel_remove_first(tl_wheel_bucket *bucket, uint32_t count);

#endif
