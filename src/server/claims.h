// What clients own, across their connections: the groups that it lies in, and since when its client is away.
#ifndef TRAMLINE_SERVER_CLAIMS_H
#define TRAMLINE_SERVER_CLAIMS_H

#include "server/state.h"

enum { TL_CLAIMS_PER_TICK = 256 }; // so that those of different servers compare by their ticks

// A client has come; `secret`: that it has shown, NULL: none.
void tl_claims_hello(tl_server *s, tl_server_client *client, const unsigned char *secret);
void tl_claims_report(tl_server *s, tl_server_client *client); // to the client, what is its
// The group for what it makes and owns. TL_AGAIN: what it owns is still on its way here. TL_ERR_EXISTS: somebody of the
// same name has it.
tl_result tl_claims_group(tl_server *s, tl_server_client *client, tl_group_id *out);
// The one for what clients make and do not own.
tl_result tl_claims_nobodys_group(tl_server *s, tl_group_id *out);
uint32_t tl_claims_groups_max(const tl_server *s); // that may hold what clients own
int64_t tl_claims_silent_us(const tl_server *s, const tl_server_client *client);
int64_t tl_claims_heard_tick(const tl_server *s, const tl_server_client *client);
void tl_claims_vanish(tl_server *s, tl_group *group, int64_t tick);        // its client is away since then
void tl_claims_goodbye(tl_server *s, tl_server_client *client, bool keep); // keep: it may come back
// A server's clients are away since its last tick.
void tl_claims_ended(tl_server *s, tl_server_number owner, int64_t tick);

#endif
