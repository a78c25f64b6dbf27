#include "store/engine/writer.h"

enum { CHECKPOINTS_MAX = 32 }; // in one transaction

void tl_writer_init(tl_writer *writer, tl_attachment *attachment, const tl_writer_ops *ops, void *backend)
{
    TL_ASSERT(ops->records_max > 0 && ops->records_max <= TL_STORE_RECORDS_MAX);
    TL_ASSERT(ops->record_bytes_max > 0 && ops->checkpoint_bytes_max > 0 && ops->leave_tries_max > 0);
    *writer = (tl_writer){.attachment = attachment, .ops = ops, .backend = backend};
}

// Written by this thread alone, so that it may read without the mutex.
static bool has_lease(const tl_writer *writer)
{
    return writer->attachment->joined && !writer->attachment->lost;
}

static void put_off_lease_look(tl_writer *writer)
{
    writer->lease_us = tl_clock_steady_us() + writer->ops->lease_look_us;
}

static void join(tl_writer *writer)
{
    TL_ASSERT(writer->attachment->name[0] && !writer->attachment->joined);
    tl_attachment *attachment = writer->attachment;
    tl_fault fault;
    tl_log_head head = {0};
    tl_server_number number = 0;
    tl_result result = writer->ops->join(writer->backend, &number, &head, &fault);
    if (tl_attachment_result(attachment, TL_ACTIVITY_JOIN, result, &fault)) {
        tl_attachment_report_joined(attachment, number, &head);
    }
}

// Looks whether the own epoch still goes on, and reports if it does not. Each step returns whether there is more to do
// at once.
static bool check_lease(tl_writer *writer, tl_activity activity)
{
    TL_ASSERT(has_lease(writer));
    tl_attachment *attachment = writer->attachment;
    tl_fault fault;
    tl_log_epoch row = {.heir = TL_HEIR_NONE};
    tl_result result = writer->ops->epoch(writer->backend, activity, &row, &fault);
    put_off_lease_look(writer);
    if (!tl_attachment_result(attachment, activity, result, &fault) || row.heir == TL_HEIR_NONE) {
        return result == TL_OK;
    }
    tl_attachment_report_lost(attachment, &row);
    return false;
}

static bool step_records(tl_writer *writer)
{
    TL_ASSERT(has_lease(writer));
    tl_attachment *attachment = writer->attachment;
    tl_fault fault;
    tl_work *batch[TL_STORE_RECORDS_MAX];
    size_t count = tl_attachment_take_records(attachment, writer->ops->records_max, writer->ops->record_bytes_max,
                                              batch);
    if (count == 0) {
        return false;
    }
    tl_result result = writer->ops->append(writer->backend, batch, count, &fault);
    if (result == TL_ERR_FENCED) {
        return check_lease(writer, TL_ACTIVITY_COMMIT);
    }
    if (!tl_attachment_result(attachment, TL_ACTIVITY_COMMIT, result, &fault)) {
        return false;
    }
    put_off_lease_look(writer);
    tl_attachment_report_committed(attachment, count);
    return true;
}

static bool step_fences(tl_writer *writer)
{
    TL_ASSERT(has_lease(writer));
    tl_attachment *attachment = writer->attachment;
    tl_fault fault;
    tl_work *work = NULL;
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_FENCE) ||
        !tl_attachment_take(attachment, &attachment->fences, TL_WORK_FENCE, 1, 0, &work)) {
        return false;
    }
    tl_result result = writer->ops->fence(writer->backend, work, &fault);
    if (result == TL_ERR_FENCED) {
        return check_lease(writer, TL_ACTIVITY_FENCE);
    }
    if (!tl_attachment_result(attachment, TL_ACTIVITY_FENCE, result, &fault)) {
        return false;
    }
    tl_attachment_drop(attachment, &attachment->fences, 1);
    tl_attachment_look_again(attachment); // its end shows in the other's log
    return true;
}

static void step_lease(tl_writer *writer)
{
    TL_ASSERT(has_lease(writer));
    tl_attachment *attachment = writer->attachment;
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_LEASE)) {
        return;
    }
    bool due = writer->ops->lease_look_us > 0 && tl_clock_steady_us() >= writer->lease_us;
    bool suspected = tl_attachment_take_suspicion(attachment);
    if ((due || suspected) && !check_lease(writer, TL_ACTIVITY_LEASE) && has_lease(writer)) {
        tl_attachment_suspect_lease(attachment); // the look failed: it is tried again
    }
}

