#include "world/stream.h"
#include "base/sort.h"
#include "motion/segment.h"

enum {
    SLOTS_MIN = 8,
    SPARSE_SLOTS_MIN = 64, // with fewer a stream is not worth building anew
    SPARSE_SHARE = 4,      // with at most one in so many of its slots in use
    SPARSE_SECONDS = 10,   // for so long, it is
};

static size_t state_bytes(const tl_pyramid *p, int kind)
{
    return (size_t)p->kinds->kinds[kind].word_count * sizeof(int64_t);
}

// ---- versions and history ----

static void drop_chunks(tl_pyramid *p, tl_stream *s)
{
    while (s->chunks) {
        tl_chunk_bytes *chunk = s->chunks;
        s->chunks = chunk->next;
        tl_heap_free(p->heap, chunk, sizeof *chunk + chunk->capacity);
    }
    s->chunk_count = 0;
}

void tl_stream_drop_chunks(tl_pyramid *p, tl_stream *s)
{
    if (s->chunk_count > TL_CHUNKS_KEPT) {
        drop_chunks(p, s);
    }
}

static void drop_oldest_undo(tl_pyramid *p, tl_stream *s)
{
    tl_undo *undo = &s->undo[s->undo_first];
    if (undo->state) {
        tl_heap_free(p->heap, undo->state, state_bytes(p, undo->kind));
    }
    if (undo->version > s->version_oldest) {
        s->version_oldest = undo->version;
    }
    s->undo_first = (s->undo_first + 1) % s->undo_capacity;
    s->undo_count--;
}

static void note_version(const tl_pyramid *p, tl_stream *s)
{
    s->top_at[s->version % TL_HISTORY_RING] = s->slot_top;
    s->reached[s->version % TL_HISTORY_RING] = p->tick;
}

// The first change of a tick begins a version, and drops history beyond its limit. After the last version number comes
// 1: no cursor can continue over that, and each client gets the tile whole.
static void begin_version(tl_pyramid *p, tl_stream *s)
{
    if (s->version_tick == p->tick) {
        return;
    }
    TL_ASSERT(p->tick > s->version_tick);
    drop_chunks(p, s);
    if (s->version == UINT32_MAX) {
        while (s->undo_count) {
            drop_oldest_undo(p, s);
        }
        for (uint32_t i = 0; i < s->slot_top; i++) {
            s->slots[i].last_version = 0;
        }
        s->version = 0;
        s->version_oldest = 1;
    }
    s->version_tick = p->tick;
    s->version++;
    note_version(p, s);
    while (s->undo_count && s->version - s->undo[s->undo_first].version >= TL_HISTORY_VERSIONS) {
        drop_oldest_undo(p, s);
    }
    if (s->version - s->version_oldest > TL_HISTORY_VERSIONS) {
        s->version_oldest = s->version - TL_HISTORY_VERSIONS;
    }
}

bool tl_stream_can_continue(const tl_stream *s, uint32_t version)
{
    return version >= s->version_oldest && version <= s->version && version > 0;
}

int64_t tl_stream_reached_tick(const tl_stream *s, uint32_t version)
{
    TL_ASSERT(tl_stream_can_continue(s, version) && s->version - version <= TL_HISTORY_VERSIONS);
    return s->reached[version % TL_HISTORY_RING];
}

enum { FAR_LEVEL = 3, FAR_EVERY_TICKS = 2 };

bool tl_stream_has_its_turn(const tl_pyramid *p, int32_t stream, int64_t tick)
{
    return p->streams[stream].level < FAR_LEVEL || (tick + stream) % FAR_EVERY_TICKS == 0;
}

bool tl_stream_had_its_turn(const tl_pyramid *p, int32_t stream, int64_t after_tick, int64_t tick)
{
    return p->streams[stream].urgent_tick > after_tick || tick - after_tick >= FAR_EVERY_TICKS ||
           tl_stream_has_its_turn(p, stream, tick);
}

