// A world that is copied into a store in SQLite. It is no world before all of it is on the disk: the world's row is
// written last. Blocks, on the caller's thread.
#ifndef TRAMLINE_STORE_SQLITE_RESTORE_H
#define TRAMLINE_STORE_SQLITE_RESTORE_H

#include "store/sqlite/log.h"
#include "store/sqlite/world.h"

typedef struct tl_sqlite_restore tl_sqlite_restore;

// How the servers' logs are written; open() returns `log`, and in *file its file.
typedef struct tl_sqlite_restore_logs {
    tl_result (*open)(void *backend, tl_server_number number, const char *name, uint64_t world_us, void **log,
                      tl_sqlite_file **file, tl_fault *fault);
    void (*close)(void *log);
    tl_result (*head)(void *log, tl_log_head *out, tl_fault *fault);
    tl_result (*skip)(void *log, int64_t tick, tl_fault *fault); // the last tick is that one
    tl_result (*join)(void *log, uint64_t now_us, tl_log_head *out, tl_fault *fault);
    tl_result (*append)(void *log, uint32_t epoch, tl_work *const *records, size_t count, tl_fault *fault);
    tl_result (*end)(void *log, uint32_t epoch, int64_t tick, int heir, uint64_t now_us, tl_fault *fault);
} tl_sqlite_restore_logs;

// Begins; writes nothing yet. `world`, and `place` for faults, must last as long. NULL if out of memory.
tl_sqlite_restore *tl_sqlite_restore_create(tl_sqlite_world *world, const char *place,
                                            const tl_sqlite_restore_logs *logs, void *backend);
void tl_sqlite_restore_destroy(tl_sqlite_restore *restore); // NULL is fine
// tl_store_ops.restore.
tl_result tl_sqlite_restore_event(tl_sqlite_restore *restore, const tl_world_info *info, const tl_store_event *event,
                                  tl_fault *fault);
// TL_ERR_NOT_FOUND, and what to do, if there is no world but a part of one.
tl_result tl_sqlite_restore_check_whole(tl_sqlite_world *world, tl_fault *fault);

#endif
