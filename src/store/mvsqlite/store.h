// One attachment to a store in mvsqlite (SQLite whose pages lie in FoundationDB, behind mvstore), through the library
// that is loaded before the program: see docs/OPERATE.md.
//
// What mvsqlite asks of its users, and where that is done:
//  - A lost race shows as SQLITE_BUSY at COMMIT, and a second COMMIT would report success with the change lost: only
//    ROLLBACK and redo is safe (store/sqlite/file.c). What was stored after all is recognised by the head's tick.
//  - Its pages are its unit of conflict, allocation conflicts with everybody: rows of fixed length, made beforehand
//    (store/mvsqlite/log.h).
//  - Nothing reports that a log has changed: its head is looked at when news are due (store/mvsqlite/logs.h).
//  - Calls wait for ever while mvstore does not answer. So all of them are made by two threads, one that writes and one
//    that follows (store/mvsqlite/threads.c). poll() reports when one of them has not come back for 1.5 s; close()
//    leaves it behind, with all that it uses, after 3 s.
#ifndef TRAMLINE_STORE_MVSQLITE_STORE_H
#define TRAMLINE_STORE_MVSQLITE_STORE_H

#include "store/engine/follower.h"
#include "store/engine/writer.h"
#include "store/mvsqlite/logs.h"
#include "store/sqlite/restore.h"

enum {
    TL_REQUEST_US_MAX = 15000000, // open, world and create_world give up
    TL_CLOSE_US_MAX = 3000000,
};

// What the caller asks the writing thread, and waits for.
typedef enum tl_mvsqlite_request {
    TL_REQUEST_NONE,
    TL_REQUEST_OPEN,
    TL_REQUEST_WORLD,
    TL_REQUEST_CREATE,
    TL_REQUEST_RESTORE,
    TL_REQUEST_ASIDE,
} tl_mvsqlite_request;

// The namespaces that the writing thread uses.
typedef struct tl_mvsqlite_namespaces {
    const tl_mvsqlite_place *place;
    tl_sqlite_world world;
    uint64_t world_us;
    tl_mvsqlite_log *logs[TL_SERVERS_MAX + 1]; // by number, once they are needed; NULL: not open
    bool moves[TL_SERVERS_MAX + 1];            // there, what we have set aside is still to be moved
} tl_mvsqlite_namespaces;

typedef struct tl_mvsqlite_store {
    tl_attachment attachment; // first
    tl_mvsqlite_place place;
    tl_sqlite_mode mode;
    pthread_t threads[TL_ATTACHMENT_THREADS_MAX];
    bool spawned[TL_ATTACHMENT_THREADS_MAX]; // of the caller's thread
    bool restores;                           // the same
    tl_note *polled_aside;                   // the same

    // Under the attachment's mutex.
    int users; // the caller and the threads: the last one frees all
    bool ended[TL_ATTACHMENT_THREADS_MAX];
    tl_mvsqlite_request request;
    tl_result answer;
    tl_fault fault;
    tl_world_info info;
    tl_note *restored;          // what is to be restored, of the writing thread while it answers
    tl_store_event aside_after; // of what was set aside: the record that was reported last
    tl_note *aside;             // and what comes after it

    // Of the writing thread.
    tl_writer writer;
    tl_mvsqlite_namespaces namespaces;
    tl_sqlite_restore *restore;
    tl_server_number own; // 0: not registered yet

    // Of the following thread.
    tl_follower follower;
    tl_mvsqlite_logs logs;
    uint64_t discover_us;
} tl_mvsqlite_store;

extern const tl_writer_ops tl_mvsqlite_writer_ops;
extern const tl_follower_ops tl_mvsqlite_follower_ops;
// The threads; the argument is the store. Each ends with tl_mvsqlite_release().
void *tl_mvsqlite_writes(void *store);
void *tl_mvsqlite_follows(void *store);

// The caller (-1) or a thread needs the store no more.
void tl_mvsqlite_release(tl_mvsqlite_store *store, int thread);

// ---- ends of epochs, across logs (store/mvsqlite/fence.c): of the writing thread
// --------------------------------------

void tl_mvsqlite_namespaces_close(tl_mvsqlite_namespaces *namespaces);
// The log of that server, opened if need be (with CREATE: made). TL_AGAIN if it is not there.
tl_result tl_mvsqlite_namespaces_log(tl_mvsqlite_namespaces *namespaces, tl_server_number number, const char *name,
                                     tl_sqlite_mode mode, tl_mvsqlite_log **out, tl_fault *fault);
// Ends the current epoch of that log, with this server as its own heir unless it has one, and begins the next.
tl_result tl_mvsqlite_namespaces_join(tl_mvsqlite_namespaces *namespaces, tl_mvsqlite_log *own, uint64_t now_us,
                                      tl_log_head *out, tl_fault *fault);
// Ends the own epoch in order.
tl_result tl_mvsqlite_namespaces_leave(tl_mvsqlite_namespaces *namespaces, tl_mvsqlite_log *own, uint32_t epoch,
                                       uint64_t now_us, tl_fault *fault);
// Ends another server's epoch if its last tick is still `tick`. TL_OK also if it goes on after all or has ended
// already; TL_ERR_FENCED if the own epoch has ended.
tl_result tl_mvsqlite_namespaces_fence(tl_mvsqlite_namespaces *namespaces, tl_mvsqlite_log *own, uint32_t own_epoch,
                                       const tl_work *work, uint64_t now_us, tl_fault *fault);
// Moves some of what we have set aside into its table. *any: there was something to do.
tl_result tl_mvsqlite_namespaces_move_aside(tl_mvsqlite_namespaces *namespaces, bool *any, tl_fault *fault);

// What was set aside, as next_aside() in store.h, into a note that is the caller's (store/mvsqlite/aside.c).
tl_result tl_mvsqlite_namespaces_next_aside(tl_mvsqlite_namespaces *namespaces, tl_sqlite_mode mode,
                                            const tl_store_event *after, tl_note **out, tl_fault *fault);

// How a world is copied here (store/mvsqlite/restore.c); the backend is the namespaces.
extern const tl_sqlite_restore_logs tl_mvsqlite_copied_logs;

#endif
