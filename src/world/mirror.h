// The mirror: a server's copy of the whole world at level 0. It changes only by applying tick records, its own and
// other servers' alike (record.c), one world tick after the other. What changed in a tick is listed for the pyramid.
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

// Four whole cache lines: the first and the second have what is looked at most, the last what hardly ever is.
typedef struct tl_entity {
    _Alignas(TL_CACHE_LINE_BYTES) tl_entity_id id;
    tl_entity_id carrier_id;
    int64_t *state;                 // level-0 words of its kind
    int64_t *published;             // on the owner: what was published last, perhaps not committed yet; else NULL
    tl_entity_id published_carrier; // the owner's, as below, ahead of what is mirrored
    // of one that is set down (carrier.c): its owner's word, in said_carrier's frame; NULL: it is not set down
    int64_t *said;
    uint32_t unsent_fields; // changed since the last record
    int32_t group;
    uint8_t kind;
    uint8_t changes;
    bool used, live, unsent_create, unsent_carrier, unsent_listed;
    bool unsent_retell; // told whole once more, for a mirror that lacks it

    float acceleration[3];            // m/s², as far as its last two courses tell
    int32_t tile;                     // the smallest that it is in; TL_NONE while not placed
    int64_t cross_tick;               // the pyramid's: when it may leave its tile
    int32_t carrier, rider_first;     // carrier is TL_NONE while unresolved, too
    int32_t slots[2 * TL_LEVELS_MAX]; // the pyramid's: where it is in each rank's stream

    tl_entity_id said_carrier; // which it cannot ride in
    int64_t boarded_tick;      // when its owner last said what it rides in
    int32_t tile_next, tile_prev, group_next, group_prev, rider_next, rider_prev;
    int32_t pending_group; // until it is live
    int32_t aboard;        // who rides in it, with all who ride in them
    bool unresolved_listed;
    bool untaken; // the owner's: no memory was left for `published`
    bool stale;   // while a newer checkpoint of its group is loaded: not seen in it yet
} tl_entity;

typedef struct tl_group {
    tl_group_id id;
    tl_server_number owner;
    int32_t entity_first, entity_count;
    int64_t changed_tick, checkpoint_tick; // world ticks, -1: never
    int64_t known_tick;                    // since when it is known here, -1: since this server has loaded the world
    bool used, live;
    bool unsent_create, giving; // the owner's: not in a record yet; given away or deleted, not mirrored yet
    bool deleting;              // and deleted
    tl_missing_of_group *missing;
    // own records say something of it that is in no checkpoint known here, see server/checkpoints.c: truncate_log()
    bool owed;
    int64_t retry_tick; // its checkpoint failed: not before that again
    bool kept;          // the owner's: not given away to even out
    // of a group of what a client owns
    tl_identity identity;  // whose it is
    int64_t vanished_tick; // since when that client is not connected, -1: it is
    int64_t claim;         // of that client's connection; a later one has a greater one
    uint32_t holder;       // the owner's: that client's number here, 0: it is not here
    bool unsent_claim;     // the owner's: to be recorded
    bool client_news;      // another server's: what a record has said of its client was not looked at yet
    bool doomed;           // the owner's: nobody will come back
    // the owner's, of one that nobody comes back to: all that was made in it is mirrored then, -1: not known yet
    int64_t spare_tick;
} tl_group;

enum { TL_GHOSTS_MAX = 256 };
typedef struct tl_ghost { // a carrier that is gone, where it was last
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
    int32_t entity_top, group_top; // indices below are or were in use
    int32_t *entity_free, *group_free;
    uint32_t entity_free_count, group_free_count;
    uint32_t live_count;
    uint64_t releases; // indices that were freed, ever
    tl_map entity_map, group_map;
    int32_t *changed; // entities with changes != 0
    uint32_t changed_count;
    int32_t *unresolved; // live entities that cannot ride in their carrier
    uint32_t unresolved_count;
    tl_ghost ghosts[TL_GHOSTS_MAX];       // ring
    bool client_news;                     // some group has such
    uint64_t ghost_count, set_down_count; // ever
    int64_t applying_tick;                // of the record that is being applied, -1: none
    tl_missing missing;                   // what found no space here
    tl_tombs tombs;                       // while loading: groups that were deleted
    bool owes_unknown;                    // own records say something of groups that found no room
    int64_t tick;                         // the last world tick applied
} tl_mirror;

