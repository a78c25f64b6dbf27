// Which groups get a checkpoint, and when; and up to where the log can be truncated.
#ifndef TRAMLINE_SERVER_CHECKPOINTS_H
#define TRAMLINE_SERVER_CHECKPOINTS_H

#include "server/state.h"
#include "world/record_apply.h"

void tl_checkpoints_tick(tl_server *s);
// While loading: an own record has deleted a group, and the store does not say so. See tl_record_events.
void tl_checkpoints_owe_end(void *server, tl_group_id deleted);

#endif
