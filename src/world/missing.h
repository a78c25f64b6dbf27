// What did not fit into a mirror. The ids of such entities are kept with the indices of their groups, so that a server
// knows which groups are incomplete and when they are complete again. The ids of such groups are kept with their
// owners.
#ifndef TRAMLINE_WORLD_MISSING_H
#define TRAMLINE_WORLD_MISSING_H

#include "base/map.h"

typedef struct tl_missing_of_group {
    uint32_t count; // the group's missing entities with known ids
    bool unlisted;  // more are missing, with unknown ids
    bool unread;    // its checkpoint is unreadable (unread.h): its content is unknown here
} tl_missing_of_group;

typedef struct tl_missing {
    tl_map entities;               // maps to the index of their group
    tl_map groups;                 // maps to their owner; 0: unknown
    tl_missing_of_group *of_group; // by group index in the mirror
    uint32_t groups_max;
    uint32_t groups_unlisted; // total of missing groups with unknown ids
    bool any;                 // something did not fit; set until nothing is known to be missing
} tl_missing;

size_t tl_missing_bytes(uint32_t entities_max, uint32_t groups_max);
bool tl_missing_init(tl_missing *missing, tl_heap *heap, uint32_t entities_max, uint32_t groups_max);

// Records that an entity of that group did not fit. If it is already listed, it now belongs to that group.
void tl_missing_note(tl_missing *missing, tl_entity_id id, int32_t group);
// Records that the entity did fit, or was deleted.
void tl_missing_forget(tl_missing *missing, tl_entity_id id);
// The group of a missing entity; TL_NONE: the entity is not missing.
int32_t tl_missing_find(const tl_missing *missing, tl_entity_id id);
// Called when the group is deleted, or about to be read again.
void tl_missing_forget_group(tl_missing *missing, int32_t group);
// Whether part of a group is missing: it must not be checkpointed here, and is given to a server that has it
// completely.
static inline bool tl_missing_any(const tl_missing_of_group *of)
{
    return of->count || of->unlisted || of->unread;
}

// Records that a group did not fit; `owner` is 0 if unknown.
void tl_missing_note_group(tl_missing *missing, tl_group_id id, tl_server_number owner);
// Records that the group did fit, or was deleted. Returns whether it was missing.
bool tl_missing_found_group(tl_missing *missing, tl_group_id id);
bool tl_missing_has_group(const tl_missing *missing, tl_group_id id);
void tl_missing_inherit_groups(tl_missing *missing, tl_server_number from, tl_server_number heir);
// Returns a missing group of that server, or 0 if there is none.
tl_group_id tl_missing_group_of(const tl_missing *missing, tl_server_number owner);
static inline uint32_t tl_missing_group_count(const tl_missing *missing)
{
    return missing->groups.count + missing->groups_unlisted;
}

#endif
