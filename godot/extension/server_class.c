// TramlineServer as a table.
#include "classes.h"
#include "server.h"
#include "server_bulk.h"
#include "server_clients.h"
#include "server_entities.h"
#include "server_groups.h"
#include "server_stats.h"

static const gd_property properties[] = {
    {"store_uri", GD_STRING, offsetof(server_node, store_uri), .text = "user://tramline-world"},
    {"server_name", GD_STRING, offsetof(server_node, server_name), .text = "alpha"},
    {"address", GD_STRING, offsetof(server_node, address), .text = "127.0.0.1:7777"},
    {"certificate_file", GD_STRING, offsetof(server_node, certificate_file), .hint = GD_HINT_FILE,
     .hint_text = "*.pem"},
    {"key_file", GD_STRING, offsetof(server_node, key_file), .hint = GD_HINT_FILE, .hint_text = "*.pem"},
    {"token_key_file", GD_STRING, offsetof(server_node, token_key_file), .hint = GD_HINT_FILE, .hint_text = "*.pem"},
    {"tick_hz", GD_INT, offsetof(server_node, tick_hz), .preset = 20, .hint = GD_HINT_RANGE,
     .hint_text = "1,240,suffix:Hz"},
    {"kinds", GD_ARRAY, offsetof(server_node, kinds), .hint = GD_HINT_ARRAY_TYPE,
     .hint_text = GD_RESOURCES_OF("TramlineKind"), .class_name = "TramlineKind"},
    {"entities_max", GD_INT, offsetof(server_node, entities_max), .preset = 200000},
    {"groups_max", GD_INT, offsetof(server_node, groups_max), .preset = 4096},
    {"clients_max", GD_INT, offsetof(server_node, clients_max), .preset = 256},
    {"kbit_s", GD_INT, offsetof(server_node, kbit_s), .preset = 4000},
    {"grace_s", GD_FLOAT, offsetof(server_node, grace_s), .preset = 10, .hint = GD_HINT_RANGE,
     .hint_text = "0,3600,0.1,or_greater,suffix:s"},
    {"autostart", GD_BOOL, offsetof(server_node, autostart)},
    {"request_handler", GD_CALLABLE, offsetof(server_node, request_handler)},
    {0},
};

static const gd_method methods[] = {
#define ENTRY(method, ...) GD_ENTRY(server, method, __VA_ARGS__)
    SERVER_LIFE_METHODS(ENTRY) SERVER_GROUP_METHODS(ENTRY) SERVER_ENTITY_METHODS(ENTRY) SERVER_BULK_METHODS(ENTRY)
        SERVER_CLIENT_METHODS(ENTRY) SERVER_STATS_METHODS(ENTRY)
#undef ENTRY
            {0},
};

static const gd_signal signals[] = {
    {"started"},
    {"stopped"},
    {"failed", {{GD_STRING, "message"}}},
    {"fenced", {{GD_STRING, "message"}}},
    {"tick", {{GD_INT, "tick"}, {GD_FLOAT, "time_s"}}},
    {"client_joined", {{GD_INT, "client"}, {GD_STRING, "client_name"}}},
    {"client_left", {{GD_INT, "client"}, {GD_STRING, "client_name"}}},
    {"message_received", {{GD_INT, "client"}, {GD_BYTES, "data"}}},
    {"group_adopted", {{GD_INT, "group"}}},
    {"group_lost", {{GD_INT, "group"}}},
    {"entity_set_down", {{GD_INT, "id"}, {GD_INT, "carrier"}}},
    {"log", {{GD_STRING, "text"}}},
    {"frame_ready", {{GD_INT, "peer"}, {GD_BYTES, "data"}}},
    {0},
};

static const gd_constant constants[] = {
    {"State", "STOPPED", SERVER_STOPPED},
    {"State", "JOINING", SERVER_JOINING},
    {"State", "RUNNING", SERVER_RUNNING},
    {"State", "LEAVING", SERVER_LEAVING},
    {"State", "FENCED", SERVER_FENCED},
    {"State", "FAILED", SERVER_FAILED},
    {0},
};

const gd_class server_class = {
    .name = "TramlineServer",
    .parent = "Node",
    .bytes = sizeof(server_node),
    .destroy = server_on_destroy,
    .notify = server_on_notify,
    .fail = server_on_fail,
    .properties = properties,
    .methods = methods,
    .signals = signals,
    .constants = constants,
};
