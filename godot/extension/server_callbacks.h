// What the core calls within a step. The tick and requests run scripts at once; all else is kept as events.
#ifndef GODOT_SERVER_CALLBACKS_H
#define GODOT_SERVER_CALLBACKS_H

#include "server_node.h"

tl_server_callbacks server_callbacks(server_node *s);

#endif
