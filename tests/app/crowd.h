// A small city with servers and riders as processes of their own, to do things to while the riders look on.
#ifndef TESTS_APP_CROWD_H
#define TESTS_APP_CROWD_H

#include "program.h"

enum { SERVERS = 3, RIDERS = 2, ENTITIES = 3000, URI_BYTES = 512 };

#define OWNER_WITHIN_S 3.0
#define LINE_EVERY_S 1.0 // servers say once a second what they own
#define RIGHT_WITHIN_S 2.0

typedef struct crowd {
    char folder[PROGRAM_PATH_BYTES];
    char store[URI_BYTES];
    pid_t servers[SERVERS], riders[RIDERS];
    char fingerprint[65];
    int port; // the first server's: all riders are there
} crowd;

// Fills a store (NULL: a directory of its own), starts all, and waits until every rider sees everything.
void crowd_start(crowd *c, const char *store);
// Starts server `i` again.
void crowd_start_server(crowd *c, int i);
// Waits until the servers of a mask own all groups, and each at least one. CHECKs that it does not take longer.
void crowd_wait_for_owners(const crowd *c, int mask, double seconds_max);
// Waits until the store is well again: each server has said that what it made after now is committed, and was so soon.
// CHECKs likewise.
void crowd_wait_for_commits(const crowd *c, int mask, double seconds_max);
// For some seconds from now on, every check of every rider finds everything right.
void crowd_check(const crowd *c, double seconds);
// The same, two seconds after the store is well again. While it is not (a database that recovers does so in several steps)
// riders may be wrong, and it is tried again. CHECKs that it does not take longer.
void crowd_check_once_well(const crowd *c, int seconds, double seconds_max);
// Ends the riders and the servers of the mask, in order; the store must be sound.
void crowd_stop(crowd *c, int mask);

#endif
