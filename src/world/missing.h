// What a mirror lacks: entities that found no room in it. Their ids are kept, with their groups, so that it is known
// which groups are incomplete here, and when they are whole again.
#ifndef TRAMLINE_WORLD_LACK_H
#define TRAMLINE_WORLD_LACK_H

#include "world/mirror.h"

size_t tl_lack_bytes(uint32_t entities_max, uint32_t groups_max);
bool tl_lack_init(tl_mirror *m);
// An entity of that group found no room. If it is listed already, it is of that group from now on.
void tl_lack_note(tl_mirror *m, tl_entity_id id, int32_t group);
// It found room, or was deleted.
void tl_lack_forget(tl_mirror *m, tl_entity_id id);
// The group of an entity that is lacking, TL_NONE: it is not.
int32_t tl_lack_find(const tl_mirror *m, tl_entity_id id);
// The group is gone, or about to be read anew.
void tl_lack_forget_group(tl_mirror *m, int32_t group);
// A group found no room; whose it is (0: that is not known).
void tl_lack_note_group(tl_mirror *m, tl_group_id id, tl_server_number owner);
// It found room, or was deleted. Whether it was lacking.
bool tl_lack_found_group(tl_mirror *m, tl_group_id id);
bool tl_lack_has_group(const tl_mirror *m, tl_group_id id);
void tl_lack_inherit_groups(tl_mirror *m, tl_server_number from, tl_server_number heir);
// some group of that server's that is lacking, 0: none
tl_group_id tl_lack_group_of(const tl_mirror *m, tl_server_number owner);
static inline uint32_t tl_lack_group_count(const tl_mirror *m)
{
    return m->lack_groups.count + m->groups_unlisted;
}
// A group of which something is lacking must not be checkpointed, and is given to a server that has it whole.
static inline bool tl_lack_any(const tl_group *group)
{
    return group->lack_count || group->lack_unlisted || group->lack_unread;
}

#endif
