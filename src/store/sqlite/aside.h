// What was set aside, of all logs, one record after another. For tools: a log is open only while it is read.
#ifndef TRAMLINE_STORE_SQLITE_ASIDE_H
#define TRAMLINE_STORE_SQLITE_ASIDE_H

#include "store/sqlite/log.h"
#include "store/sqlite/world.h"

typedef struct tl_sqlite_aside {
    tl_sqlite_log log;
    char name[TL_NAME_BYTES_MAX + 1]; // of its server
    bool open;
    sqlite3_stmt *next; // NULL: nothing of this log was ever set aside
    tl_note *polled;
} tl_sqlite_aside;

// As next_aside() in store.h; begins zeroed.
tl_result tl_sqlite_aside_next(tl_sqlite_aside *aside, tl_sqlite_world *world, const char *directory,
                               tl_store_event *event, tl_fault *fault);
void tl_sqlite_aside_close(tl_sqlite_aside *aside);

#endif
