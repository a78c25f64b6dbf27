// Tick records: what one server changed in one tick, as bytes; the log is made of them, and a checkpoint is one group
// in the same grammar. docs/STORE.md has the tables.
#ifndef TRAMLINE_WORLD_RECORD_H
#define TRAMLINE_WORLD_RECORD_H

#include "motion/fields.h"
#include "world/mirror.h"

enum {
    TL_RECORD_FORMAT = 1,
    TL_POST_BYTES_MAX = 4096, // of one REQUEST or RESPONSE
};
#define TL_CLAIM_MAX ((int64_t)1 << 60)     // there is always a greater one
#define TL_CLOCK_US_MAX ((uint64_t)1 << 60) // of times that servers report: differences of them cannot overflow

typedef enum tl_op {
    TL_OP_GROUP = 1,        // group, owner: it exists, and is the owner's
    TL_OP_GROUP_DELETE = 2, // group, with all its entities
    TL_OP_GROUP_GIVE = 3,   // group, to server, its epoch
    TL_OP_NEED = 4,         // server, epoch, tick: apply this record after that one (tick -1: after that epoch's end)
    TL_OP_CREATE = 5,       // id, kind, group, carrier, all fields
    TL_OP_UPDATE = 6,       // id, kind, mask of fields, those fields
    TL_OP_DELETE = 7,       // id
    TL_OP_CARRIER = 8,      // id, kind, carrier, all fields
    TL_OP_REGROUP = 9,      // id, kind, group, carrier, all fields: from its group into that one
    TL_OP_REQUEST = 10,     // to server, bytes: a client's request to the owner
    TL_OP_RESPONSE = 11,    // to server, bytes
    TL_OP_LEAVING = 12,     // the writer is about to leave: it is given nothing any more
    // to server, bytes: the writer lacks entities; a group of that server's is to be told anew, 0: none yet
    TL_OP_RETELL = 13,
    TL_OP_GROUP_CLIENT = 14, // group, identity, tick since when that client is away (-1: it is connected), its claim
    TL_OP_CLAIM = 15,        // to server, bytes: a client of that identity is here, give its group
    TL_OP_CLOCK = 16,        // after all NEEDs: what the writer knows of the servers' clocks
} tl_op;

typedef struct tl_record_writer {
    tl_writer w;
    const tl_kinds *kinds;
    int64_t tick;
    uint64_t last_id;
} tl_record_writer;

void tl_record_begin(tl_record_writer *r, const tl_kinds *kinds, int64_t tick, void *data, size_t capacity);
void tl_record_group(tl_record_writer *r, tl_group_id group, tl_server_number owner);
void tl_record_group_delete(tl_record_writer *r, tl_group_id group);
void tl_record_group_give(tl_record_writer *r, tl_group_id group, tl_server_number to, uint32_t epoch);
void tl_record_group_client(tl_record_writer *r, const tl_group *group);
void tl_record_need(tl_record_writer *r, tl_server_number server, uint32_t epoch, int64_t tick);
void tl_record_create(tl_record_writer *r, const tl_entity *e, tl_group_id group, tl_entity_id carrier,
                      const int64_t *words);
void tl_record_update(tl_record_writer *r, const tl_entity *e, uint32_t fields, const int64_t *words);
void tl_record_delete(tl_record_writer *r, tl_entity_id id);
void tl_record_carrier(tl_record_writer *r, const tl_entity *e, tl_entity_id carrier, const int64_t *words);
void tl_record_leaving(tl_record_writer *r);
// Whole, as a CREATE: who loads checkpoints may have that of neither group with the entity in it.
void tl_record_regroup(tl_record_writer *r, const tl_entity *e, tl_group_id group, tl_entity_id carrier,
                       const int64_t *words);
void tl_record_post(tl_writer *w, tl_op op, tl_server_number to, const void *data, size_t size);

// The place in a record before one or more ops are written. The check reads them back as every follower will: what does
// not fit (TL_ERR_FULL) or cannot be read (TL_ERR_MALFORMED) is taken out again, and the record stays whole.
typedef struct tl_record_mark {
    size_t size;
    uint64_t last_id;
} tl_record_mark;
static inline tl_record_mark tl_record_here(const tl_record_writer *r)
{
    return (tl_record_mark){r->w.size, r->last_id};
}
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
// The first NEED ops of a record, up to `max`; for ordering records of different servers.
typedef struct tl_need {
    tl_server_number server;
    uint32_t epoch;
    int64_t tick;
} tl_need;
int tl_record_needs(const void *data, size_t size, tl_need *needs, int max);

// What a server reports of clocks, about once a second; world_clock.h says what for.
typedef struct tl_clock_seen {
    tl_server_number server;
    int64_t tick;   // of that server: its record of it had come in
    uint64_t at_us; // by the writer's world clock
} tl_clock_seen;
typedef struct tl_clock_report {
    bool settled;         // the writer has run for some time
    int64_t wall_lead_us; // its wall clock less its world clock
    uint32_t count;
    tl_clock_seen seen[TL_SERVERS_MAX];
} tl_clock_report;
void tl_record_clock_write(tl_record_writer *r, const tl_clock_report *report);
// Whether the record has a report.
bool tl_record_clock_read(const void *data, size_t size, tl_clock_report *out);

// A group's checkpoint as a record, read back as whoever loads it will: TL_ERR_FULL, it did not fit; TL_ERR_MALFORMED,
// it could not be read.
tl_result tl_checkpoint_write(const tl_mirror *m, int32_t group, int64_t tick, void *data, size_t capacity,
                              size_t *size);
// Applies it: what the group held before is replaced, unless that was as new. While loading only.
tl_result tl_checkpoint_apply(tl_mirror *m, tl_group_id group, int64_t tick, const void *data, size_t size);

#endif
