// The write-ahead log of one SQLite file: moved into the file between commits, and kept within bounds. A reader with an
// old snapshot open, such as a shell inside a transaction, keeps SQLite from restarting it at its beginning, so it
// grows with every commit. That is reported with its size and the reader; at the limit commits stop.
#ifndef TRAMLINE_STORE_SQLITE_WAL_H
#define TRAMLINE_STORE_SQLITE_WAL_H

#include "store/sqlite/file.h"

enum {
    // above that size, checkpoints also try to restart it from its beginning
    TL_WAL_RESET_BYTES = 16 << 20,
    TL_WAL_NOTICE_BYTES = 64 << 20, // reported from then on, at each doubling
    TL_WAL_RESET_US = 250000,       // between two tries: each waits for readers for a moment
};
#define TL_WAL_BYTES_MAX_DEFAULT (UINT64_C(4) << 30)

// Moves its pages into the file if there are enough of them. Not needed for durability: failures show elsewhere.
void tl_sqlite_wal_move(tl_sqlite_file *file);
// Moves all of them now, for what was just committed is not to be in the WAL alone for long: a damaged WAL ends where
// the damage is. False: a reader is in the way, or the disk; to be tried again.
bool tl_sqlite_wal_settle(tl_sqlite_file *file);
// Whether it is to be reported that it has grown; `fault` has the text.
bool tl_sqlite_wal_has_grown(tl_sqlite_file *file, tl_fault *fault);
// TL_ERR_NO_SPACE if it has reached that size: nothing must be written then.
tl_result tl_sqlite_wal_check(tl_sqlite_file *file, uint64_t bytes_max, tl_fault *fault);

#endif
