// Writes the record of a tick.
#ifndef TRAMLINE_SERVER_TICK_RECORD_H
#define TRAMLINE_SERVER_TICK_RECORD_H

#include "server/state.h"

// Posts an op to another server in the next record. Returns false if the record has no capacity left for it.
bool tl_tick_record_post(tl_server *s, tl_op op, tl_server_number to, const void *data, size_t size);
void tl_tick_record_make(tl_server *s);
bool tl_tick_record_pending(const tl_server *s); // whether anything is still to be recorded

#endif
