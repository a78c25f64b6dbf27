#include "store/fdb/reader.h"
#include "base/memory.h"

#include "store/fdb/log.h"

#include <string.h>

enum { AHEAD_BYTES = 1 << 20 }; // of a log, read in one answer

static int no_memory(const tl_fdb_reader *reader, tl_fault *fault)
{
    tl_fault_set(fault, TL_ERR_MEMORY, reader->worker.place, "out of memory");
    return TL_FDB_FAULT;
}

// ---- watches -------------------------------------------------------------------------------------------------------

// On the library's thread. A watch that was cancelled fires as well.
static void on_fired(tl_fdb_future *future, void *context)
{
    tl_fdb_watch *watch = context;
    pthread_mutex_lock(&watch->attachment->mutex);
    watch->fired = true;
    tl_attachment_wake_locked(watch->attachment);
    pthread_mutex_unlock(&watch->attachment->mutex);
}

// Takes away what has fired; returns whether it had.
static bool reset_fired(tl_fdb_reader *reader, tl_fdb_watch *watch)
{
    pthread_mutex_lock(&watch->attachment->mutex);
    bool fired = watch->fired;
    watch->fired = false;
    pthread_mutex_unlock(&watch->attachment->mutex);
    if (fired) {
        reader->worker.fdb->future_destroy(watch->future);
        watch->future = NULL;
    }
    return fired;
}

static void cancel(tl_fdb_reader *reader, tl_fdb_watch *watch)
{
    if (!watch->future) {
        return;
    }
    reader->worker.fdb->future_cancel(watch->future);
    pthread_mutex_lock(&watch->attachment->mutex);
    while (!watch->fired) { // the library's thread may be at it
        pthread_cond_wait(&watch->attachment->work_cond, &watch->attachment->mutex);
    }
    pthread_mutex_unlock(&watch->attachment->mutex);
    (void)reset_fired(reader, watch);
}

bool tl_fdb_reader_has_fired(const tl_fdb_reader *reader)
{
    bool fired = reader->roster.fired;
    for (uint32_t server = 1; server <= reader->servers && !fired; server++) {
        fired = reader->peers[server].watch.fired;
    }
    return fired;
}

// ---- a log's rows --------------------------------------------------------------------------------------------------

static void free_entry(tl_fdb_entry *entry)
{
    if (entry) {
        tl_free(entry->note);
        tl_free(entry);
    }
}

static tl_fdb_entry *pop_entry(tl_fdb_peer *peer)
{
    TL_ASSERT(peer->first);
    tl_fdb_entry *entry = peer->first;
    peer->first = entry->next;
    peer->last = peer->first ? peer->last : NULL;
    peer->bytes -= entry->note->event.size;
    return entry;
}

static void seek(tl_fdb_peer *peer, int64_t tick)
{
    while (peer->first) {
        free_entry(pop_entry(peer));
    }
    peer->at_tick = tick;
    peer->read_tick = tick + 1;
    peer->read_part = 0;
}

static bool is_whole(const tl_fdb_entry *entry)
{
    return entry && entry->filled == entry->note->event.size;
}

// Drops the last record if parts of it are missing, to read it from its beginning. No record is put together from what
// several transactions read: in between it may be truncated, or set aside, and its tick used again.
static void rewind_partial(tl_fdb_peer *peer)
{
    tl_fdb_entry *partial = peer->last, *before = NULL;
    if (!partial || is_whole(partial)) {
        return;
    }
    for (tl_fdb_entry *entry = peer->first; entry != partial; entry = entry->next) {
        before = entry;
    }
    if (before) {
        before->next = NULL;
    } else {
        peer->first = NULL;
    }
    peer->last = before;
    peer->bytes -= partial->note->event.size;
    peer->read_tick = partial->note->event.tick;
    peer->read_part = 0;
    free_entry(partial);
}

