#include "base/heap.h"

// Size classes: steps of 16 bytes up to 1 kB, then four classes per doubling.
static int class_of(size_t bytes, size_t *class_bytes)
{
    if (bytes <= 1024) {
        size_t steps = bytes ? (bytes + 15) / 16 : 1;
        *class_bytes = steps * 16;
        return (int)steps - 1;
    }
    int octave = tl_bit_length(bytes - 1) - 1; // 2^octave < bytes <= 2^(octave + 1)
    size_t quarter = ((size_t)1 << octave) / 4;
    size_t step = (bytes - ((size_t)1 << octave) + quarter - 1) / quarter; // 1..4
    *class_bytes = ((size_t)1 << octave) + step * quarter;
    return 64 + (octave - 10) * 4 + (int)step - 1;
}

void tl_heap_init(tl_heap *heap, void *memory, size_t bytes)
{
    memset(heap, 0, sizeof *heap);
    heap->memory = memory;
    heap->bytes = bytes;
}

void *tl_heap_alloc(tl_heap *heap, size_t bytes)
{
    size_t class_bytes;
    int class = class_of(bytes, &class_bytes);
    if (class >= TL_HEAP_CLASSES) {
        return NULL;
    }
    void *block = heap->free[class];
    if (block) {
        memcpy(&heap->free[class], block, sizeof(void *));
        memset(block, 0, bytes);
    } else {
        if (heap->bytes - heap->used_bytes < class_bytes) {
            return NULL;
        }
        block = heap->memory + heap->used_bytes;
        heap->used_bytes += class_bytes; // fresh memory is zero
    }
    heap->live_bytes += class_bytes;
    return block;
}

void tl_heap_free(tl_heap *heap, void *block, size_t bytes)
{
    if (block == NULL) {
        return;
    }
    size_t class_bytes;
    int class = class_of(bytes, &class_bytes);
    TL_ASSERT(heap->live_bytes >= class_bytes);
    memcpy(block, &heap->free[class], sizeof(void *));
    heap->free[class] = block;
    heap->live_bytes -= class_bytes;
}

void *tl_heap_grow(tl_heap *heap, void *array, size_t count, size_t new_count, size_t element_bytes)
{
    TL_ASSERT(new_count >= count);
    void *grown = tl_heap_alloc(heap, new_count * element_bytes);
    if (grown == NULL) {
        return NULL;
    }
    if (count) {
        memcpy(grown, array, count * element_bytes);
    }
    tl_heap_free(heap, array, count * element_bytes);
    return grown;
}
