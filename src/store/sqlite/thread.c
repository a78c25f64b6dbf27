// The store's own thread: commits, fences, follows, and does the chores, in that order of haste. Nothing here waits for
// long: a lock that is not had, or a disk that is full, is a trouble that is tried again later while the rest goes on.
#include "store/sqlite/store.h"

#include <time.h>

enum {
    FOLLOW_STEP_MAX = 64,                 // notes told before commits are looked at again
    CHECKPOINT_BATCH_MAX = 32,            // in one transaction
    CHECKPOINT_BATCH_BYTES_MAX = 1 << 18, // the same
    LEAVE_TRIES_MAX = 50,
};

static tl_sqlite_log *own_log(tl_sqlite_store *store)
{
    return &tl_sqlite_logs_peer(&store->logs, store->attachment.number)->log;
}

// ---- join ----------------------------------------------------------------------------------------------------------

static tl_result take_lease(tl_sqlite_store *store, tl_log_head *head, tl_fault *fault)
{
    tl_attachment *attachment = &store->attachment;
    tl_result result = tl_sqlite_world_register(&store->world, attachment->name, &attachment->number, fault);
    if (result == TL_OK) {
        store->unsettled = !tl_sqlite_wal_settle(&store->world.file);
        result = tl_sqlite_logs_open(&store->logs, attachment->number, attachment->name, TL_SQLITE_CREATE, fault);
    }
    if (result == TL_OK) {
        result = tl_sqlite_log_join(own_log(store), tl_clock_real_us(), head, fault);
    }
    return result;
}

static void join_store(tl_sqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_log_head head = {0};
    if (!store->checked) {
        tl_result result = tl_sqlite_logs_check(&store->logs, &fault);
        if (!tl_attachment_went(attachment, TL_ACTIVITY_JOIN, result, &fault)) {
            return;
        }
        store->checked = true;
    }
    if (attachment->name[0] && !attachment->joined) {
        tl_result result = take_lease(store, &head, &fault);
        if (!tl_attachment_went(attachment, TL_ACTIVITY_JOIN, result, &fault)) {
            return;
        }
        tl_attachment_tell_joined(attachment, &head);
    }
    head = (tl_log_head){.epoch = attachment->epoch, .tick = attachment->committed_tick, .heir = TL_HEIR_NONE};
    tl_server_number own = attachment->joined ? attachment->number : 0;
    tl_result result = tl_sqlite_logs_start(&store->logs, own, &head, &fault);
    if (tl_attachment_went(attachment, TL_ACTIVITY_JOIN, result, &fault)) {
        store->following = true;
        store->has_backlog = true;
        store->own_changed = attachment->joined; // the lease may be lost already
    }
}

// ---- the lease is lost ---------------------------------------------------------------------------------------------

// Looks whether the own epoch still goes on, and tells if it does not.
static bool check_lease(tl_sqlite_store *store, tl_activity activity)
{
    tl_fault fault;
    tl_log_epoch row;
    tl_result result = tl_sqlite_log_epoch(own_log(store), store->attachment.epoch, &row, &fault);
    if (!tl_attachment_went(&store->attachment, activity, result, &fault) || row.heir == TL_HEIR_NONE) {
        return result == TL_OK;
    }
    tl_follow_disown(&store->logs.follow, row.heir, row.last_tick);
    tl_sqlite_logs_peer(&store->logs, store->attachment.number)->dirty = true;
    tl_attachment_tell_lost(&store->attachment, &row);
    return false;
}

// ---- commits -------------------------------------------------------------------------------------------------------

// Each step returns whether there is more to do at once.
static bool step_commits(tl_sqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_work *batch[TL_LOG_BATCH_MAX];
    size_t count = tl_attachment_take_records(attachment, TL_LOG_BATCH_MAX, TL_LOG_BATCH_BYTES_MAX, batch);
    if (count == 0) {
        return false;
    }
    const tl_heads *seen = tl_sqlite_logs_known(&store->logs);
    tl_result result = tl_sqlite_wal_check(&own_log(store)->file, store->wal_bytes_max, &fault);
    if (result == TL_OK) {
        result = tl_sqlite_log_append(own_log(store), attachment->epoch, batch, count, seen, &fault);
    }
    if (result == TL_ERR_FENCED) {
        return check_lease(store, TL_ACTIVITY_COMMIT);
    }
    if (!tl_attachment_went(attachment, TL_ACTIVITY_COMMIT, result, &fault)) {
        return false;
    }
    tl_attachment_tell_committed(attachment, count);
    return true;
}

// ---- fences --------------------------------------------------------------------------------------------------------

