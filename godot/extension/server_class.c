// TramlineServer as a table.
#include "server.h"

static const gd_property properties[] = {
    {"store_uri", GD_STRING, offsetof(server_node, store_uri), .text = "user://tramline-world"},
    {"server_name", GD_STRING, offsetof(server_node, server_name), .text = "alpha"},
    {"address", GD_STRING, offsetof(server_node, address), .text = "127.0.0.1:7777"},
    {"certificate_file", GD_STRING, offsetof(server_node, certificate_file), .hint = GD_HINT_FILE, .hint_text = "*.pem"},
    {"key_file", GD_STRING, offsetof(server_node, key_file), .hint = GD_HINT_FILE, .hint_text = "*.pem"},
    {"token_key_file", GD_STRING, offsetof(server_node, token_key_file), .hint = GD_HINT_FILE, .hint_text = "*.pem"},
    {"tick_hz", GD_INT, offsetof(server_node, tick_hz), .preset = 20, .hint = GD_HINT_RANGE, .hint_text = "1,240,suffix:Hz"},
    {"kinds", GD_ARRAY, offsetof(server_node, kinds), .hint = GD_HINT_ARRAY_TYPE, .hint_text = "24/17:TramlineKind", .class_name = "TramlineKind"},
    {"entities_max", GD_INT, offsetof(server_node, entities_max), .preset = 200000},
    {"groups_max", GD_INT, offsetof(server_node, groups_max), .preset = 4096},
    {"clients_max", GD_INT, offsetof(server_node, clients_max), .preset = 256},
    {"kbit_s", GD_INT, offsetof(server_node, kbit_s), .preset = 4000},
    {"autostart", GD_BOOL, offsetof(server_node, autostart)},
    {"request_handler", GD_CALLABLE, offsetof(server_node, request_handler)},
    {0},
};

#define CONST GD_METHOD_CONST
#define NO_VALUES {GD_DICTIONARY, "values", .optional = true}

static const gd_method methods[] = {
    {"start", server_start, GD_INT, GD_GIVES_ERROR},
    {"stop", server_stop},
    {"stop_now", server_stop_now},
    {"get_state", server_get_state, GD_INT, CONST},
    {"get_state_text", server_get_state_text, GD_STRING, CONST},
    {"get_port", server_get_port, GD_INT, CONST},
    {"get_fingerprint", server_get_fingerprint, GD_STRING, CONST},
    {"get_server_number", server_get_server_number, GD_INT, CONST},
    {"get_tick", server_get_tick, GD_INT, CONST},
    {"get_time_s", server_get_time_s, GD_FLOAT, CONST},
    {"get_stats", server_get_stats, GD_DICTIONARY, CONST},
    {"create_group", server_create_group, GD_INT, 0, {{GD_INT, "group", .optional = true}}},
    {"delete_group", server_delete_group, GD_INT, GD_GIVES_ERROR, {{GD_INT, "group"}}},
    {"owns_group", server_owns_group, GD_BOOL, CONST, {{GD_INT, "group"}}},
    {"keep_group", server_keep_group, GD_INT, GD_GIVES_ERROR, {{GD_INT, "group"}, {GD_BOOL, "keep", .optional = true, .preset = 1}}},
    {"give_group", server_give_group, GD_INT, GD_GIVES_ERROR, {{GD_INT, "group"}, {GD_INT, "server_number"}}},
    {"get_group_entities", server_get_group_entities, GD_INT64S, 0, {{GD_INT, "group"}}},
    {"get_entities", server_get_entities, GD_INT64S},
    {"create_entity", server_create_entity, GD_INT, 0,
     {{GD_STRING, "kind_name"}, {GD_INT, "group"}, {GD_TRANSFORM3D, "transform"}, {GD_INT, "carrier", .optional = true}, NO_VALUES, {GD_INT, "id", .optional = true}}},
    {"create_entities", server_create_entities, GD_INT64S, 0, {{GD_STRING, "kind_name"}, {GD_INT, "group"}, {GD_INT64S, "ids"}, {GD_FLOAT64S, "transforms"}}},
    {"delete_entity", server_delete_entity, GD_INT, GD_GIVES_ERROR, {{GD_INT, "id"}}},
    {"set_entity", server_set_entity, GD_INT, GD_GIVES_ERROR, {{GD_INT, "id"}, {GD_DICTIONARY, "values"}}},
    {"set_transform", server_set_transform, GD_INT, GD_GIVES_ERROR, {{GD_INT, "id"}, {GD_TRANSFORM3D, "transform"}}},
    {"set_carrier", server_set_carrier, GD_INT, GD_GIVES_ERROR, {{GD_INT, "id"}, {GD_INT, "carrier"}, {GD_TRANSFORM3D, "transform"}, NO_VALUES}},
    {"set_transforms", server_set_transforms, GD_INT, 0, {{GD_INT64S, "ids"}, {GD_FLOAT64S, "transforms"}, {GD_FLOAT64S, "velocities", .optional = true}}},
    {"get_transforms", server_get_transforms, GD_FLOAT64S, 0, {{GD_INT64S, "ids"}}},
    {"get_entity", server_get_entity, GD_DICTIONARY, CONST, {{GD_INT, "id"}}},
    {"has_entity", server_has_entity, GD_BOOL, CONST, {{GD_INT, "id"}}},
    {"send_message", server_send_message, GD_INT, GD_GIVES_ERROR, {{GD_INT, "client"}, {GD_BYTES, "data"}}},
    {"drop_client", server_drop_client, GD_NIL, 0, {{GD_INT, "client"}, {GD_STRING, "reason", .optional = true}}},
    {"add_custom_peer", server_add_custom_peer, GD_INT},
    {"receive_custom", server_receive_custom, GD_INT, GD_GIVES_ERROR, {{GD_INT, "peer"}, {GD_BYTES, "data"}}},
    {"remove_custom_peer", server_remove_custom_peer, GD_NIL, 0, {{GD_INT, "peer"}}},
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
    .create = server_on_create,
    .destroy = server_on_destroy,
    .notify = server_on_notify,
    .properties = properties,
    .methods = methods,
    .signals = server_signals,
    .constants = constants,
};
