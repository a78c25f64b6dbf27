// A log's table of epochs, the same in a file and in a namespace of mvsqlite: one row for each, written when it begins
// and when it ends.
#ifndef TRAMLINE_STORE_SQLITE_EPOCHS_H
#define TRAMLINE_STORE_SQLITE_EPOCHS_H

#include "store/sqlite/file.h"

#define TL_SQLITE_EPOCHS_TABLE       \
    "CREATE TABLE epoch("            \
    "  epoch INTEGER PRIMARY KEY,"   \
    "  began_us INTEGER NOT NULL,"   \
    "  began_tick INTEGER NOT NULL," \
    "  ended_us INTEGER NOT NULL,"   \
    "  last_tick INTEGER NOT NULL,"  \
    "  heir INTEGER NOT NULL,"       \
    "  sum INTEGER NOT NULL"         \
    ") STRICT;"

typedef struct tl_sqlite_epochs {
    tl_sqlite_file *file;
    uint64_t world_us; // whose log it is, for the sums
    tl_server_number number;
    sqlite3_stmt *get, *add, *end;
} tl_sqlite_epochs;

// The file closes the statements.
tl_result tl_sqlite_epochs_prepare(tl_sqlite_epochs *epochs, tl_sqlite_file *file, tl_fault *fault);
// *damage: what is wrong with the row, or NULL; then the caller says what to do.
tl_result tl_sqlite_epochs_read(tl_sqlite_epochs *epochs, uint32_t epoch, tl_log_epoch *out, const char **damage,
                                tl_fault *fault);
// Within a transaction: adds the epoch that follows the head's, and moves the head there.
tl_result tl_sqlite_epochs_begin(tl_sqlite_epochs *epochs, tl_log_head *head, uint64_t now_us, tl_fault *fault);
// Within a transaction: writes when it ended, at which tick, and the heir.
tl_result tl_sqlite_epochs_write_end(tl_sqlite_epochs *epochs, uint32_t epoch, const tl_log_epoch *row,
                                     tl_fault *fault);

#endif
