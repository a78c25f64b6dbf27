// The store: the only link between servers. An interface of callbacks, so that the core does no I/O; src/store has the
// backends (memory, SQLite, mvsqlite, FoundationDB), and one contract suite (tests/store/contract.c) holds for all of
// them.
//
// A store keeps one *world*. In it each server has a *log* of tick records, fenced by the server's *epoch*. A log is
// extended by its own server alone; another server may *fence* it, which ends the log's epoch at its last committed
// tick and names an heir, in one atomic act. Checkpoints hold one group's state each.
//
// What every backend promises:
//  - A submitted record is committed whole or not at all, and only while the server's epoch is current; once
//    TL_STORE_COMMITTED was reported it is durable as the backend says.
//  - Followers get each other server's records in order of commit, none missing, none twice; after a TL_STORE_FENCED of
//    an epoch no record of that epoch ever follows.
//  - What a server had been told when it wrote something is told to everybody before that (as far as the servers'
//  clocks
//    agree, where several backlogs are merged).
//  - Every epoch that ends is told by one TL_STORE_FENCED. The heir says whose its groups are now: another server's
//  that
//    fenced it; its own, if the same name joined anew; 0, if it left in order: then the first to fence() it becomes the
//    heir, and one more TL_STORE_FENCED of the same epoch names it.
//  - An epoch may be ended before its last records, which are *set aside* then (quarantine()): a follower that was
//  given
//    them already finds an earlier tick in TL_STORE_FENCED, and must not count on them.
//  - submit() and poll() never wait for I/O.
//
// Threads: one attachment (tl_store) is used by one thread at a time. Backends may keep threads of their own.
#ifndef TRAMLINE_STORE_H
#define TRAMLINE_STORE_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_store_event_type {
    // this attachment holds its lease: server (own number), epoch, tick (own last committed, -1: none)
    TL_STORE_JOINED,
    // another server is known, or has a new epoch: server, epoch, name, tick (its last committed, -1: none)
    TL_STORE_SERVER,
    TL_STORE_CHECKPOINT, // while loading: group, tick, data (size 0: the group is deleted)
    TL_STORE_RECORD,     // of another server, or while loading also an own one: server, epoch, tick, data, begun_us
    TL_STORE_LOADED,     // all that was committed at the time of the join has been delivered
    TL_STORE_COMMITTED,  // own record: tick, begun_us, done_us
    // a server's epoch has ended: server, epoch (the one that ended), tick (its last, -1: none), heir
    TL_STORE_FENCED,
    // own lease is lost: nothing submitted after `tick` was or will be committed, or it was set aside; heir
    TL_STORE_LOST,
    TL_STORE_STALLED,   // the store does not answer or refuses to write: result, text; records wait in the queue
    TL_STORE_RECOVERED, // it goes on
    TL_STORE_FAILED,    // it cannot go on: result, text; close it
    TL_STORE_NOTICE,    // it goes on, but somebody should look after it: result, text
} tl_store_event_type;

typedef struct tl_store_event {
    tl_store_event_type type;
    tl_result result;
    tl_server_number server;
    tl_server_number heir;
    uint32_t epoch;
    int64_t tick;
    tl_group_id group;
    // when the commit, or the epoch (SERVER), began, or it ended (FENCED), by the clock of the server
    // that did it (CLOCK_REALTIME, us since 1970); 0: not known
    uint64_t begun_us;
    uint64_t done_us; // when its end was seen here, same clock
    const void *data; // owned by the store, good until the next poll()
    size_t size;
    char name[TL_NAME_BYTES_MAX + 1];
    char text[256]; // STALLED, FAILED, NOTICE: what is wrong and what to do
} tl_store_event;

// What a world is made with. Fixed for its life, checked by every server that joins.
typedef struct tl_world_info {
    uint32_t format;     // of everything stored: TL_STORE_FORMAT
    uint32_t tick_hz;    // 1..240
    uint64_t created_us; // CLOCK_REALTIME; tick 0 begins then
    uint64_t kinds_hash; // of the declared kinds, 0: none declared yet
    uint64_t seed;       // of the scenario that filled it, for tools and riders
    char scenario[64];   // its name, "" if none
} tl_world_info;

