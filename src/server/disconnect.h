// Disconnecting clients and newcomers: sends them the reason, and releases or keeps what they own.
#ifndef TRAMLINE_SERVER_DISCONNECT_H
#define TRAMLINE_SERVER_DISCONNECT_H

#include "server/state.h"

void tl_disconnect_client(tl_server *s, tl_server_client *client, tl_result result, const char *text);
void tl_disconnect_peer(tl_server *s, tl_peer peer, tl_result result, const char *text); // a client or not
void tl_disconnect_gone(tl_server *s, tl_peer peer, bool keep); // its connection has ended; keep: it may come back
void tl_disconnect_all(tl_server *s, tl_result result, const char *text);

#endif
