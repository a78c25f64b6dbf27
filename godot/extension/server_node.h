// What a server's node is, for the files that work on it, and for the nodes of its entities.
#ifndef GODOT_SERVER_NODE_H
#define GODOT_SERVER_NODE_H

#include "kind.h"
#include "node_list.h"
#include "peers.h"
#include "ref_cache.h"

#include "tramline/server.h"
#include "tramline/token.h"

typedef enum server_state {
    SERVER_STOPPED,
    SERVER_JOINING,
    SERVER_RUNNING,
    SERVER_LEAVING,
    SERVER_FENCED,
    SERVER_FAILED
} server_state;

enum { SERVER_TEXT_BYTES = 1536 };

// What has happened within a step, and is emitted as a signal after it.
typedef struct server_event {
    enum { EVENT_GROUP, EVENT_CLIENT, EVENT_MESSAGE, EVENT_SET_DOWN, EVENT_LOG } type;
    bool yes; // owned, joined
    tl_group_id group;
    tl_entity_id entity, carrier;
    tl_client_number client;
    char name[TL_NAME_BYTES_MAX + 1];
    void *data;
    size_t size;
} server_event;

typedef struct server_node {
    gd_instance instance;
    // properties
    gd_string store_uri, server_name, address, certificate_file, key_file, token_key_file;
    int64_t tick_hz, entities_max, groups_max, clients_max, kbit_s;
    double grace_s;
    gd_array kinds;
    gd_bool autostart;
    gd_callable request_handler;
    // while it runs
    kind_list *list;
    tl_store *store;
    tl_transport *dtls; // inside of `peers`; NULL without an address
    peers *peers;
    tl_token_verifier *verifier;
    tl_server *server;
    uint32_t world_hz;
    int64_t tick_now, world_tick; // of the tick whose callback runs
    server_state state;
    char text[SERVER_TEXT_BYTES];
    bool in_core, ticking; // within the core's step; within its tick callback
    bool stop_due;         // once the step is over
    bool reported_thread, reported_answer, reported_no_handler;
    bool failed_due; // start() or an assertion has failed: "failed" is emitted in the next frame
    server_event *events;
    uint32_t event_count, event_capacity;
    ref_caches caches;
    double *scratch; // of bulk calls
    size_t scratch_bytes;
    node_list nodes;        // TramlineEntity that publish here
    tl_group_id node_group; // of nodes that name no group
    tl_entity_id *orphans;  // entities whose nodes are gone: deleted at the next tick
    uint32_t orphan_count, orphan_capacity;
    // figures
    double step_ms, step_ms_max, commit_ms, link_ms, link_ms_max;
    uint64_t custom_frames, custom_bytes;
} server_node;

// Whether entities may be changed, or read, now; prints an error of `method` if not.
bool server_can_change(const server_node *s, const char *method);
bool server_can_read(const server_node *s, const char *method);
void *server_scratch(server_node *s, size_t bytes); // valid until the next call; NULL: out of memory

// An entity's node publishes here from now on. False: out of memory, or the server is about to go.
bool server_add_node(server_node *s, struct entity_node *node);
// It no longer does. The entity that it has created (0: none) is deleted at the next tick.
void server_remove_node(server_node *s, struct entity_node *node, tl_entity_id made);
void server_remove_all_nodes(server_node *s);

// A method that scripts can call is a function server_NAME. Each file lists its own as X(name, result, flags,
// arguments).
#define SERVER_DECLARE(method, ...) GD_DECLARE(server, method)

#endif
