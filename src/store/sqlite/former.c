// Format 1 had the same tables with fewer columns: rows of world, server, head and epoch without a sum, records without
// that of the one before them, and no manifest. What it does not have cannot be checked.
#include "store/sqlite/former.h"
#include "base/memory.h"

#include "store/engine/follow.h"
#include "store/sqlite/unlisted.h"

#include <string.h>

static const tl_sqlite_schema world_schema = {
    .application_id = 0x54524d57, // "TRMW"
    .format = TL_STORE_FORMAT_FORMER,
    .sql = "CREATE TABLE world("
           "  one INTEGER PRIMARY KEY CHECK (one = 1),"
           "  format INTEGER NOT NULL,"
           "  tick_hz INTEGER NOT NULL,"
           "  created_us INTEGER NOT NULL,"
           "  kinds_hash INTEGER NOT NULL,"
           "  seed INTEGER NOT NULL,"
           "  scenario TEXT NOT NULL"
           ") STRICT;"
           "CREATE TABLE server("
           "  number INTEGER PRIMARY KEY,"
           "  name TEXT NOT NULL UNIQUE"
           ") STRICT;"
           "CREATE TABLE checkpoint("
           "  grp INTEGER PRIMARY KEY,"
           "  tick INTEGER NOT NULL,"
           "  sum INTEGER NOT NULL,"
           "  body BLOB NOT NULL"
           ") STRICT;",
};

