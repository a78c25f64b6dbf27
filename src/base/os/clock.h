// The system's clocks, in microseconds.
#ifndef TRAMLINE_BASE_OS_CLOCK_H
#define TRAMLINE_BASE_OS_CLOCK_H

#include "tramline/types.h"

#include <stdint.h>
#include <time.h>

uint64_t tl_os_wall_us(void);        // since 1970; it may jump
uint64_t tl_os_monotonic_us(void);   // since an unknown moment; for durations and deadlines
uint64_t tl_os_thread_cpu_us(void);  // processor time that this thread has used
uint64_t tl_os_process_cpu_us(void); // the same of all threads of the process
// Both: what a server is stepped with.
tl_time tl_os_now(void);
// Now, in the local time zone.
struct tm tl_os_local_time(void);

// Sleeps for `us`, or until a signal arrives.
void tl_os_sleep_us(uint64_t us);

#endif
