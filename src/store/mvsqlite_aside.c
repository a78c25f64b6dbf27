// What an epoch had committed after the tick that it is ended at, in mvsqlite: it goes from the ring into a table of its
// own, which is made when it is first needed. Rare, so it may cost a walk along the ring, and a change of page 1. And how
// that table is read again, by tools.
#include "mvsqlite_slot.h"
#include "mvsqlite_store.h"

#include <string.h>

// Goes along the ring to the first record after `tick`. *passed: the slots before it. TL_AGAIN: there is none.
static tl_result find(tl_mvsqlite_log *log, const tl_mvsqlite_head *head, int64_t tick, int64_t *slot, int64_t *passed,
                      tl_mvsqlite_slot *out, tl_fault *fault)
{
    *slot = head->first;
    for (*passed = 0; *passed < head->used; ++*passed) {
        tl_result result = tl_mvsqlite_slot_read(log, *slot, out, NULL, 0, fault);
        if (result != TL_OK || out->tick > tick) {
            return result;
        }
        *slot = tl_mvsqlite_slot_after(*slot, out);
    }
    return TL_AGAIN;
}

static tl_result prepare(tl_mvsqlite_log *log, sqlite3_stmt **insert, tl_fault *fault)
{
    const char *sql = "CREATE TABLE IF NOT EXISTS aside(epoch INTEGER NOT NULL, tick INTEGER NOT NULL, part INTEGER NOT NULL,"
                      " previous_tick INTEGER NOT NULL, begun_us INTEGER NOT NULL, sum INTEGER NOT NULL,"
                      " previous_sum INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL) STRICT";
    int code = sqlite3_exec(log->file.db, sql, NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(log->file.db, "INSERT INTO aside VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", -1, insert, NULL);
    }
    return code == SQLITE_OK ? TL_OK : tl_sqlite_file_fault(&log->file, code, fault);
}

static tl_result insert_part(tl_mvsqlite_log *log, sqlite3_stmt *insert, const tl_mvsqlite_slot *slot, const void *data,
                             size_t bytes, tl_fault *fault)
{
    const int64_t values[] = {slot->epoch,         slot->tick,         slot->part, slot->previous_tick, (int64_t)slot->begun_us,
                              (int64_t)slot->sum, (int64_t)slot->previous_sum, slot->size};
    for (int i = 0; i < 8; i++) {
        sqlite3_bind_int64(insert, i + 1, values[i]);
    }
    sqlite3_bind_blob64(insert, 9, data, bytes, SQLITE_STATIC);
    return tl_sqlite_file_run(&log->file, insert, fault);
}

// Moves `count` slots from that one on. TL_ERR_FENCED: the first record is not the one that it is about.
static tl_result move(tl_mvsqlite_log *log, const tl_work *work, int64_t slot, int64_t count, sqlite3_stmt *insert,
                      tl_fault *fault)
{
    tl_mvsqlite_slot head;
    int64_t first_tick = -1;
    for (int64_t i = 0; i < count; i++) {
        tl_result result = tl_mvsqlite_slot_read(log, slot, &head, log->slot, TL_SLOT_DATA_BYTES, fault);
        if (result != TL_OK) {
            return result;
        }
        size_t done = (size_t)head.part * TL_SLOT_DATA_BYTES;
        size_t left = done < head.size ? head.size - done : 0, bytes = left < TL_SLOT_DATA_BYTES ? left : TL_SLOT_DATA_BYTES;
        first_tick = i == 0 ? head.tick : first_tick;
        bool other = work->has_bad && head.tick == first_tick &&
                     (head.size != work->size || memcmp(work->data + done, log->slot, bytes) != 0);
        result = other ? TL_ERR_FENCED : insert_part(log, insert, &head, log->slot, bytes, fault);
        if (result != TL_OK) {
            return result;
        }
        slot = tl_mvsqlite_slot_after(slot, &head);
    }
    return TL_OK;
}

