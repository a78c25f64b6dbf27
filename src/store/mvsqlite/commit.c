// The committing thread: it answers what the caller asks before it joins, takes the lease, commits, fences and does the
// chores, in that order of haste.
#include "store/mvsqlite/store.h"

#include <string.h>

enum {
    CHECKPOINT_BATCH_MAX = 32,            // in one transaction
    CHECKPOINT_BATCH_BYTES_MAX = 1 << 17, // the same
    LEASE_US = 100000,                    // between looks at the own head, when nothing is committed
    LEAVE_TRIES_MAX = 10,
    MAINTENANCE_US = 500000, // so long they wait for records at most
};

static tl_mvsqlite_log *own_log(tl_mvsqlite_store *store)
{
    return store->writer.logs[store->attachment.number];
}

// ---- what the caller asks ------------------------------------------------------------------------------------------

static tl_result open_world(tl_mvsqlite_store *store, tl_fault *fault)
{
    char path[TL_NAMESPACE_BYTES_MAX];
    tl_mvsqlite_place_world(&store->place, path);
    tl_result result = tl_sqlite_world_open_namespace(&store->writer.world, path, store->mode, fault);
    if (result == TL_OK) {
        result = tl_sqlite_restore_check_whole(&store->writer.world, fault);
        if (result != TL_OK) {
            tl_sqlite_world_close(&store->writer.world);
        }
    }
    return result;
}

static tl_result create_world(tl_mvsqlite_store *store, const tl_world_info *info, tl_fault *fault)
{
    if (store->restore || tl_sqlite_restore_check_whole(&store->writer.world, fault) != TL_OK) {
        return TL_ERR_EXISTS; // of a copy
    }
    return tl_sqlite_world_create(&store->writer.world, info, fault);
}

static tl_result restore(tl_mvsqlite_store *store, const tl_world_info *info, const tl_store_event *event,
                         tl_fault *fault)
{
    if (!store->restore) {
        store->restore = tl_sqlite_restore_create(&store->writer.world, store->place.uri, &tl_mvsqlite_copied_logs,
                                                  &store->writer);
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
    tl_result result = tl_mvsqlite_writer_next_aside(&store->writer, mode, &after, &note, fault);
    pthread_mutex_lock(&store->attachment.mutex);
    free(store->aside); // of a call that did not wait for it
    store->aside = note;
    pthread_mutex_unlock(&store->attachment.mutex);
    return result;
}

static tl_result answer(tl_mvsqlite_store *store, tl_mvsqlite_request request, const tl_note *restored,
                        tl_world_info *info, tl_fault *fault)
{
    switch (request) {
    case TL_REQUEST_OPEN: return open_world(store, fault);
    case TL_REQUEST_WORLD: return tl_sqlite_world_info(&store->writer.world, info, fault);
    case TL_REQUEST_ASIDE: return read_aside(store, fault);
    case TL_REQUEST_RESTORE: return restore(store, info, &restored->event, fault);
    default: return create_world(store, info, fault);
    }
}

static void answer_request(tl_mvsqlite_store *store)
{
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
    free(restored);
    pthread_mutex_lock(&attachment->mutex);
    store->answer = result;
    store->fault = fault;
    store->info = info;
    store->request = TL_REQUEST_NONE;
    pthread_cond_broadcast(&attachment->idle_cond);
    pthread_mutex_unlock(&attachment->mutex);
}

// ---- join ----------------------------------------------------------------------------------------------------------

static tl_result take_lease(tl_mvsqlite_store *store, tl_log_head *head, tl_fault *fault)
{
    tl_attachment *attachment = &store->attachment;
    tl_mvsqlite_writer *writer = &store->writer;
    tl_mvsqlite_log *own = NULL;
    tl_result result = TL_OK;
    writer->world_us = attachment->info.created_us;
    if (!store->registered) {
        result = tl_sqlite_world_register(&writer->world, attachment->name, &attachment->number, fault);
        store->registered = result == TL_OK;
    }
    if (result == TL_OK) {
        result = tl_mvsqlite_writer_log(writer, attachment->number, attachment->name, TL_SQLITE_CREATE, &own, fault);
    }
    return result == TL_OK ? tl_mvsqlite_writer_join(writer, own, tl_clock_real_us(), head, fault) : result;
}

static void join_store(tl_mvsqlite_store *store)
{
    tl_fault fault;
    tl_log_head head = {0};
    tl_result result = take_lease(store, &head, &fault);
    if (tl_attachment_result(&store->attachment, TL_ACTIVITY_JOIN, result, &fault)) {
        tl_attachment_report_joined(&store->attachment, store->attachment.number, &head);
        pthread_mutex_lock(&store->attachment.mutex);
        tl_mvsqlite_wake_locked(store); // the other thread may begin
        pthread_mutex_unlock(&store->attachment.mutex);
    }
}

// ---- the lease is lost ---------------------------------------------------------------------------------------------

// Looks whether the own epoch still goes on, and tells if it does not.
static bool check_lease(tl_mvsqlite_store *store, tl_activity activity)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_mvsqlite_head head;
    tl_log_epoch row;
    tl_result result = tl_mvsqlite_log_look(own_log(store), &head, &fault);
    store->lease_us = tl_clock_steady_us() + LEASE_US;
    if (result == TL_OK && head.base.epoch == attachment->epoch && head.base.heir == TL_HEIR_NONE) {
        return tl_attachment_result(attachment, activity, result, &fault);
    }
    if (result == TL_OK) {
        result = tl_mvsqlite_log_epoch(own_log(store), attachment->epoch, &row, &fault);
    }
    if (!tl_attachment_result(attachment, activity, result, &fault) || row.heir == TL_HEIR_NONE) {
        return result == TL_OK;
    }
    pthread_mutex_lock(&attachment->mutex);
    store->lost_epoch = row;
    pthread_mutex_unlock(&attachment->mutex);
    tl_attachment_report_lost(attachment, &row);
    pthread_mutex_lock(&attachment->mutex);
    tl_mvsqlite_wake_locked(store);
    pthread_mutex_unlock(&attachment->mutex);
    return false;
}

