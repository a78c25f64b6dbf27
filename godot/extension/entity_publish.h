// On a server: an entity's node publishes where it is, and what its kind's fields name of its properties.
#ifndef GODOT_ENTITY_PUBLISH_H
#define GODOT_ENTITY_PUBLISH_H

#include "entity_node.h"
#include "server_node.h"

// At each tick of its server.
void entity_publish(entity_node *e, server_node *s);
// Its server has set the entity down, because its carrier is gone.
void entity_set_down(entity_node *e, tl_entity_id entity);

#endif
