#include "world/stream_setup.h"

#include "base/sort.h"
#include "world/publish.h"

enum {
    SLOTS_MIN = 8,
    SPARSE_SLOTS_MIN = 64, // smaller streams are not worth rebuilding
    SPARSE_SHARE = 4,      // rebuild if at most one in this many slots is in use
    SPARSE_SECONDS = 10,   // for this long
    SWEEP_TICKS = 16,      // every stream is checked once in this many ticks
};

static uint32_t gather(const tl_streams *ss, int32_t index, tl_sort_pair *members, uint32_t count)
{
    const tl_tiles *tiles = ss->tiles;
    const tl_entity *entities = ss->mirror->entities;
    for (int32_t c = tiles->at[index].child_first; c != TL_NONE; c = tiles->at[c].sibling_next) {
        count = gather(ss, c, members, count);
    }
    for (int32_t e = tiles->at[index].entity_first; e != TL_NONE; e = entities[e].tile_next) {
        members[count++] = (tl_sort_pair){entities[e].id, (uint32_t)e};
    }
    return count;
}

static void take_down(tl_streams *ss, int32_t index)
{
    tl_stream *s = &ss->at[index];
    int32_t tile = s->tile;
    tl_stream_empty(ss, s);
    ss->tiles->at[tile].streams[s->rank % TL_STREAMS_OF_TILE] = TL_NONE;
    memset(s, 0, sizeof *s);
    ss->free[ss->free_count++] = index;
    tl_tiles_free_empty(ss->tiles, tile);
}

// Fills the slots with all entities in the tile, ordered by id: close ids are cheap to code. There is no history.
static bool populate(tl_streams *ss, int32_t index, tl_sort_pair *members, uint32_t capacity)
{
    tl_stream *s = &ss->at[index];
    uint32_t count = gather(ss, s->tile, members, 0);
    TL_ASSERT(count == ss->tiles->at[s->tile].entity_count && count <= capacity);
    tl_sort(members, count);
    bool grown = tl_stream_grow(ss, s, capacity);
    for (uint32_t i = 0; i < count && grown; i++) {
        tl_stream_enter(ss, index, (int32_t)members[i].value);
    }
    tl_history_forget(&s->history);
    tl_history_note_top(&s->history, s->slot_top);
    return grown;
}

static uint32_t capacity_for(const tl_tile *tile)
{
    uint32_t capacity = SLOTS_MIN;
    while (capacity < tile->entity_count) {
        capacity *= 2;
    }
    return capacity;
}

static int32_t set_up(tl_streams *ss, int32_t tile_index, int coarser)
{
    tl_tile *tile = &ss->tiles->at[tile_index];
    TL_ASSERT(tile->used && tile->streams[coarser] == TL_NONE);
    if (ss->free_count == 0 && ss->top == ss->count_max) {
        return TL_NONE;
    }
    uint32_t capacity = capacity_for(tile);
    tl_sort_pair *members = tl_heap_alloc(ss->heap, capacity * sizeof *members);
    if (members == NULL) {
        return TL_NONE;
    }
    int32_t index = ss->free_count ? ss->free[--ss->free_count] : (int32_t)ss->top++;
    tl_stream *s = &ss->at[index];
    TL_ASSERT(!s->used);
    *s = (tl_stream){.tile = tile_index,
                     .level = tile->size + coarser,
                     .rank = TL_STREAMS_OF_TILE * tile->size + coarser,
                     .origin = tl_tile_origin(tile),
                     .used = true,
                     .idle_tick = ss->tick,
                     .full_tick = ss->tick};
    tl_history_init(&s->history, ss->heap, ss->kinds, ss->tick);
    tile->streams[coarser] = index;
    bool grown = populate(ss, index, members, capacity); // the first content is version 1
    tl_heap_free(ss->heap, members, capacity * sizeof *members);
    if (grown) {
        return index;
    }
    take_down(ss, index);
    return TL_NONE;
}

