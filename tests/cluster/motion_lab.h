// A small world of things that are hard to show: circles, corners, stops, jumps, a cabin with passengers, somebody who
// boards and alights. One server, one client in the middle, both in this process and in simulated time; what the client
// shows is compared with where things truly are at the very time that is shown.
#ifndef TRAMLINE_TESTS_MOTION_LAB_H
#define TRAMLINE_TESTS_MOTION_LAB_H

#include "check.h"
#include "tramline/client.h"
#include "tramline/server.h"

enum { LAB_TICK_HZ = 20, LAB_MOVERS_MAX = 64 };

typedef enum lab_type {
    LAB_CIRCLE,    // radius, acceleration
    LAB_CORNER,    // a square, walked, turned at once
    LAB_STOPPER,   // speeds up, brakes, stands
    LAB_JUMPER,    // walks, and is elsewhere from one moment to the next
    LAB_CABIN,     // a carrier on a circle
    LAB_PASSENGER, // sits in it
    LAB_BOARDER,   // two seconds in it, two seconds outside
    LAB_FLASH,     // is there for a second, and not for the next
    LAB_TYPES,
} lab_type;

typedef struct lab_mover {
    lab_type type;
    tl_vec3 centre;
    double radius_m, acceleration_mps2, phase_s;
    bool gives_velocity; // else the server works it out
    tl_entity_ref ref;
    tl_entity_id id; // 0: it does not exist now
} lab_mover;

typedef struct lab_truth {
    bool present;
    tl_vec3 world;              // position in the world
    tl_vec3 position, velocity; // in the frame of its carrier
    tl_quat rotation;
    bool carried;  // by the cabin
    int64_t state; // of its integer
} lab_truth;

typedef struct lab {
    uint64_t now_us, seed;
    tl_memory_world *world;
    tl_store *store;
    tl_memory_network *network;
    tl_transport *server_end, *client_end;
    tl_server *server;
    tl_client *client;
    tl_group_id group;
    lab_mover movers[LAB_MOVERS_MAX];
    int mover_count, cabin;
    double delay_ticks, display_tick; // of the display, as Godot's client has it
} lab;

lab *lab_create(uint64_t seed, tl_link_faults faults);
void lab_destroy(lab *l);
// Runs for a millisecond.
void lab_step(lab *l);
void lab_run(lab *l, double seconds);
// The time to show now: behind the server by what frames take to come and a tick, and never back.
double lab_display(lab *l);
lab_truth lab_truth_at(const lab *l, int mover, double tick);
double lab_distance(tl_vec3 a, tl_vec3 b);

#endif