enum { TL_STORE_FORMAT = 2 };

typedef struct tl_store tl_store;

// What a backend implements. `self` is the backend's own.
typedef struct tl_store_ops {
    // The world's settings. TL_ERR_NOT_FOUND if the store holds no world yet. May block (used before a server runs).
    tl_result (*world)(tl_store *self, tl_world_info *out);
    // Makes the world. TL_ERR_EXISTS if there is one. May block.
    tl_result (*create_world)(tl_store *self, const tl_world_info *info);
    // Writes a world that another store holds into this one, event by event; NULL where a backend cannot. The store
    // must hold no world and must not have been joined (TL_ERR_EXISTS, TL_ERR_STATE), and nobody else may write into it
    // meanwhile. Blocks: for tools. The rule:
    //  - `info` is the other's world(), the same at every call. `event` is, in turn, each SERVER, CHECKPOINT, RECORD
    //  and
    //    FENCED that the other told a join(NULL), in that order, and at last one LOADED. Of each, what its type says
    //    above is taken over, and begun_us; done_us is not. Any other type, and what cannot follow on what was told
    //    before, is TL_ERR_INVALID.
    //  - Numbers of servers and epochs, ticks, heirs, times and bytes come out as they went in: whoever joins the copy
    //  is
    //    told the same by each log, in the same order. SERVER with epoch 1 (tick -1) makes the server and its log.
    //    FENCED with an heir after FENCED of the same epoch with heir 0 may replace that. Of a group's checkpoints the
    //    newest counts. An epoch that no FENCED ends goes on: in the copy it is that of a server that was killed.
    //  - What was cut stays cut. A RECORD's previous tick is that of the RECORD before it in this log, or, if that is
    //    later, the tick of the SERVER that began its epoch; FENCED and SERVER may lie past the last RECORD told, and
    //    the log's last tick is then theirs. So a log whose first records were cut begins, for its followers, with the
    //    first that was told, and nobody takes it for a gap.
    //  - What is taken may be kept back and written with later ones. LOADED returns once all of it is durable, and only
    //    then is there a world: before that world() and join() say TL_ERR_NOT_FOUND or TL_ERR_STATE, and opening the
    //    store anew fails with TL_ERR_NOT_FOUND and a text that says that a copy was broken off. Such a store is of no
    //    use: it must be removed; to go on with it (restore, create_world) is TL_ERR_EXISTS.
    //  - After any failure, and after LOADED, nothing but close() is to be called; restore() is then TL_ERR_STATE.
    //  `text`
    //    (may be NULL) gets what is wrong and what to do.
    tl_result (*restore)(tl_store *self, const tl_world_info *info, const tl_store_event *event, char *text,
                         size_t text_bytes);
    // Starts to take the lease of the server of that name (registered at the first join; a rejoin raises the epoch,
    // which fences an older process of the same name) and to load. Answers by events: JOINED, then SERVER, FENCED,
    // CHECKPOINT and RECORD in an order in which each server's records are in order, then LOADED. A `name` of NULL only
    // follows: no JOINED, nothing may be submitted. In detail: SERVER for every other server, with its first epoch and
    // tick -1 (its log does not tell it again); every group's newest CHECKPOINT (if logs are cut meanwhile, some once
    // more); then each log from its first record that is not cut, as it happened: RECORD, FENCED, SERVER with the next
    // epoch. Own earlier epochs are told by RECORD and FENCED. TL_ERR_NOT_FOUND if the store holds no world,
    // TL_ERR_STATE at a second call, TL_ERR_INVALID a name out of its range. After LOST the attachment goes on as a
    // follower.
    tl_result (*join)(tl_store *self, const char *name);
    // Queues a record for commit. Ticks rise strictly. The bytes are copied. TL_ERR_FULL if more than the queue's limit
    // (64 records or 64 MiB) wait: keep the changes and submit them, coalesced, later. TL_ERR_FENCED after LOST.
    tl_result (*submit)(tl_store *self, int64_t tick, const void *data, size_t size, uint64_t now_us);
    // Queues a group's checkpoint as of a committed own tick; size 0 marks the group as deleted. An older or equal tick
    // than the stored one changes nothing. Copied. It is stored after the tick's own record was committed. TL_ERR_FULL
    // if more than 4'096 checkpoints and cuts or 64 MiB wait.
    tl_result (*checkpoint)(tl_store *self, tl_group_id group, int64_t tick, const void *data, size_t size);
    // Queues: drop own log records before `tick`, after every checkpoint queued before this call is durable. The newest
    // record stays. A follower that has not yet read what is dropped gets FAILED and must attach anew.
    tl_result (*cut)(tl_store *self, int64_t tick);
    // Queues: end another server's `epoch` if its last committed tick is still `tick` (-1: none); the heir is this
    // server. Success and somebody else's success both show as FENCED; if the server is alive after all, nothing
    // happens. Nor does it if the own lease is lost by then: an heir is alive when it becomes one.
    tl_result (*fence)(tl_store *self, tl_server_number server, uint32_t epoch, int64_t tick);
    // Queues: end another server's current `epoch` with the last tick `tick`, although it has committed later records;
    // the heir is this server. Those records are *set aside*: kept in the store, but from then on given to no follower
    // and no joiner, and no part of the log any more. Without a record of that very tick the one before it is the last.
    // `bad` (may be NULL: any) holds the bytes of the first record after `tick` as they were read: the store reads it
    // again, and does nothing unless it still holds just these. Nothing happens either if one of those after `tick` was
    // cut, if the epoch has ended with an heir, or if the own lease is lost. Success shows as FENCED with the last
    // tick, which may lie before what a follower was given, and as LOST to the server itself. If the epoch had ended in
    // order (heir 0), one more FENCED of it says its new last tick.
    tl_result (*quarantine)(tl_store *self, tl_server_number server, uint32_t epoch, int64_t tick, const void *bad,
                            size_t bad_bytes);
    // For tools, before join() (else TL_ERR_STATE): the records that are set aside, one at each call, by server, epoch
    // and tick. `event` is the one that was told last (server 0: from the beginning), and becomes the next: a RECORD as
    // it was committed, with its server's name; its `result` is TL_ERR_CORRUPT if its bytes are not all there any more.
    // The data are good until the next call. TL_AGAIN: there is none left. Any other error: `text` (may be NULL) says
    // why. Blocks.
    tl_result (*next_aside)(tl_store *self, tl_store_event *event, char *text, size_t text_bytes);
    // The next event: TL_OK, or TL_AGAIN if there is none now. Never waits.
    tl_result (*poll)(tl_store *self, tl_store_event *out);
    // A file descriptor that is readable when poll() has something, or -1 if the backend has none.
    int (*wait_fd)(tl_store *self);
    // Waits until all that is queued is committed, at most timeout_ms. TL_AGAIN if it did not come about. Blocks.
    tl_result (*drain)(tl_store *self, int timeout_ms);
    // Detaches and frees. With `leave`, tells the others that this server ended in order (FENCED, heir 0). What is
    // queued and not committed is dropped (drain first). May block shortly.
    void (*close)(tl_store *self, bool leave);
} tl_store_ops;