// Ends the other's epoch while the own log is locked: nobody can fence us meanwhile, so the heir is alive.
static tl_result fence_peer(tl_sqlite_store *store, const tl_work *work, tl_fault *fault)
{
    tl_sqlite_log *own = own_log(store);
    tl_sqlite_peer *peer = tl_sqlite_logs_peer(&store->logs, work->server);
    if (!peer) {
        return TL_OK; // nothing is known of it
    }
    tl_result result = tl_sqlite_file_begin(&own->file, true, fault);
    if (result != TL_OK) {
        return result;
    }
    tl_log_head head;
    bool fenced = false;
    result = tl_sqlite_log_head(own, &head, fault);
    if (result == TL_OK && (head.epoch != store->attachment.epoch || head.heir != TL_HEIR_NONE)) {
        result = TL_AGAIN; // our own lease is gone
    }
    if (result == TL_OK) {
        tl_server_number heir = store->attachment.number;
        uint64_t now_us = tl_clock_real_us();
        result = work->quarantine ? tl_sqlite_log_quarantine(&peer->log, work, heir, now_us, fault)
                                  : tl_sqlite_log_end(&peer->log, work->epoch, work->tick, heir, now_us, NULL, fault);
        peer->dirty = true;
        fenced = result == TL_OK;
    }
    if (fenced) { // the own log shows it from now on, in case the other one should lose it
        tl_fault ignored;
        store->logs.known.logs[work->server] = peer->log.last;
        if (tl_sqlite_log_keep_seen(own, tl_sqlite_logs_known(&store->logs), &ignored) == TL_OK) {
            (void)tl_sqlite_file_commit(&own->file, &ignored);
        }
    }
    tl_sqlite_file_rollback(&own->file);
    return result == TL_ERR_FENCED ? TL_OK : result; // it goes on after all, or somebody else was faster
}

static bool step_fences(tl_sqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_work *work = NULL;
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_FENCE) ||
        !tl_attachment_take(attachment, &attachment->fences, TL_WORK_FENCE, 1, 0, &work)) {
        return false;
    }
    tl_result result = fence_peer(store, work, &fault);
    if (result == TL_AGAIN) {
        return check_lease(store, TL_ACTIVITY_FENCE);
    }
    if (!tl_attachment_went(attachment, TL_ACTIVITY_FENCE, result, &fault)) {
        return false;
    }
    store->collect_us = 0;
    tl_attachment_drop(attachment, &attachment->fences, 1);
    return true;
}

// ---- following -----------------------------------------------------------------------------------------------------

static bool tell_backlog(tl_sqlite_store *store)
{
    tl_fault fault;
    for (int i = 0; i < FOLLOW_STEP_MAX && store->has_backlog; i++) {
        tl_result result = TL_OK;
        if (!store->held) {
            result = tl_follow_next(&store->logs.follow, &store->held, &fault);
        }
        if (!tl_attachment_went(&store->attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return false;
        }
        if (result == TL_AGAIN) {
            store->has_backlog = false;
            return false;
        }
        if (!tl_attachment_push(&store->attachment, store->held)) {
            return false;
        }
        store->held = NULL;
    }
    return store->has_backlog;
}

static bool step_follow(tl_sqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    uint64_t now_us = tl_clock_steady_us();
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_FOLLOW)) {
        return false;
    }
    if (now_us >= store->discover_us) {
        store->discover_us = now_us + TL_DISCOVER_POLL_US;
        tl_result result = tl_sqlite_logs_discover(&store->logs, &fault);
        if (!tl_attachment_went(attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return false;
        }
    }
    if (!store->has_backlog && now_us >= store->collect_us) {
        store->collect_us = now_us + TL_FOLLOW_POLL_US;
        tl_result result = tl_sqlite_logs_collect(&store->logs, &store->own_changed, &fault);
        if (!tl_attachment_went(attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return false;
        }
        store->has_backlog = true;
    }
    if (store->own_changed && !attachment->lost) {
        store->own_changed = false;
        (void)check_lease(store, TL_ACTIVITY_FOLLOW);
    }
    return tell_backlog(store);
}

// ---- chores --------------------------------------------------------------------------------------------------------

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
// none is stored any more. TL_ERR_FENCED: it has.
static tl_result put_while_own(tl_sqlite_store *store, tl_work *const *checkpoints, size_t count, tl_fault *fault)
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
    result = result == TL_OK ? put(store, checkpoints, count, fault) : result;
    tl_sqlite_file_rollback(&own->file);
    return result;
}

