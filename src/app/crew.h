// The processes of a demo: servers on one store, and riders, each on a server; and what they measure.
#ifndef APP_CREW_H
#define APP_CREW_H

#include "app/game.h"
#include "app/histogram.h"
#include "app/spawn.h"

#include <jansson.h>

enum { CREW_SERVERS_MAX = 16, CREW_RIDERS_MAX = 64, CREW_PATH_BYTES = 1024 };

typedef struct crew_server {
    spawn process;
    bool ready, ended_early;
    uint16_t port;
    char fingerprint[65];
    histogram tick_ms, tick_wall_ms, commit_ms, link_ms; // while it is measured
    double cpu_begin_s, cpu_s;
    bool cpu_begun;
    json_t *line; // the newest
    uint32_t groups_owned, line_count;
    double link_ms_now; // p99 of the last second
    double tick_ms_now;
} crew_server;

typedef struct crew_rider {
    spawn process;
    uint32_t server; // index
    bool joined;
    double worst_mrad; // since the last status line
    json_t *line;      // the newest
    json_t *report;    // NULL until it has ended
} crew_rider;

typedef struct crew_def {
    const char *directory; // of logs, tokens and reports
    const char *store;     // URI
    game_choice game;
    uint32_t server_count, rider_count;
    uint32_t kbit_s; // 0: as the rider's default
} crew_def;

typedef struct crew {
    crew_def def;
    uint32_t group_count;
    crew_server servers[CREW_SERVERS_MAX];
    crew_rider riders[CREW_RIDERS_MAX];
    uint32_t servers_started, riders_started;
    bool measuring;
    char fault[512]; // the first thing that went wrong, "" if nothing has
} crew;

const char *crew_server_name(uint32_t index);
const char *crew_rider_name(uint32_t index);

// Each says on stderr what is wrong, and notes it as the fault; then it answers false.
bool crew_start_servers(crew *c);
// Makes the riders' tokens, and starts them.
bool crew_start_riders(crew *c);
// Takes in what the processes have written; waits at most so long for more. False: one has ended.
bool crew_follow(crew *c, int timeout_ms);
// All run and know which of them owns what, and nothing of that has changed for two seconds.
bool crew_is_settled(const crew *c);
bool crew_all_joined(const crew *c);
// Ends the riders, reads their reports; then ends the servers.
void crew_stop(crew *c);
void crew_reset(crew *c);

#endif
