#include "store/fdb/client.h"

#include <string.h>
#include <time.h>

void tl_fdb_worker_init(tl_fdb_worker *worker, const tl_fdb_library *fdb, tl_fdb_database *database, const char *place,
                        const char *prefix, tl_attachment *attachment)
{
    *worker = (tl_fdb_worker){
        .fdb = fdb, .database = database, .place = place, .prefix = prefix, .attachment = attachment};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

void tl_fdb_worker_free(tl_fdb_worker *worker)
{
    pthread_cond_destroy(&worker->cond);
    pthread_mutex_destroy(&worker->mutex);
}

// ---- faults --------------------------------------------------------------------------------------------------------

tl_result tl_fdb_fault(const tl_fdb_worker *worker, int code, tl_fault *fault)
{
    char text[200];
    switch (code) {
    case TL_FDB_DATABASE_LOCKED:
        return tl_fault_set(fault, TL_ERR_UNAVAILABLE, worker->place,
                            "the database is locked; unlock it (fdbcli: unlock UID) and it goes on");
    case TL_FDB_NO_CLUSTER_FILE:
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, worker->place,
                            "no such cluster file; copy the one of the database's servers (fdb.cluster) there");
    case TL_FDB_CONNECTION_STRING_INVALID:
        return tl_fault_set(fault, TL_ERR_INVALID, worker->place,
                            "no cluster file of FoundationDB's; copy the one of the database's servers there");
    default:
        snprintf(text, sizeof(text), "%s (FoundationDB's error %d)", worker->fdb->get_error(code), code);
        return tl_fault_set(fault, TL_ERR_UNAVAILABLE, worker->place, text);
    }
}

int tl_fdb_damaged(const tl_fdb_worker *worker, const char *what, tl_fault *fault)
{
    char text[160];
    snprintf(text, sizeof(text), "%s in '%s' is damaged; stop all servers and restore the world from a copy", what,
             worker->prefix);
    tl_fault_set(fault, TL_ERR_CORRUPT, worker->place, text);
    return TL_FDB_FAULT;
}

static void no_answer(const tl_fdb_worker *worker, tl_fault *fault)
{
    tl_fault_set(
        fault, TL_ERR_UNAVAILABLE, worker->place,
        "no answer from the database; see whether its processes run and can be reached (fdbcli --exec status), and "
        "whether libfdb_c.so is of their version");
}

// ---- waiting -------------------------------------------------------------------------------------------------------

// On the library's thread: must not wait for anything long.
static void on_ready(tl_fdb_future *future, void *context)
{
    tl_fdb_worker *worker = context;
    pthread_mutex_lock(&worker->mutex);
    worker->ready = true;
    pthread_cond_signal(&worker->cond);
    pthread_mutex_unlock(&worker->mutex);
}

// What is due while the worker waits or tries again: a stall is reported, the end of the attachment noticed. Returns
// whether to give up.
static bool look_up(tl_fdb_worker *worker)
{
    tl_attachment *attachment = worker->attachment;
    uint64_t now_us = tl_clock_steady_us();
    pthread_mutex_lock(&attachment->mutex);
    bool stopping = attachment->stopping, reported = attachment->retry_states[worker->activity].reported;
    pthread_mutex_unlock(&attachment->mutex);
    if (stopping && worker->stopping_us == 0) {
        worker->stopping_us = now_us;
    }
    if (attachment->started && !reported && now_us - worker->since_us > TL_FDB_STALL_US) {
        tl_fault fault;
        no_answer(worker, &fault);
        (void)tl_attachment_result(attachment, worker->activity, fault.result, &fault);
    }
    return (stopping && now_us - worker->stopping_us > TL_FDB_CLOSE_US) ||
           (worker->patience_us > 0 && now_us - worker->since_us > worker->patience_us);
}

static void wait_until_ready(tl_fdb_worker *worker, tl_fdb_future *future)
{
    enum { LOOK_UP_US = 100000 };
    bool cancelled = false;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->ready) {
        struct timespec until = tl_clock_timespec(tl_clock_steady_us() + LOOK_UP_US);
        if (pthread_cond_timedwait(&worker->cond, &worker->mutex, &until) == 0 || worker->ready) {
            continue;
        }
        pthread_mutex_unlock(&worker->mutex);
        if (!cancelled && look_up(worker)) {
            cancelled = true;
            worker->fdb->future_cancel(future); // it is ready then, with an error
        }
        pthread_mutex_lock(&worker->mutex);
    }
    pthread_mutex_unlock(&worker->mutex);
}

