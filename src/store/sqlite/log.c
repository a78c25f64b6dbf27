#include "store/sqlite/log.h"
#include "base/memory.h"

#include <string.h>

// What the head's row holds beside tl_log_head.
typedef struct log_head {
    tl_log_head base;
    int64_t start_tick; // before the first record that is not truncated
    uint64_t seen_sum;
} log_head;

static tl_result fill_log(tl_sqlite_file *file, tl_fault *fault);

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
           "  heir INTEGER NOT NULL," // -1: the epoch goes on, 0: it ended in order, else the server that took over
           "  start_tick INTEGER NOT NULL,"
           "  tick_sum INTEGER NOT NULL,"
           "  seen_sum INTEGER NOT NULL,"
           "  sum INTEGER NOT NULL,"
           "  seen BLOB NOT NULL" // see heads.h
           ") STRICT;" TL_SQLITE_EPOCHS_TABLE "CREATE TABLE record("
           "  tick INTEGER PRIMARY KEY,"
           "  previous_tick INTEGER NOT NULL,"
           "  previous_sum INTEGER NOT NULL,"
           "  epoch INTEGER NOT NULL,"
           "  begun_us INTEGER NOT NULL,"
           "  sum INTEGER NOT NULL,"
           "  body BLOB NOT NULL"
           ") STRICT;",
    .fill = fill_log,
};

// ---- sums ----------------------------------------------------------------------------------------------------------

static uint64_t head_sum(const tl_sqlite_log *log, const log_head *head)
{
    const int64_t columns[] = {
        (int64_t)log->world_us, log->number,      head->base.epoch,        head->base.tick,
        head->base.heir,        head->start_tick, (int64_t)head->base.sum, (int64_t)head->seen_sum};
    return tl_store_row_sum('h', columns, sizeof(columns) / sizeof(columns[0]), NULL, 0);
}

static uint64_t seen_sum(const void *seen, size_t size)
{
    return tl_store_row_sum('s', NULL, 0, seen, size);
}

uint64_t tl_sqlite_log_record_sum(const tl_sqlite_log *log, uint32_t epoch, int64_t tick, int64_t previous_tick,
                                  uint64_t previous_sum, uint64_t begun_us, const void *body, size_t size)
{
    const int64_t columns[] = {(int64_t)log->world_us, log->number,      epoch, tick, previous_tick,
                               (int64_t)previous_sum,  (int64_t)begun_us};
    return tl_store_row_sum('r', columns, sizeof(columns) / sizeof(columns[0]), body, size);
}

// ---- opening -------------------------------------------------------------------------------------------------------

static tl_result damaged(const tl_sqlite_log *log, const char *table, int64_t row, const char *what, tl_fault *fault)
{
    return tl_sqlite_file_damaged(&log->file, table, row, what, fault);
}

