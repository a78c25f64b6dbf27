// The clocks that the program reads, in microseconds.
#ifndef APP_CLOCK_H
#define APP_CLOCK_H

#include "tramline/types.h"

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

// Since 1970: for what other machines are told, and tokens. It may jump.
static inline uint64_t clock_world_us(void)
{
    return clock_read_us(CLOCK_REALTIME);
}

// For durations and deadlines, and what clients are stepped with.
static inline uint64_t clock_steady_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}

// Both: what servers are stepped with.
static inline tl_time clock_now(void)
{
    return (tl_time){.wall_us = clock_world_us(), .monotonic_us = clock_steady_us()};
}

// What this thread has used of a processor.
static inline uint64_t clock_thread_us(void)
{
    return clock_read_us(CLOCK_THREAD_CPUTIME_ID);
}

static inline void clock_sleep_us(uint64_t us)
{
    struct timespec length = {.tv_sec = (time_t)(us / 1000000u), .tv_nsec = (long)(us % 1000000u) * 1000};
    nanosleep(&length, NULL);
}

#endif
