// What the tests of test_client_*.c share: two servers, alpha and beta, each with a box of every policy, and up to four
// clients. A tram of beta's goes in a circle with a cabin.
#ifndef TRAMLINE_TESTS_CLIENT_LAB_H
#define TRAMLINE_TESTS_CLIENT_LAB_H

#include "check.h"
#include "tramline/client.h"
#include "tramline/server.h"

enum { CLIENTS_MAX = 4, TICK_HZ = 20, START_US = 1000000, MESSAGES_MAX = 512 };
enum { KIND_DENY, KIND_ASK, KIND_ALLOW, KIND_CABIN, KIND_AVATAR, KIND_COUNT };

typedef struct node {
    tl_server *server;
    tl_store *store;
    tl_memory_network *network;
    tl_transport *transport;
    struct lab *lab;
    tl_group_id group;
    tl_entity_ref boxes[3], cabin;
    // turner: like the cabin, but with its velocity and spin left to be worked out
    tl_entity_id box_ids[3], cabin_id, turner_id;
    tl_entity_ref turner;
    uint32_t requests, joins, leaves, messages;
    uint8_t heard[MESSAGES_MAX]; // first bytes of messages
    tl_client_number last_client;
} node;

typedef struct friend
{
    tl_client *client;
    tl_transport *transport;
    uint32_t answers, messages;
    tl_client_event answer; // the last
    uint8_t heard[MESSAGES_MAX];
}
friend;

typedef struct lab {
    uint64_t now_us;
    tl_memory_world *world;
    node nodes[2];
    friend friends[CLIENTS_MAX];
    bool refuse;
    void (*each)(struct lab *lab); // before each step
} lab;

extern uint64_t lab_seed;
extern tl_entity_id lab_avatar; // 0: there is none, and nothing walks

// Takes the seed from the command line, and prints it.
void lab_begin(int argc, char **argv);
void lab_cabin_truth(double time_s, tl_vec3 *position, tl_vec3 *velocity, tl_quat *rotation, tl_vec3 *spin);
tl_values lab_cabin_values(double time_s);
tl_values lab_at(double x, double y, double z);
void lab_start_server(lab *l, int which);
void lab_stop_server(node *n);
// Steps all servers and clients, by a millisecond each.
void lab_run(lab *l, double seconds);
// Two servers that have run for a second, without clients.
lab *lab_create(void);
void lab_connect(lab *l, int which, int server, const char *token);
void lab_disconnect(lab *l, int which);
void lab_destroy(lab *l);
void lab_validate(lab *l);
// Runs until the request is answered, and returns the result.
tl_result lab_answer(lab *l, int which, uint32_t request);
tl_result lab_update(lab *l, int which, tl_entity_id id, double x, int64_t state);
tl_result lab_delete(lab *l, int which, tl_entity_id id);
void lab_check_seen(lab *l, int which, tl_entity_id id, double x, int64_t state);
// For `each`: the first client sets its avatar 60 times a second, to and fro in the cabin.
void lab_walk_avatar(lab *l);
// Makes an entity that is the client's own, in a carrier or (0) in none.
tl_entity_id lab_create_own(lab *l, int which, tl_entity_id carrier);
// How far a client sees the avatar from where it is in the cabin.
double lab_avatar_error_m(lab *l, int which);

#endif
