// Reads records: checks them, and applies them to a mirror.
#ifndef TRAMLINE_WORLD_RECORD_APPLY_H
#define TRAMLINE_WORLD_RECORD_APPLY_H

#include "world/clock_report.h"

// Reads back what was written since the mark, as every follower will. What does not fit (TL_ERR_FULL) or cannot be read
// (TL_ERR_MALFORMED) is removed again, and the record stays valid.
tl_result tl_record_check(tl_record_writer *r, tl_record_mark mark);

// What a record's reader reports besides the mirror's changes. Any callback may be NULL.
typedef struct tl_record_events {
    void *user;
    bool checked;          // the whole record has passed tl_record_check(): it is not checked again
    const int32_t *likely; // with `checked`: the entities that it changes, in its order; it may have others, too
    uint32_t likely_count;
    // Returns who receives a group that was given to server `to` in an epoch: that server, or its heir if the epoch has
    // ended.
    tl_server_number (*receiver)(void *user, tl_server_number to, uint32_t epoch);
    bool own; // it is from the loading server's own log: the groups that it changes are marked as owed
    void (*group_deleted)(void *user, tl_group_id group); // while loading; the store does not record it yet
    void (*group_given)(void *user, int32_t group, tl_server_number from, tl_server_number to);
    void (*lacking_given)(void *user, tl_server_number to); // a group that did not fit here was given
    void (*leaving)(void *user, tl_server_number from);
    void (*post)(void *user, tl_op op, tl_server_number from, tl_server_number to, const void *data, size_t size);
} tl_record_events;

// Applies a whole record to the mirror. It is checked completely before anything changes: TL_ERR_MALFORMED, or
// TL_ERR_VERSION for another format, leaves the mirror unchanged and depends only on the bytes and the kinds, so every
// server gets the same result. TL_ERR_FULL: a limit of the mirror was reached; what fitted was applied. While
// `loading`, ops of groups whose checkpoint is at least as new as the record are ignored.
tl_result tl_record_apply(tl_mirror *m, tl_server_number from, int64_t tick, const void *data, size_t size,
                          bool loading, const tl_record_events *events);

// ---- for checkpoint.c ----

tl_result tl_record_check_checkpoint(const tl_kinds *kinds, int64_t tick, const void *data, size_t size);
// Applies a checkpoint that has passed the check. TL_ERR_FULL: what fitted was applied.
tl_result tl_record_apply_checkpoint(tl_mirror *m, int64_t tick, const void *data, size_t size);

#endif
