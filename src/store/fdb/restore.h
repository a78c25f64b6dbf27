// A world that another store holds, written into FoundationDB event by event. Of the caller's thread.
#ifndef TRAMLINE_STORE_FDB_RESTORE_H
#define TRAMLINE_STORE_FDB_RESTORE_H

#include "store/engine/restore.h"
#include "store/fdb/log.h"

enum { TL_FDB_RESTORE_BATCH_MAX = 512 }; // events in one transaction

// What is to be written for one event.
typedef struct tl_fdb_restore_event {
    tl_store_event_type type;
    tl_server_number server;
    uint32_t epoch;
    tl_log_epoch row;                 // SERVER, FENCED
    char name[TL_NAME_BYTES_MAX + 1]; // SERVER, of a first epoch
    tl_fdb_record record;             // RECORD
    tl_work *work;                    // RECORD, CHECKPOINT
} tl_fdb_restore_event;

typedef struct tl_fdb_restore {
    tl_restore rule;
    uint64_t nonce; // says that the copy that goes on is this one
    bool claimed;
    uint64_t order;                          // of the last event: it becomes the order among all logs
    tl_log_epoch epochs[TL_SERVERS_MAX + 1]; // the current ones
    uint64_t sums[TL_SERVERS_MAX + 1];       // of each log's last record
    tl_fdb_restore_event batch[TL_FDB_RESTORE_BATCH_MAX];
    size_t count, bytes;
    size_t staged, until; // of the batch's only body, if that is too large for one transaction
} tl_fdb_restore;

void tl_fdb_restore_free(tl_fdb_restore *restore);
tl_result tl_fdb_restore_take(tl_fdb_restore *restore, tl_fdb_worker *worker, const tl_world_info *info,
                              const tl_store_event *event, tl_fault *fault);
// Whether a copy into it goes on, or was broken off. Returns as a transaction's body does.
int tl_fdb_restore_is_claimed(tl_fdb_worker *worker, tl_fdb_transaction *transaction, uint64_t *nonce, tl_fault *fault);

#endif
