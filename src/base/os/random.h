// Random bytes from the system, fit for keys.
#ifndef TRAMLINE_BASE_OS_RANDOM_H
#define TRAMLINE_BASE_OS_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

// False: the system provides none; errno says why.
bool tl_os_random(void *out, size_t bytes);

#endif