tl_result tl_mvsqlite_log_set_aside(tl_mvsqlite_log *log, tl_mvsqlite_head *head, const tl_work *work, tl_fault *fault)
{
    tl_log_epoch epoch;
    tl_mvsqlite_slot first = {0};
    int64_t slot = 0, passed = 0;
    tl_result result = tl_mvsqlite_log_epoch(log, work->epoch, &epoch, fault);
    if (result != TL_OK) {
        return result;
    }
    int64_t tick = work->tick > epoch.began_tick ? work->tick : epoch.began_tick;
    result = find(log, head, tick, &slot, &passed, &first, fault);
    if (result == TL_AGAIN) {
        return work->has_bad ? TL_ERR_FENCED : TL_OK; // it ends where its log does
    }
    if (result == TL_OK && first.previous_tick > tick) {
        return TL_ERR_FENCED; // what came after it was cut
    }
    sqlite3_stmt *insert = NULL;
    result = result == TL_OK ? prepare(log, &insert, fault) : result;
    if (result == TL_OK) {
        result = move(log, work, slot, head->used - passed, insert, fault);
    }
    sqlite3_finalize(insert);
    if (result != TL_OK) {
        return result;
    }
    head->base.tick = first.previous_tick;
    head->base.sum = first.previous_sum;
    head->used = passed;
    head->next = slot;
    // A follower looks for the next record in its slot before it looks at the head: it must not find this one.
    return tl_mvsqlite_slot_write(log, slot, &(tl_mvsqlite_slot){.previous_tick = -1, .jump = first.jump}, "", 0, fault);
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

// Gathers the parts of one record, from the row on that the statement is at. Fewer than there should be: CORRUPT in the event.
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
    static const char read[] = "SELECT epoch, tick, part, previous_tick, begun_us, sum, previous_sum, size, body FROM aside"
                               " WHERE epoch > ?1 OR (epoch = ?1 AND tick > ?2) ORDER BY epoch, tick, part";
    sqlite3_stmt *statement = NULL;
    tl_result result = tl_sqlite_file_prepare(&log->file, &(tl_sqlite_sql){&statement, find}, 1, fault);
    result = result == TL_OK ? tl_sqlite_file_step(&log->file, statement, fault) : result;
    sqlite3_finalize(statement);
    statement = NULL;
    result = result == TL_OK ? tl_sqlite_file_prepare(&log->file, &(tl_sqlite_sql){&statement, read}, 1, fault) : result;
    if (result == TL_OK) {
        sqlite3_bind_int64(statement, 1, epoch);
        sqlite3_bind_int64(statement, 2, tick);
        result = tl_sqlite_file_step(&log->file, statement, fault);
    }
    result = result == TL_OK ? gather(log, statement, out, fault) : result;
    sqlite3_finalize(statement);
    return result;
}

static tl_result next_of(tl_mvsqlite_log *log, uint32_t epoch, int64_t tick, tl_note **out, tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_result result = tl_mvsqlite_log_begin(log, &head, fault);
    if (result == TL_OK) {
        result = read_next(log, epoch, tick, out, fault);
        tl_sqlite_file_rollback(&log->file);
    }
    return result;
}

tl_result tl_mvsqlite_writer_next_aside(tl_mvsqlite_writer *writer, tl_sqlite_mode mode, const tl_store_event *after,
                                        tl_note **out, tl_fault *fault)
{
    tl_server_number number = (tl_server_number)(after->server - (after->server > 0)); // that log again
    tl_world_info info;
    *out = NULL;
    tl_result result = tl_sqlite_world_info(&writer->world, &info, fault);
    writer->world_us = info.created_us;
    while (result == TL_OK) {
        char name[TL_NAME_BYTES_MAX + 1];
        tl_mvsqlite_log *log = NULL;
        result = tl_sqlite_world_next_server(&writer->world, &number, name, fault);
        if (result != TL_OK) {
            return result;
        }
        result = tl_mvsqlite_writer_log(writer, number, name, mode, &log, fault);
        bool same = number == after->server;
        result = result == TL_OK ? next_of(log, same ? after->epoch : 0, same ? after->tick : -1, out, fault) : result;
        if (result == TL_OK) {
            (*out)->event.server = number;
            memcpy((*out)->event.name, name, sizeof(name));
            return TL_OK;
        }
        result = result == TL_AGAIN ? TL_OK : result;
    }
    free(*out);
    *out = NULL;
    return result;
}