struct tl_store {
    const tl_store_ops *ops;
};

// ---- memory: a world in this process, for tests and simulation; seeded faults, time passed in ----------------------

typedef struct tl_memory_world tl_memory_world;

typedef struct tl_memory_world_def {
    uint64_t seed;
    uint32_t commit_us_min, commit_us_max; // a commit's duration, drawn evenly
    uint32_t follow_us_min, follow_us_max; // from commit to being seen by a follower
} tl_memory_world_def;

TL_API tl_memory_world_def tl_memory_world_def_default(void);
// Allocates; destroy after all attachments are closed. NULL if out of memory.
TL_API tl_memory_world *tl_memory_world_create(const tl_memory_world_def *def);
TL_API void tl_memory_world_destroy(tl_memory_world *world);
// Moves the world's time on; commits and visibility happen then. Never back.
TL_API void tl_memory_world_advance(tl_memory_world *world, uint64_t now_us);
// While stalled, nothing commits and nothing new is seen.
TL_API void tl_memory_world_stall(tl_memory_world *world, bool stalled);
// One more attachment. Closing it without draining loses what was not committed, as a crash does.
TL_API tl_result tl_memory_store_open(tl_memory_world *world, tl_store **out);

// ---- sqlite: a directory with world.db and one NAME.log.db for each server ------------------------------------------

