// Reading records: checking that they can be read, and applying them to a mirror.
#ifndef TRAMLINE_WORLD_RECORD_APPLY_H
#define TRAMLINE_WORLD_RECORD_APPLY_H

#include "world/clock_report.h"

// Reads back what was written since the mark, as every follower will: what does not fit (TL_ERR_FULL) or cannot be read
// (TL_ERR_MALFORMED) is taken out again, and the record stays whole.
tl_result tl_record_check(tl_record_writer *r, tl_record_mark mark);

// What a record's reader is told besides the mirror's changes. Any may be NULL.
typedef struct tl_record_events {
    void *user;
    bool checked;          // the whole record has passed tl_record_check(): it is not read through again
    const int32_t *likely; // with `checked`: the entities that it changes, in its order; it may have others besides
    uint32_t likely_count;
    // Who gets a group that is given to a server in an epoch of its: that server, or whose it all is if that epoch has
    // ended.
    tl_server_number (*receiver)(void *user, tl_server_number to, uint32_t epoch);
    bool own; // it is of the server's own log, which that loads: the groups that it changes are marked as owed
    void (*group_deleted)(void *user, tl_group_id group); // while loading; the store does not say so yet
    void (*group_given)(void *user, int32_t group, tl_server_number from, tl_server_number to);
    void (*lacking_given)(void *user, tl_server_number to); // a group that found no room here
    void (*leaving)(void *user, tl_server_number from);
    void (*post)(void *user, tl_op op, tl_server_number from, tl_server_number to, const void *data, size_t size);
} tl_record_events;

// Applies a whole record to the mirror. It is read through once before anything changes: TL_ERR_MALFORMED, or
// TL_ERR_VERSION for another format's, leaves the mirror as it was, and depends on the bytes and the kinds alone, so it
// is the same at every server. TL_ERR_FULL: the mirror's limits did not do; what fitted was applied. While `loading`,
// ops of groups whose checkpoint is as new as the record are passed over.
tl_result tl_record_apply(tl_mirror *m, tl_server_number from, int64_t tick, const void *data, size_t size,
                          bool loading, const tl_record_events *events);

// ---- for checkpoint.c ----

tl_result tl_record_check_checkpoint(const tl_kinds *kinds, int64_t tick, const void *data, size_t size);
// One that has passed that. TL_ERR_FULL: what fitted was applied.
tl_result tl_record_apply_checkpoint(tl_mirror *m, int64_t tick, const void *data, size_t size);

#endif
