// What an epoch had committed after the tick that it is ended at, in mvsqlite. The transaction that ends the epoch
// changes the head and the epoch's row alone: the author is alive, commits every tick, and each of its commits is a
// conflict. After that nobody commits to that log, and the slots move from the ring to a separate table, created
// when first needed: by the heir, or by the author before it rejoins. Also reads that table, for tools.
#include "base/memory.h"
#include "store/mvsqlite/store.h"

#include <string.h>

enum { MOVE_MAX = 8 }; // slots in one transaction

// ---- the end of an epoch -------------------------------------------------------------------------------------------

// Whether the record whose first slot that is has the bytes that the work is about.
static tl_result compare(tl_mvsqlite_log *log, int64_t slot, const tl_mvsqlite_slot *first, const tl_work *work,
                         bool *same, tl_fault *fault)
{
    TL_ASSERT(work->has_bad);
    unsigned char data[TL_SLOT_DATA_BYTES];
    *same = first->size == work->size;
    for (size_t done = 0; done < work->size && *same;) {
        tl_mvsqlite_slot head;
        size_t bytes = work->size - done < TL_SLOT_DATA_BYTES ? work->size - done : TL_SLOT_DATA_BYTES;
        tl_result result = tl_mvsqlite_slot_read(log, slot, &head, data, bytes, fault);
        if (result != TL_OK) {
            return result;
        }
        *same = head.tick == first->tick && memcmp(work->data + done, data, bytes) == 0;
        slot = tl_mvsqlite_slot_after(slot, &head);
        done += bytes;
    }
    return TL_OK;
}

tl_result tl_mvsqlite_log_look_aside(tl_mvsqlite_log *log, const tl_mvsqlite_head *head, const tl_work *work,
                                     tl_mvsqlite_aside *out, tl_fault *fault)
{
    TL_ASSERT(work->quarantine);
    tl_log_epoch epoch;
    tl_mvsqlite_slot first = {0};
    int64_t slot = 0, passed = 0;
    *out = (tl_mvsqlite_aside){.next = head->next, .tick = head->base.tick};
    tl_result result = tl_mvsqlite_log_epoch(log, work->epoch, &epoch, fault);
    if (result != TL_OK) {
        return result;
    }
    int64_t tick = work->tick > epoch.began_tick ? work->tick : epoch.began_tick;
    result = tl_mvsqlite_slots_find(log, head, tick, &slot, &passed, &first, fault);
    if (result == TL_AGAIN) {
        return work->has_bad ? TL_ERR_FENCED : TL_OK; // it ends where its log does
    }
    if (result == TL_OK && first.previous_tick > tick) {
        return TL_ERR_FENCED; // what came after it was truncated
    }
    bool same = true;
    if (result == TL_OK && work->has_bad) {
        result = compare(log, slot, &first, work, &same, fault);
    }
    *out = (tl_mvsqlite_aside){
        .slot = slot, .count = head->used - passed, .next = head->next, .tick = first.tick, .sum = first.sum};
    return result == TL_OK && !same ? TL_ERR_FENCED : result;
}

static tl_result look_again(const tl_mvsqlite_log *log, tl_fault *fault)
{
    return tl_fault_set(fault, TL_ERR_BUSY, log->file.path, "it has changed meanwhile; it is tried again");
}

tl_result tl_mvsqlite_log_set_aside(tl_mvsqlite_log *log, tl_mvsqlite_head *head, const tl_mvsqlite_aside *aside,
                                    tl_fault *fault)
{
    TL_ASSERT(aside->count >= 0);
    TL_ASSERT(!sqlite3_get_autocommit(log->file.db));
    tl_mvsqlite_slot first = {0}, slot;
    int64_t count = aside->count;
    if (count == 0) {
        return head->base.tick == aside->tick ? TL_OK : look_again(log, fault);
    }
    tl_result result = tl_mvsqlite_slot_read(log, aside->slot, &first, NULL, 0, fault);
    for (int64_t at = aside->next; at != head->next && result == TL_OK; count++) { // committed since that look
        result = tl_mvsqlite_slot_read(log, at, &slot, NULL, 0, fault);
        at = tl_mvsqlite_slot_after(at, &slot);
        if (count > head->used) {
            return look_again(log, fault);
        }
    }
    if (result != TL_OK) {
        return result;
    }
    bool same = first.part == 0 && first.epoch == head->base.epoch && first.tick == aside->tick &&
                first.sum == aside->sum;
    if (!same || count > head->used || head->aside > 0) { // truncated, or still to be moved
        return look_again(log, fault);
    }
    head->base.tick = first.previous_tick;
    head->base.sum = first.previous_sum;
    head->used -= count;
    head->next = head->aside_at = aside->slot;
    head->aside = count;
    return TL_OK;
}

