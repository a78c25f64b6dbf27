// Returns what a client owns to it when it connects again, to whichever server.
#ifndef TRAMLINE_SERVER_RETURNS_H
#define TRAMLINE_SERVER_RETURNS_H

#include "server/state.h"

void tl_returns_step(tl_server *s);                 // once each own tick
void tl_returns_taken(tl_server *s, int32_t group); // this server owns the group from now on
// Another server has a client of an identity, and claims its groups.
void tl_returns_post(tl_server *s, tl_server_number from, const void *data, size_t size);

#endif