typedef struct tl_sqlite_def {
    const char *directory; // made if missing and `create` is set
    bool create;
    bool read_only;         // for inspection; join(NULL) only. TL_ERR_INVALID with `create`
    bool durable_full;      // synchronous=FULL: survives a power cut; otherwise survives the crash of any process
    uint64_t wal_bytes_max; // a write-ahead log as large as this stalls the store, 0: 4 GiB; reported from 64 MiB on
} tl_sqlite_def;

// Opens, or says why not: `text` (may be NULL) gets what is wrong and what to do. Blocks.
TL_API tl_result tl_sqlite_store_open(const tl_sqlite_def *def, tl_store **out, char *text, size_t text_bytes);

// After a power cut without `durable_full`, files may have lost ends that others have seen, and the store is refused as
// CORRUPT. This makes the files take each other as they are, and lists servers again whose logs are there. `lost` gets
// what is given up, one sentence for each file, "" if nothing; nobody else may use the store meanwhile. Other damage is
// still refused: `text` (may be NULL) says which. Blocks.
TL_API tl_result tl_sqlite_store_accept_loss(const char *directory, char *lost, size_t lost_bytes, char *text,
                                             size_t text_bytes);

// ---- fdb: a range of keys in a FoundationDB, shared by servers on any number of machines ---------------------------

typedef struct tl_fdb_def {
    const char *cluster_file; // says where the database's coordinators are
    const char *prefix;       // of all keys of this world: another one is another world in the same database
    bool create;              // may be empty yet
    bool read_only;           // for inspection; join(NULL) only
} tl_fdb_def;

// Loads FoundationDB's client library (libfdb_c.so, API version 710) at run time, and starts its one network thread for
// the whole process; a process that has called it must not fork and go on. TL_ERR_UNAVAILABLE if the library is not
// there, or the database does not answer within 10 s. Otherwise as above.
TL_API tl_result tl_fdb_store_open(const tl_fdb_def *def, tl_store **out, char *text, size_t text_bytes);

// ---- mvsqlite: namespaces of SQLite pages in FoundationDB, behind mvstore. See docs/STORE.md
// -------------------------

typedef struct tl_mvsqlite_def {
    const char *address; // http://HOST:PORT/NAME, of mvstore's data plane
    bool create;
    bool read_only; // for inspection; join(NULL) only
} tl_mvsqlite_def;

// Opens, or says why not: above all where mvsqlite's library is not loaded before the program. Blocks, for at most 15
// s.
TL_API tl_result tl_mvsqlite_store_open(const tl_mvsqlite_def *def, tl_store **out, char *text, size_t text_bytes);

// Opens a store by its URI: "sqlite:DIR", a plain directory's path, "fdb:/path/fdb.cluster?prefix=NAME" (without a
// prefix: "tramline"), or "mvsqlite:http://HOST:PORT/NAME". Same errors and text.
TL_API tl_result tl_store_open(const char *uri, bool create, bool read_only, tl_store **out, char *text,
                               size_t text_bytes);

#ifdef __cplusplus
}
#endif
#endif
