// Checkpoints whose bytes are whole, but which no server of this version can read. Like a record that nobody can read,
// such a one is set aside: it stays in the store, and its group is incomplete here until a server that has it whole
// tells it anew.
#ifndef TRAMLINE_WORLD_UNREAD_H
#define TRAMLINE_WORLD_UNREAD_H

#include "world/checkpoint.h"

enum { TL_STAND_IN_BYTES_MAX = 32 };

// What can be put in such a checkpoint's place: that the group exists, and whose it is, as far as that can still be
// read. Returns its size, 0: it cannot.
size_t tl_unread_stand_in(tl_group_id group, int64_t tick, const void *data, size_t size,
                          unsigned char out[TL_STAND_IN_BYTES_MAX]);
// The mirror gets that in the checkpoint's place, and knows that the group is incomplete. TL_ERR_FULL: no room for a
// group.
tl_result tl_unread_take(tl_mirror *m, tl_group_id group, int64_t tick, const void *data, size_t size);

#endif
