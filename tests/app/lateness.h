// Records that came too late: mirrors went on without them (ticks_incomplete), and until they arrive riders may see
// their server's entities off. A disk or processor that pauses now and then causes this without a fault in what is
// tested: it is forgiven where the commits of a server that nobody attacks were slow.
#ifndef TESTS_APP_LATENESS_H
#define TESTS_APP_LATENESS_H

#include <stdbool.h>

// Limits of what is forgiven: in how many seconds of a run of half a minute records may be late; and, in these seconds,
// which share of the entities may be off by more than the tolerance, and by more than twice the tolerance.
enum { LATE_SECONDS_MAX = 2 };
#define LATE_OVER_SHARE_MAX 0.05
#define LATE_TWICE_SHARE_MAX 0.02

// In how many lines of a server's statistics (one a second), with ticks in (from_tick, to_tick], ticks_incomplete rose.
int lateness_seconds(const char *stats, double from_tick, double to_tick);
// Whether a server's own commits took so long near a tick that this explains what a rider saw then: the store stood
// still. Asked of servers that are not attacked themselves.
bool lateness_of_store(const char *stats, double tick);

#endif
