// Checkpoints: a group's full state as a record. A loading server applies the checkpoints first, then the logs.
#ifndef TRAMLINE_WORLD_CHECKPOINT_H
#define TRAMLINE_WORLD_CHECKPOINT_H

#include "world/record_apply.h"

// Writes a group's checkpoint and reads it back as a loading server will. TL_ERR_FULL: it did not fit.
// TL_ERR_MALFORMED: it could not be read.
tl_result tl_checkpoint_write(const tl_mirror *m, int32_t group, int64_t tick, void *data, size_t capacity,
                              size_t *size);
// Applies a checkpoint: it replaces the group's content, unless that is at least as new. Only while loading.
tl_result tl_checkpoint_apply(tl_mirror *m, tl_group_id group, int64_t tick, const void *data, size_t size);

#endif
