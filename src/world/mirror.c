#include "world/mirror.h"

size_t tl_mirror_bytes(uint32_t entities_max, uint32_t groups_max)
{
    return (size_t)entities_max * (sizeof(tl_entity) + 4 * sizeof(int32_t)) * 5 / 4 +
           (size_t)groups_max * (sizeof(tl_group) + sizeof(int32_t)) * 5 / 4 + tl_map_bytes(entities_max) +
           tl_map_bytes(groups_max) + tl_missing_bytes(entities_max, groups_max) + 65536;
}

// The heap does not align to cache lines.
static tl_entity *allocate_entities(tl_heap *heap, uint32_t count)
{
    unsigned char *memory = tl_heap_alloc(heap, count * sizeof(tl_entity) + TL_CACHE_LINE_BYTES - 1);
    size_t over = memory ? (uintptr_t)memory % TL_CACHE_LINE_BYTES : 0;
    return memory ? (tl_entity *)(void *)(memory + (over ? TL_CACHE_LINE_BYTES - over : 0)) : NULL;
}

tl_result tl_mirror_init(tl_mirror *m, tl_heap *heap, const tl_kinds *kinds, uint32_t entities_max, uint32_t groups_max)
{
    *m = (tl_mirror){.heap = heap,
                     .kinds = kinds,
                     .entities_max = entities_max,
                     .groups_max = groups_max,
                     .tick = -1,
                     .applying_tick = -1};
    m->entities = allocate_entities(heap, entities_max);
    m->groups = tl_heap_alloc(heap, groups_max * sizeof *m->groups);
    m->entity_free = tl_heap_alloc(heap, entities_max * sizeof *m->entity_free);
    m->group_free = tl_heap_alloc(heap, groups_max * sizeof *m->group_free);
    m->changed = tl_heap_alloc(heap, entities_max * sizeof *m->changed);
    // it may grow while it is traversed
    m->unresolved = tl_heap_alloc(heap, 2 * (size_t)entities_max * sizeof *m->unresolved);
    bool maps = tl_map_init(&m->entity_map, heap, entities_max) && tl_map_init(&m->group_map, heap, groups_max) &&
                tl_missing_init(&m->missing, heap, entities_max, groups_max);
    bool arrays = m->entities && m->groups && m->entity_free && m->group_free && m->changed && m->unresolved;
    return maps && arrays ? TL_OK : TL_ERR_MEMORY;
}

int32_t tl_mirror_find(const tl_mirror *m, tl_entity_id id)
{
    const uint32_t *value = id ? tl_map_find(&m->entity_map, id) : NULL;
    return value ? (int32_t)*value : TL_NONE;
}

int32_t tl_mirror_find_group(const tl_mirror *m, tl_group_id id)
{
    const uint32_t *value = id ? tl_map_find(&m->group_map, id) : NULL;
    return value ? (int32_t)*value : TL_NONE;
}

tl_result tl_mirror_reserve(tl_mirror *m, tl_entity_id id, int kind, int32_t *out)
{
    if (tl_mirror_find(m, id) != TL_NONE) {
        return TL_ERR_EXISTS;
    }
    if (m->entity_free_count == 0 && m->entity_top == (int32_t)m->entities_max) {
        return TL_ERR_FULL;
    }
    int64_t *state = tl_heap_alloc(m->heap, (size_t)m->kinds->kinds[kind].word_count * sizeof *state);
    if (state == NULL) {
        return TL_ERR_FULL;
    }
    int32_t index = m->entity_free_count ? m->entity_free[--m->entity_free_count] : m->entity_top++;
    tl_entity *e = &m->entities[index];
    *e = (tl_entity){.id = id, .state = state, .kind = (uint8_t)kind, .used = true, .cross_tick = -1};
    e->pending_group = e->group = e->group_next = e->group_prev = e->carrier = e->rider_first = e->rider_next =
        e->rider_prev = TL_NONE;
    e->tile = e->tile_next = e->tile_prev = TL_NONE;
    for (int rank = 0; rank < 2 * TL_LEVELS_MAX; rank++) {
        e->slots[rank] = TL_NONE;
    }
    TL_ASSERT(tl_map_put(&m->entity_map, id, (uint32_t)index));
    *out = index;
    return TL_OK;
}

