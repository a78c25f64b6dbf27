// The view's entities and poses; taking in datagrams is in view_apply.c.
#include "client/view_internal.h"

enum { FORMER_STATE_BYTES = 128 }; // on average

size_t tl_view_bytes(uint32_t entities_max)
{
    return (size_t)entities_max *
               (sizeof(tl_view_entity) + sizeof(tl_view_drawn) + sizeof(tl_view_event) + sizeof(tl_view_former) +
                FORMER_STATE_BYTES + 8) *
               5 / 4 +
           tl_map_bytes(entities_max) + TL_HANDLES_MAX * sizeof(tl_view_stream) * 5 / 4 +
           TL_DATAGRAM_OPS_MAX * sizeof(tl_chunk_op) * 2 + TL_DATAGRAM_WORDS_MAX * 8 * 2 +
           TL_VIEW_CHUNKS_MAX * sizeof(tl_view_chunk) * 2 + sizeof(tl_chunk_coder) * 2 + 65536;
}

tl_result tl_view_init(tl_view *v, tl_heap *heap, const tl_kinds *kinds, uint32_t entities_max)
{
    *v = (tl_view){.heap = heap,
                   .kinds = kinds,
                   .entities_max = entities_max,
                   .events_max = entities_max + 4096,
                   .tick = -1,
                   .settled_tick = -1,
                   .settled_told = -1,
                   .shown_tick = -INFINITY};
    v->streams = tl_heap_alloc(heap, TL_HANDLES_MAX * sizeof *v->streams);
    v->entities = tl_heap_alloc(heap, entities_max * sizeof *v->entities);
    v->drawn = tl_heap_alloc(heap, entities_max * sizeof *v->drawn);
    v->entity_free = tl_heap_alloc(heap, entities_max * sizeof *v->entity_free);
    v->orphans = tl_heap_alloc(heap, entities_max * sizeof *v->orphans);
    v->events = tl_heap_alloc(heap, v->events_max * sizeof *v->events);
    v->chunks = tl_heap_alloc(heap, TL_VIEW_CHUNKS_MAX * sizeof *v->chunks);
    v->ops = tl_heap_alloc(heap, TL_DATAGRAM_OPS_MAX * sizeof *v->ops);
    v->words = tl_heap_alloc(heap, TL_DATAGRAM_WORDS_MAX * sizeof *v->words);
    v->coder = tl_heap_alloc(heap, sizeof *v->coder);
    bool good = tl_map_init(&v->map, heap, entities_max) && v->streams && v->entities && v->drawn && v->entity_free &&
                v->orphans && v->events && v->chunks && v->ops && v->words && v->coder;
    for (int i = 0; good && i < TL_HANDLES_MAX; i++) {
        v->streams[i].closed_tick = -1;
    }
    return good ? TL_OK : TL_ERR_MEMORY;
}

void tl_view_push_event(tl_view *v, tl_view_change change, const tl_view_entity *e)
{
    if (v->event_count == v->events_max) {
        v->events_lost = true;
        return;
    }
    v->events[(v->event_first + v->event_count++) % v->events_max] = (tl_view_event){change, e->id, e->kind};
}

bool tl_view_next_event(tl_view *v, tl_view_event *out)
{
    if (v->event_count == 0) {
        return false;
    }
    *out = v->events[v->event_first];
    v->event_first = (v->event_first + 1) % v->events_max;
    v->event_count--;
    return true;
}

int32_t tl_view_find(const tl_view *v, tl_entity_id id)
{
    const uint32_t *value = id ? tl_map_find(&v->map, id) : NULL;
    return value ? (int32_t)*value : TL_NONE;
}

// ---- entities and their holders ----

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

// The finest holder shows the entity; among equals the one it came into last.
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
        memmove(v->ended, v->ended + 1, --kept * sizeof *v->ended); // the oldest may blink
    }
    v->ended[kept].id = id, v->ended[kept].tick = tick;
    v->ended_count = kept + 1;
}

