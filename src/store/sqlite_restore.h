// A world that is copied into a store in SQLite. It is no world before all of it is on the disk: the world's row is
// written last. Blocks, on the caller's thread.
#ifndef TRAMLINE_STORE_SQLITE_RESTORE_H
#define TRAMLINE_STORE_SQLITE_RESTORE_H

#include "sqlite_log.h"
#include "sqlite_world.h"

typedef struct tl_sqlite_restore tl_sqlite_restore;

// Begins; writes nothing yet. `world` and `directory` must last as long. NULL if out of memory.
tl_sqlite_restore *tl_sqlite_restore_create(tl_sqlite_world *world, const char *directory, bool durable_full);
void tl_sqlite_restore_destroy(tl_sqlite_restore *restore); // NULL is fine
// tl_store_ops.restore.
tl_result tl_sqlite_restore_event(tl_sqlite_restore *restore, const tl_world_info *info, const tl_store_event *event,
                                  tl_fault *fault);
// TL_ERR_NOT_FOUND, and what to do, if there is no world but a part of one.
tl_result tl_sqlite_restore_check_whole(tl_sqlite_world *world, tl_fault *fault);

#endif