// ---- work ----------------------------------------------------------------------------------------------------------

// Each step returns whether there is more to do at once.
static bool step_commits(tl_mvsqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_work *batch[TL_MVSQLITE_BATCH_MAX];
    size_t count = tl_attachment_take_records(attachment, TL_MVSQLITE_BATCH_MAX, TL_MVSQLITE_BATCH_BYTES_MAX, batch);
    if (count == 0) {
        return false;
    }
    tl_result result = tl_mvsqlite_log_append(own_log(store), attachment->epoch, batch, count, &fault);
    if (result == TL_ERR_FENCED) {
        return check_lease(store, TL_ACTIVITY_COMMIT);
    }
    if (!tl_attachment_result(attachment, TL_ACTIVITY_COMMIT, result, &fault)) {
        return false;
    }
    store->lease_us = tl_clock_steady_us() + LEASE_US;
    tl_attachment_report_committed(attachment, count);
    return true;
}

static bool step_fences(tl_mvsqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_work *work = NULL;
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_FENCE) ||
        !tl_attachment_take(attachment, &attachment->fences, TL_WORK_FENCE, 1, 0, &work)) {
        return false;
    }
    tl_result result = tl_mvsqlite_writer_fence(&store->writer, own_log(store), attachment->epoch, work,
                                                tl_clock_real_us(), &fault);
    if (result == TL_AGAIN) {
        return check_lease(store, TL_ACTIVITY_FENCE);
    }
    if (!tl_attachment_result(attachment, TL_ACTIVITY_FENCE, result, &fault)) {
        return false;
    }
    tl_attachment_drop(attachment, &attachment->fences, 1);
    store->hurry = true;
    pthread_mutex_lock(&attachment->mutex);
    tl_mvsqlite_wake_locked(store);
    pthread_mutex_unlock(&attachment->mutex);
    return true;
}

static bool step_maintenance(tl_mvsqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_work *batch[CHECKPOINT_BATCH_MAX];
    bool done = true, moved = false;
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_MAINTENANCE)) {
        return false;
    }
    tl_result moving = tl_mvsqlite_writer_move_aside(&store->writer, &moved, &fault);
    if (moved) {
        (void)tl_attachment_result(attachment, TL_ACTIVITY_MAINTENANCE, moving, &fault);
        return moving == TL_OK;
    }
    tl_result result = TL_OK;
    size_t count = tl_attachment_take_checkpoints(attachment, CHECKPOINT_BATCH_MAX, CHECKPOINT_BATCH_BYTES_MAX, batch);
    if (count > 0) {
        result = tl_mvsqlite_log_put(own_log(store), attachment->epoch, batch, count, &fault);
    } else {
        count = tl_attachment_take(attachment, &attachment->maintenance, TL_WORK_TRUNCATE, 1, 0, batch);
        if (count == 0) {
            return false;
        }
        result = tl_mvsqlite_log_truncate(own_log(store), attachment->epoch, batch[0]->tick, &done, &fault);
    }
    if (result == TL_ERR_FENCED) {
        return check_lease(store, TL_ACTIVITY_MAINTENANCE);
    }
    if (tl_attachment_result(attachment, TL_ACTIVITY_MAINTENANCE, result, &fault) && done) {
        tl_attachment_drop(attachment, &attachment->maintenance, count);
    }
    return result == TL_OK;
}

