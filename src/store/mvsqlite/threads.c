// The two threads: one answers what the caller asks before it joins, and writes; the other one follows.
#include "base/memory.h"
#include "store/mvsqlite/store.h"

#include <string.h>

enum {
    CHECKPOINT_BYTES_MAX = 1 << 17, // in one transaction
    LEASE_LOOK_US = 100000,
    LEAVE_TRIES_MAX = 10, // a lost race costs 50 ms each time
    MAINTENANCE_WAIT_US = 500000,
    DISCOVER_US = 100000, // between looks for new servers
};

static tl_mvsqlite_log *own_log(tl_mvsqlite_store *store)
{
    return store->namespaces.logs[store->attachment.number];
}

// ---- what the caller asks ------------------------------------------------------------------------------------------

static tl_result open_world(tl_mvsqlite_store *store, tl_fault *fault)
{
    char path[TL_NAMESPACE_BYTES_MAX];
    tl_mvsqlite_place_world(&store->place, path);
    tl_result result = tl_sqlite_world_open_namespace(&store->namespaces.world, path, store->mode, fault);
    if (result == TL_OK) {
        result = tl_sqlite_restore_check_whole(&store->namespaces.world, fault);
        if (result != TL_OK) {
            tl_sqlite_world_close(&store->namespaces.world);
        }
    }
    return result;
}

static tl_result create_world(tl_mvsqlite_store *store, const tl_world_info *info, tl_fault *fault)
{
    if (store->restore || tl_sqlite_restore_check_whole(&store->namespaces.world, fault) != TL_OK) {
        return TL_ERR_EXISTS; // of a copy
    }
    return tl_sqlite_world_create(&store->namespaces.world, info, fault);
}

static tl_result restore(tl_mvsqlite_store *store, const tl_world_info *info, const tl_store_event *event,
                         tl_fault *fault)
{
    if (!store->restore) {
        store->restore = tl_sqlite_restore_create(&store->namespaces.world, store->place.uri, &tl_mvsqlite_copied_logs,
                                                  &store->namespaces);
    }
    return store->restore ? tl_sqlite_restore_event(store->restore, info, event, fault)
                          : tl_fault_set(fault, TL_ERR_MEMORY, store->place.uri, "out of memory");
}

static tl_result read_aside(tl_mvsqlite_store *store, tl_fault *fault)
{
    tl_note *note = NULL;
    tl_sqlite_mode mode = store->mode == TL_SQLITE_READ_ONLY ? TL_SQLITE_READ_ONLY : TL_SQLITE_WRITE;
    pthread_mutex_lock(&store->attachment.mutex);
    tl_store_event after = store->aside_after;
    pthread_mutex_unlock(&store->attachment.mutex);
    tl_result result = tl_mvsqlite_namespaces_next_aside(&store->namespaces, mode, &after, &note, fault);
    pthread_mutex_lock(&store->attachment.mutex);
    tl_free(store->aside); // of a call that did not wait for it
    store->aside = note;
    pthread_mutex_unlock(&store->attachment.mutex);
    return result;
}

static tl_result answer(tl_mvsqlite_store *store, tl_mvsqlite_request request, const tl_note *restored,
                        tl_world_info *info, tl_fault *fault)
{
    switch (request) {
    case TL_REQUEST_OPEN: return open_world(store, fault);
    case TL_REQUEST_WORLD: return tl_sqlite_world_info(&store->namespaces.world, info, fault);
    case TL_REQUEST_ASIDE: return read_aside(store, fault);
    case TL_REQUEST_RESTORE: return restore(store, info, &restored->event, fault);
    default: return create_world(store, info, fault);
    }
}

static void answer_request(void *backend)
{
    tl_mvsqlite_store *store = backend;
    tl_attachment *attachment = &store->attachment;
    pthread_mutex_lock(&attachment->mutex);
    tl_mvsqlite_request request = store->request;
    tl_world_info info = store->info;
    tl_note *restored = store->restored;
    store->restored = NULL;
    pthread_mutex_unlock(&attachment->mutex);
    if (request == TL_REQUEST_NONE) {
        return;
    }
    tl_fault fault = {0};
    tl_result result = answer(store, request, restored, &info, &fault);
    tl_free(restored);
    pthread_mutex_lock(&attachment->mutex);
    store->answer = result;
    store->fault = fault;
    store->info = info;
    store->request = TL_REQUEST_NONE;
    pthread_cond_broadcast(&attachment->idle_cond);
    pthread_mutex_unlock(&attachment->mutex);
}

// ---- writing -------------------------------------------------------------------------------------------------------

static tl_result take_lease(void *backend, tl_server_number *number, tl_log_head *out, tl_fault *fault)
{
    tl_mvsqlite_store *store = backend;
    const tl_attachment *attachment = &store->attachment;
    tl_mvsqlite_namespaces *namespaces = &store->namespaces;
    tl_mvsqlite_log *own = NULL;
    tl_result result = TL_OK;
    namespaces->world_us = attachment->info.created_us;
    if (store->own == 0) {
        result = tl_sqlite_world_register(&namespaces->world, attachment->name, &store->own, fault);
        store->own = result == TL_OK ? store->own : 0;
    }
    *number = store->own;
    if (result == TL_OK) {
        result = tl_mvsqlite_namespaces_log(namespaces, store->own, attachment->name, TL_SQLITE_CREATE, &own, fault);
    }
    return result == TL_OK ? tl_mvsqlite_namespaces_join(namespaces, own, tl_clock_real_us(), out, fault) : result;
}

