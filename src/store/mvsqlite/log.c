#include "store/mvsqlite/log.h"
#include "base/memory.h"

#include <string.h>

enum { TRUNCATE_MAX = 16 }; // records in one transaction: each may have to be read

static const tl_sqlite_schema log_schema = {
    .application_id = 0x54524d4e, // "TRMN"
    .page_bytes = 32768,
    .vfs = "mvsqlite-32768",
    .sql = "CREATE TABLE head("
           "  one INTEGER PRIMARY KEY CHECK (one = 1),"
           "  world_us INTEGER NOT NULL," // the world's created_us: a log is of one world
           "  number INTEGER NOT NULL,"
           "  epoch INTEGER NOT NULL,"
           "  tick INTEGER NOT NULL,"
           "  heir INTEGER NOT NULL," // -1: the epoch goes on, 0: it ended in order, else the server that took over
           "  first INTEGER NOT NULL,"
           "  next INTEGER NOT NULL,"
           "  slots INTEGER NOT NULL,"
           "  used INTEGER NOT NULL,"
           "  claim INTEGER NOT NULL,"
           "  claim_denials INTEGER NOT NULL,"
           "  denials INTEGER NOT NULL,"
           "  tick_sum INTEGER NOT NULL,"
           "  checkpoints INTEGER NOT NULL,"
           "  checkpoints_sum INTEGER NOT NULL,"
           "  aside INTEGER NOT NULL," // slots that were set aside, and are still to be moved into the table `aside`,
           "  aside_at INTEGER NOT NULL," // from that one on
           "  sum INTEGER NOT NULL"
           ") STRICT;" TL_SQLITE_EPOCHS_TABLE "CREATE TABLE slot("
           "  slot INTEGER PRIMARY KEY,"
           "  body BLOB NOT NULL" // see store/mvsqlite/slot.h; always of the same length
           ") STRICT;" TL_SQLITE_CHECKPOINTS_TABLE,
};

// ---- opening -------------------------------------------------------------------------------------------------------

static tl_result prepare_all(tl_mvsqlite_log *log, tl_fault *fault)
{
    const tl_sqlite_sql list[] = {
        {&log->get_slot, "SELECT body FROM slot WHERE slot = ?1"},
        {&log->set_slot, "UPDATE slot SET body = ?2 WHERE slot = ?1"},
        {&log->add_slots, "INSERT INTO slot(slot, body) VALUES (?1, zeroblob(?2))"},
    };
    tl_result result = tl_sqlite_file_prepare(&log->file, list, sizeof(list) / sizeof(list[0]), fault);
    result = result == TL_OK ? tl_mvsqlite_rows_prepare(log, fault) : result;
    return result == TL_OK ? tl_sqlite_checkpoints_prepare(&log->checkpoints, &log->file, fault) : result;
}

static tl_result add_head(tl_mvsqlite_log *log, uint64_t world_us, tl_fault *fault)
{
    char sql[400];
    snprintf(
        sql, sizeof(sql),
        "INSERT INTO head(one, world_us, number, epoch, tick, heir, first, next, slots, used, claim, claim_denials,"
        " denials, tick_sum, checkpoints, checkpoints_sum, aside, aside_at, sum)"
        " VALUES (1, %lld, %d, 0, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
        (long long)world_us, log->number);
    int code = sqlite3_exec(log->file.db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        return tl_sqlite_file_fault(&log->file, code, fault);
    }
    tl_mvsqlite_head head = {.base = {.tick = -1, .heir = TL_HEIR_NONE}};
    tl_result result = tl_mvsqlite_slots_add(log, &head, TL_SLOTS_MIN, 0, fault);
    return result == TL_OK ? tl_mvsqlite_log_set_head(log, &head, fault) : result;
}

static bool has_slots(tl_mvsqlite_log *log, tl_fault *fault)
{
    sqlite3_bind_int64(log->get_slot, 1, 0);
    bool found = tl_sqlite_file_step(&log->file, log->get_slot, fault) == TL_OK;
    sqlite3_reset(log->get_slot);
    return found;
}

