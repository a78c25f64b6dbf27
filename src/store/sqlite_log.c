#include "sqlite_log.h"

#include <string.h>

static const tl_sqlite_schema log_schema = {
    .application_id = 0x54524d4c, // "TRML"
    .page_bytes = 32768,          // a usual record lies in one page
    .checkpoint_pages = 64,
    .sql = "CREATE TABLE head("
           "  one INTEGER PRIMARY KEY CHECK (one = 1),"
           "  world_us INTEGER NOT NULL," // the world's created_us: a log is of one world
           "  number INTEGER NOT NULL,"
           "  epoch INTEGER NOT NULL,"
           "  tick INTEGER NOT NULL,"
           "  heir INTEGER NOT NULL" // -1: the epoch goes on, 0: it ended in order, else the server that took over
           ") STRICT;"
           "CREATE TABLE epoch("
           "  epoch INTEGER PRIMARY KEY,"
           "  began_us INTEGER NOT NULL,"
           "  began_tick INTEGER NOT NULL,"
           "  ended_us INTEGER NOT NULL,"
           "  last_tick INTEGER NOT NULL,"
           "  heir INTEGER NOT NULL"
           ") STRICT;"
           "CREATE TABLE record("
           "  tick INTEGER PRIMARY KEY,"
           "  previous_tick INTEGER NOT NULL,"
           "  epoch INTEGER NOT NULL,"
           "  begun_us INTEGER NOT NULL,"
           "  sum INTEGER NOT NULL,"
           "  body BLOB NOT NULL"
           ") STRICT;",
};

// ---- opening -------------------------------------------------------------------------------------------------------

static tl_result damaged(const tl_sqlite_log *log, const char *what, tl_fault *fault)
{
    char text[160];
    snprintf(text, sizeof(text), "%s is damaged; stop all servers and restore the file from a copy", what);
    return tl_fault_set(fault, TL_ERR_CORRUPT, log->file.path, text);
}

