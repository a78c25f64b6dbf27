// What a store reported, counted and summed: two stores that report the same have the same tally, in any order
// between their logs, and however often a group's checkpoint or an epoch's heir was reported again.
#ifndef APP_TALLY_H
#define APP_TALLY_H

#include "tramline/store.h"

typedef struct tally_log {
    bool known, ended;
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t epoch;
    int64_t tick;                  // its last one reported, -1: none
    int64_t first_tick, last_tick; // of its records, -1: none
    uint64_t records, bytes;
    uint64_t sum;      // of all that was reported
    uint64_t open_sum; // the same before the end of the last epoch
} tally_log;

typedef struct tally_checkpoint {
    tl_group_id group; // 0: the place is free
    uint64_t sum;
    size_t size;
} tally_checkpoint;

typedef struct tally {
    tally_log logs[TL_SERVERS_MAX + 1];           // by number
    tally_checkpoint *checkpoints;                // a hash table by group
    size_t checkpoint_capacity;                   // a power of two, or 0
    uint64_t checkpoint_count, checkpoints_empty; // empty: of deleted groups
    uint64_t checkpoint_bytes, checkpoint_sum;
    int64_t checkpoint_tick; // the newest, -1: none
    uint64_t records, bytes; // of all logs
} tally;

void tally_init(tally *t);
void tally_free(tally *t);
// Takes an event in; those that are not about the world are ignored. False if memory is out.
bool tally_take(tally *t, const tl_store_event *event);
// What the first difference is, in `text`; NULL if there is none.
const char *tally_difference(const tally *source, const tally *copy, char *text, size_t text_bytes);

#endif
