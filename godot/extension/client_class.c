// TramlineClient as a table.
#include "classes.h"
#include "client.h"
#include "client_draw.h"
#include "client_observe.h"
#include "client_own.h"
#include "client_read.h"
#include "client_request.h"
#include "client_spawn.h"
#include "client_stats.h"
#include "client_transport.h"

static const gd_property properties[] = {
    {"addresses", GD_STRINGS, offsetof(client_node, addresses)},
    {"fingerprints", GD_STRINGS, offsetof(client_node, fingerprints)},
    {"ca_file", GD_STRING, offsetof(client_node, ca_file), .hint = GD_HINT_FILE, .hint_text = "*.pem"},
    {"token", GD_STRING, offsetof(client_node, token)},
    {"kbit_s", GD_INT, offsetof(client_node, kbit_s), .preset = 2000},
    {"entities_max", GD_INT, offsetof(client_node, entities_max), .preset = 200000},
    {"autoconnect", GD_BOOL, offsetof(client_node, autoconnect)},
    {"reconnect", GD_BOOL, offsetof(client_node, reconnect), .preset = 1},
    {"silence_s", GD_FLOAT, offsetof(client_node, silence_s), .preset = 1, .hint = GD_HINT_RANGE,
     .hint_text = "0.5,10,0.1,suffix:s"},
    {"kinds", GD_ARRAY, offsetof(client_node, kinds), .hint = GD_HINT_ARRAY_TYPE,
     .hint_text = GD_RESOURCES_OF("TramlineKind"), .class_name = "TramlineKind"},
    {"spawn_path", GD_NODE_PATH, offsetof(client_node, spawn_path)},
    {"custom_transport", GD_BOOL, offsetof(client_node, custom_transport)},
    {0},
};

static const gd_method methods[] = {
#define ENTRY(method, ...) GD_ENTRY(client, method, __VA_ARGS__)
    CLIENT_LIFE_METHODS(ENTRY) CLIENT_READ_METHODS(ENTRY) CLIENT_STATS_METHODS(ENTRY) CLIENT_DRAW_METHODS(ENTRY)
        CLIENT_OBSERVE_METHODS(ENTRY) CLIENT_SPAWN_METHODS(ENTRY) CLIENT_REQUEST_METHODS(ENTRY)
            CLIENT_OWN_METHODS(ENTRY) CLIENT_TRANSPORT_METHODS(ENTRY)
#undef ENTRY
                {0},
};

static const gd_signal signals[] = {
    {"connected"},
    {"disconnected", {{GD_STRING, "reason"}}},
    {"reconnecting", {{GD_STRING, "reason"}}},
    {"reconnected"},
    {"entity_entered", {{GD_INT, "id"}, {GD_STRING, "kind_name"}}},
    {"entity_changed", {{GD_INT, "id"}}},
    {"entity_left", {{GD_INT, "id"}}},
    {"message_received", {{GD_BYTES, "data"}}},
    {"request_answered", {{GD_INT, "request"}, {GD_INT, "result"}, {GD_INT, "id"}}},
    {"own_entity_given_back", {{GD_INT, "id"}, {GD_STRING, "kind_name"}}},
    {"own_entity_lost", {{GD_INT, "id"}}},
    {"own_entity_refused", {{GD_INT, "id"}, {GD_INT, "result"}}},
    {"frame_received", {{GD_BYTES, "frame"}}},
    {"datagram_ready", {{GD_BYTES, "data"}}},
    {0},
};

static const gd_constant constants[] = {
    {"State", "DISCONNECTED", CLIENT_DISCONNECTED}, {"State", "CONNECTING", CLIENT_CONNECTING},
    {"State", "JOINING", CLIENT_JOINING},           {"State", "LIVE", CLIENT_LIVE},
    {"State", "RECONNECTING", CLIENT_RECONNECTING}, {0},
};

const gd_class client_class = {
    .name = "TramlineClient",
    .parent = "Node",
    .bytes = sizeof(client_node),
    .destroy = client_on_destroy,
    .notify = client_on_notify,
    .fail = client_on_fail,
    .properties = properties,
    .methods = methods,
    .signals = signals,
    .constants = constants,
};