static tl_result prepare_all(tl_sqlite_log *log, tl_fault *fault)
{
    const tl_sqlite_sql list[] = {
        {&log->get_head, "SELECT epoch, tick, heir, number, world_us FROM head WHERE one = 1"},
        {&log->set_tick, "UPDATE head SET tick = ?1 WHERE one = 1"},
        {&log->set_epoch, "UPDATE head SET epoch = ?1, heir = -1 WHERE one = 1"},
        {&log->set_heir, "UPDATE head SET heir = ?1 WHERE one = 1"},
        {&log->get_epoch, "SELECT began_us, began_tick, ended_us, last_tick, heir FROM epoch WHERE epoch = ?1"},
        {&log->add_epoch, "INSERT INTO epoch(epoch, began_us, began_tick, ended_us, last_tick, heir)"
                          " VALUES (?1, ?2, ?3, 0, -1, -1)"},
        {&log->end_epoch, "UPDATE epoch SET ended_us = ?2, last_tick = ?3, heir = ?4 WHERE epoch = ?1"},
        {&log->add_record, "INSERT INTO record(tick, previous_tick, epoch, begun_us, sum, body)"
                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
        {&log->next_record, "SELECT tick, previous_tick, epoch, begun_us, sum, body FROM record"
                            " WHERE tick > ?1 ORDER BY tick LIMIT 1"},
        {&log->first_record, "SELECT previous_tick FROM record ORDER BY tick LIMIT 1"},
        {&log->cut_records, "DELETE FROM record WHERE tick IN"
                            " (SELECT tick FROM record WHERE tick < ?1 ORDER BY tick LIMIT ?2)"},
    };
    return tl_sqlite_file_prepare(&log->file, list, sizeof(list) / sizeof(list[0]), fault);
}

// Puts the head row there, if it is not yet.
static tl_result add_head(tl_sqlite_log *log, uint64_t world_us, tl_fault *fault)
{
    char sql[200];
    snprintf(sql, sizeof(sql),
             "INSERT OR IGNORE INTO head(one, world_us, number, epoch, tick, heir) VALUES (1, %lld, %d, 0, -1, -1)",
             (long long)world_us, log->number);
    int code = sqlite3_exec(log->file.db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? TL_OK : tl_sqlite_file_fault(&log->file, code, fault);
}

// The head's row must be of this server and this world.
static tl_result check_head(tl_sqlite_log *log, uint64_t world_us, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_step(&log->file, log->get_head, fault);
    if (result != TL_OK) {
        return result;
    }
    bool ours = sqlite3_column_int(log->get_head, 3) == log->number &&
                (uint64_t)sqlite3_column_int64(log->get_head, 4) == world_us;
    sqlite3_reset(log->get_head);
    return ours ? TL_OK
                : tl_fault_set(fault, TL_ERR_CORRUPT, log->file.path,
                               "the log of another world or server; put the right file there");
}

tl_result tl_sqlite_log_open(tl_sqlite_log *log, const char *directory, const char *name, tl_server_number number,
                             uint64_t world_us, tl_sqlite_mode mode, bool durable_full, bool whole, tl_fault *fault)
{
    char path[TL_PATH_BYTES_MAX];
    memset(log, 0, sizeof(*log));
    log->number = number;
    int length = snprintf(path, sizeof(path), "%s/%s.log.db", directory, name);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return tl_fault_set(fault, TL_ERR_INVALID, directory, "the path is too long; use a shorter one");
    }
    tl_result result = tl_sqlite_file_open(&log->file, path, &log_schema, mode, durable_full, whole, fault);
    if (result != TL_OK) {
        return result;
    }
    result = prepare_all(log, fault);
    if (result == TL_OK && mode == TL_SQLITE_CREATE) {
        result = add_head(log, world_us, fault);
    }
    if (result == TL_OK) {
        result = check_head(log, world_us, fault);
    }
    if (result != TL_OK) {
        tl_sqlite_log_close(log);
    }
    return result;
}

void tl_sqlite_log_close(tl_sqlite_log *log)
{
    tl_sqlite_file_close(&log->file);
}

// ---- reading -------------------------------------------------------------------------------------------------------

tl_result tl_sqlite_log_head(tl_sqlite_log *log, tl_log_head *out, tl_fault *fault)
{
    sqlite3_stmt *row = log->get_head;
    tl_result result = tl_sqlite_file_step(&log->file, row, fault);
    if (result == TL_AGAIN) {
        return damaged(log, "the head", fault);
    }
    if (result != TL_OK) {
        return result;
    }
    int64_t epoch = sqlite3_column_int64(row, 0);
    out->epoch = (uint32_t)epoch;
    out->tick = sqlite3_column_int64(row, 1);
    out->heir = sqlite3_column_int(row, 2);
    sqlite3_reset(row);
    bool sound = epoch >= 0 && epoch <= UINT32_MAX && out->tick >= -1 && out->heir >= TL_HEIR_NONE &&
                 out->heir <= TL_SERVERS_MAX;
    return sound ? TL_OK : damaged(log, "the head", fault);
}

tl_result tl_sqlite_log_epoch(tl_sqlite_log *log, uint32_t epoch, tl_log_epoch *out, tl_fault *fault)
{
    sqlite3_stmt *row = log->get_epoch;
    sqlite3_bind_int64(row, 1, epoch);
    tl_result result = tl_sqlite_file_step(&log->file, row, fault);
    if (result == TL_AGAIN) {
        return damaged(log, "the list of epochs", fault);
    }
    if (result != TL_OK) {
        return result;
    }
    out->began_us = (uint64_t)sqlite3_column_int64(row, 0);
    out->began_tick = sqlite3_column_int64(row, 1);
    out->ended_us = (uint64_t)sqlite3_column_int64(row, 2);
    out->began_order = out->began_us;
    out->ended_order = out->ended_us;
    out->last_tick = sqlite3_column_int64(row, 3);
    out->heir = sqlite3_column_int(row, 4);
    sqlite3_reset(row);
    bool sound = out->began_tick >= -1 && out->last_tick >= -1 && out->heir >= TL_HEIR_NONE && out->heir <= TL_SERVERS_MAX;
    return sound ? TL_OK : damaged(log, "the list of epochs", fault);
}

static uint64_t record_sum(uint32_t epoch, int64_t tick, const void *body, size_t size)
{
    return tl_store_sum(epoch, (uint64_t)tick, body, size);
}

tl_result tl_sqlite_log_next(tl_sqlite_log *log, int64_t tick, tl_note **out, int64_t *previous_tick, tl_fault *fault)
{
    sqlite3_stmt *row = log->next_record;
    sqlite3_bind_int64(row, 1, tick);
    tl_result result = tl_sqlite_file_step(&log->file, row, fault);
    if (result != TL_OK) {
        return result;
    }
    size_t size = (size_t)sqlite3_column_bytes(row, 5);
    tl_note *note = size <= TL_RECORD_BYTES_MAX ? tl_note_create(TL_STORE_RECORD, size) : NULL;
    if (!note) {
        sqlite3_reset(row);
        return size <= TL_RECORD_BYTES_MAX ? tl_fault_set(fault, TL_ERR_MEMORY, log->file.path, "out of memory")
                                           : damaged(log, "a record", fault);
    }
    note->event.server = log->number;
    note->event.tick = sqlite3_column_int64(row, 0);
    *previous_tick = sqlite3_column_int64(row, 1);
    note->event.epoch = (uint32_t)sqlite3_column_int64(row, 2);
    note->event.begun_us = note->order = (uint64_t)sqlite3_column_int64(row, 3);
    uint64_t sum = (uint64_t)sqlite3_column_int64(row, 4);
    const void *body = sqlite3_column_blob(row, 5);
    bool sound = body || size == 0;
    if (sound && size > 0) {
        memcpy(note->data, body, size);
    }
    sqlite3_reset(row);
    if (!sound || sum != record_sum(note->event.epoch, note->event.tick, note->data, size)) {
        char what[64];
        snprintf(what, sizeof(what), "the record of tick %lld", (long long)note->event.tick);
        free(note);
        return damaged(log, what, fault);
    }
    *out = note;
    return TL_OK;
}

tl_result tl_sqlite_log_start(tl_sqlite_log *log, int64_t *previous_tick, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_step(&log->file, log->first_record, fault);
    if (result == TL_AGAIN) {
        tl_log_head head;
        result = tl_sqlite_log_head(log, &head, fault);
        *previous_tick = head.tick;
        return result;
    }
    if (result == TL_OK) {
        *previous_tick = sqlite3_column_int64(log->first_record, 0);
    }
    sqlite3_reset(log->first_record);
    return result;
}

// ---- writing -------------------------------------------------------------------------------------------------------

static tl_result run_with(tl_sqlite_log *log, sqlite3_stmt *statement, int64_t a, int64_t b, int64_t c, int64_t d,
                          tl_fault *fault)
{
    const int64_t values[] = {a, b, c, d};
    for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++) {
        sqlite3_bind_int64(statement, i + 1, values[i]);
    }
    return tl_sqlite_file_run(&log->file, statement, fault);
}

