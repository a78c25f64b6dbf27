#include "store/engine/attachment.h"

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
    tl_work_queue_clear(&attachment->chores);
    tl_note_queue_clear(&attachment->notes);
    free(attachment->told);
    free(attachment->last_note);
    if (attachment->event_fd >= 0) {
        close(attachment->event_fd);
    }
    pthread_cond_destroy(&attachment->idle_cond);
    pthread_cond_destroy(&attachment->work_cond);
    pthread_mutex_destroy(&attachment->mutex);
}

tl_result tl_attachment_begin(tl_attachment *attachment, const char *name)
{
    if (name && !tl_store_name_is_valid(name)) {
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

// Signals are for the caller's threads; and a file that may not grow must give an error, not SIGXFSZ.
bool tl_attachment_spawn(pthread_t *out, void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool spawned = pthread_create(out, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return spawned;
}

static void kick_locked(tl_attachment *attachment)
{
    attachment->kicks++;
    pthread_cond_broadcast(&attachment->work_cond);
}

void tl_attachment_stop(tl_attachment *attachment, bool leave)
{
    pthread_mutex_lock(&attachment->mutex);
    attachment->stopping = true;
    attachment->leaving = leave;
    kick_locked(attachment);
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
    kick_locked(attachment);
    return TL_OK;
}

// The caller's time is that of its step's beginning; a commit begins when it is handed over.
static uint64_t begin_us(uint64_t caller_us)
{
    uint64_t now_us = tl_clock_real_us();
    return now_us > caller_us && now_us - caller_us < 1000000u ? now_us : caller_us;
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
        free(work);
    }
    return result;
}

static tl_result queue_locked(tl_attachment *attachment, tl_work_queue *queue, tl_work *work, size_t count_max)
{
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
    kick_locked(attachment);
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
        free(work);
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
    return queue_work(attachment, &attachment->chores, work, TL_STORE_CHORES_MAX);
}

tl_result tl_attachment_cut(tl_store *base, int64_t tick)
{
    tl_attachment *attachment = self_of(base);
    tl_work *work = tl_work_create(TL_WORK_CUT, NULL, 0);
    if (work) {
        work->tick = tick;
    }
    return queue_work(attachment, &attachment->chores, work, TL_STORE_CHORES_MAX);
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

// ---- threads that hang ---------------------------------------------------------------------------------------------

static void update_stall_locked(tl_attachment *attachment, const tl_fault *fault);
static void went_wrong_locked(tl_attachment *attachment, tl_activity activity, const tl_fault *fault);

void tl_attachment_enter(tl_attachment *attachment, int thread)
{
    pthread_mutex_lock(&attachment->mutex);
    attachment->entered_us[thread] = tl_clock_steady_us();
    pthread_mutex_unlock(&attachment->mutex);
}

// Whether some thread has been at the same thing for so long.
static bool is_silent_locked(const tl_attachment *attachment, uint64_t limit_us)
{
    for (int i = 0; i < TL_ATTACHMENT_THREADS_MAX; i++) {
        uint64_t entered_us = attachment->entered_us[i];
        if (entered_us != 0 && tl_clock_steady_us() > entered_us + limit_us) {
            return true;
        }
    }
    return false;
}

void tl_attachment_leave(tl_attachment *attachment, int thread)
{
    pthread_mutex_lock(&attachment->mutex);
    attachment->entered_us[thread] = 0;
    if (attachment->silent && !is_silent_locked(attachment, TL_ANSWER_US_GOOD)) {
        attachment->silent = false;
        attachment->troubles[TL_ACTIVITY_ANSWER] = (tl_trouble){0};
        update_stall_locked(attachment, NULL);
    }
    pthread_mutex_unlock(&attachment->mutex);
}

static void check_answers_locked(tl_attachment *attachment)
{
    if (attachment->silent || !is_silent_locked(attachment, TL_ANSWER_US_MAX)) {
        return;
    }
    tl_fault fault;
    attachment->silent = true;
    tl_fault_set(&fault, TL_ERR_UNAVAILABLE, attachment->place, attachment->silent_text);
    went_wrong_locked(attachment, TL_ACTIVITY_ANSWER, &fault);
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
    free(attachment->told);
    pthread_mutex_lock(&attachment->mutex);
    check_answers_locked(attachment);
    attachment->told = tl_note_queue_pop(&attachment->notes);
    if (attachment->told && is_own_note(attachment->told->event.type)) {
        TL_ASSERT(attachment->own_notes > 0);
        attachment->own_notes--;
    }
    if (attachment->told && attachment->notes.count == 0) {
        uint64_t count = 0;
        ssize_t taken = read(attachment->event_fd, &count, sizeof(count));
        TL_ASSERT(taken == sizeof(count));
    }
    if (attachment->starved && attachment->notes.count < TL_NOTES_MAX / 2 &&
        attachment->notes.bytes < TL_NOTES_BYTES_MAX / 2) {
        attachment->starved = false;
        kick_locked(attachment);
    }
    pthread_mutex_unlock(&attachment->mutex);
    if (!attachment->told) {
        return TL_AGAIN;
    }
    *out = attachment->told->event;
    return TL_OK;
}

int tl_attachment_wait_fd(tl_store *base)
{
    return self_of(base)->event_fd;
}

static size_t queued_locked(const tl_attachment *attachment)
{
    return attachment->records.count + attachment->fences.count + attachment->chores.count;
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

// ---- telling -------------------------------------------------------------------------------------------------------

static void push_locked(tl_attachment *attachment, tl_note *note)
{
    if (attachment->notes.count == 0) {
        uint64_t one = 1;
        ssize_t written = write(attachment->event_fd, &one, sizeof(one));
        TL_ASSERT(written == sizeof(one));
    }
    tl_note_queue_push(&attachment->notes, note);
}

static void fail_locked(tl_attachment *attachment, tl_result result, const char *text)
{
    tl_note *note = attachment->last_note;
    if (!note) {
        return; // told already
    }
    attachment->last_note = NULL;
    attachment->failed = true;
    note->event.result = result;
    snprintf(note->event.text, sizeof(note->event.text), "%s", text);
    push_locked(attachment, note);
    pthread_cond_broadcast(&attachment->idle_cond);
}

void tl_attachment_fail(tl_attachment *attachment, const tl_fault *fault)
{
    pthread_mutex_lock(&attachment->mutex);
    fail_locked(attachment, fault->result, fault->text);
    pthread_mutex_unlock(&attachment->mutex);
}

// An own event: never held back.
static void tell_locked(tl_attachment *attachment, const tl_store_event *event)
{
    tl_note *note = tl_note_create(event->type, 0);
    if (!note) {
        fail_locked(attachment, TL_ERR_MEMORY, tl_result_text(TL_ERR_MEMORY));
        return;
    }
    note->event = *event;
    note->event.data = note->data;
    note->event.size = 0;
    push_locked(attachment, note);
    attachment->own_notes++;
}

void tl_attachment_notice(tl_attachment *attachment, const tl_fault *fault)
{
    tl_store_event event = {.type = TL_STORE_NOTICE, .result = fault->result};
    snprintf(event.text, sizeof(event.text), "%s", fault->text);
    pthread_mutex_lock(&attachment->mutex);
    tell_locked(attachment, &event);
    pthread_mutex_unlock(&attachment->mutex);
}

void tl_attachment_tell_joined(tl_attachment *attachment, const tl_log_head *head)
{
    pthread_mutex_lock(&attachment->mutex);
    attachment->joined = true;
    attachment->epoch = head->epoch;
    attachment->submitted_tick = attachment->committed_tick = head->tick;
    tell_locked(attachment,
                &(tl_store_event){
                    .type = TL_STORE_JOINED, .server = attachment->number, .epoch = head->epoch, .tick = head->tick});
    pthread_mutex_unlock(&attachment->mutex);
}

void tl_attachment_tell_committed(tl_attachment *attachment, size_t count)
{
    uint64_t done_us = tl_clock_real_us();
    pthread_mutex_lock(&attachment->mutex);
    for (size_t i = 0; i < count; i++) {
        tl_work *record = tl_work_queue_pop(&attachment->records);
        tell_locked(attachment, &(tl_store_event){.type = TL_STORE_COMMITTED,
                                                  .server = attachment->number,
                                                  .epoch = attachment->epoch,
                                                  .tick = record->tick,
                                                  .begun_us = record->begun_us,
                                                  .done_us = done_us});
        attachment->committed_tick = record->tick;
        free(record);
    }
    pthread_cond_broadcast(&attachment->idle_cond);
    pthread_mutex_unlock(&attachment->mutex);
}

static void update_stall_locked(tl_attachment *attachment, const tl_fault *fault);

void tl_attachment_tell_lost(tl_attachment *attachment, const tl_log_epoch *epoch)
{
    pthread_mutex_lock(&attachment->mutex);
    attachment->lost = true;
    tl_work_queue_clear(&attachment->records);
    tl_work_queue_clear(&attachment->fences);
    tl_work_queue_clear(&attachment->chores);
    for (int i = 0; i < TL_ACTIVITY_COUNT; i++) { // nothing of that is tried again, and so nothing would end the stall
        if (i == TL_ACTIVITY_COMMIT || i == TL_ACTIVITY_FENCE || i == TL_ACTIVITY_CHORE) {
            attachment->troubles[i] = (tl_trouble){0};
        }
    }
    update_stall_locked(attachment, NULL);
    tell_locked(attachment, &(tl_store_event){.type = TL_STORE_LOST,
                                              .server = attachment->number,
                                              .heir = (tl_server_number)epoch->heir,
                                              .epoch = attachment->epoch,
                                              .tick = epoch->last_tick});
    pthread_cond_broadcast(&attachment->idle_cond);
    pthread_mutex_unlock(&attachment->mutex);
}

bool tl_attachment_push(tl_attachment *attachment, tl_note *note)
{
    pthread_mutex_lock(&attachment->mutex);
    bool room = attachment->notes.count - attachment->own_notes < TL_NOTES_MAX &&
                attachment->notes.bytes < TL_NOTES_BYTES_MAX;
    if (room) {
        note->event.done_us = tl_clock_real_us();
        push_locked(attachment, note);
    }
    attachment->starved = !room;
    pthread_mutex_unlock(&attachment->mutex);
    return room;
}

// ---- trouble -------------------------------------------------------------------------------------------------------

static bool is_final(tl_result result)
{
    return result == TL_ERR_CORRUPT || result == TL_ERR_VERSION || result == TL_ERR_MEMORY || result == TL_ERR_FULL ||
           result == TL_ERR_INVALID || result == TL_ERR_NOT_FOUND;
}

static void update_stall_locked(tl_attachment *attachment, const tl_fault *fault)
{
    bool stalled = false;
    for (int i = 0; i < TL_ACTIVITY_COUNT; i++) {
        stalled |= attachment->troubles[i].told;
    }
    if (stalled == attachment->stalled) {
        return;
    }
    attachment->stalled = stalled;
    tl_store_event event = {.type = stalled ? TL_STORE_STALLED : TL_STORE_RECOVERED};
    if (stalled) {
        event.result = fault->result;
        memcpy(event.text, fault->text, sizeof(event.text));
    }
    tell_locked(attachment, &event);
}

static void went_wrong_locked(tl_attachment *attachment, tl_activity activity, const tl_fault *fault)
{
    tl_trouble *trouble = &attachment->troubles[activity];
    uint64_t now_us = tl_clock_steady_us();
    bool busy = fault->result == TL_ERR_BUSY;
    if (!trouble->failing) {
        trouble->failing = true;
        trouble->since_us = now_us;
    }
    // Two fencers may hold each other's lock: the pause differs by server.
    trouble->retry_us = now_us + (busy ? TL_RETRY_BUSY_US + 500u * (attachment->number % 8u) : TL_RETRY_FAULT_US);
    // What keeps another's log, or the checkpoints, busy holds up none of our records.
    bool matters = !busy || activity == TL_ACTIVITY_JOIN || activity == TL_ACTIVITY_COMMIT;
    if (matters && !trouble->told && (!busy || now_us - trouble->since_us >= TL_STALL_BUSY_US)) {
        trouble->told = true;
        update_stall_locked(attachment, fault);
    }
}

bool tl_attachment_went(tl_attachment *attachment, tl_activity activity, tl_result result, const tl_fault *fault)
{
    bool well = result == TL_OK || result == TL_AGAIN;
    pthread_mutex_lock(&attachment->mutex);
    if (well && attachment->troubles[activity].failing) {
        attachment->troubles[activity] = (tl_trouble){0};
        update_stall_locked(attachment, NULL);
    } else if (!well && is_final(result)) {
        fail_locked(attachment, fault->result, fault->text);
    } else if (!well) {
        went_wrong_locked(attachment, activity, fault);
    }
    pthread_mutex_unlock(&attachment->mutex);
    return well;
}

bool tl_attachment_may_try(tl_attachment *attachment, tl_activity activity)
{
    pthread_mutex_lock(&attachment->mutex);
    const tl_trouble *trouble = &attachment->troubles[activity];
    bool may = !trouble->failing || tl_clock_steady_us() >= trouble->retry_us;
    pthread_mutex_unlock(&attachment->mutex);
    return may;
}

// ---- work out ------------------------------------------------------------------------------------------------------

size_t tl_attachment_take(tl_attachment *attachment, const tl_work_queue *queue, tl_work_type type, size_t count_max,
                          size_t bytes_max, tl_work **out)
{
    size_t count = 0, bytes = 0;
    pthread_mutex_lock(&attachment->mutex);
    for (tl_work *work = queue->first; work && work->type == type && count < count_max; work = work->next) {
        if (count > 0 && bytes + work->size > bytes_max) {
            break;
        }
        out[count++] = work;
        bytes += work->size;
    }
    pthread_mutex_unlock(&attachment->mutex);
    return count;
}

size_t tl_attachment_take_records(tl_attachment *attachment, size_t count_max, size_t bytes_max, tl_work **out)
{
    return tl_attachment_may_try(attachment, TL_ACTIVITY_COMMIT)
               ? tl_attachment_take(attachment, &attachment->records, TL_WORK_RECORD, count_max, bytes_max, out)
               : 0;
}

size_t tl_attachment_take_checkpoints(tl_attachment *attachment, size_t count_max, size_t bytes_max, tl_work **out)
{
    size_t count = tl_attachment_take(attachment, &attachment->chores, TL_WORK_CHECKPOINT, count_max, bytes_max, out);
    size_t ready = 0;
    pthread_mutex_lock(&attachment->mutex);
    while (ready < count && out[ready]->tick <= attachment->committed_tick) {
        ready++;
    }
    pthread_mutex_unlock(&attachment->mutex);
    return ready;
}

void tl_attachment_drop(tl_attachment *attachment, tl_work_queue *queue, size_t count)
{
    pthread_mutex_lock(&attachment->mutex);
    for (size_t i = 0; i < count; i++) {
        free(tl_work_queue_pop(queue));
    }
    pthread_cond_broadcast(&attachment->idle_cond);
    pthread_mutex_unlock(&attachment->mutex);
}

void tl_attachment_wait_locked(tl_attachment *attachment, uint64_t until_us)
{
    struct timespec until = tl_clock_timespec(until_us);
    if (attachment->failed) {
        pthread_cond_wait(&attachment->work_cond, &attachment->mutex);
    } else {
        pthread_cond_timedwait(&attachment->work_cond, &attachment->mutex, &until);
    }
}
