/// @file
/// The store: the only link between servers. A backend implements tl_store_ops; programs and servers call
/// tl_store_join(), tl_store_submit() and so on. Backends of the library: memory, SQLite, mvsqlite, FoundationDB. One
/// contract suite (tests/store/contract.c) holds for all of them.
///
/// A store keeps one *world*. In it each server has a *log* of tick records, fenced by the server's *epoch*. Only the
/// server itself appends to its log. Another server may *fence* it: one atomic act that ends the log's epoch at its
/// last committed tick and names an heir. A *checkpoint* holds one group's whole state.
///
/// What every backend promises:
/// - A submitted record is committed whole or not at all, and only while its server's epoch is current. Once
///   TL_STORE_COMMITTED was reported, it is as durable as the backend says.
/// - Followers get each other server's records in order of commit, none missing, none twice. After TL_STORE_FENCED of
/// an
///   epoch no record of that epoch follows.
/// - What had been reported to a server when it wrote something is reported to everybody before that (as far as the
///   servers' clocks agree, where several backlogs are merged).
/// - Every end of an epoch is reported by one TL_STORE_FENCED. Its heir says whose the groups are now: the server that
///   fenced it; the server itself, if it joined again under the same name; or 0, if it left in order. In the last case
///   the first server to fence it becomes the heir, and one more TL_STORE_FENCED of the same epoch names it.
/// - An epoch may be ended before its last records, which are then *set aside* (tl_store_quarantine()). A follower
///   that has read them already sees an earlier tick in TL_STORE_FENCED and must not rely on them.
/// - tl_store_submit() and tl_store_poll() never wait for I/O.
///
/// Threads: an attachment (tl_store) belongs to one thread at a time. Backends may have threads of their own.
#ifndef TRAMLINE_STORE_H
#define TRAMLINE_STORE_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What happened, see tl_store_poll(). The members that count are named after each.
typedef enum tl_store_event_type {
    TL_STORE_JOINED, ///< this attachment holds its lease: server (own number), epoch, tick (own last committed, -1:
                     ///< none)
    /// Another server is known, or has a new epoch: server, epoch, name, tick (its last committed, -1: none).
    TL_STORE_SERVER,
    TL_STORE_CHECKPOINT, ///< while loading: group, tick, data (size 0: the group is deleted)
    TL_STORE_RECORD,     ///< of another server; while loading also own ones: server, epoch, tick, data, begun_us
    TL_STORE_LOADED,     ///< all that was committed at the time of the join has been delivered
    TL_STORE_COMMITTED,  ///< own record: tick, begun_us, done_us
    TL_STORE_FENCED,     ///< an epoch has ended: server, epoch (the one that ended), tick (its last, -1: none), heir
    /// The own lease is lost: nothing submitted after `tick` was or will be committed, or it was set aside; heir.
    TL_STORE_LOST,
    TL_STORE_STALLED,   ///< the store does not answer, or refuses to write: result, text; records wait in the queue
    TL_STORE_RECOVERED, ///< it goes on
    TL_STORE_FAILED,    ///< it cannot go on: result, text; close it
    TL_STORE_NOTICE,    ///< it goes on, but an operator should look at it: result, text
} tl_store_event_type;

/// One event.
typedef struct tl_store_event {
    tl_store_event_type type;
    tl_result result;
    tl_server_number server;
    tl_server_number heir;
    uint32_t epoch;
    int64_t tick;
    tl_group_id group;
    /// When the commit (or, of SERVER, the epoch) began, or when it ended (FENCED), by the clock of the server that did
    /// it: CLOCK_REALTIME, microseconds since 1970; 0: not known.
    uint64_t begun_us;
    uint64_t done_us; ///< when its end was noticed here, same clock
    const void *data; ///< the store's, until the next tl_store_poll()
    size_t size;
    char name[TL_NAME_BYTES_MAX + 1];
    char text[256]; ///< STALLED, FAILED, NOTICE: what is wrong and what to do
} tl_store_event;

