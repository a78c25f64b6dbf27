// The following side of an attachment, for any backend: finds out how far all logs have come, and reports what
// is new in them (engine/follow.h merges it). Used by one thread alone, which may be the writing one as well.
#ifndef TRAMLINE_STORE_ENGINE_FOLLOWER_H
#define TRAMLINE_STORE_ENGINE_FOLLOWER_H

#include "store/engine/attachment.h"
#include "store/engine/follow.h"

// What a backend does, apart from reading its logs (tl_follow_source).
typedef struct tl_follower_ops {
    // Begins to load, and takes the first position. `own` (0: none) has joined with that head. Called again after a
    // failure.
    tl_result (*start)(void *backend, tl_server_number own, const tl_log_head *head, tl_fault *fault);
    // Looks at how far the logs have come, and for servers that are new. *news: something may be there to be reported;
    // it is, even after a failure.
    tl_result (*position)(void *backend, bool *news, tl_fault *fault);
    // When to look again; UINT64_MAX: not before somebody wakes the thread. Under the attachment's mutex.
    uint64_t (*due_us)(const void *backend);
    // Something has happened that shows in the logs: look at all of them at the next turn.
    void (*look_again)(void *backend);
    // Whose failures those of start() are.
    tl_activity start_activity;
} tl_follower_ops;

typedef struct tl_follower {
    tl_attachment *attachment;
    tl_follow *follow;
    const tl_follower_ops *ops;
    void *backend;
    int thread;       // TL_THREAD_FOLLOWS, or the one that writes as well
    uint32_t wakeups; // of the attachment, as seen
    bool following, has_backlog;
    bool follows_own; // the own lease is lost, and so the own log is followed
    tl_note *held;    // read, and more than may wait to be polled
} tl_follower;

void tl_follower_init(tl_follower *follower, tl_attachment *attachment, tl_follow *follow, const tl_follower_ops *ops,
                      void *backend, int thread);
// After the last step.
void tl_follower_free(tl_follower *follower);
// One round; returns whether there is more to do at once. Does nothing before the attachment has joined.
bool tl_follower_step(tl_follower *follower);
// As tl_writer_due_us_locked().
uint64_t tl_follower_due_us_locked(const tl_follower *follower);
// All of this, on a thread that does nothing else, until the attachment is to end.
void tl_follower_run(tl_follower *follower);

#endif
