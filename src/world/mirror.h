// The mirror: a server's copy of the whole world at level 0. It changes only by applying tick records, the server's own
// and those of others (record.c), one world tick after the other. The changes of a tick are listed for the pyramid.
#ifndef TRAMLINE_WORLD_MIRROR_H
#define TRAMLINE_WORLD_MIRROR_H

#include "base/map.h"
#include "motion/lead.h"
#include "wire/identity.h"
#include "world/missing.h"
#include "world/tombs.h"

enum {
    TL_CHANGE_ENTERED = 1, // became live this tick
    TL_CHANGE_STATE = 2,
    TL_CHANGE_CARRIER = 4,
    TL_CHANGE_DELETED = 8,
};

// Exactly four cache lines: the first two hold the members used most, the last those used least.
typedef struct tl_entity {
    _Alignas(TL_CACHE_LINE_BYTES) tl_entity_id id;
    tl_entity_id carrier_id;
    int64_t *state;                 // level-0 words of its kind
    int64_t *published;             // on the owner: the state published last, perhaps not committed yet; else NULL
    tl_entity_id published_carrier; // on the owner: as carrier_id below, ahead of the mirrored one
    // if set down (carrier.c): the owner's state, in said_carrier's frame; otherwise NULL
    int64_t *said;
    uint32_t unsent_fields; // changed since the last record
    int32_t group;
    uint8_t kind;
    uint8_t changes;
    bool used, live, unsent_create, unsent_carrier, unsent_listed;
    bool unsent_retell; // to be sent again in full, to a mirror where it is missing

    float acceleration[3];            // m/s², derived from its last two segments
    int32_t tile;                     // the smallest tile that contains it; TL_NONE while it has no position
    int64_t cross_tick;               // for the pyramid: when it may leave its tile
    int32_t carrier, rider_first;     // carrier is also TL_NONE while unresolved
    int32_t slots[2 * TL_LEVELS_MAX]; // for the pyramid: its slot in each rank's stream

    tl_entity_id said_carrier; // the carrier that it cannot ride in
    int64_t boarded_tick;      // when its owner last set its carrier
    int32_t tile_next, tile_prev, group_next, group_prev, rider_next, rider_prev;
    int32_t pending_group; // until it is live
    int32_t aboard;        // number of its passengers, nested ones included
    bool unresolved_listed;
    bool untaken; // on the owner: `published` could not be allocated
    bool stale;   // not seen so far in the newer checkpoint of its group that is being loaded
} tl_entity;

typedef struct tl_group {
    tl_group_id id;
    tl_server_number owner;
    int32_t entity_first, entity_count;
    int64_t changed_tick, checkpoint_tick; // world ticks; -1: never
    int64_t known_tick;                    // when it became known here; -1: when this server loaded the world
    bool used, live;
    bool unsent_create, giving; // on the owner: not in a record yet; given away or deleted, not mirrored yet
    bool deleting;              // with `giving`: it is deleted
    tl_missing_of_group *missing;
    // own records have changes of it that no known checkpoint contains, see server/checkpoints.c: truncate_log()
    bool owed;
    int64_t retry_tick; // its checkpoint failed: do not retry before this tick
    bool kept;          // on the owner: not given away for balance
    // for the group of a client's entities:
    tl_identity identity;  // the client's identity
    int64_t vanished_tick; // when that client disconnected; -1: it is connected
    int64_t claim;         // of that client's connection; later connections have greater ones
    uint32_t holder;       // on the owner: that client's number here; 0: it is not here
    bool unsent_claim;     // on the owner: to be recorded
    bool client_news;      // another server's: a record has news of its client that was not processed yet
    bool doomed;           // on the owner: its client will not return
    // on the owner, if doomed: when everything created in it is mirrored; -1: not known yet
    int64_t spare_tick;
} tl_group;

enum { TL_GHOSTS_MAX = 256 };
typedef struct tl_ghost { // the last pose of a deleted carrier
    tl_entity_id id;
    tl_vec3 position;
    tl_quat rotation;
} tl_ghost;

