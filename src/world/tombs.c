#include "world/tombs.h"

enum { CAPACITY_MIN = 1024, CAPACITY_MAX = 1 << 30 };

// Finds the group's entry, or the free one where it would be.
static tl_tomb *place_of(const tl_tombs *tombs, tl_group_id group)
{
    uint32_t i = (uint32_t)tl_mix(group) & (tombs->capacity - 1);
    while (tombs->entries[i].group && tombs->entries[i].group != group) {
        i = (i + 1) & (tombs->capacity - 1);
    }
    return &tombs->entries[i];
}

static bool grow(tl_tombs *tombs, tl_heap *heap)
{
    tl_tombs larger = {.capacity = tombs->capacity ? tombs->capacity * 2 : CAPACITY_MIN, .count = tombs->count};
    if (tombs->capacity == CAPACITY_MAX) {
        return false;
    }
    larger.entries = tl_heap_alloc(heap, larger.capacity * sizeof *larger.entries);
    if (larger.entries == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < tombs->capacity; i++) {
        if (tombs->entries[i].group) {
            *place_of(&larger, tombs->entries[i].group) = tombs->entries[i];
        }
    }
    tl_heap_free(heap, tombs->entries, tombs->capacity * sizeof *tombs->entries);
    *tombs = larger;
    return true;
}

tl_result tl_tombs_put(tl_tombs *tombs, tl_heap *heap, tl_group_id group, int64_t tick)
{
    TL_ASSERT(group != 0);
    if (tombs->count >= tombs->capacity / 4 * 3 && !grow(tombs, heap)) {
        return TL_ERR_MEMORY;
    }
    tl_tomb *tomb = place_of(tombs, group);
    if (tomb->group == 0) {
        *tomb = (tl_tomb){group, tick};
        tombs->count++;
    }
    if (tomb->tick < tick) {
        tomb->tick = tick;
    }
    return TL_OK;
}

int64_t tl_tombs_tick(const tl_tombs *tombs, tl_group_id group)
{
    if (tombs->count == 0 || group == 0) {
        return -1;
    }
    const tl_tomb *tomb = place_of(tombs, group);
    return tomb->group ? tomb->tick : -1;
}

void tl_tombs_clear(tl_tombs *tombs, tl_heap *heap)
{
    tl_heap_free(heap, tombs->entries, tombs->capacity * sizeof *tombs->entries);
    *tombs = (tl_tombs){0};
}
