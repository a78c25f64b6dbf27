// All servers' logs in mvsqlite, as a source to follow. Used by the following thread alone.
//
// There is no PRAGMA data_version: a log is looked at by reading its head in a new snapshot, one request to mvstore,
// which costs three processes something. So it is looked at when something is due. Its server commits once a tick: from
// its news so far follows when the next come, and shortly before that it is looked at each millisecond until they are
// there.
#ifndef TRAMLINE_STORE_MVSQLITE_LOGS_H
#define TRAMLINE_STORE_MVSQLITE_LOGS_H

#include "store/engine/follow.h"
#include "store/mvsqlite/log.h"
#include "store/mvsqlite/place.h"
#include "store/sqlite/world.h"

typedef struct tl_mvsqlite_peer {
    tl_mvsqlite_log log;
    bool open, targeted;
    tl_log_head head;           // as last seen
    uint64_t looked_us, due_us; // steady
    uint64_t expected_us;       // when its last news were to be expected, by those before
    unsigned fruitless;         // looks since them
    bool behind;                // there may be more news
} tl_mvsqlite_peer;

// Checkpoints, read ahead: the next one, or that there is none.
typedef struct tl_mvsqlite_ahead {
    tl_note *note;
    bool end;
} tl_mvsqlite_ahead;

typedef struct tl_mvsqlite_logs {
    const tl_mvsqlite_place *place;
    tl_sqlite_world world;
    bool world_open;
    uint64_t world_us, tick_us;
    int last_server;
    bool unopened;                               // a server is known whose log is not there yet
    tl_mvsqlite_peer *peers[TL_SERVERS_MAX + 1]; // by number
    tl_mvsqlite_ahead ahead[TL_SERVERS_MAX + 1]; // of each log; 0: of the world's namespace, where those of a copy are
    tl_follow follow;
} tl_mvsqlite_logs;

void tl_mvsqlite_logs_init(tl_mvsqlite_logs *logs, const tl_mvsqlite_place *place, const tl_world_info *info);
void tl_mvsqlite_logs_close(tl_mvsqlite_logs *logs);
// Begins to load and takes the first position. `own` (0: none) has joined with that head. May be called again after a
// failure.
tl_result tl_mvsqlite_logs_start(tl_mvsqlite_logs *logs, tl_server_number own, const tl_log_head *head,
                                 tl_fault *fault);
// Looks for servers that are new.
tl_result tl_mvsqlite_logs_discover(tl_mvsqlite_logs *logs, tl_fault *fault);
// Takes the next position, with a look at the logs whose turn it is.
tl_result tl_mvsqlite_logs_position(tl_mvsqlite_logs *logs, bool *changed, tl_fault *fault);
// When the next log has its turn; UINT64_MAX: there is none.
uint64_t tl_mvsqlite_logs_due_us(const tl_mvsqlite_logs *logs);
// All have their turn now.
void tl_mvsqlite_logs_look_again(tl_mvsqlite_logs *logs);

#endif
