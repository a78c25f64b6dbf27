// While a world is loaded: which groups were deleted, and as of which tick. A store remembers every one of them, and
// hardly any is in the logs that follow; so they take no places for groups, and are forgotten once all is loaded.
#ifndef TRAMLINE_WORLD_TOMBS_H
#define TRAMLINE_WORLD_TOMBS_H

#include "base/heap.h"

typedef struct tl_tomb {
    tl_group_id group; // 0: free
    int64_t tick;
} tl_tomb;

typedef struct tl_tombs { // a hash table that grows; all zero: empty
    tl_tomb *entries;
    uint32_t capacity, count; // a power of two
} tl_tombs;

// TL_ERR_MEMORY: the heap is full. A later tick replaces an earlier one.
tl_result tl_tombs_put(tl_tombs *tombs, tl_heap *heap, tl_group_id group, int64_t tick);
// As of when the group was deleted last, -1: it is not known to be.
int64_t tl_tombs_tick(const tl_tombs *tombs, tl_group_id group);
void tl_tombs_clear(tl_tombs *tombs, tl_heap *heap);

#endif
