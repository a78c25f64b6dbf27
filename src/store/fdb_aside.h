// What an epoch had committed after the tick that it is ended at: into a space of its own, and from there for tools.
#ifndef TRAMLINE_STORE_FDB_ASIDE_H
#define TRAMLINE_STORE_FDB_ASIDE_H

#include "fdb_log.h"

// Moves it out of the log, and the head before it, as quarantine() in store.h says; the caller ends the epoch there. Of more
// than a transaction holds only the beginning is kept. 0, FoundationDB's error, or TL_FDB_FAULT. If it is not *possible,
// nothing may be committed.
int tl_fdb_set_aside(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_work *work, tl_log_head *head,
                     bool *possible, tl_fault *fault);

// As next_aside() in store.h. *told (NULL at first) holds the data; the caller frees it at last.
tl_result tl_fdb_next_aside(tl_fdb_worker *worker, tl_store_event *event, tl_note **told, tl_fault *fault);

#endif
