// A server's methods on groups, and on what is in them.
#ifndef GODOT_SERVER_GROUPS_H
#define GODOT_SERVER_GROUPS_H

#include "server_node.h"

// What scripts can call.
#define SERVER_GROUP_METHODS(X)                                                                         \
    X(create_group, GD_INT, 0, {GD_INT, "group", .optional = true})                                     \
    X(delete_group, GD_INT, GD_RETURNS_ERROR, GD_GROUP)                                                 \
    X(owns_group, GD_BOOL, GD_METHOD_CONST, GD_GROUP)                                                   \
    X(keep_group, GD_INT, GD_RETURNS_ERROR, GD_GROUP, {GD_BOOL, "keep", .optional = true, .preset = 1}) \
    X(give_group, GD_INT, GD_RETURNS_ERROR, GD_GROUP, {GD_INT, "server_number"})                        \
    X(get_group_entities, GD_INT64S, 0, GD_GROUP)                                                       \
    X(get_entities, GD_INT64S, 0, GD_NONE)
SERVER_GROUP_METHODS(SERVER_DECLARE)

#endif
