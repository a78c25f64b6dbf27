// The view straight into MultiMeshes: one pass over all entities for all kinds, into buffers that are kept.
#ifndef GODOT_CLIENT_DRAW_H
#define GODOT_CLIENT_DRAW_H

#include "client_node.h"

void client_drop_draws(client_node *c);
void client_drop_freed_draws(client_node *c); // those of MultiMeshes that are gone

// What scripts can call.
#define CLIENT_DRAW_METHODS(X)                                                        \
    X(fill_multimesh, GD_INT, 0, {GD_OBJECT, "multimesh", "MultiMesh"}, GD_KIND_NAME, \
      {GD_VECTOR3, "offset", .optional = true})                                       \
    X(update_multimeshes, GD_INT32S, 0, {GD_ARRAY, "multimeshes", "MultiMesh"}, {GD_STRINGS, "kind_names"})
CLIENT_DRAW_METHODS(CLIENT_DECLARE)

#endif
