// The store's own thread: commits, fences, follows, and does the chores, in that order of haste. Nothing here waits for
// long: a lock that is not had, or a disk that is full, is a trouble that is tried again later while the rest goes on.
#include "sqlite_store.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    FOLLOW_STEP_MAX = 64,                 // notes told before commits are looked at again
    CHECKPOINT_BATCH_MAX = 32,            // in one transaction
    CHECKPOINT_BATCH_BYTES_MAX = 1 << 18, // the same
    LEAVE_TRIES_MAX = 50,
};

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t tl_clock_real_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

static uint64_t steady_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

// ---- telling -------------------------------------------------------------------------------------------------------

static void push_locked(tl_sqlite_store *store, tl_note *note)
{
    if (store->notes.count == 0) {
        uint64_t one = 1;
        ssize_t written = write(store->event_fd, &one, sizeof(one));
        TL_ASSERT(written == sizeof(one));
    }
    tl_note_queue_push(&store->notes, note);
}

static void fail_locked(tl_sqlite_store *store, tl_result result, const char *text)
{
    tl_note *note = store->last_note;
    if (!note) {
        return; // told already
    }
    store->last_note = NULL;
    store->failed = true;
    note->event.result = result;
    snprintf(note->event.text, sizeof(note->event.text), "%s", text);
    push_locked(store, note);
    pthread_cond_broadcast(&store->idle_cond);
}

static void fail(tl_sqlite_store *store, const tl_fault *fault)
{
    pthread_mutex_lock(&store->mutex);
    fail_locked(store, fault->result, fault->text);
    pthread_mutex_unlock(&store->mutex);
}

// An own event: never held back.
static void tell_locked(tl_sqlite_store *store, const tl_store_event *event)
{
    tl_note *note = tl_note_create(event->type, 0);
    if (!note) {
        fail_locked(store, TL_ERR_MEMORY, tl_result_text(TL_ERR_MEMORY));
        return;
    }
    note->event = *event;
    note->event.data = note->data;
    note->event.size = 0;
    push_locked(store, note);
    store->own_notes++;
}

static void tell(tl_sqlite_store *store, const tl_store_event *event)
{
    pthread_mutex_lock(&store->mutex);
    tell_locked(store, event);
    pthread_mutex_unlock(&store->mutex);
}

// ---- trouble -------------------------------------------------------------------------------------------------------

static bool is_final(tl_result result)
{
    return result == TL_ERR_CORRUPT || result == TL_ERR_VERSION || result == TL_ERR_MEMORY || result == TL_ERR_FULL ||
           result == TL_ERR_INVALID || result == TL_ERR_NOT_FOUND;
}

static void update_stall(tl_sqlite_store *store, const tl_fault *fault)
{
    bool stalled = false;
    for (int i = 0; i < TL_ACTIVITY_COUNT; i++) {
        stalled |= store->troubles[i].told;
    }
    if (stalled == store->stalled) {
        return;
    }
    store->stalled = stalled;
    tl_store_event event = {.type = stalled ? TL_STORE_STALLED : TL_STORE_RECOVERED};
    if (stalled) {
        event.result = fault->result;
        memcpy(event.text, fault->text, sizeof(event.text));
    }
    tell(store, &event);
}

// Takes note of how an activity went; returns whether it went well.
static bool went(tl_sqlite_store *store, tl_sqlite_activity activity, tl_result result, const tl_fault *fault)
{
    tl_sqlite_trouble *trouble = &store->troubles[activity];
    if (result == TL_OK || result == TL_AGAIN) {
        if (trouble->failing) {
            *trouble = (tl_sqlite_trouble){0};
            update_stall(store, NULL);
        }
        return true;
    }
    if (is_final(result)) {
        fail(store, fault);
        return false;
    }
    uint64_t now_us = steady_us();
    bool busy = result == TL_ERR_BUSY;
    if (!trouble->failing) {
        trouble->failing = true;
        trouble->since_us = now_us;
    }
    // Two fencers may hold each other's lock: the pause differs by server.
    trouble->retry_us = now_us + (busy ? TL_RETRY_BUSY_US + 500u * (store->number % 8u) : TL_RETRY_FAULT_US);
    // A locked log of another server, or a locked world.db, holds up none of our records.
    bool matters = !busy || activity == TL_ACTIVITY_JOIN || activity == TL_ACTIVITY_COMMIT;
    if (matters && !trouble->told && (!busy || now_us - trouble->since_us >= TL_STALL_BUSY_US)) {
        trouble->told = true;
        update_stall(store, fault);
    }
    return false;
}

