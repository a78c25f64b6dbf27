// A server's methods on one entity.
#ifndef GODOT_SERVER_ENTITIES_H
#define GODOT_SERVER_ENTITIES_H

#include "server_node.h"

// What scripts can call.
#define SERVER_ENTITY_METHODS(X)                                                                  \
    X(create_entity, GD_INT, 0, GD_KIND_NAME, GD_GROUP, GD_TRANSFORM, GD_CARRIER, GD_VALUES,      \
      {GD_INT, "id", .optional = true})                                                           \
    X(delete_entity, GD_INT, GD_RETURNS_ERROR, GD_ID)                                             \
    X(set_entity, GD_INT, GD_RETURNS_ERROR, GD_ID, {GD_DICTIONARY, "values"})                     \
    X(set_transform, GD_INT, GD_RETURNS_ERROR, GD_ID, GD_TRANSFORM)                               \
    X(set_carrier, GD_INT, GD_RETURNS_ERROR, GD_ID, {GD_INT, "carrier"}, GD_TRANSFORM, GD_VALUES) \
    X(get_entity, GD_DICTIONARY, GD_METHOD_CONST, GD_ID)                                          \
    X(has_entity, GD_BOOL, GD_METHOD_CONST, GD_ID)
SERVER_ENTITY_METHODS(SERVER_DECLARE)

#endif