size_t tl_mirror_bytes(uint32_t entities_max, uint32_t groups_max);
tl_result tl_mirror_init(tl_mirror *m, tl_heap *heap, const tl_kinds *kinds, uint32_t entities_max,
                         uint32_t groups_max);

// Index or TL_NONE.
int32_t tl_mirror_find(const tl_mirror *m, tl_entity_id id);
int32_t tl_mirror_find_group(const tl_mirror *m, tl_group_id id);
// Reserves a place for an id that is not known; not live yet. TL_ERR_FULL, TL_ERR_EXISTS.
tl_result tl_mirror_reserve(tl_mirror *m, tl_entity_id id, int kind, int32_t *out);
tl_result tl_mirror_reserve_group(tl_mirror *m, tl_group_id id, int32_t *out);
// Frees what was reserved and never became live.
void tl_mirror_release(tl_mirror *m, int32_t index);
void tl_mirror_release_group(tl_mirror *m, int32_t group);

// ---- what records do; changes are listed ----
// reserved -> live; state is set before
void tl_mirror_enter(tl_mirror *m, int32_t index, int32_t group, tl_entity_id carrier_id);
void tl_mirror_touch(tl_mirror *m, int32_t index, int changes);
void tl_mirror_set_carrier(tl_mirror *m, int32_t index, tl_entity_id carrier_id);
// The same with a new state, in the new frame.
void tl_mirror_board(tl_mirror *m, int32_t index, tl_entity_id carrier_id, const int64_t *words);
void tl_mirror_say(tl_mirror *m, int32_t index, const int64_t *words); // a new state of one that is set down
void tl_mirror_regroup(tl_mirror *m, int32_t index, int32_t group);
void tl_mirror_delete(tl_mirror *m, int32_t index); // riders are set down where they are; freed by tl_mirror_settle()
// While loading: a group was deleted as of a tick, and what is older says nothing of it. TL_ERR_MEMORY: the heap is
// full.
tl_result tl_mirror_bury_group(tl_mirror *m, tl_group_id id, int64_t tick);
void tl_mirror_delete_group(tl_mirror *m, int32_t group);
// Resolves carriers that have come to be known. After the records of a tick, before the pyramid looks.
void tl_mirror_resolve(tl_mirror *m);
// Ends a tick: the list of changes is emptied, deleted entities are freed.
void tl_mirror_settle(tl_mirror *m);

// carrier.c and mirror.c for each other
void tl_mirror_unlink_rider(tl_mirror *m, int32_t index);
void tl_mirror_carrier_goes(tl_mirror *m, int32_t index); // its riders are set down
size_t tl_mirror_state_bytes(const tl_mirror *m, const tl_entity *e);
void tl_mirror_local_pose(const tl_mirror *m, const tl_entity *e, double tick, tl_vec3 *position, tl_quat *rotation);
static inline int64_t tl_mirror_op_tick(const tl_mirror *m)
{
    return m->applying_tick >= 0 ? m->applying_tick : m->tick;
}
// How many ride on top of each other in an entity, with itself.
int tl_mirror_height(const tl_mirror *m, int32_t index);

// The pose in world coordinates at a tick, carriers resolved. False while a carrier is unresolved.
bool tl_mirror_pose(const tl_mirror *m, int32_t index, double tick, tl_vec3 *position, tl_quat *rotation);
// The outermost carrier, or the entity itself. TL_NONE while a carrier is unresolved.
int32_t tl_mirror_root(const tl_mirror *m, int32_t index);

// Checks every link and count; asserts. For tests and simulation.
void tl_mirror_validate(const tl_mirror *m);

#endif