static const tl_sqlite_schema log_schema = {
    .application_id = 0x54524d4c, // "TRML"
    .format = TL_STORE_FORMAT_FORMER,
    .sql = "CREATE TABLE head("
           "  one INTEGER PRIMARY KEY CHECK (one = 1),"
           "  world_us INTEGER NOT NULL,"
           "  number INTEGER NOT NULL,"
           "  epoch INTEGER NOT NULL,"
           "  tick INTEGER NOT NULL,"
           "  heir INTEGER NOT NULL"
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

typedef struct former_log {
    tl_sqlite_file file;
    sqlite3_stmt *get_head, *get_epoch, *next_record, *first_record;
} former_log;

typedef struct former_store {
    tl_store base; // first
    char directory[TL_PATH_BYTES_MAX];
    tl_sqlite_file world;
    sqlite3_stmt *next_server, *first_checkpoint, *next_checkpoint;
    tl_world_info info;
    former_log *logs[TL_SERVERS_MAX + 1]; // by number; NULL: it has none
    tl_follow follow;
    bool joined, over;
    tl_note *polled;
} former_store;

static former_store *self_of(tl_store *base)
{
    return (former_store *)base;
}

static tl_result damaged(const tl_sqlite_file *file, const char *table, int64_t row, tl_fault *fault)
{
    return tl_sqlite_file_damaged(file, table, row, "is missing or has a wrong sum", fault);
}

// ---- rows ----------------------------------------------------------------------------------------------------------

// The row that a statement is at, with its body in the given column, as a note under the sum of `a` and the tick.
static tl_result take_body(const tl_sqlite_file *file, sqlite3_stmt *row, const char *table, tl_store_event event,
                           uint64_t a, int sum_column, tl_note **out, tl_fault *fault)
{
    const void *body = sqlite3_column_blob(row, sum_column + 1);
    size_t size = body ? (size_t)sqlite3_column_bytes(row, sum_column + 1) : 0;
    uint64_t sum = (uint64_t)sqlite3_column_int64(row, sum_column);
    if (size > TL_RECORD_BYTES_MAX || sum != tl_store_sum(a, (uint64_t)event.tick, body ? body : "", size)) {
        return damaged(file, table, event.type == TL_STORE_RECORD ? event.tick : (int64_t)event.group, fault);
    }
    tl_note *note = *out = tl_note_create(event.type, size);
    if (!note) {
        return tl_fault_set(fault, TL_ERR_MEMORY, file->path, "out of memory");
    }
    event.data = note->data;
    event.size = size;
    note->event = event;
    note->order = tl_log_order(event.tick, false);
    if (size > 0) {
        memcpy(note->data, body, size);
    }
    return TL_OK;
}

static tl_result read_head(former_log *log, tl_server_number number, uint64_t world_us, tl_log_head *out,
                           tl_fault *fault)
{
    sqlite3_stmt *row = log->get_head;
    tl_result result = tl_sqlite_file_step(&log->file, row, fault);
    if (result != TL_OK) {
        return result == TL_AGAIN ? damaged(&log->file, "head", 1, fault) : result;
    }
    *out = (tl_log_head){.epoch = (uint32_t)sqlite3_column_int64(row, 0),
                         .tick = sqlite3_column_int64(row, 1),
                         .heir = sqlite3_column_int(row, 2)};
    bool ours = sqlite3_column_int(row, 3) == number && (uint64_t)sqlite3_column_int64(row, 4) == world_us;
    bool sound = out->tick >= -1 && out->heir >= TL_HEIR_NONE && out->heir <= TL_SERVERS_MAX;
    sqlite3_reset(row);
    return ours && sound ? TL_OK
                         : tl_fault_set(fault, TL_ERR_CORRUPT, log->file.path,
                                        "damaged, or the log of another world or server; put the right file there");
}

static tl_result read_epoch(void *backend, tl_server_number server, uint32_t epoch, tl_log_epoch *out, tl_fault *fault)
{
    former_log *log = ((former_store *)backend)->logs[server];
    sqlite3_stmt *row = log->get_epoch;
    sqlite3_bind_int64(row, 1, epoch);
    tl_result result = tl_sqlite_file_step(&log->file, row, fault);
    if (result != TL_OK) {
        return result == TL_AGAIN ? damaged(&log->file, "epoch", epoch, fault) : result;
    }
    *out = (tl_log_epoch){.began_us = (uint64_t)sqlite3_column_int64(row, 0),
                          .began_tick = sqlite3_column_int64(row, 1),
                          .ended_us = (uint64_t)sqlite3_column_int64(row, 2),
                          .last_tick = sqlite3_column_int64(row, 3),
                          .heir = sqlite3_column_int(row, 4)};
    out->began_order = tl_log_order(out->began_tick, true);
    out->ended_order = tl_log_order(out->last_tick, true);
    sqlite3_reset(row);
    bool sound = out->began_tick >= -1 && out->last_tick >= -1 && out->heir >= TL_HEIR_NONE &&
                 out->heir <= TL_SERVERS_MAX;
    return sound ? TL_OK : damaged(&log->file, "epoch", epoch, fault);
}

static tl_result read_record(void *backend, tl_server_number server, int64_t tick, tl_note **out,
                             int64_t *previous_tick, tl_fault *fault)
{
    former_log *log = ((former_store *)backend)->logs[server];
    sqlite3_stmt *row = log->next_record;
    sqlite3_bind_int64(row, 1, tick);
    tl_result result = tl_sqlite_file_step(&log->file, row, fault);
    if (result != TL_OK) {
        return result;
    }
    tl_store_event event = {.type = TL_STORE_RECORD,
                            .server = server,
                            .tick = sqlite3_column_int64(row, 0),
                            .epoch = (uint32_t)sqlite3_column_int64(row, 2),
                            .begun_us = (uint64_t)sqlite3_column_int64(row, 3)};
    *previous_tick = sqlite3_column_int64(row, 1);
    result = *previous_tick < event.tick ? take_body(&log->file, row, "record", event, event.epoch, 4, out, fault)
                                         : damaged(&log->file, "record", event.tick, fault);
    sqlite3_reset(row);
    return result;
}

static tl_result read_start(void *backend, tl_server_number server, int64_t *previous_tick, tl_fault *fault)
{
    former_store *store = backend;
    former_log *log = store->logs[server];
    tl_log_head head;
    tl_result result = tl_sqlite_file_step(&log->file, log->first_record, fault);
    if (result == TL_AGAIN) {
        result = read_head(log, server, store->info.created_us, &head, fault);
        *previous_tick = head.tick;
    } else if (result == TL_OK) {
        *previous_tick = sqlite3_column_int64(log->first_record, 0);
    }
    sqlite3_reset(log->first_record);
    return result;
}

static tl_result read_checkpoint(void *backend, bool first, tl_group_id group, tl_note **out, tl_fault *fault)
{
    former_store *store = backend;
    sqlite3_stmt *row = first ? store->first_checkpoint : store->next_checkpoint;
    if (!first) {
        sqlite3_bind_int64(row, 1, (int64_t)group);
    }
    tl_result result = tl_sqlite_file_step(&store->world, row, fault);
    if (result != TL_OK) {
        return result;
    }
    tl_store_event event = {.type = TL_STORE_CHECKPOINT,
                            .group = (tl_group_id)sqlite3_column_int64(row, 0),
                            .tick = sqlite3_column_int64(row, 1)};
    result = take_body(&store->world, row, "checkpoint", event, event.group, 2, out, fault);
    sqlite3_reset(row);
    return result;
}

static const tl_follow_source source = {
    .epoch = read_epoch,
    .next_record = read_record,
    .start = read_start,
    .next_checkpoint = read_checkpoint,
};

// ---- loading -------------------------------------------------------------------------------------------------------

static tl_result open_file(former_store *store, former_log *log, const char *name, tl_fault *fault)
{
    char path[TL_PATH_BYTES_MAX + TL_NAME_BYTES_MAX + 16];
    snprintf(path, sizeof(path), "%s/%s.log.db", store->directory, name);
    tl_result result = tl_sqlite_file_open(&log->file, path, &log_schema, TL_SQLITE_READ_ONLY, false, true, fault);
    if (result != TL_OK) {
        return result;
    }
    const tl_sqlite_sql list[] = {
        {&log->get_head, "SELECT epoch, tick, heir, number, world_us FROM head WHERE one = 1"},
        {&log->get_epoch, "SELECT began_us, began_tick, ended_us, last_tick, heir FROM epoch WHERE epoch = ?1"},
        {&log->next_record,
         "SELECT tick, previous_tick, epoch, begun_us, sum, body FROM record WHERE tick > ?1 ORDER BY tick LIMIT 1"},
        {&log->first_record, "SELECT previous_tick FROM record ORDER BY tick LIMIT 1"},
    };
    return tl_sqlite_file_prepare(&log->file, list, sizeof(list) / sizeof(list[0]), fault);
}

static tl_result open_log(former_store *store, tl_server_number number, const char *name, tl_fault *fault)
{
    former_log *log = store->logs[number] = tl_alloc(sizeof(*log));
    if (!log) {
        return tl_fault_set(fault, TL_ERR_MEMORY, store->directory, "out of memory");
    }
    tl_result result = open_file(store, log, name, fault);
    if (result == TL_OK) {
        tl_follow_add(&store->follow, number, name, log->file.path);
    }
    return result;
}

// Refuses a log of this world whose server world.db has lost.
static tl_result look(void *context, const char *name, tl_fault *fault)
{
    former_store *store = context;
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        if (store->follow.peers[number].known && strcmp(store->follow.peers[number].name, name) == 0) {
            return TL_OK;
        }
    }
    former_log log = {0};
    tl_sqlite_unlisted unlisted = {0};
    tl_result result = open_file(store, &log, name, fault);
    result = result == TL_OK ? tl_sqlite_file_step(&log.file, log.get_head, fault) : result;
    bool ours = result == TL_OK && (uint64_t)sqlite3_column_int64(log.get_head, 4) == store->info.created_us;
    unlisted.number = ours ? (tl_server_number)sqlite3_column_int(log.get_head, 3) : 0;
    snprintf(unlisted.name, sizeof(unlisted.name), "%s", name);
    tl_sqlite_file_close(&log.file);
    if (ours) {
        return tl_sqlite_unlisted_fault(store->directory, &unlisted, fault);
    }
    return tl_sqlite_is_foreign(result) ? TL_OK : result;
}

