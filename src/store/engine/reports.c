// The threads' side of an attachment: what they report, which failures are tried again and when, what they take.
#include "base/memory.h"
#include "store/engine/attachment.h"

#include <string.h>
#include <unistd.h>

// ---- events -------------------------------------------------------------------------------------------------------

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
    TL_ASSERT(result != TL_OK && result != TL_AGAIN);
    tl_note *note = attachment->last_note;
    if (!note) {
        return; // reported before
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
static void report_locked(tl_attachment *attachment, const tl_store_event *event)
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

// ---- failures ------------------------------------------------------------------------------------------------------

static bool is_final(tl_result result)
{
    return result == TL_ERR_CORRUPT || result == TL_ERR_VERSION || result == TL_ERR_MEMORY || result == TL_ERR_FULL ||
           result == TL_ERR_INVALID || result == TL_ERR_NOT_FOUND;
}

static void update_stall_locked(tl_attachment *attachment, const tl_fault *fault)
{
    bool stalled = false;
    for (int i = 0; i < TL_ACTIVITY_COUNT; i++) {
        stalled |= attachment->retry_states[i].reported;
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
    report_locked(attachment, &event);
}

static void failed_locked(tl_attachment *attachment, tl_activity activity, const tl_fault *fault)
{
    TL_ASSERT(fault->result != TL_OK && fault->result != TL_AGAIN);
    tl_retry_state *retry = &attachment->retry_states[activity];
    uint64_t now_us = tl_clock_steady_us();
    bool busy = fault->result == TL_ERR_BUSY;
    if (!retry->failing) {
        retry->failing = true;
        retry->since_us = now_us;
    }
    retry->retry_us = now_us + (busy ? TL_RETRY_BUSY_US + TL_RETRY_SERVER_US * (attachment->number % TL_RETRY_SERVERS)
                                     : TL_RETRY_FAULT_US);
    // What keeps another's log, or the checkpoints, busy holds up none of our records.
    bool matters = !busy || activity == TL_ACTIVITY_JOIN || activity == TL_ACTIVITY_COMMIT;
    if (matters && !retry->reported && (!busy || now_us - retry->since_us >= TL_STALL_BUSY_US)) {
        retry->reported = true;
        update_stall_locked(attachment, fault);
    }
}

bool tl_attachment_result(tl_attachment *attachment, tl_activity activity, tl_result result, const tl_fault *fault)
{
    TL_ASSERT(activity < TL_ACTIVITY_COUNT);
    bool well = result == TL_OK || result == TL_AGAIN;
    pthread_mutex_lock(&attachment->mutex);
    if (well && attachment->retry_states[activity].failing) {
        attachment->retry_states[activity] = (tl_retry_state){0};
        update_stall_locked(attachment, NULL);
    } else if (!well && is_final(result)) {
        fail_locked(attachment, fault->result, fault->text);
    } else if (!well) {
        failed_locked(attachment, activity, fault);
    }
    pthread_mutex_unlock(&attachment->mutex);
    return well;
}

bool tl_attachment_may_try(tl_attachment *attachment, tl_activity activity)
{
    TL_ASSERT(activity < TL_ACTIVITY_COUNT);
    pthread_mutex_lock(&attachment->mutex);
    const tl_retry_state *retry = &attachment->retry_states[activity];
    bool may = !retry->failing || tl_clock_steady_us() >= retry->retry_us;
    pthread_mutex_unlock(&attachment->mutex);
    return may;
}

// ---- threads that hang ---------------------------------------------------------------------------------------------

void tl_attachment_enter(tl_attachment *attachment, int thread)
{
    TL_ASSERT(thread >= 0 && thread < TL_ATTACHMENT_THREADS_MAX);
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
    TL_ASSERT(thread >= 0 && thread < TL_ATTACHMENT_THREADS_MAX);
    pthread_mutex_lock(&attachment->mutex);
    attachment->entered_us[thread] = 0;
    if (attachment->silent && !is_silent_locked(attachment, TL_ANSWER_US_GOOD)) {
        attachment->silent = false;
        attachment->retry_states[TL_ACTIVITY_ANSWER] = (tl_retry_state){0};
        update_stall_locked(attachment, NULL);
    }
    pthread_mutex_unlock(&attachment->mutex);
}

void tl_attachment_check_answers_locked(tl_attachment *attachment)
{
    if (!attachment->silent_text || attachment->silent || !is_silent_locked(attachment, TL_ANSWER_US_MAX)) {
        return;
    }
    tl_fault fault;
    attachment->silent = true;
    tl_fault_set(&fault, TL_ERR_UNAVAILABLE, attachment->place, attachment->silent_text);
    failed_locked(attachment, TL_ACTIVITY_ANSWER, &fault);
}

// ---- reports --------------------------------------------------------------------------------------------------------

void tl_attachment_notice(tl_attachment *attachment, const tl_fault *fault)
{
    tl_store_event event = {.type = TL_STORE_NOTICE, .result = fault->result};
    snprintf(event.text, sizeof(event.text), "%s", fault->text);
    pthread_mutex_lock(&attachment->mutex);
    report_locked(attachment, &event);
    pthread_mutex_unlock(&attachment->mutex);
}

void tl_attachment_report_joined(tl_attachment *attachment, tl_server_number number, const tl_log_head *head)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX && head->epoch > 0);
    pthread_mutex_lock(&attachment->mutex);
    TL_ASSERT(!attachment->joined);
    attachment->joined = true;
    attachment->number = number;
    attachment->epoch = head->epoch;
    attachment->submitted_tick = attachment->committed_tick = attachment->joined_tick = head->tick;
    report_locked(attachment,
                  &(tl_store_event){
                      .type = TL_STORE_JOINED, .server = attachment->number, .epoch = head->epoch, .tick = head->tick});
    tl_attachment_wake_locked(attachment); // the following thread may begin
    pthread_mutex_unlock(&attachment->mutex);
}

