// Holds checkpoints and truncations of the log back for a while before they go to the store.
#ifndef TRAMLINE_SERVER_HELD_CHECKPOINTS_H
#define TRAMLINE_SERVER_HELD_CHECKPOINTS_H

#include "server/state.h"

// Both return false if too many are held. The checkpoint is as of the mirror's tick.
bool tl_held_add_checkpoint(tl_server *s, tl_group_id group, const void *data, size_t size);
bool tl_held_add_truncation(tl_server *s, int64_t tick);
void tl_held_release(tl_server *s);

#endif
