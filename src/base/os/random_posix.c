#define _GNU_SOURCE
#include "base/os/random.h"

#include "base/base.h"

#include <errno.h>
#include <sys/random.h>

bool tl_os_random(void *out, size_t bytes)
{
    TL_ASSERT(out || bytes == 0);
    for (size_t done = 0; done < bytes;) {
        ssize_t got = getrandom((char *)out + done, bytes - done, 0);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}
