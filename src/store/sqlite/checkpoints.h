// The table of checkpoints, the same in world.db and in a namespace of mvsqlite: each group's newest.
#ifndef TRAMLINE_STORE_SQLITE_CHECKPOINTS_H
#define TRAMLINE_STORE_SQLITE_CHECKPOINTS_H

#include "store/sqlite/file.h"

#define TL_SQLITE_CHECKPOINTS_TABLE                                \
    "CREATE TABLE checkpoint("                                     \
    "  grp INTEGER PRIMARY KEY," /* 64 bits, as a signed number */ \
    "  tick INTEGER NOT NULL,"                                     \
    "  sum INTEGER NOT NULL,"                                      \
    "  body BLOB NOT NULL" /* empty: the group is deleted */       \
    ") STRICT;"

typedef struct tl_sqlite_checkpoints {
    tl_sqlite_file *file;
    sqlite3_stmt *add, *find;
    sqlite3_stmt *list; // group, tick and sum of all, by group in signed order
    sqlite3_stmt *get, *next;
} tl_sqlite_checkpoints;

// The file closes the statements.
tl_result tl_sqlite_checkpoints_prepare(tl_sqlite_checkpoints *checkpoints, tl_sqlite_file *file, tl_fault *fault);
// Within a transaction: stores it if it is newer than what is there. *count, *total: how many there are, and what their
// sums, each mixed, add up to; both are kept up to date.
tl_result tl_sqlite_checkpoints_put(tl_sqlite_checkpoints *checkpoints, const tl_work *work, int64_t *count,
                                    uint64_t *total, tl_fault *fault);
// That group's, as a note. TL_AGAIN if there is none.
tl_result tl_sqlite_checkpoints_get(tl_sqlite_checkpoints *checkpoints, tl_group_id group, tl_note **out,
                                    tl_fault *fault);
// The one with the lowest group above `group`, by signed order, as a note. TL_AGAIN if there is none.
tl_result tl_sqlite_checkpoints_next(tl_sqlite_checkpoints *checkpoints, tl_group_id group, tl_note **out,
                                     tl_fault *fault);

#endif
