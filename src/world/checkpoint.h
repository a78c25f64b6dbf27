// Checkpoints: one group, whole, as a record. Whoever loads a world takes these first, and then the logs.
#ifndef TRAMLINE_WORLD_CHECKPOINT_H
#define TRAMLINE_WORLD_CHECKPOINT_H

#include "world/record_apply.h"

// A group's checkpoint as a record, read back as whoever loads it will: TL_ERR_FULL, it did not fit; TL_ERR_MALFORMED,
// it could not be read.
tl_result tl_checkpoint_write(const tl_mirror *m, int32_t group, int64_t tick, void *data, size_t capacity,
                              size_t *size);
// Applies it: what the group held before is replaced, unless that was as new. While loading only.
tl_result tl_checkpoint_apply(tl_mirror *m, tl_group_id group, int64_t tick, const void *data, size_t size);

#endif
