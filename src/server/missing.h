// Parts of the world that are missing here: for lack of capacity, or because a checkpoint could not be read.
#ifndef TRAMLINE_SERVER_MISSING_H
#define TRAMLINE_SERVER_MISSING_H

#include "server/state.h"

uint32_t tl_server_missing_room(const tl_server *s); // free entity capacity
bool tl_server_missing_any(const tl_server *s);
uint32_t tl_server_missing_unread_count(const tl_server *s); // groups that are incomplete because of their checkpoints
void tl_server_missing_tick(tl_server *s);
// Notes a checkpoint that cannot be read. TL_ERR_FULL: there is no capacity to note it.
tl_result tl_server_missing_take_unread(tl_server *s, const tl_store_event *checkpoint);

#endif
