// One SQLite file of a store: opened, checked, with the statements that every file needs. What SQLite says becomes a
// fault: a result and a text that says what to do. Through mvsqlite the file is a namespace in a distributed database:
// the same SQL, but other pragmas, no PRAGMA data_version, and a lost race shows at COMMIT (see
// store/mvsqlite/store.h).
#ifndef TRAMLINE_STORE_SQLITE_FILE_H
#define TRAMLINE_STORE_SQLITE_FILE_H

#include "store/engine/log.h"

#include <sqlite3.h>

enum {
    TL_PATH_BYTES_MAX = 1024,
    TL_SQLITE_BUSY_MS = 5,                   // a lock is waited for this long at once; then other work goes first
    TL_SQLITE_CHECK_BYTES_MAX = 16 << 20,    // a file up to this size is checked wholly when opened,
    TL_SQLITE_INSPECT_BYTES_MAX = 256 << 20, // and up to this one if it is opened for reading only
};

typedef struct tl_sqlite_file tl_sqlite_file;

typedef struct tl_sqlite_schema {
    int application_id;
    int format; // that it is of; 0: TL_STORE_FORMAT
    int page_bytes;
    int checkpoint_pages; // WAL frames after which they are moved into the file
    const char *vfs;      // NULL: a file's; else mvsqlite's, and a path is a namespace's name
    const char *sql;      // of its tables
    // Puts the first rows into a file that is just being made, in the same transaction. May be NULL.
    tl_result (*fill)(tl_sqlite_file *file, tl_fault *fault);
    void *context; // for fill
} tl_sqlite_schema;

typedef enum tl_sqlite_mode { TL_SQLITE_READ_ONLY, TL_SQLITE_WRITE, TL_SQLITE_CREATE } tl_sqlite_mode;

struct tl_sqlite_file {
    sqlite3 *db;
    char path[TL_PATH_BYTES_MAX];
    const tl_sqlite_schema *schema;
    sqlite3_stmt *begin_read, *begin_write, *commit, *rollback, *data_version;
    int wal_pages;                         // since the last commit's report
    uint64_t wal_bytes, wal_noticed_bytes; // see store/sqlite/wal.h
    uint64_t wal_reset_us;
};

// Opens and checks. TL_AGAIN if the file is not there or still empty and mode is not CREATE. `whole`: check a small
// file's every page. The file is closed again after any failure.
tl_result tl_sqlite_file_open(tl_sqlite_file *file, const char *path, const tl_sqlite_schema *schema,
                              tl_sqlite_mode mode, bool durable_full, bool whole, tl_fault *fault);
void tl_sqlite_file_close(tl_sqlite_file *file);
// Prepares statements: pairs of place and SQL, `count` of them.
typedef struct tl_sqlite_sql {
    sqlite3_stmt **statement;
    const char *sql;
} tl_sqlite_sql;
tl_result tl_sqlite_file_prepare(tl_sqlite_file *file, const tl_sqlite_sql *list, size_t count, tl_fault *fault);
// Runs a statement that returns no row, and resets it.
tl_result tl_sqlite_file_run(tl_sqlite_file *file, sqlite3_stmt *statement, tl_fault *fault);
// The same, with numbers bound to its parameters.
tl_result tl_sqlite_file_run_with(tl_sqlite_file *file, sqlite3_stmt *statement, const int64_t *values,
                                  tl_fault *fault);
// Steps: TL_OK a row, TL_AGAIN no more (then, and after a failure, it is reset).
tl_result tl_sqlite_file_step(tl_sqlite_file *file, sqlite3_stmt *statement, tl_fault *fault);
tl_result tl_sqlite_file_begin(tl_sqlite_file *file, bool write, tl_fault *fault);
// Rolls back if it fails: what was in the transaction must be done again.
tl_result tl_sqlite_file_commit(tl_sqlite_file *file, tl_fault *fault);
void tl_sqlite_file_rollback(tl_sqlite_file *file);
// A number that changes when another connection has committed.
tl_result tl_sqlite_file_version(tl_sqlite_file *file, int64_t *out, tl_fault *fault);
// Whether the file was removed or replaced under us.
bool tl_sqlite_file_is_moved(tl_sqlite_file *file);

// "FILE: table T, row R is missing; ...": TL_ERR_CORRUPT.
tl_result tl_sqlite_file_damaged(const tl_sqlite_file *file, const char *table, int64_t row, const char *what,
                                 tl_fault *fault);
// What SQLite's last answer means; returns fault->result.
tl_result tl_sqlite_file_fault(const tl_sqlite_file *file, int code, tl_fault *fault);

#endif
