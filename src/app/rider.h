// A rider: a client that takes a seat in a cabin, and compares all that it sees with the scenario's truth, twice a
// second.
#ifndef APP_RIDER_H
#define APP_RIDER_H

#include "app/game.h"

enum { RIDER_SERVERS_MAX = 16 };

typedef struct rider_def {
    const char *name;
    const char *servers[RIDER_SERVERS_MAX]; // "host:port"; the first that answers, and the others should it fail
    // of their certificates; fewer: the last one is the others', too. Or a ca_file
    const char *fingerprints[RIDER_SERVERS_MAX];
    uint32_t server_count, fingerprint_count;
    const char *ca_file;
    const char *token_file;  // NULL: none, "-": standard input
    const char *stats_file;  // NULL, or one JSON line a check
    const char *report_file; // NULL, or what was measured in all, as JSON
    game_choice game;
    uint32_t number;      // which seat it takes
    uint32_t rider_count; // riders in all: it looks for the others on their seats
    uint32_t kbit_s;      // wanted at most; 0: the client's default
    double seconds;       // to measure for once all is in view; 0: until it is asked to stop
    bool quiet;
} rider_def;

// Blocks. Answers the exit status: 0 only if all that it saw was right.
int rider_run(const rider_def *def);

#endif
