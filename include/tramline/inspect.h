// An inspection: what is in a store, and whether it is sound. It is fed with what a store tells a follower while it
// loads, applies that as a server does, and counts. It needs no server and takes no lease.
//
//   tl_inspect_create(...); store->ops->join(store, NULL);
//   each event of poll(), up to TL_STORE_LOADED: tl_inspect_event(inspect, &event);
//   tl_inspect_finish(inspect, &report);
//
// Threads: an inspection is used by one thread at a time.
#ifndef TRAMLINE_INSPECT_H
#define TRAMLINE_INSPECT_H

#include "tramline/kind.h"
#include "tramline/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_inspect tl_inspect;

// One server, as the store tells of it.
typedef struct tl_inspect_server {
    bool known, ended; // ended: its last epoch has; else it holds its lease, or nobody has taken it yet
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t epoch;
    tl_server_number heir;                 // if ended: who has its groups, 0: it left and nobody has taken them
    int64_t tick;                          // its last committed, -1: none
    uint32_t groups;                       // that it owns
    uint32_t entities;                     // in those
    int64_t log_first_tick, log_last_tick; // what its log covers, -1: nothing
    uint64_t log_records, log_bytes;       // bytes of the records, without the file's own
} tl_inspect_server;

typedef struct tl_inspect_report {
    bool complete; // TL_STORE_LOADED has been told
    bool decoded;  // kinds were given: groups and entities were read
    uint32_t groups, entities;
    uint32_t entities_of_kind[TL_KINDS_MAX];
    uint32_t carriers_missing;    // entities whose carrier is not in the world: out of everybody's sight until it is
    uint32_t groups_without_heir; // whose owner's epoch has ended and that nobody has taken: the next server does
    uint64_t checkpoints, checkpoints_empty, checkpoint_bytes; // empty: of deleted groups
    int64_t checkpoint_first_tick, checkpoint_last_tick;       // -1: none
    uint64_t log_records, log_bytes;                           // of all servers
    int64_t log_first_tick, log_last_tick;
    // by number; 0: groups and entities whose owner the store does not know
    tl_inspect_server servers[TL_SERVERS_MAX + 1];
    // records that cannot be read, and what follows them in their epochs: no server applies them
    uint64_t set_aside;
    uint64_t faults;               // 0, and complete: the store is sound
    tl_server_number fault_server; // of the first one, 0: not a certain server's
    int64_t fault_tick;            // -1: not of a certain tick
    char fault_text[256];          // what is wrong, with server and tick
} tl_inspect_report;

// Begins. `kinds` are those that the world was declared with, copied; a count of 0: they are not known, so groups and
// entities are not read, and what is in records and checkpoints is not checked. `tick_hz` is the world's. The limits
// are as a server's. Allocates: what the limits may need, of which only what is used gets touched. TL_ERR_INVALID: a
// kind, the rate or a limit is out of its range. TL_ERR_MEMORY: lower the limits.
TL_API tl_result tl_inspect_create(const tl_kind_def *kinds, int kind_count, uint32_t tick_hz, uint32_t entities_max,
                                   uint32_t groups_max, tl_inspect **out);
TL_API void tl_inspect_destroy(tl_inspect *inspect); // NULL is fine
// The hash of the kinds, to compare with tl_world_info.kinds_hash; 0 without kinds.
TL_API uint64_t tl_inspect_kinds_hash(const tl_inspect *inspect);
// Takes one event in, up to TL_STORE_LOADED; further ones are passed over. Nothing of the event is kept. Does not
// allocate. What is wrong with an event is counted as a fault, and the event changes nothing.
TL_API void tl_inspect_event(tl_inspect *inspect, const tl_store_event *event);
// Whether the event that was taken in last is one that servers leave out: a record that cannot be read, one that
// follows such a one in its epoch, or a checkpoint that cannot be read. An end of such an epoch, and the beginning of
// the next: the last tick that servers take for its own; else the event's own tick.
TL_API bool tl_inspect_sets_aside(const tl_inspect *inspect);
TL_API int64_t tl_inspect_last_tick(const tl_inspect *inspect);
// If that was a checkpoint: what can be stored in its place, so that its group still exists, with what the logs say
// after it. Returns its size, 0: nothing can. *out is good until the next event.
TL_API size_t tl_inspect_stand_in(const tl_inspect *inspect, const void **out);
// What was found. Call it once, after the last event.
TL_API void tl_inspect_finish(tl_inspect *inspect, tl_inspect_report *report);

#ifdef __cplusplus
}
#endif
#endif
