// Scenes for entities: a kind's scene is instantiated for each of its entities that comes into view, and freed when the
// entity leaves.
#ifndef GODOT_CLIENT_SPAWN_H
#define GODOT_CLIENT_SPAWN_H

#include "client_node.h"

// False: a script has ended the connection, or the client, meanwhile.
bool client_spawn(client_node *c, tl_entity_id id, int scene);
void client_unspawn(client_node *c, tl_entity_id id);
void client_unspawn_all(client_node *c);
void client_move_spawned(client_node *c); // those whose root is not a TramlineEntity

// What scripts can call.
#define CLIENT_SPAWN_METHODS(X) X(get_node_of, GD_INT, GD_METHOD_CONST, GD_ID)
CLIENT_SPAWN_METHODS(CLIENT_DECLARE)

#endif