// The head says in one request that the epoch goes on, as it mostly does.
static tl_result read_own_epoch(void *backend, tl_activity activity, tl_log_epoch *out, tl_fault *fault)
{
    (void)activity; // poll() reports what does not answer
    tl_mvsqlite_store *store = backend;
    uint32_t epoch = store->attachment.epoch;
    tl_mvsqlite_head head;
    tl_result result = tl_mvsqlite_log_look(own_log(store), &head, fault);
    if (result != TL_OK || (head.base.epoch == epoch && head.base.heir == TL_HEIR_NONE)) {
        return result;
    }
    return tl_mvsqlite_log_epoch(own_log(store), epoch, out, fault);
}

static tl_result append(void *backend, tl_work *const *records, size_t count, tl_fault *fault)
{
    tl_mvsqlite_store *store = backend;
    return tl_mvsqlite_log_append(own_log(store), store->attachment.epoch, records, count, fault);
}

static tl_result fence(void *backend, const tl_work *work, tl_fault *fault)
{
    tl_mvsqlite_store *store = backend;
    return tl_mvsqlite_namespaces_fence(&store->namespaces, own_log(store), store->attachment.epoch, work,
                                        tl_clock_real_us(), fault);
}

static tl_result put(void *backend, tl_work *const *checkpoints, size_t count, tl_fault *fault)
{
    tl_mvsqlite_store *store = backend;
    return tl_mvsqlite_log_put(own_log(store), store->attachment.epoch, checkpoints, count, fault);
}

static tl_result truncate_own(void *backend, int64_t tick, bool *done, tl_fault *fault)
{
    tl_mvsqlite_store *store = backend;
    return tl_mvsqlite_log_truncate(own_log(store), store->attachment.epoch, tick, done, fault);
}

static tl_result move_aside(void *backend, bool *any, tl_fault *fault)
{
    tl_mvsqlite_store *store = backend;
    return tl_mvsqlite_namespaces_move_aside(&store->namespaces, any, fault);
}

static tl_result leave(void *backend, tl_fault *fault)
{
    tl_mvsqlite_store *store = backend;
    return tl_mvsqlite_namespaces_leave(&store->namespaces, own_log(store), store->attachment.epoch, tl_clock_real_us(),
                                        fault);
}

const tl_writer_ops tl_mvsqlite_writer_ops = {
    .join = take_lease,
    .append = append,
    .fence = fence,
    .checkpoint = put,
    .truncate = truncate_own,
    .leave = leave,
    .epoch = read_own_epoch,
    .maintain = move_aside,
    .answer = answer_request,
    .records_max = TL_MVSQLITE_BATCH_MAX,
    .record_bytes_max = TL_MVSQLITE_BATCH_BYTES_MAX,
    .checkpoint_bytes_max = CHECKPOINT_BYTES_MAX,
    .maintenance_wait_us = MAINTENANCE_WAIT_US,
    .lease_look_us = LEASE_LOOK_US, // nothing reports that somebody has ended the own epoch
    .leave_tries_max = LEAVE_TRIES_MAX,
};

void *tl_mvsqlite_writes(void *argument)
{
    tl_mvsqlite_store *store = argument;
    tl_writer_run(&store->writer);
    tl_sqlite_restore_destroy(store->restore);
    tl_mvsqlite_namespaces_close(&store->namespaces);
    tl_mvsqlite_release(store, TL_THREAD_WRITES);
    return NULL;
}

// ---- following -----------------------------------------------------------------------------------------------------

static tl_result start(void *backend, tl_server_number own, const tl_log_head *head, tl_fault *fault)
{
    tl_mvsqlite_store *store = backend;
    return tl_mvsqlite_logs_start(&store->logs, own, head, fault);
}

static tl_result position(void *backend, bool *news, tl_fault *fault)
{
    tl_mvsqlite_store *store = backend;
    uint64_t now_us = tl_clock_steady_us();
    if (now_us >= store->discover_us) {
        store->discover_us = now_us + DISCOVER_US;
        tl_result result = tl_mvsqlite_logs_discover(&store->logs, fault);
        if (result != TL_OK) {
            return result;
        }
        tl_attachment_enter(&store->attachment, TL_THREAD_FOLLOWS); // it came back
    }
    return tl_mvsqlite_logs_position(&store->logs, news, fault);
}

static uint64_t position_due_us(const void *backend)
{
    const tl_mvsqlite_store *store = backend;
    uint64_t due_us = tl_mvsqlite_logs_due_us(&store->logs);
    return due_us < store->discover_us ? due_us : store->discover_us;
}

static void look_again(void *backend)
{
    tl_mvsqlite_store *store = backend;
    tl_mvsqlite_logs_look_again(&store->logs);
}

const tl_follower_ops tl_mvsqlite_follower_ops = {
    .start = start,
    .position = position,
    .due_us = position_due_us,
    .look_again = look_again,
    .start_activity = TL_ACTIVITY_FOLLOW, // nothing is locked here for long: BUSY is no stall
};

void *tl_mvsqlite_follows(void *argument)
{
    tl_mvsqlite_store *store = argument;
    tl_follower_run(&store->follower);
    tl_follower_free(&store->follower);
    tl_mvsqlite_logs_close(&store->logs);
    tl_mvsqlite_release(store, TL_THREAD_FOLLOWS);
    return NULL;
}