/// What a world is created with. Fixed for its life, and checked by every server that joins.
typedef struct tl_world_info {
    uint32_t format;     ///< of everything stored: TL_STORE_FORMAT
    uint32_t tick_hz;    ///< 1..240
    uint64_t created_us; ///< CLOCK_REALTIME, microseconds since 1970; tick 0 begins then
    uint64_t kinds_hash; ///< of the declared kinds, 0: none declared yet
    uint64_t seed;       ///< of the scenario that filled it, for tools and riders
    char scenario[64];   ///< its name, "" if none
} tl_world_info;

enum { TL_STORE_FORMAT = 2 }; ///< the format that this version reads and writes

/// An attachment to a store. Opened by a backend's function, closed by tl_store_close().
typedef struct tl_store tl_store;

/// What a backend implements. `self` is the attachment. The functions below of the same names say what each does.
typedef struct tl_store_ops {
    tl_result (*get_world)(tl_store *self, tl_world_info *out);
    tl_result (*create_world)(tl_store *self, const tl_world_info *info);
    tl_result (*restore)(tl_store *self, const tl_world_info *info, const tl_store_event *event, char *text,
                         size_t text_bytes); ///< NULL: this backend cannot
    tl_result (*join)(tl_store *self, const char *name);
    tl_result (*submit)(tl_store *self, int64_t tick, const void *data, size_t size, uint64_t now_us);
    tl_result (*checkpoint)(tl_store *self, tl_group_id group, int64_t tick, const void *data, size_t size);
    tl_result (*truncate)(tl_store *self, int64_t tick);
    tl_result (*fence)(tl_store *self, tl_server_number server, uint32_t epoch, int64_t tick);
    tl_result (*quarantine)(tl_store *self, tl_server_number server, uint32_t epoch, int64_t tick, const void *bad,
                            size_t bad_bytes);
    /// NULL: nothing is ever set aside.
    tl_result (*next_set_aside)(tl_store *self, tl_store_event *event, char *text, size_t text_bytes);
    tl_result (*poll)(tl_store *self, tl_store_event *out);
    int (*wait_fd)(tl_store *self);
    tl_result (*drain)(tl_store *self, int timeout_ms);
    void (*close)(tl_store *self, bool leave);
} tl_store_ops;

/// The first member of every backend's attachment.
struct tl_store {
    const tl_store_ops *ops;
};

/// The world's settings. TL_ERR_NOT_FOUND: the store holds no world yet. May block; for use before a server runs.
static inline tl_result tl_store_get_world(tl_store *store, tl_world_info *out)
{
    return store->ops->get_world(store, out);
}

/// Creates the world. TL_ERR_EXISTS: there is one. May block.
static inline tl_result tl_store_create_world(tl_store *store, const tl_world_info *info)
{
    return store->ops->create_world(store, info);
}

/// Whether tl_store_restore() can be called on stores of this backend.
static inline bool tl_store_can_restore(const tl_store *store)
{
    return store->ops->restore != NULL;
}

/// Writes a world that another store holds into this one, event by event; for tools. The store must hold no world and
/// must not have been joined (TL_ERR_EXISTS, TL_ERR_STATE), and nobody else may write into it meanwhile. Blocks.
/// - `info` is the other store's, the same at every call. `event` is, in turn, each SERVER, CHECKPOINT, RECORD and
/// FENCED
///   that the other store reported after tl_store_join(store, NULL), in that order, and finally one LOADED. The members
///   that each type names are taken over, begun_us among them, done_us not. Any other type, or an event that cannot
///   follow the ones before, is TL_ERR_INVALID.
/// - Numbers of servers and epochs, ticks, heirs, times and bytes are kept: a server that joins the copy reads
///   the same from each log, in the same order. SERVER with epoch 1 (tick -1) creates the server and its log. FENCED
///   with an heir, after FENCED of the same epoch with heir 0, may replace it. Of a group's checkpoints the newest
///   counts. An epoch that no FENCED ends goes on; in the copy it is that of a server that was killed.
/// - What was truncated stays truncated. A RECORD's previous tick is that of the RECORD before it in this log or, if
///   that is later, the tick of the SERVER that began its epoch. FENCED and SERVER may lie after the last RECORD; the
///   log's last tick is then theirs. So a log whose first records were dropped begins, for its followers, with the
///   first one that was passed, and no follower takes that for a gap.
/// - Events may be kept back and written with later ones. LOADED returns once everything is durable, and only then is
///   there a world. Before that tl_store_get_world() and tl_store_join() return TL_ERR_NOT_FOUND or TL_ERR_STATE, and
///   opening the store again fails with TL_ERR_NOT_FOUND and a text that says that a copy was interrupted. Such a store
///   cannot be completed (TL_ERR_EXISTS): remove it.
/// - After any failure, and after LOADED, only tl_store_close() may be called; another call is TL_ERR_STATE. `text`
///   (may be NULL) receives what is wrong and what to do.
static inline tl_result tl_store_restore(tl_store *store, const tl_world_info *info, const tl_store_event *event,
                                         char *text, size_t text_bytes)
{
    return store->ops->restore(store, info, event, text, text_bytes);
}

