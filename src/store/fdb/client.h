// Work on a database of FoundationDB as blocking steps: for the store's own threads, which alone may wait. Each has one
// *worker*; what lasts is reported as a stall while it is waited for, and the end of the attachment ends every wait.
#ifndef TRAMLINE_STORE_FDB_CLIENT_H
#define TRAMLINE_STORE_FDB_CLIENT_H

#include "store/engine/attachment.h"
#include "store/fdb/library.h"
#include "store/fdb/rows.h"

enum {
    TL_FDB_STALL_US = 400000,            // without an answer for so long is reported as a stall
    TL_FDB_CLOSE_US = 1000000,           // so long a step may still take once the attachment is to end
    TL_FDB_LARGE_ANSWER_BYTES = 1 << 20, // of a range that is read in as few round trips as can be
};

typedef struct tl_fdb_worker {
    const tl_fdb_library *fdb;
    tl_fdb_database *database;
    const char *place;  // of the database, for faults
    const char *prefix; // of all keys
    tl_attachment *attachment;
    tl_activity activity; // what stalls while it waits
    int tries_max;        // of a transaction that FoundationDB asks to retry: then TL_ERR_BUSY; 0: no limit
    uint64_t patience_us; // without an answer for so long a step fails; 0: for ever
    uint64_t since_us;    // when the present step began
    uint64_t stopping_us; // when it was seen that the attachment is to end; 0: not yet
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool ready; // under the mutex: what is waited for is there
} tl_fdb_worker;

void tl_fdb_worker_init(tl_fdb_worker *worker, const tl_fdb_library *fdb, tl_fdb_database *database, const char *place,
                        const char *prefix, tl_attachment *attachment);
void tl_fdb_worker_free(tl_fdb_worker *worker);

// What a transaction does. Returns 0, an error of FoundationDB's, or one of these. It may be run several times, and an
// earlier run may have been committed: it must look.
enum {
    TL_FDB_DONE = -1,  // nothing is to be committed
    TL_FDB_FAULT = -2, // `fault` says why it cannot be
    TL_FDB_BUSY = -3,  // for tl_fdb_run(): it was tried often enough
};
typedef int tl_fdb_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault);

// Runs and commits it, again and again as FoundationDB says, until that succeeds, patience is at its end, or the
// attachment ends (TL_ERR_UNAVAILABLE then), or the worker's tries are (TL_ERR_BUSY). `version` (may be NULL): what it
// was committed at.
tl_result tl_fdb_run(tl_fdb_worker *worker, tl_activity activity, tl_fdb_body *body, void *context, int64_t *version,
                     tl_fault *fault);
// Waits for a future and destroys it, unless `out` receives it. Returns its error.
int tl_fdb_wait(tl_fdb_worker *worker, tl_fdb_future *future, tl_fdb_future **out);
// Commits. Returns the error.
int tl_fdb_commit(tl_fdb_worker *worker, tl_fdb_transaction *transaction);
// Reads one value. *size is -1 if there is none. `row` must hold TL_FDB_ROW_BYTES_MAX; of a larger value, only so much.
int tl_fdb_get(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *key, bool snapshot,
               uint8_t *row, int *size);
// Begins to read a range, as much of it as comes in one answer of about `bytes`.
tl_fdb_future *tl_fdb_range(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *begin,
                            const tl_fdb_key *end, int bytes, bool snapshot);
// Calls `each` for every row from `begin` to before `end`, until it returns other than 0, which is passed on.
typedef int tl_fdb_each(void *context, const tl_fdb_key_value *row, tl_fault *fault);
int tl_fdb_scan(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *begin, const tl_fdb_key *end,
                bool snapshot, tl_fdb_each *each, void *context, tl_fault *fault);
// The same, in answers of TL_FDB_LARGE_ANSWER_BYTES.
int tl_fdb_scan_large(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *begin,
                      const tl_fdb_key *end, bool snapshot, tl_fdb_each *each, void *context, tl_fault *fault);
// For every row whose key begins with that and goes on.
int tl_fdb_scan_all(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *of, bool snapshot,
                    tl_fdb_each *each, void *context, tl_fault *fault);
void tl_fdb_set(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *key, const tl_fdb_row *row);
// Clears from `begin` to before `end`.
void tl_fdb_clear(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *begin,
                  const tl_fdb_key *end);
// The commit fails if somebody has written it since the transaction's version.
void tl_fdb_conflict(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *key);
// Rows that are not what they should be.
int tl_fdb_damaged(const tl_fdb_worker *worker, const char *what, tl_fault *fault);
// What an error means.
tl_result tl_fdb_fault(const tl_fdb_worker *worker, int code, tl_fault *fault);

#endif
