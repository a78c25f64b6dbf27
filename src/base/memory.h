// Memory from the allocator that the program has set (tramline/hooks.h). Callable from any thread.
#ifndef TRAMLINE_BASE_MEMORY_H
#define TRAMLINE_BASE_MEMORY_H

#include "base/base.h"

// Returns zeroed memory, aligned as by malloc(), or NULL if out of memory. If `bytes` is 0, one byte is allocated.
void *tl_alloc(size_t bytes);
// The same for an array. Also returns NULL if the array's size overflows.
void *tl_alloc_array(size_t count, size_t bytes);
// Returns a larger block with the first `old_bytes` of the old one and frees the old one; the added bytes are zeroed.
// Returns NULL if out of memory; the old block is kept then. `old` may be NULL.
void *tl_realloc(void *old, size_t old_bytes, size_t bytes);
// Returns a copy of a string, or NULL if out of memory. The caller frees it.
char *tl_alloc_string(const char *text);
void tl_free(void *memory); // NULL is ignored

#endif
