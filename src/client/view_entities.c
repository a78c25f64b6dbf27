#include "client/view_entities.h"

static tl_view_slot *slot_at(const tl_view *v, int32_t stream, int32_t slot)
{
    return &v->streams[stream].slots[slot];
}

static size_t state_bytes(const tl_view *v, int kind)
{
    return (size_t)v->kinds->kinds[kind].word_count * sizeof(int64_t);
}

static void end_orphan(tl_view *v, tl_view_entity *e)
{
    if (e->state) {
        tl_heap_free(v->heap, e->state, state_bytes(v, e->kind));
    }
    e->state = NULL;
}

void tl_view_remove_entity(tl_view *v, int32_t index)
{
    tl_view_entity *e = &v->entities[index];
    TL_ASSERT(e->used && v->entity_count > 0);
    for (int32_t stream = e->first_stream, slot = e->first_slot; stream != TL_NONE;) {
        tl_view_slot *holder = slot_at(v, stream, slot);
        holder->entity = TL_NONE;
        stream = holder->next_stream, slot = holder->next_slot;
    }
    end_orphan(v, e);
    tl_view_drop_formers(v, index);
    tl_view_push_event(v, TL_VIEW_LEFT, e);
    tl_map_remove(&v->map, e->id);
    e->used = false;
    v->drawn[index].state = TL_DRAWN_NONE;
    v->entity_free[v->entity_free_count++] = index;
    v->entity_count--;
}

// The finest holder shows the entity; among equals, the one it entered last.
static void choose_home(tl_view *v, tl_view_entity *e)
{
    e->home_stream = e->home_slot = TL_NONE;
    tl_view_stale(v, (int32_t)(e - v->entities));
    for (int32_t stream = e->first_stream, slot = e->first_slot; stream != TL_NONE;) {
        const tl_view_slot *holder = slot_at(v, stream, slot);
        const tl_view_slot *home = e->home_stream == TL_NONE ? NULL : slot_at(v, e->home_stream, e->home_slot);
        int level = v->streams[stream].level, home_level = home ? v->streams[e->home_stream].level : 0;
        if (home == NULL || level < home_level || (level == home_level && holder->enter_tick > home->enter_tick)) {
            e->home_stream = stream, e->home_slot = slot;
        }
        stream = holder->next_stream, slot = holder->next_slot;
    }
}

void tl_view_note_end(tl_view *v, tl_entity_id id, int64_t tick)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < v->ended_count; i++) {
        if (v->ended[i].tick > v->settled_tick) {
            v->ended[kept++] = v->ended[i];
        }
    }
    if (kept == TL_VIEW_ENDED_MAX) {
        memmove(v->ended, v->ended + 1, --kept * sizeof *v->ended); // the oldest may reappear briefly
    }
    v->ended[kept].id = id, v->ended[kept].tick = tick;
    v->ended_count = kept + 1;
}

// Whether an entity was deleted after it entered a slot: a late datagram does not bring it back.
static bool has_ended(const tl_view *v, const tl_view_slot *holder)
{
    for (uint32_t i = 0; i < v->ended_count; i++) {
        if (v->ended[i].id == holder->id && holder->enter_tick <= v->ended[i].tick) {
            return true;
        }
    }
    return false;
}

static int32_t new_entity(tl_view *v, tl_entity_id id, uint8_t kind)
{
    if (v->entity_free_count == 0 && v->entity_top == v->entities_max) {
        v->full++;
        v->unshown++;
        return TL_NONE;
    }
    int32_t index = v->entity_free_count ? v->entity_free[--v->entity_free_count] : (int32_t)v->entity_top++;
    tl_view_entity *e = &v->entities[index];
    TL_ASSERT(!e->used);
    *e = (tl_view_entity){
        .id = id, .kind = kind, .used = true, .listed = e->listed, .home_stream = TL_NONE, .first_stream = TL_NONE};
    TL_ASSERT(tl_map_put(&v->map, id, (uint32_t)index));
    v->entity_count++;
    tl_view_push_event(v, TL_VIEW_ENTERED, e);
    return index;
}

