// One attachment to a store whose I/O is done by threads of the backend's own: the queues between them and the caller's
// thread, and what they report. A backend's own struct begins with it. The caller's side never waits; the
// threads' side may be called from any of the backend's threads.
#ifndef TRAMLINE_STORE_ENGINE_ATTACHMENT_H
#define TRAMLINE_STORE_ENGINE_ATTACHMENT_H

#include "store/engine/log.h"

#include <pthread.h>
#include <time.h>

enum {
    TL_NOTES_MAX = 1024,           // followed, and not yet polled: then following waits
    TL_NOTES_BYTES_MAX = 64 << 20, // the same
    TL_RETRY_BUSY_US = 2000,       // after a lock was not had,
    TL_RETRY_SERVER_US = 500,      // and so much more for each server number modulo TL_RETRY_SERVERS:
    TL_RETRY_SERVERS = 8,          // two fencers may hold each other's lock
    TL_RETRY_FAULT_US = 50000,     // after anything else
    TL_STALL_BUSY_US = 100000,     // locked for so long is reported as a stall
    TL_ANSWER_US_MAX = 1500000,    // a thread that works for longer without an end is reported as a stall
    TL_ANSWER_US_GOOD = 200000,    // it is over once no other thread has been at work for longer than this
};

// What a backend's threads are for; one thread may do both.
enum { TL_THREAD_WRITES, TL_THREAD_FOLLOWS, TL_ATTACHMENT_THREADS_MAX };

// What the threads do, each with its own record of failures.
typedef enum tl_activity {
    TL_ACTIVITY_JOIN,
    TL_ACTIVITY_COMMIT,
    TL_ACTIVITY_FENCE,
    TL_ACTIVITY_LEASE, // looks whether the own epoch still goes on
    TL_ACTIVITY_FOLLOW,
    TL_ACTIVITY_MAINTENANCE,
    TL_ACTIVITY_ANSWER, // a thread comes back from the disk, or from the library below it
    TL_ACTIVITY_COUNT,
} tl_activity;

typedef struct tl_retry_state {
    bool failing;
    bool reported; // counts towards the stall
    uint64_t since_us, retry_us;
} tl_retry_state;

typedef struct tl_attachment {
    tl_store base;
    // Set before a thread runs, fixed from then on.
    bool read_only, started;
    char name[TL_NAME_BYTES_MAX + 1]; // "": only follows
    const char *place;                // of the store, for faults
    const char *silent_text; // what to do if a thread does not come back; NULL: the backend reports that by itself
    tl_world_info info;
    // Of the caller's thread.
    tl_note *polled; // the last one

    // Under the mutex.
    pthread_mutex_t mutex;
    pthread_cond_t work_cond; // to the threads: work, free space in a queue, or the end
    pthread_cond_t idle_cond; // from the threads: something was done
    uint32_t wakeups;         // how often the threads were woken
    bool stopping, leaving;
    bool joined, lost, failed;
    tl_server_number number;
    uint32_t epoch;
    int64_t joined_tick; // the last committed one at the join
    int64_t submitted_tick, committed_tick;
    tl_log_epoch lost_epoch; // once the lease is lost
    bool lease_suspect;      // something shows that the own epoch has ended: the writing thread looks
    bool look_again;         // something was done that shows in the logs: the following thread looks
    tl_work_queue records, fences, maintenance;
    tl_note_queue notes;
    size_t own_notes; // of them, those that are not held back by TL_NOTES_MAX
    bool starved;     // the follower waits for free space
    int event_fd;
    tl_note *last_note; // kept for FAILED, so that it can be reported without memory
    tl_retry_state retry_states[TL_ACTIVITY_COUNT];
    bool stalled;
    // When each thread began what it is at, by the steady clock; 0: it is at nothing. A thread that hangs cannot report
    // it itself: poll() does.
    uint64_t entered_us[TL_ATTACHMENT_THREADS_MAX];
    bool silent; // poll() has reported one that hangs
} tl_attachment;

// False if memory or file descriptors are out; then nothing is left to free.
bool tl_attachment_init(tl_attachment *attachment, const tl_store_ops *ops);
// After the threads have ended.
void tl_attachment_free(tl_attachment *attachment);

// ---- the caller's side ---------------------------------------------------------------------------------------------

// Those of tl_store_ops that every backend with an attachment has.
tl_result tl_attachment_submit(tl_store *base, int64_t tick, const void *data, size_t size, uint64_t now_us);
tl_result tl_attachment_checkpoint(tl_store *base, tl_group_id group, int64_t tick, const void *data, size_t size);
tl_result tl_attachment_truncate(tl_store *base, int64_t tick);
tl_result tl_attachment_fence(tl_store *base, tl_server_number server, uint32_t epoch, int64_t tick);
tl_result tl_attachment_quarantine(tl_store *base, tl_server_number server, uint32_t epoch, int64_t tick,
                                   const void *bad, size_t bad_bytes);
