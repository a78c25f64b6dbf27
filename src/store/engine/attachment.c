#include "store/engine/attachment.h"
#include "base/memory.h"

#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

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

uint64_t tl_clock_steady_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

struct timespec tl_clock_timespec(uint64_t us)
{
    return (struct timespec){.tv_sec = (time_t)(us / 1000000u), .tv_nsec = (long)(us % 1000000u) * 1000};
}

static tl_attachment *self_of(tl_store *base)
{
    return (tl_attachment *)base;
}

// ---- life ----------------------------------------------------------------------------------------------------------

bool tl_attachment_init(tl_attachment *attachment, const tl_store_ops *ops)
{
    TL_ASSERT(ops && ops->poll);
    attachment->base.ops = ops;
    attachment->submitted_tick = attachment->committed_tick = -1;
    attachment->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    attachment->last_note = tl_note_create(TL_STORE_FAILED, 0);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&attachment->mutex, NULL);
    pthread_cond_init(&attachment->work_cond, &attributes);
    pthread_cond_init(&attachment->idle_cond, &attributes);
    pthread_condattr_destroy(&attributes);
    if (attachment->event_fd < 0 || !attachment->last_note) {
        tl_attachment_free(attachment);
        return false;
    }
    return true;
}

void tl_attachment_free(tl_attachment *attachment)
{
    tl_work_queue_clear(&attachment->records);
    tl_work_queue_clear(&attachment->fences);
    tl_work_queue_clear(&attachment->maintenance);
    tl_note_queue_clear(&attachment->notes);
    tl_free(attachment->polled);
    tl_free(attachment->last_note);
    if (attachment->event_fd >= 0) {
        close(attachment->event_fd);
    }
    pthread_cond_destroy(&attachment->idle_cond);
    pthread_cond_destroy(&attachment->work_cond);
    pthread_mutex_destroy(&attachment->mutex);
}

tl_result tl_attachment_begin(tl_attachment *attachment, const char *name)
{
    if (name && !tl_name_valid(name)) {
        return TL_ERR_INVALID;
    }
    if (attachment->started) {
        return TL_ERR_STATE;
    }
    if (name && attachment->read_only) {
        return TL_ERR_READ_ONLY;
    }
    snprintf(attachment->name, sizeof(attachment->name), "%s", name ? name : "");
    return TL_OK;
}

tl_result tl_attachment_check_create(const tl_attachment *attachment, const tl_world_info *info)
{
    tl_result result = tl_world_info_check(info);
    if (result != TL_OK) {
        return result;
    }
    if (attachment->read_only) {
        return TL_ERR_READ_ONLY;
    }
    return attachment->started ? TL_ERR_EXISTS : TL_OK;
}

tl_result tl_attachment_check_restore(const tl_attachment *attachment, tl_fault *fault)
{
    if (attachment->started) {
        return tl_fault_set(fault, TL_ERR_STATE, attachment->place, "a store that was joined cannot be copied into");
    }
    return attachment->read_only ? tl_fault_set(fault, TL_ERR_READ_ONLY, attachment->place, "opened for reading only")
                                 : TL_OK;
}

tl_result tl_attachment_check_aside(const tl_attachment *attachment, tl_fault *fault)
{
    return attachment->started ? tl_fault_set(fault, TL_ERR_STATE, attachment->place, "it was joined") : TL_OK;
}

