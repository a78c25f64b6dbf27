// A small city with servers and riders as processes of their own, to do things to while the riders look on.
#ifndef TESTS_APP_CROWD_H
#define TESTS_APP_CROWD_H

#include "program.h"

enum { SERVERS = 3, RIDERS_MAX = 3, RIDERS = 2, ENTITIES = 3000, URI_BYTES = 512, WAY_BYTES = 512 };

#define OWNER_WITHIN_S 3.0
#define LINE_EVERY_S 1.0 // servers say once a second what they own
#define RIGHT_WITHIN_S 2.0

typedef struct crowd {
    char folder[PROGRAM_PATH_BYTES];
    char store[URI_BYTES];
    int entities, rider_count; // 0: ENTITIES, RIDERS
    // of entities that may be off by more than once, twice the tolerance; 0: 0.001, none
    double over_share, over_twice_share;
    // of entities that boarded or alighted more than half a second ago, and are not shown so yet
    int wrong_carriers_max;
    bool forgives_slow_store; // more may be off where commits took long, see lateness.h
    pid_t servers[SERVERS], riders[RIDERS_MAX];
    char fingerprints[SERVERS][65];
    int ports[SERVERS];
    // options of `tramline ride` that say where a rider connects; empty: at the first server
    char ways[RIDERS_MAX][WAY_BYTES];
} crowd;

// The three steps of a start together, with all riders at the first server.
void crowd_start(crowd *c, const char *store);
// Fills a store (NULL: a directory of its own).
void crowd_fill(crowd *c, const char *store);
// Starts server `i`, or starts it again.
void crowd_start_server(crowd *c, int i);
// Starts the riders once every server has its share, and waits until each sees everything.
void crowd_ride(crowd *c);
// One more, or one again; it need not be waited for.
void crowd_start_rider(crowd *c, int i);
// Waits until the servers of a mask own all groups, and each at least one. CHECKs that it does not take longer.
void crowd_wait_for_owners(const crowd *c, int mask, double seconds_max);
// Waits until the store is well again: each server has said that what it made after now is committed, and was so soon.
// CHECKs likewise.
void crowd_wait_for_commits(const crowd *c, int mask, double seconds_max);
// In how many seconds after `from_tick` a server applied ticks without all records (lateness.h). crowd_tick(): its last
// tick.
int crowd_late_seconds(const crowd *c, int server, double from_tick);
double crowd_tick(const crowd *c, int server);
// For some seconds from now on, every check of every rider finds everything right.
void crowd_check(const crowd *c, double seconds);
// How many checks a rider has written down; and whether all from a number on found everything right, as far as they are
// judged (a rider that has another connection is not, for two seconds).
size_t crowd_checks(const crowd *c, int rider);
bool crowd_was_right(const crowd *c, int rider, size_t from);
// The same, two seconds after the store is well again. While it is not (a database that recovers does so in several
// steps) riders may be wrong, and it is tried again. CHECKs that it does not take longer.
void crowd_check_once_well(const crowd *c, int seconds, double seconds_max);
// Ends the riders and the servers of the mask, in order; the store must be sound.
void crowd_stop(crowd *c, int mask);

#endif