static int add_entry(tl_fdb_reader *reader, tl_server_number server, int64_t tick, const tl_fdb_key_value *row,
                     tl_fault *fault)
{
    tl_fdb_peer *peer = &reader->peers[server];
    tl_fdb_record record;
    bool torn = peer->last && !is_whole(peer->last);
    if (torn || !tl_fdb_get_record(row->value, row->value_bytes, &record)) {
        return tl_fdb_damaged(&reader->worker, "a record", fault);
    }
    tl_fdb_entry *entry = tl_alloc(sizeof(*entry));
    tl_note *note = tl_note_create(TL_STORE_RECORD, record.size);
    if (!entry || !note) {
        tl_free(entry);
        tl_free(note);
        return no_memory(reader, fault);
    }
    note->order = record.order;
    note->event.server = server;
    note->event.epoch = record.epoch;
    note->event.tick = tick;
    note->event.begun_us = record.begun_us;
    note->sum = record.sum;
    note->previous_sum = record.previous_sum;
    *entry = (tl_fdb_entry){.note = note, .previous_tick = record.previous_tick};
    if (peer->last) {
        peer->last->next = entry;
    } else {
        peer->first = entry;
    }
    peer->last = entry;
    peer->bytes += record.size;
    return 0;
}

static int fill_entry(tl_fdb_reader *reader, tl_fdb_entry *entry, int64_t tick, uint64_t part,
                      const tl_fdb_key_value *row, tl_fault *fault)
{
    TL_ASSERT(part > 0 && entry->filled <= entry->note->event.size);
    size_t bytes = (size_t)row->value_bytes, size = entry->note->event.size;
    if (entry->note->event.tick != tick || (part - 1) * TL_FDB_PART_BYTES_MAX != entry->filled ||
        bytes > size - entry->filled) {
        return tl_fdb_damaged(&reader->worker, "a record", fault);
    }
    memcpy(entry->note->data + entry->filled, row->value, bytes);
    entry->filled += bytes;
    return 0;
}

// Takes in rows of a log. What has no head yet is of a record that is still being written: it ends there.
static int take_rows(tl_fdb_reader *reader, tl_server_number server, tl_fdb_future *future, bool *any, tl_fault *fault)
{
    tl_fdb_peer *peer = &reader->peers[server];
    const tl_fdb_key_value *rows = NULL;
    int count = 0, more = 0;
    int code = reader->worker.fdb->future_get_keyvalue_array(future, &rows, &count, &more);
    *any = false;
    for (int i = 0; i < count && code == 0; i++) {
        uint64_t at[4]; // channel, server, tick, part
        if (!tl_fdb_key_read(reader->worker.prefix, TL_FDB_RECORD, rows[i].key, rows[i].key_bytes, at, 4) ||
            at[2] > INT64_MAX) {
            return tl_fdb_damaged(&reader->worker, "a record", fault);
        }
        int64_t tick = (int64_t)at[2];
        if (at[3] == 0) {
            code = add_entry(reader, server, tick, &rows[i], fault);
        } else if (!peer->last || is_whole(peer->last)) {
            return 0;
        } else {
            code = fill_entry(reader, peer->last, tick, at[3], &rows[i], fault);
        }
        peer->read_tick = tick;
        peer->read_part = at[3] + 1;
        *any = true;
    }
    return code;
}

static tl_fdb_future *read_rows(tl_fdb_reader *reader, tl_fdb_transaction *transaction, tl_server_number server,
                                int64_t last_tick)
{
    const tl_fdb_peer *peer = &reader->peers[server];
    tl_fdb_key begin = tl_fdb_record_key(&reader->worker, server, peer->read_tick);
    tl_fdb_key last = tl_fdb_record_key(&reader->worker, server, last_tick);
    begin = tl_fdb_key_part(&begin, peer->read_part);
    last = tl_fdb_key_end(&last);
    return tl_fdb_range(&reader->worker, transaction, &begin, &last, AHEAD_BYTES, true);
}

// ---- a round -------------------------------------------------------------------------------------------------------

typedef struct round_state {
    tl_fdb_reader *reader;
    tl_fdb_future *ahead[TL_SERVERS_MAX + 1];
    tl_fdb_future *watches[TL_SERVERS_MAX + 1]; // 0: of the roster
} round_state;

static void drop_futures(const tl_fdb_reader *reader, tl_fdb_future **futures)
{
    for (int server = 0; server <= TL_SERVERS_MAX; server++) {
        if (futures[server]) {
            reader->worker.fdb->future_destroy(futures[server]);
            futures[server] = NULL;
        }
    }
}

static int take_head(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    tl_fdb_reader *reader = context;
    uint64_t at[2];
    if (!tl_fdb_key_read(reader->worker.prefix, TL_FDB_HEAD, row->key, row->key_bytes, at, 2) || at[1] < 1 ||
        at[1] > TL_SERVERS_MAX || !tl_fdb_get_head(row->value, row->value_bytes, &reader->heads[at[1]])) {
        return tl_fdb_damaged(&reader->worker, "a server's head", fault);
    }
    return 0;
}

