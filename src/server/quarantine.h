// Records of other servers that no server can read: they are set aside.
#ifndef TRAMLINE_SERVER_QUARANTINE_H
#define TRAMLINE_SERVER_QUARANTINE_H

#include "server/state.h"

// A record of that server cannot be read; it is the first in its queue, unless it is an own one that is loaded.
void tl_quarantine_begin(tl_server *s, tl_server_number number, uint32_t epoch, int64_t tick);
bool tl_quarantine_takes(tl_server *s, const tl_store_event *record); // it follows one that cannot be read
// An epoch has ended, perhaps before what was known of it.
void tl_quarantine_end(tl_server *s, const tl_store_event *end);
void tl_quarantine_loaded(tl_server *s);
void tl_quarantine_watch(tl_server *s, uint64_t store_us);

#endif
