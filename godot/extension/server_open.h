// Opening what a server needs: its store, its tokens' key, its transport, the core's server.
#ifndef GODOT_SERVER_OPEN_H
#define GODOT_SERVER_OPEN_H

#include "server_node.h"

// In the order of the path of data. Not TL_OK: the node's text says why, and server_close() closes what was opened.
tl_result server_open(server_node *s);
// `left`: the others shall take the server for one that has left.
void server_close(server_node *s, bool left);
// Forgets all of it without touching it: an assertion has failed there.
void server_abandon(server_node *s);

#endif
