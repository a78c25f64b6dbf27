// The files of all servers' logs that an attachment has open, as a source to follow. Used by the store's own thread
// alone.
#ifndef TRAMLINE_STORE_SQLITE_LOGS_H
#define TRAMLINE_STORE_SQLITE_LOGS_H

#include "store/engine/follow.h"
#include "store/sqlite/log.h"
#include "store/sqlite/world.h"

typedef struct tl_sqlite_peer {
    tl_sqlite_log log;
    bool open;
    bool dirty; // written by us: its data_version does not show it
    int64_t seen_version;
} tl_sqlite_peer;

typedef struct tl_sqlite_logs {
    tl_sqlite_world *world;
    const char *directory;
    uint64_t world_us;
    const char *own_name; // of the server that joins; "": none
    tl_sqlite_mode mode;
    bool durable_full;
    tl_sqlite_peer *peers[TL_SERVERS_MAX + 1]; // by number
    int64_t world_version;
    bool unopened;  // a server is known whose log is not there yet
    tl_heads known; // the ends of all logs, as they were seen here
    tl_follow follow;
} tl_sqlite_logs;

// `own_name`: of the server that joins, "" if none does.
void tl_sqlite_logs_init(tl_sqlite_logs *logs, tl_sqlite_world *world, const char *directory, uint64_t world_us,
                         const char *own_name, tl_sqlite_mode mode, bool durable_full);
void tl_sqlite_logs_close(tl_sqlite_logs *logs);
// Opens a server's log (with CREATE: makes it). TL_AGAIN if it is not there yet.
tl_result tl_sqlite_logs_open(tl_sqlite_logs *logs, tl_server_number number, const char *name, tl_sqlite_mode mode,
                              tl_fault *fault);
// The open log of that server, or NULL.
tl_sqlite_peer *tl_sqlite_logs_peer(tl_sqlite_logs *logs, tl_server_number number);
// Whether no file is behind what another one has seen of it. To be called before anything is written: what is written
// hides what is missing.
tl_result tl_sqlite_logs_check(tl_sqlite_logs *logs, tl_fault *fault);
// Makes all files accept each other as they are now, where one has lost an end that others have seen; `lost` receives
// what is discarded, a sentence for each file. TL_ERR_CORRUPT if that is impossible: a log is missing, or something
// else is damaged.
tl_result tl_sqlite_logs_accept(tl_sqlite_logs *logs, char *lost, size_t lost_bytes, tl_fault *fault);
// What is known by now of the ends of all logs and of world.db: to be kept with the next commit.
const tl_heads *tl_sqlite_logs_known(tl_sqlite_logs *logs);
// Begins to load and takes the first position. `own` (0: none) has joined with that head. May be called again after a
// failure.
tl_result tl_sqlite_logs_start(tl_sqlite_logs *logs, tl_server_number own, const tl_log_head *head, tl_fault *fault);
// Looks for servers that are new.
tl_result tl_sqlite_logs_discover(tl_sqlite_logs *logs, tl_fault *fault);
// Takes the next position: the heads of all logs, read again until none has moved meanwhile. *own_changed: somebody
// else wrote into the own log.
tl_result tl_sqlite_logs_position(tl_sqlite_logs *logs, bool *own_changed, tl_fault *fault);

#endif
