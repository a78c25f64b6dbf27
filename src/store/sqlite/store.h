// One attachment to a store in SQLite, and the thread that alone touches the files once it runs.
#ifndef TRAMLINE_STORE_SQLITE_STORE_H
#define TRAMLINE_STORE_SQLITE_STORE_H

#include "store/engine/follower.h"
#include "store/engine/writer.h"
#include "store/sqlite/aside.h"
#include "store/sqlite/logs.h"
#include "store/sqlite/restore.h"
#include "store/sqlite/wal.h"

enum {
    TL_FOLLOW_POLL_US = 1000,    // how often the logs are looked at
    TL_DISCOVER_POLL_US = 20000, // how often new servers are looked for
    TL_MOVED_POLL_US = 1000000,  // how often it is checked that the files are still in place
    TL_NOTE_US = 1000000,        // how often the ends of all logs are noted in world.db
    TL_SETTLE_US = 100000,       // between two tries to move a registration into world.db itself
};

typedef struct tl_sqlite_store {
    tl_attachment attachment; // first
    char directory[TL_PATH_BYTES_MAX];
    tl_sqlite_mode mode;
    bool durable_full;
    uint64_t wal_bytes_max;
    tl_sqlite_world world;      // of the caller's thread until the store's own runs
    tl_sqlite_restore *restore; // of the caller's thread: a world is being copied into it
    tl_sqlite_aside aside;      // the same: what was set aside is being read
    pthread_t thread;

    // Of the store's thread.
    tl_writer writer;
    tl_follower follower;
    tl_sqlite_logs logs;
    uint32_t wakeups; // of the attachment, as seen
    bool unsettled;   // a registration may still be in world.db's WAL alone
    bool checked;     // the files have confirmed each other
    bool left;        // the own epoch was ended in order
    uint64_t discover_us, position_us, moved_us, note_us, settle_us;
    tl_log_head noted; // the own end that was noted last
} tl_sqlite_store;

// The store's thread (store/sqlite/thread.c); its argument is the store.
void *tl_sqlite_thread(void *store);

#endif