int tl_fdb_wait(tl_fdb_worker *worker, tl_fdb_future *future, tl_fdb_future **out)
{
    TL_ASSERT(future);
    worker->ready = false;
    int code = worker->fdb->future_set_callback(future, on_ready, worker);
    if (code == 0) {
        wait_until_ready(worker, future);
        code = worker->fdb->future_get_error(future);
    }
    if (out && code == 0) {
        *out = future;
    } else {
        worker->fdb->future_destroy(future);
    }
    return code;
}

int tl_fdb_commit(tl_fdb_worker *worker, tl_fdb_transaction *transaction)
{
    return tl_fdb_wait(worker, worker->fdb->transaction_commit(transaction), NULL);
}

// ---- transactions --------------------------------------------------------------------------------------------------

// What FoundationDB asks for after an error: 0 to retry.
static int after_error(tl_fdb_worker *worker, tl_fdb_transaction *transaction, int code)
{
    if (code == TL_FDB_DATABASE_LOCKED && worker->attachment->started) {
        tl_fault fault;
        tl_fdb_fault(worker, code, &fault);
        (void)tl_attachment_result(worker->attachment, worker->activity, fault.result, &fault);
    }
    return tl_fdb_wait(worker, worker->fdb->transaction_on_error(transaction, code), NULL);
}

static int try_until_done(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_fdb_body *body, void *context,
                          tl_fault *fault)
{
    for (int tries = 1;; tries++) {
        int code = body(worker, transaction, context, fault);
        if (code == 0) {
            code = tl_fdb_commit(worker, transaction);
        }
        if (code <= 0) {
            return code;
        }
        int why = code;
        code = after_error(worker, transaction, code);
        if (code != 0) {
            return code;
        }
        if (look_up(worker)) { // what is refused at once, again and again, may go on for ever, too
            return why;
        }
        if (tries == worker->tries_max) {
            return TL_FDB_BUSY;
        }
    }
}

static tl_result result_of(tl_fdb_worker *worker, int code, tl_fault *fault)
{
    if (code == TL_FDB_FAULT) {
        return fault->result;
    }
    if (code == TL_FDB_BUSY) {
        return tl_fault_set(fault, TL_ERR_BUSY, worker->place, "others commit to the same keys; it is tried again");
    }
    if (code == TL_FDB_OPERATION_CANCELLED) {
        no_answer(worker, fault);
        return fault->result;
    }
    return code > 0 ? tl_fdb_fault(worker, code, fault) : TL_OK;
}

tl_result tl_fdb_run(tl_fdb_worker *worker, tl_activity activity, tl_fdb_body *body, void *context, int64_t *version,
                     tl_fault *fault)
{
    TL_ASSERT(body && activity < TL_ACTIVITY_COUNT);
    worker->activity = activity;
    worker->since_us = tl_clock_steady_us();
    tl_fdb_transaction *transaction = NULL;
    int code = worker->fdb->database_create_transaction(worker->database, &transaction);
    if (code != 0) {
        return tl_fdb_fault(worker, code, fault);
    }
    code = try_until_done(worker, transaction, body, context, fault);
    if (code == 0 && version) {
        code = worker->fdb->transaction_get_committed_version(transaction, version);
    }
    worker->fdb->transaction_destroy(transaction);
    return result_of(worker, code, fault);
}

// ---- reading and writing -------------------------------------------------------------------------------------------

int tl_fdb_get(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *key, bool snapshot,
               uint8_t *row, int *size)
{
    tl_fdb_future *future = NULL;
    int code = tl_fdb_wait(worker, worker->fdb->transaction_get(transaction, key->bytes, key->size, snapshot), &future);
    if (code != 0) {
        return code;
    }
    int present = 0;
    const uint8_t *value = NULL;
    code = worker->fdb->future_get_value(future, &present, &value, size);
    if (code == 0 && present) {
        *size = *size < TL_FDB_ROW_BYTES_MAX ? *size : TL_FDB_ROW_BYTES_MAX;
        memcpy(row, value, (size_t)*size);
    } else {
        *size = -1;
    }
    worker->fdb->future_destroy(future);
    return code;
}