static bool may_try(const tl_sqlite_store *store, tl_sqlite_activity activity)
{
    const tl_sqlite_trouble *trouble = &store->troubles[activity];
    return !trouble->failing || steady_us() >= trouble->retry_us;
}

// ---- join ----------------------------------------------------------------------------------------------------------

static tl_result take_lease(tl_sqlite_store *store, tl_sqlite_head *head, tl_fault *fault)
{
    tl_result result = tl_sqlite_world_register(&store->world, store->name, &store->number, fault);
    if (result == TL_OK) {
        result = tl_sqlite_follow_open(&store->follow, store->number, store->name, TL_SQLITE_CREATE, fault);
    }
    if (result == TL_OK) {
        tl_sqlite_peer *own = tl_sqlite_follow_peer(&store->follow, store->number);
        result = tl_sqlite_log_join(&own->log, tl_clock_real_us(), head, fault);
    }
    return result;
}

static void join_store(tl_sqlite_store *store)
{
    tl_fault fault;
    tl_sqlite_head head = {0};
    if (store->name[0] && !store->joined) {
        tl_result result = take_lease(store, &head, &fault);
        if (!went(store, TL_ACTIVITY_JOIN, result, &fault)) {
            return;
        }
        store->epoch = head.epoch;
        store->committed_tick = head.tick;
        pthread_mutex_lock(&store->mutex);
        store->joined = true;
        store->submitted_tick = head.tick;
        tell_locked(store, &(tl_store_event){.type = TL_STORE_JOINED,
                                             .server = store->number,
                                             .epoch = head.epoch,
                                             .tick = head.tick});
        pthread_mutex_unlock(&store->mutex);
    }
    head = (tl_sqlite_head){.epoch = store->epoch, .tick = store->committed_tick, .heir = TL_HEIR_NONE};
    tl_server_number own = store->joined ? store->number : 0;
    tl_result result = tl_sqlite_follow_start(&store->follow, own, &head, &fault);
    if (went(store, TL_ACTIVITY_JOIN, result, &fault)) {
        store->following = true;
        store->has_backlog = true;
        store->own_changed = store->joined; // the lease may be lost already
    }
}

// ---- the lease is lost ---------------------------------------------------------------------------------------------

// Looks whether the own epoch still goes on, and tells if it does not.
static bool check_lease(tl_sqlite_store *store, tl_sqlite_activity activity)
{
    tl_fault fault;
    tl_sqlite_epoch row;
    tl_sqlite_peer *own = tl_sqlite_follow_peer(&store->follow, store->number);
    tl_result result = tl_sqlite_log_epoch(&own->log, store->epoch, &row, &fault);
    if (!went(store, activity, result, &fault) || row.heir == TL_HEIR_NONE) {
        return result == TL_OK;
    }
    tl_sqlite_follow_disown(&store->follow, row.heir, row.last_tick);
    pthread_mutex_lock(&store->mutex);
    store->lost = true;
    tl_work_queue_clear(&store->records);
    tl_work_queue_clear(&store->fences);
    tl_work_queue_clear(&store->chores);
    tell_locked(store, &(tl_store_event){.type = TL_STORE_LOST,
                                         .server = store->number,
                                         .heir = (tl_server_number)row.heir,
                                         .epoch = store->epoch,
                                         .tick = row.last_tick});
    pthread_cond_broadcast(&store->idle_cond);
    pthread_mutex_unlock(&store->mutex);
    return false;
}