static tl_undo *push_undo(tl_pyramid *p, tl_stream *s)
{
    if (s->undo_count == s->undo_capacity) {
        uint32_t capacity = s->undo_capacity ? s->undo_capacity * 2 : 16;
        tl_undo *grown = tl_heap_alloc(p->heap, capacity * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        for (uint32_t i = 0; i < s->undo_count; i++) {
            grown[i] = s->undo[(s->undo_first + i) % s->undo_capacity];
        }
        tl_heap_free(p->heap, s->undo, s->undo_capacity * sizeof *s->undo);
        s->undo = grown;
        s->undo_first = 0;
        s->undo_capacity = capacity;
    }
    return &s->undo[(s->undo_first + s->undo_count++) % s->undo_capacity];
}

// Called before a slot changes: copies what it holds into the history, once a version. If memory runs out the history
// is dropped, and clients get the tile whole.
static void keep_slot(tl_pyramid *p, tl_stream *s, uint32_t slot_index)
{
    begin_version(p, s);
    tl_slot *slot = &s->slots[slot_index];
    if (slot->last_version == s->version) {
        return;
    }
    slot->last_version = s->version;
    int64_t *copy = slot->used ? tl_heap_alloc(p->heap, state_bytes(p, slot->kind)) : NULL;
    tl_undo *undo = slot->used && copy == NULL ? NULL : push_undo(p, s);
    if (undo == NULL) {
        if (copy) {
            tl_heap_free(p->heap, copy, state_bytes(p, slot->kind));
        }
        while (s->undo_count) {
            drop_oldest_undo(p, s);
        }
        s->version_oldest = s->version;
        p->history_lost_count++;
        return;
    }
    if (slot->used) {
        memcpy(copy, slot->state, state_bytes(p, slot->kind));
    }
    *undo = (tl_undo){.id = slot->id,
                      .carrier_id = slot->carrier_id,
                      .state = copy,
                      .version = s->version,
                      .slot = slot_index,
                      .kind = slot->kind};
}

// ---- slots ----

static bool grow_slots(tl_pyramid *p, tl_stream *s, uint32_t capacity)
{
    if (capacity > p->slots_max) {
        return false;
    }
    tl_slot *slots = tl_heap_alloc(p->heap, capacity * sizeof *slots);
    uint32_t *free_slots = tl_heap_alloc(p->heap, capacity * sizeof *free_slots);
    if (slots == NULL || free_slots == NULL) {
        tl_heap_free(p->heap, slots, capacity * sizeof *slots);
        tl_heap_free(p->heap, free_slots, capacity * sizeof *free_slots);
        return false;
    }
    if (s->slot_capacity) {
        memcpy(slots, s->slots, s->slot_capacity * sizeof *slots);
        memcpy(free_slots, s->slot_free, s->slot_free_count * sizeof *free_slots);
        tl_heap_free(p->heap, s->slots, s->slot_capacity * sizeof *slots);
        tl_heap_free(p->heap, s->slot_free, s->slot_capacity * sizeof *free_slots);
    }
    s->slots = slots;
    s->slot_free = free_slots;
    s->slot_capacity = capacity;
    return true;
}

static void schedule_slot(tl_pyramid *p, const tl_stream *s, tl_slot *slot, int64_t ticks)
{
    int64_t due = p->tick + tl_max_i64(1, ticks);
    if (slot->due_tick > p->tick && slot->due_tick <= due) {
        return; // it is due earlier anyway
    }
    slot->due_tick = due;
    tl_pyramid_schedule(p, slot->entity, s->rank, due);
}

static tl_origin origin_of(const tl_stream *s, const tl_entity *e)
{
    return e->carrier_id ? (tl_origin){0, 0, 0} : s->origin;
}

// Works out for how many ticks the slot's segment certainly holds.
static int64_t slot_holds(const tl_pyramid *p, const tl_stream *s, const tl_slot *slot, const tl_entity *e)
{
    const tl_kind *kind = &p->kinds->kinds[e->kind];
    return tl_state_holds(kind, p->kinds, e->state, slot->state, p->tick, s->level, origin_of(s, e),
                          tl_tolerance_share(kind, e->carrier_id != 0), TL_WHEEL_TICKS - 8);
}

static double place_limit_m(const tl_pyramid *p, const tl_stream *s, const tl_entity *e)
{
    const tl_kind *kind = &p->kinds->kinds[e->kind];
    return tl_tolerance_share(kind, e->carrier_id != 0) *
           (kind->fields[0].tolerance[s->level] - kind->fields[0].tolerance[0]);
}

static void derive(const tl_pyramid *p, const tl_stream *s, const tl_entity *e, int64_t *words)
{
    const tl_kind *kind = &p->kinds->kinds[e->kind];
    tl_state_derive(kind, p->kinds, e->state, p->tick, s->level, origin_of(s, e), words);
    if (s->level && tl_state_accelerates(kind, p->kinds, e->state, p->tick, e->acceleration)) {
        tl_state_lead(kind, p->kinds, s->level, e->acceleration, place_limit_m(p, s, e), words);
    }
}

// After a slot's state was set.
static void note_motion(const tl_pyramid *p, const tl_stream *s, tl_slot *slot)
{
    slot->motion = (uint8_t)tl_motion_of(&p->kinds->kinds[slot->kind], p->kinds, s->level, slot->state);
    slot->course_tick = slot->state[0];
}

void tl_stream_enter(tl_pyramid *p, int32_t stream, int32_t entity)
{
    if (stream == TL_NONE) {
        return;
    }
    tl_stream *s = &p->streams[stream];
    tl_entity *e = &p->mirror->entities[entity];
    if (p->kinds->kinds[e->kind].level_last < s->level) {
        return;
    }
    if (s->slot_free_count == 0 && s->slot_top == s->slot_capacity &&
        !grow_slots(p, s, s->slot_capacity ? s->slot_capacity * 2 : SLOTS_MIN)) {
        p->full_count++;
        return;
    }
    int64_t *state = tl_heap_alloc(p->heap, state_bytes(p, e->kind));
    if (state == NULL) {
        p->full_count++;
        return;
    }
    uint32_t index = s->slot_free_count ? s->slot_free[--s->slot_free_count] : s->slot_top++;
    keep_slot(p, s, index);
    s->top_at[s->version % TL_HISTORY_RING] = s->slot_top;
    tl_slot *slot = &s->slots[index];
    *slot = (tl_slot){.id = e->id,
                      .carrier_id = e->carrier_id,
                      .state = state,
                      .due_tick = -1,
                      .entity = entity,
                      .last_version = slot->last_version,
                      .kind = e->kind,
                      .used = true};
    derive(p, s, e, state);
    note_motion(p, s, slot);
    e->slots[s->rank] = (int32_t)index;
    if (s->level) {
        schedule_slot(p, s, slot, slot_holds(p, s, slot, e));
    }
    p->published_count[s->level]++;
}

void tl_stream_leave(tl_pyramid *p, int32_t stream, int32_t entity)
{
    if (stream == TL_NONE) {
        return;
    }
    tl_stream *s = &p->streams[stream];
    tl_entity *e = &p->mirror->entities[entity];
    int32_t index = e->slots[s->rank];
    if (index == TL_NONE) {
        return;
    }
    keep_slot(p, s, (uint32_t)index);
    tl_slot *slot = &s->slots[index];
    tl_heap_free(p->heap, slot->state, state_bytes(p, slot->kind));
    slot->state = NULL;
    slot->used = false;
    slot->due_tick = -1;
    slot->entity = TL_NONE;
    e->slots[s->rank] = TL_NONE;
    s->slot_free[s->slot_free_count++] = (uint32_t)index;
}

static void publish(tl_pyramid *p, tl_stream *s, uint32_t index, const tl_entity *e, const int64_t *words)
{
    keep_slot(p, s, index);
    tl_slot *slot = &s->slots[index];
    memcpy(slot->state, words, state_bytes(p, slot->kind));
    slot->carrier_id = e->carrier_id;
    note_motion(p, s, slot);
    p->published_count[s->level]++;
}

static void snap(const tl_pyramid *p, const tl_stream *s, const tl_slot *slot, const tl_entity *e, int64_t *words)
{
    const tl_kind *kind = &p->kinds->kinds[e->kind];
    tl_segment_snap(kind, p->kinds, s->level, place_limit_m(p, s, e), p->tick, slot->state, words);
}

// Whether it is so far off that it cannot wait for the stream's turn: it has jumped.
static bool is_far_off(const tl_pyramid *p, const tl_stream *s, const tl_slot *slot, const tl_entity *e)
{
    static const double LIMITS_MAX = 1.25;
    return tl_state_place_error_m(&p->kinds->kinds[e->kind], p->kinds, e->state, slot->state, p->tick, s->level,
                                  origin_of(s, e)) > LIMITS_MAX * place_limit_m(p, s, e);
}

void tl_stream_refresh(tl_pyramid *p, int32_t stream, int32_t entity)
{
    tl_stream *s = &p->streams[stream];
    const tl_entity *e = &p->mirror->entities[entity];
    int32_t index = e->slots[s->rank];
    if (index == TL_NONE) {
        if (p->full_count) {
            tl_stream_enter(p, stream, entity); // perhaps there was no room for it before
        }
        return;
    }
    tl_slot *slot = &s->slots[index];
    bool carrier_changed = slot->carrier_id != e->carrier_id;
    int64_t ticks = s->level && !carrier_changed ? slot_holds(p, s, slot, e) : 0;
    if (s->level >= FAR_LEVEL && !carrier_changed) {
        bool turn = tl_stream_has_its_turn(p, stream, p->tick);
        if (turn && ticks < FAR_EVERY_TICKS) {
            ticks = 0; // it would not hold until the next one
        }
        if (!turn && ticks == 0 && is_far_off(p, s, slot, e)) {
            s->urgent_tick = p->tick;
        } else if (!turn && ticks == 0) {
            schedule_slot(p, s, slot, 1);
            return;
        }
    }
    if (ticks == 0) {
        int64_t words[TL_STATE_WORDS_MAX];
        derive(p, s, e, words);
        bool same = !carrier_changed && memcmp(words, slot->state, state_bytes(p, slot->kind)) == 0;
        if (!same && s->level && !carrier_changed) {
            snap(p, s, slot, e, words);
        }
        if (!same) {
            publish(p, s, (uint32_t)index, e, words);
        }
        if (s->level == 0) {
            return;
        }
        ticks = same ? 2 : slot_holds(p, s, slot, e);
    }
    if (!tl_stream_has_its_turn(p, stream, p->tick + ticks)) {
        ticks--; // the turn before that
    }
    schedule_slot(p, s, slot, ticks);
}

// The stream of an entity at a rank, TL_NONE if it is not in one.
static int32_t stream_of(const tl_pyramid *p, const tl_entity *e, int rank)
{
    int32_t cell = e->slots[rank] == TL_NONE ? TL_NONE : e->cell;
    for (int i = 0; i < rank / 2 && cell != TL_NONE; i++) {
        cell = p->cells[cell].parent;
    }
    return cell == TL_NONE ? TL_NONE : p->cells[cell].streams[rank % 2];
}

const tl_slot *tl_stream_slot_of(const tl_pyramid *p, const tl_wheel_entry *entry)
{
    const tl_entity *e = &p->mirror->entities[entry->entity];
    if (entry->rank == TL_RANKS_MAX || !e->used) {
        return NULL;
    }
    int32_t stream = stream_of(p, e, entry->rank);
    return stream == TL_NONE ? NULL : &p->streams[stream].slots[e->slots[entry->rank]];
}

void tl_stream_due(tl_pyramid *p, int32_t entity, int rank)
{
    const tl_entity *e = &p->mirror->entities[entity];
    int32_t stream = stream_of(p, e, rank);
    if (stream == TL_NONE || p->streams[stream].slots[e->slots[rank]].due_tick != p->tick) {
        return;
    }
    p->streams[stream].slots[e->slots[rank]].due_tick = -1;
    tl_stream_refresh(p, stream, entity);
}

void tl_stream_postpone(tl_pyramid *p, tl_wheel_entry entry, int64_t missed, int64_t tick)
{
    tl_entity *e = &p->mirror->entities[entry.entity];
    if (!e->used || !e->live || e->cell == TL_NONE) {
        return;
    }
    if (entry.rank == TL_RANKS_MAX) {
        if (e->cross_tick != missed) {
            return;
        }
        e->cross_tick = tick;
    } else {
        int32_t stream = stream_of(p, e, entry.rank);
        if (stream == TL_NONE || p->streams[stream].slots[e->slots[entry.rank]].due_tick != missed) {
            return;
        }
        p->streams[stream].slots[e->slots[entry.rank]].due_tick = tick;
    }
    tl_pyramid_schedule(p, entry.entity, entry.rank, tick);
}

// ---- setting up and taking down ----

static uint32_t gather(const tl_pyramid *p, int32_t cell, tl_sort_pair *members, uint32_t count)
{
    for (int32_t c = p->cells[cell].child_first; c != TL_NONE; c = p->cells[c].sibling_next) {
        count = gather(p, c, members, count);
    }
    for (int32_t e = p->cells[cell].entity_first; e != TL_NONE; e = p->mirror->entities[e].cell_next) {
        members[count++] = (tl_sort_pair){p->mirror->entities[e].id, (uint32_t)e};
    }
    return count;
}

static void empty(tl_pyramid *p, tl_stream *s)
{
    drop_chunks(p, s);
    while (s->undo_count) {
        drop_oldest_undo(p, s);
    }
    for (uint32_t i = 0; i < s->slot_top; i++) {
        if (!s->slots[i].used) {
            continue;
        }
        p->mirror->entities[s->slots[i].entity].slots[s->rank] = TL_NONE;
        tl_heap_free(p->heap, s->slots[i].state, state_bytes(p, s->slots[i].kind));
    }
    tl_heap_free(p->heap, s->slots, s->slot_capacity * sizeof *s->slots);
    tl_heap_free(p->heap, s->slot_free, s->slot_capacity * sizeof *s->slot_free);
    tl_heap_free(p->heap, s->undo, s->undo_capacity * sizeof *s->undo);
    s->slots = NULL;
    s->slot_free = NULL;
    s->undo = NULL;
    s->slot_capacity = s->slot_top = s->slot_free_count = s->undo_capacity = s->undo_first = 0;
}

static void take_down(tl_pyramid *p, int32_t stream)
{
    tl_stream *s = &p->streams[stream];
    empty(p, s);
    p->cells[s->cell].streams[s->rank % 2] = TL_NONE;
    int32_t cell = s->cell;
    memset(s, 0, sizeof *s);
    p->stream_free[p->stream_free_count++] = stream;
    tl_pyramid_free_cell(p, cell);
}

// Fills the slots with all that is in the cell, in the order of ids: near ids are cheap to code. There is no history.
static bool fill(tl_pyramid *p, int32_t index, tl_sort_pair *members, uint32_t capacity)
{
    tl_stream *s = &p->streams[index];
    uint32_t count = gather(p, s->cell, members, 0);
    TL_ASSERT(count == p->cells[s->cell].entity_count);
    tl_sort(members, count);
    bool grown = grow_slots(p, s, capacity);
    for (uint32_t i = 0; i < count && grown; i++) {
        tl_stream_enter(p, index, (int32_t)members[i].value);
    }
    while (s->undo_count) {
        drop_oldest_undo(p, s);
    }
    s->version_oldest = s->version;
    note_version(p, s);
    return grown;
}

static uint32_t capacity_for(const tl_cell *cell)
{
    uint32_t capacity = SLOTS_MIN;
    while (capacity < cell->entity_count) {
        capacity *= 2;
    }
    return capacity;
}

static int32_t set_up(tl_pyramid *p, int32_t cell_index, int coarser)
{
    tl_cell *cell = &p->cells[cell_index];
    if (p->stream_free_count == 0 && p->stream_top == p->streams_max) {
        return TL_NONE;
    }
    uint32_t capacity = capacity_for(cell);
    tl_sort_pair *members = tl_heap_alloc(p->heap, capacity * sizeof *members);
    if (members == NULL) {
        return TL_NONE;
    }
    int32_t index = p->stream_free_count ? p->stream_free[--p->stream_free_count] : (int32_t)p->stream_top++;
    tl_stream *s = &p->streams[index];
    int64_t width = (int64_t)1 << (TL_TILE_SHIFT + cell->size);
    *s = (tl_stream){.cell = cell_index,
                     .level = cell->size + coarser,
                     .rank = 2 * cell->size + coarser,
                     .version = 1,
                     .version_oldest = 1,
                     .version_tick = p->tick,
                     .used = true,
                     .idle_tick = p->tick,
                     .full_tick = p->tick};
    s->origin = (tl_origin){cell->x * width, cell->y * width, cell->z * width};
    cell->streams[coarser] = index;
    bool grown = fill(p, index, members, capacity); // the first content is version 1
    tl_heap_free(p->heap, members, capacity * sizeof *members);
    if (grown) {
        return index;
    }
    take_down(p, index);
    return TL_NONE;
}

int32_t tl_pyramid_acquire(tl_pyramid *p, int32_t cell, int coarser)
{
    int32_t stream = p->cells[cell].streams[coarser];
    if (stream == TL_NONE) {
        p->work_count += p->cells[cell].entity_count;
    }
    if (stream == TL_NONE && (stream = set_up(p, cell, coarser)) == TL_NONE) {
        p->full_count++;
        return TL_NONE;
    }
    p->streams[stream].subscriber_count++;
    return stream;
}

void tl_pyramid_release(tl_pyramid *p, int32_t stream)
{
    tl_stream *s = &p->streams[stream];
    TL_ASSERT(s->used && s->subscriber_count > 0);
    if (--s->subscriber_count == 0) {
        s->idle_tick = p->tick;
    }
}

// A crowd has been here: its empty slots would be gone through, and sent to each newcomer, as long as somebody
// subscribes.
static bool is_sparse(const tl_pyramid *p, tl_stream *s)
{
    if (s->slot_top <= SPARSE_SLOTS_MIN || (s->slot_top - s->slot_free_count) * SPARSE_SHARE >= s->slot_top) {
        s->full_tick = p->tick;
    }
    return p->tick - s->full_tick > SPARSE_SECONDS * (int64_t)p->kinds->tick_hz;
}

// Builds the stream anew with as few slots as it needs. All clients that have it get it whole.
static void rebuild(tl_pyramid *p, int32_t index)
{
    tl_stream *s = &p->streams[index];
    uint32_t capacity = capacity_for(&p->cells[s->cell]);
    tl_sort_pair *members = tl_heap_alloc(p->heap, capacity * sizeof *members);
    s->full_tick = p->tick;
    if (members == NULL) {
        return;
    }
    begin_version(p, s);
    empty(p, s);
    if (!fill(p, index, members, capacity)) {
        p->full_count++; // refreshed entities come in again, one by one
    }
    tl_heap_free(p->heap, members, capacity * sizeof *members);
}

void tl_streams_sweep(tl_pyramid *p)
{
    // A sixteenth of them a tick is soon enough.
    for (uint32_t i = (uint32_t)(p->tick & 15); i < p->stream_top; i += 16) {
        tl_stream *s = &p->streams[i];
        if (!s->used) {
            continue;
        }
        tl_stream_drop_chunks(p, s);
        bool lingers = p->cells[s->cell].entity_count && p->tick - s->idle_tick <= TL_STREAM_LINGER_TICKS;
        if (s->subscriber_count == 0 && !lingers) {
            take_down(p, (int32_t)i);
        } else if (is_sparse(p, s)) {
            rebuild(p, (int32_t)i);
        } else if (p->tick - s->version_tick > TL_QUIET_TICKS_MAX) {
            begin_version(p, s);
        }
    }
}

void tl_stream_validate(const tl_pyramid *p, int32_t stream)
{
    const tl_stream *s = &p->streams[stream];
    TL_ASSERT(s->used && p->cells[s->cell].streams[s->rank % 2] == stream &&
              p->cells[s->cell].size + s->level == s->rank);
    uint32_t used = 0;
    for (uint32_t i = 0; i < s->slot_top; i++) {
        const tl_slot *slot = &s->slots[i];
        if (!slot->used) {
            continue;
        }
        used++;
        const tl_entity *e = &p->mirror->entities[slot->entity];
        TL_ASSERT(slot->state[0] == 0 || slot->state[4] | slot->state[5] | slot->state[6]); // who stands has no start
        TL_ASSERT(e->live && e->id == slot->id && e->slots[s->rank] == (int32_t)i && e->carrier_id == slot->carrier_id);
    }
    TL_ASSERT(used + s->slot_free_count == s->slot_top);
    if (p->full_count == 0) {
        TL_ASSERT(used <= p->cells[s->cell].entity_count);
    }
}
