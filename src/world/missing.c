#include "world/missing.h"

// How many missing things are listed. Beyond that it is only known that a group is incomplete, or that more groups
// exist, until this server restarts. Small worlds list many times their capacity, large ones a quarter more.
enum {
    SMALL_MAX = 4096,
    SMALL_FACTOR = 16,
    SMALL_LISTED_MIN = 64,
    LARGE_DIVISOR = 4,
    LARGE_LISTED_MIN = 65536,
};

static uint32_t listed_max(uint32_t held_max)
{
    return held_max < SMALL_MAX ? held_max * SMALL_FACTOR + SMALL_LISTED_MIN
                                : held_max / LARGE_DIVISOR + LARGE_LISTED_MIN;
}

size_t tl_missing_bytes(uint32_t entities_max, uint32_t groups_max)
{
    return tl_map_bytes(listed_max(entities_max)) + tl_map_bytes(listed_max(groups_max)) +
           (size_t)groups_max * sizeof(tl_missing_of_group) * 5 / 4;
}

bool tl_missing_init(tl_missing *missing, tl_heap *heap, uint32_t entities_max, uint32_t groups_max)
{
    *missing = (tl_missing){.groups_max = groups_max};
    missing->of_group = tl_heap_alloc(heap, groups_max * sizeof *missing->of_group);
    return tl_map_init(&missing->entities, heap, listed_max(entities_max)) &&
           tl_map_init(&missing->groups, heap, listed_max(groups_max)) && missing->of_group;
}

void tl_missing_note_group(tl_missing *missing, tl_group_id id, tl_server_number owner)
{
    missing->any = true;
    uint32_t *known = tl_map_find(&missing->groups, id);
    if (known) {
        *known = owner;
    } else if (!tl_map_put(&missing->groups, id, owner)) {
        missing->groups_unlisted++;
    }
}

bool tl_missing_found_group(tl_missing *missing, tl_group_id id)
{
    if (!tl_missing_has_group(missing, id)) {
        return false;
    }
    tl_map_remove(&missing->groups, id);
    return true;
}

bool tl_missing_has_group(const tl_missing *missing, tl_group_id id)
{
    return missing->groups.count && tl_map_find(&missing->groups, id);
}

void tl_missing_inherit_groups(tl_missing *missing, tl_server_number from, tl_server_number heir)
{
    for (uint32_t i = 0; missing->groups.count && i <= missing->groups.mask; i++) {
        tl_map_entry *entry = &missing->groups.entries[i];
        if (entry->key && entry->value == from) {
            entry->value = heir;
        }
    }
}

tl_group_id tl_missing_group_of(const tl_missing *missing, tl_server_number owner)
{
    for (uint32_t i = 0; missing->groups.count && i <= missing->groups.mask; i++) {
        if (missing->groups.entries[i].key && missing->groups.entries[i].value == owner) {
            return missing->groups.entries[i].key;
        }
    }
    return 0;
}

void tl_missing_note(tl_missing *missing, tl_entity_id id, int32_t group)
{
    TL_ASSERT(group >= 0 && group < (int32_t)missing->groups_max);
    missing->any = true;
    tl_missing_forget(missing, id);
    if (tl_map_put(&missing->entities, id, (uint32_t)group)) {
        missing->of_group[group].count++;
    } else {
        missing->of_group[group].unlisted = true;
    }
}

int32_t tl_missing_find(const tl_missing *missing, tl_entity_id id)
{
    const uint32_t *group = missing->entities.count ? tl_map_find(&missing->entities, id) : NULL;
    return group ? (int32_t)*group : TL_NONE;
}

void tl_missing_forget(tl_missing *missing, tl_entity_id id)
{
    int32_t group = tl_missing_find(missing, id);
    if (group == TL_NONE) {
        return;
    }
    TL_ASSERT(missing->of_group[group].count > 0);
    missing->of_group[group].count--;
    tl_map_remove(&missing->entities, id);
}

void tl_missing_forget_group(tl_missing *missing, int32_t group)
{
    TL_ASSERT(group >= 0 && group < (int32_t)missing->groups_max);
    tl_missing_of_group *of = &missing->of_group[group];
    of->unlisted = false;
    for (uint32_t i = 0; of->count && i <= missing->entities.mask;) {
        const tl_map_entry *entry = &missing->entities.entries[i];
        if (entry->key && entry->value == (uint32_t)group) {
            tl_missing_forget(missing, entry->key); // another entry may have moved to its place
        } else {
            i++;
        }
    }
    // Removal shifts entries back across the end of the table, to places that were visited before.
    if (of->count) {
        tl_missing_forget_group(missing, group);
    }
}
