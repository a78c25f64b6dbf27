// Checkpoints with intact bytes that no server of this version can read. Like an unreadable record, such a checkpoint
// is set aside: it stays in the store, and its group is incomplete here until a server that has it completely sends it
// again.
#ifndef TRAMLINE_WORLD_UNREAD_H
#define TRAMLINE_WORLD_UNREAD_H

#include "world/checkpoint.h"

enum { TL_STAND_IN_BYTES_MAX = 32 };

// Writes a substitute for such a checkpoint: that the group exists, and its owner, if that is still readable. Returns
// its size, or 0 if it is not.
size_t tl_unread_stand_in(tl_group_id group, int64_t tick, const void *data, size_t size,
                          unsigned char out[TL_STAND_IN_BYTES_MAX]);
// Applies the substitute to the mirror and marks the group as incomplete. TL_ERR_FULL: no space for a group.
tl_result tl_unread_take(tl_mirror *m, tl_group_id group, int64_t tick, const void *data, size_t size);

#endif
