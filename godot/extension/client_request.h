// A client's messages and requests to its server.
#ifndef GODOT_CLIENT_REQUEST_H
#define GODOT_CLIENT_REQUEST_H

#include "client_node.h"

// What scripts can call.
#define CLIENT_REQUEST_METHODS(X)                                                   \
    X(send_message, GD_INT, GD_RETURNS_ERROR, GD_DATA)                              \
    X(request_create, GD_INT, 0, GD_KIND_NAME, GD_TRANSFORM, GD_CARRIER, GD_VALUES, \
      {GD_BOOL, "own", .optional = true, .preset = 1})                              \
    X(request_update, GD_INT, 0, GD_ID, {GD_DICTIONARY, "values"})                  \
    X(request_delete, GD_INT, 0, GD_ID)
CLIENT_REQUEST_METHODS(CLIENT_DECLARE)

#endif
