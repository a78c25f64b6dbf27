// A client's figures, for scripts.
#ifndef GODOT_CLIENT_STATS_H
#define GODOT_CLIENT_STATS_H

#include "client_node.h"

// What scripts can call.
#define CLIENT_STATS_METHODS(X) X(get_stats, GD_DICTIONARY, GD_METHOD_CONST, GD_NONE)
CLIENT_STATS_METHODS(CLIENT_DECLARE)

#endif
