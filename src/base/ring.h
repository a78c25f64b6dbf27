// A first-in, first-out queue of variable-size blocks in one piece of memory. How full it is depends only on the blocks
// it holds, not on earlier ones.
#ifndef TRAMLINE_BASE_RING_H
#define TRAMLINE_BASE_RING_H

#include "base/base.h"

typedef struct tl_ring {
    unsigned char *memory;
    size_t bytes;
    size_t head, tail; // of the first block; behind the last one
    size_t end;        // if wrapped: end of the last block before the one at offset 0
    size_t used_bytes; // by the queued blocks
    bool wrapped;
} tl_ring;

void tl_ring_init(tl_ring *ring, void *memory, size_t bytes);
size_t tl_ring_room(const tl_ring *ring);        // the largest block that can be pushed now
void *tl_ring_push(tl_ring *ring, size_t bytes); // aligned to 16; `bytes` must not exceed tl_ring_room()
void tl_ring_pop(tl_ring *ring, size_t bytes);   // removes the first block; `bytes` is the size that was requested

#endif
