// TramlineClient: the view of the world in a scene.
//
//   client_class.c   the table
//   client.c         its life: connect, step, signals
//   client_link.c    what it is connected by
//   client_transport.c  what carries its datagrams
//   client_read.c    methods that read the view
//   client_draw.c    the view into MultiMeshes
//   client_change.c  messages, requests, own entities, custom transport
//   client_spawn.c   scenes for entities
#ifndef GODOT_CLIENT_H
#define GODOT_CLIENT_H

#include "idmap.h"
#include "kind.h"
#include "node_list.h"

#include "tramline/client.h"
#include "tramline/token.h"

typedef enum client_state {
    CLIENT_DISCONNECTED,
    CLIENT_CONNECTING,
    CLIENT_JOINING,
    CLIENT_LIVE,
    CLIENT_RECONNECTING
} client_state;

enum { ADDRESS_BYTES = 256 };

// What it is connected by: a core client, which connects anew by itself and keeps its view, and what carries its
// datagrams.
typedef struct client_link {
    tl_client *client; // NULL: none
    tl_transport *transport;
    tl_transport *servers; // inside of it: over `addresses`; NULL with a script's transport
    char (*addresses)[ADDRESS_BYTES];
    unsigned char *received; // what came in this step, packed as a frame
    size_t received_bytes, received_room;
    bool has_view; // its kinds are known: there is a view, also while it reconnects
    gd_variant kind_names[TL_KINDS_MAX];
    int kind_count;
    int listed[TL_KINDS_MAX];                                   // in the node's list of kinds, -1: none
    bool has_scene[TL_KINDS_MAX], has_properties[TL_KINDS_MAX]; // of that one
} client_link;

enum { DRAWS_MAX = 128, OWN_MAX = 256 };

// A MultiMesh that is filled again and again.
typedef struct draw_target {
    uint64_t object_id; // 0: free
    gd_packed buffer;
    uint32_t capacity, stride, custom;
    uint64_t used;
} draw_target;

typedef struct own_entity {
    tl_entity_id id;
    uint32_t request;
    int kind;
    tl_entity_id carrier; // that it was set in
    struct own_place {
        tl_vec3 position;
        double tick;       // 0: none
    } places[2];           // where it was set to, a tick or more apart: for its velocity
    struct own_place said; // where it was set to last
    bool moving;           // with a velocity that was worked out
} own_entity;

typedef struct client_node {
    gd_instance instance;
    // properties
    gd_packed addresses, fingerprints;
    gd_string ca_file, token;
    int64_t kbit_s, entities_max;
    double silence_s;
    gd_bool autoconnect, reconnect, custom_transport;
    gd_array kinds;
    gd_node_path spawn_path;
    // while it runs
    bool wanted; // connect_to_server() was called, and not disconnect_from_server()
    client_link link;
    uint64_t retry_us; // when to begin anew, since no server has let it in yet; 0: not due
    uint32_t retries;
    client_state told_state;
    kind_list *list;   // for scenes
    char text[512];    // why it is disconnected
    bool busy, doomed; // telling signals: it must not be freed; to be freed after that
    bool told_thread;
    uint32_t generation; // of the link: changes when it is closed
    // what is to be sent by a script
    unsigned char *out;
    size_t out_bytes, out_room;
    // where it looks from
    bool observes, observes_entity;
    tl_entity_id observed_entity;
    tl_vec3 observed_point, origin;
    // the display's time
    double display_tick, delay_ticks;
    // figures
    uint64_t rate_us, rate_bytes;
    double kbit_s_now, step_ms, draw_ms;
    // scratch and tables
    tl_pose *poses;
    uint32_t pose_room;
    draw_target draws[DRAWS_MAX];
    uint64_t draw_clock, tidied_us;
    own_entity own[OWN_MAX];
    int own_count;
    idmap spawned; // entity to the object id of its node
    idmap moved;   // those of them that are no TramlineEntity: the client itself moves them
    node_list nodes;
} client_node;

extern const gd_class client_class;
extern const gd_signal client_signals[];

// ---- between its files ----
bool client_on_destroy(void *self);
void client_end_all(void); // the library is about to go
void client_on_notify(void *self, int32_t what);
bool client_link_open(client_node *c, int64_t first_address); // to that of `addresses` first
void client_link_close(client_link *link);
void client_link_live(client_node *c); // the kinds are known now, and may be others than before
bool client_transport_open(client_node *c, client_link *link, int64_t first_address);
void client_transport_close(client_link *link);
const char *client_address(const client_link *link);                 // "": there is no connection, and none is sought
uint32_t client_all_poses(client_node *c, double tick, bool smooth); // into c->poses
void client_drop_draws(client_node *c);
void client_drop_freed_draws(client_node *c); // those of MultiMeshes that are gone
void client_settle_own(client_node *c);       // those that are no longer set stand still
void client_answered(client_node *c, const tl_client_event *event);
void client_given_back(client_node *c, const tl_client_event *event);
void client_lost(client_node *c, tl_entity_id id);
// False: a script has ended the connection, or the client, meanwhile.
bool client_spawn(client_node *c, tl_entity_id id, int scene);
void client_unspawn(client_node *c, tl_entity_id id);
void client_unspawn_all(client_node *c);
void client_move_spawned(client_node *c);
void client_apply_observer(client_node *c);

