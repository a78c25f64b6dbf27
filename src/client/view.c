#include "client/view.h"

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
    TL_ASSERT(e->used && e->kind < v->kinds->count);
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

tl_view_source tl_view_source_of(const tl_view *v, int32_t entity)
{
    const tl_view_entity *e = &v->entities[entity];
    TL_ASSERT(e->used);
    if (e->home_stream == TL_NONE) {
        TL_ASSERT(e->state != NULL); // an orphan keeps its last state
        return (tl_view_source){e->state, e->carrier_id, e->origin, e->level, &v->kinds->kinds[e->kind]};
    }
    const tl_view_stream *stream = &v->streams[e->home_stream];
    const tl_view_slot *slot = &stream->slots[e->home_slot];
    TL_ASSERT(stream->open && slot->used && slot->entity == entity);
    return (tl_view_source){slot->state, slot->carrier_id, stream->origin, stream->level, &v->kinds->kinds[slot->kind]};
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
            const tl_view_slot *holder = &v->streams[stream].slots[slot];
            TL_ASSERT(v->streams[stream].open && holder->used && holder->entity == (int32_t)i && holder->id == e->id);
            stream = holder->next_stream, slot = holder->next_slot;
        }
    }
    TL_ASSERT(count == v->entity_count && orphans <= v->orphan_count);
    for (uint32_t i = 0; i < v->orphan_count; i++) {
        TL_ASSERT(v->entities[v->orphans[i]].listed);
    }
}
