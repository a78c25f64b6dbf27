// The clients that there are: found by peer or number, written to, and marked to be dropped.
#ifndef TRAMLINE_SERVER_CLIENT_TABLE_H
#define TRAMLINE_SERVER_CLIENT_TABLE_H

#include "server/state.h"

tl_server_client *tl_client_table_by_peer(tl_server *s, tl_peer peer);                // NULL: no client has it
tl_server_client *tl_client_table_by_number(tl_server *s, tl_client_number number);   // NULL: none
void tl_client_table_send(tl_server *s, tl_peer peer, const void *data, size_t size); // a datagram
// Has the client that owns an entity dropped with the next frames, if one does.
void tl_client_table_blame(tl_server *s, tl_entity_id id, const char *reason);

#endif