// ---- commits -------------------------------------------------------------------------------------------------------

// The first pieces of work in a queue, left there; only this thread takes them out.
static size_t take_batch(tl_sqlite_store *store, const tl_work_queue *queue, tl_work_type type, size_t count_max,
                         size_t bytes_max, tl_work **out)
{
    size_t count = 0, bytes = 0;
    pthread_mutex_lock(&store->mutex);
    for (tl_work *work = queue->first; work && work->type == type && count < count_max; work = work->next) {
        if (count > 0 && bytes + work->size > bytes_max) {
            break;
        }
        out[count++] = work;
        bytes += work->size;
    }
    pthread_mutex_unlock(&store->mutex);
    return count;
}

static void drop_done(tl_sqlite_store *store, tl_work_queue *queue, size_t count)
{
    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < count; i++) {
        free(tl_work_queue_pop(queue));
    }
    pthread_cond_broadcast(&store->idle_cond);
    pthread_mutex_unlock(&store->mutex);
}

static void tell_committed(tl_sqlite_store *store, tl_work *const *records, size_t count)
{
    uint64_t done_us = tl_clock_real_us();
    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < count; i++) {
        tell_locked(store, &(tl_store_event){.type = TL_STORE_COMMITTED,
                                             .server = store->number,
                                             .epoch = store->epoch,
                                             .tick = records[i]->tick,
                                             .begun_us = records[i]->begun_us,
                                             .done_us = done_us});
    }
    pthread_mutex_unlock(&store->mutex);
}

// Each step returns whether there is more to do at once.
static bool step_commits(tl_sqlite_store *store)
{
    tl_fault fault;
    tl_work *batch[TL_LOG_BATCH_MAX];
    if (!may_try(store, TL_ACTIVITY_COMMIT)) {
        return false;
    }
    size_t count =
        take_batch(store, &store->records, TL_WORK_RECORD, TL_LOG_BATCH_MAX, TL_LOG_BATCH_BYTES_MAX, batch);
    if (count == 0) {
        return false;
    }
    tl_sqlite_peer *own = tl_sqlite_follow_peer(&store->follow, store->number);
    tl_result result = tl_sqlite_log_append(&own->log, store->epoch, batch, count, &fault);
    if (result == TL_ERR_FENCED) {
        return check_lease(store, TL_ACTIVITY_COMMIT);
    }
    if (!went(store, TL_ACTIVITY_COMMIT, result, &fault)) {
        return false;
    }
    store->committed_tick = batch[count - 1]->tick;
    tell_committed(store, batch, count);
    drop_done(store, &store->records, count);
    return true;
}

// ---- fences --------------------------------------------------------------------------------------------------------

// Ends the other's epoch while the own log is locked: nobody can fence us meanwhile, so the heir is alive.
static tl_result fence_peer(tl_sqlite_store *store, const tl_work *work, tl_fault *fault)
{
    tl_sqlite_peer *own = tl_sqlite_follow_peer(&store->follow, store->number);
    tl_sqlite_peer *peer = tl_sqlite_follow_peer(&store->follow, work->server);
    if (!peer) {
        return TL_OK; // nothing is known of it
    }
    tl_result result = tl_sqlite_file_begin(&own->log.file, true, fault);
    if (result != TL_OK) {
        return result;
    }
    tl_sqlite_head head;
    result = tl_sqlite_log_head(&own->log, &head, fault);
    if (result == TL_OK && (head.epoch != store->epoch || head.heir != TL_HEIR_NONE)) {
        result = TL_AGAIN; // our own lease is gone
    }
    if (result == TL_OK) {
        result = tl_sqlite_log_end(&peer->log, work->epoch, work->tick, store->number, tl_clock_real_us(), fault);
        peer->dirty = true;
    }
    tl_sqlite_file_rollback(&own->log.file);
    return result == TL_ERR_FENCED ? TL_OK : result; // it goes on after all, or somebody else was faster
}

