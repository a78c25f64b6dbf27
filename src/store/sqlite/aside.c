#include "store/sqlite/aside.h"
#include "base/memory.h"

#include <string.h>

static void close_log(tl_sqlite_aside *aside)
{
    if (aside->open) {
        tl_sqlite_log_close(&aside->log); // with its statements
    }
    aside->open = false;
    aside->next = NULL;
}

void tl_sqlite_aside_close(tl_sqlite_aside *aside)
{
    close_log(aside);
    tl_free(aside->polled);
    aside->polled = NULL;
}

static tl_result prepare(tl_sqlite_aside *aside, tl_fault *fault)
{
    sqlite3_stmt *has = NULL;
    tl_sqlite_file *file = &aside->log.file;
    const tl_sqlite_sql find[] = {{&has, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'aside'"}};
    const tl_sqlite_sql read[] = {{&aside->next,
                                   "SELECT epoch, tick, previous_tick, begun_us, sum, body, previous_sum FROM aside"
                                   " WHERE epoch > ?1 OR (epoch = ?1 AND tick > ?2) ORDER BY epoch, tick LIMIT 1"}};
    tl_result result = tl_sqlite_file_prepare(file, find, 1, fault);
    result = result == TL_OK ? tl_sqlite_file_step(file, has, fault) : result;
    sqlite3_finalize(has);
    if (result != TL_OK) {
        return result == TL_AGAIN ? TL_OK : result;
    }
    return tl_sqlite_file_prepare(file, read, 1, fault);
}

// Opens the log of the first server after `number` that has one, and whose number that is then. TL_AGAIN: there is
// none.
static tl_result open_next(tl_sqlite_aside *aside, tl_sqlite_world *world, const char *directory,
                           tl_server_number *number, tl_fault *fault)
{
    tl_world_info info;
    tl_result result = tl_sqlite_world_info(world, &info, fault);
    bool missing = true;
    while (result == TL_OK && missing) {
        result = tl_sqlite_world_next_server(world, number, aside->name, fault);
        if (result != TL_OK) {
            return result;
        }
        result = tl_sqlite_log_open(&aside->log, directory, aside->name, *number, info.created_us, TL_SQLITE_READ_ONLY,
                                    false, false, fault);
        missing = result == TL_AGAIN;
        result = missing ? TL_OK : result;
    }
    aside->open = result == TL_OK;
    result = result == TL_OK ? prepare(aside, fault) : result;
    if (result != TL_OK) {
        close_log(aside); // the next call opens it again, and does not take it for one without such records
    }
    return result;
}

// The first row of the open log after that epoch and tick. TL_AGAIN: there is none.
static tl_result read_next(tl_sqlite_aside *aside, uint32_t epoch, int64_t tick, tl_fault *fault)
{
    sqlite3_stmt *row = aside->next;
    if (!row) {
        return TL_AGAIN;
    }
    sqlite3_bind_int64(row, 1, epoch);
    sqlite3_bind_int64(row, 2, tick);
    tl_result result = tl_sqlite_file_step(&aside->log.file, row, fault);
    if (result != TL_OK) {
        return result;
    }
    const void *body = sqlite3_column_blob(row, 5);
    size_t size = body ? (size_t)sqlite3_column_bytes(row, 5) : 0;
    tl_free(aside->polled);
    tl_note *note = aside->polled = tl_note_create(TL_STORE_RECORD, size);
    if (note) {
        tl_store_event *event = &note->event;
        event->server = aside->log.number;
        event->epoch = (uint32_t)sqlite3_column_int64(row, 0);
        event->tick = sqlite3_column_int64(row, 1);
        event->begun_us = (uint64_t)sqlite3_column_int64(row, 3);
        memcpy(event->name, aside->name, sizeof(event->name));
        if (size > 0) {
            memcpy(note->data, body, size);
        }
        uint64_t sum = tl_sqlite_log_record_sum(&aside->log, event->epoch, event->tick, sqlite3_column_int64(row, 2),
                                                (uint64_t)sqlite3_column_int64(row, 6), event->begun_us, note->data,
                                                size);
        event->result = sum == (uint64_t)sqlite3_column_int64(row, 4) ? TL_OK : TL_ERR_CORRUPT;
    }
    sqlite3_reset(row);
    return note ? TL_OK : tl_fault_set(fault, TL_ERR_MEMORY, aside->log.file.path, "out of memory");
}

tl_result tl_sqlite_aside_next(tl_sqlite_aside *aside, tl_sqlite_world *world, const char *directory,
                               tl_store_event *event, tl_fault *fault)
{
    tl_server_number number = event->server;
    tl_result result = TL_OK;
    if (aside->open && aside->log.number != number) {
        close_log(aside);
    }
    if (!aside->open) {
        number -= number > 0; // that log again
        result = open_next(aside, world, directory, &number, fault);
    }
    while (result == TL_OK) {
        bool same = number == event->server;
        result = read_next(aside, same ? event->epoch : 0, same ? event->tick : -1, fault);
        if (result != TL_AGAIN) {
            break;
        }
        close_log(aside);
        result = open_next(aside, world, directory, &number, fault);
    }
    if (result == TL_OK) {
        *event = aside->polled->event;
    }
    return result;
}
