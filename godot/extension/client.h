// TramlineClient: the view of the world in a scene. Its life: connect, step, signals.
#ifndef GODOT_CLIENT_H
#define GODOT_CLIENT_H

#include "client_node.h"

bool client_on_destroy(void *self);
void client_on_notify(void *self, int32_t what);
void client_on_fail(void *self, const char *why);
void client_end_all(void); // the library will be unloaded

// What scripts can call.
#define CLIENT_LIFE_METHODS(X)                              \
    X(connect_to_server, GD_INT, GD_RETURNS_ERROR, GD_NONE) \
    X(disconnect_from_server, GD_NIL, 0, GD_NONE)           \
    X(get_state, GD_INT, GD_METHOD_CONST, GD_NONE)          \
    X(get_state_text, GD_STRING, GD_METHOD_CONST, GD_NONE)  \
    X(get_address, GD_STRING, GD_METHOD_CONST, GD_NONE)
CLIENT_LIFE_METHODS(CLIENT_DECLARE)

#endif
