// The logs of a world that is copied into mvsqlite: how store/sqlite/restore.c writes them. Nobody else writes there
// meanwhile, so there are no claims.
#include "store/mvsqlite/store.h"

static tl_result copy_open(void *backend, tl_server_number number, const char *name, uint64_t world_us, void **out,
                           tl_sqlite_file **file, tl_fault *fault)
{
    tl_mvsqlite_namespaces *namespaces = backend;
    tl_mvsqlite_log *log = NULL;
    namespaces->world_us = world_us;
    tl_result result = tl_mvsqlite_namespaces_log(namespaces, number, name, TL_SQLITE_CREATE, &log, fault);
    if (result == TL_OK) {
        *out = log;
        *file = &log->file;
    }
    return result;
}

static void copy_close(void *log)
{
    // The namespaces closes all that it opened.
}

static tl_result copy_head(void *log, tl_log_head *out, tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_result result = tl_mvsqlite_log_look(log, &head, fault);
    *out = head.base;
    tl_sqlite_file_rollback(&((tl_mvsqlite_log *)log)->file);
    return result;
}

static tl_result copy_skip(void *log, int64_t tick, tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_result result = tl_mvsqlite_log_begin(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    head.base.tick = tick;
    return tl_mvsqlite_log_finish(log, tl_mvsqlite_log_set_head(log, &head, fault), fault);
}

static tl_result copy_join(void *log, uint64_t now_us, tl_log_head *out, tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_result result = tl_mvsqlite_log_begin(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    result = tl_mvsqlite_log_add_epoch(log, &head, now_us, fault);
    *out = head.base;
    return tl_mvsqlite_log_finish(log, result, fault);
}

static tl_result copy_append(void *log, uint32_t epoch, tl_work *const *records, size_t count, tl_fault *fault)
{
    return tl_mvsqlite_log_append(log, epoch, records, count, fault);
}

static tl_result copy_end(void *log, uint32_t epoch, int64_t tick, int heir, uint64_t now_us, tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_result result = tl_mvsqlite_log_begin(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    if (head.base.epoch != epoch || head.base.tick != tick) {
        return tl_mvsqlite_log_finish(log, TL_ERR_FENCED, fault);
    }
    return tl_mvsqlite_log_finish(log, tl_mvsqlite_log_end_epoch(log, &head, heir, now_us, fault), fault);
}

const tl_sqlite_restore_logs tl_mvsqlite_copied_logs = {copy_open, copy_close,  copy_head, copy_skip,
                                                        copy_join, copy_append, copy_end};
