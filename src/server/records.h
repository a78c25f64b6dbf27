// Queues of other servers' records, and of the ends of their epochs, until their tick comes.
#ifndef TRAMLINE_SERVER_RECORDS_H
#define TRAMLINE_SERVER_RECORDS_H

#include "server/state.h"

// Fails the server if memory runs out.
void tl_records_queue(tl_server *s, tl_peer_server *p, const tl_store_event *event, bool is_end);
void tl_records_release(tl_server *s, tl_followed_record *record);
// Whether `record`, the first in its server's queue, can be applied to the mirror at `tick`.
bool tl_records_can_apply(const tl_server *s, const tl_peer_server *p, const tl_followed_record *record, int64_t tick);

#endif