// ---- the loop ------------------------------------------------------------------------------------------------------

static bool step(tl_mvsqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    if (!attachment->joined) {
        if (tl_attachment_may_try(attachment, TL_ACTIVITY_JOIN)) {
            join_store(store);
        }
        return attachment->joined;
    }
    bool more = !attachment->lost && step_commits(store);
    tl_attachment_enter(&store->attachment, TL_MVSQLITE_COMMITS); // the last call came back
    more |= !attachment->lost && step_fences(store);
    tl_attachment_enter(&store->attachment, TL_MVSQLITE_COMMITS);
    // Records come first; but where a commit takes as long as a tick, one always waits.
    if (!attachment->lost && (!more || tl_clock_steady_us() - store->maintained_us > MAINTENANCE_US)) {
        store->maintained_us = tl_clock_steady_us();
        more |= step_maintenance(store);
    }
    tl_attachment_enter(&store->attachment, TL_MVSQLITE_COMMITS);
    if (!attachment->lost && tl_clock_steady_us() >= store->lease_us) {
        (void)check_lease(store, TL_ACTIVITY_MAINTENANCE);
    }
    return more;
}

// Ends the own epoch in order, so that the others need not wait for the lease to run out.
static void leave_world(tl_mvsqlite_store *store)
{
    tl_result result = TL_ERR_BUSY;
    for (int i = 0; i < LEAVE_TRIES_MAX && result == TL_ERR_BUSY; i++) {
        tl_fault fault;
        result = tl_mvsqlite_writer_leave(&store->writer, own_log(store), store->attachment.epoch, tl_clock_real_us(),
                                          &fault);
    }
}

// When there is something to do that nothing wakes the thread for.
static uint64_t next_turn_us(const tl_mvsqlite_store *store)
{
    const tl_attachment *attachment = &store->attachment;
    uint64_t turn_us = attachment->joined && !attachment->lost ? store->lease_us : UINT64_MAX;
    for (int i = 0; i < TL_ACTIVITY_COUNT; i++) {
        const tl_retry_state *retry = &attachment->retry_states[i];
        turn_us = retry->failing && i != TL_ACTIVITY_FOLLOW && i != TL_ACTIVITY_ANSWER && retry->retry_us < turn_us
                      ? retry->retry_us
                      : turn_us;
    }
    return attachment->failed ? UINT64_MAX : turn_us;
}

void *tl_mvsqlite_commits(void *argument)
{
    tl_mvsqlite_store *store = argument;
    tl_attachment *attachment = &store->attachment;
    bool more = true;
    for (;;) {
        pthread_mutex_lock(&attachment->mutex);
        if (!more && !attachment->stopping) {
            tl_mvsqlite_wait_locked(store, &store->commit_wakeups, next_turn_us(store));
        }
        bool stopping = attachment->stopping, failed = attachment->failed;
        bool leaves = attachment->leaving && attachment->joined && !attachment->lost && !failed;
        bool serves = attachment->started && attachment->name[0];
        pthread_mutex_unlock(&attachment->mutex);
        tl_attachment_enter(&store->attachment, TL_MVSQLITE_COMMITS);
        if (stopping) {
            if (leaves) {
                leave_world(store);
            }
            tl_sqlite_restore_destroy(store->restore);
            tl_mvsqlite_writer_close(&store->writer);
            tl_attachment_leave(&store->attachment, TL_MVSQLITE_COMMITS);
            tl_mvsqlite_release(store, TL_MVSQLITE_COMMITS);
            return NULL;
        }
        answer_request(store);
        more = serves && !failed && step(store);
        tl_attachment_leave(&store->attachment, TL_MVSQLITE_COMMITS);
    }
}
