// A world's rows, read and written within a transaction: heads, epochs and leases of servers, their records,
// checkpoints.
#ifndef TRAMLINE_STORE_FDB_LOG_H
#define TRAMLINE_STORE_FDB_LOG_H

#include "store/fdb/client.h"

enum {
    TL_FDB_TRANSACTION_BYTES_MAX = 900000, // of values in one transaction: a transaction is to stay under 1 MB
    TL_FDB_STAGE_BYTES = TL_FDB_TRANSACTION_BYTES_MAX / TL_FDB_PART_BYTES_MAX * TL_FDB_PART_BYTES_MAX, // whole parts
};

// Where a record, or an epoch's beginning or end, stands among what all logs say.
typedef enum tl_fdb_order {
    TL_FDB_AS_COMMITTED, // by the version that the database assigns
    TL_FDB_AS_SAID,      // as `order` says: a copy keeps the order of what it copies
} tl_fdb_order;

tl_fdb_key tl_fdb_lease_key(const tl_fdb_worker *worker, tl_server_number server);
tl_fdb_key tl_fdb_head_key(const tl_fdb_worker *worker, tl_server_number server);
tl_fdb_key tl_fdb_record_key(const tl_fdb_worker *worker, tl_server_number server, int64_t tick);

// Both answer 0, FoundationDB's error, or TL_FDB_FAULT. The transaction conflicts with what they read.
// A server's head; its epoch is 0 if nobody has joined under it.
int tl_fdb_head_read(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, tl_log_head *out,
                     tl_fault *fault);
// The same, and the transaction does not conflict with it.
int tl_fdb_head_peek(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, tl_log_head *out,
                     tl_fault *fault);
int tl_fdb_epoch_read(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, uint32_t epoch,
                      tl_log_epoch *out, tl_fault *fault);
// The same, in a separate transaction.
tl_result tl_fdb_epoch_look(tl_fdb_worker *worker, tl_activity activity, tl_server_number server, uint32_t epoch,
                            tl_log_epoch *out, tl_fault *fault);
void tl_fdb_head_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server,
                       const tl_log_head *head);
void tl_fdb_epoch_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, uint32_t epoch,
                        const tl_log_epoch *value, tl_fdb_order order);
void tl_fdb_lease_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, uint32_t epoch,
                        uint64_t nonce);

// The bytes of a body from..until, as parts behind the key `of`; `from` is a multiple of TL_FDB_PART_BYTES_MAX.
void tl_fdb_parts_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *of,
                        const tl_work *work, size_t from, size_t until);
// The work's record: of `record` its epoch, previous tick and sum, and order count. The first `staged` bytes are there
// already. Returns its sum.
uint64_t tl_fdb_record_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server,
                             const tl_fdb_record *record, const tl_work *work, size_t staged, tl_fdb_order order);
// The work's checkpoint, and the server's manifest, if it is newer than what is there; `server` stores it. A large one
// is staged first, part by part.
int tl_fdb_checkpoint_stage(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server,
                            const tl_work *work, size_t from, size_t until, tl_fault *fault);
int tl_fdb_checkpoint_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server,
                            const tl_work *work, size_t staged, tl_fault *fault);

#endif
