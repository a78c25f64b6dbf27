// A lab for clients that connect anew, to the same server from another address or to another one: three servers, 120
// entities that go straight, clients that fail over. Virtual time; the same seed gives the same run.
#ifndef TRAMLINE_TESTS_RECONNECT_LAB_H
#define TRAMLINE_TESTS_RECONNECT_LAB_H

#include "check.h"
#include "tramline/client.h"
#include "tramline/server.h"

enum { SERVERS = 3, CLIENTS_MAX = 4, PATHS_MAX = 64, TICK_HZ = 20, BODIES = 40, START_US = 1000000, SECRET_BYTES = 16 };
enum { KIND_BODY, KIND_AVATAR, KIND_COUNT };
#define GRACE_S 10.0
// What an owned entity may outlive its client's time of grace by, whatever crashes: two seconds of silence that are not
// in the log yet, three until a server is found dead and replaced, and grace is looked at four times a second.
#define GRACE_SLACK_S 5.5

typedef struct node {
    tl_server *server;
    tl_store *store;
    tl_memory_network *network;
    tl_transport *transport;
    struct lab *lab;
    tl_group_id group;
    tl_entity_id bodies[BODIES];
    uint32_t joins, leaves;
} node;

// A client's way to a server: as a transport, and as what may die without anybody being told.
typedef struct path {
    tl_transport transport;
    tl_transport *inner;
    struct friend *friend;
    bool dead;
} path;

typedef struct friend
{
    struct lab *lab;
    tl_client *client;
    tl_transport *transport;
    path *paths[PATHS_MAX];
    uint32_t path_count, first_server;
    unsigned char secret[SECRET_BYTES]; // that it was given last
    bool has_secret;
    uint32_t entered, left, given_back, lost, answers;
    tl_client_event answer, back;
    tl_entity_id avatar; // that it sets
    bool watched;        // the number of entities in its view must not change
    uint32_t in_view;
    char token[32];
}
friend;

typedef struct lab {
    uint64_t now_us;
    tl_memory_world *world;
    node nodes[SERVERS];
    friend friends[CLIENTS_MAX];
    int64_t wall_less_us[SERVERS]; // the servers' wall clocks less the true time
} lab;

typedef struct lab_def {
    tl_memory_world_def world; // its seed is the lab's
    int64_t wall_less_us[SERVERS];
    double apart_s;  // between the servers' starts
    double settle_s; // after them
} lab_def;

extern uint64_t lab_seed;

void lab_start_server(lab *l, int which);
void lab_kill_server(lab *l, int which); // dies: nothing is said to anybody
void lab_change_address(friend *f);      // what went over the old one is lost from now on, both ways
void lab_connect(lab *l, int which, int server, uint32_t server_count, const char *token);
void lab_disconnect(lab *l, int which, bool says); // `says`: goodbye; else it is just gone
tl_values lab_avatar_values(double time_s);
void lab_run(lab *l, double seconds);
lab_def lab_def_default(void);
lab *lab_create(const lab_def *def);
void lab_destroy(lab *l);
bool lab_sees(const friend *f, tl_entity_id id);
double lab_off_m(const friend *f, tl_entity_id id, tl_vec3 truth);
void lab_create_avatar(lab *l, int which);
void lab_watch(friend *f, bool watched);       // from now on nothing may blink
double lab_until_live_s(lab *l, friend *f);    // having seen that it was not
int lab_owners(const lab *l, tl_entity_id id); // by how many living servers it is owned
bool lab_exists(const lab *l, tl_entity_id id);
lab *lab_create_scene(const char *token); // a client with an avatar at alpha, and one that looks on at gamma
void lab_check_whole(lab *l);             // of the scene: nothing came or left, and all is where it should be
double lab_until_gone_s(lab *l, tl_entity_id id);

#endif