bool tl_writer_step(tl_writer *writer)
{
    tl_attachment *attachment = writer->attachment;
    if (!attachment->joined) {
        if (tl_attachment_may_try(attachment, TL_ACTIVITY_JOIN)) {
            join(writer);
        }
        return attachment->joined;
    }
    bool more = has_lease(writer) && step_records(writer);
    tl_attachment_enter(attachment, TL_THREAD_WRITES); // the last call came back
    more |= has_lease(writer) && step_fences(writer);
    tl_attachment_enter(attachment, TL_THREAD_WRITES);
    if (has_lease(writer)) {
        step_lease(writer);
        tl_attachment_enter(attachment, TL_THREAD_WRITES);
    }
    return more;
}

// ---- maintenance ---------------------------------------------------------------------------------------------------

static bool step_maintenance(tl_writer *writer)
{
    TL_ASSERT(has_lease(writer));
    tl_attachment *attachment = writer->attachment;
    tl_fault fault;
    tl_work *batch[CHECKPOINTS_MAX];
    bool any = false, done = true;
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_MAINTENANCE)) {
        return false;
    }
    tl_result result = writer->ops->maintain ? writer->ops->maintain(writer->backend, &any, &fault) : TL_OK;
    if (any || result != TL_OK) {
        return tl_attachment_result(attachment, TL_ACTIVITY_MAINTENANCE, result, &fault);
    }
    size_t count = tl_attachment_take_checkpoints(attachment, CHECKPOINTS_MAX, writer->ops->checkpoint_bytes_max,
                                                  batch);
    if (count > 0) {
        result = writer->ops->checkpoint(writer->backend, batch, count, &fault);
    } else {
        count = tl_attachment_take(attachment, &attachment->maintenance, TL_WORK_TRUNCATE, 1, 0, batch);
        if (count == 0) {
            return false;
        }
        result = writer->ops->truncate(writer->backend, batch[0]->tick, &done, &fault);
    }
    if (result == TL_ERR_FENCED) {
        return check_lease(writer, TL_ACTIVITY_MAINTENANCE);
    }
    if (tl_attachment_result(attachment, TL_ACTIVITY_MAINTENANCE, result, &fault) && done) {
        tl_attachment_drop(attachment, &attachment->maintenance, count);
    }
    return result == TL_OK;
}

bool tl_writer_maintain(tl_writer *writer, bool more)
{
    uint64_t now_us = tl_clock_steady_us();
    if (!has_lease(writer) || (more && now_us - writer->maintained_us < writer->ops->maintenance_wait_us)) {
        return false;
    }
    writer->maintained_us = now_us;
    bool any = step_maintenance(writer);
    tl_attachment_enter(writer->attachment, TL_THREAD_WRITES);
    return any;
}

// ---- the thread ----------------------------------------------------------------------------------------------------

void tl_writer_leave(tl_writer *writer)
{
    tl_result result = TL_ERR_BUSY;
    if (!has_lease(writer)) {
        return;
    }
    for (int i = 0; i < writer->ops->leave_tries_max && result == TL_ERR_BUSY; i++) {
        tl_fault ignored; // the others see the lease run out
        result = writer->ops->leave(writer->backend, &ignored);
    }
}

uint64_t tl_writer_due_us_locked(const tl_writer *writer)
{
    static const tl_activity activities[] = {TL_ACTIVITY_JOIN, TL_ACTIVITY_COMMIT, TL_ACTIVITY_FENCE, TL_ACTIVITY_LEASE,
                                             TL_ACTIVITY_MAINTENANCE};
    const tl_attachment *attachment = writer->attachment;
    if (attachment->failed) {
        return UINT64_MAX;
    }
    uint64_t due_us = has_lease(writer) && writer->ops->lease_look_us > 0 ? writer->lease_us : UINT64_MAX;
    for (size_t i = 0; i < sizeof(activities) / sizeof(activities[0]); i++) {
        const tl_retry_state *retry = &attachment->retry_states[activities[i]];
        due_us = retry->failing && retry->retry_us < due_us ? retry->retry_us : due_us;
    }
    return due_us;
}

void tl_writer_run(tl_writer *writer)
{
    tl_attachment *attachment = writer->attachment;
    for (bool more = true;;) {
        pthread_mutex_lock(&attachment->mutex);
        if (!more) {
            tl_attachment_wait_locked(attachment, &writer->wakeups, tl_writer_due_us_locked(writer));
        }
        bool stopping = attachment->stopping, leaving = attachment->leaving, failed = attachment->failed;
        bool serves = attachment->started && attachment->name[0];
        pthread_mutex_unlock(&attachment->mutex);
        tl_attachment_enter(attachment, TL_THREAD_WRITES);
        if (stopping && leaving && !failed) {
            tl_writer_leave(writer);
        } else if (!stopping) {
            if (writer->ops->answer) {
                writer->ops->answer(writer->backend);
            }
            more = serves && !failed && tl_writer_step(writer);
            more |= serves && !failed && tl_writer_maintain(writer, more);
        }
        tl_attachment_leave(attachment, TL_THREAD_WRITES);
        if (stopping) {
            return;
        }
    }
}
