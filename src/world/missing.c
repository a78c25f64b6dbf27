#include "world/lack.h"

// Beyond as many as this a group is only known to be incomplete, or that there are more groups, until this server is
// started anew.
static uint32_t lacks_max(uint32_t places_max)
{
    return places_max < 4096 ? places_max * 16 + 64 : places_max / 4 + 65536;
}

size_t tl_lack_bytes(uint32_t entities_max, uint32_t groups_max)
{
    return tl_map_bytes(lacks_max(entities_max)) + tl_map_bytes(lacks_max(groups_max));
}

bool tl_lack_init(tl_mirror *m)
{
    return tl_map_init(&m->lack_map, m->heap, lacks_max(m->entities_max)) &&
           tl_map_init(&m->lack_groups, m->heap, lacks_max(m->groups_max));
}

void tl_lack_note_group(tl_mirror *m, tl_group_id id, tl_server_number owner)
{
    m->lacked = true;
    uint32_t *known = tl_map_find(&m->lack_groups, id);
    if (known) {
        *known = owner;
    } else if (!tl_map_put(&m->lack_groups, id, owner)) {
        m->groups_unlisted++;
    }
}

bool tl_lack_found_group(tl_mirror *m, tl_group_id id)
{
    if (!tl_lack_has_group(m, id)) {
        return false;
    }
    tl_map_remove(&m->lack_groups, id);
    return true;
}

bool tl_lack_has_group(const tl_mirror *m, tl_group_id id)
{
    return m->lack_groups.count && tl_map_find(&m->lack_groups, id);
}

void tl_lack_inherit_groups(tl_mirror *m, tl_server_number from, tl_server_number heir)
{
    for (uint32_t i = 0; m->lack_groups.count && i <= m->lack_groups.mask; i++) {
        tl_map_entry *entry = &m->lack_groups.entries[i];
        if (entry->key && entry->value == from) {
            entry->value = heir;
        }
    }
}

tl_group_id tl_lack_group_of(const tl_mirror *m, tl_server_number owner)
{
    for (uint32_t i = 0; m->lack_groups.count && i <= m->lack_groups.mask; i++) {
        if (m->lack_groups.entries[i].key && m->lack_groups.entries[i].value == owner) {
            return m->lack_groups.entries[i].key;
        }
    }
    return 0;
}

void tl_lack_note(tl_mirror *m, tl_entity_id id, int32_t group)
{
    tl_lack_forget(m, id);
    if (tl_map_put(&m->lack_map, id, (uint32_t)group)) {
        m->groups[group].lack_count++;
    } else {
        m->groups[group].lack_unlisted = true;
    }
}

int32_t tl_lack_find(const tl_mirror *m, tl_entity_id id)
{
    const uint32_t *group = m->lack_map.count ? tl_map_find(&m->lack_map, id) : NULL;
    return group ? (int32_t)*group : TL_NONE;
}

void tl_lack_forget(tl_mirror *m, tl_entity_id id)
{
    int32_t group = tl_lack_find(m, id);
    if (group == TL_NONE) {
        return;
    }
    TL_ASSERT(m->groups[group].lack_count > 0);
    m->groups[group].lack_count--;
    tl_map_remove(&m->lack_map, id);
}

void tl_lack_forget_group(tl_mirror *m, int32_t group)
{
    tl_group *g = &m->groups[group];
    g->lack_unlisted = false;
    for (uint32_t i = 0; g->lack_count && i <= m->lack_map.mask;) {
        const tl_map_entry *entry = &m->lack_map.entries[i];
        if (entry->key && entry->value == (uint32_t)group) {
            tl_lack_forget(m, entry->key); // another may have moved to its place
        } else {
            i++;
        }
    }
    // Removing shifts entries back over the end of the table, to places that were looked at before.
    if (g->lack_count) {
        tl_lack_forget_group(m, group);
    }
}
