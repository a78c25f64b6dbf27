// Decides which groups are checkpointed and when, and how far the log can be truncated.
#ifndef TRAMLINE_SERVER_CHECKPOINTS_H
#define TRAMLINE_SERVER_CHECKPOINTS_H

#include "server/state.h"
#include "world/record_apply.h"

void tl_checkpoints_tick(tl_server *s);
// While loading: an own record deleted a group, and the store has no checkpoint of its deletion. See tl_record_events.
void tl_checkpoints_owe_end(void *server, tl_group_id deleted);

#endif
