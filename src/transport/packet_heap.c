#include "transport/packet_heap.h"
#include "base/memory.h"

#include "base/base.h"

#include <stdlib.h>

enum { CAPACITY_MIN = 16 };

static bool packet_before(const packet *a, const packet *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

bool tl_packet_heap_push(packet_heap *heap, packet *p)
{
    if (heap->count >= heap->count_max) {
        return false;
    }
    if (heap->count == heap->capacity) {
        uint32_t capacity = heap->capacity ? heap->capacity * 2 : CAPACITY_MIN;
        packet **packets = tl_realloc(heap->packets, heap->capacity * sizeof *packets, capacity * sizeof *packets);
        if (!packets) {
            return false;
        }
        heap->packets = packets;
        heap->capacity = capacity;
    }
    TL_ASSERT(heap->count < heap->capacity);
    uint32_t i = heap->count++;
    for (; i > 0 && packet_before(p, heap->packets[(i - 1) / 2]); i = (i - 1) / 2) {
        heap->packets[i] = heap->packets[(i - 1) / 2];
    }
    heap->packets[i] = p;
    return true;
}

packet *tl_packet_heap_pop(packet_heap *heap)
{
    TL_ASSERT(heap->count > 0);
    packet *first = heap->packets[0];
    packet *last = heap->packets[--heap->count];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count && packet_before(heap->packets[child + 1], heap->packets[child])) {
            child++;
        }
        if (!packet_before(heap->packets[child], last)) {
            break;
        }
        heap->packets[i] = heap->packets[child];
        i = child;
    }
    heap->packets[i] = last;
    return first;
}

void tl_packet_heap_release(packet_heap *heap)
{
    while (heap->count > 0) {
        tl_free(heap->packets[--heap->count]);
    }
    tl_free(heap->packets);
}
