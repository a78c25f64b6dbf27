// What clients own: the states that they report of it, and what holds it while they report nothing.
#ifndef TRAMLINE_SERVER_OWNED_H
#define TRAMLINE_SERVER_OWNED_H

#include "server/state.h"

tl_owned *tl_owned_find(tl_server_client *client, tl_entity_id id); // NULL if it does not own that; client may be NULL
void tl_owned_forget(tl_server_client *client, tl_entity_id id);
void tl_owned_forget_gone(tl_server *s, tl_server_client *client);
// The states in a report; `dry`: reads through them only.
void tl_owned_take(tl_server *s, tl_server_client *client, tl_reader *r, bool dry);
void tl_owned_hold(tl_server *s, tl_server_client *client); // a few times a second

#endif
