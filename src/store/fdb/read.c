// The reading thread: rounds when a watch fires, and tells what it read. It never writes.
#include "store/fdb/store.h"

#include <time.h>

enum {
    LOOK_US = 1000000, // a round even if no watch has fired: watches are not promised to come through every failure
    RETRY_US = 20000,
};

typedef struct reading {
    bool following, has_backlog;
    bool disowned; // the own log is followed by now
    tl_note *held; // read, and there was no room for it
    uint64_t round_us;
    uint32_t wakeups;
} reading;

// Somebody has ended the own epoch: the writer looks, and tells.
static void suspect_lease(tl_fdb_store *store)
{
    tl_attachment *attachment = &store->attachment;
    pthread_mutex_lock(&attachment->mutex);
    if (attachment->joined && !attachment->lost) {
        const tl_log_head *head = &store->reader.heads[attachment->number];
        if (head->epoch > attachment->epoch || (head->epoch == attachment->epoch && head->heir != TL_HEIR_NONE)) {
            store->lease_suspect = true;
            attachment->wakeups++;
            pthread_cond_broadcast(&attachment->work_cond);
        }
    }
    pthread_mutex_unlock(&attachment->mutex);
}

static void start(tl_fdb_store *store, reading *state)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    pthread_mutex_lock(&attachment->mutex);
    tl_log_head head = {.epoch = attachment->epoch, .tick = store->joined_tick, .heir = TL_HEIR_NONE};
    tl_server_number own = attachment->joined ? attachment->number : 0;
    pthread_mutex_unlock(&attachment->mutex);
    tl_result result = tl_fdb_reader_start(&store->reader, own, &head, &fault);
    if (tl_attachment_result(attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
        state->following = state->has_backlog = true;
        state->round_us = tl_clock_steady_us();
        suspect_lease(store);
    }
}

static void follow_own_if_lost(tl_fdb_store *store, reading *state)
{
    pthread_mutex_lock(&store->attachment.mutex);
    bool disowned = store->disowned;
    pthread_mutex_unlock(&store->attachment.mutex);
    if (disowned && !state->disowned) {
        state->disowned = true;
        tl_follow_on_lease_lost(&store->reader.follow, store->last_epoch.heir, store->last_epoch.last_tick);
        store->reader.peers[store->attachment.number].moved = true;
        state->round_us = 0;
    }
}

static bool has_fired(tl_fdb_store *store)
{
    pthread_mutex_lock(&store->attachment.mutex);
    bool fired = tl_fdb_reader_has_fired(&store->reader);
    pthread_mutex_unlock(&store->attachment.mutex);
    return fired;
}

static bool round_if_due(tl_fdb_store *store, reading *state)
{
    tl_fault fault;
    if (!has_fired(store) && tl_clock_steady_us() - state->round_us < LOOK_US) {
        return true;
    }
    tl_result result = tl_fdb_reader_round(&store->reader, &fault);
    if (!tl_attachment_result(&store->attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
        return false;
    }
    state->round_us = tl_clock_steady_us();
    state->has_backlog = true;
    suspect_lease(store);
    return true;
}

static void report_backlog(tl_fdb_store *store, reading *state)
{
    tl_fault fault;
    while (state->has_backlog) {
        tl_result result = TL_OK;
        if (!state->held) {
            result = tl_follow_next(&store->reader.follow, &state->held, &fault);
        }
        if (!tl_attachment_result(&store->attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return;
        }
        if (result == TL_AGAIN) {
            state->has_backlog = false;
            return;
        }
        tl_store_event_type type = state->held->event.type;
        if (!tl_attachment_push(&store->attachment, state->held)) {
            return;
        }
        state->held = NULL;
        if (type == TL_STORE_LOADED) {
            state->round_us = 0; // an own log that was lost while loading is aimed at from now on
        }
    }
}

static void wait_for_change(tl_fdb_store *store, reading *state)
{
    tl_attachment *attachment = &store->attachment;
    uint64_t until_us = tl_clock_steady_us() + (state->following && !state->has_backlog ? LOOK_US : RETRY_US);
    tl_attachment_wait_locked(attachment, &state->wakeups, until_us);
}

void *tl_fdb_read_thread(void *argument)
{
    tl_fdb_store *store = argument;
    tl_attachment *attachment = &store->attachment;
    reading state = {0};
    for (;;) {
        pthread_mutex_lock(&attachment->mutex);
        wait_for_change(store, &state);
        bool stopping = attachment->stopping, idle = attachment->failed || !store->may_read;
        pthread_mutex_unlock(&attachment->mutex);
        if (stopping) {
            free(state.held);
            return NULL;
        }
        if (idle || !tl_attachment_may_try(attachment, TL_ACTIVITY_FOLLOW)) {
            continue;
        }
        if (!state.following) {
            start(store, &state);
        }
        if (state.following) {
            follow_own_if_lost(store, &state);
            if (round_if_due(store, &state)) {
                report_backlog(store, &state);
            }
        }
    }
}
