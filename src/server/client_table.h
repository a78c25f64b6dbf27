// The table of clients: finding them by peer or number, sending to them, marking them to be dropped.
#ifndef TRAMLINE_SERVER_CLIENT_TABLE_H
#define TRAMLINE_SERVER_CLIENT_TABLE_H

#include "server/state.h"

tl_server_client *tl_client_table_by_peer(tl_server *s, tl_peer peer);                // NULL if none
tl_server_client *tl_client_table_by_number(tl_server *s, tl_client_number number);   // NULL if none
void tl_client_table_send(tl_server *s, tl_peer peer, const void *data, size_t size); // sends one datagram
// Marks the client that owns an entity, if any, to be dropped before the next frames.
void tl_client_table_blame(tl_server *s, tl_entity_id id, const char *reason);

#endif
