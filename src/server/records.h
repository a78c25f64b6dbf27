// Records of the other servers, and ends of their epochs, that wait for their tick.
#ifndef TRAMLINE_SERVER_RECORDS_H
#define TRAMLINE_SERVER_RECORDS_H

#include "server/state.h"

// Fails the server if there is no memory for it.
void tl_records_queue(tl_server *s, tl_peer_server *p, const tl_store_event *event, bool is_end);
void tl_records_release(tl_server *s, tl_followed_record *record);
// Whether a record, the first of its server, can go into the mirror of that tick.
bool tl_records_can_apply(const tl_server *s, const tl_peer_server *p, const tl_followed_record *record, int64_t tick);

#endif
