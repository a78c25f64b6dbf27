// A heap inside one block of memory, given at creation: no call to the system after that. Free lists by size class;
// blocks are never joined, which suits pools that settle. Pages that were never used are never touched.
#ifndef TRAMLINE_BASE_HEAP_H
#define TRAMLINE_BASE_HEAP_H

#include "base/base.h"

enum { TL_HEAP_CLASSES = 64 + 4 * 40 };

typedef struct tl_heap {
    unsigned char *memory;
    size_t bytes, used_bytes; // used: carved so far; freed blocks are used again, not given back
    size_t live_bytes;        // handed out now
    void *free[TL_HEAP_CLASSES];
} tl_heap;

void tl_heap_init(tl_heap *heap, void *memory, size_t bytes);
// Zeroed, aligned to 16. NULL if the heap is full.
void *tl_heap_alloc(tl_heap *heap, size_t bytes);
// `bytes` as it was asked for. NULL is fine.
void tl_heap_free(tl_heap *heap, void *block, size_t bytes);
// A larger array with the old one's content; the old one is freed. NULL, and the old one kept, if the heap is full.
void *tl_heap_grow(tl_heap *heap, void *array, size_t count, size_t new_count, size_t element_bytes);

#endif
