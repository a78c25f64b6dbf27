// What a client shows, for scripts.
#ifndef GODOT_CLIENT_READ_H
#define GODOT_CLIENT_READ_H

#include "client_node.h"

uint32_t client_all_poses(client_node *c, double tick, bool smooth); // into c->poses

// What scripts can call.
#define CLIENT_READ_METHODS(X)                                              \
    X(get_server_tick, GD_FLOAT, GD_METHOD_CONST, GD_NONE)                  \
    X(get_display_tick, GD_FLOAT, GD_METHOD_CONST, GD_NONE)                 \
    X(get_frame_tick, GD_INT, GD_METHOD_CONST, GD_NONE)                     \
    X(get_tick_hz, GD_INT, GD_METHOD_CONST, GD_NONE)                        \
    X(get_kind_names, GD_STRINGS, GD_METHOD_CONST, GD_NONE)                 \
    X(get_entities, GD_INT64S, 0, GD_NONE)                                  \
    X(get_entity, GD_DICTIONARY, GD_METHOD_CONST, GD_ID)                    \
    X(has_entity, GD_BOOL, GD_METHOD_CONST, GD_ID)                          \
    X(get_transform, GD_TRANSFORM3D, GD_METHOD_CONST, GD_ID)                \
    X(get_transforms, GD_FLOAT64S, 0, {GD_INT64S, "ids", .optional = true}) \
    X(get_transforms_at, GD_DICTIONARY, 0, {GD_FLOAT, "tick"}, {GD_BOOL, "smooth", .optional = true})
CLIENT_READ_METHODS(CLIENT_DECLARE)

#endif
