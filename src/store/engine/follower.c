#include "store/engine/follower.h"
#include "base/memory.h"

enum { STEP_NOTES_MAX = 16 }; // reported before it is looked at what else there is to do

void tl_follower_init(tl_follower *follower, tl_attachment *attachment, tl_follow *follow, const tl_follower_ops *ops,
                      void *backend, int thread)
{
    TL_ASSERT(thread >= 0 && thread < TL_ATTACHMENT_THREADS_MAX);
    *follower = (tl_follower){
        .attachment = attachment, .follow = follow, .ops = ops, .backend = backend, .thread = thread};
}

void tl_follower_free(tl_follower *follower)
{
    tl_free(follower->held);
    follower->held = NULL;
}

// What the other threads have to say.
typedef struct orders {
    bool works; // there is something to follow
    bool lost, look_again;
    tl_server_number own;
    tl_log_head joined;
    tl_log_epoch lost_epoch;
} orders;

static bool works_locked(const tl_attachment *attachment)
{
    return attachment->started && !attachment->failed && (!attachment->name[0] || attachment->joined);
}

static orders take_orders(tl_follower *follower)
{
    tl_attachment *attachment = follower->attachment;
    pthread_mutex_lock(&attachment->mutex);
    orders o = {
        .works = works_locked(attachment),
        .lost = attachment->lost,
        .look_again = attachment->look_again,
        .own = attachment->joined ? attachment->number : 0,
        .joined = {.epoch = attachment->epoch, .tick = attachment->joined_tick, .heir = TL_HEIR_NONE},
        .lost_epoch = attachment->lost_epoch,
    };
    attachment->look_again &= !follower->following;
    pthread_mutex_unlock(&attachment->mutex);
    return o;
}

static bool is_due(const tl_follower *follower)
{
    pthread_mutex_lock(&follower->attachment->mutex);
    uint64_t due_us = follower->ops->due_us(follower->backend);
    pthread_mutex_unlock(&follower->attachment->mutex);
    return tl_clock_steady_us() >= due_us;
}

static bool start(tl_follower *follower, const orders *o)
{
    TL_ASSERT(!follower->following);
    tl_attachment *attachment = follower->attachment;
    tl_activity activity = follower->ops->start_activity;
    tl_fault fault;
    if (!tl_attachment_may_try(attachment, activity)) {
        return false;
    }
    tl_result result = follower->ops->start(follower->backend, o->own, &o->joined, &fault);
    follower->following = tl_attachment_result(attachment, activity, result, &fault);
    follower->has_backlog = follower->following;
    return follower->following;
}

static bool report_backlog(tl_follower *follower)
{
    TL_ASSERT(follower->following);
    tl_attachment *attachment = follower->attachment;
    tl_fault fault;
    for (int i = 0; i < STEP_NOTES_MAX && follower->has_backlog; i++) {
        tl_result result = TL_OK;
        tl_attachment_enter(attachment, follower->thread); // the last call came back
        if (!follower->held) {
            result = tl_follow_next(follower->follow, &follower->held, &fault);
        }
        if (!tl_attachment_result(attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return false;
        }
        if (result == TL_AGAIN) {
            follower->has_backlog = false;
            return false;
        }
        bool loaded = follower->held->event.type == TL_STORE_LOADED;
        if (!tl_attachment_push(attachment, follower->held)) {
            return false; // poll() wakes the thread
        }
        follower->held = NULL;
        if (loaded) {
            follower->ops->look_again(
                follower->backend); // an own log that was lost while loading is wanted from now on
        }
    }
    return follower->has_backlog;
}

bool tl_follower_step(tl_follower *follower)
{
    tl_attachment *attachment = follower->attachment;
    tl_fault fault;
    orders o = take_orders(follower);
    if (!o.works) {
        return false;
    }
    if (!follower->following) {
        return start(follower, &o);
    }
    if (o.lost && !follower->follows_own) {
        follower->follows_own = true;
        tl_follow_on_lease_lost(follower->follow, o.lost_epoch.heir, o.lost_epoch.last_tick);
        o.look_again = true;
    }
    if (o.look_again) {
        follower->ops->look_again(follower->backend);
    }
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_FOLLOW)) {
        return false;
    }
    if (!follower->has_backlog && is_due(follower)) {
        tl_result result = follower->ops->position(follower->backend, &follower->has_backlog, &fault);
        if (!tl_attachment_result(attachment, TL_ACTIVITY_FOLLOW, result, &fault)) {
            return false; // what it has found meanwhile is reported at the next turn
        }
    }
    return report_backlog(follower);
}

uint64_t tl_follower_due_us_locked(const tl_follower *follower)
{
    const tl_attachment *attachment = follower->attachment;
    if (!works_locked(attachment)) {
        return UINT64_MAX;
    }
    tl_activity activity = follower->following ? TL_ACTIVITY_FOLLOW : follower->ops->start_activity;
    const tl_retry_state *retry = &attachment->retry_states[activity];
    if (retry->failing) {
        return retry->retry_us;
    }
    if (!follower->following) {
        return 0;
    }
    return follower->has_backlog ? UINT64_MAX : follower->ops->due_us(follower->backend);
}

void tl_follower_run(tl_follower *follower)
{
    tl_attachment *attachment = follower->attachment;
    for (bool more = false;;) {
        pthread_mutex_lock(&attachment->mutex);
        if (!more) {
            tl_attachment_wait_locked(attachment, &follower->wakeups, tl_follower_due_us_locked(follower));
        }
        bool stopping = attachment->stopping;
        pthread_mutex_unlock(&attachment->mutex);
        if (stopping) {
            return;
        }
        tl_attachment_enter(attachment, follower->thread);
        more = tl_follower_step(follower);
        tl_attachment_leave(attachment, follower->thread);
    }
}
