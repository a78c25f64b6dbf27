// A whole cluster in this process: a memory store, servers that play a scenario, a memory network each, and riders that
// compare all that they see with the scenario's truth. Time is simulated: one step is a millisecond. The same seed
// gives the same run.
#ifndef TRAMLINE_TESTS_CLUSTER_H
#define TRAMLINE_TESTS_CLUSTER_H

#include "check.h"
#include "scenario/scenario.h"
#include "tramline/client.h"
#include "tramline/server.h"

enum { SERVERS_MAX = 4, RIDERS_MAX = 16 };

typedef struct cluster_clock { // of a node; at first both are right
    int64_t wall_less_us;      // its wall clock less the true time
    double monotonic_us;
    double rate; // of the monotonic clock
} cluster_clock;

typedef struct cluster_node {
    tl_server *server; // NULL: crashed, or not started
    tl_store *store;
    tl_memory_network *network;
    tl_transport *transport;
    char name[16];
    struct cluster *cluster;
    bool frozen;    // SIGSTOP: it is not stepped
    bool suspended; // nor does its monotonic clock go on
    cluster_clock clock;
    char said[16384];      // what it has logged, in lines
    bool *owned;           // by group
    tl_entity_ref *refs;   // by index
    uint32_t *generations; // by index: of what exists, 0xffffffff: nothing does
    uint32_t *carriers;
    uint64_t link_us_max, records_linked;
    uint32_t fenced_count;
} cluster_node;

typedef struct cluster_rider {
    tl_client *client;
    tl_transport *transport;
    uint32_t cabin;
    tl_vec3 observer;
} cluster_rider;

typedef struct cluster_errors { // of one comparison
    uint32_t missing, doubled, unknown, wrong_carrier, wrong_kind, off, off_twice, compared;
    double error_mrad_max, error_m_max; // max: of error over what is allowed, in mrad of distance
    double ratio_max;
} cluster_errors;

typedef struct cluster {
    uint64_t now_us, start_us, seed;
    scenario *scene;
    uint32_t entity_count, group_count, tick_hz;
    tl_memory_world *world;
    cluster_node nodes[SERVERS_MAX];
    int node_count;
    cluster_rider riders[RIDERS_MAX];
    int rider_count;
    scenario_truth *truth;
    tl_vec3 *truth_position;
    tl_quat *truth_rotation;
    tl_pose *poses;
    uint8_t *seen;
    double rider_kbit_s;
    bool quiet, slow_store;
} cluster;

// The seed is the program's argument, or `otherwise`. A failing check then tells seed and time, so that it repeats.
uint64_t cluster_seed(int argc, char **argv, uint64_t otherwise);

// A world of a scenario, with its first server running and all entities in it.
cluster *cluster_create(const char *scenario_name, uint32_t entity_count, uint64_t seed, uint32_t tick_hz);
void cluster_destroy(cluster *c);
void cluster_start_server(cluster *c, int node); // joins (again)
void cluster_crash_server(cluster *c, int node); // nothing is said to anybody
void cluster_leave_server(cluster *c, int node); // in order: its groups go to the others first, if there are any
void cluster_freeze_server(cluster *c, int node, bool frozen);
// Its machine sleeps: its monotonic clock stands still, its wall clock is right when it wakes.
void cluster_suspend_server(cluster *c, int node, bool suspended);
// of its clocks, as are the next two; before its start, too
void cluster_step_wall(cluster *c, int node, double seconds);
void cluster_step_monotonic(cluster *c, int node, double seconds); // forward only
void cluster_drift(cluster *c, int node, double ppm);              // of the monotonic one
tl_time cluster_time(const cluster *c, int node);
uint32_t cluster_said(const cluster *c, int node, const char *text); // how many times it has logged that
void cluster_faults(cluster *c, tl_link_faults faults);              // of all networks
void cluster_cut(cluster *c, bool cut);
void cluster_run(cluster *c, double seconds);
// Runs, and checks at every half second that every rider sees all as it is.
void cluster_run_right(cluster *c, double seconds);
// Runs until the servers have all groups spread and every rider sees all; fails after `seconds_max`.
void cluster_settle(cluster *c, double seconds_max);
int cluster_add_rider(cluster *c, int node); // in the cabin of its number
int cluster_add_rider_in(cluster *c, int node, uint32_t cabin_number);
void cluster_remove_rider(cluster *c, int rider);
cluster_errors cluster_compare(cluster *c, int rider);
// Whether that is all right: nothing missing, doubled, wrong or too far off.
bool cluster_errors_none(const cluster_errors *e);
void cluster_print(const char *what, const cluster_errors *e);
void cluster_validate(cluster *c);
// The number of entities of the scenario that exist on a node's mirror; fails if there are others, or too few.
void cluster_check_entities(cluster *c, int node);
tl_group_id cluster_group_id(uint32_t group);
uint32_t cluster_groups_of(const cluster *c, int node);
// How many of the scenario's groups have exactly one living owner.
uint32_t cluster_owned_groups(const cluster *c);

#endif
