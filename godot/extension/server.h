// TramlineServer: a server of the world in a scene.
//
//   server_class.c     the table
//   server.c           its life, the step
//   server_events.c    what the core tells it: ticks, groups, clients, messages, requests
//   server_entities.c  methods on groups and entities
//   server_bulk.c      the same for many at once
#ifndef GODOT_SERVER_H
#define GODOT_SERVER_H

#include "kind.h"
#include "node_list.h"
#include "peers.h"

#include "tramline/server.h"

typedef enum server_state {
    SERVER_STOPPED,
    SERVER_JOINING,
    SERVER_RUNNING,
    SERVER_LEAVING,
    SERVER_FENCED,
    SERVER_FAILED
} server_state;

enum { TEXT_BYTES = 1536, REF_CACHES = 32 };

// What has happened within a step, told by signals after it.
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

// Entities that were looked up for an array of ids: tried first the next time.
typedef struct ref_cache {
    tl_entity_id first_id;
    uint32_t count, room;
    tl_entity_ref *refs;
    tl_entity_id *ids;
    uint64_t releases; // of the server, when all of them were found; else ~0
    uint64_t used;     // when
} ref_cache;

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
    int64_t tick_now, world_tick; // of the tick that is being told
    server_state state;
    char text[TEXT_BYTES];
    bool in_core, ticking; // within the core's step; within its tick callback
    bool busy;             // telling signals: it must not be freed
    bool stop_due, doomed; // once that is over
    bool told_thread, told_answer, told_no_handler;
    bool failed_due; // start() has failed: it is told by the signal in the next frame
    server_event *events;
    uint32_t event_count, event_room;
    ref_cache caches[REF_CACHES];
    uint64_t cache_clock;
    double *scratch; // of bulk calls
    size_t scratch_bytes;
    node_list nodes;         // TramlineEntity that publish here
    tl_group_id node_group;  // of nodes that name none
    tl_entity_id *abandoned; // entities of nodes that are gone
    uint32_t abandoned_count, abandoned_room;
    // figures
    double step_ms, step_ms_max, commit_ms, link_ms, link_ms_max;
    uint64_t custom_frames, custom_bytes;
} server_node;

extern const gd_class server_class;

// ---- between its files ----
// Whether entities may be changed now; prints what is wrong if not.
bool server_can_change(server_node *s, const char *method);
bool server_can_read(const server_node *s, const char *method);
extern const gd_signal server_signals[];
bool server_on_destroy(void *self);
void server_on_notify(void *self, int32_t what);
tl_server_callbacks server_callbacks(server_node *s);
void server_tell_events(server_node *s);
void server_drop_events(server_node *s);
void *server_scratch(server_node *s, size_t bytes); // NULL: out of memory
void server_drop_caches(server_node *s);

// Ends every server: the library is about to go, and with it the code that their stores' threads run.
void server_end_all(void);

// ---- for TramlineEntity ----
bool server_add_node(server_node *s, struct entity_node *node);
// It no longer publishes here; what it has made (0: nothing) goes at the next tick.
void server_forget_node(server_node *s, struct entity_node *node, tl_entity_id made);

// What scripts can call: each is a function server_NAME, see GD_DECLARE.
#define SERVER_METHODS(X)                                                                                     \
    X(start, GD_INT, GD_GIVES_ERROR, GD_NONE)                                                                 \
    X(stop, GD_NIL, 0, GD_NONE)                                                                               \
    X(stop_now, GD_NIL, 0, GD_NONE)                                                                           \
    X(get_state, GD_INT, GD_METHOD_CONST, GD_NONE)                                                            \
    X(get_state_text, GD_STRING, GD_METHOD_CONST, GD_NONE)                                                    \
    X(get_port, GD_INT, GD_METHOD_CONST, GD_NONE)                                                             \
    X(get_fingerprint, GD_STRING, GD_METHOD_CONST, GD_NONE)                                                   \
    X(get_server_number, GD_INT, GD_METHOD_CONST, GD_NONE)                                                    \
    X(get_tick, GD_INT, GD_METHOD_CONST, GD_NONE)                                                             \
    X(get_time_s, GD_FLOAT, GD_METHOD_CONST, GD_NONE)                                                         \
    X(get_stats, GD_DICTIONARY, GD_METHOD_CONST, GD_NONE)                                                     \
    X(create_group, GD_INT, 0, {GD_INT, "group", .optional = true})                                           \
    X(delete_group, GD_INT, GD_GIVES_ERROR, GD_GROUP)                                                         \
    X(owns_group, GD_BOOL, GD_METHOD_CONST, GD_GROUP)                                                         \
    X(keep_group, GD_INT, GD_GIVES_ERROR, GD_GROUP, {GD_BOOL, "keep", .optional = true, .preset = 1})         \
    X(give_group, GD_INT, GD_GIVES_ERROR, GD_GROUP, {GD_INT, "server_number"})                                \
    X(get_group_entities, GD_INT64S, 0, GD_GROUP)                                                             \
    X(get_entities, GD_INT64S, 0, GD_NONE)                                                                    \
    X(create_entity, GD_INT, 0, GD_KIND_NAME, GD_GROUP, GD_TRANSFORM, GD_CARRIER, GD_VALUES,                  \
      {GD_INT, "id", .optional = true})                                                                       \
    X(create_entities, GD_INT64S, 0, GD_KIND_NAME, GD_GROUP, {GD_INT64S, "ids"}, {GD_FLOAT64S, "transforms"}) \
    X(delete_entity, GD_INT, GD_GIVES_ERROR, GD_ID)                                                           \
    X(set_entity, GD_INT, GD_GIVES_ERROR, GD_ID, {GD_DICTIONARY, "values"})                                   \
    X(set_transform, GD_INT, GD_GIVES_ERROR, GD_ID, GD_TRANSFORM)                                             \
    X(set_carrier, GD_INT, GD_GIVES_ERROR, GD_ID, {GD_INT, "carrier"}, GD_TRANSFORM, GD_VALUES)               \
    X(set_transforms, GD_INT, 0, {GD_INT64S, "ids"}, {GD_FLOAT64S, "transforms"},                             \
      {GD_FLOAT64S, "velocities", .optional = true})                                                          \
    X(get_transforms, GD_FLOAT64S, 0, {GD_INT64S, "ids"})                                                     \
    X(get_entity, GD_DICTIONARY, GD_METHOD_CONST, GD_ID)                                                      \
    X(has_entity, GD_BOOL, GD_METHOD_CONST, GD_ID)                                                            \
    X(send_message, GD_INT, GD_GIVES_ERROR, {GD_INT, "client"}, GD_DATA)                                      \
    X(drop_client, GD_NIL, 0, {GD_INT, "client"}, {GD_STRING, "reason", .optional = true})                    \
    X(add_custom_peer, GD_INT, 0, GD_NONE)                                                                    \
    X(receive_custom, GD_INT, GD_GIVES_ERROR, {GD_INT, "peer"}, GD_DATA)                                      \
    X(remove_custom_peer, GD_NIL, 0, {GD_INT, "peer"})
#define SERVER_DECLARE(method, ...) GD_DECLARE(server, method)
SERVER_METHODS(SERVER_DECLARE)
#undef SERVER_DECLARE

#endif
