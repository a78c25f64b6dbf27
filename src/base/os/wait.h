// Waiting until something can be read. A handle is a file descriptor; on Windows a socket's, which fits into an int,
// too.
#ifndef TRAMLINE_BASE_OS_WAIT_H
#define TRAMLINE_BASE_OS_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TL_OS_WAIT_HANDLES_MAX = 128 };

// Waits until one of the handles can be read, at most for `timeout_us`; a signal ends it early. Negative handles are
// ignored.
void tl_os_wait_readable(const int *handles, size_t count, uint64_t timeout_us);

// Whether a line can be written now without waiting. A pipe says so only while it has room for 4 kB.
bool tl_os_is_writable(int handle);

#endif
