/// @file
/// An inspection: what is in a store, and whether it is sound. It is fed with what a store reports to a follower while
/// it loads, applies that as a server does, and counts. It needs no server and takes no lease.
///
///     tl_inspect_create(…, &inspect);
///     tl_store_join(store, NULL);
///     // each event of tl_store_poll(), up to TL_STORE_LOADED:
///     tl_inspect_add(inspect, &event);
///     tl_inspect_finish(inspect, &report);
///
/// Threads: an inspection belongs to one thread at a time.
#ifndef TRAMLINE_INSPECT_H
#define TRAMLINE_INSPECT_H

#include "tramline/kind.h"
#include "tramline/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/// An inspection. Opaque.
typedef struct tl_inspect tl_inspect;

/// What is known of one server.
typedef struct tl_inspect_server {
    bool known;
    bool ended; ///< its last epoch has; otherwise it holds its lease, or nobody has taken it yet
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t epoch;
    tl_server_number heir;  ///< if ended: the server that owns its groups; 0: it left in order and none has taken them
    int64_t tick;           ///< its last committed, -1: none
    uint32_t groups;        ///< that it owns
    uint32_t entities;      ///< in those
    int64_t log_first_tick; ///< that its log covers, -1: nothing
    int64_t log_last_tick;  ///< that its log covers, -1: nothing
    uint64_t log_records;
    uint64_t log_bytes; ///< of the records, without the store's own
} tl_inspect_server;

/// What was found.
typedef struct tl_inspect_report {
    bool complete; ///< TL_STORE_LOADED came
    bool decoded;  ///< kinds were passed, so groups and entities were read
    uint32_t groups, entities;
    uint32_t entities_of_kind[TL_KINDS_MAX];
    uint32_t carriers_missing;    ///< entities whose carrier is not in the world: invisible until it is
    uint32_t groups_without_heir; ///< whose owner's epoch has ended and that nobody has taken: the next server does
    uint64_t checkpoints, checkpoint_bytes;
    uint64_t checkpoints_empty;                          ///< of deleted groups
    int64_t checkpoint_first_tick, checkpoint_last_tick; ///< -1: none
    uint64_t log_records, log_bytes;                     ///< of all servers
    int64_t log_first_tick, log_last_tick;               ///< -1: none
    /// By number; 0: groups and entities whose owner the store does not know.
    tl_inspect_server servers[TL_SERVERS_MAX + 1];
    uint64_t set_aside;            ///< records that cannot be read, and what follows them in their epochs: ignored
    uint64_t faults;               ///< 0 together with `complete`: the store is sound
    tl_server_number fault_server; ///< of the first fault; 0: of no particular server
    int64_t fault_tick;            ///< -1: of no particular tick
    char fault_text[256];          ///< what is wrong, with server and tick
} tl_inspect_report;

/// Begins. `kinds` are those that the world was declared with, copied. With a count of 0, because they are not known,
/// groups and entities are not read, and records and checkpoints not checked. `tick_hz` is the world's. The limits are
/// as a server's. Allocates what the limits may need, of which only what is used is touched. TL_ERR_INVALID: a kind,
/// the rate or a limit. TL_ERR_MEMORY: lower the limits.
TL_API tl_result tl_inspect_create(const tl_kind_def *kinds, int kind_count, uint32_t tick_hz, uint32_t entities_max,
                                   uint32_t groups_max, tl_inspect **out);
/// NULL is ignored.
TL_API void tl_inspect_destroy(tl_inspect *inspect);
/// The hash of the kinds, to compare with tl_world_info::kinds_hash; 0 without kinds.
TL_API uint64_t tl_inspect_get_kinds_hash(const tl_inspect *inspect);
/// Takes in one event, up to TL_STORE_LOADED; later ones are ignored. Copies what it needs; does not allocate. An event
/// that cannot be right is counted as a fault and changes nothing.
TL_API void tl_inspect_add(tl_inspect *inspect, const tl_store_event *event);
/// Whether servers ignore the event that was added last: a record that cannot be read, one that follows such a record
/// in its epoch, or a checkpoint that cannot be read.
TL_API bool tl_inspect_is_set_aside(const tl_inspect *inspect);
/// The tick of the event that was added last. If it is the end of an epoch of which records are ignored, or the
/// beginning of the next one: the last tick that servers apply.
TL_API int64_t tl_inspect_get_last_tick(const tl_inspect *inspect);
/// If the event that was added last is a checkpoint that cannot be read: what can be stored in its place, so that its
/// group still exists, with what the logs say after it. Returns the size in bytes, 0: nothing can. `*out` is the
/// inspection's, until the next event.
TL_API size_t tl_inspect_get_replacement(const tl_inspect *inspect, const void **out);
/// Ends the inspection. Call it once, after the last event.
TL_API void tl_inspect_finish(tl_inspect *inspect, tl_inspect_report *report);

#ifdef __cplusplus
}
#endif
#endif
