// The processes of a demo: servers on one store, and riders, each on a server; and what they measure.
#ifndef APP_DEMO_CLUSTER_H
#define APP_DEMO_CLUSTER_H

#include "app/game.h"
#include "app/histogram.h"
#include "app/spawn.h"

#include <jansson.h>

enum { DEMO_SERVERS_MAX = 16, DEMO_RIDERS_MAX = 64, DEMO_PATH_BYTES = 1024 };

typedef struct demo_server {
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
} demo_server;

typedef struct demo_rider {
    spawn process;
    uint32_t server; // index
    bool joined;
    double worst_mrad; // since the last status line
    json_t *line;      // the newest
    json_t *report;    // NULL until it has ended
} demo_rider;

typedef struct demo_cluster_def {
    const char *directory; // of logs, tokens and reports
    const char *store;     // URI
    game_choice game;
    uint32_t server_count, rider_count;
    uint32_t kbit_s; // 0: as the rider's default
} demo_cluster_def;

typedef struct demo_cluster {
    demo_cluster_def def;
    uint32_t group_count;
    demo_server servers[DEMO_SERVERS_MAX];
    demo_rider riders[DEMO_RIDERS_MAX];
    uint32_t servers_started, riders_started;
    bool measuring;
    char fault[512]; // the first error, "" if none
} demo_cluster;

const char *demo_server_name(uint32_t index);
const char *demo_rider_name(uint32_t index);

// Each says on stderr what is wrong, and notes it as the fault; then it answers false.
bool demo_cluster_start_servers(demo_cluster *c);
// Makes the riders' tokens, and starts them.
bool demo_cluster_start_riders(demo_cluster *c);
// Takes in what the processes have written; waits at most so long for more. False: one has ended.
bool demo_cluster_follow(demo_cluster *c, int timeout_ms);
// All run and know which of them owns what, and nothing of that has changed for two seconds.
bool demo_cluster_is_settled(const demo_cluster *c);
bool demo_cluster_all_joined(const demo_cluster *c);
// Ends the riders, reads their reports; then ends the servers.
void demo_cluster_stop(demo_cluster *c);
void demo_cluster_reset(demo_cluster *c);

#endif
