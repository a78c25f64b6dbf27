// What an epoch had committed after the tick that it is ended at: moved to a separate key range, and read there by
// tools.
#ifndef TRAMLINE_STORE_FDB_ASIDE_H
#define TRAMLINE_STORE_FDB_ASIDE_H

#include "store/fdb/log.h"

// The first record to set aside. Within an epoch no record is rewritten, so tick and sum identify it.
typedef struct tl_fdb_aside {
    bool possible; // it is there, and has the bytes that it is about
    int64_t tick;
    uint64_t sum;
} tl_fdb_aside;

// Looks, for a work with `bad`, whether it is that record. In a separate transaction, since it may be large: the
// one that commits must finish before the author's next commit.
tl_result tl_fdb_look_aside(tl_fdb_worker *worker, const tl_work *work, tl_fdb_aside *out, tl_fault *fault);
// Moves it out of the log, and the head before it, as quarantine() in store.h says; the caller ends the epoch there. Of
// more than a transaction holds only the beginning is kept. 0, FoundationDB's error, or TL_FDB_FAULT. If it is not
// *possible, nothing may be committed. `first`: what was found, if the work has `bad`.
int tl_fdb_set_aside(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_work *work,
                     const tl_fdb_aside *first, tl_log_head *head, bool *possible, tl_fault *fault);

// As next_aside() in store.h. *polled (NULL at first) holds the data; the caller frees it at last.
tl_result tl_fdb_next_aside(tl_fdb_worker *worker, tl_store_event *event, tl_note **polled, tl_fault *fault);

#endif
