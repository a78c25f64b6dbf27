// What an epoch had committed after the tick that it is ended at.
#ifndef TRAMLINE_STORE_FDB_ASIDE_H
#define TRAMLINE_STORE_FDB_ASIDE_H

#include "fdb_log.h"

// Moves it out of the log, and the head before it, as quarantine() in store.h says; the caller ends the epoch there. Of more
// than a transaction holds only the beginning is kept. 0, FoundationDB's error, or TL_FDB_FAULT. If it is not *possible,
// nothing may be committed.
int tl_fdb_set_aside(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_work *work, tl_log_head *head,
                     bool *possible, tl_fault *fault);

#endif
