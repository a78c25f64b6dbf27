// What a client is connected by: made once, and kept over as many connections as it takes.
#ifndef GODOT_CLIENT_LINK_H
#define GODOT_CLIENT_LINK_H

#include "client_node.h"

bool client_link_open(client_node *c, int64_t first_address); // false: the node's text says why
void client_link_close(client_link *link);
void client_link_live(client_node *c); // the kinds are known now, and may be others than before

#endif