void tl_view_add_holder(tl_view *v, int32_t stream, int32_t slot)
{
    tl_view_slot *holder = slot_at(v, stream, slot);
    TL_ASSERT(holder->used && holder->state);
    int32_t index = tl_view_find(v, holder->id);
    if (index == TL_NONE && (has_ended(v, holder) || (index = new_entity(v, holder->id, holder->kind)) == TL_NONE)) {
        holder->entity = TL_NONE;
        return;
    }
    tl_view_entity *e = &v->entities[index];
    end_orphan(v, e);
    e->kind = holder->kind;
    holder->entity = index;
    holder->next_stream = e->first_stream, holder->next_slot = e->first_slot;
    e->first_stream = stream, e->first_slot = slot;
    choose_home(v, e);
}

// The slot no longer holds its entity. The last holder's state stays with the entity, which continues along its
// segment.
void tl_view_remove_holder(tl_view *v, int32_t stream, int32_t slot, int64_t tick)
{
    tl_view_slot *holder = slot_at(v, stream, slot);
    if (holder->entity == TL_NONE) {
        return;
    }
    tl_view_entity *e = &v->entities[holder->entity];
    bool others = e->first_stream != stream || e->first_slot != slot || holder->next_stream != TL_NONE;
    bool changes = others && e->home_stream == stream && e->home_slot == slot; // another holder shows it from now on
    tl_view_before before = {0};
    if (changes) {
        before = tl_view_before_change(v, holder->entity, (double)tick, false);
    }
    int32_t *next_stream = &e->first_stream, *next_slot = &e->first_slot;
    while (*next_stream != stream || *next_slot != slot) {
        TL_ASSERT(*next_stream != TL_NONE);
        tl_view_slot *other = slot_at(v, *next_stream, *next_slot);
        next_stream = &other->next_stream, next_slot = &other->next_slot;
    }
    *next_stream = holder->next_stream, *next_slot = holder->next_slot;
    e->left_tick = tl_max_i64(e->left_tick, tick); // the last event to arrive may have happened first
    if (e->first_stream == TL_NONE) {
        e->state = holder->state;
        holder->state = NULL;
        e->carrier_id = holder->carrier_id;
        e->kind = holder->kind;
        e->level = v->streams[stream].level;
        e->origin = v->streams[stream].origin;
        if (v->orphan_count == 0 || e->left_tick < v->orphan_tick) {
            v->orphan_tick = e->left_tick;
        }
        if (!e->listed) {
            v->orphans[v->orphan_count++] = holder->entity;
        }
        e->listed = true;
    }
    holder->entity = TL_NONE;
    choose_home(v, e);
    if (changes) {
        tl_view_after_change(v, &before);
    }
}

// Removes orphans that have not entered another stream although everything has arrived. None is checked before one can
// be due: after a lost connection all entities are orphans until the next connection has settled.
void tl_view_settle_orphans(tl_view *v)
{
    TL_ASSERT(v->orphan_count <= v->entities_max);
    if (v->orphan_count == 0 || v->orphan_tick > v->settled_tick) {
        return;
    }
    uint32_t kept = 0;
    int64_t earliest = INT64_MAX;
    v->orphans_looked_at += v->orphan_count;
    for (uint32_t i = 0; i < v->orphan_count; i++) {
        int32_t index = v->orphans[i];
        tl_view_entity *e = &v->entities[index];
        bool orphan = e->used && e->state;
        if (orphan && e->left_tick > v->settled_tick) {
            earliest = tl_min_i64(earliest, e->left_tick);
            v->orphans[kept++] = index;
            continue;
        }
        e->listed = false;
        if (orphan) {
            tl_view_remove_entity(v, index);
        }
    }
    v->orphan_count = kept;
    v->orphan_tick = earliest;
}