// ---- afterwards ----------------------------------------------------------------------------------------------------

static tl_result prepare(tl_mvsqlite_log *log, sqlite3_stmt **insert, tl_fault *fault)
{
    const char *sql =
        "CREATE TABLE IF NOT EXISTS aside(epoch INTEGER NOT NULL, tick INTEGER NOT NULL, part INTEGER NOT NULL,"
        " previous_tick INTEGER NOT NULL, begun_us INTEGER NOT NULL, sum INTEGER NOT NULL,"
        " previous_sum INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL) STRICT";
    int code = sqlite3_exec(log->file.db, sql, NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(log->file.db, "INSERT INTO aside VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", -1,
                                  insert, NULL);
    }
    return code == SQLITE_OK ? TL_OK : tl_sqlite_file_fault(&log->file, code, fault);
}

static tl_result insert_part(tl_mvsqlite_log *log, sqlite3_stmt *insert, const tl_mvsqlite_slot *slot, const void *data,
                             size_t bytes, tl_fault *fault)
{
    const int64_t values[] = {slot->epoch,
                              slot->tick,
                              slot->part,
                              slot->previous_tick,
                              (int64_t)slot->begun_us,
                              (int64_t)slot->sum,
                              (int64_t)slot->previous_sum,
                              slot->size};
    for (int i = 0; i < 8; i++) {
        sqlite3_bind_int64(insert, i + 1, values[i]);
    }
    sqlite3_bind_blob64(insert, 9, data, bytes, SQLITE_STATIC);
    return tl_sqlite_file_run(&log->file, insert, fault);
}

// Moves one slot into the table. Cleared, it can be taken for no record by a follower that was away since.
static tl_result move(tl_mvsqlite_log *log, tl_mvsqlite_head *head, sqlite3_stmt *insert, tl_fault *fault)
{
    unsigned char data[TL_SLOT_DATA_BYTES];
    tl_mvsqlite_slot slot;
    tl_result result = tl_mvsqlite_slot_read(log, head->aside_at, &slot, data, sizeof(data), fault);
    if (result != TL_OK) {
        return result;
    }
    size_t done = (size_t)slot.part * TL_SLOT_DATA_BYTES, left = done < slot.size ? slot.size - done : 0;
    result = insert_part(log, insert, &slot, data, left < TL_SLOT_DATA_BYTES ? left : TL_SLOT_DATA_BYTES, fault);
    if (result == TL_OK) {
        tl_mvsqlite_slot empty = {.tick = -1, .previous_tick = -1, .jump = slot.jump};
        result = tl_mvsqlite_slot_write(log, head->aside_at, &empty, NULL, 0, fault);
    }
    head->aside_at = tl_mvsqlite_slot_after(head->aside_at, &slot);
    head->aside--;
    return result;
}

tl_result tl_mvsqlite_log_move_aside(tl_mvsqlite_log *log, bool *done, tl_fault *fault)
{
    tl_mvsqlite_head head;
    sqlite3_stmt *insert = NULL;
    tl_result result = tl_mvsqlite_log_begin(log, &head, fault);
    *done = result == TL_OK && head.aside == 0;
    if (result != TL_OK || *done) {
        tl_sqlite_file_rollback(&log->file);
        return result;
    }
    result = prepare(log, &insert, fault);
    for (int i = 0; i < MOVE_MAX && head.aside > 0 && result == TL_OK; i++) {
        result = move(log, &head, insert, fault);
    }
    sqlite3_finalize(insert);
    if (result == TL_OK) {
        result = tl_mvsqlite_log_set_head(log, &head, fault);
    }
    result = tl_mvsqlite_log_finish(log, result, fault);
    *done = result == TL_OK && head.aside == 0;
    return result;
}

// ---- reading it again ----------------------------------------------------------------------------------------------

static void get_slot(sqlite3_stmt *row, tl_mvsqlite_slot *out)
{
    *out = (tl_mvsqlite_slot){.epoch = (uint32_t)sqlite3_column_int64(row, 0),
                              .tick = sqlite3_column_int64(row, 1),
                              .part = (uint32_t)sqlite3_column_int64(row, 2),
                              .previous_tick = sqlite3_column_int64(row, 3),
                              .begun_us = (uint64_t)sqlite3_column_int64(row, 4),
                              .sum = (uint64_t)sqlite3_column_int64(row, 5),
                              .previous_sum = (uint64_t)sqlite3_column_int64(row, 6),
                              .size = (uint32_t)sqlite3_column_int64(row, 7)};
}

