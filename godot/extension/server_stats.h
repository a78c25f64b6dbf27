// A server's figures, for scripts.
#ifndef GODOT_SERVER_STATS_H
#define GODOT_SERVER_STATS_H

#include "server_node.h"

// What scripts can call.
#define SERVER_STATS_METHODS(X) X(get_stats, GD_DICTIONARY, GD_METHOD_CONST, GD_NONE)
SERVER_STATS_METHODS(SERVER_DECLARE)

#endif
