// Deleted groups and the ticks of their deletion, while a world is loaded. A store remembers all of them, and hardly
// any is in the logs that follow, so they use no group indices and are discarded when loading ends.
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

// A later tick replaces an earlier one. TL_ERR_MEMORY: the heap is full.
tl_result tl_tombs_put(tl_tombs *tombs, tl_heap *heap, tl_group_id group, int64_t tick);
// The tick of the group's last deletion; -1: not known to be deleted.
int64_t tl_tombs_tick(const tl_tombs *tombs, tl_group_id group);
void tl_tombs_clear(tl_tombs *tombs, tl_heap *heap);

#endif
