// A queue of blocks of any size within one piece of memory, first in first out: it is as full as its blocks are large,
// and nothing that was in it before matters.
#ifndef TRAMLINE_BASE_RING_H
#define TRAMLINE_BASE_RING_H

#include "base/base.h"

typedef struct tl_ring {
    unsigned char *memory;
    size_t bytes;
    size_t head, tail; // of the first block; behind the last one
    size_t end;        // wrapped: behind the last block before the one at 0
    size_t used_bytes; // by blocks
    bool wrapped;
} tl_ring;

void tl_ring_init(tl_ring *ring, void *memory, size_t bytes);
size_t tl_ring_room(const tl_ring *ring);        // the largest block that may be added now
void *tl_ring_push(tl_ring *ring, size_t bytes); // aligned as 16; `bytes` is within the room
void tl_ring_pop(tl_ring *ring, size_t bytes);   // the first one, by its size as it was asked for

#endif
