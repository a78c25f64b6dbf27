// What a client's node is, for the files that work on it, and for the nodes of its entities.
#ifndef GODOT_CLIENT_NODE_H
#define GODOT_CLIENT_NODE_H

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

enum { ADDRESS_BYTES = 256, CLIENT_TEXT_BYTES = 512 };

// Its link to its servers: a core client, which reconnects by itself and keeps its view, and what carries its
// datagrams.
typedef struct client_link {
    tl_client *client; // NULL: none
    tl_transport *transport;
    tl_transport *servers; // inside of `transport`: DTLS to `addresses`; NULL with a script's transport
    char (*addresses)[ADDRESS_BYTES];
    unsigned char *received; // what arrived in this step, packed as a frame
    size_t received_bytes, received_capacity;
    bool has_view; // its kinds are known: there is a view, also while it reconnects
    gd_variant kind_names[TL_KINDS_MAX];
    int kind_count;
    int listed[TL_KINDS_MAX];                                   // index in the node's list of kinds, -1: none
    bool has_scene[TL_KINDS_MAX], has_properties[TL_KINDS_MAX]; // of that kind
} client_link;

enum { DRAWS_MAX = 128, OWN_MAX = 256 }; // MultiMeshes; entities that a client owns or has requested

// A MultiMesh that is filled again and again.
typedef struct draw_target {
    uint64_t object_id; // 0: free
    gd_packed buffer;
    uint32_t capacity, stride, custom;
    uint64_t used_at; // of the node's draw_clock
} draw_target;

typedef struct own_entity {
    tl_entity_id id;
    uint32_t request;
    int kind;
    tl_entity_id carrier; // it was set relative to
    struct own_place {
        tl_vec3 position;
        double tick;           // 0: none
    } places[2];               // where it was set to, a tick or more apart: for its velocity
    struct own_place last_set; // where it was set to last
    bool moving;               // with a velocity that was computed here
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
    bool wanted; // connect_to_server() was called, and disconnect_from_server() was not
    client_link link;
    uint64_t retry_us; // when to try again, if no server has admitted it yet; 0: not due
    uint32_t retries;
    client_state reported_state;
    kind_list *list;              // for scenes
    char text[CLIENT_TEXT_BYTES]; // why it is disconnected
    bool failed_due;              // an assertion failed: "disconnected" is emitted in the next frame
    bool reported_thread;
    uint32_t generation; // of the link: changes when it is closed
    // datagrams that a script is to send
    unsigned char *out;
    size_t out_bytes, out_capacity;
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
    uint32_t pose_capacity;
    draw_target draws[DRAWS_MAX];
    uint64_t draw_clock, tidied_us;
    own_entity own[OWN_MAX];
    int own_count;
    idmap spawned; // entity to the object id of its node
    idmap moved;   // those of them that are not a TramlineEntity: the client moves them itself
    node_list nodes;
} client_node;

bool client_has_view(const client_node *c);
tl_client_state client_core_state(const client_node *c); // TL_CLIENT_CLOSED: there is no connection, and none is sought
// The core's client; NULL unless it is live. Prints an error of `method` if it is not connected. While it reconnects it
// prints none: that is not the caller's fault.
tl_client *client_live(const client_node *c, const char *method);

// An entity's node follows from now on. False: out of memory, or the client is about to go.
bool client_add_node(client_node *c, struct entity_node *node);
void client_remove_node(client_node *c, struct entity_node *node);
void client_remove_all_nodes(client_node *c);

// A method that scripts can call is a function client_NAME. Each file lists its own as X(name, result, flags,
// arguments).
#define CLIENT_DECLARE(method, ...) GD_DECLARE(client, method)

#endif
