// Process-wide hooks: failed assertions and memory.
#include "tramline/hooks.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

static tl_assert_handler *assert_handler;
static void *assert_user;
static tl_allocator allocator; // .allocate NULL: the C library's functions

void tl_set_assert_handler(tl_assert_handler *handler, void *user)
{
    assert_handler = handler;
    assert_user = user;
}

void tl_assert_failed(const char *file, int line, const char *condition)
{
    if (assert_handler) {
        assert_handler(assert_user, file, line, condition);
    } else {
        fprintf(stderr, "%s:%d: assertion failed: %s. This is a bug in Tramline.\n", file, line, condition);
    }
    abort();
}

void tl_set_allocator(const tl_allocator *given)
{
    TL_ASSERT(given == NULL || (given->allocate && given->release));
    allocator = given ? *given : (tl_allocator){0};
}

void *tl_alloc(size_t bytes)
{
    bytes += bytes == 0;
    return allocator.allocate ? allocator.allocate(allocator.user, bytes) : calloc(1, bytes);
}

void *tl_alloc_array(size_t count, size_t bytes)
{
    if (bytes && count > SIZE_MAX / bytes) {
        return NULL;
    }
    return tl_alloc(count * bytes);
}

void *tl_realloc(void *old, size_t old_bytes, size_t bytes)
{
    TL_ASSERT(bytes >= old_bytes);
    void *grown = tl_alloc(bytes);
    if (grown && old) {
        memcpy(grown, old, old_bytes);
        tl_free(old);
    }
    return grown;
}

char *tl_alloc_string(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = tl_alloc(bytes);
    if (copy) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

void tl_free(void *memory)
{
    if (memory == NULL) {
        return;
    }
    if (allocator.allocate) {
        allocator.release(allocator.user, memory);
    } else {
        free(memory);
    }
}
