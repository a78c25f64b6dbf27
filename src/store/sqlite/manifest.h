// The manifest of world.db: one row that says how many rows the other tables have and what their sums add up to, and
// how all logs ended when it was last written. So a row that is gone is missed, and so is the end of a log.
#ifndef TRAMLINE_STORE_SQLITE_MANIFEST_H
#define TRAMLINE_STORE_SQLITE_MANIFEST_H

#include "store/engine/heads.h"
#include "store/sqlite/file.h"

#define TL_MANIFEST_SQL                          \
    "CREATE TABLE manifest("                     \
    "  one INTEGER PRIMARY KEY CHECK (one = 1)," \
    "  serial INTEGER NOT NULL,"                 \
    "  whole INTEGER NOT NULL,"                  \
    "  servers INTEGER NOT NULL,"                \
    "  servers_sum INTEGER NOT NULL,"            \
    "  checkpoints INTEGER NOT NULL,"            \
    "  checkpoints_sum INTEGER NOT NULL,"        \
    "  sum INTEGER NOT NULL,"                    \
    "  heads BLOB NOT NULL"                      \
    ") STRICT;"

typedef struct tl_manifest {
    uint64_t serial; // how often it has changed
    bool whole;      // the world was made: its row must be there
    int64_t servers, checkpoints;
    uint64_t servers_sum, checkpoints_sum; // of all rows' sums, each mixed
    tl_heads heads;
} tl_manifest;

typedef struct tl_sqlite_manifest {
    sqlite3_stmt *get, *set;
} tl_sqlite_manifest;

// Puts the row there, in a file that is just being made.
tl_result tl_sqlite_manifest_create(tl_sqlite_file *file, tl_fault *fault);
tl_result tl_sqlite_manifest_prepare(tl_sqlite_manifest *manifest, tl_sqlite_file *file, tl_fault *fault);
tl_result tl_sqlite_manifest_read(tl_sqlite_manifest *manifest, tl_sqlite_file *file, tl_manifest *out,
                                  tl_fault *fault);
// Within a transaction: the row as it is now, with the next serial.
tl_result tl_sqlite_manifest_write(tl_sqlite_manifest *manifest, tl_sqlite_file *file, tl_manifest *content,
                                   tl_fault *fault);

#endif