typedef struct tl_mirror {
    tl_heap *heap;
    const tl_kinds *kinds;
    tl_entity *entities;
    tl_group *groups;
    uint32_t entities_max, groups_max;
    int32_t entity_top, group_top; // all used indices are below
    int32_t *entity_free, *group_free;
    uint32_t entity_free_count, group_free_count;
    uint32_t live_count;
    uint64_t releases; // total number of freed indices
    tl_map entity_map, group_map;
    int32_t *changed; // entities with changes != 0
    uint32_t changed_count;
    int32_t *unresolved; // live entities that cannot ride in their carrier
    uint32_t unresolved_count;
    tl_ghost ghosts[TL_GHOSTS_MAX];       // ring
    bool client_news;                     // some group has client_news
    uint64_t ghost_count, set_down_count; // totals
    int64_t applying_tick;                // of the record being applied; -1: none
    tl_missing missing;                   // what did not fit into this mirror
    tl_tombs tombs;                       // while loading: deleted groups
    bool owes_unknown;                    // own records have changes of groups that did not fit
    int64_t tick;                         // the last applied world tick
} tl_mirror;

size_t tl_mirror_bytes(uint32_t entities_max, uint32_t groups_max);
tl_result tl_mirror_init(tl_mirror *m, tl_heap *heap, const tl_kinds *kinds, uint32_t entities_max,
                         uint32_t groups_max);

// Returns the index, or TL_NONE if the id is unknown.
int32_t tl_mirror_find(const tl_mirror *m, tl_entity_id id);
int32_t tl_mirror_find_group(const tl_mirror *m, tl_group_id id);
// Reserves an index for an unknown id; it is not live yet. TL_ERR_FULL, TL_ERR_EXISTS.
tl_result tl_mirror_reserve(tl_mirror *m, tl_entity_id id, int kind, int32_t *out);
tl_result tl_mirror_reserve_group(tl_mirror *m, tl_group_id id, int32_t *out);
// Frees a reserved index that never became live.
void tl_mirror_release(tl_mirror *m, int32_t index);
void tl_mirror_release_group(tl_mirror *m, int32_t group);

// ---- operations of records; changes are listed ----
// Makes a reserved entity live; its state must be set before.
void tl_mirror_enter(tl_mirror *m, int32_t index, int32_t group, tl_entity_id carrier_id);
void tl_mirror_touch(tl_mirror *m, int32_t index, int changes);
void tl_mirror_set_carrier(tl_mirror *m, int32_t index, tl_entity_id carrier_id);
// The same as tl_mirror_set_carrier() with a new state, in the new carrier's frame.
void tl_mirror_board(tl_mirror *m, int32_t index, tl_entity_id carrier_id, const int64_t *words);
void tl_mirror_say(tl_mirror *m, int32_t index, const int64_t *words); // sets a new state of an entity that is set down
void tl_mirror_regroup(tl_mirror *m, int32_t index, int32_t group);
void tl_mirror_delete(tl_mirror *m, int32_t index); // sets its passengers down; tl_mirror_settle() frees it
// While loading: records that a group was deleted at a tick, so that older data of it is ignored. TL_ERR_MEMORY: the
// heap is full.
tl_result tl_mirror_bury_group(tl_mirror *m, tl_group_id id, int64_t tick);
void tl_mirror_delete_group(tl_mirror *m, int32_t group);
// Resolves carriers that have become known. Called after the records of a tick, before the pyramid's tick.
void tl_mirror_resolve(tl_mirror *m);
// Ends a tick: empties the list of changes and frees deleted entities.
void tl_mirror_settle(tl_mirror *m);

// shared by carrier.c and mirror.c
void tl_mirror_unlink_rider(tl_mirror *m, int32_t index);
void tl_mirror_carrier_goes(tl_mirror *m, int32_t index); // sets its passengers down
size_t tl_mirror_state_bytes(const tl_mirror *m, const tl_entity *e);
void tl_mirror_local_pose(const tl_mirror *m, const tl_entity *e, double tick, tl_vec3 *position, tl_quat *rotation);
static inline int64_t tl_mirror_op_tick(const tl_mirror *m)
{
    return m->applying_tick >= 0 ? m->applying_tick : m->tick;
}
// The depth of nested passengers in an entity, itself included.
int tl_mirror_height(const tl_mirror *m, int32_t index);

// The pose in world coordinates at a tick, carriers resolved. Returns false while a carrier is unresolved.
bool tl_mirror_pose(const tl_mirror *m, int32_t index, double tick, tl_vec3 *position, tl_quat *rotation);
// The outermost carrier, or the entity itself. TL_NONE while a carrier is unresolved.
int32_t tl_mirror_root(const tl_mirror *m, int32_t index);

// Asserts that all links and counts are consistent. For tests and simulation.
void tl_mirror_validate(const tl_mirror *m);

#endif
