#include "base/ring.h"

enum { ALIGNMENT = 16 };

static size_t padded(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void tl_ring_init(tl_ring *ring, void *memory, size_t bytes)
{
    *ring = (tl_ring){.memory = memory, .bytes = bytes / ALIGNMENT * ALIGNMENT};
}

size_t tl_ring_room(const tl_ring *ring)
{
    if (ring->wrapped) {
        return ring->head - ring->tail;
    }
    size_t behind = ring->bytes - ring->tail;
    return behind > ring->head ? behind : ring->head;
}

void *tl_ring_push(tl_ring *ring, size_t bytes)
{
    size_t block = padded(bytes);
    TL_ASSERT(block <= tl_ring_room(ring));
    if (!ring->wrapped && ring->bytes - ring->tail < block) {
        ring->wrapped = true;
        ring->end = ring->tail;
        ring->tail = 0;
    }
    void *at = ring->memory + ring->tail;
    ring->tail += block;
    ring->used_bytes += block;
    return at;
}

void tl_ring_pop(tl_ring *ring, size_t bytes)
{
    size_t block = padded(bytes);
    TL_ASSERT(block <= ring->used_bytes);
    ring->head += block;
    ring->used_bytes -= block;
    if (ring->wrapped && ring->head == ring->end) {
        ring->head = 0;
        ring->wrapped = false;
    }
    if (ring->used_bytes == 0) {
        ring->head = ring->tail = 0; // untouched pages stay untouched
    }
}
