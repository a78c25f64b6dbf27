// The writing side of an attachment, for any backend: takes the lease, commits records, ends epochs, stores
// checkpoints and truncates, in that order of urgency, and notices when the own epoch has ended. Each operation is a
// transaction of the backend that looks at the own epoch first, so that it can be tried again after any failure. Used
// by one thread alone, which may be the following one as well.
#ifndef TRAMLINE_STORE_ENGINE_WRITER_H
#define TRAMLINE_STORE_ENGINE_WRITER_H

#include "store/engine/attachment.h"

// What a backend does. TL_ERR_FENCED: the own epoch has ended, and nothing was done. TL_ERR_BUSY: somebody else was
// faster, it is to be tried again.
typedef struct tl_writer_ops {
    // Registers the server of the attachment's name and begins its next epoch.
    tl_result (*join)(void *backend, tl_server_number *number, tl_log_head *out, tl_fault *fault);
    // Commits records; omits those that an earlier try has committed after all.
    tl_result (*append)(void *backend, tl_work *const *records, size_t count, tl_fault *fault);
    // Ends another server's epoch, or does nothing if it goes on after all or has ended already.
    tl_result (*fence)(void *backend, const tl_work *work, tl_fault *fault);
    // Stores checkpoints, each only if it is newer than the stored one.
    tl_result (*checkpoint)(void *backend, tl_work *const *checkpoints, size_t count, tl_fault *fault);
    // Drops some own records before `tick`, never the newest. *done: none are left.
    tl_result (*truncate)(void *backend, int64_t tick, bool *done, tl_fault *fault);
    // Ends the own epoch in order.
    tl_result (*leave)(void *backend, tl_fault *fault);
    // The own epoch's row; what it says of an epoch that goes on need not be filled in, apart from the heir.
    tl_result (*epoch)(void *backend, tl_activity activity, tl_log_epoch *out, tl_fault *fault);
    // Some maintenance of the backend's own, before checkpoints; *any: there was something to do. May be NULL.
    tl_result (*maintain)(void *backend, bool *any, tl_fault *fault);
    // Answers what the caller's thread asks, also before the attachment has joined. May be NULL.
    void (*answer)(void *backend);
    // Limits of one transaction.
    size_t records_max, record_bytes_max, checkpoint_bytes_max;
    // Records go before maintenance, but no longer than this: where a commit takes as long as a tick, one always waits.
    uint64_t maintenance_wait_us;
    // Between two looks at the own epoch while nothing is committed; 0: somebody says when to look.
    uint64_t lease_look_us;
    int leave_tries_max;
} tl_writer_ops;

typedef struct tl_writer {
    tl_attachment *attachment;
    const tl_writer_ops *ops;
    void *backend;
    uint32_t wakeups;       // of the attachment, as seen
    uint64_t lease_us;      // when to look at the own epoch
    uint64_t maintained_us; // when maintenance had its last turn
} tl_writer;

void tl_writer_init(tl_writer *writer, tl_attachment *attachment, const tl_writer_ops *ops, void *backend);
// One round of what is urgent: the join, records, fences, the lease. Returns whether there is more to do at once.
bool tl_writer_step(tl_writer *writer);
// One round of maintenance, if it is its turn; `more`: something urgent waits.
bool tl_writer_maintain(tl_writer *writer, bool more);
// Ends the own epoch in order, so that the others need not wait for the lease to run out. After the last step.
void tl_writer_leave(tl_writer *writer);
// When there is something to do that nothing wakes the thread for; UINT64_MAX: never. Under the attachment's mutex.
uint64_t tl_writer_due_us_locked(const tl_writer *writer);
// All of this, on a thread that does nothing else, until the attachment is to end.
void tl_writer_run(tl_writer *writer);

#endif