// The head's row must be of this server and this world. With CREATE it is put there, and the first slots, if it is not
// yet.
static tl_result check_head(tl_mvsqlite_log *log, uint64_t world_us, bool create, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_begin(&log->file, create, fault);
    if (result != TL_OK) {
        return result;
    }
    bool ours = true;
    tl_fault fault_of_slots;
    result = tl_sqlite_file_step(&log->file, log->get_head, fault);
    if (result == TL_OK) {
        ours = sqlite3_column_int(log->get_head, 10) == log->number &&
               (uint64_t)sqlite3_column_int64(log->get_head, 11) == world_us;
        sqlite3_reset(log->get_head);
    } else if (result == TL_AGAIN && has_slots(log, &fault_of_slots)) { // they are made together
        result = tl_mvsqlite_log_damaged(log, "the head", fault);
    } else if (result == TL_AGAIN && create) {
        result = add_head(log, world_us, fault);
        return tl_mvsqlite_log_finish(log, result, fault);
    }
    tl_sqlite_file_rollback(&log->file);
    return ours ? result
                : tl_fault_set(fault, TL_ERR_CORRUPT, log->file.path,
                               "the log of another world or server; use another name for the store");
}

tl_result tl_mvsqlite_log_open(tl_mvsqlite_log *log, const char *name, tl_server_number number, uint64_t world_us,
                               tl_sqlite_mode mode, tl_fault *fault)
{
    memset(log, 0, sizeof(*log));
    log->number = log->epochs.number = number;
    log->world_us = log->epochs.world_us = world_us;
    log->cursor_tick = -2;
    tl_result result = tl_sqlite_file_open(&log->file, name, &log_schema, mode, false, false, fault);
    if (result != TL_OK) {
        return result;
    }
    result = prepare_all(log, fault);
    if (result == TL_OK) {
        result = check_head(log, world_us, mode == TL_SQLITE_CREATE, fault);
    }
    if (result != TL_OK) {
        tl_mvsqlite_log_close(log);
    }
    return result;
}

void tl_mvsqlite_log_close(tl_mvsqlite_log *log)
{
    tl_sqlite_file_close(&log->file);
}

// ---- reading -------------------------------------------------------------------------------------------------------

tl_result tl_mvsqlite_log_look(tl_mvsqlite_log *log, tl_mvsqlite_head *out, tl_fault *fault)
{
    tl_sqlite_file_rollback(&log->file);
    tl_result result = tl_sqlite_file_begin(&log->file, false, fault);
    if (result == TL_OK) {
        result = tl_mvsqlite_log_read_head(log, out, fault);
    }
    if (result != TL_OK) {
        tl_sqlite_file_rollback(&log->file);
    }
    return result;
}

// What is read together must be of one moment. There is no snapshot in a log that was opened after the last look, and
// after a fault that made SQLite roll back.
static tl_result open_snapshot(tl_mvsqlite_log *log, tl_fault *fault)
{
    return sqlite3_get_autocommit(log->file.db) ? tl_sqlite_file_begin(&log->file, false, fault) : TL_OK;
}

tl_result tl_mvsqlite_log_poll_head(tl_mvsqlite_log *log, bool brief, tl_log_head *head, tl_fault *fault)
{
    tl_mvsqlite_slot slot;
    tl_mvsqlite_head whole;
    if (!brief || head->epoch == 0 || head->heir != TL_HEIR_NONE || log->cursor_tick != head->tick) {
        tl_result result = tl_mvsqlite_log_look(log, &whole, fault);
        *head = result == TL_OK ? whole.base : *head;
        return result;
    }
    tl_sqlite_file_rollback(&log->file);
    tl_result result = tl_sqlite_file_begin(&log->file, false, fault);
    if (result == TL_OK) {
        result = tl_mvsqlite_slot_read(log, log->cursor_slot, &slot, NULL, 0, fault);
    }
    bool next = result == TL_OK && slot.part == 0 && slot.previous_tick == head->tick && slot.tick > head->tick &&
                slot.epoch == head->epoch;
    if (next) {
        head->tick = slot.tick;
        head->sum = slot.sum;
    } else if (result == TL_OK) {
        result = tl_mvsqlite_log_read_head(log, &whole, fault);
        *head = result == TL_OK ? whole.base : *head;
    }
    if (result != TL_OK) {
        tl_sqlite_file_rollback(&log->file);
    }
    return result;
}

