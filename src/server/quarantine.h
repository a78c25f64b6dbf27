// Quarantine: sets aside records of other servers that no server can read.
#ifndef TRAMLINE_SERVER_QUARANTINE_H
#define TRAMLINE_SERVER_QUARANTINE_H

#include "server/state.h"

// Begins with a record that cannot be read: the first in that server's queue, or an own record while loading.
void tl_quarantine_begin(tl_server *s, tl_server_number number, uint32_t epoch, int64_t tick);
// Whether `record` follows one that cannot be read.
bool tl_quarantine_takes(tl_server *s, const tl_store_event *record);
// An epoch has ended, perhaps before records of it that have already arrived.
void tl_quarantine_end(tl_server *s, const tl_store_event *end);
void tl_quarantine_loaded(tl_server *s);
void tl_quarantine_watch(tl_server *s, uint64_t store_us);

#endif
