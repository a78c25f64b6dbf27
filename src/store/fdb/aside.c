// What an epoch had committed after the tick that it is ended at, in FoundationDB: moved from the log to a separate
// key range, within the transaction that ends the epoch, up to the transaction's limits.
#include "store/fdb/aside.h"
#include "base/memory.h"

#include <string.h>

// The log's rows that a quarantine is about: after that tick, up to the head.
typedef struct range {
    int64_t tick;
    tl_fdb_key begin, end;
} range;

static int find_range(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_work *work,
                      const tl_log_head *head, range *out, tl_fault *fault)
{
    tl_log_epoch epoch;
    int code = tl_fdb_epoch_read(worker, transaction, work->server, work->epoch, &epoch, fault);
    if (code != 0) {
        return code;
    }
    out->tick = work->tick > epoch.began_tick ? work->tick : epoch.began_tick;
    tl_fdb_key last = tl_fdb_record_key(worker, work->server, head->tick > 0 ? head->tick : 0);
    out->begin = tl_fdb_record_key(worker, work->server, out->tick + 1);
    out->end = tl_fdb_key_end(&last);
    return 0;
}

// ---- before it -----------------------------------------------------------------------------------------------------

typedef struct look {
    const tl_fdb_worker *worker;
    const tl_work *work;
    tl_fdb_aside found; // its tick is -1: none yet
    tl_fdb_record record;
    size_t compared; // bytes of it
    bool other;      // it is not the record that it is about
} look;

static int look_at_row(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    look *l = context;
    uint64_t at[4]; // channel, server, tick, part
    bool first = l->found.tick < 0;
    bool sound = tl_fdb_key_read(l->worker->prefix, TL_FDB_RECORD, row->key, row->key_bytes, at, 4) &&
                 at[2] <= INT64_MAX;
    if (sound && first) {
        sound = at[3] == 0 && tl_fdb_get_record(row->value, row->value_bytes, &l->record);
        l->found.tick = (int64_t)at[2];
        l->found.sum = l->record.sum;
        l->other = l->record.size != l->work->size || l->record.epoch != l->work->epoch;
    }
    if (!sound) {
        return tl_fdb_damaged(l->worker, "a record", fault);
    }
    if (first) {
        return l->other ? TL_FDB_DONE : 0;
    }
    if ((int64_t)at[2] != l->found.tick) {
        return TL_FDB_DONE;
    }
    size_t bytes = (size_t)row->value_bytes;
    l->other = bytes > l->work->size - l->compared || memcmp(l->work->data + l->compared, row->value, bytes) != 0;
    l->compared += bytes;
    return l->other ? TL_FDB_DONE : 0;
}

static int look_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    look *l = context;
    tl_log_head head;
    range rows;
    *l = (look){.worker = worker, .work = l->work, .found = {.tick = -1}};
    int code = tl_fdb_head_read(worker, transaction, l->work->server, &head, fault);
    if (code != 0 || head.epoch != l->work->epoch) {
        return code != 0 ? code : TL_FDB_DONE;
    }
    code = find_range(worker, transaction, l->work, &head, &rows, fault);
    if (code != 0 || head.tick <= rows.tick) {
        return code != 0 ? code : TL_FDB_DONE;
    }
    code = tl_fdb_scan_large(worker, transaction, &rows.begin, &rows.end, true, look_at_row, l, fault);
    l->found.possible = l->found.tick >= 0 && !l->other && l->compared == l->work->size;
    return code == 0 ? TL_FDB_DONE : code;
}

tl_result tl_fdb_look_aside(tl_fdb_worker *worker, const tl_work *work, tl_fdb_aside *out, tl_fault *fault)
{
    look l = {.work = work};
    tl_result result = tl_fdb_run(worker, TL_ACTIVITY_FENCE, look_body, &l, NULL, fault);
    *out = l.found;
    return result;
}

// ---- within the transaction that ends the epoch --------------------------------------------------------------------

typedef struct moving {
    tl_fdb_worker *worker;
    tl_fdb_transaction *transaction;
    const tl_work *work;
    int64_t first_tick;  // of the records that are set aside, -1: none yet
    tl_fdb_record first; // that record's head
    size_t bytes;        // of all, so far
} moving;