// ---- for TramlineEntity and TramlineObserver ----
bool client_add_node(client_node *c, struct entity_node *node);
void client_remove_node(client_node *c, struct entity_node *node);
void client_observe(client_node *c, tl_entity_id entity, tl_vec3 point); // entity 0: the point

// What scripts can call: each is a function client_NAME, see GD_DECLARE.
#define CLIENT_METHODS(X)                                                                                   \
    X(connect_to_server, GD_INT, GD_GIVES_ERROR, GD_NONE)                                                   \
    X(disconnect_from_server, GD_NIL, 0, GD_NONE)                                                           \
    X(get_state, GD_INT, GD_METHOD_CONST, GD_NONE)                                                          \
    X(get_state_text, GD_STRING, GD_METHOD_CONST, GD_NONE)                                                  \
    X(get_address, GD_STRING, GD_METHOD_CONST, GD_NONE)                                                     \
    X(get_server_tick, GD_FLOAT, GD_METHOD_CONST, GD_NONE)                                                  \
    X(get_display_tick, GD_FLOAT, GD_METHOD_CONST, GD_NONE)                                                 \
    X(get_frame_tick, GD_INT, GD_METHOD_CONST, GD_NONE)                                                     \
    X(get_tick_hz, GD_INT, GD_METHOD_CONST, GD_NONE)                                                        \
    X(get_stats, GD_DICTIONARY, GD_METHOD_CONST, GD_NONE)                                                   \
    X(get_kind_names, GD_STRINGS, GD_METHOD_CONST, GD_NONE)                                                 \
    X(get_entities, GD_INT64S, 0, GD_NONE)                                                                  \
    X(get_entity, GD_DICTIONARY, GD_METHOD_CONST, GD_ID)                                                    \
    X(has_entity, GD_BOOL, GD_METHOD_CONST, GD_ID)                                                          \
    X(get_transform, GD_TRANSFORM3D, GD_METHOD_CONST, GD_ID)                                                \
    X(get_transforms, GD_FLOAT64S, 0, {GD_INT64S, "ids", .optional = true})                                 \
    X(get_transforms_at, GD_DICTIONARY, 0, {GD_FLOAT, "tick"}, {GD_BOOL, "smooth", .optional = true})       \
    X(fill_multimesh, GD_INT, 0, {GD_OBJECT, "multimesh", "MultiMesh"}, GD_KIND_NAME,                       \
      {GD_VECTOR3, "offset", .optional = true})                                                             \
    X(update_multimeshes, GD_INT32S, 0, {GD_ARRAY, "multimeshes", "MultiMesh"}, {GD_STRINGS, "kind_names"}) \
    X(set_origin, GD_NIL, 0, {GD_FLOAT, "x"}, {GD_FLOAT, "y"}, {GD_FLOAT, "z"})                             \
    X(get_origin, GD_FLOAT64S, GD_METHOD_CONST, GD_NONE)                                                    \
    X(get_node_of, GD_INT, GD_METHOD_CONST, GD_ID)                                                          \
    X(send_message, GD_INT, GD_GIVES_ERROR, GD_DATA)                                                        \
    X(request_create, GD_INT, 0, GD_KIND_NAME, GD_TRANSFORM, GD_CARRIER, GD_VALUES,                         \
      {GD_BOOL, "own", .optional = true, .preset = 1})                                                      \
    X(request_update, GD_INT, 0, GD_ID, {GD_DICTIONARY, "values"})                                          \
    X(request_delete, GD_INT, 0, GD_ID)                                                                     \
    X(set_own_entity, GD_INT, GD_GIVES_ERROR, GD_ID, GD_TRANSFORM, GD_CARRIER, GD_VALUES)                   \
    X(observe_entity, GD_NIL, 0, GD_ID)                                                                     \
    X(observe_point, GD_NIL, 0, {GD_FLOAT, "x"}, {GD_FLOAT, "y"}, {GD_FLOAT, "z"})                          \
    X(apply_frame, GD_INT, GD_GIVES_ERROR, GD_DATA)                                                         \
    X(transport_connected, GD_NIL, 0, GD_NONE)
#define CLIENT_DECLARE(method, ...) GD_DECLARE(client, method)
CLIENT_METHODS(CLIENT_DECLARE)
#undef CLIENT_DECLARE

#endif