static tl_result begin_with_head(tl_sqlite_log *log, tl_log_head *head, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_begin(&log->file, true, fault);
    if (result != TL_OK) {
        return result;
    }
    result = tl_sqlite_log_head(log, head, fault);
    if (result != TL_OK) {
        tl_sqlite_file_rollback(&log->file);
    }
    return result;
}

static tl_result finish(tl_sqlite_log *log, tl_result result, tl_fault *fault)
{
    if (result == TL_OK) {
        return tl_sqlite_file_commit(&log->file, fault);
    }
    tl_sqlite_file_rollback(&log->file);
    return result;
}

static tl_result end_current(tl_sqlite_log *log, const tl_log_head *head, int heir, uint64_t now_us, tl_fault *fault)
{
    tl_result result = run_with(log, log->end_epoch, head->epoch, (int64_t)now_us, head->tick, heir, fault);
    return result == TL_OK ? run_with(log, log->set_heir, heir, 0, 0, 0, fault) : result;
}

tl_result tl_sqlite_log_join(tl_sqlite_log *log, uint64_t now_us, tl_log_head *out, tl_fault *fault)
{
    tl_log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    if (head.epoch > 0 && head.heir <= TL_HEIR_LEFT) {
        result = end_current(log, &head, log->number, now_us, fault);
    }
    if (result == TL_OK) {
        result = run_with(log, log->add_epoch, (int64_t)head.epoch + 1, (int64_t)now_us, head.tick, 0, fault);
    }
    if (result == TL_OK) {
        result = run_with(log, log->set_epoch, (int64_t)head.epoch + 1, 0, 0, 0, fault);
    }
    *out = (tl_log_head){.epoch = head.epoch + 1, .tick = head.tick, .heir = TL_HEIR_NONE};
    return finish(log, result, fault);
}

static tl_result add_record(tl_sqlite_log *log, uint32_t epoch, int64_t previous_tick, const tl_work *work,
                            tl_fault *fault)
{
    sqlite3_stmt *add = log->add_record;
    sqlite3_bind_int64(add, 1, work->tick);
    sqlite3_bind_int64(add, 2, previous_tick);
    sqlite3_bind_int64(add, 3, epoch);
    sqlite3_bind_int64(add, 4, (int64_t)work->begun_us);
    sqlite3_bind_int64(add, 5, (int64_t)record_sum(epoch, work->tick, work->data, work->size));
    sqlite3_bind_blob64(add, 6, work->data, work->size, SQLITE_STATIC);
    tl_result result = tl_sqlite_file_run(&log->file, add, fault);
    sqlite3_bind_null(add, 6);
    return result;
}

