// Memory from the allocator that the program has set (tramline/hooks.h). Any thread.
#ifndef TRAMLINE_BASE_MEMORY_H
#define TRAMLINE_BASE_MEMORY_H

#include "base/base.h"

// Zeroed memory, aligned as by malloc(). NULL: there is none. `bytes` may be 0; then one byte is allocated.
void *tl_alloc(size_t bytes);
// The same for an array; NULL also if its size overflows.
void *tl_alloc_array(size_t count, size_t bytes);
// A larger block with the first `old_bytes` of an old one, which is freed; what is new is zeroed. NULL: there is none,
// and the old block stays. `old` may be NULL.
void *tl_realloc(void *old, size_t old_bytes, size_t bytes);
// A copy of a string. NULL: out of memory.
char *tl_alloc_string(const char *text);
void tl_free(void *memory); // NULL is ignored

#endif
