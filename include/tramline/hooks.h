/// @file
/// Hooks of the whole process: what happens when an assertion fails, and where memory comes from. Set them once, before
/// anything else of Tramline is called; they are not guarded by a lock.
#ifndef TRAMLINE_HOOKS_H
#define TRAMLINE_HOOKS_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Called when an assertion fails: a bug in Tramline, never the result of bytes from outside. `file` and `condition`
/// are static strings. May run on any thread. If it returns, the process is aborted. It may leave by longjmp() or by
/// ending the thread instead; then the object whose function failed must not be used again, not even destroyed.
typedef void tl_assert_handler(void *user, const char *file, int line, const char *condition);

/// Sets the handler; NULL restores the default, which prints to standard error and aborts.
TL_API void tl_set_assert_handler(tl_assert_handler *handler, void *user);

/// Where memory comes from.
typedef struct tl_allocator {
    /// Returns `size` zeroed bytes, aligned as by malloc(), or NULL. `size` is at least 1. A server allocates its
    /// limits in one block, of which it touches only what it uses: pages from mmap() do well. Called from any thread.
    void *(*allocate)(void *user, size_t size);
    /// Frees what allocate() returned. Called from any thread. `memory` is never NULL.
    void (*release)(void *user, void *memory);
    void *user; ///< passed to both
} tl_allocator;

/// Sets the allocator of the library; NULL restores calloc() and free(). The third-party libraries in use (OpenSSL,
/// SQLite, Jansson, FoundationDB's client) have allocators of their own. Set it while nothing of Tramline exists:
/// memory is released by the allocator in force at that time.
TL_API void tl_set_allocator(const tl_allocator *allocator);

#ifdef __cplusplus
}
#endif
#endif
