// TramlineClient as a table.
#include "client.h"

static const gd_property properties[] = {
    {"addresses", GD_STRINGS, offsetof(client_node, addresses)},
    {"fingerprints", GD_STRINGS, offsetof(client_node, fingerprints)},
    {"ca_file", GD_STRING, offsetof(client_node, ca_file), .hint = GD_HINT_FILE, .hint_text = "*.pem"},
    {"token", GD_STRING, offsetof(client_node, token)},
    {"kbit_s", GD_INT, offsetof(client_node, kbit_s), .preset = 2000},
    {"entities_max", GD_INT, offsetof(client_node, entities_max), .preset = 200000},
    {"autoconnect", GD_BOOL, offsetof(client_node, autoconnect)},
    {"reconnect", GD_BOOL, offsetof(client_node, reconnect), .preset = 1},
    {"silence_s", GD_FLOAT, offsetof(client_node, silence_s), .preset = 2, .hint = GD_HINT_RANGE, .hint_text = "0.5,10,0.1,suffix:s"},
    {"kinds", GD_ARRAY, offsetof(client_node, kinds), .hint = GD_HINT_ARRAY_TYPE, .hint_text = "24/17:TramlineKind", .class_name = "TramlineKind"},
    {"spawn_path", GD_NODE_PATH, offsetof(client_node, spawn_path)},
    {"custom_transport", GD_BOOL, offsetof(client_node, custom_transport)},
    {0},
};

#define CONST GD_METHOD_CONST
#define CARRIER {GD_INT, "carrier", .optional = true}
#define VALUES {GD_DICTIONARY, "values", .optional = true}

static const gd_method methods[] = {
    {"connect_to_server", client_connect_to_server, GD_INT, GD_GIVES_ERROR},
    {"disconnect_from_server", client_disconnect_from_server},
    {"get_state", client_get_state, GD_INT, CONST},
    {"get_state_text", client_get_state_text, GD_STRING, CONST},
    {"get_address", client_get_address, GD_STRING, CONST},
    {"get_server_tick", client_get_server_tick, GD_FLOAT, CONST},
    {"get_display_tick", client_get_display_tick, GD_FLOAT, CONST},
    {"get_frame_tick", client_get_frame_tick, GD_INT, CONST},
    {"get_tick_hz", client_get_tick_hz, GD_INT, CONST},
    {"get_stats", client_get_stats, GD_DICTIONARY, CONST},
    {"get_kind_names", client_get_kind_names, GD_STRINGS, CONST},
    {"get_entities", client_get_entities, GD_INT64S},
    {"get_entity", client_get_entity, GD_DICTIONARY, CONST, {{GD_INT, "id"}}},
    {"has_entity", client_has_entity, GD_BOOL, CONST, {{GD_INT, "id"}}},
    {"get_transform", client_get_transform, GD_TRANSFORM3D, CONST, {{GD_INT, "id"}}},
    {"get_transforms", client_get_transforms, GD_FLOAT64S, 0, {{GD_INT64S, "ids", .optional = true}}},
    {"get_transforms_at", client_get_transforms_at, GD_DICTIONARY, 0, {{GD_FLOAT, "tick"}, {GD_BOOL, "smooth", .optional = true}}},
    {"fill_multimesh", client_fill_multimesh, GD_INT, 0,
     {{GD_OBJECT, "multimesh", "MultiMesh"}, {GD_STRING, "kind_name"}, {GD_VECTOR3, "offset", .optional = true}}},
    {"update_multimeshes", client_update_multimeshes, GD_INT32S, 0, {{GD_ARRAY, "multimeshes", "MultiMesh"}, {GD_STRINGS, "kind_names"}}},
    {"set_origin", client_set_origin, GD_NIL, 0, {{GD_FLOAT, "x"}, {GD_FLOAT, "y"}, {GD_FLOAT, "z"}}},
    {"get_origin", client_get_origin, GD_FLOAT64S, CONST},
    {"get_node_of", client_get_node_of, GD_INT, CONST, {{GD_INT, "id"}}},
    {"send_message", client_send_message, GD_INT, GD_GIVES_ERROR, {{GD_BYTES, "data"}}},
    {"request_create", client_request_create, GD_INT, 0,
     {{GD_STRING, "kind_name"}, {GD_TRANSFORM3D, "transform"}, CARRIER, VALUES, {GD_BOOL, "own", .optional = true, .preset = 1}}},
    {"request_update", client_request_update, GD_INT, 0, {{GD_INT, "id"}, {GD_DICTIONARY, "values"}}},
    {"request_delete", client_request_delete, GD_INT, 0, {{GD_INT, "id"}}},
    {"set_own_entity", client_set_own_entity, GD_INT, GD_GIVES_ERROR, {{GD_INT, "id"}, {GD_TRANSFORM3D, "transform"}, CARRIER, VALUES}},
    {"observe_entity", client_observe_entity, GD_NIL, 0, {{GD_INT, "id"}}},
    {"observe_point", client_observe_point, GD_NIL, 0, {{GD_FLOAT, "x"}, {GD_FLOAT, "y"}, {GD_FLOAT, "z"}}},
    {"apply_frame", client_apply_frame, GD_INT, GD_GIVES_ERROR, {{GD_BYTES, "data"}}},
    {"transport_connected", client_transport_connected},
    {0},
};

const gd_signal client_signals[] = {
    {"connected"},
    {"disconnected", {{GD_STRING, "reason"}}},
    {"entity_entered", {{GD_INT, "id"}, {GD_STRING, "kind_name"}}},
    {"entity_changed", {{GD_INT, "id"}}},
    {"entity_left", {{GD_INT, "id"}}},
    {"message_received", {{GD_BYTES, "data"}}},
    {"request_answered", {{GD_INT, "request"}, {GD_INT, "result"}, {GD_INT, "id"}}},
    {"frame_received", {{GD_BYTES, "frame"}}},
    {"datagram_ready", {{GD_BYTES, "data"}}},
    {0},
};

static const gd_constant constants[] = {
    {"State", "DISCONNECTED", CLIENT_DISCONNECTED},
    {"State", "CONNECTING", CLIENT_CONNECTING},
    {"State", "JOINING", CLIENT_JOINING},
    {"State", "LIVE", CLIENT_LIVE},
    {0},
};

const gd_class client_class = {
    .name = "TramlineClient",
    .parent = "Node",
    .bytes = sizeof(client_node),
    .create = client_on_create,
    .destroy = client_on_destroy,
    .notify = client_on_notify,
    .properties = properties,
    .methods = methods,
    .signals = client_signals,
    .constants = constants,
};
