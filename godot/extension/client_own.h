// A client's own entities: those that it has requested and owns, and where it sets them.
#ifndef GODOT_CLIENT_OWN_H
#define GODOT_CLIENT_OWN_H

#include "client_node.h"

void client_remember_own(client_node *c, uint32_t request, int kind); // requested, and not answered yet
void client_forget_own(client_node *c, tl_entity_id id);              // if it is known
void client_settle_own(client_node *c);                               // stops those that are no longer set
// What the core reports of them; each emits a signal.
void client_on_answer(client_node *c, const tl_client_event *event);
void client_on_returned(client_node *c, const tl_client_event *event);
void client_on_lost(client_node *c, tl_entity_id id);

// What scripts can call.
#define CLIENT_OWN_METHODS(X) X(set_own_entity, GD_INT, GD_RETURNS_ERROR, GD_ID, GD_TRANSFORM, GD_CARRIER, GD_VALUES)
CLIENT_OWN_METHODS(CLIENT_DECLARE)

#endif
