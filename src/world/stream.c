#include "world/stream.h"

enum { SLOTS_MIN = 8 };

static uint32_t streams_max(uint32_t tiles_max)
{
    return tiles_max < TL_STREAMS_MAX ? tiles_max : TL_STREAMS_MAX;
}

size_t tl_streams_bytes(uint32_t tiles_max)
{
    return streams_max(tiles_max) * (sizeof(tl_stream) + sizeof(int32_t)) * 5 / 4;
}

tl_result tl_streams_init(tl_streams *ss, tl_heap *heap, tl_mirror *mirror, tl_tiles *tiles, tl_wheel *wheel)
{
    *ss = (tl_streams){.heap = heap,
                       .mirror = mirror,
                       .kinds = mirror->kinds,
                       .tiles = tiles,
                       .wheel = wheel,
                       .count_max = streams_max(tiles->count_max),
                       .slots_max = TL_STREAM_SLOTS_MAX,
                       .tick = -1};
    ss->at = tl_heap_alloc(heap, ss->count_max * sizeof *ss->at);
    ss->free = tl_heap_alloc(heap, ss->count_max * sizeof *ss->free);
    return ss->at && ss->free ? TL_OK : TL_ERR_MEMORY;
}

void tl_stream_begin_version(tl_streams *ss, tl_stream *s)
{
    tl_version_begun begun = tl_history_begin(&s->history, ss->tick, s->slot_top);
    if (begun == TL_VERSION_GOES_ON) {
        return;
    }
    tl_kept_chunks_drop(&s->chunks, ss->heap);
    for (uint32_t i = 0; i < s->slot_top && begun == TL_VERSION_RESTARTED; i++) {
        s->slots[i].last_version = 0;
    }
}

void tl_stream_keep_slot(tl_streams *ss, tl_stream *s, uint32_t index)
{
    tl_stream_begin_version(ss, s);
    tl_slot *slot = &s->slots[index];
    TL_ASSERT(index < s->slot_top && slot->used == (slot->state != NULL));
    if (slot->last_version == s->history.version) {
        return;
    }
    slot->last_version = s->history.version;
    bool kept = tl_history_keep(
        &s->history,
        (tl_undo){
            .id = slot->id, .carrier_id = slot->carrier_id, .state = slot->state, .slot = index, .kind = slot->kind});
    ss->history_lost_count += !kept;
}

// ---- slots ----

bool tl_stream_grow(tl_streams *ss, tl_stream *s, uint32_t capacity)
{
    TL_ASSERT(capacity > s->slot_capacity);
    if (capacity > ss->slots_max) {
        return false;
    }
    tl_slot *slots = tl_heap_alloc(ss->heap, capacity * sizeof *slots);
    uint32_t *free_slots = tl_heap_alloc(ss->heap, capacity * sizeof *free_slots);
    if (slots == NULL || free_slots == NULL) {
        tl_heap_free(ss->heap, slots, capacity * sizeof *slots);
        tl_heap_free(ss->heap, free_slots, capacity * sizeof *free_slots);
        return false;
    }
    if (s->slot_capacity) {
        memcpy(slots, s->slots, s->slot_capacity * sizeof *slots);
        memcpy(free_slots, s->slot_free, s->slot_free_count * sizeof *free_slots);
        tl_heap_free(ss->heap, s->slots, s->slot_capacity * sizeof *slots);
        tl_heap_free(ss->heap, s->slot_free, s->slot_capacity * sizeof *free_slots);
    }
    s->slots = slots;
    s->slot_free = free_slots;
    s->slot_capacity = capacity;
    return true;
}

static bool has_free_slot(tl_streams *ss, tl_stream *s)
{
    if (s->slot_free_count || s->slot_top < s->slot_capacity) {
        return true;
    }
    return tl_stream_grow(ss, s, s->slot_capacity ? s->slot_capacity * 2 : SLOTS_MIN);
}

tl_slot *tl_stream_take_slot(tl_streams *ss, tl_stream *s, int32_t entity)
{
    tl_entity *e = &ss->mirror->entities[entity];
    TL_ASSERT(e->slots[s->rank] == TL_NONE);
    int64_t *state = has_free_slot(ss, s) ? tl_heap_alloc(ss->heap, tl_stream_state_bytes(ss, e->kind)) : NULL;
    if (state == NULL) {
        ss->full_count++;
        return NULL;
    }
    uint32_t index = s->slot_free_count ? s->slot_free[--s->slot_free_count] : s->slot_top++;
    tl_stream_keep_slot(ss, s, index);
    tl_history_note_top(&s->history, s->slot_top);
    tl_slot *slot = &s->slots[index];
    *slot = (tl_slot){.id = e->id,
                      .carrier_id = e->carrier_id,
                      .state = state,
                      .due_tick = -1,
                      .entity = entity,
                      .last_version = slot->last_version,
                      .kind = e->kind,
                      .used = true};
    e->slots[s->rank] = (int32_t)index;
    return slot;
}

void tl_stream_free_slot(tl_streams *ss, tl_stream *s, int32_t entity)
{
    tl_entity *e = &ss->mirror->entities[entity];
    uint32_t index = (uint32_t)e->slots[s->rank];
    tl_stream_keep_slot(ss, s, index);
    tl_slot *slot = &s->slots[index];
    TL_ASSERT(slot->used && slot->entity == entity);
    tl_heap_free(ss->heap, slot->state, tl_stream_state_bytes(ss, slot->kind));
    slot->state = NULL;
    slot->used = false;
    slot->due_tick = -1;
    slot->entity = TL_NONE;
    e->slots[s->rank] = TL_NONE;
    s->slot_free[s->slot_free_count++] = index;
}

void tl_stream_empty(tl_streams *ss, tl_stream *s)
{
    tl_kept_chunks_drop(&s->chunks, ss->heap);
    tl_history_free(&s->history);
    for (uint32_t i = 0; i < s->slot_top; i++) {
        if (!s->slots[i].used) {
            continue;
        }
        ss->mirror->entities[s->slots[i].entity].slots[s->rank] = TL_NONE;
        tl_heap_free(ss->heap, s->slots[i].state, tl_stream_state_bytes(ss, s->slots[i].kind));
    }
    tl_heap_free(ss->heap, s->slots, s->slot_capacity * sizeof *s->slots);
    tl_heap_free(ss->heap, s->slot_free, s->slot_capacity * sizeof *s->slot_free);
    s->slots = NULL;
    s->slot_free = NULL;
    s->slot_capacity = s->slot_top = s->slot_free_count = 0;
}

int32_t tl_stream_of(const tl_streams *ss, const tl_entity *e, int rank)
{
    int32_t tile = e->slots[rank] == TL_NONE ? TL_NONE : e->tile;
    for (int size = 0; size < rank / TL_STREAMS_OF_TILE && tile != TL_NONE; size++) {
        tile = ss->tiles->at[tile].parent;
    }
    return tile == TL_NONE ? TL_NONE : ss->tiles->at[tile].streams[rank % TL_STREAMS_OF_TILE];
}