tl_result tl_sqlite_log_append(tl_sqlite_log *log, uint32_t epoch, tl_work *const *records, size_t count,
                               tl_fault *fault)
{
    tl_log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    if (head.epoch != epoch || head.heir != TL_HEIR_NONE) {
        return finish(log, TL_ERR_FENCED, fault);
    }
    for (size_t i = 0; i < count && result == TL_OK; i++) {
        if (records[i]->tick > head.tick) {
            result = add_record(log, epoch, head.tick, records[i], fault);
            head.tick = records[i]->tick;
        }
    }
    if (result == TL_OK) {
        result = run_with(log, log->set_tick, head.tick, 0, 0, 0, fault);
    }
    return finish(log, result, fault);
}

tl_result tl_sqlite_log_end(tl_sqlite_log *log, uint32_t epoch, int64_t tick, int heir, uint64_t now_us,
                            tl_fault *fault)
{
    tl_log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    bool open = head.heir == TL_HEIR_NONE || (head.heir == TL_HEIR_LEFT && heir != TL_HEIR_LEFT);
    if (head.epoch != epoch || head.tick != tick || !open) {
        return finish(log, TL_ERR_FENCED, fault);
    }
    return finish(log, end_current(log, &head, heir, now_us, fault), fault);
}

// Moves all records after `tick` into a table of their own, which is made when it is first needed: no reader sees them
// there, and a new epoch may use their ticks again.
static tl_result set_aside(tl_sqlite_log *log, int64_t tick, tl_fault *fault)
{
    char sql[700];
    snprintf(sql, sizeof(sql),
             "CREATE TABLE IF NOT EXISTS aside("
             " epoch INTEGER NOT NULL, tick INTEGER NOT NULL, previous_tick INTEGER NOT NULL, begun_us INTEGER NOT NULL,"
             " sum INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (epoch, tick)) STRICT;"
             "INSERT INTO aside SELECT epoch, tick, previous_tick, begun_us, sum, body FROM record WHERE tick > %lld;"
             "DELETE FROM record WHERE tick > %lld;"
             "UPDATE head SET tick = %lld WHERE one = 1;",
             (long long)tick, (long long)tick, (long long)tick);
    int code = sqlite3_exec(log->file.db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? TL_OK : tl_sqlite_file_fault(&log->file, code, fault);
}

// Whether that epoch can be ended there, and the last tick that it has then. TL_ERR_FENCED: not possible (any more).
static tl_result find_end(tl_sqlite_log *log, const tl_work *work, const tl_log_head *head, int64_t *last_tick,
                          tl_fault *fault)
{
    tl_log_epoch row;
    if (head->epoch != work->epoch || head->heir > TL_HEIR_LEFT) {
        return TL_ERR_FENCED;
    }
    tl_result result = tl_sqlite_log_epoch(log, work->epoch, &row, fault);
    if (result != TL_OK) {
        return result;
    }
    int64_t tick = work->tick > row.began_tick ? work->tick : row.began_tick;
    tl_note *note = NULL;
    result = tl_sqlite_log_next(log, tick, &note, last_tick, fault);
    if (result == TL_AGAIN) {
        *last_tick = head->tick;
        return work->has_bad ? TL_ERR_FENCED : TL_OK;
    }
    if (result != TL_OK) {
        return result;
    }
    bool about = *last_tick <= tick && tl_work_is_about(work, note->data, note->event.size);
    free(note);
    return about ? TL_OK : TL_ERR_FENCED;
}

tl_result tl_sqlite_log_quarantine(tl_sqlite_log *log, const tl_work *work, int heir, uint64_t now_us, tl_fault *fault)
{
    tl_log_head head;
    int64_t last_tick = -1;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    result = find_end(log, work, &head, &last_tick, fault);
    if (result == TL_OK && last_tick < head.tick) {
        result = set_aside(log, last_tick, fault);
        head.tick = last_tick;
    }
    if (result == TL_OK) {
        result = end_current(log, &head, heir, now_us, fault);
    }
    return finish(log, result, fault);
}

tl_result tl_sqlite_log_cut(tl_sqlite_log *log, uint32_t epoch, int64_t tick, bool *done, tl_fault *fault)
{
    tl_log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    if (head.epoch != epoch || head.heir != TL_HEIR_NONE) {
        return finish(log, TL_ERR_FENCED, fault);
    }
    result = run_with(log, log->cut_records, tick < head.tick ? tick : head.tick, TL_LOG_CUT_MAX, 0, 0, fault);
    *done = sqlite3_changes(log->file.db) < TL_LOG_CUT_MAX;
    return finish(log, result, fault);
}

tl_result tl_sqlite_log_skip(tl_sqlite_log *log, int64_t tick, tl_fault *fault)
{
    tl_log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    TL_ASSERT(tick > head.tick);
    return finish(log, run_with(log, log->set_tick, tick, 0, 0, 0, fault), fault);
}
