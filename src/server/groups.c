// Gaining and losing groups, and allocating ids for new groups and entities.
#include "server/groups.h"
#include "server/carriers.h"
#include "server/client_groups.h"
#include "server/created.h"
#include "server/ownership.h"
#include "server/state.h"
#include "world/missing.h"

enum { ID_COUNTER_BITS = 24 };
#define IDS_PER_EPOCH ((uint64_t)1 << ID_COUNTER_BITS) // more than any server has entities

static void take_entity(tl_server *s, int32_t index)
{
    tl_entity *e = &s->mirror.entities[index];
    TL_ASSERT(e->used && e->state);
    if (e->published == NULL) {
        e->published = tl_heap_alloc(&s->heap, tl_own_state_bytes(s, e));
    }
    e->untaken = e->published == NULL;
    if (e->untaken) {
        if (!s->own.untaken) {
            tl_server_say(s, "no memory is left for entities that are this server's now: they stand still until there "
                             "is; raise memory_bytes");
        }
        s->own.untaken = true;
        s->stats.limits_reached++;
        return;
    }
    memcpy(e->published, e->state, tl_own_state_bytes(s, e));
    e->published_carrier = e->carrier_id;
    e->unsent_fields = 0;
    tl_own_forget_truth(s, index);
    tl_own_track(s, index);
    if (e->said) {
        tl_carriers_publish_set_down(s, index);
    }
}

void tl_groups_take_rest(tl_server *s)
{
    if (!s->own.untaken || s->tick % s->world.tick_hz != 0) {
        return;
    }
    bool any = false;
    for (int32_t i = 0; i < s->mirror.entity_top; i++) {
        tl_entity *e = &s->mirror.entities[i];
        if (!e->used || !e->untaken) {
            continue;
        }
        e->untaken = e->live && tl_own_owns(s, e->group);
        if (e->untaken) {
            take_entity(s, i);
        }
        any |= e->untaken;
    }
    s->own.untaken = any;
}

void tl_groups_take(tl_server *s, int32_t group)
{
    const tl_group *g = &s->mirror.groups[group];
    TL_ASSERT(g->used && g->owner == s->number);
    for (int32_t i = g->entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        take_entity(s, i);
    }
    if (!tl_client_groups_is_id(g->id) && s->def.callbacks.group) {
        s->def.callbacks.group(s->def.callbacks.user, s, g->id, true);
    }
}

void tl_groups_lose(tl_server *s, int32_t group)
{
    tl_group *g = &s->mirror.groups[group];
    TL_ASSERT(g->used);
    g->kept = g->doomed = false;
    g->holder = 0;
    g->spare_tick = -1;
    if (tl_client_groups_is_id(g->id)) {
        tl_created_lose_group(s, group);
    }
    for (int32_t i = g->entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        tl_entity *e = &s->mirror.entities[i];
        tl_heap_free(&s->heap, e->published, tl_own_state_bytes(s, e));
        e->published = NULL;
        tl_own_track(s, i);
    }
}

// ---- ids ----

// The epoch keeps ids distinct across restarts. When an epoch's ids are exhausted the counter wraps around, and ids
// still in use are skipped.
static uint64_t next_id(const tl_server *s, uint64_t *counter)
{
    TL_ASSERT(s->number >= 1 && s->epoch >= 1);
    *counter = (*counter + 1) % IDS_PER_EPOCH;
    return (uint64_t)s->number << 48 | (uint64_t)s->epoch << ID_COUNTER_BITS | *counter;
}

tl_entity_id tl_groups_next_entity_id(tl_server *s)
{
    tl_entity_id id;
    do {
        id = next_id(s, &s->own.entity_counter);
    } while (tl_mirror_find(&s->mirror, id) != TL_NONE || tl_missing_find(&s->mirror.missing, id) != TL_NONE);
    return id;
}

static tl_group_id next_group_id(tl_server *s, uint64_t bits)
{
    tl_group_id id;
    do {
        id = next_id(s, &s->own.group_counter) | bits;
    } while (tl_mirror_find_group(&s->mirror, id) != TL_NONE);
    return id;
}

tl_group_id tl_groups_next_client_id(tl_server *s)
{
    return next_group_id(s, TL_CLIENT_GROUP_BIT);
}

// ---- the game's functions ----

tl_result tl_server_create_group(tl_server *s, tl_group_id id, tl_group_id *out)
{
    if (!tl_server_is_active(s)) {
        return TL_ERR_STATE;
    }
    if ((uint32_t)s->mirror.group_top - s->mirror.group_free_count >= s->def.groups_max) {
        return TL_ERR_FULL;
    }
    if (id == 0) {
        id = next_group_id(s, 0);
    }
    int32_t group;
    tl_result result = tl_mirror_reserve_group(&s->mirror, id, &group);
    if (result != TL_OK) {
        return result;
    }
    s->mirror.groups[group].owner = s->number;
    s->mirror.groups[group].unsent_create = true;
    TL_ASSERT(s->changes.groups_created_count < s->mirror.groups_max);
    s->changes.groups_created[s->changes.groups_created_count++] = group;
    if (out) {
        *out = id;
    }
    if (s->def.callbacks.group && !tl_client_groups_is_id(id)) {
        s->def.callbacks.group(s->def.callbacks.user, s, id, true);
    }
    return TL_OK;
}

tl_result tl_server_delete_group(tl_server *s, tl_group_id id)
{
    int32_t group = tl_mirror_find_group(&s->mirror, id);
    if (!tl_server_is_active(s)) {
        return TL_ERR_STATE;
    }
    if (group == TL_NONE) {
        return TL_ERR_NOT_FOUND;
    }
    if (!tl_own_owns(s, group) || s->mirror.groups[group].unsent_create) {
        return TL_ERR_DENIED;
    }
    if (s->checkpoints.due_count == TL_GIVES_MAX) {
        return TL_AGAIN;
    }
    TL_ASSERT(s->changes.groups_deleted_count < s->mirror.groups_max);
    s->changes.groups_deleted[s->changes.groups_deleted_count++] = id;
    s->checkpoints.due[s->checkpoints.due_count++] = id;
    tl_groups_lose(s, group);
    s->mirror.groups[group].giving = s->mirror.groups[group].deleting = true;
    return TL_OK;
}

bool tl_server_owns_group(const tl_server *s, tl_group_id id)
{
    int32_t group = tl_mirror_find_group(&s->mirror, id);
    return group != TL_NONE && tl_own_owns(s, group);
}

tl_result tl_server_keep_group(tl_server *s, tl_group_id id, bool keep)
{
    int32_t group = tl_mirror_find_group(&s->mirror, id);
    if (group == TL_NONE) {
        return TL_ERR_NOT_FOUND;
    }
    if (!tl_own_owns(s, group)) {
        return TL_ERR_DENIED;
    }
    s->mirror.groups[group].kept = keep;
    return TL_OK;
}
