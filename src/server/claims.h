// What clients own, across connections: the groups that hold it, and since when their clients are away.
#ifndef TRAMLINE_SERVER_CLAIMS_H
#define TRAMLINE_SERVER_CLAIMS_H

#include "server/state.h"

enum { TL_CLAIMS_PER_TICK = 256 }; // so that claims of different servers compare by tick

// A client has connected; `secret` is the one it presented, or NULL.
void tl_claims_hello(tl_server *s, tl_server_client *client, const unsigned char *secret);
void tl_claims_report(tl_server *s, tl_server_client *client); // reports to the client which entities it owns
// Returns in `out` the group for entities that the client creates and owns. TL_AGAIN: what it owns is still on its way
// here. TL_ERR_EXISTS: another connection of the same identity holds the group.
tl_result tl_claims_group(tl_server *s, tl_server_client *client, tl_group_id *out);
// Returns in `out` the group for entities that clients create but do not own.
tl_result tl_claims_nobodys_group(tl_server *s, tl_group_id *out);
uint32_t tl_claims_groups_max(const tl_server *s); // the limit on groups that hold clients' entities
int64_t tl_claims_silent_us(const tl_server *s, const tl_server_client *client);
int64_t tl_claims_heard_tick(const tl_server *s, const tl_server_client *client);
void tl_claims_vanish(tl_server *s, tl_group *group, int64_t tick);        // its client is away since `tick`
void tl_claims_goodbye(tl_server *s, tl_server_client *client, bool keep); // keep: the client may come back
// The server `owner` has ended: its clients are away since `tick`, its last one.
void tl_claims_ended(tl_server *s, tl_server_number owner, int64_t tick);

#endif
