#include "store/sqlite/restore.h"
#include "base/memory.h"

#include "store/engine/restore.h"
#include "store/sqlite/wal.h"

#include <string.h>

enum {
    BATCH_MAX = 256,           // bodies in one transaction
    BATCH_BYTES_MAX = 1 << 20, // the same; there is a batch for each log
    LOCK_WAIT_MS = 10000,
};

// Bodies that were taken and are not written yet.
typedef struct batch {
    tl_work *works[BATCH_MAX];
    size_t count, bytes;
} batch;

typedef struct restored_log {
    void *log;
    tl_sqlite_file *file;
    batch records; // of the current epoch
} restored_log;

struct tl_sqlite_restore {
    tl_sqlite_world *world;
    const char *place;
    const tl_sqlite_restore_logs *ops;
    void *backend;
    bool claimed; // something of ours is in the store: nobody else can begin
    tl_restore rule;
    batch checkpoints;
    restored_log *logs[TL_SERVERS_MAX + 1]; // by number
};

// ---- batches -------------------------------------------------------------------------------------------------------

static void empty_batch(batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        tl_free(b->works[i]);
    }
    b->count = b->bytes = 0;
}

// *full: it is to be written now.
static tl_result put_in_batch(batch *b, tl_work_type type, const tl_store_event *event, const char *place, bool *full,
                              tl_fault *fault)
{
    TL_ASSERT(b->count < BATCH_MAX);
    tl_work *work = tl_work_create(type, event->data, event->size);
    if (!work) {
        return tl_fault_set(fault, TL_ERR_MEMORY, place, "out of memory");
    }
    work->tick = event->tick;
    work->group = event->group;
    work->begun_us = event->begun_us;
    b->works[b->count++] = work;
    b->bytes += event->size;
    *full = b->count == BATCH_MAX || b->bytes >= BATCH_BYTES_MAX;
    return TL_OK;
}

static tl_result refuse_guest(const restored_log *log, tl_fault *fault)
{
    return tl_fault_set(fault, TL_ERR_EXISTS, log->file->path,
                        "somebody else has written into it; remove the store and copy again, with nobody on it");
}

static tl_result write_records(tl_sqlite_restore *restore, tl_server_number server, tl_fault *fault)
{
    restored_log *log = restore->logs[server];
    batch *b = &log->records;
    if (b->count == 0) {
        return TL_OK;
    }
    tl_result result = restore->ops->append(log->log, restore->rule.logs[server].epoch, b->works, b->count, fault);
    if (result == TL_ERR_FENCED) {
        return refuse_guest(log, fault);
    }
    empty_batch(b);
    tl_sqlite_wal_move(log->file);
    return result;
}

static tl_result write_checkpoints(tl_sqlite_restore *restore, tl_fault *fault)
{
    batch *b = &restore->checkpoints;
    if (b->count == 0) {
        return TL_OK;
    }
    tl_result result = tl_sqlite_world_put(restore->world, b->works, b->count, NULL, fault);
    empty_batch(b);
    tl_sqlite_wal_move(&restore->world->file);
    return result;
}

// ---- what is there already -----------------------------------------------------------------------------------------

// TL_AGAIN: nothing is. TL_OK: some part of a world.
static tl_result find_part(tl_sqlite_world *world, tl_fault *fault)
{
    tl_server_number number = 0;
    char name[TL_NAME_BYTES_MAX + 1];
    tl_result result = tl_sqlite_world_next_server(world, &number, name, fault);
    if (result != TL_AGAIN) {
        return result;
    }
    tl_note *note = NULL;
    result = tl_sqlite_world_next_checkpoint(world, (tl_group_id)INT64_MIN, &note, fault);
    tl_free(note);
    return result;
}

tl_result tl_sqlite_restore_check_whole(tl_sqlite_world *world, tl_fault *fault)
{
    tl_world_info info;
    tl_result result = tl_sqlite_world_info(world, &info, fault);
    if (result != TL_ERR_NOT_FOUND) {
        return result;
    }
    result = find_part(world, fault);
    return result == TL_OK ? tl_fault_set(fault, TL_ERR_NOT_FOUND, world->file.path,
                                          "holds no world: a copy into it goes on, or was broken off; then remove the "
                                          "store and copy again")
                           : TL_OK;
}

