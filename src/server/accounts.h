// Whose work a client's is (work.h).
#ifndef TRAMLINE_SERVER_ACCOUNTS_H
#define TRAMLINE_SERVER_ACCOUNTS_H

#include "server/state.h"

size_t tl_accounts_bytes(const tl_server_def *def);
bool tl_accounts_init(tl_server *s);
// The connection that has to end so that there can be one more of that name; NULL: none.
tl_server_client *tl_accounts_surplus(tl_server *s, const tl_grant *grant);
void tl_accounts_take(tl_server *s, tl_server_client *client); // who has a session now
void tl_accounts_leave(tl_server *s, tl_server_client *client);

#endif
