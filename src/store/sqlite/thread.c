// The store's own thread: it writes and follows, in turn. Nothing here waits for long: where a lock was not had, or the
// disk is full, it is tried again later while the rest goes on.
#include "store/sqlite/store.h"

#include <time.h>

enum {
    CHECKPOINT_BYTES_MAX = 1 << 18, // in one transaction
    LEAVE_TRIES_MAX = 100,          // each waits for a lock for TL_SQLITE_BUSY_MS
    LOOK_US = 20000,                // at what nothing wakes the thread for
};

static tl_sqlite_log *own_log(tl_sqlite_store *store)
{
    return &tl_sqlite_logs_peer(&store->logs, store->attachment.number)->log;
}

// ---- join ----------------------------------------------------------------------------------------------------------

// The files are compared before anything is written, which would hide what is missing.
static tl_result check_files(tl_sqlite_store *store, tl_fault *fault)
{
    tl_result result = store->checked ? TL_OK : tl_sqlite_logs_check(&store->logs, fault);
    store->checked = result == TL_OK;
    return result;
}

static tl_result take_lease(void *backend, tl_server_number *number, tl_log_head *out, tl_fault *fault)
{
    tl_sqlite_store *store = backend;
    tl_attachment *attachment = &store->attachment;
    tl_result result = check_files(store, fault);
    if (result == TL_OK) {
        result = tl_sqlite_world_register(&store->world, attachment->name, number, fault);
    }
    if (result == TL_OK) {
        store->unsettled = !tl_sqlite_wal_settle(&store->world.file);
        result = tl_sqlite_logs_open(&store->logs, *number, attachment->name, TL_SQLITE_CREATE, fault);
    }
    if (result == TL_OK) {
        result = tl_sqlite_log_join(&tl_sqlite_logs_peer(&store->logs, *number)->log, tl_clock_real_us(), out, fault);
    }
    return result;
}

static tl_result read_own_epoch(void *backend, tl_activity activity, tl_log_epoch *out, tl_fault *fault)
{
    (void)activity; // no call here waits for long
    tl_sqlite_store *store = backend;
    return tl_sqlite_log_epoch(own_log(store), store->attachment.epoch, out, fault);
}

// ---- records -------------------------------------------------------------------------------------------------------

static tl_result append(void *backend, tl_work *const *records, size_t count, tl_fault *fault)
{
    TL_ASSERT(count > 0 && count <= TL_LOG_BATCH_MAX);
    tl_sqlite_store *store = backend;
    tl_result result = tl_sqlite_wal_check(&own_log(store)->file, store->wal_bytes_max, fault);
    return result == TL_OK ? tl_sqlite_log_append(own_log(store), store->attachment.epoch, records, count,
                                                  tl_sqlite_logs_known(&store->logs), fault)
                           : result;
}

// Locks the own log: nobody can end the own epoch meanwhile. TL_ERR_FENCED: it has ended.
static tl_result lock_own_epoch(tl_sqlite_store *store, tl_fault *fault)
{
    tl_sqlite_log *own = own_log(store);
    tl_log_head head;
    tl_result result = tl_sqlite_file_begin(&own->file, true, fault);
    if (result != TL_OK) {
        return result;
    }
    result = tl_sqlite_log_head(own, &head, fault);
    if (result == TL_OK && (head.epoch != store->attachment.epoch || head.heir != TL_HEIR_NONE)) {
        result = TL_ERR_FENCED;
    }
    if (result != TL_OK) {
        tl_sqlite_file_rollback(&own->file);
    }
    return result;
}

// ---- fences --------------------------------------------------------------------------------------------------------

// Ends the other's epoch while the own log is locked, so the heir is alive.
static tl_result fence_peer(void *backend, const tl_work *work, tl_fault *fault)
{
    tl_sqlite_store *store = backend;
    tl_sqlite_log *own = own_log(store);
    tl_sqlite_peer *peer = tl_sqlite_logs_peer(&store->logs, work->server);
    if (!peer) {
        return TL_OK; // nothing is known of it
    }
    tl_result result = lock_own_epoch(store, fault);
    if (result != TL_OK) {
        return result;
    }
    tl_server_number heir = store->attachment.number;
    uint64_t now_us = tl_clock_real_us();
    result = work->quarantine ? tl_sqlite_log_quarantine(&peer->log, work, heir, now_us, fault)
                              : tl_sqlite_log_end(&peer->log, work->epoch, work->tick, heir, now_us, NULL, fault);
    peer->dirty = true;
    if (result == TL_OK) { // the own log shows it from now on, in case the other one should lose it
        tl_fault ignored;
        store->logs.known.logs[work->server] = peer->log.last;
        if (tl_sqlite_log_keep_seen(own, tl_sqlite_logs_known(&store->logs), &ignored) == TL_OK) {
            (void)tl_sqlite_file_commit(&own->file, &ignored);
        }
    }
    tl_sqlite_file_rollback(&own->file);
    return result == TL_ERR_FENCED ? TL_OK : result; // it goes on after all, or somebody else was faster
}