/// Starts to take the lease of the server of that name, and to load. A name is registered at its first join; joining
/// again raises its epoch, which fences an older process of the same name. With a `name` of NULL the attachment only
/// follows: nothing may be submitted. TL_ERR_NOT_FOUND: the store holds no world. TL_ERR_STATE: a second call.
/// TL_ERR_INVALID: the name.
///
/// The events that follow: JOINED (with a name); SERVER for every other server, with its first epoch and tick -1 (its
/// log does not report it again); every group's newest CHECKPOINT (some once more if logs are truncated meanwhile);
/// then each log from its first record that is kept, as it happened: RECORD, FENCED, SERVER with the next epoch;
/// finally LOADED. The order is one in which each server's own events are in order. Own earlier epochs are reported by
/// RECORD and FENCED. After LOST the attachment goes on as a follower.
static inline tl_result tl_store_join(tl_store *store, const char *name)
{
    return store->ops->join(store, name);
}

/// Queues a record for commit. Ticks rise strictly. The bytes are copied. `now_us`: CLOCK_REALTIME, microseconds since
/// 1970. TL_ERR_FULL: 64 records or 64 MiB wait already; keep the changes and submit them, merged, later.
/// TL_ERR_FENCED: after LOST. Never waits.
static inline tl_result tl_store_submit(tl_store *store, int64_t tick, const void *data, size_t size, uint64_t now_us)
{
    return store->ops->submit(store, tick, data, size, now_us);
}

/// Queues a group's checkpoint as of a committed own tick; size 0 marks the group as deleted. It is stored after that
/// tick's own record was committed. A tick that is not newer than the stored one changes nothing. The bytes are copied.
/// TL_ERR_FULL: 4'096 checkpoints and truncations or 64 MiB wait already. Never waits.
static inline tl_result tl_store_checkpoint(tl_store *store, tl_group_id group, int64_t tick, const void *data,
                                            size_t size)
{
    return store->ops->checkpoint(store, group, tick, data, size);
}

/// Queues: drop own log records before `tick`, once every checkpoint queued before this call is durable. The newest
/// record stays. A follower that has not read yet what is dropped gets FAILED and must attach again. TL_ERR_FULL as
/// above.
static inline tl_result tl_store_truncate(tl_store *store, int64_t tick)
{
    return store->ops->truncate(store, tick);
}

/// Queues: end another server's `epoch` if its last committed tick is still `tick` (-1: none), with this server as the
/// heir. Success, by this or another server, is reported as FENCED. Nothing happens if that server is alive after all,
/// or if the own lease is lost by then: an heir is alive when it becomes one.
static inline tl_result tl_store_fence(tl_store *store, tl_server_number server, uint32_t epoch, int64_t tick)
{
    return store->ops->fence(store, server, epoch, tick);
}

