// The rows of a world in FoundationDB: keys and values, both ways. A key is a tuple in the encoding of FoundationDB's
// tuple layer (https://github.com/apple/foundationdb/blob/main/design/tuple.md): the store's prefix as a string, the
// row's space, then unsigned integers. Values are little-endian, without padding.
//
// Logs and heads are of a *channel* of a server. Channel 0 is all that the server changes, at level 0, and the only one
// in use. Others can be added beside it, coarser ones or of a part of the world, without moving what is there
// (docs/SCALE.md).
#ifndef TRAMLINE_STORE_FDB_ROWS_H
#define TRAMLINE_STORE_FDB_ROWS_H

#include "store/engine/log.h"

typedef enum tl_fdb_space { // what follows it in the key     what is in the value
    TL_FDB_WORLD = 1,       // -                              tl_world_info
    TL_FDB_ROSTER = 2,      // -                              how many servers there are; watched
    TL_FDB_SERVER = 3,      // server                         its name
    TL_FDB_LEASE = 4,       // server                         epoch, nonce of its owner; commits conflict with it.
                            //                                Server 0: a copy into the store goes on
    TL_FDB_HEAD = 5,        // channel, server                tl_log_head; watched
    TL_FDB_EPOCH = 6,       // server, epoch                  tl_log_epoch
    TL_FDB_RECORD = 7,      // channel, server, tick, part    part 0: head of the record; others: its bytes
    TL_FDB_CHECKPOINT = 8,  // group                          tick, sum, size, server that stored it
    TL_FDB_BODY = 9,        // group, tick, server, part      a checkpoint's bytes
    TL_FDB_MANIFEST = 10,   // server                         how many checkpoints it has added, and what to their sums
    TL_FDB_ASIDE = 11,      // server, epoch, tick, part      what was set aside, as in the log
} tl_fdb_space;

enum {
    TL_FDB_CHANNEL_ALL = 0,
    TL_FDB_KEY_BYTES_MAX = 128,
    TL_FDB_PART_BYTES_MAX = 90000, // of a body; a value's limit is 100'000
};

typedef struct tl_fdb_key {
    uint8_t bytes[TL_FDB_KEY_BYTES_MAX];
    int size;
} tl_fdb_key;

// TL_FDB_KEY(prefix, TL_FDB_HEAD, channel, server): the key of these unsigned integers, which may be none.
tl_fdb_key tl_fdb_key_make(const char *prefix, tl_fdb_space space, const uint64_t *elements, size_t count);
#define TL_FDB_KEY(prefix, space, ...)                                       \
    tl_fdb_key_make(prefix, space, (const uint64_t[]){0, ##__VA_ARGS__} + 1, \
                    sizeof((const uint64_t[]){0, ##__VA_ARGS__}) / sizeof(uint64_t) - 1)
// The key behind all that begin with `key` and go on.
tl_fdb_key tl_fdb_key_end(const tl_fdb_key *key);
// The key of a part, behind all that `of` has.
tl_fdb_key tl_fdb_key_part(const tl_fdb_key *of, uint64_t part);
// Reads the `count` integers behind the space. False if the key is not of that form.
bool tl_fdb_key_read(const char *prefix, tl_fdb_space space, const uint8_t *key, int key_bytes, uint64_t *out,
                     size_t count);

typedef struct tl_fdb_lease {
    uint32_t epoch;
    uint64_t nonce;
} tl_fdb_lease;

typedef struct tl_fdb_record {
    uint64_t order; // the version it was committed at
    int64_t previous_tick;
    uint64_t previous_sum; // of the record before it
    uint32_t epoch;
    uint64_t begun_us, sum;
    uint32_t size;
} tl_fdb_record;

// What one server's checkpoints have added to the total of all; either may wrap.
typedef struct tl_fdb_manifest {
    uint64_t count, total;
} tl_fdb_manifest;

typedef struct tl_fdb_checkpoint {
    int64_t tick;
    uint64_t sum;
    uint32_t size;
    tl_server_number server;
} tl_fdb_checkpoint;

typedef struct tl_fdb_name {
    char text[TL_NAME_BYTES_MAX + 1]; // zeros after its end
} tl_fdb_name;

enum { TL_FDB_ROW_BYTES_MAX = 160 };

typedef struct tl_fdb_row {
    uint8_t bytes[TL_FDB_ROW_BYTES_MAX];
    int size;
    int stamp_at; // where the versionstamp goes; -1: it has none
} tl_fdb_row;

// Every row ends with a sum of the rest, without what the database fills in: the version's place (epoch: began_order if
// it goes on, else ended_order; record: order), at the commit.
tl_fdb_row tl_fdb_put_world(const tl_world_info *info);
tl_fdb_row tl_fdb_put_name(const tl_fdb_name *name);
tl_fdb_row tl_fdb_put_lease(const tl_fdb_lease *lease);
tl_fdb_row tl_fdb_put_head(const tl_log_head *head);
tl_fdb_row tl_fdb_put_epoch(const tl_log_epoch *epoch);
tl_fdb_row tl_fdb_put_record(const tl_fdb_record *record);
tl_fdb_row tl_fdb_put_checkpoint(const tl_fdb_checkpoint *checkpoint);
tl_fdb_row tl_fdb_put_manifest(const tl_fdb_manifest *manifest);
tl_fdb_row tl_fdb_put_count(const uint32_t *count);
// The sum of a record of that server and tick: of what `record` says of it, but its place, and of its bytes.
uint64_t tl_fdb_record_sum(tl_server_number server, int64_t tick, const tl_fdb_record *record, const void *data,
                           size_t size);

// False if the bytes are not such a row.
bool tl_fdb_get_world(const uint8_t *bytes, int size, tl_world_info *out);
// Whether they are the world's row in the format before, which had no sum.
bool tl_fdb_is_former_world(const uint8_t *bytes, int size);
bool tl_fdb_get_name(const uint8_t *bytes, int size, tl_fdb_name *out);
bool tl_fdb_get_lease(const uint8_t *bytes, int size, tl_fdb_lease *out);
bool tl_fdb_get_head(const uint8_t *bytes, int size, tl_log_head *out);
bool tl_fdb_get_epoch(const uint8_t *bytes, int size, tl_log_epoch *out);
bool tl_fdb_get_record(const uint8_t *bytes, int size, tl_fdb_record *out);
bool tl_fdb_get_checkpoint(const uint8_t *bytes, int size, tl_fdb_checkpoint *out);
bool tl_fdb_get_manifest(const uint8_t *bytes, int size, tl_fdb_manifest *out);
bool tl_fdb_get_count(const uint8_t *bytes, int size, uint32_t *out);

#endif
