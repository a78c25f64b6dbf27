// Publishes own groups again for servers that miss parts of them.
#ifndef TRAMLINE_SERVER_RETELL_H
#define TRAMLINE_SERVER_RETELL_H

#include "server/state.h"

// Another server misses something; it may ask for a group of this server (`to` is 0 if it does not know the owner).
void tl_retell_take(tl_server *s, tl_server_number from, tl_server_number to, const void *data, size_t size);
// Records the ends of what was published again; returns whether all of them fit in the record.
bool tl_retell_record(tl_server *s, tl_record_writer *r);

#endif