int32_t tl_stream_acquire(tl_streams *ss, int32_t tile, int coarser)
{
    TL_ASSERT(coarser >= 0 && coarser < TL_STREAMS_OF_TILE);
    int32_t stream = ss->tiles->at[tile].streams[coarser];
    if (stream == TL_NONE) {
        ss->work_count += ss->tiles->at[tile].entity_count;
        stream = set_up(ss, tile, coarser);
    }
    if (stream == TL_NONE) {
        ss->full_count++;
        return TL_NONE;
    }
    ss->at[stream].subscriber_count++;
    return stream;
}

void tl_stream_release(tl_streams *ss, int32_t stream)
{
    tl_stream *s = &ss->at[stream];
    TL_ASSERT(s->used && s->subscriber_count > 0);
    if (--s->subscriber_count == 0) {
        s->idle_tick = ss->tick;
    }
}

// After a crowd has left, its empty slots would be traversed, and sent to each new subscriber, as long as the stream
// exists.
static bool is_sparse(const tl_streams *ss, tl_stream *s)
{
    if (s->slot_top <= SPARSE_SLOTS_MIN || (s->slot_top - s->slot_free_count) * SPARSE_SHARE >= s->slot_top) {
        s->full_tick = ss->tick;
    }
    return ss->tick - s->full_tick > SPARSE_SECONDS * (int64_t)ss->kinds->tick_hz;
}

// Rebuilds the stream with as few slots as it needs. All subscribers receive it completely.
static void rebuild(tl_streams *ss, int32_t index)
{
    tl_stream *s = &ss->at[index];
    uint32_t capacity = capacity_for(&ss->tiles->at[s->tile]);
    tl_sort_pair *members = tl_heap_alloc(ss->heap, capacity * sizeof *members);
    s->full_tick = ss->tick;
    if (members == NULL) {
        return;
    }
    tl_stream_begin_version(ss, s);
    tl_stream_empty(ss, s);
    if (!populate(ss, index, members, capacity)) {
        ss->full_count++; // refreshed entities enter again, one by one
    }
    tl_heap_free(ss->heap, members, capacity * sizeof *members);
}

void tl_streams_sweep(tl_streams *ss)
{
    for (uint32_t i = (uint32_t)(ss->tick % SWEEP_TICKS); i < ss->top; i += SWEEP_TICKS) {
        tl_stream *s = &ss->at[i];
        if (!s->used) {
            continue;
        }
        tl_kept_chunks_limit(&s->chunks, ss->heap);
        bool lingers = ss->tiles->at[s->tile].entity_count && ss->tick - s->idle_tick <= TL_STREAM_LINGER_TICKS;
        if (s->subscriber_count == 0 && !lingers) {
            take_down(ss, (int32_t)i);
        } else if (is_sparse(ss, s)) {
            rebuild(ss, (int32_t)i);
        } else if (ss->tick - s->history.version_tick > TL_QUIET_TICKS_MAX) {
            tl_stream_begin_version(ss, s);
        }
    }
}

void tl_stream_validate(const tl_streams *ss, int32_t stream)
{
    const tl_stream *s = &ss->at[stream];
    const tl_tile *tile = &ss->tiles->at[s->tile];
    TL_ASSERT(s->used && tile->used && tile->streams[s->rank % TL_STREAMS_OF_TILE] == stream);
    TL_ASSERT(tile->size + s->level == s->rank);
    uint32_t used = 0;
    for (uint32_t i = 0; i < s->slot_top; i++) {
        const tl_slot *slot = &s->slots[i];
        if (!slot->used) {
            continue;
        }
        used++;
        const tl_entity *e = &ss->mirror->entities[slot->entity];
        TL_ASSERT(slot->state[0] == 0 || slot->state[4] | slot->state[5] | slot->state[6]); // no start at rest
        TL_ASSERT(e->live && e->id == slot->id && e->slots[s->rank] == (int32_t)i && e->carrier_id == slot->carrier_id);
    }
    TL_ASSERT(used + s->slot_free_count == s->slot_top);
    if (ss->full_count == 0) {
        TL_ASSERT(used <= tile->entity_count);
    }
}
