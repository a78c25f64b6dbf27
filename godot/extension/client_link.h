// A client's link to its servers: opened once, and kept while the client reconnects.
#ifndef GODOT_CLIENT_LINK_H
#define GODOT_CLIENT_LINK_H

#include "client_node.h"

bool client_link_open(client_node *c, int64_t first_address); // false: the node's text says why
void client_link_close(client_link *link);
void client_link_live(client_node *c); // the client has just gone live: reads the kinds, which may have changed

#endif
