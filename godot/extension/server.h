// TramlineServer: a server of the world in a scene. Its life: start, step, stop.
#ifndef GODOT_SERVER_H
#define GODOT_SERVER_H

#include "server_node.h"

bool server_on_destroy(void *self);
void server_on_notify(void *self, int32_t what);
void server_on_fail(void *self, const char *why);
// Ends every server: the library will be unloaded, and with it the code that the stores' threads run.
void server_end_all(void);

// What scripts can call.
#define SERVER_LIFE_METHODS(X)                              \
    X(start, GD_INT, GD_RETURNS_ERROR, GD_NONE)             \
    X(stop, GD_NIL, 0, GD_NONE)                             \
    X(stop_now, GD_NIL, 0, GD_NONE)                         \
    X(get_state, GD_INT, GD_METHOD_CONST, GD_NONE)          \
    X(get_state_text, GD_STRING, GD_METHOD_CONST, GD_NONE)  \
    X(get_port, GD_INT, GD_METHOD_CONST, GD_NONE)           \
    X(get_fingerprint, GD_STRING, GD_METHOD_CONST, GD_NONE) \
    X(get_server_number, GD_INT, GD_METHOD_CONST, GD_NONE)  \
    X(get_tick, GD_INT, GD_METHOD_CONST, GD_NONE)           \
    X(get_time_s, GD_FLOAT, GD_METHOD_CONST, GD_NONE)
SERVER_LIFE_METHODS(SERVER_DECLARE)

#endif
