// All checkpoints of a world in FoundationDB, read in batches: heads and bodies of each in one transaction.
#ifndef TRAMLINE_STORE_FDB_CHECKPOINTS_H
#define TRAMLINE_STORE_FDB_CHECKPOINTS_H

#include "store/fdb/client.h"

typedef struct tl_fdb_checkpoints {
    tl_note *first, *last; // read, not yet reported
} tl_fdb_checkpoints;

// The checkpoint with the lowest group above `after`; with `first`, the lowest of all. TL_AGAIN if there is none.
tl_result tl_fdb_checkpoints_next(tl_fdb_checkpoints *list, tl_fdb_worker *worker, bool first, tl_group_id after,
                                  tl_note **out, tl_fault *fault);
void tl_fdb_checkpoints_drop(tl_fdb_checkpoints *list);

#endif
