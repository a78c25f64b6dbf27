#include "client/view_streams.h"

enum {
    TRIES_MAX = 8,   // streams dropped at most to make space for one request
    WAIT_S_MIN = 10, // until a stream is requested again; doubles each time
    WAIT_S_MAX = 320,
};

// ---- slots ----

void tl_view_empty_slot(tl_view *v, uint32_t handle, uint32_t slot, int64_t tick)
{
    TL_ASSERT(handle < TL_HANDLES_MAX && slot < v->streams[handle].top);
    tl_view_slot *s = &v->streams[handle].slots[slot];
    if (!s->used) {
        return;
    }
    tl_view_remove_holder(v, (int32_t)handle, (int32_t)slot, tick);
    tl_heap_free(v->heap, s->state, (size_t)v->kinds->kinds[s->kind].word_count * sizeof *s->state);
    *s = (tl_view_slot){.entity = TL_NONE};
}

void tl_view_close_stream(tl_view *v, uint32_t handle, int64_t tick)
{
    tl_view_stream *stream = &v->streams[handle];
    if (!stream->open) {
        return;
    }
    for (uint32_t i = 0; i < stream->top; i++) {
        tl_view_empty_slot(v, handle, i, tick);
    }
    tl_heap_free(v->heap, stream->slots, stream->capacity * sizeof *stream->slots);
    TL_ASSERT(v->left_out_count >= stream->left_out);
    v->left_out_count -= stream->left_out;
    *stream = (tl_view_stream){.closed_tick = stream->closed_tick};
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
        v->streams[i].closed_tick = -1; // handles and closes belonged to the old connection
    }
    v->nack_count = v->nack_next = 0;
    v->settled_tick = v->settled_told = -1;
}

// ---- lack of space ----

// An entity that no other slot holds is removed at once, not as an orphan: its state is the space that is needed.
static void drop_slot(tl_view *v, uint32_t handle, uint32_t index)
{
    const tl_view_slot *slot = &v->streams[handle].slots[index];
    const tl_view_entity *e = slot->used && slot->entity != TL_NONE ? &v->entities[slot->entity] : NULL;
    bool alone = e && e->first_stream == (int32_t)handle && e->first_slot == (int32_t)index &&
                 slot->next_stream == TL_NONE;
    if (alone) {
        tl_view_remove_entity(v, slot->entity);
    }
    tl_view_empty_slot(v, handle, index, v->tick);
}

void tl_view_leave_out(tl_view *v, uint32_t handle)
{
    tl_view_stream *stream = &v->streams[handle];
    for (uint32_t i = 0; i < stream->top; i++) {
        drop_slot(v, handle, i);
    }
    tl_heap_free(v->heap, stream->slots, stream->capacity * sizeof *stream->slots);
    stream->slots = NULL;
    stream->capacity = stream->top = stream->end_top = 0;
    tl_cursor_reset(&stream->held);
    tl_view_drop_nacks(v, handle);
    int64_t hz = v->kinds->tick_hz, wait = stream->wait_ticks * 2;
    stream->wait_ticks = tl_max_i64(WAIT_S_MIN * hz, tl_min_i64(wait, WAIT_S_MAX * hz));
    stream->again_tick = v->tick + stream->wait_ticks;
    if (!stream->left_out) {
        v->left_out_count++;
    }
    stream->left_out = true;
    v->full++;
    v->unshown++;
}

void tl_view_ask_again(tl_view *v, uint32_t handle)
{
    tl_view_stream *stream = &v->streams[handle];
    if (!stream->left_out || v->tick < stream->again_tick) {
        return;
    }
    TL_ASSERT(v->left_out_count > 0);
    stream->left_out = false;
    v->left_out_count--;
}

// Omits the coarsest stream that is coarser than this one. A stream that was omitted itself before displaces no others.
static bool make_coarser_go(tl_view *v, uint32_t handle)
{
    const tl_view_stream *stream = &v->streams[handle];
    int32_t found = TL_NONE;
    int level = stream->level;
    for (int32_t i = 0; i < TL_HANDLES_MAX && stream->wait_ticks == 0; i++) {
        const tl_view_stream *other = &v->streams[i];
        if (!other->open || other->top == 0 || other->level <= level) {
            continue;
        }
        found = i;
        level = other->level;
    }
    if (found == TL_NONE) {
        return false;
    }
    tl_view_leave_out(v, (uint32_t)found);
    return true;
}

int64_t *tl_view_state_room(tl_view *v, uint32_t handle, size_t bytes)
{
    int64_t *state = tl_heap_alloc(v->heap, bytes);
    for (int i = 0; state == NULL && i < TRIES_MAX && make_coarser_go(v, handle); i++) {
        state = tl_heap_alloc(v->heap, bytes);
    }
    return state;
}

bool tl_view_slots_room(tl_view *v, uint32_t handle, uint32_t top)
{
    TL_ASSERT(top <= TL_STREAM_SLOTS_MAX);
    tl_view_stream *stream = &v->streams[handle];
    uint32_t capacity = stream->capacity ? stream->capacity : 8;
    while (capacity < top) {
        capacity *= 2;
    }
    if (capacity == stream->capacity) {
        return true;
    }
    void *grown = NULL;
    for (int i = 0; grown == NULL; i++) {
        grown = tl_heap_grow(v->heap, stream->slots, stream->capacity, capacity, sizeof *stream->slots);
        if (grown == NULL && (i == TRIES_MAX || !make_coarser_go(v, handle))) {
            return false;
        }
    }
    stream->slots = grown;
    stream->capacity = capacity;
    return true;
}