// Whether an entity was deleted after it came into a slot: a datagram that comes late does not bring it back.
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

// The slot no longer holds its entity. The last one's state stays with the entity, so that it goes on along its curve.
void tl_view_remove_holder(tl_view *v, int32_t stream, int32_t slot, int64_t tick)
{
    tl_view_slot *holder = slot_at(v, stream, slot);
    if (holder->entity == TL_NONE) {
        return;
    }
    tl_view_entity *e = &v->entities[holder->entity];
    bool others = e->first_stream != stream || e->first_slot != slot || holder->next_stream != TL_NONE;
    bool changes = others && e->home_stream == stream && e->home_slot == slot; // another one shows it from now on
    tl_view_before before = {0};
    if (changes) {
        before = tl_view_before_change(v, holder->entity, (double)tick, false);
    }
    int32_t *next_stream = &e->first_stream, *next_slot = &e->first_slot;
    while (*next_stream != stream || *next_slot != slot) {
        tl_view_slot *other = slot_at(v, *next_stream, *next_slot);
        next_stream = &other->next_stream, next_slot = &other->next_slot;
    }
    *next_stream = holder->next_stream, *next_slot = holder->next_slot;
    e->left_tick = tl_max_i64(e->left_tick, tick); // what comes last may have happened first
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

// Orphans that have not come into another stream although everything has arrived are out of sight. Nobody is looked at
// before somebody can be: after a connection is lost everything is an orphan until the next one has settled.
void tl_view_settle_orphans(tl_view *v)
{
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

void tl_view_reset(tl_view *v)
{
    for (uint32_t i = 0; i < TL_HANDLES_MAX; i++) {
        if (v->streams[i].open) {
            tl_view_close_stream(v, i, v->tick);
        }
    }
    for (uint32_t i = 0; i < v->entity_top; i++) {
        if (v->entities[i].used) {
            tl_view_remove_entity(v, (int32_t)i);
        }
    }
    for (uint32_t i = 0; i < TL_HANDLES_MAX; i++) {
        v->streams[i].closed_tick = -1;
    }
    for (uint32_t i = 0; i < v->orphan_count; i++) {
        v->entities[v->orphans[i]].listed = false;
    }
    v->orphan_count = v->nack_count = v->ended_count = 0;
    tl_view_forget_formers(v, INT64_MAX);
    v->tick = v->settled_tick = v->settled_told = -1;
    v->shown_tick = -INFINITY;
}

void tl_view_detach(tl_view *v)
{
    for (uint32_t i = 0; i < TL_HANDLES_MAX; i++) {
        if (v->streams[i].open) {
            tl_view_close_stream(v, i, v->tick);
        }
        v->streams[i].closed_tick = -1; // handles and closes were the old connection's
    }
    v->nack_count = v->nack_next = 0;
    v->settled_tick = v->settled_told = -1;
}

// ---- poses ----

tl_view_source tl_view_source_of(const tl_view *v, int32_t entity)
{
    const tl_view_entity *e = &v->entities[entity];
    if (e->home_stream == TL_NONE) {
        return (tl_view_source){e->state, e->carrier_id, e->origin, e->level, &v->kinds->kinds[e->kind]};
    }
    const tl_view_stream *stream = &v->streams[e->home_stream];
    const tl_view_slot *slot = &stream->slots[e->home_slot];
    return (tl_view_source){slot->state, slot->carrier_id, stream->origin, stream->level, &v->kinds->kinds[slot->kind]};
}

void tl_view_exact_pose(const tl_view *v, const tl_view_source *source, double tick, tl_vec3 *position,
                        tl_quat *rotation)
{
    const tl_kind *kind = source->kind;
    int shift = kind->fields[0].shift[source->level];
    *position = tl_position_at(source->state, shift, v->kinds, tick);
    if (source->carrier_id == 0) {
        position->x += (double)source->origin.x_m;
        position->y += (double)source->origin.y_m;
        position->z += (double)source->origin.z_m;
    }
    *rotation = (tl_quat){0, 0, 0, 1};
    if (kind->rotation == TL_NONE || !tl_field_at(&kind->fields[kind->rotation], source->level)) {
        // Not sent at this level: a mover faces where it goes.
        if (kind->rotation != TL_NONE && kind->fields[kind->rotation].predictor == TL_PREDICT_HEADING) {
            *rotation = tl_heading(tl_velocity_of(source->state, shift, v->kinds));
        }
        return;
    }
    const tl_field *field = &kind->fields[kind->rotation];
    *rotation = tl_rotation_at(source->state + field->word, field, source->level, v->kinds, tick,
                               tl_velocity_of(source->state, shift, v->kinds));
}

// In the frame of its carrier.
static void local_pose(const tl_view *v, int32_t entity, double tick, bool smooth, tl_view_moment *m, tl_vec3 *position,
                       tl_quat *rotation)
{
    if (v->entities[entity].former) { // hardly any has one
        tl_view_moment_at(v, entity, tick, smooth, m);
    } else {
        *m = (tl_view_moment){.source = tl_view_source_of(v, entity), .until_tick = INFINITY};
    }
    tl_view_exact_pose(v, &m->source, tick, position, rotation);
    if (!m->corrected) {
        return;
    }
    *position = tl_vec3_add(*position, m->offset_m);
    if (m->turn_rad.x != 0 || m->turn_rad.y != 0 || m->turn_rad.z != 0) {
        *rotation = tl_quat_multiply(tl_quat_from_vector(m->turn_rad), *rotation);
    }
}

bool tl_view_see(const tl_view *v, int32_t entity, double tick, bool smooth, tl_view_moment *moment, tl_vec3 *position,
                 tl_quat *rotation)
{
    local_pose(v, entity, tick, smooth, moment, position, rotation);
    tl_entity_id carrier_id = moment->source.carrier_id;
    for (int depth = 0; carrier_id; depth++) {
        int32_t carrier = tl_view_find(v, carrier_id);
        if (carrier == TL_NONE || depth == TL_CARRIER_DEPTH_MAX) {
            return false;
        }
        tl_view_moment m;
        tl_vec3 p;
        tl_quat q;
        local_pose(v, carrier, tick, smooth, &m, &p, &q);
        *position = tl_vec3_add(p, tl_quat_rotate(q, *position));
        *rotation = tl_quat_multiply(q, *rotation);
        carrier_id = m.source.carrier_id;
    }
    return true;
}

bool tl_view_pose(const tl_view *v, int32_t entity, double tick, bool smooth, tl_vec3 *position, tl_quat *rotation)
{
    tl_view_moment moment;
    return tl_view_see(v, entity, tick, smooth, &moment, position, rotation);
}

void tl_view_validate(const tl_view *v)
{
    uint32_t count = 0, orphans = 0;
    for (uint32_t i = 0; i < v->entity_top; i++) {
        const tl_view_entity *e = &v->entities[i];
        if (!e->used) {
            continue;
        }
        count++;
        orphans += e->home_stream == TL_NONE;
        TL_ASSERT(tl_view_find(v, e->id) == (int32_t)i);
        TL_ASSERT((e->home_stream == TL_NONE) == (e->state != NULL) &&
                  (e->first_stream == TL_NONE) == (e->state != NULL));
        for (int32_t stream = e->first_stream, slot = e->first_slot; stream != TL_NONE;) {
            const tl_view_slot *holder = slot_at(v, stream, slot);
            TL_ASSERT(v->streams[stream].open && holder->used && holder->entity == (int32_t)i && holder->id == e->id);
            stream = holder->next_stream, slot = holder->next_slot;
        }
    }
    TL_ASSERT(count == v->entity_count && orphans <= v->orphan_count);
    for (uint32_t i = 0; i < v->orphan_count; i++) {
        TL_ASSERT(v->entities[v->orphans[i]].listed);
    }
}