static int take_server(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    tl_fdb_reader *reader = context;
    uint64_t server = 0;
    tl_fdb_name name;
    if (!tl_fdb_key_read(reader->worker.prefix, TL_FDB_SERVER, row->key, row->key_bytes, &server, 1) || server < 1 ||
        server > TL_SERVERS_MAX || !tl_fdb_get_name(row->value, row->value_bytes, &name)) {
        return tl_fdb_damaged(&reader->worker, "the list of servers", fault);
    }
    if (!reader->follow.peers[server].known) {
        tl_follow_add(&reader->follow, (tl_server_number)server, name.text, reader->worker.place);
        seek(&reader->peers[server], -1);
        reader->peers[server].moved = true;
        reader->servers = (uint32_t)server > reader->servers ? (uint32_t)server : reader->servers;
    }
    return 0;
}

// Whether a server has a head and is not known by name.
static bool has_stranger(const tl_fdb_reader *reader)
{
    for (int server = 1; server <= TL_SERVERS_MAX; server++) {
        if (reader->heads[server].epoch > 0 && !reader->follow.peers[server].known) {
            return true;
        }
    }
    return false;
}

// The own head moves with every commit: of the own server the lease is watched.
static void arm(tl_fdb_reader *reader, tl_fdb_transaction *transaction, tl_fdb_future **watches)
{
    tl_fdb_key roster = TL_FDB_KEY(reader->worker.prefix, TL_FDB_ROSTER);
    if (!reader->roster.future) {
        watches[0] = reader->worker.fdb->transaction_watch(transaction, roster.bytes, roster.size);
    }
    for (uint32_t server = 1; server <= reader->servers; server++) {
        if (!reader->peers[server].watch.future) {
            tl_fdb_key key = server == reader->follow.own ? TL_FDB_KEY(reader->worker.prefix, TL_FDB_LEASE, server)
                                                          : tl_fdb_head_key(&reader->worker, (tl_server_number)server);
            watches[server] = reader->worker.fdb->transaction_watch(transaction, key.bytes, key.size);
        }
    }
}

static int take_ahead(tl_fdb_reader *reader, tl_fdb_future **ahead, tl_fault *fault)
{
    int code = 0;
    for (uint32_t server = 1; server <= reader->servers && code == 0; server++) {
        if (!ahead[server]) {
            continue;
        }
        tl_fdb_future *rows = NULL;
        bool any = false;
        code = tl_fdb_wait(&reader->worker, ahead[server], &rows);
        ahead[server] = NULL;
        if (code == 0) {
            code = take_rows(reader, (tl_server_number)server, rows, &any, fault);
            reader->worker.fdb->future_destroy(rows);
        }
    }
    return code;
}

static int round_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    round_state *round = context;
    tl_fdb_reader *reader = round->reader;
    drop_futures(reader, round->ahead);
    drop_futures(reader, round->watches);
    for (uint32_t server = 1; server <= reader->servers && reader->follow.phase == TL_FOLLOW_LIVE; server++) {
        tl_fdb_peer *peer = &reader->peers[server];
        rewind_partial(peer);
        if (peer->moved && server != reader->follow.own && peer->bytes < AHEAD_BYTES) {
            round->ahead[server] = read_rows(reader, transaction, (tl_server_number)server, INT64_MAX);
        }
    }
    tl_fdb_key heads = TL_FDB_KEY(worker->prefix, TL_FDB_HEAD, TL_FDB_CHANNEL_ALL);
    int code = tl_fdb_scan_all(worker, transaction, &heads, true, take_head, reader, fault);
    if (code == 0 && has_stranger(reader)) {
        tl_fdb_key servers = TL_FDB_KEY(worker->prefix, TL_FDB_SERVER);
        code = tl_fdb_scan_all(worker, transaction, &servers, true, take_server, reader, fault);
    }
    if (code == 0) {
        code = take_ahead(reader, round->ahead, fault);
    }
    if (code == 0) {
        arm(reader, transaction, round->watches);
    }
    return code;
}

