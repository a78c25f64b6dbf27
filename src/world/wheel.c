#include "world/wheel.h"

enum { BUCKET_ENTRIES_MIN = 64 };

void tl_wheel_init(tl_wheel *wheel, tl_heap *heap)
{
    *wheel = (tl_wheel){.heap = heap};
}

bool tl_wheel_add(tl_wheel *wheel, tl_wheel_entry entry, int64_t due_tick)
{
    TL_ASSERT(due_tick >= 0 && entry.entity >= 0);
    tl_wheel_bucket *bucket = tl_wheel_at(wheel, due_tick);
    if (bucket->count == bucket->capacity) {
        uint32_t capacity = bucket->capacity ? bucket->capacity * 2 : BUCKET_ENTRIES_MIN;
        void *grown = tl_heap_grow(wheel->heap, bucket->entries, bucket->capacity, capacity, sizeof *bucket->entries);
        if (grown == NULL) {
            return false;
        }
        bucket->entries = grown;
        bucket->capacity = capacity;
    }
    bucket->entries[bucket->count++] = entry;
    return true;
}

void tl_wheel_remove_first(tl_wheel_bucket *bucket, uint32_t count)
{
    TL_ASSERT(count <= bucket->count);
    if (count) {
        memmove(bucket->entries, bucket->entries + count, (bucket->count - count) * sizeof *bucket->entries);
    }
    bucket->count -= count;
}
