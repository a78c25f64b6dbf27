// The system's clocks.
#ifndef GODOT_CLOCK_H
#define GODOT_CLOCK_H

#include "tramline/types.h"

tl_time gd_now(void);
uint64_t gd_now_us(void); // of the monotonic clock

#endif