static int move_row(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    moving *m = context;
    uint64_t at[4]; // channel, server, tick, part
    bool sound = tl_fdb_key_read(m->worker->prefix, TL_FDB_RECORD, row->key, row->key_bytes, at, 4) &&
                 at[2] <= INT64_MAX;
    if (sound && m->first_tick < 0) {
        sound = at[3] == 0 && tl_fdb_get_record(row->value, row->value_bytes, &m->first);
        m->first_tick = (int64_t)at[2];
    }
    if (!sound) {
        return tl_fdb_damaged(m->worker, "a record", fault);
    }
    m->bytes += (size_t)row->value_bytes;
    if (m->bytes > TL_FDB_TRANSACTION_BYTES_MAX) {
        return TL_FDB_DONE; // no more is kept, and so none is read
    }
    tl_fdb_key key = TL_FDB_KEY(m->worker->prefix, TL_FDB_ASIDE, m->work->server, m->work->epoch, at[2], at[3]);
    m->worker->fdb->transaction_set(m->transaction, key.bytes, key.size, row->value, row->value_bytes);
    return 0;
}

int tl_fdb_set_aside(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_work *work,
                     const tl_fdb_aside *first, tl_log_head *head, bool *possible, tl_fault *fault)
{
    range rows;
    int code = find_range(worker, transaction, work, head, &rows, fault);
    if (code != 0) {
        return code;
    }
    if (head->tick <= rows.tick) {
        tl_fdb_key key = tl_fdb_head_key(worker, work->server);
        tl_fdb_conflict(worker, transaction, &key);
        *possible = !work->has_bad; // it ends where its log does
        return 0;
    }
    moving m = {.worker = worker, .transaction = transaction, .work = work, .first_tick = -1};
    code = tl_fdb_scan_large(worker, transaction, &rows.begin, &rows.end, true, move_row, &m, fault);
    if (code != 0 && code != TL_FDB_DONE) {
        return code;
    }
    bool same = first->possible && first->tick == m.first_tick && first->sum == m.first.sum;
    // Where records were truncated after that tick, what was before them is not known.
    *possible = m.first_tick >= 0 && m.first.previous_tick <= rows.tick && (!work->has_bad || same);
    if (!*possible) {
        return 0;
    }
    tl_fdb_key log = TL_FDB_KEY(worker->prefix, TL_FDB_RECORD, TL_FDB_CHANNEL_ALL, work->server);
    tl_fdb_key log_end = tl_fdb_key_end(&log);
    tl_fdb_clear(worker, transaction, &rows.begin, &log_end);
    head->tick = m.first.previous_tick;
    head->sum = m.first.previous_sum;
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
    bool same = a->note && at[0] == a->note->event.server && at[1] == a->note->event.epoch &&
                (int64_t)at[2] == a->note->event.tick;
    if (a->note && !same) {
        return TL_FDB_DONE; // the next record
    }
    if (!a->note) {
        bool sound = at[3] == 0 && tl_fdb_get_record(row->value, row->value_bytes, &a->head) &&
                     a->head.size <= TL_RECORD_BYTES_MAX;
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
    if (code == 0 &&
        tl_fdb_get_name(row, size, &name)) { // if not, it goes without: it is no part of the world any more
        memcpy(event->name, name.text, sizeof(event->name));
    }
    return code;
}

static int next_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    asked *a = context;
    tl_free(a->note); // of an earlier run
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

tl_result tl_fdb_next_aside(tl_fdb_worker *worker, tl_store_event *event, tl_note **polled, tl_fault *fault)
{
    tl_store_event after = *event;
    asked a = {.prefix = worker->prefix, .after = &after};
    tl_result result = tl_fdb_run(worker, TL_ACTIVITY_JOIN, next_body, &a, NULL, fault);
    if (result != TL_OK || !a.note) {
        tl_free(a.note);
        return result == TL_OK ? TL_AGAIN : result;
    }
    tl_note *note = a.note;
    note->event.size = a.filled;
    bool whole = a.whole && a.filled == a.head.size &&
                 a.head.sum == tl_fdb_record_sum(note->event.server, note->event.tick, &a.head, note->data, a.filled);
    note->event.result = whole ? TL_OK : TL_ERR_CORRUPT;
    tl_free(*polled);
    *polled = note;
    *event = note->event;
    return TL_OK;
}