// ---- following -----------------------------------------------------------------------------------------------------

static tl_result start(void *backend, tl_server_number own, const tl_log_head *head, tl_fault *fault)
{
    tl_sqlite_store *store = backend;
    tl_result result = check_files(store, fault);
    result = result == TL_OK ? tl_sqlite_logs_start(&store->logs, own, head, fault) : result;
    if (result == TL_OK) {
        tl_attachment_suspect_lease(&store->attachment); // it may be lost already
    }
    return result;
}

static tl_result position(void *backend, bool *news, tl_fault *fault)
{
    tl_sqlite_store *store = backend;
    uint64_t now_us = tl_clock_steady_us();
    bool own_changed = false;
    if (now_us >= store->discover_us) {
        store->discover_us = now_us + TL_DISCOVER_POLL_US;
        tl_result result = tl_sqlite_logs_discover(&store->logs, fault);
        if (result != TL_OK) {
            return result;
        }
    }
    store->position_us = now_us + TL_FOLLOW_POLL_US;
    tl_result result = tl_sqlite_logs_position(&store->logs, &own_changed, fault);
    if (own_changed) {
        tl_attachment_suspect_lease(&store->attachment);
    }
    *news |= result == TL_OK;
    return result;
}

static uint64_t position_due_us(const void *backend)
{
    const tl_sqlite_store *store = backend;
    return store->position_us;
}

static void look_again(void *backend)
{
    tl_sqlite_store *store = backend;
    tl_sqlite_peer *own = tl_sqlite_logs_peer(&store->logs, store->attachment.number);
    if (own) {
        own->dirty |= store->logs.follow.own == 0; // its lease is lost
    }
    store->position_us = 0;
}

// ---- maintenance ---------------------------------------------------------------------------------------------------

// Stores checkpoints, and in the same transaction how far all logs have come.
static tl_result put(tl_sqlite_store *store, tl_work *const *checkpoints, size_t count, tl_fault *fault)
{
    const tl_heads *known = tl_sqlite_logs_known(&store->logs);
    tl_result result = tl_sqlite_wal_check(&store->world.file, store->wal_bytes_max, fault);
    if (result == TL_OK) {
        result = tl_sqlite_world_put(&store->world, checkpoints, count, known, fault);
    }
    if (result == TL_OK) {
        store->noted = known->logs[store->attachment.number];
        store->note_us = tl_clock_steady_us() + TL_NOTE_US;
    }
    return result;
}

// The own log is locked meanwhile, as for a fence: once the epoch has ended, perhaps before what a checkpoint holds,
// none is stored any more.
static tl_result put_while_own(void *backend, tl_work *const *checkpoints, size_t count, tl_fault *fault)
{
    TL_ASSERT(count > 0);
    tl_sqlite_store *store = backend;
    tl_result result = lock_own_epoch(store, fault);
    if (result != TL_OK) {
        return result;
    }
    result = put(store, checkpoints, count, fault);
    tl_sqlite_file_rollback(&own_log(store)->file);
    return result;
}

static tl_result truncate_own(void *backend, int64_t tick, bool *done, tl_fault *fault)
{
    tl_sqlite_store *store = backend;
    return tl_sqlite_log_truncate(own_log(store), store->attachment.epoch, tick, tl_sqlite_logs_known(&store->logs),
                                  done, fault);
}

// Notes it if no checkpoint has done so for a while: else nobody would miss the end of the log of a server that is
// alone.
static void step_note(tl_sqlite_store *store)
{
    tl_fault fault;
    const tl_log_head *own = &own_log(store)->last;
    bool news = own->tick != store->noted.tick || own->epoch != store->noted.epoch;
    if (!news || tl_clock_steady_us() < store->note_us ||
        !tl_attachment_may_try(&store->attachment, TL_ACTIVITY_MAINTENANCE)) {
        return;
    }
    tl_result result = put(store, NULL, 0, &fault);
    (void)tl_attachment_result(&store->attachment, TL_ACTIVITY_MAINTENANCE, result, &fault);
}

static void check_place(tl_sqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    uint64_t now_us = tl_clock_steady_us();
    if (now_us < store->moved_us) {
        return;
    }
    store->moved_us = now_us + TL_MOVED_POLL_US;
    tl_sqlite_peer *own = attachment->joined ? tl_sqlite_logs_peer(&store->logs, attachment->number) : NULL;
    const char *gone = NULL;
    if (tl_sqlite_file_is_moved(&store->world.file)) {
        gone = store->world.file.path;
    } else if (own && tl_sqlite_file_is_moved(&own->log.file)) {
        gone = own->log.file.path;
    }
    if (gone) {
        tl_fault fault;
        tl_fault_set(&fault, TL_ERR_NOT_FOUND, gone,
                     "removed or replaced while in use; stop all servers and put the store's files back");
        tl_attachment_fail(attachment, &fault);
    }
}