static tl_result open_logs(former_store *store, tl_fault *fault)
{
    tl_result result = TL_OK;
    int number = 0;
    while (result == TL_OK) {
        sqlite3_bind_int(store->next_server, 1, number);
        result = tl_sqlite_file_step(&store->world, store->next_server, fault);
        if (result != TL_OK) {
            break;
        }
        number = sqlite3_column_int(store->next_server, 0);
        char name[TL_NAME_BYTES_MAX + 2];
        snprintf(name, sizeof(name), "%s", (const char *)sqlite3_column_text(store->next_server, 1));
        sqlite3_reset(store->next_server);
        bool sound = number >= 1 && number <= TL_SERVERS_MAX && tl_name_valid(name);
        result = sound ? open_log(store, (tl_server_number)number, name, fault)
                       : damaged(&store->world, "server", number, fault);
        result = result == TL_AGAIN ? TL_OK : result; // it was never made
    }
    return result == TL_AGAIN ? TL_OK : result;
}

static tl_result load(former_store *store, tl_fault *fault)
{
    tl_follow_init(&store->follow, &source, store);
    tl_result result = open_logs(store, fault);
    result = result == TL_OK ? tl_sqlite_each_log(store->directory, look, store, fault) : result;
    result = result == TL_OK ? tl_follow_begin(&store->follow, 0, NULL, fault) : result;
    for (int number = 1; number <= TL_SERVERS_MAX && result == TL_OK; number++) {
        tl_log_head head;
        if (store->follow.peers[number].known) {
            result = read_head(store->logs[number], (tl_server_number)number, store->info.created_us, &head, fault);
        }
        if (store->follow.peers[number].known && result == TL_OK) {
            tl_follow_set_target(&store->follow, (tl_server_number)number, &head);
        }
    }
    return result;
}

