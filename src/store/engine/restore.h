// The events that a world is copied into a store with, checked in order: the same rule for every backend. The events
// come from another store, so what is wrong with them is an error, never an assertion.
#ifndef TRAMLINE_STORE_ENGINE_RESTORE_H
#define TRAMLINE_STORE_ENGINE_RESTORE_H

#include "store/engine/log.h"

typedef struct tl_restore_log {
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t epoch; // 0: no event of that server has come
    bool ended;
    tl_server_number heir; // of the ended epoch
    int64_t tick;          // its last one: of a record, or of an epoch's beginning or end
} tl_restore_log;

typedef struct tl_restore {
    bool over;                               // LOADED was taken, or something failed
    tl_restore_log logs[TL_SERVERS_MAX + 1]; // by number
} tl_restore;

// Whether `event` may come now, and if so takes note of it: afterwards the log is as it is once the event is written.
// TL_ERR_STATE after LOADED or a failure; TL_ERR_INVALID, and why; then it is over.
tl_result tl_restore_take(tl_restore *restore, const tl_world_info *info, const tl_store_event *event, tl_fault *fault);

#endif
