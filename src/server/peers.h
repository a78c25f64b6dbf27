// The other servers: which are alive, whose records have arrived, what own records depend on, and who inherits whose
// groups.
#ifndef TRAMLINE_SERVER_PEERS_H
#define TRAMLINE_SERVER_PEERS_H

#include "server/state.h"
#include "world/record_apply.h"

tl_peer_server *tl_peers_find(tl_server *s, tl_server_number number); // NULL: no server can have that number
bool tl_peers_heard(const tl_server *s, tl_server_number number);     // its records arrive, even if late
bool tl_peers_alive(const tl_server *s, tl_server_number number);     // its records arrive in time
uint32_t tl_peers_alive_count(const tl_server *s);
bool tl_peers_degraded(const tl_server *s, tl_server_number number); // it has reported that something is missing there
void tl_peers_on_server(tl_server *s, const tl_store_event *event);  // the store reports a server, or its next epoch

// Whether the records of a tick have arrived: of all living servers except those that lag; of all of them.
bool tl_peers_ready(const tl_server *s, int64_t tick);
bool tl_peers_complete(const tl_server *s, int64_t tick);
void tl_peers_mark_lagging(tl_server *s, int64_t tick); // those whose record of `tick` has not arrived

// Own records from now on depend on that server's record of a tick, or (tick -1) on the end of that epoch.
void tl_peers_need(tl_server *s, tl_server_number server, uint32_t epoch, int64_t tick);
void tl_peers_need_all_seen(tl_server *s);
bool tl_peers_need_met(const tl_server *s, const tl_need *need);

// Returns who has what was handed to a server in an epoch that may have ended since; see tl_record_events.
tl_server_number tl_peers_receiver(void *server, tl_server_number to, uint32_t epoch);

#endif
