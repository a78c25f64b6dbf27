// Where a client looks from, and where the scene's origin is in the world.
#ifndef GODOT_CLIENT_OBSERVE_H
#define GODOT_CLIENT_OBSERVE_H

#include "client_node.h"

void client_observe(client_node *c, tl_entity_id entity, tl_vec3 point); // entity 0: the point
void client_apply_observer(client_node *c);                              // to a new connection

// What scripts can call.
#define CLIENT_OBSERVE_METHODS(X)                                                  \
    X(observe_entity, GD_NIL, 0, GD_ID)                                            \
    X(observe_point, GD_NIL, 0, {GD_FLOAT, "x"}, {GD_FLOAT, "y"}, {GD_FLOAT, "z"}) \
    X(set_origin, GD_NIL, 0, {GD_FLOAT, "x"}, {GD_FLOAT, "y"}, {GD_FLOAT, "z"})    \
    X(get_origin, GD_FLOAT64S, GD_METHOD_CONST, GD_NONE)
CLIENT_OBSERVE_METHODS(CLIENT_DECLARE)

#endif
