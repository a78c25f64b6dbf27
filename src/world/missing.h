// What found no space in a mirror. The ids of such entities are kept, with the indices of their groups, so that it is
// known which groups are incomplete here and when they are whole again; and the ids of such groups, with their owners.
#ifndef TRAMLINE_WORLD_MISSING_H
#define TRAMLINE_WORLD_MISSING_H

#include "base/map.h"

typedef struct tl_missing_of_group {
    uint32_t count; // entities of it that are missing, by id
    bool unlisted;  // and more, whose ids are not known
    bool unread;    // its checkpoint cannot be read (unread.h): what was in it is not known here
} tl_missing_of_group;

typedef struct tl_missing {
    tl_map entities;               // to the index of their group
    tl_map groups;                 // to their owner, 0: not known
    tl_missing_of_group *of_group; // by the index of a group that the mirror has
    uint32_t groups_max;
    uint32_t groups_unlisted; // missing groups whose ids are not known, ever
    bool any;                 // something found no space; until it is known that nothing is missing any more
} tl_missing;

size_t tl_missing_bytes(uint32_t entities_max, uint32_t groups_max);
bool tl_missing_init(tl_missing *missing, tl_heap *heap, uint32_t entities_max, uint32_t groups_max);

// An entity of that group found no space. If it is listed already, it belongs to that group from now on.
void tl_missing_note(tl_missing *missing, tl_entity_id id, int32_t group);
// It found space, or was deleted.
void tl_missing_forget(tl_missing *missing, tl_entity_id id);
// The group of a missing entity, TL_NONE: the entity is not missing.
int32_t tl_missing_find(const tl_missing *missing, tl_entity_id id);
// The group is gone, or about to be read anew.
void tl_missing_forget_group(tl_missing *missing, int32_t group);
// Whether something of a group is missing: it must not be checkpointed, and is given to a server that has it whole.
static inline bool tl_missing_any(const tl_missing_of_group *of)
{
    return of->count || of->unlisted || of->unread;
}

// A group found no space; `owner` is 0 if it is not known.
void tl_missing_note_group(tl_missing *missing, tl_group_id id, tl_server_number owner);
// It found space, or was deleted. Returns whether it was missing.
bool tl_missing_found_group(tl_missing *missing, tl_group_id id);
bool tl_missing_has_group(const tl_missing *missing, tl_group_id id);
void tl_missing_inherit_groups(tl_missing *missing, tl_server_number from, tl_server_number heir);
// Some missing group of that server's, 0: none.
tl_group_id tl_missing_group_of(const tl_missing *missing, tl_server_number owner);
static inline uint32_t tl_missing_group_count(const tl_missing *missing)
{
    return missing->groups.count + missing->groups_unlisted;
}

#endif