static tl_result former_poll(tl_store *base, tl_store_event *out)
{
    former_store *store = self_of(base);
    tl_fault fault = {0};
    bool begun = store->polled != NULL;
    if (!store->joined || store->over) {
        return TL_AGAIN;
    }
    tl_free(store->polled);
    store->polled = NULL;
    tl_result result = begun ? TL_OK : load(store, &fault);
    result = result == TL_OK ? tl_follow_next(&store->follow, &store->polled, &fault) : result;
    store->over = result != TL_OK || store->polled->event.type == TL_STORE_LOADED;
    if (result == TL_OK) {
        *out = store->polled->event;
        return TL_OK;
    }
    *out = (tl_store_event){.type = TL_STORE_FAILED, .result = result};
    snprintf(out->text, sizeof(out->text), "%s", fault.text);
    return TL_OK;
}

// ---- the rest ------------------------------------------------------------------------------------------------------

static tl_result former_world(tl_store *base, tl_world_info *out)
{
    *out = self_of(base)->info;
    return TL_OK;
}

static tl_result former_create_world(tl_store *base, const tl_world_info *info)
{
    return TL_ERR_READ_ONLY;
}

static tl_result former_join(tl_store *base, const char *name)
{
    former_store *store = self_of(base);
    if (name) {
        return TL_ERR_READ_ONLY;
    }
    tl_result result = store->joined ? TL_ERR_STATE : TL_OK;
    store->joined = true;
    return result;
}

static tl_result former_submit(tl_store *base, int64_t tick, const void *data, size_t size, uint64_t now_us)
{
    return TL_ERR_READ_ONLY;
}

static tl_result former_checkpoint(tl_store *base, tl_group_id group, int64_t tick, const void *data, size_t size)
{
    return TL_ERR_READ_ONLY;
}

static tl_result former_truncate(tl_store *base, int64_t tick)
{
    return TL_ERR_READ_ONLY;
}

static tl_result former_fence(tl_store *base, tl_server_number server, uint32_t epoch, int64_t tick)
{
    return TL_ERR_READ_ONLY;
}

static tl_result former_quarantine(tl_store *base, tl_server_number server, uint32_t epoch, int64_t tick,
                                   const void *bad, size_t bad_bytes)
{
    return TL_ERR_READ_ONLY;
}