void tl_attachment_report_committed(tl_attachment *attachment, size_t count)
{
    uint64_t done_us = tl_clock_real_us();
    pthread_mutex_lock(&attachment->mutex);
    for (size_t i = 0; i < count; i++) {
        tl_work *record = tl_work_queue_pop(&attachment->records);
        report_locked(attachment, &(tl_store_event){.type = TL_STORE_COMMITTED,
                                                    .server = attachment->number,
                                                    .epoch = attachment->epoch,
                                                    .tick = record->tick,
                                                    .begun_us = record->begun_us,
                                                    .done_us = done_us});
        attachment->committed_tick = record->tick;
        tl_free(record);
    }
    pthread_cond_broadcast(&attachment->idle_cond);
    pthread_mutex_unlock(&attachment->mutex);
}

void tl_attachment_report_lost(tl_attachment *attachment, const tl_log_epoch *epoch)
{
    pthread_mutex_lock(&attachment->mutex);
    TL_ASSERT(attachment->joined && !attachment->lost);
    attachment->lost = true;
    attachment->lost_epoch = *epoch;
    tl_work_queue_clear(&attachment->records);
    tl_work_queue_clear(&attachment->fences);
    tl_work_queue_clear(&attachment->maintenance);
    // Nothing of that is tried again, and so nothing would end the stall.
    static const tl_activity over[] = {TL_ACTIVITY_COMMIT, TL_ACTIVITY_FENCE, TL_ACTIVITY_LEASE,
                                       TL_ACTIVITY_MAINTENANCE};
    for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
        attachment->retry_states[over[i]] = (tl_retry_state){0};
    }
    update_stall_locked(attachment, NULL);
    report_locked(attachment, &(tl_store_event){.type = TL_STORE_LOST,
                                                .server = attachment->number,
                                                .heir = (tl_server_number)epoch->heir,
                                                .epoch = attachment->epoch,
                                                .tick = epoch->last_tick});
    pthread_cond_broadcast(&attachment->idle_cond);
    tl_attachment_wake_locked(attachment);
    pthread_mutex_unlock(&attachment->mutex);
}

bool tl_attachment_push(tl_attachment *attachment, tl_note *note)
{
    TL_ASSERT(note);
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

// ---- work out ------------------------------------------------------------------------------------------------------

size_t tl_attachment_take(tl_attachment *attachment, const tl_work_queue *queue, tl_work_type type, size_t count_max,
                          size_t bytes_max, tl_work **out)
{
    TL_ASSERT(count_max > 0);
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
    size_t count = tl_attachment_take(attachment, &attachment->maintenance, TL_WORK_CHECKPOINT, count_max, bytes_max,
                                      out);
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
        tl_free(tl_work_queue_pop(queue));
    }
    pthread_cond_broadcast(&attachment->idle_cond);
    pthread_mutex_unlock(&attachment->mutex);
}

void tl_attachment_wait_locked(tl_attachment *attachment, uint32_t *wakeups, uint64_t until_us)
{
    struct timespec until = tl_clock_timespec(until_us);
    bool waits = *wakeups == attachment->wakeups && !attachment->stopping;
    if (waits && until_us == UINT64_MAX) {
        pthread_cond_wait(&attachment->work_cond, &attachment->mutex);
    } else if (waits) {
        pthread_cond_timedwait(&attachment->work_cond, &attachment->mutex, &until);
    }
    *wakeups = attachment->wakeups;
}

void tl_attachment_look_again(tl_attachment *attachment)
{
    pthread_mutex_lock(&attachment->mutex);
    attachment->look_again = true;
    tl_attachment_wake_locked(attachment);
    pthread_mutex_unlock(&attachment->mutex);
}

void tl_attachment_suspect_lease(tl_attachment *attachment)
{
    pthread_mutex_lock(&attachment->mutex);
    if (attachment->joined && !attachment->lost) {
        attachment->lease_suspect = true;
        tl_attachment_wake_locked(attachment);
    }
    pthread_mutex_unlock(&attachment->mutex);
}

bool tl_attachment_take_suspicion(tl_attachment *attachment)
{
    pthread_mutex_lock(&attachment->mutex);
    bool suspected = attachment->lease_suspect;
    attachment->lease_suspect = false;
    pthread_mutex_unlock(&attachment->mutex);
    return suspected;
}
