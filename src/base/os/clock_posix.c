#define _GNU_SOURCE
#include "base/os/clock.h"

#include "base/base.h"

enum { US_PER_S = 1000000, NS_PER_US = 1000 };

static uint64_t read_us(clockid_t clock)
{
    struct timespec now;
    int error = clock_gettime(clock, &now);
    TL_ASSERT(error == 0);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / NS_PER_US;
}

uint64_t tl_os_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

uint64_t tl_os_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t tl_os_thread_cpu_us(void)
{
    return read_us(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t tl_os_process_cpu_us(void)
{
    return read_us(CLOCK_PROCESS_CPUTIME_ID);
}

tl_time tl_os_now(void)
{
    return (tl_time){.wall_us = tl_os_wall_us(), .monotonic_us = tl_os_monotonic_us()};
}

struct tm tl_os_local_time(void)
{
    time_t now = time(NULL);
    struct tm local = {0};
    localtime_r(&now, &local);
    return local;
}

void tl_os_sleep_us(uint64_t us)
{
    struct timespec length = {.tv_sec = (time_t)(us / US_PER_S), .tv_nsec = (long)(us % US_PER_S) * NS_PER_US};
    nanosleep(&length, NULL);
}
