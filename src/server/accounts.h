// Accounts: the work (work.h), travel and volume budgets of clients with a proven name.
#ifndef TRAMLINE_SERVER_ACCOUNTS_H
#define TRAMLINE_SERVER_ACCOUNTS_H

#include "server/state.h"

size_t tl_accounts_bytes(const tl_server_def *def);
bool tl_accounts_init(tl_server *s);
// Returns the connection that must be closed before this name may have another one, or NULL if none has to be.
tl_server_client *tl_accounts_surplus(tl_server *s, const tl_grant *grant);
void tl_accounts_take(tl_server *s, tl_server_client *client); // the client now has a session
void tl_accounts_leave(tl_server *s, tl_server_client *client);

#endif
