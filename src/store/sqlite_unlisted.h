// Logs that lie in a store's folder although its world.db does not list their servers. Every server is registered before
// its log is made, so a log of this world that is not listed shows that world.db has lost the registration.
#ifndef TRAMLINE_STORE_SQLITE_UNLISTED_H
#define TRAMLINE_STORE_SQLITE_UNLISTED_H

#include "sqlite_log.h"
#include "sqlite_world.h"

typedef struct tl_sqlite_unlisted {
    char name[TL_NAME_BYTES_MAX + 1];
    tl_server_number number; // that its head has
} tl_sqlite_unlisted;

// Called for the name of each log in the folder, in no order. The walk ends with the first result that is not TL_OK.
typedef tl_result tl_sqlite_look(void *context, const char *name, tl_fault *fault);
tl_result tl_sqlite_each_log(const char *directory, tl_sqlite_look *look, void *context, tl_fault *fault);
// Finds a log of the world `world_us` (0: of any world) that is not listed. TL_AGAIN if there is none. Files that are no
// logs, or cannot be read as one, are passed over: nothing shows that they belong here.
tl_result tl_sqlite_unlisted_find(tl_sqlite_world *world, const char *directory, uint64_t world_us,
                                  tl_sqlite_unlisted *out, tl_fault *fault);
// "DIR/alpha.log.db: ...": TL_ERR_CORRUPT.
tl_result tl_sqlite_unlisted_fault(const char *directory, const tl_sqlite_unlisted *log, tl_fault *fault);
// Whether what opening or reading an unlisted log gave says no more than that it is none of ours.
bool tl_sqlite_is_foreign(tl_result result);

#endif