static tl_result check_empty(tl_sqlite_world *world, tl_fault *fault)
{
    tl_world_info info;
    tl_result result = tl_sqlite_world_info(world, &info, fault);
    if (result == TL_OK) {
        return tl_fault_set(fault, TL_ERR_EXISTS, world->file.path,
                            "there is a world already; copy into another store");
    }
    result = result == TL_ERR_NOT_FOUND ? find_part(world, fault) : result;
    if (result == TL_OK) {
        return tl_fault_set(fault, TL_ERR_EXISTS, world->file.path,
                            "another copy into it goes on, or was broken off; then remove the store and copy again");
    }
    return result == TL_AGAIN ? TL_OK : result;
}

// ---- one event -----------------------------------------------------------------------------------------------------

// In one transaction with the check that nothing is there: of two copies into one store only one begins.
static tl_result register_server(tl_sqlite_restore *restore, const tl_store_event *event, tl_fault *fault)
{
    tl_sqlite_world *world = restore->world;
    tl_result result = tl_sqlite_file_begin(&world->file, true, fault);
    if (result != TL_OK) {
        return result;
    }
    result = restore->claimed ? TL_OK : check_empty(world, fault);
    if (result == TL_OK) {
        result = tl_sqlite_world_add_server(world, event->server, event->name, fault);
    }
    if (result != TL_OK) {
        tl_sqlite_file_rollback(&world->file);
        return result;
    }
    result = tl_sqlite_file_commit(&world->file, fault);
    restore->claimed |= result == TL_OK;
    return result;
}

static tl_result open_log(tl_sqlite_restore *restore, const tl_world_info *info, const tl_store_event *event,
                          tl_fault *fault)
{
    restored_log *log = tl_alloc(sizeof(*log));
    if (!log) {
        return tl_fault_set(fault, TL_ERR_MEMORY, restore->place, "out of memory");
    }
    tl_result result = restore->ops->open(restore->backend, event->server, event->name, info->created_us, &log->log,
                                          &log->file, fault);
    if (result != TL_OK) {
        tl_free(log);
        return result;
    }
    restore->logs[event->server] = log;
    sqlite3_busy_timeout(log->file->db, LOCK_WAIT_MS);
    tl_log_head head;
    result = restore->ops->head(log->log, &head, fault);
    if (result == TL_OK && head.epoch != 0) {
        return tl_fault_set(fault, TL_ERR_EXISTS, log->file->path,
                            "a log is there already; remove the store and copy again");
    }
    return result;
}

// The head as the source's was when the epoch began or ended. Where it is behind, the records up to there were
// truncated.
static tl_result move_head(const tl_sqlite_restore *restore, restored_log *log, int64_t tick, tl_fault *fault)
{
    tl_log_head head;
    tl_result result = restore->ops->head(log->log, &head, fault);
    return result == TL_OK && head.tick < tick ? restore->ops->skip(log->log, tick, fault) : result;
}

static tl_result begin_epoch(tl_sqlite_restore *restore, const tl_world_info *info, const tl_store_event *event,
                             tl_fault *fault)
{
    tl_result result = TL_OK;
    if (event->epoch == 1) {
        result = register_server(restore, event, fault);
        result = result == TL_OK ? open_log(restore, info, event, fault) : result;
    }
    if (result != TL_OK) {
        return result;
    }
    restored_log *log = restore->logs[event->server];
    tl_log_head head;
    result = move_head(restore, log, event->tick, fault);
    if (result == TL_OK) {
        result = restore->ops->join(log->log, event->begun_us, &head, fault);
    }
    if (result == TL_OK && (head.epoch != event->epoch || head.tick != event->tick)) {
        return refuse_guest(log, fault);
    }
    return result;
}

static tl_result end_epoch(tl_sqlite_restore *restore, const tl_store_event *event, tl_fault *fault)
{
    restored_log *log = restore->logs[event->server];
    tl_result result = write_records(restore, event->server, fault);
    if (result == TL_OK) {
        result = move_head(restore, log, event->tick, fault);
    }
    if (result == TL_OK) {
        result = restore->ops->end(log->log, event->epoch, event->tick, event->heir, event->begun_us, fault);
    }
    return result == TL_ERR_FENCED ? refuse_guest(log, fault) : result;
}