static void keep_watch(tl_fdb_reader *reader, tl_fdb_watch *watch, tl_fdb_future *future)
{
    TL_ASSERT(!future || !watch->future);
    if (!future) {
        return;
    }
    watch->attachment = reader->worker.attachment;
    watch->future = future;
    if (reader->worker.fdb->future_set_callback(future, on_fired, watch) != 0) {
        on_fired(future, watch); // read again
    }
}

static void finish_round(tl_fdb_reader *reader, round_state *round)
{
    keep_watch(reader, &reader->roster, round->watches[0]);
    for (uint32_t server = 1; server <= reader->servers; server++) {
        keep_watch(reader, &reader->peers[server].watch, round->watches[server]);
        if (reader->follow.peers[server].known) {
            // What was read ahead may have been set aside since: an end shows that, or a new epoch.
            const tl_log_head *before = &reader->follow.peers[server].target, *now = &reader->heads[server];
            if (before->epoch != now->epoch || now->heir != before->heir) {
                seek(&reader->peers[server], reader->peers[server].at_tick);
            }
            bool targeted = tl_follow_set_target(&reader->follow, (tl_server_number)server, &reader->heads[server]);
            reader->peers[server].moved = !targeted && server != reader->follow.own;
        }
    }
}

tl_result tl_fdb_reader_round(tl_fdb_reader *reader, tl_fault *fault)
{
    round_state round = {.reader = reader};
    if (reader->roster.future) {
        (void)reset_fired(reader, &reader->roster);
    }
    for (uint32_t server = 1; server <= reader->servers; server++) {
        tl_fdb_peer *peer = &reader->peers[server];
        peer->moved |= peer->watch.future && reset_fired(reader, &peer->watch);
    }
    tl_result result = tl_fdb_run(&reader->worker, TL_ACTIVITY_FOLLOW, round_body, &round, NULL, fault);
    if (result == TL_OK) {
        finish_round(reader, &round);
        return TL_OK;
    }
    drop_futures(reader, round.ahead);
    drop_futures(reader, round.watches);
    return result;
}

// ---- as a source ---------------------------------------------------------------------------------------------------

typedef struct question {
    tl_fdb_reader *reader;
    tl_server_number server;
    bool any;
    int64_t previous_tick;
} question;

static tl_result read_epoch(void *backend, tl_server_number server, uint32_t epoch, tl_log_epoch *out, tl_fault *fault)
{
    tl_fdb_reader *reader = backend;
    return tl_fdb_epoch_look(&reader->worker, TL_ACTIVITY_FOLLOW, server, epoch, out, fault);
}

// Reads on, within one transaction until the first record is whole.
static int fetch_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    question *q = context;
    tl_fdb_peer *peer = &q->reader->peers[q->server];
    int64_t last_tick = q->reader->follow.peers[q->server].target.tick;
    int code = 0;
    rewind_partial(peer);
    for (q->any = true; code == 0 && q->any && !is_whole(peer->first);) {
        tl_fdb_future *rows = NULL;
        code = tl_fdb_wait(worker, read_rows(q->reader, transaction, q->server, last_tick), &rows);
        if (code == 0) {
            code = take_rows(q->reader, q->server, rows, &q->any, fault);
            worker->fdb->future_destroy(rows);
        }
    }
    if (code == 0 && peer->first && !is_whole(peer->first)) {
        return tl_fdb_damaged(worker, "a record", fault);
    }
    return code != 0 ? code : TL_FDB_DONE;
}

static tl_result read_record(void *backend, tl_server_number server, int64_t tick, tl_note **out,
                             int64_t *previous_tick, tl_fault *fault)
{
    TL_ASSERT(server >= 1 && server <= TL_SERVERS_MAX);
    tl_fdb_reader *reader = backend;
    tl_fdb_peer *peer = &reader->peers[server];
    if (peer->at_tick != tick) {
        seek(peer, tick);
    }
    if (!is_whole(peer->first)) {
        question q = {.reader = reader, .server = server};
        tl_result result = tl_fdb_run(&reader->worker, TL_ACTIVITY_FOLLOW, fetch_body, &q, NULL, fault);
        if (result != TL_OK || !peer->first) {
            return result != TL_OK ? result : TL_AGAIN;
        }
    }
    tl_fdb_entry *entry = pop_entry(peer);
    tl_note *note = entry->note;
    tl_fdb_record record = {.epoch = note->event.epoch,
                            .previous_tick = entry->previous_tick,
                            .previous_sum = note->previous_sum,
                            .begun_us = note->event.begun_us};
    bool sound = note->sum == tl_fdb_record_sum(server, note->event.tick, &record, note->data, note->event.size);
    peer->at_tick = note->event.tick;
    *previous_tick = entry->previous_tick;
    tl_free(entry);
    if (!sound) {
        char what[64];
        snprintf(what, sizeof(what), "the record of tick %lld", (long long)note->event.tick);
        tl_free(note);
        (void)tl_fdb_damaged(&reader->worker, what, fault);
        return fault->result;
    }
    *out = note;
    return TL_OK;
}

