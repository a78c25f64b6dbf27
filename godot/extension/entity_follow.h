// On a client: an entity's node is moved, and its properties are set, as the view has them.
#ifndef GODOT_ENTITY_FOLLOW_H
#define GODOT_ENTITY_FOLLOW_H

#include "client_node.h"
#include "entity_node.h"

// At each displayed frame of its client.
void entity_follow(entity_node *e, client_node *c);
// The client has made the node for an entity; before the node enters the tree.
void entity_bind(entity_node *e, client_node *c, tl_entity_id id);
// A place in the scene, whose origin is the client's.
gd_transform3d entity_scene_transform(const client_node *c, const tl_placement *placed);

#endif
