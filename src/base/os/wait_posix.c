#define _GNU_SOURCE // ppoll
#include "base/os/wait.h"

#include "base/base.h"

#include <poll.h>

void tl_os_wait_readable(const int *handles, size_t count, uint64_t timeout_us)
{
    TL_ASSERT(count <= TL_OS_WAIT_HANDLES_MAX);
    struct pollfd waits[TL_OS_WAIT_HANDLES_MAX];
    for (size_t i = 0; i < count; i++) {
        waits[i] = (struct pollfd){.fd = handles[i], .events = POLLIN};
    }
    struct timespec limit = {.tv_sec = (time_t)(timeout_us / 1000000u),
                             .tv_nsec = (long)(timeout_us % 1000000u) * 1000};
    ppoll(waits, (nfds_t)count, &limit, NULL);
}

bool tl_os_is_writable(int handle)
{
    struct pollfd wait = {.fd = handle, .events = POLLOUT};
    return poll(&wait, 1, 0) == 1 && (wait.revents & POLLOUT);
}
