// Logs in a store's folder whose servers world.db does not list. Every server is registered before its log is made, so
// an unlisted log of this world shows that world.db has lost the registration, or is a copy of a log under another
// name.
#ifndef TRAMLINE_STORE_SQLITE_UNLISTED_H
#define TRAMLINE_STORE_SQLITE_UNLISTED_H

#include "store/sqlite/log.h"
#include "store/sqlite/world.h"

typedef struct tl_sqlite_unlisted {
    char name[TL_NAME_BYTES_MAX + 1];
    tl_server_number number;             // according to its head
    char copy_of[TL_NAME_BYTES_MAX + 1]; // the listed server whose log begins with the same epoch; "": none
} tl_sqlite_unlisted;

// Calls `look` with the server's name of each log in the folder, in no particular order. The first result that is not
// TL_OK ends the walk, and is returned.
typedef tl_result tl_sqlite_look(void *context, const char *name, tl_fault *fault);
tl_result tl_sqlite_each_log(const char *directory, tl_sqlite_look *look, void *context, tl_fault *fault);
// Finds an unlisted log of the world made at `world_us` (0: of any world). TL_AGAIN if there is none. Files that cannot
// be read as a log are ignored: nothing shows that they belong here.
tl_result tl_sqlite_unlisted_find(tl_sqlite_world *world, const char *directory, uint64_t world_us,
                                  tl_sqlite_unlisted *out, tl_fault *fault);
// Returns TL_ERR_CORRUPT, and sets the fault's text: "DIR/alpha.log.db: ...".
tl_result tl_sqlite_unlisted_fault(const char *directory, const tl_sqlite_unlisted *log, tl_fault *fault);
// Whether a result of opening or reading an unlisted log only means that the file is not a log of this world.
bool tl_sqlite_is_foreign(tl_result result);

#endif