// Notes it if no checkpoint has done so for a while: else nobody would miss the end of the log of a server that is
// alone.
static void step_note(tl_sqlite_store *store)
{
    tl_fault fault;
    const tl_log_head *own = &own_log(store)->last;
    bool news = own->tick != store->noted.tick || own->epoch != store->noted.epoch;
    if (!news || tl_clock_steady_us() < store->note_us ||
        !tl_attachment_may_try(&store->attachment, TL_ACTIVITY_CHORE)) {
        return;
    }
    tl_result result = put(store, NULL, 0, &fault);
    (void)tl_attachment_went(&store->attachment, TL_ACTIVITY_CHORE, result, &fault);
}

static bool step_chores(tl_sqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_work *batch[CHECKPOINT_BATCH_MAX];
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_CHORE)) {
        return false;
    }
    size_t count = tl_attachment_take_checkpoints(attachment, CHECKPOINT_BATCH_MAX, CHECKPOINT_BATCH_BYTES_MAX, batch);
    if (count > 0) {
        tl_result result = put_while_own(store, batch, count, &fault);
        if (result == TL_ERR_FENCED) {
            return check_lease(store, TL_ACTIVITY_CHORE);
        }
        if (tl_attachment_went(attachment, TL_ACTIVITY_CHORE, result, &fault)) {
            tl_attachment_drop(attachment, &attachment->chores, count);
            return true;
        }
        return false;
    }
    if (tl_attachment_take(attachment, &attachment->chores, TL_WORK_CUT, 1, 0, batch) == 0) {
        return false;
    }
    bool done = false;
    const tl_heads *seen = tl_sqlite_logs_known(&store->logs);
    tl_result result = tl_sqlite_log_cut(own_log(store), attachment->epoch, batch[0]->tick, seen, &done, &fault);
    if (result == TL_ERR_FENCED) {
        return check_lease(store, TL_ACTIVITY_CHORE);
    }
    if (tl_attachment_went(attachment, TL_ACTIVITY_CHORE, result, &fault) && done) {
        tl_attachment_drop(attachment, &attachment->chores, 1);
    }
    return result == TL_OK;
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

// One round; returns whether there is more to do at once.
static bool step(tl_sqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    bool more = false;
    if (!store->following && tl_attachment_may_try(attachment, TL_ACTIVITY_JOIN)) {
        join_store(store);
        more |= store->following;
    }
    if (!store->following) {
        return false;
    }
    if (attachment->joined && !attachment->lost) {
        more |= step_commits(store);
    }
    if (attachment->joined && !attachment->lost) {
        more |= step_fences(store);
    }
    more |= step_follow(store);
    if (attachment->joined && !attachment->lost) {
        more |= step_chores(store);
        step_note(store);
        move_wals(store);
    }
    check_place(store);
    return more;
}

static void wait_for_work(tl_sqlite_store *store, bool more)
{
    tl_attachment *attachment = &store->attachment;
    if (store->kicks == attachment->kicks && !more && !attachment->stopping) {
        uint64_t until_us = store->following ? store->collect_us : tl_clock_steady_us() + TL_FOLLOW_POLL_US;
        tl_attachment_wait_locked(attachment, until_us);
    }
    store->kicks = attachment->kicks;
}

// Ends the own epoch in order, so that the others need not wait for the lease to run out.
static void leave_world(tl_sqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    const tl_heads *seen = tl_sqlite_logs_known(&store->logs); // with the last checkpoints
    for (int i = 0; i < LEAVE_TRIES_MAX; i++) {
        tl_fault fault;
        tl_result result = tl_sqlite_log_end(own_log(store), attachment->epoch, attachment->committed_tick,
                                             TL_HEIR_LEFT, tl_clock_real_us(), seen, &fault);
        if (result != TL_ERR_BUSY) {
            break; // done, or the others will see the lease run out
        }
    }
    for (int i = 0; i < LEAVE_TRIES_MAX; i++) {
        tl_fault fault;
        if (put(store, NULL, 0, &fault) != TL_ERR_BUSY) {
            return;
        }
    }
}

void *tl_sqlite_thread(void *argument)
{
    tl_sqlite_store *store = argument;
    tl_attachment *attachment = &store->attachment;
    bool more = false;
    for (;;) {
        pthread_mutex_lock(&attachment->mutex);
        wait_for_work(store, more);
        bool stopping = attachment->stopping, failed = attachment->failed;
        pthread_mutex_unlock(&attachment->mutex);
        if (stopping) {
            if (attachment->leaving && attachment->joined && !attachment->lost && !failed) {
                leave_world(store);
            }
            return NULL;
        }
        if (!failed) {
            tl_attachment_enter(attachment, 0);
            more = step(store);
            tl_attachment_leave(attachment, 0);
        } else {
            more = false;
        }
    }
}