/// Queues: end another server's current `epoch` with the last tick `tick`, although it has committed later records,
/// with this server as the heir. Those records are *set aside*: kept in the store, but reported to no follower and no
/// joiner from then on, and no part of the log any more. If there is no record of that very tick, the one before it is
/// the last. `bad` (may be NULL: any) holds the bytes of the first record after `tick` as they were read: the store
/// reads it again, and does nothing unless it still holds just these. Nothing happens either if one of the records
/// after `tick` was truncated, if the epoch has ended with an heir, or if the own lease is lost. Success is reported as
/// FENCED with the last tick, which may lie before what a follower has read, and as LOST to the server itself. If the
/// epoch had ended in order (heir 0), one more FENCED of it reports its new last tick.
static inline tl_result tl_store_quarantine(tl_store *store, tl_server_number server, uint32_t epoch, int64_t tick,
                                            const void *bad, size_t bad_bytes)
{
    return store->ops->quarantine(store, server, epoch, tick, bad, bad_bytes);
}

/// For tools, before tl_store_join() (else TL_ERR_STATE): the records that are set aside, one at each call, by server,
/// epoch and tick. `event` is the one that was returned last (server 0: from the beginning) and becomes the next: a
/// RECORD as it was committed, with its server's name; its `result` is TL_ERR_CORRUPT if some of its bytes are gone.
/// Its data are the store's until the next call. TL_AGAIN: there is none left. Any other error: `text` (may be NULL)
/// says why. Blocks.
static inline tl_result tl_store_next_set_aside(tl_store *store, tl_store_event *event, char *text, size_t text_bytes)
{
    return store->ops->next_set_aside ? store->ops->next_set_aside(store, event, text, text_bytes) : TL_AGAIN;
}

/// Fetches the next event: TL_OK, or TL_AGAIN if there is none now. Never waits.
static inline tl_result tl_store_poll(tl_store *store, tl_store_event *out)
{
    return store->ops->poll(store, out);
}

/// A file descriptor that is readable when tl_store_poll() has something, or -1 if the backend has none.
static inline int tl_store_wait_fd(tl_store *store)
{
    return store->ops->wait_fd(store);
}

/// Waits until everything queued is committed. TL_AGAIN: it was not within `timeout_ms`. Blocks.
static inline tl_result tl_store_drain(tl_store *store, int timeout_ms)
{
    return store->ops->drain(store, timeout_ms);
}

/// Detaches and frees. With `leave`, reports to the others that this server ended in order (FENCED, heir 0). What is
/// queued and not committed is dropped: call tl_store_drain() first. May block shortly. NULL is ignored.
static inline void tl_store_close(tl_store *store, bool leave)
{
    if (store) {
        store->ops->close(store, leave);
    }
}

/// Opens a store by its URI: "sqlite:DIRECTORY" or a plain path, "fdb:/path/fdb.cluster?prefix=NAME" (default prefix
/// "tramline"), or "mvsqlite:http://HOST:PORT/NAME". Errors and `text` as the backends below. Blocks.
TL_API tl_result tl_store_open(const char *uri, bool create, bool read_only, tl_store **out, char *text,
                               size_t text_bytes);

/// @name Memory
/// A world in this process, for tests and simulation. Faults are seeded, and time is passed in.
/// @{

/// The world itself, shared by attachments. Opaque.
typedef struct tl_memory_world tl_memory_world;

/// How a world in memory behaves. Begin with tl_memory_world_def_default().
typedef struct tl_memory_world_def {
    uint64_t seed;
    uint32_t commit_us_min, commit_us_max; ///< a commit's duration, drawn evenly
    uint32_t follow_us_min, follow_us_max; ///< from the commit until a follower sees it, drawn evenly
    uint32_t cookie;                       ///< set by tl_memory_world_def_default()
} tl_memory_world_def;

TL_API tl_memory_world_def tl_memory_world_def_default(void);
/// Allocates. NULL: out of memory, or the definition was not made by tl_memory_world_def_default().
TL_API tl_memory_world *tl_memory_world_create(const tl_memory_world_def *def);
/// All attachments must be closed before. NULL is ignored.
TL_API void tl_memory_world_destroy(tl_memory_world *world);
/// Moves the world's time forward; commits happen, and become visible, then.
TL_API void tl_memory_world_advance(tl_memory_world *world, uint64_t now_us);
/// While it is stalled, nothing commits and nothing new becomes visible.
TL_API void tl_memory_world_stall(tl_memory_world *world, bool stalled);
/// Opens one more attachment. Closing it without draining loses what was not committed, as a crash does.
TL_API tl_result tl_memory_store_open(tl_memory_world *world, tl_store **out);
/// @}

