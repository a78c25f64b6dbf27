// What of the world found no room on this server, or could not be read from its checkpoint.
#ifndef TRAMLINE_SERVER_MISSING_H
#define TRAMLINE_SERVER_MISSING_H

#include "server/state.h"

uint32_t tl_server_missing_room(const tl_server *s); // places for entities that are left
bool tl_server_missing_any(const tl_server *s);
uint32_t tl_server_missing_unread_count(const tl_server *s); // groups that are incomplete because of their checkpoints
void tl_server_missing_tick(tl_server *s);
// A checkpoint cannot be read. TL_ERR_FULL: there is no room for what is known of it.
tl_result tl_server_missing_take_unread(tl_server *s, const tl_store_event *checkpoint);

#endif
