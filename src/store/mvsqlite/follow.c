// The following thread: it begins once the lease is taken, or at once if there is none to take.
#include "store/mvsqlite/store.h"

enum {
    FOLLOW_STEP_MAX = 16, // notes told before it is looked at whether to end
    DISCOVER_US = 100000, // between looks for new servers
};

static void start(tl_mvsqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    if (!store->logs.place) {
        tl_mvsqlite_logs_init(&store->logs, &store->place, &attachment->info);
    }
    pthread_mutex_lock(&attachment->mutex);
    tl_log_head head = {.epoch = attachment->epoch, .tick = attachment->committed_tick, .heir = TL_HEIR_NONE};
    tl_server_number own = attachment->joined ? attachment->number : 0;
    pthread_mutex_unlock(&attachment->mutex);
    tl_result result = tl_mvsqlite_logs_start(&store->logs, own, &head, &fault);
    if (tl_attachment_result(attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
        store->following = true;
        store->has_backlog = true;
    }
}

static bool report_backlog(tl_mvsqlite_store *store)
{
    tl_fault fault;
    for (int i = 0; i < FOLLOW_STEP_MAX && store->has_backlog; i++) {
        tl_result result = TL_OK;
        tl_attachment_enter(&store->attachment, TL_MVSQLITE_FOLLOWS); // the last call came back
        if (!store->held) {
            result = tl_follow_next(&store->logs.follow, &store->held, &fault);
        }
        if (!tl_attachment_result(&store->attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
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

// Returns whether there is more to do at once.
static bool step(tl_mvsqlite_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_result result = TL_OK;
    uint64_t now_us = tl_clock_steady_us();
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_FOLLOW)) {
        return false;
    }
    if (!store->following) {
        start(store);
        return store->following;
    }
    if (now_us >= store->discover_us) {
        store->discover_us = now_us + DISCOVER_US;
        result = tl_mvsqlite_logs_discover(&store->logs, &fault);
        if (!tl_attachment_result(attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return false;
        }
    }
    if (atomic_exchange(&store->hurry, false)) {
        tl_mvsqlite_logs_hurry(&store->logs);
    }
    tl_attachment_enter(&store->attachment, TL_MVSQLITE_FOLLOWS);
    if (!store->has_backlog && now_us >= tl_mvsqlite_logs_due_us(&store->logs)) {
        result = tl_mvsqlite_logs_collect(&store->logs, &store->has_backlog, &fault);
        if (!tl_attachment_result(attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return false; // what it has found meanwhile is told at the next turn
        }
    }
    return report_backlog(store);
}

// Once the lease is lost, the own log is followed as any other.
static void disown(tl_mvsqlite_store *store, const tl_log_epoch *lost)
{
    if (store->following && !store->disowned) {
        store->disowned = true;
        tl_follow_on_lease_lost(&store->logs.follow, lost->heir, lost->last_tick);
        store->hurry = true;
    }
}

static uint64_t next_turn_us(tl_mvsqlite_store *store)
{
    const tl_attachment *attachment = &store->attachment;
    const tl_retry_state *retry = &attachment->retry_states[TL_ACTIVITY_FOLLOW];
    if (attachment->failed || !attachment->started || (attachment->name[0] && !attachment->joined)) {
        return UINT64_MAX;
    }
    if (retry->failing) {
        return retry->retry_us;
    }
    // What waits for room to be told wakes the thread by a kick.
    uint64_t due_us = store->has_backlog ? UINT64_MAX : tl_mvsqlite_logs_due_us(&store->logs);
    return due_us < store->discover_us ? due_us : store->discover_us;
}

void *tl_mvsqlite_follows(void *argument)
{
    tl_mvsqlite_store *store = argument;
    tl_attachment *attachment = &store->attachment;
    bool more = false;
    for (;;) {
        pthread_mutex_lock(&attachment->mutex);
        if (!more && !attachment->stopping) {
            tl_mvsqlite_wait_locked(store, &store->follow_wakeups, next_turn_us(store));
        }
        bool stopping = attachment->stopping, lost = attachment->lost;
        bool works = !attachment->failed && attachment->started && (!attachment->name[0] || attachment->joined);
        tl_log_epoch lost_epoch = store->lost_epoch;
        pthread_mutex_unlock(&attachment->mutex);
        tl_attachment_enter(&store->attachment, TL_MVSQLITE_FOLLOWS);
        if (stopping) {
            free(store->held);
            if (store->logs.place) {
                tl_mvsqlite_logs_close(&store->logs);
            }
            tl_attachment_leave(&store->attachment, TL_MVSQLITE_FOLLOWS);
            tl_mvsqlite_release(store, TL_MVSQLITE_FOLLOWS);
            return NULL;
        }
        if (works && lost) {
            disown(store, &lost_epoch);
        }
        more = works && step(store);
        tl_attachment_leave(&store->attachment, TL_MVSQLITE_FOLLOWS);
    }
}