tl_result tl_mirror_reserve_group(tl_mirror *m, tl_group_id id, int32_t *out)
{
    if (tl_mirror_find_group(m, id) != TL_NONE) {
        return TL_ERR_EXISTS;
    }
    if (m->group_free_count == 0 && m->group_top == (int32_t)m->groups_max) {
        return TL_ERR_FULL;
    }
    int32_t index = m->group_free_count ? m->group_free[--m->group_free_count] : m->group_top++;
    TL_ASSERT(!tl_missing_any(&m->missing.of_group[index]));
    m->groups[index] = (tl_group){.id = id,
                                  .missing = &m->missing.of_group[index],
                                  .used = true,
                                  .entity_first = TL_NONE,
                                  .changed_tick = -1,
                                  .checkpoint_tick = -1,
                                  .known_tick = m->tick,
                                  .vanished_tick = -1,
                                  .spare_tick = -1};
    TL_ASSERT(tl_map_put(&m->group_map, id, (uint32_t)index));
    *out = index;
    return TL_OK;
}

void tl_mirror_release(tl_mirror *m, int32_t index)
{
    tl_entity *e = &m->entities[index];
    size_t bytes = (size_t)m->kinds->kinds[e->kind].word_count * sizeof(int64_t);
    TL_ASSERT(e->used && !e->live && e->group == TL_NONE && e->tile == TL_NONE);
    TL_ASSERT(e->said == NULL);
    tl_heap_free(m->heap, e->state, bytes);
    tl_heap_free(m->heap, e->published, bytes);
    tl_map_remove(&m->entity_map, e->id);
    e->used = false;
    m->releases++;
    m->entity_free[m->entity_free_count++] = index;
}

void tl_mirror_release_group(tl_mirror *m, int32_t group)
{
    tl_group *g = &m->groups[group];
    TL_ASSERT(g->used && g->entity_count == 0);
    g->missing->unread = false;
    tl_missing_forget_group(&m->missing, group);
    tl_map_remove(&m->group_map, g->id);
    g->used = g->live = false;
    m->group_free[m->group_free_count++] = group;
}

void tl_mirror_touch(tl_mirror *m, int32_t index, int changes)
{
    tl_entity *e = &m->entities[index];
    if (e->changes == 0) {
        m->changed[m->changed_count++] = index;
    }
    e->changes |= (uint8_t)changes;
}

static void join_group(tl_mirror *m, int32_t index, int32_t group)
{
    tl_entity *e = &m->entities[index];
    tl_group *g = &m->groups[group];
    e->group = group;
    e->group_prev = TL_NONE;
    e->group_next = g->entity_first;
    if (g->entity_first != TL_NONE) {
        m->entities[g->entity_first].group_prev = index;
    }
    g->entity_first = index;
    g->entity_count++;
}

static void leave_group(tl_mirror *m, int32_t index)
{
    tl_entity *e = &m->entities[index];
    if (e->group == TL_NONE) {
        return;
    }
    tl_group *g = &m->groups[e->group];
    if (e->group_prev != TL_NONE) {
        m->entities[e->group_prev].group_next = e->group_next;
    } else {
        g->entity_first = e->group_next;
    }
    if (e->group_next != TL_NONE) {
        m->entities[e->group_next].group_prev = e->group_prev;
    }
    g->entity_count--;
    e->pending_group = e->group = e->group_next = e->group_prev = TL_NONE;
}

void tl_mirror_enter(tl_mirror *m, int32_t index, int32_t group, tl_entity_id carrier_id)
{
    tl_entity *e = &m->entities[index];
    TL_ASSERT(e->used && !e->live);
    e->live = true;
    e->carrier_id = 0;
    e->boarded_tick = tl_mirror_op_tick(m);
    m->live_count++;
    join_group(m, index, group);
    tl_mirror_touch(m, index, TL_CHANGE_ENTERED | TL_CHANGE_STATE);
    if (carrier_id) {
        tl_mirror_set_carrier(m, index, carrier_id);
    }
}

void tl_mirror_regroup(tl_mirror *m, int32_t index, int32_t group)
{
    leave_group(m, index);
    join_group(m, index, group);
}

void tl_mirror_delete(tl_mirror *m, int32_t index)
{
    tl_entity *e = &m->entities[index];
    TL_ASSERT(e->used && e->live);
    tl_mirror_carrier_goes(m, index);
    tl_mirror_unlink_rider(m, index);
    leave_group(m, index);
    e->live = false;
    m->live_count--;
    tl_mirror_touch(m, index, TL_CHANGE_DELETED);
}