static tl_result prepare_all(tl_sqlite_log *log, tl_fault *fault)
{
    const tl_sqlite_sql list[] = {
        {&log->get_head, "SELECT epoch, tick, heir, start_tick, tick_sum, seen_sum, number, world_us, sum FROM head"
                         " WHERE one = 1"},
        {&log->get_seen, "SELECT seen_sum, seen FROM head WHERE one = 1"},
        {&log->set_head, "UPDATE head SET epoch = ?1, tick = ?2, heir = ?3, start_tick = ?4, tick_sum = ?5,"
                         " seen_sum = ?6, sum = ?7, seen = coalesce(?8, seen) WHERE one = 1"},
        {&log->add_record, "INSERT INTO record(tick, previous_tick, epoch, begun_us, sum, body, previous_sum)"
                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
        {&log->next_record, "SELECT tick, previous_tick, epoch, begun_us, sum, body, previous_sum FROM record"
                            " WHERE tick > ?1 ORDER BY tick LIMIT 1"},
        {&log->last_to_truncate,
         "SELECT max(tick) FROM (SELECT tick FROM record WHERE tick < ?1 ORDER BY tick LIMIT ?2)"},
        {&log->truncate_records, "DELETE FROM record WHERE tick <= ?1"},
    };
    tl_result result = tl_sqlite_file_prepare(&log->file, list, sizeof(list) / sizeof(list[0]), fault);
    return result == TL_OK ? tl_sqlite_epochs_prepare(&log->epochs, &log->file, fault) : result;
}

// A new log's head.
static tl_result fill_log(tl_sqlite_file *file, tl_fault *fault)
{
    const tl_sqlite_log *log = file->schema->context;
    log_head head = {.base = {.tick = -1, .heir = TL_HEIR_NONE}, .start_tick = -1};
    static const tl_heads nothing;
    unsigned char seen[TL_HEADS_BYTES_MAX];
    size_t size = tl_heads_write(&nothing, seen);
    char sql[320];
    head.seen_sum = seen_sum(seen, size);
    snprintf(sql, sizeof(sql),
             "INSERT INTO head(one, world_us, number, epoch, tick, heir, start_tick, tick_sum, seen_sum, sum, seen)"
             " VALUES (1, %lld, %d, 0, -1, -1, -1, 0, %lld, %lld, zeroblob(%d))",
             (long long)log->world_us, log->number, (long long)head.seen_sum, (long long)head_sum(log, &head),
             (int)size);
    int code = sqlite3_exec(file->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? TL_OK : tl_sqlite_file_fault(file, code, fault);
}

static tl_result read_head(tl_sqlite_log *log, log_head *out, tl_fault *fault)
{
    sqlite3_stmt *row = log->get_head;
    tl_result result = tl_sqlite_file_step(&log->file, row, fault);
    if (result == TL_AGAIN) {
        return damaged(log, "head", 1, "is missing", fault);
    }
    if (result != TL_OK) {
        return result;
    }
    *out = (log_head){.base = {.epoch = (uint32_t)sqlite3_column_int64(row, 0),
                               .tick = sqlite3_column_int64(row, 1),
                               .heir = sqlite3_column_int(row, 2),
                               .sum = (uint64_t)sqlite3_column_int64(row, 4)},
                      .start_tick = sqlite3_column_int64(row, 3),
                      .seen_sum = (uint64_t)sqlite3_column_int64(row, 5)};
    tl_sqlite_log whose = {.number = (tl_server_number)sqlite3_column_int(row, 6),
                           .world_us = (uint64_t)sqlite3_column_int64(row, 7)};
    uint64_t sum = (uint64_t)sqlite3_column_int64(row, 8);
    sqlite3_reset(row);
    bool sound = sum == head_sum(&whose, out) && out->base.tick >= -1 && out->base.heir >= TL_HEIR_NONE &&
                 out->base.heir <= TL_SERVERS_MAX && out->start_tick <= out->base.tick;
    if (!sound) {
        return damaged(log, "head", 1, "has a wrong sum", fault);
    }
    if (log->number == 0) {
        log->number = log->epochs.number = whose.number;
        log->world_us = log->epochs.world_us = whose.world_us;
    }
    return whose.number == log->number && whose.world_us == log->world_us
               ? TL_OK
               : tl_fault_set(fault, TL_ERR_CORRUPT, log->file.path,
                              "the log of another world or server; put the right file there");
}

tl_result tl_sqlite_log_open(tl_sqlite_log *log, const char *directory, const char *name, tl_server_number number,
                             uint64_t world_us, tl_sqlite_mode mode, bool durable_full, bool whole, tl_fault *fault)
{
    char path[TL_PATH_BYTES_MAX];
    memset(log, 0, sizeof(*log));
    log->number = log->epochs.number = number;
    log->world_us = log->epochs.world_us = world_us;
    log->schema = log_schema;
    log->schema.context = log;
    int length = snprintf(path, sizeof(path), "%s/%s.log.db", directory, name);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return tl_fault_set(fault, TL_ERR_INVALID, directory, "the path is too long; use a shorter one");
    }
    tl_result result = tl_sqlite_file_open(&log->file, path, &log->schema, mode, durable_full, whole, fault);
    if (result != TL_OK) {
        return result;
    }
    log_head head;
    result = prepare_all(log, fault);
    if (result == TL_OK) {
        result = read_head(log, &head, fault);
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
    log_head head = {0};
    tl_result result = read_head(log, &head, fault);
    *out = head.base;
    return result;
}

tl_result tl_sqlite_log_seen(tl_sqlite_log *log, tl_heads *out, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_step(&log->file, log->get_seen, fault);
    if (result == TL_AGAIN) {
        return damaged(log, "head", 1, "is missing", fault);
    }
    if (result != TL_OK) {
        return result;
    }
    uint64_t sum = (uint64_t)sqlite3_column_int64(log->get_seen, 0);
    const void *seen = sqlite3_column_blob(log->get_seen, 1);
    size_t size = (size_t)sqlite3_column_bytes(log->get_seen, 1);
    bool sound = seen && sum == seen_sum(seen, size) && tl_heads_read(out, seen, size);
    sqlite3_reset(log->get_seen);
    return sound ? TL_OK : damaged(log, "head", 1, "has a wrong sum of what it has seen", fault);
}

tl_result tl_sqlite_log_epoch(tl_sqlite_log *log, uint32_t epoch, tl_log_epoch *out, tl_fault *fault)
{
    const char *damage = NULL;
    tl_result result = tl_sqlite_epochs_read(&log->epochs, epoch, out, &damage, fault);
    return damage ? damaged(log, "epoch", epoch, damage, fault) : result;
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
    int64_t found_tick = sqlite3_column_int64(row, 0);
    tl_note *note = size <= TL_RECORD_BYTES_MAX ? tl_note_create(TL_STORE_RECORD, size) : NULL;
    if (!note) {
        sqlite3_reset(row);
        return size <= TL_RECORD_BYTES_MAX ? tl_fault_set(fault, TL_ERR_MEMORY, log->file.path, "out of memory")
                                           : damaged(log, "record", found_tick, "is too long", fault);
    }
    note->event.server = log->number;
    note->event.tick = found_tick;
    *previous_tick = sqlite3_column_int64(row, 1);
    note->event.epoch = (uint32_t)sqlite3_column_int64(row, 2);
    note->event.begun_us = (uint64_t)sqlite3_column_int64(row, 3);
    note->order = tl_log_order(found_tick, false);
    note->sum = (uint64_t)sqlite3_column_int64(row, 4);
    note->previous_sum = (uint64_t)sqlite3_column_int64(row, 6);
    const void *body = sqlite3_column_blob(row, 5);
    bool sound = (body || size == 0) && found_tick > tick && *previous_tick < found_tick;
    if (sound && size > 0) {
        memcpy(note->data, body, size);
    }
    sqlite3_reset(row);
    if (!sound || note->sum != tl_sqlite_log_record_sum(log, note->event.epoch, found_tick, *previous_tick,
                                                        note->previous_sum, note->event.begun_us, note->data, size)) {
        tl_free(note);
        return damaged(log, "record", found_tick, "has a wrong sum", fault);
    }
    *out = note;
    return TL_OK;
}

tl_result tl_sqlite_log_start(tl_sqlite_log *log, int64_t *previous_tick, tl_fault *fault)
{
    log_head head = {.start_tick = -1};
    tl_result result = read_head(log, &head, fault);
    *previous_tick = head.start_tick;
    return result;
}

// ---- writing -------------------------------------------------------------------------------------------------------

// The head's row, with the right sums. `seen` (may be NULL) is what its server has seen of the others.
static tl_result set_head(tl_sqlite_log *log, log_head *head, const tl_heads *seen, tl_fault *fault)
{
    TL_ASSERT(!sqlite3_get_autocommit(log->file.db));
    unsigned char bytes[TL_HEADS_BYTES_MAX];
    sqlite3_bind_null(log->set_head, 8);
    if (seen) {
        size_t size = tl_heads_write(seen, bytes);
        head->seen_sum = seen_sum(bytes, size);
        sqlite3_bind_blob(log->set_head, 8, bytes, (int)size, SQLITE_STATIC);
    }
    const int64_t values[] = {head->base.epoch,
                              head->base.tick,
                              head->base.heir,
                              head->start_tick,
                              (int64_t)head->base.sum,
                              (int64_t)head->seen_sum,
                              (int64_t)head_sum(log, head)};
    for (int i = 0; i < 7; i++) {
        sqlite3_bind_int64(log->set_head, i + 1, values[i]);
    }
    tl_result result = tl_sqlite_file_run(&log->file, log->set_head, fault);
    sqlite3_bind_null(log->set_head, 8);
    return result;
}

static tl_result begin_with_head(tl_sqlite_log *log, log_head *head, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_begin(&log->file, true, fault);
    if (result != TL_OK) {
        return result;
    }
    result = read_head(log, head, fault);
    if (result != TL_OK) {
        tl_sqlite_file_rollback(&log->file);
    }
    return result;
}

static tl_result finish(tl_sqlite_log *log, const log_head *head, tl_result result, tl_fault *fault)
{
    if (result == TL_OK) {
        result = tl_sqlite_file_commit(&log->file, fault);
        log->last = result == TL_OK ? head->base : log->last;
        return result;
    }
    tl_sqlite_file_rollback(&log->file);
    return result;
}

static tl_result end_current(tl_sqlite_log *log, log_head *head, int heir, uint64_t now_us, tl_fault *fault)
{
    TL_ASSERT(heir != TL_HEIR_NONE);
    TL_ASSERT(!sqlite3_get_autocommit(log->file.db));
    tl_log_epoch row;
    tl_result result = tl_sqlite_log_epoch(log, head->base.epoch, &row, fault);
    if (result != TL_OK) {
        return result;
    }
    head->base.heir = row.heir = heir;
    row.ended_us = now_us;
    row.last_tick = head->base.tick;
    return tl_sqlite_epochs_write_end(&log->epochs, head->base.epoch, &row, fault);
}

tl_result tl_sqlite_log_join(tl_sqlite_log *log, uint64_t now_us, tl_log_head *out, tl_fault *fault)
{
    log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    if (head.base.epoch > 0 && head.base.heir <= TL_HEIR_LEFT) {
        result = end_current(log, &head, log->number, now_us, fault);
    }
    if (result == TL_OK) {
        result = tl_sqlite_epochs_begin(&log->epochs, &head.base, now_us, fault);
    }
    if (result == TL_OK) {
        result = set_head(log, &head, NULL, fault);
    }
    *out = head.base;
    return finish(log, &head, result, fault);
}

static tl_result add_record(tl_sqlite_log *log, log_head *head, const tl_work *work, tl_fault *fault)
{
    TL_ASSERT(work->tick > head->base.tick);
    TL_ASSERT(!sqlite3_get_autocommit(log->file.db));
    sqlite3_stmt *add = log->add_record;
    uint64_t sum = tl_sqlite_log_record_sum(log, head->base.epoch, work->tick, head->base.tick, head->base.sum,
                                            work->begun_us, work->data, work->size);
    sqlite3_bind_int64(add, 1, work->tick);
    sqlite3_bind_int64(add, 2, head->base.tick);
    sqlite3_bind_int64(add, 3, head->base.epoch);
    sqlite3_bind_int64(add, 4, (int64_t)work->begun_us);
    sqlite3_bind_int64(add, 5, (int64_t)sum);
    sqlite3_bind_blob64(add, 6, work->data, work->size, SQLITE_STATIC);
    sqlite3_bind_int64(add, 7, (int64_t)head->base.sum);
    tl_result result = tl_sqlite_file_run(&log->file, add, fault);
    sqlite3_bind_null(add, 6);
    head->base.tick = work->tick;
    head->base.sum = sum;
    return result;
}

static bool is_current(const log_head *head, uint32_t epoch)
{
    return head->base.epoch == epoch && head->base.heir == TL_HEIR_NONE;
}

tl_result tl_sqlite_log_append(tl_sqlite_log *log, uint32_t epoch, tl_work *const *records, size_t count,
                               const tl_heads *seen, tl_fault *fault)
{
    TL_ASSERT(epoch > 0 && count > 0);
    log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    if (!is_current(&head, epoch)) {
        return finish(log, &head, TL_ERR_FENCED, fault);
    }
    for (size_t i = 0; i < count && result == TL_OK; i++) {
        if (records[i]->tick > head.base.tick) {
            result = add_record(log, &head, records[i], fault);
        }
    }
    if (result == TL_OK) {
        result = set_head(log, &head, seen, fault);
    }
    return finish(log, &head, result, fault);
}

tl_result tl_sqlite_log_keep_seen(tl_sqlite_log *log, const tl_heads *seen, tl_fault *fault)
{
    TL_ASSERT(seen);
    TL_ASSERT(!sqlite3_get_autocommit(log->file.db));
    log_head head;
    tl_result result = read_head(log, &head, fault);
    return result == TL_OK ? set_head(log, &head, seen, fault) : result;
}

tl_result tl_sqlite_log_end(tl_sqlite_log *log, uint32_t epoch, int64_t tick, int heir, uint64_t now_us,
                            const tl_heads *seen, tl_fault *fault)
{
    TL_ASSERT(heir >= TL_HEIR_LEFT && heir <= TL_SERVERS_MAX);
    log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    bool open = head.base.heir == TL_HEIR_NONE || (head.base.heir == TL_HEIR_LEFT && heir != TL_HEIR_LEFT);
    if (head.base.epoch != epoch || head.base.tick != tick || !open) {
        return finish(log, &head, TL_ERR_FENCED, fault);
    }
    result = end_current(log, &head, heir, now_us, fault);
    if (result == TL_OK) {
        result = set_head(log, &head, seen, fault);
    }
    return finish(log, &head, result, fault);
}

// Moves all records after `tick` into a table of their own, which is made when it is first needed: no reader sees them
// there, and a new epoch may use their ticks again.
static tl_result set_aside(tl_sqlite_log *log, int64_t tick, tl_fault *fault)
{
    TL_ASSERT(!sqlite3_get_autocommit(log->file.db));
    char sql[700];
    snprintf(
        sql, sizeof(sql),
        "CREATE TABLE IF NOT EXISTS aside("
        " epoch INTEGER NOT NULL, tick INTEGER NOT NULL, previous_tick INTEGER NOT NULL, begun_us INTEGER NOT NULL,"
        " sum INTEGER NOT NULL, body BLOB NOT NULL, previous_sum INTEGER NOT NULL, PRIMARY KEY (epoch, tick)) STRICT;"
        "INSERT INTO aside SELECT epoch, tick, previous_tick, begun_us, sum, body, previous_sum FROM record"
        " WHERE tick > %lld;"
        "DELETE FROM record WHERE tick > %lld;",
        (long long)tick, (long long)tick);
    int code = sqlite3_exec(log->file.db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? TL_OK : tl_sqlite_file_fault(&log->file, code, fault);
}

// Whether that epoch can be ended there; moves the head to the last record that it has then. TL_ERR_FENCED: not
// possible (any more).
static tl_result find_end(tl_sqlite_log *log, const tl_work *work, log_head *head, tl_fault *fault)
{
    tl_log_epoch row;
    int64_t last_tick = -1;
    if (head->base.epoch != work->epoch || head->base.heir > TL_HEIR_LEFT) {
        return TL_ERR_FENCED;
    }
    tl_result result = tl_sqlite_log_epoch(log, work->epoch, &row, fault);
    if (result != TL_OK) {
        return result;
    }
    int64_t tick = work->tick > row.began_tick ? work->tick : row.began_tick;
    tl_note *note = NULL;
    result = tl_sqlite_log_next(log, tick, &note, &last_tick, fault);
    if (result == TL_AGAIN) {
        return work->has_bad ? TL_ERR_FENCED : TL_OK;
    }
    if (result != TL_OK) {
        return result;
    }
    bool about = last_tick <= tick && tl_work_is_about(work, note->data, note->event.size);
    head->base.tick = about ? last_tick : head->base.tick;
    head->base.sum = about ? note->previous_sum : head->base.sum;
    tl_free(note);
    return about ? TL_OK : TL_ERR_FENCED;
}

tl_result tl_sqlite_log_quarantine(tl_sqlite_log *log, const tl_work *work, int heir, uint64_t now_us, tl_fault *fault)
{
    TL_ASSERT(work->quarantine && heir > TL_HEIR_LEFT && heir != log->number);
    log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    int64_t tick = head.base.tick;
    result = find_end(log, work, &head, fault);
    if (result == TL_OK && head.base.tick < tick) {
        result = set_aside(log, head.base.tick, fault);
    }
    if (result == TL_OK) {
        result = end_current(log, &head, heir, now_us, fault);
    }
    if (result == TL_OK) {
        result = set_head(log, &head, NULL, fault);
    }
    return finish(log, &head, result, fault);
}

// The last tick of those that are dropped next. TL_AGAIN: there are none.
static tl_result find_last_to_truncate(tl_sqlite_log *log, int64_t before_tick, int64_t *out, tl_fault *fault)
{
    sqlite3_bind_int64(log->last_to_truncate, 1, before_tick);
    sqlite3_bind_int64(log->last_to_truncate, 2, TL_LOG_TRUNCATE_MAX);
    tl_result result = tl_sqlite_file_step(&log->file, log->last_to_truncate, fault);
    if (result == TL_OK && sqlite3_column_type(log->last_to_truncate, 0) == SQLITE_NULL) {
        result = TL_AGAIN;
    }
    *out = result == TL_OK ? sqlite3_column_int64(log->last_to_truncate, 0) : -1;
    sqlite3_reset(log->last_to_truncate);
    return result;
}

tl_result tl_sqlite_log_truncate(tl_sqlite_log *log, uint32_t epoch, int64_t tick, const tl_heads *seen, bool *done,
                                 tl_fault *fault)
{
    TL_ASSERT(epoch > 0);
    log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    if (!is_current(&head, epoch)) {
        return finish(log, &head, TL_ERR_FENCED, fault);
    }
    int64_t last_tick = -1;
    result = find_last_to_truncate(log, tick < head.base.tick ? tick : head.base.tick, &last_tick, fault);
    if (result == TL_AGAIN) {
        *done = true;
        return finish(log, &head, TL_OK, fault);
    }
    if (result == TL_OK) {
        result = tl_sqlite_file_run_with(&log->file, log->truncate_records, &last_tick, fault);
        *done = sqlite3_changes(log->file.db) < TL_LOG_TRUNCATE_MAX;
        head.start_tick = last_tick;
    }
    if (result == TL_OK) {
        result = set_head(log, &head, seen, fault);
    }
    return finish(log, &head, result, fault);
}

tl_result tl_sqlite_log_skip(tl_sqlite_log *log, int64_t tick, tl_fault *fault)
{
    log_head head;
    tl_result result = begin_with_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    TL_ASSERT(tick > head.base.tick);
    head.start_tick = head.start_tick == head.base.tick ? tick : head.start_tick; // there is no record yet
    head.base.tick = tick;
    return finish(log, &head, set_head(log, &head, NULL, fault), fault);
}