tl_result tl_attachment_poll(tl_store *base, tl_store_event *out);
int tl_attachment_wait_fd(tl_store *base);
tl_result tl_attachment_drain(tl_store *base, int timeout_ms);
// Whether a join under that name (NULL: follow only) is in order now; takes note of the name.
tl_result tl_attachment_begin(tl_attachment *attachment, const char *name);
// Whether, before a join, a world may be made; one may be copied in; what was set aside may be read. Read-only and
// joined attachments say why not.
tl_result tl_attachment_check_create(const tl_attachment *attachment, const tl_world_info *info);
tl_result tl_attachment_check_restore(const tl_attachment *attachment, tl_fault *fault);
tl_result tl_attachment_check_aside(const tl_attachment *attachment, tl_fault *fault);
// Starts a thread that no signal interrupts.
bool tl_attachment_spawn(pthread_t *out, void *(*run)(void *), void *argument);
// Asks the threads to end.
void tl_attachment_stop(tl_attachment *attachment, bool leave);

// ---- the threads' side ---------------------------------------------------------------------------------------------

// Records an activity's result; returns whether it was a success (TL_OK, TL_AGAIN). A final failure is reported as
// FAILED, one that lasts as STALLED, its end as RECOVERED.
bool tl_attachment_result(tl_attachment *attachment, tl_activity activity, tl_result result, const tl_fault *fault);
// Brackets calls that may hang: a disk, a library. Entering again means that the last call returned.
void tl_attachment_enter(tl_attachment *attachment, int thread);
void tl_attachment_leave(tl_attachment *attachment, int thread);
bool tl_attachment_may_try(tl_attachment *attachment, tl_activity activity);
void tl_attachment_fail(tl_attachment *attachment, const tl_fault *fault);
// Reports what an operator should know of, as NOTICE.
void tl_attachment_notice(tl_attachment *attachment, const tl_fault *fault);
void tl_attachment_report_joined(tl_attachment *attachment, tl_server_number number, const tl_log_head *head);
// The first `count` records are committed: reported and dropped, all at once.
void tl_attachment_report_committed(tl_attachment *attachment, size_t count);
// The own epoch has ended: what is queued is dropped.
void tl_attachment_report_lost(tl_attachment *attachment, const tl_log_epoch *epoch);
// Hands over what was followed; false, and it stays the caller's, while too much waits to be polled.
bool tl_attachment_push(tl_attachment *attachment, tl_note *note);
// The first pieces of work in a queue, left there; only the thread that takes them may drop them.
size_t tl_attachment_take(tl_attachment *attachment, const tl_work_queue *queue, tl_work_type type, size_t count_max,
                          size_t bytes_max, tl_work **out);
// The first records to commit; none while commits fail and are not to be tried again yet.
size_t tl_attachment_take_records(tl_attachment *attachment, size_t count_max, size_t bytes_max, tl_work **out);
void tl_attachment_drop(tl_attachment *attachment, tl_work_queue *queue, size_t count);
// The first checkpoints that show committed ticks only: one that is ahead waits, and all behind it.
size_t tl_attachment_take_checkpoints(tl_attachment *attachment, size_t count_max, size_t bytes_max, tl_work **out);

// Under the mutex: something has changed that a thread may wait for.
void tl_attachment_wake_locked(tl_attachment *attachment);
// Under the mutex: reports a thread that has not come back for TL_ANSWER_US_MAX.
void tl_attachment_check_answers_locked(tl_attachment *attachment);
// Waits, with the mutex held, until that time by the steady clock (UINT64_MAX: for ever) or until the thread is woken;
// not at all if it was since *wakeups, which is brought up to date, or is to end.
void tl_attachment_wait_locked(tl_attachment *attachment, uint32_t *wakeups, uint64_t until_us);
// Asks the following thread to look at all logs.
void tl_attachment_look_again(tl_attachment *attachment);
// Asks the writing thread to look whether the own epoch still goes on; and whether it was asked, since the last time.
void tl_attachment_suspect_lease(tl_attachment *attachment);
bool tl_attachment_take_suspicion(tl_attachment *attachment);

uint64_t tl_clock_real_us(void);
uint64_t tl_clock_steady_us(void);
// The steady clock's time in the form that pthread_cond_timedwait() takes.
struct timespec tl_clock_timespec(uint64_t us);

#endif
