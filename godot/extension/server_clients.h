// A server's methods on its clients, and on peers whose datagrams a script carries.
#ifndef GODOT_SERVER_CLIENTS_H
#define GODOT_SERVER_CLIENTS_H

#include "server_node.h"

// What scripts can call.
#define SERVER_CLIENT_METHODS(X)                                                           \
    X(send_message, GD_INT, GD_RETURNS_ERROR, {GD_INT, "client"}, GD_DATA)                 \
    X(drop_client, GD_NIL, 0, {GD_INT, "client"}, {GD_STRING, "reason", .optional = true}) \
    X(add_custom_peer, GD_INT, 0, GD_NONE)                                                 \
    X(receive_custom, GD_INT, GD_RETURNS_ERROR, {GD_INT, "peer"}, GD_DATA)                 \
    X(remove_custom_peer, GD_NIL, 0, {GD_INT, "peer"})
SERVER_CLIENT_METHODS(SERVER_DECLARE)

#endif
