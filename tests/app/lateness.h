// Records that came too late: the world went on without them, and what riders see of their server's entities may be off until
// they are there. On a machine whose disk or processor stands still now and then that is not the fault of what is tested.
#ifndef TESTS_APP_LATENESS_H
#define TESTS_APP_LATENESS_H

#include <stdbool.h>

// Where a machine stood still for longer than servers wait for each other: in so many seconds of half a minute, and so many of
// the entities may be off meanwhile, once and twice the tolerance.
enum { LATE_SECONDS_MAX = 2 };
#define LATE_OVER_SHARE_MAX 0.05
#define LATE_TWICE_SHARE_MAX 0.02

// In how many seconds between two ticks a server's statistics (a file of lines) tell of ticks that were incomplete.
int lateness_seconds(const char *stats, double from_tick, double to_tick);
// Whether that is a reason for what a rider sees at a tick.
bool lateness_shows(const char *stats, double tick);

#endif
