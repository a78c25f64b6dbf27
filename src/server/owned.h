// What clients own: applies the states they report, and stops entities whose clients report nothing.
#ifndef TRAMLINE_SERVER_OWNED_H
#define TRAMLINE_SERVER_OWNED_H

#include "server/state.h"

// Returns NULL if the client does not own the entity; `client` may be NULL.
tl_owned *tl_owned_find(tl_server_client *client, tl_entity_id id);
void tl_owned_forget(tl_server_client *client, tl_entity_id id);
void tl_owned_forget_gone(tl_server *s, tl_server_client *client);
// Reads the states in a report and applies them; `dry`: only checks that they can be read.
void tl_owned_take(tl_server *s, tl_server_client *client, tl_reader *r, bool dry);
void tl_owned_hold(tl_server *s, tl_server_client *client); // a few times a second

#endif