// Puts the cursor behind the record of that tick, or before the first one.
static tl_result seek(tl_mvsqlite_log *log, const tl_mvsqlite_head *head, int64_t tick, tl_fault *fault)
{
    tl_mvsqlite_slot slot;
    int64_t passed = 0;
    tl_result result = tl_mvsqlite_slots_find(log, head, tick, &log->cursor_slot, &passed, &slot, fault);
    log->cursor_tick = result == TL_OK || result == TL_AGAIN ? tick : -2;
    return result == TL_AGAIN ? TL_OK : result;
}

// The record that begins in the cursor's slot, into a note; moves the cursor behind it.
static tl_result read_record(tl_mvsqlite_log *log, const tl_mvsqlite_slot *begin, tl_note *note, tl_fault *fault)
{
    int64_t slot = log->cursor_slot;
    for (size_t done = 0; done < begin->size || done == 0; done += TL_SLOT_DATA_BYTES) {
        tl_mvsqlite_slot head;
        size_t bytes = begin->size - done < TL_SLOT_DATA_BYTES ? begin->size - done : TL_SLOT_DATA_BYTES;
        tl_result result = tl_mvsqlite_slot_read(log, slot, &head, note->data + done, bytes, fault);
        if (result != TL_OK) {
            return result;
        }
        if (head.tick != begin->tick || head.part != done / TL_SLOT_DATA_BYTES) {
            return tl_mvsqlite_log_damaged(log, "a record of several slots", fault);
        }
        slot = tl_mvsqlite_slot_after(slot, &head);
    }
    log->cursor_tick = begin->tick;
    log->cursor_slot = slot;
    return TL_OK;
}

tl_result tl_mvsqlite_log_next(tl_mvsqlite_log *log, int64_t tick, tl_note **out, int64_t *previous_tick,
                               tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_mvsqlite_slot slot = {0};
    tl_result result = open_snapshot(log, fault);
    result = result == TL_OK ? tl_mvsqlite_log_read_head(log, &head, fault) : result;
    if (result == TL_OK && head.used == 0) {
        return TL_AGAIN;
    }
    if (result == TL_OK && log->cursor_tick != tick) {
        result = seek(log, &head, tick, fault);
    }
    if (result == TL_OK && head.base.tick <= tick) {
        return TL_AGAIN;
    }
    if (result == TL_OK) {
        result = tl_mvsqlite_slot_read(log, log->cursor_slot, &slot, NULL, 0, fault);
    }
    if (result == TL_OK && (slot.part != 0 || slot.previous_tick != tick || slot.tick <= tick)) {
        result = seek(log, &head, tick, fault); // truncated, and used again since: so the caller sees the gap
        result = result == TL_OK ? tl_mvsqlite_slot_read(log, log->cursor_slot, &slot, NULL, 0, fault) : result;
    }
    if (result != TL_OK) {
        return result;
    }
    tl_note *note = slot.size <= TL_RECORD_BYTES_MAX ? tl_note_create(TL_STORE_RECORD, slot.size) : NULL;
    if (!note) {
        return slot.size <= TL_RECORD_BYTES_MAX ? tl_fault_set(fault, TL_ERR_MEMORY, log->file.path, "out of memory")
                                                : tl_mvsqlite_log_damaged(log, "a record", fault);
    }
    result = read_record(log, &slot, note, fault);
    if (result == TL_OK && slot.sum != tl_mvsqlite_slot_record_sum(log, &slot, note->data, slot.size)) {
        char what[64];
        snprintf(what, sizeof(what), "the record of tick %lld", (long long)slot.tick);
        result = tl_mvsqlite_log_damaged(log, what, fault);
    }
    if (result != TL_OK) {
        tl_free(note);
        return result;
    }
    note->event.server = log->number;
    note->event.tick = slot.tick;
    note->event.epoch = slot.epoch;
    note->event.begun_us = slot.begun_us;
    note->order = tl_log_order(slot.tick, false);
    note->sum = slot.sum;
    note->previous_sum = slot.previous_sum;
    *previous_tick = slot.previous_tick;
    *out = note;
    return TL_OK;
}

