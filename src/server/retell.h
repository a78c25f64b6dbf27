// Own groups that are published again, for a server that lacks some of them.
#ifndef TRAMLINE_SERVER_RETELL_H
#define TRAMLINE_SERVER_RETELL_H

#include "server/state.h"

// Another server lacks something; it may ask for a group of ours (`to` is 0 if it does not know whose it is).
void tl_retell_take(tl_server *s, tl_server_number from, tl_server_number to, const void *data, size_t size);
// The ends of what was published again; returns whether all of them are in the record.
bool tl_retell_record(tl_server *s, tl_record_writer *r);

#endif
