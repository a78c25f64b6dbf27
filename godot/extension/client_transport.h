// What carries a client's datagrams: DTLS, to whichever of its addresses answers, or a script.
#ifndef GODOT_CLIENT_TRANSPORT_H
#define GODOT_CLIENT_TRANSPORT_H

#include "client_node.h"

// Begins with that one of the node's addresses. False: the node's text says why.
bool client_transport_open(client_node *c, client_link *link, int64_t first_address);
void client_transport_close(client_link *link);
const char *client_address(const client_link *link); // "": there is no connection, and none is sought

// What scripts can call.
#define CLIENT_TRANSPORT_METHODS(X)                   \
    X(apply_frame, GD_INT, GD_RETURNS_ERROR, GD_DATA) \
    X(transport_connected, GD_NIL, 0, GD_NONE)
CLIENT_TRANSPORT_METHODS(CLIENT_DECLARE)

#endif