// Gathers the parts of one record, from the row on that the statement is at. Fewer than there should be: CORRUPT in the
// event.
static tl_result gather(tl_mvsqlite_log *log, sqlite3_stmt *row, tl_note **out, tl_fault *fault)
{
    tl_mvsqlite_slot first, slot;
    tl_result result = TL_OK;
    size_t filled = 0;
    uint32_t part = 0;
    get_slot(row, &first);
    size_t room = first.size <= TL_RECORD_BYTES_MAX ? first.size : 0;
    tl_note *note = *out = tl_note_create(TL_STORE_RECORD, room);
    if (!note) {
        return tl_fault_set(fault, TL_ERR_MEMORY, log->file.path, "out of memory");
    }
    for (; result == TL_OK; result = tl_sqlite_file_step(&log->file, row, fault)) {
        const void *body = sqlite3_column_blob(row, 8);
        size_t bytes = body ? (size_t)sqlite3_column_bytes(row, 8) : 0;
        get_slot(row, &slot);
        if (slot.epoch != first.epoch || slot.tick != first.tick || slot.part != part++ || bytes > room - filled) {
            break;
        }
        if (bytes > 0) {
            memcpy(note->data + filled, body, bytes);
        }
        filled += bytes;
    }
    bool whole = filled == first.size && first.sum == tl_mvsqlite_slot_record_sum(log, &first, note->data, filled);
    note->event.size = filled;
    note->event.result = whole ? TL_OK : TL_ERR_CORRUPT;
    note->event.epoch = first.epoch;
    note->event.tick = first.tick;
    note->event.begun_us = first.begun_us;
    return result == TL_AGAIN ? TL_OK : result;
}

// The first record in a log's table after that epoch and tick. TL_AGAIN: there is none.
static tl_result read_next(tl_mvsqlite_log *log, uint32_t epoch, int64_t tick, tl_note **out, tl_fault *fault)
{
    static const char find[] = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'aside'";
    static const char read[] =
        "SELECT epoch, tick, part, previous_tick, begun_us, sum, previous_sum, size, body FROM aside"
        " WHERE epoch > ?1 OR (epoch = ?1 AND tick > ?2) ORDER BY epoch, tick, part";
    sqlite3_stmt *statement = NULL;
    tl_result result = tl_sqlite_file_prepare(&log->file, &(tl_sqlite_sql){&statement, find}, 1, fault);
    result = result == TL_OK ? tl_sqlite_file_step(&log->file, statement, fault) : result;
    sqlite3_finalize(statement);
    statement = NULL;
    result = result == TL_OK ? tl_sqlite_file_prepare(&log->file, &(tl_sqlite_sql){&statement, read}, 1, fault)
                             : result;
    if (result == TL_OK) {
        sqlite3_bind_int64(statement, 1, epoch);
        sqlite3_bind_int64(statement, 2, tick);
        result = tl_sqlite_file_step(&log->file, statement, fault);
    }
    result = result == TL_OK ? gather(log, statement, out, fault) : result;
    sqlite3_finalize(statement);
    return result;
}

// What is still to be moved is moved first, by callers that may write.
static tl_result next_of(tl_mvsqlite_log *log, bool may_write, uint32_t epoch, int64_t tick, tl_note **out,
                         tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_result result = TL_OK;
    for (bool done = !may_write; !done && (result == TL_OK || result == TL_ERR_BUSY);) {
        result = tl_mvsqlite_log_move_aside(log, &done, fault);
    }
    result = result == TL_OK ? tl_mvsqlite_log_look(log, &head, fault) : result;
    if (result == TL_OK) {
        result = read_next(log, epoch, tick, out, fault);
        tl_sqlite_file_rollback(&log->file);
    }
    return result;
}

tl_result tl_mvsqlite_namespaces_next_aside(tl_mvsqlite_namespaces *namespaces, tl_sqlite_mode mode,
                                            const tl_store_event *after, tl_note **out, tl_fault *fault)
{
    tl_server_number number = (tl_server_number)(after->server - (after->server > 0)); // that log again
    tl_world_info info;
    *out = NULL;
    tl_result result = tl_sqlite_world_info(&namespaces->world, &info, fault);
    namespaces->world_us = info.created_us;
    while (result == TL_OK) {
        char name[TL_NAME_BYTES_MAX + 1];
        tl_mvsqlite_log *log = NULL;
        result = tl_sqlite_world_next_server(&namespaces->world, &number, name, fault);
        if (result != TL_OK) {
            return result;
        }
        result = tl_mvsqlite_namespaces_log(namespaces, number, name, mode, &log, fault);
        bool same = number == after->server;
        result = result == TL_OK ? next_of(log, mode != TL_SQLITE_READ_ONLY, same ? after->epoch : 0,
                                           same ? after->tick : -1, out, fault)
                                 : result;
        if (result == TL_OK) {
            (*out)->event.server = number;
            memcpy((*out)->event.name, name, sizeof(name));
            return TL_OK;
        }
        result = result == TL_AGAIN ? TL_OK : result;
    }
    tl_free(*out);
    *out = NULL;
    return result;
}