// Signals are for the caller's threads; and a file that may not grow must return an error, not raise SIGXFSZ.
bool tl_attachment_spawn(pthread_t *out, void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool spawned = pthread_create(out, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return spawned;
}

void tl_attachment_wake_locked(tl_attachment *attachment)
{
    attachment->wakeups++;
    pthread_cond_broadcast(&attachment->work_cond);
}

void tl_attachment_stop(tl_attachment *attachment, bool leave)
{
    TL_ASSERT(!attachment->stopping);
    pthread_mutex_lock(&attachment->mutex);
    attachment->stopping = true;
    attachment->leaving = leave;
    tl_attachment_wake_locked(attachment);
    pthread_mutex_unlock(&attachment->mutex);
}

// ---- work in -------------------------------------------------------------------------------------------------------

static tl_result check_writable_locked(const tl_attachment *attachment)
{
    if (attachment->lost) {
        return TL_ERR_FENCED;
    }
    return attachment->joined && !attachment->failed ? TL_OK : TL_ERR_STATE;
}

static tl_result submit_locked(tl_attachment *attachment, tl_work *work)
{
    TL_ASSERT(work->type == TL_WORK_RECORD);
    tl_result result = check_writable_locked(attachment);
    if (result != TL_OK) {
        return result;
    }
    if (work->tick <= attachment->submitted_tick) {
        return TL_ERR_INVALID;
    }
    if (tl_work_queue_is_full(&attachment->records, work->size, TL_STORE_RECORDS_MAX) ||
        attachment->own_notes >= TL_STORE_UNPOLLED_MAX) {
        return TL_ERR_FULL;
    }
    attachment->submitted_tick = work->tick;
    tl_work_queue_push(&attachment->records, work);
    tl_attachment_wake_locked(attachment);
    return TL_OK;
}

enum { STEP_US_MAX = 1000000 }; // a caller's time that is older is of another clock

// The caller's time is that of its step's beginning; a commit begins when it is handed over.
static uint64_t begin_us(uint64_t caller_us)
{
    uint64_t now_us = tl_clock_real_us();
    return now_us > caller_us && now_us - caller_us < STEP_US_MAX ? now_us : caller_us;
}

tl_result tl_attachment_submit(tl_store *base, int64_t tick, const void *data, size_t size, uint64_t now_us)
{
    tl_attachment *attachment = self_of(base);
    if (size > TL_RECORD_BYTES_MAX || tick < 0) {
        return TL_ERR_INVALID;
    }
    tl_work *work = tl_work_create(TL_WORK_RECORD, data, size);
    if (!work) {
        return TL_ERR_MEMORY;
    }
    work->tick = tick;
    work->begun_us = begin_us(now_us);
    pthread_mutex_lock(&attachment->mutex);
    tl_result result = submit_locked(attachment, work);
    pthread_mutex_unlock(&attachment->mutex);
    if (result != TL_OK) {
        tl_free(work);
    }
    return result;
}

static tl_result queue_locked(tl_attachment *attachment, tl_work_queue *queue, tl_work *work, size_t count_max)
{
    TL_ASSERT(work->type != TL_WORK_RECORD);
    tl_result result = check_writable_locked(attachment);
    if (result != TL_OK) {
        return result;
    }
    if (work->type == TL_WORK_CHECKPOINT && work->tick > attachment->submitted_tick) {
        return TL_ERR_INVALID;
    }
    if (work->type == TL_WORK_FENCE && work->server == attachment->number) {
        return TL_ERR_INVALID;
    }
    if (tl_work_queue_is_full(queue, work->size, count_max)) {
        return TL_ERR_FULL;
    }
    tl_work_queue_push(queue, work);
    tl_attachment_wake_locked(attachment);
    return TL_OK;
}

static tl_result queue_work(tl_attachment *attachment, tl_work_queue *queue, tl_work *work, size_t count_max)
{
    if (!work) {
        return TL_ERR_MEMORY;
    }
    pthread_mutex_lock(&attachment->mutex);
    tl_result result = queue_locked(attachment, queue, work, count_max);
    pthread_mutex_unlock(&attachment->mutex);
    if (result != TL_OK) {
        tl_free(work);
    }
    return result;
}

tl_result tl_attachment_checkpoint(tl_store *base, tl_group_id group, int64_t tick, const void *data, size_t size)
{
    tl_attachment *attachment = self_of(base);
    if (group == 0 || tick < 0 || size > TL_RECORD_BYTES_MAX) {
        return TL_ERR_INVALID;
    }
    tl_work *work = tl_work_create(TL_WORK_CHECKPOINT, data, size);
    if (work) {
        work->group = group;
        work->tick = tick;
    }
    return queue_work(attachment, &attachment->maintenance, work, TL_STORE_MAINTENANCE_MAX);
}

tl_result tl_attachment_truncate(tl_store *base, int64_t tick)
{
    tl_attachment *attachment = self_of(base);
    tl_work *work = tl_work_create(TL_WORK_TRUNCATE, NULL, 0);
    if (work) {
        work->tick = tick;
    }
    return queue_work(attachment, &attachment->maintenance, work, TL_STORE_MAINTENANCE_MAX);
}

tl_result tl_attachment_fence(tl_store *base, tl_server_number server, uint32_t epoch, int64_t tick)
{
    tl_attachment *attachment = self_of(base);
    if (server < 1 || server > TL_SERVERS_MAX || epoch < 1) {
        return TL_ERR_INVALID;
    }
    return queue_work(attachment, &attachment->fences, tl_work_create_fence(server, epoch, tick), TL_STORE_FENCES_MAX);
}

tl_result tl_attachment_quarantine(tl_store *base, tl_server_number server, uint32_t epoch, int64_t tick,
                                   const void *bad, size_t bad_bytes)
{
    tl_attachment *attachment = self_of(base);
    if (server < 1 || server > TL_SERVERS_MAX || epoch < 1 || tick < -1 || bad_bytes > TL_RECORD_BYTES_MAX) {
        return TL_ERR_INVALID;
    }
    tl_work *work = tl_work_create_quarantine(server, epoch, tick, bad, bad_bytes);
    return queue_work(attachment, &attachment->fences, work, TL_STORE_FENCES_MAX);
}

// ---- events out ----------------------------------------------------------------------------------------------------

static bool is_own_note(tl_store_event_type type)
{
    return type == TL_STORE_JOINED || type == TL_STORE_COMMITTED || type == TL_STORE_LOST || type == TL_STORE_STALLED ||
           type == TL_STORE_RECOVERED || type == TL_STORE_NOTICE;
}

tl_result tl_attachment_poll(tl_store *base, tl_store_event *out)
{
    tl_attachment *attachment = self_of(base);
    tl_free(attachment->polled);
    pthread_mutex_lock(&attachment->mutex);
    tl_attachment_check_answers_locked(attachment);
    attachment->polled = tl_note_queue_pop(&attachment->notes);
    if (attachment->polled && is_own_note(attachment->polled->event.type)) {
        TL_ASSERT(attachment->own_notes > 0);
        attachment->own_notes--;
    }
    if (attachment->polled && attachment->notes.count == 0) {
        uint64_t count = 0;
        ssize_t taken = read(attachment->event_fd, &count, sizeof(count));
        TL_ASSERT(taken == sizeof(count));
    }
    if (attachment->starved && attachment->notes.count < TL_NOTES_MAX / 2 &&
        attachment->notes.bytes < TL_NOTES_BYTES_MAX / 2) {
        attachment->starved = false;
        tl_attachment_wake_locked(attachment);
    }
    pthread_mutex_unlock(&attachment->mutex);
    if (!attachment->polled) {
        return TL_AGAIN;
    }
    *out = attachment->polled->event;
    return TL_OK;
}

int tl_attachment_wait_fd(tl_store *base)
{
    return self_of(base)->event_fd;
}

static size_t queued_locked(const tl_attachment *attachment)
{
    return attachment->records.count + attachment->fences.count + attachment->maintenance.count;
}

tl_result tl_attachment_drain(tl_store *base, int timeout_ms)
{
    tl_attachment *attachment = self_of(base);
    struct timespec until = tl_clock_timespec(tl_clock_steady_us() +
                                              (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000u);
    int waited = 0;
    pthread_mutex_lock(&attachment->mutex);
    while (waited == 0 && !attachment->failed && queued_locked(attachment) > 0) {
        waited = pthread_cond_timedwait(&attachment->idle_cond, &attachment->mutex, &until);
    }
    bool empty = queued_locked(attachment) == 0;
    pthread_mutex_unlock(&attachment->mutex);
    return empty ? TL_OK : TL_AGAIN;
}