/// @name SQLite
/// A directory with world.db and one NAME.log.db for each server.
/// @{

/// What to open. Begin with tl_sqlite_def_default().
typedef struct tl_sqlite_def {
    const char *directory;  ///< made if it is missing and `create` is set
    bool create;            ///< there may be no store yet
    bool read_only;         ///< for inspection: tl_store_join() with NULL only. Not together with `create`
    bool durable_full;      ///< synchronous=FULL: survives a power cut; otherwise only the crash of any process
    uint64_t wal_bytes_max; ///< a write-ahead log as large as this stalls the store, 0: 4 GiB; a NOTICE from 64 MiB on
    uint32_t cookie;        ///< set by tl_sqlite_def_default()
} tl_sqlite_def;

TL_API tl_sqlite_def tl_sqlite_def_default(void);
/// Opens a store. `text` (may be NULL) receives what is wrong and what to do. Blocks.
TL_API tl_result tl_sqlite_store_open(const tl_sqlite_def *def, tl_store **out, char *text, size_t text_bytes);

/// After a power cut without `durable_full`, files may have lost ends that others have seen, and the store is refused
/// as TL_ERR_CORRUPT. This makes the files accept each other as they are, and lists servers again whose logs are there.
/// `lost` receives what is discarded, one sentence for each file, "" if nothing. No other process may use the store
/// meanwhile. Other damage is still refused; `text` (may be NULL) says which. Blocks.
TL_API tl_result tl_sqlite_store_accept_loss(const char *directory, char *lost, size_t lost_bytes, char *text,
                                             size_t text_bytes);
/// @}

/// @name FoundationDB
/// A range of keys, shared by servers on any number of machines.
/// @{

/// What to open. Begin with tl_fdb_def_default().
typedef struct tl_fdb_def {
    const char *cluster_file; ///< names the database's coordinators
    const char *prefix;       ///< of all keys of this world; other prefixes are other worlds in the same database
    bool create;              ///< there may be no store yet
    bool read_only;           ///< for inspection: tl_store_join() with NULL only
    uint32_t cookie;          ///< set by tl_fdb_def_default()
} tl_fdb_def;

TL_API tl_fdb_def tl_fdb_def_default(void);
/// Loads FoundationDB's client library (libfdb_c.so, API version 710) at run time, and starts its network thread, one
/// for the process; from then on the process must not fork and go on in the child. TL_ERR_UNAVAILABLE: there is no such
/// library, or the database does not answer within 10 s. Otherwise as tl_sqlite_store_open().
TL_API tl_result tl_fdb_store_open(const tl_fdb_def *def, tl_store **out, char *text, size_t text_bytes);
/// @}

/// @name mvsqlite
/// Namespaces of SQLite pages in FoundationDB, behind mvstore. See docs/STORE.md.
/// @{

/// What to open. Begin with tl_mvsqlite_def_default().
typedef struct tl_mvsqlite_def {
    const char *address; ///< http://HOST:PORT/NAME, of mvstore's data plane
    bool create;         ///< there may be no store yet
    bool read_only;      ///< for inspection: tl_store_join() with NULL only
    uint32_t cookie;     ///< set by tl_mvsqlite_def_default()
} tl_mvsqlite_def;

TL_API tl_mvsqlite_def tl_mvsqlite_def_default(void);
/// Opens a store, in a process into which mvsqlite's library was preloaded (TL_ERR_UNAVAILABLE otherwise). Blocks for
/// at most 15 s. Otherwise as tl_sqlite_store_open().
TL_API tl_result tl_mvsqlite_store_open(const tl_mvsqlite_def *def, tl_store **out, char *text, size_t text_bytes);
/// @}

#ifdef __cplusplus
}
#endif
#endif
