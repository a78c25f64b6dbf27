// What an epoch had committed after the tick that it is ended at, in FoundationDB: it goes from the log into a space of its
// own, within the transaction that ends the epoch, as far as that has room.
#include "fdb_aside.h"

#include <string.h>

typedef struct aside {
    tl_fdb_worker *worker;
    tl_fdb_transaction *transaction;
    const tl_work *work;
    tl_server_number server;
    int64_t first_tick;   // of the records that are set aside, -1: none yet
    tl_fdb_record first;  // that record's head
    size_t compared;      // bytes of it
    size_t bytes;         // of all, so far
    bool other;           // it is not the record that it is about
} aside;

static void keep(aside *a, const uint64_t *at, const tl_fdb_key_value *row)
{
    a->bytes += (size_t)row->value_bytes;
    if (a->bytes > TL_FDB_TRANSACTION_BYTES_MAX) {
        return;
    }
    tl_fdb_key key = TL_FDB_KEY(a->worker->prefix, TL_FDB_ASIDE, a->server, a->work->epoch, at[2], at[3]);
    a->worker->fdb->transaction_set(a->transaction, key.bytes, key.size, row->value, row->value_bytes);
}

static int take_row(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    aside *a = context;
    uint64_t at[4]; // channel, server, tick, part
    bool sound = tl_fdb_key_read(a->worker->prefix, TL_FDB_RECORD, row->key, row->key_bytes, at, 4) && at[2] <= INT64_MAX;
    if (sound && a->first_tick < 0) {
        sound = at[3] == 0 && tl_fdb_get_record(row->value, row->value_bytes, &a->first);
        a->first_tick = (int64_t)at[2];
        a->other |= sound && a->work->has_bad && a->first.size != a->work->size;
    } else if (sound && (int64_t)at[2] == a->first_tick && a->work->has_bad && !a->other) {
        size_t bytes = (size_t)row->value_bytes;
        a->other = bytes > a->work->size - a->compared || memcmp(a->work->data + a->compared, row->value, bytes) != 0;
        a->compared += bytes;
    }
    if (!sound) {
        return tl_fdb_damaged(a->worker, "a record", fault);
    }
    keep(a, at, row);
    return 0;
}

int tl_fdb_set_aside(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_work *work, tl_log_head *head,
                     bool *possible, tl_fault *fault)
{
    tl_log_epoch epoch;
    int code = tl_fdb_epoch_read(worker, transaction, work->server, work->epoch, &epoch, fault);
    if (code != 0) {
        return code;
    }
    int64_t tick = work->tick > epoch.began_tick ? work->tick : epoch.began_tick;
    if (head->tick <= tick) {
        *possible = !work->has_bad; // it ends where its log does
        return 0;
    }
    aside a = {.worker = worker, .transaction = transaction, .work = work, .server = work->server, .first_tick = -1};
    tl_fdb_key begin = tl_fdb_record_key(worker, work->server, tick + 1), last = tl_fdb_record_key(worker, work->server, head->tick);
    tl_fdb_key log = TL_FDB_KEY(worker->prefix, TL_FDB_RECORD, TL_FDB_CHANNEL_ALL, work->server);
    tl_fdb_key end = tl_fdb_key_end(&last), log_end = tl_fdb_key_end(&log);
    code = tl_fdb_scan(worker, transaction, &begin, &end, false, take_row, &a, fault);
    if (code != 0) {
        return code;
    }
    // Where records were cut after that tick, what was before them is not known.
    *possible = a.first_tick >= 0 && a.first.previous_tick <= tick && !a.other && (!work->has_bad || a.compared == work->size);
    if (!*possible) {
        return 0;
    }
    tl_fdb_clear(worker, transaction, &begin, &log_end);
    head->tick = a.first.previous_tick;
    head->sum = a.first.previous_sum;
    return 0;
}
