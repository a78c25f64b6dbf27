// One attachment to a store in mvsqlite (SQLite whose pages lie in FoundationDB, behind mvstore), through the library
// that is loaded before the program: see docs/OPERATE.md.
//
// What mvsqlite asks of its user, and who does it here:
//  - A lost race shows as SQLITE_BUSY at COMMIT, and a second COMMIT would report success with the change lost: only
//    ROLLBACK and redo is safe (store/sqlite/file.c). What was stored after all is recognised by the head's tick.
//  - Its pages are its unit of conflict, allocation conflicts with everybody: rows of fixed length, made beforehand
//    (store/mvsqlite/log.h).
//  - Nothing tells that a log has changed: its head is looked at when news are due (store/mvsqlite/logs.h).
//  - Calls wait for ever while mvstore does not answer. So all of them are made by two threads, one that commits and
//  one
//    that follows. poll() tells when one of them has not come back for 1.5 s; close() leaves it behind, with all that
//    it uses, after 3 s.
#ifndef TRAMLINE_STORE_MVSQLITE_STORE_H
#define TRAMLINE_STORE_MVSQLITE_STORE_H

#include "store/engine/attachment.h"
#include "store/mvsqlite/logs.h"
#include "store/sqlite/restore.h"

#include <stdatomic.h>

enum {
    TL_REQUEST_US_MAX = 15000000, // open, world and create_world give up
    TL_CLOSE_US_MAX = 3000000,
};

// What the caller asks the committing thread, and waits for.
typedef enum tl_mvsqlite_request {
    TL_REQUEST_NONE,
    TL_REQUEST_OPEN,
    TL_REQUEST_WORLD,
    TL_REQUEST_CREATE,
    TL_REQUEST_RESTORE,
    TL_REQUEST_ASIDE,
} tl_mvsqlite_request;

// The namespaces that the committing thread writes to.
typedef struct tl_mvsqlite_writer {
    const tl_mvsqlite_place *place;
    tl_sqlite_world world;
    uint64_t world_us;
    tl_mvsqlite_log *logs[TL_SERVERS_MAX + 1]; // by number, once they are needed; NULL: not open
    bool moves[TL_SERVERS_MAX + 1];            // there, what we have set aside is still to be moved
} tl_mvsqlite_writer;

typedef struct tl_mvsqlite_store {
    tl_attachment attachment; // first
    tl_mvsqlite_place place;
    tl_sqlite_mode mode;
    pthread_t threads[2];
    bool spawned[2];     // of the caller's thread
    bool restores;       // the same
    tl_note *told_aside; // the same

    // Under the attachment's mutex.
    int users; // the caller and the threads: the last one frees all
    bool ended[2];
    tl_mvsqlite_request request;
    tl_result answer;
    tl_fault fault;
    tl_world_info info;
    tl_note *restored;          // what is to be restored, of the committing thread while it answers
    tl_store_event aside_after; // of what was set aside: what was told last
    tl_note *aside;             // and what comes after it
    tl_log_epoch lost_epoch;

    _Atomic bool hurry; // for the following thread: something was done that shows in the logs

    // Of the committing thread.
    tl_mvsqlite_writer writer;
    tl_sqlite_restore *restore;
    bool registered;
    uint32_t commit_wakeups;
    uint64_t lease_us;
    uint64_t maintained_us; // when they were done last

    // Of the following thread.
    tl_mvsqlite_logs logs;
    uint32_t follow_wakeups;
    bool following, has_backlog, disowned;
    tl_note *held; // read, and there was no room for it
    uint64_t discover_us;
} tl_mvsqlite_store;

enum { TL_MVSQLITE_COMMITS, TL_MVSQLITE_FOLLOWS };

// The threads; the argument is the store. Each ends with tl_mvsqlite_release().
void *tl_mvsqlite_commits(void *store);
void *tl_mvsqlite_follows(void *store);

// Waits until that time, or until the attachment has something new; takes note of it in *wakeups. Under the mutex.
void tl_mvsqlite_wait_locked(tl_mvsqlite_store *store, uint32_t *wakeups, uint64_t until_us);
// Wakes the threads.
void tl_mvsqlite_wake_locked(tl_mvsqlite_store *store);
// The caller or a thread (0, 1; -1: the caller) needs the store no more.
void tl_mvsqlite_release(tl_mvsqlite_store *store, int thread);

// ---- epochs' ends, across logs (store/mvsqlite/fence.c); all of the committing thread
// -----------------------------------

void tl_mvsqlite_writer_close(tl_mvsqlite_writer *writer);
// The log of that server, opened if need be (with CREATE: made). TL_AGAIN if it is not there.
tl_result tl_mvsqlite_writer_log(tl_mvsqlite_writer *writer, tl_server_number number, const char *name,
                                 tl_sqlite_mode mode, tl_mvsqlite_log **out, tl_fault *fault);
// Ends the current epoch of that log, with this server as its own heir unless it has one, and begins the next.
tl_result tl_mvsqlite_writer_join(tl_mvsqlite_writer *writer, tl_mvsqlite_log *own, uint64_t now_us, tl_log_head *out,
                                  tl_fault *fault);
// Ends the own epoch in order.
tl_result tl_mvsqlite_writer_leave(tl_mvsqlite_writer *writer, tl_mvsqlite_log *own, uint32_t epoch, uint64_t now_us,
                                   tl_fault *fault);
// Ends another server's epoch if its last tick is still `tick`. TL_OK also if it goes on after all or has ended
// already; TL_AGAIN if the own epoch has ended.
tl_result tl_mvsqlite_writer_fence(tl_mvsqlite_writer *writer, tl_mvsqlite_log *own, uint32_t own_epoch,
                                   const tl_work *work, uint64_t now_us, tl_fault *fault);
// Moves some of what we have set aside into its table. *any: there was something to do.
tl_result tl_mvsqlite_writer_move_aside(tl_mvsqlite_writer *writer, bool *any, tl_fault *fault);

// What was set aside, as next_aside() in store.h, into a note that is the caller's (store/mvsqlite/aside.c).
tl_result tl_mvsqlite_writer_next_aside(tl_mvsqlite_writer *writer, tl_sqlite_mode mode, const tl_store_event *after,
                                        tl_note **out, tl_fault *fault);

// How a world is copied here (store/mvsqlite/restore.c); the backend is the writer.
extern const tl_sqlite_restore_logs tl_mvsqlite_copied_logs;

#endif
