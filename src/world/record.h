// Tick records: what one server changed in one tick, as bytes. Logs consist of records, and a checkpoint is one group
// in the same grammar. docs/STORE.md has the tables. This file writes them.
#ifndef TRAMLINE_WORLD_RECORD_H
#define TRAMLINE_WORLD_RECORD_H

#include "motion/fields.h"
#include "world/mirror.h"

enum {
    TL_RECORD_FORMAT = 1,
    TL_POST_BYTES_MAX = 4096, // of one REQUEST or RESPONSE
    TL_SERVER_NUMBER_MAX = 65535,
};
#define TL_CLAIM_MAX ((int64_t)1 << 60)     // leaves space for greater ones
#define TL_CLOCK_US_MAX ((uint64_t)1 << 60) // of reported times: differences cannot overflow

typedef enum tl_op {
    TL_OP_GROUP = 1,        // group, owner: the group exists and has this owner
    TL_OP_GROUP_DELETE = 2, // group, with all its entities
    TL_OP_GROUP_GIVE = 3,   // group, to server, its epoch
    TL_OP_NEED = 4,         // server, epoch, tick: apply this record after that one (tick -1: after that epoch's end)
    TL_OP_CREATE = 5,       // id, kind, group, carrier, all fields
    TL_OP_UPDATE = 6,       // id, kind, mask of fields, those fields
    TL_OP_DELETE = 7,       // id
    TL_OP_CARRIER = 8,      // id, kind, carrier, all fields
    TL_OP_REGROUP = 9,      // id, kind, group, carrier, all fields: moves to that group
    TL_OP_REQUEST = 10,     // to server, bytes: a client's request to the owner
    TL_OP_RESPONSE = 11,    // to server, bytes
    TL_OP_LEAVING = 12,     // the writer is about to leave: do not give it groups
    // to server, bytes: the writer has missing entities; a group of that server's to be sent again, or 0: none yet
    TL_OP_RETELL = 13,
    TL_OP_GROUP_CLIENT = 14, // group, identity, tick at which that client disconnected (-1: connected), its claim
    TL_OP_CLAIM = 15,        // to server, bytes: a client with that identity is here, give its group
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
void tl_record_post(tl_writer *w, tl_op op, tl_server_number to, const void *data, size_t size);

// The position in a record before one or more ops are written.
typedef struct tl_record_mark {
    size_t size;
    uint64_t last_id;
} tl_record_mark;
static inline tl_record_mark tl_record_here(const tl_record_writer *r)
{
    return (tl_record_mark){r->w.size, r->last_id};
}
// The first NEED ops of a record, up to `max`; they order records of different servers.
typedef struct tl_need {
    tl_server_number server;
    uint32_t epoch;
    int64_t tick;
} tl_need;
// Never 0: groups of server 0 would belong to nobody forever.
tl_server_number tl_record_read_server(tl_reader *r);
tl_need tl_record_read_need(tl_reader *r); // reads after the op
int tl_record_needs(const void *data, size_t size, tl_need *needs, int max);

#endif
