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

// ---- reading it again ----------------------------------------------------------------------------------------------

typedef struct asked {
    const char *prefix;
    const tl_store_event *after;
    tl_note *note; // NULL: none yet
    tl_fdb_record head;
    size_t filled;
    bool whole; // no part was missing so far
} asked;

static int take_part(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    asked *a = context;
    uint64_t at[4]; // server, epoch, tick, part
    (void)fault;
    if (!tl_fdb_key_read(a->prefix, TL_FDB_ASIDE, row->key, row->key_bytes, at, 4) || at[0] > TL_SERVERS_MAX) {
        return 0; // not ours to judge: it is no part of the world any more
    }
    bool same = a->note && at[0] == a->note->event.server && at[1] == a->note->event.epoch && (int64_t)at[2] == a->note->event.tick;
    if (a->note && !same) {
        return TL_FDB_DONE; // the next record
    }
    if (!a->note) {
        bool sound = at[3] == 0 && tl_fdb_get_record(row->value, row->value_bytes, &a->head) && a->head.size <= TL_RECORD_BYTES_MAX;
        a->head.size = sound ? a->head.size : 0;
        a->note = tl_note_create(TL_STORE_RECORD, a->head.size);
        if (!a->note) {
            tl_fault_set(fault, TL_ERR_MEMORY, "what was set aside", "out of memory");
            return TL_FDB_FAULT;
        }
        a->note->event.server = (tl_server_number)at[0];
        a->note->event.epoch = (uint32_t)at[1];
        a->note->event.tick = (int64_t)at[2];
        a->note->event.begun_us = sound ? a->head.begun_us : 0;
        a->whole = sound;
        return 0;
    }
    size_t bytes = (size_t)row->value_bytes;
    a->whole &= at[3] == 1 + a->filled / TL_FDB_PART_BYTES_MAX && bytes <= a->head.size - a->filled;
    if (a->whole) {
        memcpy(a->note->data + a->filled, row->value, bytes);
        a->filled += bytes;
    }
    return 0;
}

static int read_name(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_store_event *event)
{
    uint8_t row[TL_FDB_ROW_BYTES_MAX];
    int size = 0;
    tl_fdb_key key = TL_FDB_KEY(worker->prefix, TL_FDB_SERVER, event->server);
    int code = tl_fdb_get(worker, transaction, &key, true, row, &size);
    tl_fdb_name name;
    if (code == 0 && tl_fdb_get_name(row, size, &name)) {
        memcpy(event->name, name.text, sizeof(event->name));
    }
    return code;
}

static int next_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    asked *a = context;
    free(a->note); // of an earlier run
    a->note = NULL;
    a->filled = 0;
    const tl_store_event *after = a->after;
    tl_fdb_key all = TL_FDB_KEY(worker->prefix, TL_FDB_ASIDE), end = tl_fdb_key_end(&all);
    tl_fdb_key last = TL_FDB_KEY(worker->prefix, TL_FDB_ASIDE, after->server, after->epoch, (uint64_t)after->tick);
    tl_fdb_key begin = after->server == 0 ? all : tl_fdb_key_end(&last);
    int code = tl_fdb_scan(worker, transaction, &begin, &end, true, take_part, a, fault);
    if ((code != 0 && code != TL_FDB_DONE) || !a->note) {
        return code == 0 ? TL_FDB_DONE : code;
    }
    code = read_name(worker, transaction, &a->note->event);
    return code == 0 ? TL_FDB_DONE : code;
}

tl_result tl_fdb_next_aside(tl_fdb_worker *worker, tl_store_event *event, tl_note **told, tl_fault *fault)
{
    tl_store_event after = *event;
    asked a = {.prefix = worker->prefix, .after = &after};
    tl_result result = tl_fdb_run(worker, TL_ACTIVITY_JOIN, next_body, &a, NULL, fault);
    if (result != TL_OK || !a.note) {
        free(a.note);
        return result == TL_OK ? TL_AGAIN : result;
    }
    tl_note *note = a.note;
    note->event.size = a.filled;
    bool whole = a.whole && a.filled == a.head.size &&
                 a.head.sum == tl_fdb_record_sum(note->event.server, note->event.tick, &a.head, note->data, a.filled);
    note->event.result = whole ? TL_OK : TL_ERR_CORRUPT;
    free(*told);
    *told = note;
    *event = note->event;
    return TL_OK;
}