tl_fdb_future *tl_fdb_range(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *begin,
                            const tl_fdb_key *end, int bytes, bool snapshot)
{
    // WANT_ALL returns 80 kB per reply; EXACT returns the requested number of bytes.
    int mode = bytes > 0 ? TL_FDB_MODE_EXACT : TL_FDB_MODE_WANT_ALL;
    return worker->fdb->transaction_get_range(transaction, begin->bytes, begin->size, 0, 1, end->bytes, end->size, 0, 1,
                                              0, bytes, mode, 1, snapshot, 0);
}

static int each_of(tl_fdb_worker *worker, tl_fdb_future *future, tl_fdb_key *begin, bool *more, tl_fdb_each *each,
                   void *context, tl_fault *fault)
{
    const tl_fdb_key_value *rows = NULL;
    int count = 0, goes_on = 0;
    int code = worker->fdb->future_get_keyvalue_array(future, &rows, &count, &goes_on);
    for (int i = 0; i < count && code == 0; i++) {
        code = each(context, &rows[i], fault);
    }
    *more = code == 0 && goes_on && count > 0;
    if (*more) { // from just behind the last one
        const tl_fdb_key_value *last = &rows[count - 1];
        TL_ASSERT(last->key_bytes < TL_FDB_KEY_BYTES_MAX);
        memcpy(begin->bytes, last->key, (size_t)last->key_bytes);
        begin->bytes[last->key_bytes] = 0;
        begin->size = last->key_bytes + 1;
    }
    return code;
}

static int scan(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *begin, const tl_fdb_key *end,
                int bytes, bool snapshot, tl_fdb_each *each, void *context, tl_fault *fault)
{
    tl_fdb_key next = *begin;
    for (bool more = true; more;) {
        tl_fdb_future *future = NULL;
        int code = tl_fdb_wait(worker, tl_fdb_range(worker, transaction, &next, end, bytes, snapshot), &future);
        if (code == 0) {
            code = each_of(worker, future, &next, &more, each, context, fault);
            worker->fdb->future_destroy(future);
        }
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

int tl_fdb_scan(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *begin, const tl_fdb_key *end,
                bool snapshot, tl_fdb_each *each, void *context, tl_fault *fault)
{
    return scan(worker, transaction, begin, end, 0, snapshot, each, context, fault);
}

int tl_fdb_scan_large(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *begin,
                      const tl_fdb_key *end, bool snapshot, tl_fdb_each *each, void *context, tl_fault *fault)
{
    return scan(worker, transaction, begin, end, TL_FDB_LARGE_ANSWER_BYTES, snapshot, each, context, fault);
}

int tl_fdb_scan_all(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *of, bool snapshot,
                    tl_fdb_each *each, void *context, tl_fault *fault)
{
    tl_fdb_key end = tl_fdb_key_end(of);
    return tl_fdb_scan(worker, transaction, of, &end, snapshot, each, context, fault);
}

void tl_fdb_set(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *key, const tl_fdb_row *row)
{
    TL_ASSERT(row->size > 0 && row->size <= TL_FDB_ROW_BYTES_MAX);
    if (row->stamp_at < 0) {
        worker->fdb->transaction_set(transaction, key->bytes, key->size, row->bytes, row->size);
        return;
    }
    uint8_t stamped[TL_FDB_ROW_BYTES_MAX + 4]; // where the stamp goes is said behind the value
    memcpy(stamped, row->bytes, (size_t)row->size);
    for (int i = 0; i < 4; i++) {
        stamped[row->size + i] = (uint8_t)((unsigned)row->stamp_at >> (8 * i));
    }
    worker->fdb->transaction_atomic_op(transaction, key->bytes, key->size, stamped, row->size + 4,
                                       TL_FDB_MUTATION_SET_VERSIONSTAMPED_VALUE);
}

void tl_fdb_clear(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *begin,
                  const tl_fdb_key *end)
{
    worker->fdb->transaction_clear_range(transaction, begin->bytes, begin->size, end->bytes, end->size);
}

void tl_fdb_conflict(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *key)
{
    tl_fdb_key end = *key;
    end.bytes[end.size++] = 0;
    (void)worker->fdb->transaction_add_conflict_range(transaction, key->bytes, key->size, end.bytes, end.size,
                                                      TL_FDB_CONFLICT_READ);
}