// Everything into the file itself, and onto the disk.
static tl_result settle(tl_sqlite_file *file, tl_fault *fault)
{
    int code = sqlite3_wal_checkpoint_v2(file->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return code == SQLITE_OK ? TL_OK : tl_sqlite_file_fault(file, code, fault);
}

static tl_result finish(tl_sqlite_restore *restore, const tl_world_info *info, tl_fault *fault)
{
    tl_sqlite_world *world = restore->world;
    tl_heads heads = {0};
    tl_result result = write_checkpoints(restore, fault);
    for (tl_server_number number = 1; number <= TL_SERVERS_MAX && result == TL_OK; number++) {
        if (restore->logs[number]) {
            result = write_records(restore, number, fault);
            result = result == TL_OK ? settle(restore->logs[number]->file, fault) : result;
            result = result == TL_OK ? restore->ops->head(restore->logs[number]->log, &heads.logs[number], fault)
                                     : result;
        }
    }
    if (result == TL_OK) {
        result = tl_sqlite_world_put(world, NULL, 0, &heads, fault);
    }
    if (result == TL_OK) {
        result = settle(&world->file, fault);
    }
    if (result == TL_OK) {
        result = tl_sqlite_world_create(world, info, fault);
    }
    return result == TL_OK ? settle(&world->file, fault) : result;
}

static tl_result write_event(tl_sqlite_restore *restore, const tl_world_info *info, const tl_store_event *event,
                             tl_fault *fault)
{
    bool full = false;
    tl_result result = TL_OK;
    if (!restore->claimed && event->type != TL_STORE_SERVER) {
        result = check_empty(restore->world, fault);
        restore->claimed = result == TL_OK;
    }
    if (result != TL_OK) {
        return result;
    }
    switch (event->type) {
    case TL_STORE_SERVER: return begin_epoch(restore, info, event, fault);
    case TL_STORE_FENCED: return end_epoch(restore, event, fault);
    case TL_STORE_LOADED: return finish(restore, info, fault);
    case TL_STORE_RECORD:
        result = put_in_batch(&restore->logs[event->server]->records, TL_WORK_RECORD, event, restore->place, &full,
                              fault);
        return full ? write_records(restore, event->server, fault) : result;
    case TL_STORE_CHECKPOINT:
        result = put_in_batch(&restore->checkpoints, TL_WORK_CHECKPOINT, event, restore->place, &full, fault);
        return full ? write_checkpoints(restore, fault) : result;
    default: break;
    }
    TL_ASSERT(!"tl_restore_take lets no other event pass");
    return TL_ERR_INVALID;
}

tl_result tl_sqlite_restore_event(tl_sqlite_restore *restore, const tl_world_info *info, const tl_store_event *event,
                                  tl_fault *fault)
{
    tl_result result = tl_restore_take(&restore->rule, info, event, fault);
    if (result == TL_OK) {
        result = write_event(restore, info, event, fault);
        restore->rule.over |= result != TL_OK;
    }
    return result;
}

// ---- life ----------------------------------------------------------------------------------------------------------

tl_sqlite_restore *tl_sqlite_restore_create(tl_sqlite_world *world, const char *place,
                                            const tl_sqlite_restore_logs *logs, void *backend)
{
    tl_sqlite_restore *restore = tl_alloc(sizeof(*restore));
    if (restore) {
        restore->world = world;
        restore->place = place;
        restore->ops = logs;
        restore->backend = backend;
        sqlite3_busy_timeout(world->file.db, LOCK_WAIT_MS);
    }
    return restore;
}

void tl_sqlite_restore_destroy(tl_sqlite_restore *restore)
{
    if (!restore) {
        return;
    }
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        restored_log *log = restore->logs[number];
        if (log) {
            empty_batch(&log->records);
            restore->ops->close(log->log);
            tl_free(log);
        }
    }
    empty_batch(&restore->checkpoints);
    tl_free(restore);
}