static void move_wal(tl_sqlite_store *store, tl_sqlite_file *file)
{
    tl_fault fault;
    tl_sqlite_wal_move(file);
    if (tl_sqlite_wal_has_grown(file, &fault)) {
        tl_attachment_notice(&store->attachment, &fault);
    }
}

// The WALs are moved into the files between commits, not within them.
static void move_wals(tl_sqlite_store *store)
{
    if (store->unsettled && tl_clock_steady_us() >= store->settle_us) {
        store->settle_us = tl_clock_steady_us() + TL_SETTLE_US;
        store->unsettled = !tl_sqlite_wal_settle(&store->world.file);
    }
    move_wal(store, &store->world.file);
    tl_sqlite_peer *own = tl_sqlite_logs_peer(&store->logs, store->attachment.number);
    if (own) {
        move_wal(store, &own->log.file);
    }
}

// ---- the loop ------------------------------------------------------------------------------------------------------

// Ends the own epoch, and notes that, with the last checkpoints, in world.db.
static tl_result leave(void *backend, tl_fault *fault)
{
    tl_sqlite_store *store = backend;
    const tl_attachment *attachment = &store->attachment;
    if (!store->left) {
        tl_result result = tl_sqlite_log_end(own_log(store), attachment->epoch, attachment->committed_tick,
                                             TL_HEIR_LEFT, tl_clock_real_us(), tl_sqlite_logs_known(&store->logs),
                                             fault);
        if (result == TL_ERR_BUSY) {
            return result;
        }
        store->left = true;
    }
    return put(store, NULL, 0, fault);
}

static const tl_writer_ops writer_ops = {
    .join = take_lease,
    .append = append,
    .fence = fence_peer,
    .checkpoint = put_while_own,
    .truncate = truncate_own,
    .leave = leave,
    .epoch = read_own_epoch,
    .records_max = TL_LOG_BATCH_MAX,
    .record_bytes_max = TL_LOG_BATCH_BYTES_MAX,
    .checkpoint_bytes_max = CHECKPOINT_BYTES_MAX,
    .leave_tries_max = LEAVE_TRIES_MAX,
};

static const tl_follower_ops follower_ops = {
    .start = start,
    .position = position,
    .due_us = position_due_us,
    .look_again = look_again,
    .start_activity = TL_ACTIVITY_JOIN, // a lock that keeps it from loading is reported as a stall
};

// One round; returns whether there is more to do at once.
static bool step(tl_sqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    bool more = false;
    // Nothing is committed before the others' logs are open: each commit notes what was seen of them.
    if (attachment->name[0] && (!attachment->joined || store->follower.following)) {
        more = tl_writer_step(&store->writer);
    }
    more |= tl_follower_step(&store->follower);
    if (!store->follower.following) {
        return more;
    }
    if (attachment->joined && !attachment->lost) {
        more |= tl_writer_maintain(&store->writer, more);
        step_note(store);
        move_wals(store);
    }
    check_place(store);
    return more;
}

static uint64_t due_us_locked(const tl_sqlite_store *store)
{
    uint64_t due_us = tl_clock_steady_us() + LOOK_US;
    uint64_t write_us = tl_writer_due_us_locked(&store->writer);
    uint64_t follow_us = tl_follower_due_us_locked(&store->follower);
    due_us = write_us < due_us ? write_us : due_us;
    due_us = follow_us < due_us ? follow_us : due_us;
    return store->attachment.failed ? UINT64_MAX : due_us;
}

void *tl_sqlite_thread(void *argument)
{
    tl_sqlite_store *store = argument;
    tl_attachment *attachment = &store->attachment;
    tl_writer_init(&store->writer, attachment, &writer_ops, store);
    tl_follower_init(&store->follower, attachment, &store->logs.follow, &follower_ops, store, TL_THREAD_WRITES);
    for (bool more = true;;) {
        pthread_mutex_lock(&attachment->mutex);
        if (!more) {
            tl_attachment_wait_locked(attachment, &store->wakeups, due_us_locked(store));
        }
        bool stopping = attachment->stopping, leaving = attachment->leaving, failed = attachment->failed;
        pthread_mutex_unlock(&attachment->mutex);
        if (stopping) {
            if (leaving && !failed) {
                tl_writer_leave(&store->writer);
            }
            tl_follower_free(&store->follower);
            return NULL;
        }
        tl_attachment_enter(attachment, TL_THREAD_WRITES);
        more = !failed && step(store);
        tl_attachment_leave(attachment, TL_THREAD_WRITES);
    }
}