static int former_wait_fd(tl_store *base)
{
    return -1;
}

static tl_result former_drain(tl_store *base, int timeout_ms)
{
    return TL_OK;
}

static void former_close(tl_store *base, bool leave)
{
    former_store *store = self_of(base);
    tl_follow_free(&store->follow);
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        if (store->logs[number]) {
            tl_sqlite_file_close(&store->logs[number]->file);
        }
        tl_free(store->logs[number]);
    }
    tl_sqlite_file_close(&store->world);
    tl_free(store->polled);
    tl_free(store);
}

static const tl_store_ops former_ops = {
    .get_world = former_world,
    .create_world = former_create_world,
    .join = former_join,
    .submit = former_submit,
    .checkpoint = former_checkpoint,
    .truncate = former_truncate,
    .fence = former_fence,
    .quarantine = former_quarantine,
    .poll = former_poll,
    .wait_fd = former_wait_fd,
    .drain = former_drain,
    .close = former_close,
};

static tl_result read_info(former_store *store, tl_fault *fault)
{
    sqlite3_stmt *row = NULL;
    tl_world_info *info = &store->info;
    const tl_sqlite_sql list[] = {
        {&row, "SELECT format, tick_hz, created_us, kinds_hash, seed, scenario FROM world WHERE one = 1"},
        {&store->next_server, "SELECT number, name FROM server WHERE number > ?1 ORDER BY number LIMIT 1"},
        {&store->first_checkpoint, "SELECT grp, tick, sum, body FROM checkpoint ORDER BY grp LIMIT 1"},
        {&store->next_checkpoint, "SELECT grp, tick, sum, body FROM checkpoint WHERE grp > ?1 ORDER BY grp LIMIT 1"},
    };
    tl_result result = tl_sqlite_file_prepare(&store->world, list, sizeof(list) / sizeof(list[0]), fault);
    result = result == TL_OK ? tl_sqlite_file_step(&store->world, row, fault) : result;
    if (result != TL_OK) {
        return result == TL_AGAIN ? tl_fault_set(fault, TL_ERR_NOT_FOUND, store->directory, "holds no world") : result;
    }
    *info = (tl_world_info){.format = TL_STORE_FORMAT,
                            .tick_hz = (uint32_t)sqlite3_column_int64(row, 1),
                            .created_us = (uint64_t)sqlite3_column_int64(row, 2),
                            .kinds_hash = (uint64_t)sqlite3_column_int64(row, 3),
                            .seed = (uint64_t)sqlite3_column_int64(row, 4)};
    bool sound = sqlite3_column_int64(row, 0) == TL_STORE_FORMAT_FORMER &&
                 sqlite3_column_bytes(row, 5) < (int)sizeof(info->scenario);
    snprintf(info->scenario, sizeof(info->scenario), "%s", (const char *)sqlite3_column_text(row, 5));
    sound = sound && tl_world_info_check(info) == TL_OK;
    info->format = TL_STORE_FORMAT_FORMER;
    sqlite3_reset(row);
    return sound ? TL_OK : damaged(&store->world, "world", 1, fault);
}

tl_result tl_sqlite_former_open(const char *directory, tl_store **out, tl_fault *fault)
{
    char path[TL_PATH_BYTES_MAX + 16];
    former_store *store = tl_alloc(sizeof(*store));
    if (!store) {
        return tl_fault_set(fault, TL_ERR_MEMORY, directory, "out of memory");
    }
    store->base.ops = &former_ops;
    snprintf(store->directory, sizeof(store->directory), "%s", directory);
    snprintf(path, sizeof(path), "%s/world.db", directory);
    tl_result result = tl_sqlite_file_open(&store->world, path, &world_schema, TL_SQLITE_READ_ONLY, false, true, fault);
    result = result == TL_OK ? read_info(store, fault) : result;
    if (result != TL_OK) {
        former_close(&store->base, false);
        return result;
    }
    *out = &store->base;
    return TL_OK;
}