tl_result tl_mvsqlite_log_start(tl_mvsqlite_log *log, int64_t *previous_tick, tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_mvsqlite_slot slot;
    tl_result result = tl_mvsqlite_log_look(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    *previous_tick = head.base.tick;
    if (head.used > 0) {
        result = tl_mvsqlite_slot_read(log, head.first, &slot, NULL, 0, fault);
        *previous_tick = result == TL_OK ? slot.previous_tick : -1;
    }
    log->cursor_tick = *previous_tick;
    log->cursor_slot = head.first;
    return result;
}

tl_result tl_mvsqlite_log_check_checkpoints(tl_mvsqlite_log *log, tl_fault *fault)
{
    tl_mvsqlite_head head;
    int64_t count = 0;
    uint64_t total = 0;
    tl_result result = open_snapshot(log, fault);
    result = result == TL_OK ? tl_mvsqlite_log_read_head(log, &head, fault) : result;
    while (result == TL_OK) {
        result = tl_sqlite_file_step(&log->file, log->checkpoints.list, fault);
        if (result == TL_OK) {
            total += tl_mix((uint64_t)sqlite3_column_int64(log->checkpoints.list, 2));
            count++;
        }
    }
    sqlite3_reset(log->checkpoints.list);
    if (result != TL_AGAIN) {
        return result;
    }
    return count == head.checkpoints && total == head.checkpoints_sum
               ? TL_OK
               : tl_mvsqlite_log_damaged(log, "the table of checkpoints", fault);
}

tl_result tl_mvsqlite_log_checkpoint(tl_mvsqlite_log *log, tl_group_id group, tl_note **out, tl_fault *fault)
{
    return tl_sqlite_checkpoints_next(&log->checkpoints, group, out, fault);
}

// ---- writing -------------------------------------------------------------------------------------------------------

tl_result tl_mvsqlite_log_begin(tl_mvsqlite_log *log, tl_mvsqlite_head *out, tl_fault *fault)
{
    tl_sqlite_file_rollback(&log->file); // of a look
    tl_result result = tl_sqlite_file_begin(&log->file, true, fault);
    if (result == TL_OK) {
        result = tl_mvsqlite_log_read_head(log, out, fault);
    }
    if (result != TL_OK) {
        tl_sqlite_file_rollback(&log->file);
    }
    return result;
}

tl_result tl_mvsqlite_log_finish(tl_mvsqlite_log *log, tl_result result, tl_fault *fault)
{
    if (result == TL_OK) {
        return tl_sqlite_file_commit(&log->file, fault);
    }
    tl_sqlite_file_rollback(&log->file);
    return result;
}

tl_result tl_mvsqlite_log_end_epoch(tl_mvsqlite_log *log, tl_mvsqlite_head *head, int heir, uint64_t now_us,
                                    tl_fault *fault)
{
    TL_ASSERT(heir != TL_HEIR_NONE);
    tl_log_epoch row;
    tl_result result = tl_mvsqlite_log_epoch(log, head->base.epoch, &row, fault);
    if (result != TL_OK) {
        return result;
    }
    head->base.heir = row.heir = heir;
    head->claim = 0;
    row.ended_us = now_us;
    row.last_tick = head->base.tick;
    result = tl_sqlite_epochs_write_end(&log->epochs, head->base.epoch, &row, fault);
    return result == TL_OK ? tl_mvsqlite_log_set_head(log, head, fault) : result;
}

tl_result tl_mvsqlite_log_add_epoch(tl_mvsqlite_log *log, tl_mvsqlite_head *head, uint64_t now_us, tl_fault *fault)
{
    tl_result result = tl_sqlite_epochs_begin(&log->epochs, &head->base, now_us, fault);
    return result == TL_OK ? tl_mvsqlite_log_set_head(log, head, fault) : result;
}

static tl_result begin_own(tl_mvsqlite_log *log, uint32_t epoch, tl_mvsqlite_head *head, tl_fault *fault)
{
    TL_ASSERT(epoch > 0);
    tl_result result = tl_mvsqlite_log_begin(log, head, fault);
    if (result == TL_OK && (head->base.epoch != epoch || head->base.heir != TL_HEIR_NONE)) {
        tl_sqlite_file_rollback(&log->file);
        return TL_ERR_FENCED;
    }
    result = result == TL_OK ? tl_mvsqlite_log_pass_stop(log, epoch, fault) : result;
    if (result != TL_OK) {
        tl_sqlite_file_rollback(&log->file);
    }
    return result;
}

static tl_result add_record(tl_mvsqlite_log *log, tl_mvsqlite_head *head, const tl_work *work, tl_fault *fault)
{
    TL_ASSERT(work->type == TL_WORK_RECORD && work->tick > head->base.tick);
    int64_t parts = tl_mvsqlite_slot_parts(work->size);
    tl_result result = TL_OK;
    if (head->slots - head->used <= parts) { // one is always free
        result = tl_mvsqlite_slots_grow(log, head, parts > TL_SLOTS_GROW ? parts : TL_SLOTS_GROW, fault);
    }
    tl_mvsqlite_slot slot = {.tick = work->tick,
                             .previous_tick = head->base.tick,
                             .begun_us = work->begun_us,
                             .previous_sum = head->base.sum,
                             .epoch = head->base.epoch,
                             .size = (uint32_t)work->size};
    slot.sum = tl_mvsqlite_slot_record_sum(log, &slot, work->data, work->size);
    for (; slot.part < parts && result == TL_OK; slot.part++) {
        tl_mvsqlite_slot old = {0};
        size_t done = (size_t)slot.part * TL_SLOT_DATA_BYTES;
        size_t bytes = work->size - done < TL_SLOT_DATA_BYTES ? work->size - done : TL_SLOT_DATA_BYTES;
        result = tl_mvsqlite_slot_read(log, head->next, &old, NULL, 0, fault);
        slot.jump = old.jump;
        if (result == TL_OK) {
            result = tl_mvsqlite_slot_write(log, head->next, &slot, work->data + done, bytes, fault);
        }
        head->next = tl_mvsqlite_slot_after(head->next, &slot);
        head->used++;
    }
    head->base.tick = work->tick;
    head->base.sum = slot.sum;
    return result;
}

tl_result tl_mvsqlite_log_append(tl_mvsqlite_log *log, uint32_t epoch, tl_work *const *records, size_t count,
                                 tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_result result = begin_own(log, epoch, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    for (size_t i = 0; i < count && result == TL_OK; i++) {
        if (records[i]->tick > head.base.tick) {
            result = add_record(log, &head, records[i], fault);
        }
    }
    if (result == TL_OK) {
        result = tl_mvsqlite_log_set_head(log, &head, fault);
    }
    return tl_mvsqlite_log_finish(log, result, fault);
}

tl_result tl_mvsqlite_log_put(tl_mvsqlite_log *log, uint32_t epoch, tl_work *const *checkpoints, size_t count,
                              tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_result result = begin_own(log, epoch, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    for (size_t i = 0; i < count && result == TL_OK; i++) {
        result = tl_sqlite_checkpoints_put(&log->checkpoints, checkpoints[i], &head.checkpoints, &head.checkpoints_sum,
                                           fault);
    }
    if (result == TL_OK) {
        result = tl_mvsqlite_log_set_head(log, &head, fault);
    }
    return tl_mvsqlite_log_finish(log, result, fault);
}

// The slot where the record after the one at `first` begins.
static tl_result skip_record(tl_mvsqlite_log *log, tl_mvsqlite_head *head, const tl_mvsqlite_slot *begin,
                             tl_fault *fault)
{
    tl_mvsqlite_slot slot = *begin;
    tl_result result = TL_OK;
    for (int64_t left = tl_mvsqlite_slot_parts(begin->size); left > 0 && result == TL_OK; left--) {
        result = tl_mvsqlite_slot_read(log, head->first, &slot, NULL, 0, fault);
        head->first = tl_mvsqlite_slot_after(head->first, &slot);
        head->used--;
    }
    return result;
}

tl_result tl_mvsqlite_log_truncate(tl_mvsqlite_log *log, uint32_t epoch, int64_t tick, bool *done, tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_mvsqlite_slot slot;
    tl_result result = begin_own(log, epoch, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    int64_t before = tick < head.base.tick ? tick : head.base.tick;
    *done = false;
    for (int i = 0; i < TRUNCATE_MAX && result == TL_OK && !*done; i++) {
        *done = head.used == 0;
        if (!*done) {
            result = tl_mvsqlite_slot_read(log, head.first, &slot, NULL, 0, fault);
            *done = result == TL_OK && slot.tick >= before;
        }
        if (result == TL_OK && !*done) {
            result = skip_record(log, &head, &slot, fault);
        }
    }
    if (result == TL_OK) {
        result = tl_mvsqlite_log_set_head(log, &head, fault);
    }
    return tl_mvsqlite_log_finish(log, result, fault);
}
