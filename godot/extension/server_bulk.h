// A server's methods on many entities at once.
#ifndef GODOT_SERVER_BULK_H
#define GODOT_SERVER_BULK_H

#include "server_node.h"

// What scripts can call.
#define SERVER_BULK_METHODS(X)                                                                                \
    X(create_entities, GD_INT64S, 0, GD_KIND_NAME, GD_GROUP, {GD_INT64S, "ids"}, {GD_FLOAT64S, "transforms"}) \
    X(set_transforms, GD_INT, 0, {GD_INT64S, "ids"}, {GD_FLOAT64S, "transforms"},                             \
      {GD_FLOAT64S, "velocities", .optional = true})                                                          \
    X(get_transforms, GD_FLOAT64S, 0, {GD_INT64S, "ids"})
SERVER_BULK_METHODS(SERVER_DECLARE)

#endif