void tl_mirror_delete_group(tl_mirror *m, int32_t group)
{
    tl_group *g = &m->groups[group];
    while (g->entity_first != TL_NONE) {
        tl_mirror_delete(m, g->entity_first);
    }
    tl_mirror_release_group(m, group);
}

tl_result tl_mirror_bury_group(tl_mirror *m, tl_group_id id, int64_t tick)
{
    int32_t group = tl_mirror_find_group(m, id);
    if (group != TL_NONE && m->groups[group].checkpoint_tick > tick) {
        return TL_OK; // it was created again since
    }
    if (group != TL_NONE) {
        tl_mirror_delete_group(m, group);
    }
    tl_missing_found_group(&m->missing, id);
    return tl_tombs_put(&m->tombs, m->heap, id, tick);
}

void tl_mirror_settle(tl_mirror *m)
{
    uint32_t count = m->changed_count;
    m->changed_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        tl_entity *e = &m->entities[m->changed[i]];
        bool deleted = e->changes & TL_CHANGE_DELETED;
        e->changes = 0;
        if (deleted) {
            tl_mirror_release(m, m->changed[i]);
        }
    }
}

void tl_mirror_local_pose(const tl_mirror *m, const tl_entity *e, double tick, tl_vec3 *position, tl_quat *rotation)
{
    const tl_kind *kind = &m->kinds->kinds[e->kind];
    int shift = kind->fields[0].shift[0];
    *position = tl_position_at(e->state, shift, m->kinds, tick);
    *rotation = (tl_quat){0, 0, 0, 1};
    if (kind->rotation == TL_NONE) {
        return;
    }
    const tl_field *field = &kind->fields[kind->rotation];
    *rotation = tl_rotation_at(e->state + field->word, field, 0, m->kinds, tick,
                               tl_velocity_of(e->state, shift, m->kinds));
}

bool tl_mirror_pose(const tl_mirror *m, int32_t index, double tick, tl_vec3 *position, tl_quat *rotation)
{
    const tl_entity *e = &m->entities[index];
    tl_mirror_local_pose(m, e, tick, position, rotation);
    while (e->carrier_id) {
        if (e->carrier == TL_NONE) {
            return false;
        }
        e = &m->entities[e->carrier];
        tl_vec3 p;
        tl_quat q;
        tl_mirror_local_pose(m, e, tick, &p, &q);
        *position = tl_vec3_add(p, tl_quat_rotate(q, *position));
        *rotation = tl_quat_multiply(q, *rotation);
    }
    return true;
}

int32_t tl_mirror_root(const tl_mirror *m, int32_t index)
{
    while (m->entities[index].carrier_id) {
        index = m->entities[index].carrier;
        if (index == TL_NONE) {
            return TL_NONE;
        }
    }
    return index;
}

void tl_mirror_validate(const tl_mirror *m)
{
    uint32_t live = 0, grouped = 0;
    for (int32_t i = 0; i < m->entity_top; i++) {
        const tl_entity *e = &m->entities[i];
        if (!e->used) {
            continue;
        }
        TL_ASSERT(tl_mirror_find(m, e->id) == i);
        live += e->live;
        TL_ASSERT(e->said == NULL || (e->live && e->carrier_id == 0 && e->said_carrier && e->unresolved_listed));
        TL_ASSERT(!e->live || (e->group != TL_NONE && m->groups[e->group].used));
        TL_ASSERT(e->carrier == TL_NONE ||
                  (m->entities[e->carrier].live && m->entities[e->carrier].id == e->carrier_id));
        int32_t aboard = 0;
        for (int32_t r = e->rider_first; r != TL_NONE; r = m->entities[r].rider_next) {
            TL_ASSERT(m->entities[r].carrier == i);
            aboard += 1 + m->entities[r].aboard;
        }
        TL_ASSERT(e->aboard == aboard);
    }
    for (int32_t g = 0; g < m->group_top; g++) {
        if (!m->groups[g].used) {
            continue;
        }
        int32_t count = 0;
        for (int32_t i = m->groups[g].entity_first; i != TL_NONE; i = m->entities[i].group_next, count++) {
            TL_ASSERT(m->entities[i].group == g);
        }
        TL_ASSERT(count == m->groups[g].entity_count);
        grouped += (uint32_t)count;
    }
    TL_ASSERT(live == m->live_count && grouped == live);
}
