// A heap inside one block of memory that is passed at creation; it makes no system calls after that. Free lists by size
// class; blocks are never coalesced, which suits pools whose sizes settle. Unused pages are never touched.
#ifndef TRAMLINE_BASE_HEAP_H
#define TRAMLINE_BASE_HEAP_H

#include "base/base.h"

enum { TL_HEAP_CLASSES = 64 + 4 * 40 };

typedef struct tl_heap {
    unsigned char *memory;
    size_t bytes, used_bytes; // used: carved off the block so far; freed blocks stay counted, for reuse
    size_t live_bytes;        // allocated at present
    void *free[TL_HEAP_CLASSES];
} tl_heap;

void tl_heap_init(tl_heap *heap, void *memory, size_t bytes);
// Returns zeroed memory aligned to 16 bytes, or NULL if the heap is full.
void *tl_heap_alloc(tl_heap *heap, size_t bytes);
// `bytes` must be the size that was requested. NULL is ignored.
void tl_heap_free(tl_heap *heap, void *block, size_t bytes);
// Returns a larger array with the old content and frees the old array. Returns NULL and keeps the old array if the heap
// is full.
void *tl_heap_grow(tl_heap *heap, void *array, size_t count, size_t new_count, size_t element_bytes);

#endif
