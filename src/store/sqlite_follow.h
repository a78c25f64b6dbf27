// The reading side of an attachment: all logs of the world, each with a cursor, made into one stream of notes. Used by
// the store's own thread alone.
//
// Each round takes a *cut* through all logs (their heads, read again until none has moved meanwhile) and then tells what
// lies before it, merged by time. So whatever a server had seen when it wrote something is told before that.
#ifndef TRAMLINE_STORE_SQLITE_FOLLOW_H
#define TRAMLINE_STORE_SQLITE_FOLLOW_H

#include "sqlite_log.h"
#include "sqlite_world.h"

typedef struct tl_sqlite_peer {
    tl_sqlite_log log;
    char name[TL_NAME_BYTES_MAX + 1];
    bool open;
    bool dirty;            // written by us: its data_version does not show it
    bool announced;        // its first epoch was told ahead of its log
    int64_t seen_version;
    tl_sqlite_head target; // tell up to here
    // What has been told of it.
    uint32_t epoch;
    bool ended;
    int heir; // of the ended epoch
    int64_t tick;
    // Read, and to be told next.
    tl_note *pending;
    uint64_t pending_us;
} tl_sqlite_peer;

typedef enum tl_sqlite_follow_phase {
    TL_FOLLOW_SERVERS,
    TL_FOLLOW_CHECKPOINTS,
    TL_FOLLOW_RECORDS,
    TL_FOLLOW_LIVE,
} tl_sqlite_follow_phase;

typedef struct tl_sqlite_follow {
    tl_sqlite_world *world;
    const char *directory;
    uint64_t world_us;
    tl_sqlite_mode mode;
    bool durable_full;
    tl_sqlite_peer *peers[TL_SERVERS_MAX + 1]; // by number
    tl_server_number own;                      // 0: none, or its lease is lost and it is followed as any other
    uint32_t own_epoch;
    tl_server_number joined; // own number, for good
    int lost_heir;           // of the own epoch, once it is lost
    int64_t lost_tick;
    tl_sqlite_follow_phase phase;
    tl_server_number told_server;
    tl_group_id told_group;
    int64_t world_version;
    bool unopened; // a server is known whose log is not there yet
} tl_sqlite_follow;

void tl_sqlite_follow_init(tl_sqlite_follow *follow, tl_sqlite_world *world, const char *directory, uint64_t world_us,
                           tl_sqlite_mode mode, bool durable_full);
void tl_sqlite_follow_close(tl_sqlite_follow *follow);
// Opens a server's log (with CREATE: makes it). TL_AGAIN if it is not there yet.
tl_result tl_sqlite_follow_open(tl_sqlite_follow *follow, tl_server_number number, const char *name,
                                tl_sqlite_mode mode, tl_fault *fault);
// The open log of that server, or NULL.
tl_sqlite_peer *tl_sqlite_follow_peer(tl_sqlite_follow *follow, tl_server_number number);
// Begins to load. `own` (0: none) has joined with that head. May be called again after a failure.
tl_result tl_sqlite_follow_start(tl_sqlite_follow *follow, tl_server_number own, const tl_sqlite_head *head,
                                 tl_fault *fault);
// Looks for servers that are new.
tl_result tl_sqlite_follow_discover(tl_sqlite_follow *follow, tl_fault *fault);
// Takes the next cut. *own_changed: somebody else wrote into the own log.
tl_result tl_sqlite_follow_collect(tl_sqlite_follow *follow, bool *own_changed, tl_fault *fault);
// The next note before the cut; TL_AGAIN if all is told.
tl_result tl_sqlite_follow_next(tl_sqlite_follow *follow, tl_note **out, tl_fault *fault);
// The own lease is lost: from now on the own log is followed as any other.
void tl_sqlite_follow_disown(tl_sqlite_follow *follow, int heir, int64_t last_tick);

#endif