static bool step_fences(tl_sqlite_store *store)
{
    tl_fault fault;
    tl_work *work = NULL;
    if (!may_try(store, TL_ACTIVITY_FENCE) || !take_batch(store, &store->fences, TL_WORK_FENCE, 1, 0, &work)) {
        return false;
    }
    tl_result result = fence_peer(store, work, &fault);
    if (result == TL_AGAIN) {
        return check_lease(store, TL_ACTIVITY_FENCE);
    }
    if (!went(store, TL_ACTIVITY_FENCE, result, &fault)) {
        return false;
    }
    store->collect_us = 0;
    drop_done(store, &store->fences, 1);
    return true;
}

// ---- following -----------------------------------------------------------------------------------------------------

static bool push_if_room(tl_sqlite_store *store, tl_note *note)
{
    pthread_mutex_lock(&store->mutex);
    bool room = store->notes.count - store->own_notes < TL_NOTES_MAX && store->notes.bytes < TL_NOTES_BYTES_MAX;
    if (room) {
        push_locked(store, note);
    }
    store->starved = !room;
    pthread_mutex_unlock(&store->mutex);
    return room;
}

static bool tell_backlog(tl_sqlite_store *store)
{
    tl_fault fault;
    for (int i = 0; i < FOLLOW_STEP_MAX && store->has_backlog; i++) {
        tl_result result = TL_OK;
        if (!store->held) {
            result = tl_sqlite_follow_next(&store->follow, &store->held, &fault);
        }
        if (!went(store, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return false;
        }
        if (result == TL_AGAIN) {
            store->has_backlog = false;
            return false;
        }
        store->held->event.done_us = tl_clock_real_us();
        if (!push_if_room(store, store->held)) {
            return false;
        }
        store->held = NULL;
    }
    return store->has_backlog;
}

static bool step_follow(tl_sqlite_store *store)
{
    tl_fault fault;
    uint64_t now_us = steady_us();
    if (!may_try(store, TL_ACTIVITY_FOLLOW)) {
        return false;
    }
    if (now_us >= store->discover_us) {
        store->discover_us = now_us + TL_DISCOVER_POLL_US;
        tl_result result = tl_sqlite_follow_discover(&store->follow, &fault);
        if (!went(store, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return false;
        }
    }
    if (!store->has_backlog && now_us >= store->collect_us) {
        store->collect_us = now_us + TL_FOLLOW_POLL_US;
        tl_result result = tl_sqlite_follow_collect(&store->follow, &store->own_changed, &fault);
        if (!went(store, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return false;
        }
        store->has_backlog = true;
    }
    if (store->own_changed && !store->lost) {
        store->own_changed = false;
        (void)check_lease(store, TL_ACTIVITY_FOLLOW);
    }
    return tell_backlog(store);
}

// ---- chores --------------------------------------------------------------------------------------------------------

// Checkpoints show committed ticks only: one that is ahead waits, and all behind it.
static size_t take_checkpoints(tl_sqlite_store *store, tl_work **batch)
{
    size_t count = take_batch(store, &store->chores, TL_WORK_CHECKPOINT, CHECKPOINT_BATCH_MAX,
                              CHECKPOINT_BATCH_BYTES_MAX, batch);
    size_t ready = 0;
    while (ready < count && batch[ready]->tick <= store->committed_tick) {
        ready++;
    }
    return ready;
}

static bool step_chores(tl_sqlite_store *store)
{
    tl_fault fault;
    tl_work *batch[CHECKPOINT_BATCH_MAX];
    if (!may_try(store, TL_ACTIVITY_CHORE)) {
        return false;
    }
    size_t count = take_checkpoints(store, batch);
    if (count > 0) {
        tl_result result = tl_sqlite_world_put(&store->world, batch, count, &fault);
        if (went(store, TL_ACTIVITY_CHORE, result, &fault)) {
            drop_done(store, &store->chores, count);
            return true;
        }
        return false;
    }
    if (take_batch(store, &store->chores, TL_WORK_CUT, 1, 0, batch) == 0) {
        return false;
    }
    bool done = false;
    tl_sqlite_peer *own = tl_sqlite_follow_peer(&store->follow, store->number);
    tl_result result = tl_sqlite_log_cut(&own->log, store->epoch, batch[0]->tick, &done, &fault);
    if (result == TL_ERR_FENCED) {
        return check_lease(store, TL_ACTIVITY_CHORE);
    }
    if (went(store, TL_ACTIVITY_CHORE, result, &fault) && done) {
        drop_done(store, &store->chores, 1);
    }
    return result == TL_OK;
}

static void check_place(tl_sqlite_store *store)
{
    uint64_t now_us = steady_us();
    if (now_us < store->moved_us) {
        return;
    }
    store->moved_us = now_us + TL_MOVED_POLL_US;
    tl_sqlite_peer *own = store->joined ? tl_sqlite_follow_peer(&store->follow, store->number) : NULL;
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
        fail(store, &fault);
    }
}

// The WAL is moved into the files between commits, not within them.
static void move_wal(tl_sqlite_store *store)
{
    tl_sqlite_file_checkpoint(&store->world.file);
    tl_sqlite_peer *own = tl_sqlite_follow_peer(&store->follow, store->number);
    if (own) {
        tl_sqlite_file_checkpoint(&own->log.file);
    }
}

// ---- the loop ------------------------------------------------------------------------------------------------------

// One round; returns whether there is more to do at once.
static bool step(tl_sqlite_store *store)
{
    bool more = false;
    if (!store->following && may_try(store, TL_ACTIVITY_JOIN)) {
        join_store(store);
        more |= store->following;
    }
    if (!store->following) {
        return false;
    }
    if (store->joined && !store->lost) {
        more |= step_commits(store);
    }
    if (store->joined && !store->lost) {
        more |= step_fences(store);
    }
    more |= step_follow(store);
    if (store->joined && !store->lost) {
        more |= step_chores(store);
        move_wal(store);
    }
    check_place(store);
    return more;
}

static void wait_for_work(tl_sqlite_store *store, bool more)
{
    if (!store->kicked && !more && !store->stopping) {
        uint64_t until_us = store->following ? store->collect_us : steady_us() + TL_FOLLOW_POLL_US;
        struct timespec until = {.tv_sec = (time_t)(until_us / 1000000u), .tv_nsec = (long)(until_us % 1000000u) * 1000};
        if (store->failed) {
            pthread_cond_wait(&store->work_cond, &store->mutex);
        } else {
            pthread_cond_timedwait(&store->work_cond, &store->mutex, &until);
        }
    }
    store->kicked = false;
}

// Ends the own epoch in order, so that the others need not wait for the lease to run out.
static void leave_world(tl_sqlite_store *store)
{
    tl_sqlite_peer *own = tl_sqlite_follow_peer(&store->follow, store->number);
    for (int i = 0; own && i < LEAVE_TRIES_MAX; i++) {
        tl_fault fault;
        tl_result result = tl_sqlite_log_end(&own->log, store->epoch, store->committed_tick, TL_HEIR_LEFT,
                                             tl_clock_real_us(), &fault);
        if (result != TL_ERR_BUSY) {
            return; // done, or the others will see the lease run out
        }
    }
}

void *tl_sqlite_thread(void *argument)
{
    tl_sqlite_store *store = argument;
    bool more = false;
    for (;;) {
        pthread_mutex_lock(&store->mutex);
        wait_for_work(store, more);
        bool stopping = store->stopping, leaving = store->leaving, failed = store->failed;
        pthread_mutex_unlock(&store->mutex);
        if (stopping) {
            if (leaving && store->joined && !store->lost && !failed) {
                leave_world(store);
            }
            return NULL;
        }
        more = !failed && step(store);
    }
}