static int start_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    question *q = context;
    tl_fdb_key log = TL_FDB_KEY(worker->prefix, TL_FDB_RECORD, TL_FDB_CHANNEL_ALL, q->server);
    tl_fdb_key end = tl_fdb_key_end(&log);
    tl_fdb_future *future = NULL;
    int code = tl_fdb_wait(worker, tl_fdb_range(worker, transaction, &log, &end, 1, true), &future);
    if (code != 0) {
        return code;
    }
    const tl_fdb_key_value *rows = NULL;
    int count = 0, more = 0;
    uint64_t at[4];
    tl_fdb_record record;
    code = worker->fdb->future_get_keyvalue_array(future, &rows, &count, &more);
    q->any = false;
    if (code == 0 && count > 0) {
        bool sound = tl_fdb_key_read(worker->prefix, TL_FDB_RECORD, rows[0].key, rows[0].key_bytes, at, 4);
        q->any = sound && at[3] == 0;
        sound &= !q->any || tl_fdb_get_record(rows[0].value, rows[0].value_bytes, &record);
        q->previous_tick = q->any && sound ? record.previous_tick : -1;
        code = sound ? 0 : tl_fdb_damaged(worker, "a record", fault);
    }
    worker->fdb->future_destroy(future);
    if (code == 0 && !q->any) {
        tl_log_head head;
        code = tl_fdb_head_read(worker, transaction, q->server, &head, fault);
        q->previous_tick = head.tick;
    }
    return code != 0 ? code : TL_FDB_DONE;
}

static tl_result read_start(void *backend, tl_server_number server, int64_t *previous_tick, tl_fault *fault)
{
    TL_ASSERT(server >= 1 && server <= TL_SERVERS_MAX);
    tl_fdb_reader *reader = backend;
    question q = {.server = server};
    tl_result result = tl_fdb_run(&reader->worker, TL_ACTIVITY_FOLLOW, start_body, &q, NULL, fault);
    *previous_tick = q.previous_tick;
    return result;
}

static tl_result read_checkpoint(void *backend, bool first, tl_group_id group, tl_note **out, tl_fault *fault)
{
    tl_fdb_reader *reader = backend;
    return tl_fdb_checkpoints_next(&reader->checkpoints, &reader->worker, first, group, out, fault);
}

static const tl_follow_source source = {
    .epoch = read_epoch,
    .next_record = read_record,
    .start = read_start,
    .next_checkpoint = read_checkpoint,
};

// ---- life ----------------------------------------------------------------------------------------------------------

void tl_fdb_reader_init(tl_fdb_reader *reader)
{
    tl_follow_init(&reader->follow, &source, reader);
    for (int server = 0; server <= TL_SERVERS_MAX; server++) {
        reader->heads[server] = (tl_log_head){.tick = -1, .heir = TL_HEIR_NONE};
    }
}

void tl_fdb_reader_free(tl_fdb_reader *reader)
{
    cancel(reader, &reader->roster);
    for (uint32_t server = 1; server <= reader->servers; server++) {
        cancel(reader, &reader->peers[server].watch);
        seek(&reader->peers[server], -1);
    }
    tl_fdb_checkpoints_drop(&reader->checkpoints);
    tl_follow_free(&reader->follow);
}

tl_result tl_fdb_reader_start(tl_fdb_reader *reader, tl_server_number own, const tl_log_head *head, tl_fault *fault)
{
    TL_ASSERT(own <= TL_SERVERS_MAX);
    reader->follow.own = own;
    tl_result result = tl_fdb_reader_round(reader, fault); // finds the servers
    if (result == TL_OK) {
        result = tl_follow_begin(&reader->follow, own, head, fault);
    }
    return result == TL_OK ? tl_fdb_reader_round(reader, fault) : result;
}
