#include "clock.h"

#include <time.h>

static uint64_t read_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

tl_time gd_now(void)
{
    return (tl_time){.wall_us = read_us(CLOCK_REALTIME), .monotonic_us = read_us(CLOCK_MONOTONIC)};
}

uint64_t gd_now_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}
