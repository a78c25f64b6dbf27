// A crowd: servers on a memory store, with groups of still entities, and many clients that a test drives one by one.
// Virtual time; the same seed gives the same run.
#ifndef TRAMLINE_TESTS_CROWD_H
#define TRAMLINE_TESTS_CROWD_H

#include "check.h"
#include "tramline/client.h"
#include "tramline/server.h"

enum { CROWD_SERVERS_MAX = 4, CROWD_CLIENTS_MAX = 32, CROWD_HZ = 20, CROWD_STEP_US = 2000, CROWD_GROUPS_MAX = 64 };
enum { CROWD_BOX, CROWD_CABIN, CROWD_AVATAR, CROWD_NOTE, CROWD_FERRY, CROWD_KINDS }; // anybody may create any of them
#define CROWD_INTRUDER "intruder"                                                    // whose name is refused

typedef struct crowd_server {
    struct crowd *crowd;
    tl_server *server;
    tl_store *store;
    tl_memory_network *network;
    tl_transport *transport;
    char name[16];
    char said[512];      // by its log, last
    uint32_t said_count; // lines with the word DEGRADED
    uint64_t ahead_us;   // of its monotonic clock
    uint32_t set_down;   // of its entities, as it is told
    tl_entity_id set_down_last, set_down_carrier;
} crowd_server;

typedef struct crowd_client {
    tl_client *client;
    tl_transport *transport;
    // told: answers to nothing that was asked; lost: own entities
    uint32_t asked, accepted, refused_full, refused, told, lost;
    tl_client_event answer, notice; // the last answer; the last notice
    tl_entity_id last_made;
    uint32_t left; // entities that left its view
} crowd_client;

typedef struct crowd {
    uint64_t now_us;
    tl_memory_world *world;
    tl_server_def def;               // of servers that are started; callbacks and names are filled in
    uint32_t grant_created_max;      // 0: the default
    bool names_proven;               // as by tokens
    void (*on_grant)(tl_grant *out); // what else they say; may be NULL
    crowd_server servers[CROWD_SERVERS_MAX];
    crowd_client clients[CROWD_CLIENTS_MAX];
    uint64_t slow_start_us; // a server that starts is stepped so often; 0: as always
    uint32_t game_count;    // entities that the game made
    // each that a client hears; may be NULL
    void (*on_event)(struct crowd *c, int client, const tl_client_event *event);
} crowd;

crowd *crowd_create(uint64_t seed);
void crowd_destroy(crowd *c);
void crowd_start(crowd *c, int server);
void crowd_crash(crowd *c, int server);
void crowd_leave(crowd *c, int server); // once it has left
void crowd_run(crowd *c, double seconds);
// Groups of still boxes, made by a server.
void crowd_fill(crowd *c, int server, uint32_t groups, uint32_t entities_each);
void crowd_connect(crowd *c, int client, int server, const char *name);
void crowd_disconnect(crowd *c, int client);
// Whether the living servers all have the same entities, as they say how many there are.
bool crowd_mirrors_equal(const crowd *c);
uint32_t crowd_entities(const crowd *c, int server);
tl_values crowd_at(double x, double y, double z);

#endif
