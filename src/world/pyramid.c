// Cells and the tick; streams are in stream.c.
#include "world/stream.h"

enum { CROSSING = TL_RANKS_MAX };
static const double CROSSING_MARGIN_M = 1; // an entity stays in its cell until it is so far outside

size_t tl_pyramid_bytes(uint32_t cells_max)
{
    size_t streams = cells_max < TL_STREAMS_MAX ? cells_max : TL_STREAMS_MAX;
    return (cells_max * (sizeof(tl_cell) + 4) + streams * (sizeof(tl_stream) + 4)) * 5 / 4 + tl_map_bytes(cells_max) +
           65536;
}

tl_result tl_pyramid_init(tl_pyramid *p, tl_heap *heap, tl_mirror *mirror, int size_count, uint32_t cells_max)
{
    TL_ASSERT(size_count >= 1 && size_count < TL_LEVELS_MAX);
    memset(p, 0, sizeof *p);
    p->heap = heap, p->mirror = mirror, p->kinds = mirror->kinds, p->size_count = size_count;
    p->cells_max = cells_max;
    p->slots_max = TL_STREAM_SLOTS_MAX;
    p->streams_max = cells_max < TL_STREAMS_MAX ? cells_max : TL_STREAMS_MAX;
    p->root_first = TL_NONE;
    p->tick = -1;
    p->cells = tl_heap_alloc(heap, cells_max * sizeof *p->cells);
    p->cell_free = tl_heap_alloc(heap, cells_max * sizeof *p->cell_free);
    p->streams = tl_heap_alloc(heap, p->streams_max * sizeof *p->streams);
    p->stream_free = tl_heap_alloc(heap, p->streams_max * sizeof *p->stream_free);
    bool map = tl_map_init(&p->cell_map, heap, cells_max);
    return map && p->cells && p->cell_free && p->streams && p->stream_free ? TL_OK : TL_ERR_MEMORY;
}

// ---- cells ----

static uint64_t cell_key(int size, int32_t x, int32_t y, int32_t z)
{
    return (uint64_t)(size + 1) << 60 | (uint64_t)(x & 0xfffff) << 40 | (uint64_t)(y & 0xfffff) << 20 |
           (uint64_t)(z & 0xfffff);
}

static void link_cell(tl_pyramid *p, int32_t index)
{
    tl_cell *cell = &p->cells[index];
    int32_t *first = cell->parent == TL_NONE ? &p->root_first : &p->cells[cell->parent].child_first;
    cell->sibling_prev = TL_NONE;
    cell->sibling_next = *first;
    if (*first != TL_NONE) {
        p->cells[*first].sibling_prev = index;
    }
    *first = index;
    p->shape_version++;
}

static void unlink_cell(tl_pyramid *p, int32_t index)
{
    tl_cell *cell = &p->cells[index];
    int32_t *first = cell->parent == TL_NONE ? &p->root_first : &p->cells[cell->parent].child_first;
    if (cell->sibling_prev != TL_NONE) {
        p->cells[cell->sibling_prev].sibling_next = cell->sibling_next;
    } else {
        *first = cell->sibling_next;
    }
    if (cell->sibling_next != TL_NONE) {
        p->cells[cell->sibling_next].sibling_prev = cell->sibling_prev;
    }
    p->shape_version++;
}

// The cell at those coordinates, made if need be with all above it. TL_NONE if the limit is reached.
static int32_t cell_at(tl_pyramid *p, int size, int32_t x, int32_t y, int32_t z)
{
    uint64_t key = cell_key(size, x, y, z);
    const uint32_t *known = tl_map_find(&p->cell_map, key);
    if (known) {
        return (int32_t)*known;
    }
    int32_t parent = TL_NONE;
    if (size + 1 < p->size_count && (parent = cell_at(p, size + 1, x >> 1, y >> 1, z >> 1)) == TL_NONE) {
        return TL_NONE;
    }
    if (p->cell_free_count == 0 && p->cell_top == p->cells_max) {
        tl_pyramid_free_cell(p, parent); // it may have been made for this one
        return TL_NONE;
    }
    int32_t index = p->cell_free_count ? p->cell_free[--p->cell_free_count] : (int32_t)p->cell_top++;
    p->cells[index] = (tl_cell){.x = x, .y = y, .z = z, .parent = parent, .size = (uint8_t)size, .used = true};
    p->cells[index].child_first = p->cells[index].entity_first = p->cells[index].streams[0] =
        p->cells[index].streams[1] = TL_NONE;
    TL_ASSERT(tl_map_put(&p->cell_map, key, (uint32_t)index));
    link_cell(p, index);
    return index;
}

// Frees a cell that holds nothing, and those above it that then hold nothing.
void tl_pyramid_free_cell(tl_pyramid *p, int32_t index)
{
    while (index != TL_NONE) {
        tl_cell *cell = &p->cells[index];
        if (cell->entity_count || cell->child_first != TL_NONE || cell->streams[0] != TL_NONE ||
            cell->streams[1] != TL_NONE) {
            return;
        }
        int32_t parent = cell->parent;
        unlink_cell(p, index);
        tl_map_remove(&p->cell_map, cell_key(cell->size, cell->x, cell->y, cell->z));
        cell->used = false;
        p->cell_free[p->cell_free_count++] = index;
        index = parent;
    }
}

// What moves on beyond the world's limit is in a cell at the edge: those reach as far as there is anything.
static void cell_bounds(const tl_cell *cell, double low[3], double high[3])
{
    double width = tl_level_tile_m(cell->size);
    int32_t edge = TL_TILE_EDGE >> cell->size;
    const int32_t at[3] = {cell->x, cell->y, cell->z};
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = at[axis] == -edge ? -INFINITY : at[axis] * width;
        high[axis] = at[axis] == edge - 1 ? INFINITY : (at[axis] + 1) * width;
    }
}

double tl_cell_distance_m(const tl_cell *cell, tl_vec3 point)
{
    double low[3], high[3], d2 = 0;
    const double at[3] = {point.x, point.y, point.z};
    cell_bounds(cell, low, high);
    for (int axis = 0; axis < 3; axis++) {
        double d = at[axis] < low[axis] ? low[axis] - at[axis] : at[axis] > high[axis] ? at[axis] - high[axis] : 0;
        d2 += d * d;
    }
    return sqrt(d2);
}

static int32_t tile_of(double metres)
{
    double tile = floor(metres * tl_power(-TL_TILE_SHIFT));
    return (int32_t)fmin(fmax(tile, -TL_TILE_EDGE), TL_TILE_EDGE - 1);
}

// ---- the wheel ----

void tl_pyramid_schedule(tl_pyramid *p, int32_t entity, int rank, int64_t due_tick)
{
    tl_wheel_bucket *bucket = &p->wheel[due_tick % TL_WHEEL_TICKS];
    if (bucket->count == bucket->capacity) {
        uint32_t capacity = bucket->capacity ? bucket->capacity * 2 : 64;
        void *grown = tl_heap_grow(p->heap, bucket->entries, bucket->capacity, capacity, sizeof *bucket->entries);
        if (grown == NULL) {
            p->full_count++;
            return;
        }
        bucket->entries = grown;
        bucket->capacity = capacity;
    }
    bucket->entries[bucket->count++] = (tl_wheel_entry){entity, rank};
}

// ---- where entities are ----

// Works out when a free entity may leave its cell. Cells have a margin, so nothing flutters at an edge.
static void schedule_crossing(tl_pyramid *p, int32_t index, tl_vec3 position)
{
    tl_entity *e = &p->mirror->entities[index];
    const tl_cell *cell = &p->cells[e->cell];
    tl_vec3 velocity = tl_velocity_of(e->state, p->kinds->kinds[e->kind].fields[0].shift[0], p->kinds);
    double low[3], high[3], seconds = (double)(TL_WHEEL_TICKS - 8) / p->kinds->tick_hz;
    const double at[3] = {position.x, position.y, position.z}, v[3] = {velocity.x, velocity.y, velocity.z};
    cell_bounds(cell, low, high);
    bool moves = false;
    for (int axis = 0; axis < 3; axis++) {
        if (v[axis] == 0) {
            continue;
        }
        moves = true;
        double edge = v[axis] > 0 ? high[axis] + CROSSING_MARGIN_M - at[axis]
                                  : at[axis] - low[axis] + CROSSING_MARGIN_M;
        seconds = fmin(seconds, edge / fabs(v[axis]));
    }
    if (!moves) {
        e->cross_tick = -1;
        return;
    }
    int64_t due = p->tick + tl_max_i64(1, (int64_t)(seconds * p->kinds->tick_hz));
    if (e->cross_tick > p->tick && e->cross_tick <= due) {
        return; // it is looked at before
    }
    e->cross_tick = due;
    tl_pyramid_schedule(p, index, CROSSING, due);
}

static bool within(const tl_cell *cell, tl_vec3 position)
{
    return tl_cell_distance_m(cell, position) <= CROSSING_MARGIN_M;
}

static void count_along(tl_pyramid *p, int32_t cell, int difference)
{
    for (; cell != TL_NONE; cell = p->cells[cell].parent) {
        // it may have been there for its stream alone
        if (p->cells[cell].entity_count == 0) {
            p->cells[cell].inhabited_version = ++p->shape_version;
        }
        p->cells[cell].entity_count += (uint32_t)difference;
    }
}

static void link_member(tl_pyramid *p, int32_t index, int32_t cell)
{
    tl_entity *e = &p->mirror->entities[index];
    e->cell = cell;
    e->cell_prev = TL_NONE;
    e->cell_next = p->cells[cell].entity_first;
    if (e->cell_next != TL_NONE) {
        p->mirror->entities[e->cell_next].cell_prev = index;
    }
    p->cells[cell].entity_first = index;
    count_along(p, cell, 1);
}

static void unlink_member(tl_pyramid *p, int32_t index)
{
    tl_entity *e = &p->mirror->entities[index];
    if (e->cell_prev != TL_NONE) {
        p->mirror->entities[e->cell_prev].cell_next = e->cell_next;
    } else {
        p->cells[e->cell].entity_first = e->cell_next;
    }
    if (e->cell_next != TL_NONE) {
        p->mirror->entities[e->cell_next].cell_prev = e->cell_prev;
    }
    count_along(p, e->cell, -1);
    e->cell = e->cell_next = e->cell_prev = TL_NONE;
}

// Moves one entity from its cell to another (either may be TL_NONE), in the streams of all tiles that differ.
static void move(tl_pyramid *p, int32_t index, int32_t to)
{
    tl_entity *e = &p->mirror->entities[index];
    int32_t from = e->cell, a = from, b = to;
    while (a != b) {
        for (int coarser = 0; coarser < 2; coarser++) {
            if (a != TL_NONE) {
                tl_stream_leave(p, p->cells[a].streams[coarser], index);
            }
            if (b != TL_NONE) {
                tl_stream_enter(p, p->cells[b].streams[coarser], index);
            }
        }
        a = a == TL_NONE ? TL_NONE : p->cells[a].parent;
        b = b == TL_NONE ? TL_NONE : p->cells[b].parent;
    }
    if (from == to) {
        return;
    }
    if (from != TL_NONE) {
        unlink_member(p, index);
    }
    if (to != TL_NONE) {
        link_member(p, index, to);
    }
    if (from != TL_NONE) {
        tl_pyramid_free_cell(p, from);
    }
}

// Moves an entity with all its riders.
static void move_tree(tl_pyramid *p, int32_t index, int32_t to)
{
    move(p, index, to);
    for (int32_t r = p->mirror->entities[index].rider_first; r != TL_NONE; r = p->mirror->entities[r].rider_next) {
        move_tree(p, r, to);
    }
}

static int32_t cell_of(tl_pyramid *p, tl_vec3 position)
{
    int32_t cell = cell_at(p, 0, tile_of(position.x), tile_of(position.y), tile_of(position.z));
    if (cell != TL_NONE) {
        return cell;
    }
    p->full_count++;
    p->placeless = p->placeless_again = true;
    return TL_NONE;
}

static tl_vec3 place_of(const tl_pyramid *p, int32_t index)
{
    const tl_entity *e = &p->mirror->entities[index];
    return tl_position_at(e->state, p->kinds->kinds[e->kind].fields[0].shift[0], p->kinds, (double)p->tick);
}

// A free entity that has left its cell is moved; when it may leave the next time is worked out.
static void settle_place(tl_pyramid *p, int32_t index)
{
    tl_entity *e = &p->mirror->entities[index];
    tl_vec3 position = place_of(p, index);
    if (e->cell == TL_NONE || !within(&p->cells[e->cell], position)) {
        move_tree(p, index, cell_of(p, position));
    }
    if (e->cell != TL_NONE) {
        schedule_crossing(p, index, position);
    }
}

static void refresh_all(tl_pyramid *p, int32_t index)
{
    const tl_entity *e = &p->mirror->entities[index];
    for (int32_t cell = e->cell; cell != TL_NONE; cell = p->cells[cell].parent) {
        for (int coarser = 0; coarser < 2; coarser++) {
            if (p->cells[cell].streams[coarser] != TL_NONE) {
                tl_stream_refresh(p, p->cells[cell].streams[coarser], index);
            }
        }
    }
}

// Who boards or alights is told of everywhere at once.
static void mark_urgent(tl_pyramid *p, int32_t cell)
{
    for (; cell != TL_NONE; cell = p->cells[cell].parent) {
        for (int coarser = 0; coarser < 2; coarser++) {
            if (p->cells[cell].streams[coarser] != TL_NONE) {
                p->streams[p->cells[cell].streams[coarser]].urgent_tick = p->tick;
            }
        }
    }
}

static void take_in(tl_pyramid *p, int32_t index)
{
    tl_mirror *m = p->mirror;
    tl_entity *e = &m->entities[index];
    if (e->changes & TL_CHANGE_DELETED) {
        if (e->cell != TL_NONE) {
            move(p, index, TL_NONE);
        }
        return;
    }
    if (e->changes & TL_CHANGE_CARRIER) {
        mark_urgent(p, e->cell);
    }
    int32_t root = tl_mirror_root(m, index);
    if (root == index) {
        settle_place(p, index);
    } else if (e->changes & (TL_CHANGE_ENTERED | TL_CHANGE_CARRIER)) {
        if (root != TL_NONE && m->entities[root].cell == TL_NONE) {
            settle_place(p, root);
        }
        int32_t to = root == TL_NONE ? TL_NONE : m->entities[root].cell;
        move_tree(p, index, to);
    }
    if (e->changes & TL_CHANGE_CARRIER) {
        mark_urgent(p, e->cell);
    }
    refresh_all(p, index);
}

// Takes the first entries out of a bucket.
static void drop_entries(tl_wheel_bucket *bucket, uint32_t count)
{
    if (count) {
        memmove(bucket->entries, bucket->entries + count, (bucket->count - count) * sizeof *bucket->entries);
    }
    bucket->count -= count;
}

// While one entry is looked at, the next ones come into the cache: the entity, then its slot, then both states.
static void prefetch_due(const tl_pyramid *p, const tl_wheel_bucket *bucket, uint32_t count, uint32_t i)
{
    enum { ENTITIES_AHEAD = 24, SLOTS_AHEAD = 16, STATES_AHEAD = 8 };
    const tl_entity *entities = p->mirror->entities;
    if (i + ENTITIES_AHEAD < count) {
        tl_prefetch(&entities[bucket->entries[i + ENTITIES_AHEAD].entity], offsetof(tl_entity, said_carrier));
    }
    if (i + SLOTS_AHEAD < count) {
        const tl_slot *slot = tl_stream_slot_of(p, &bucket->entries[i + SLOTS_AHEAD]);
        if (slot) {
            tl_prefetch(slot, sizeof *slot);
        }
    }
    if (i + STATES_AHEAD < count) {
        const tl_slot *slot = tl_stream_slot_of(p, &bucket->entries[i + STATES_AHEAD]);
        if (slot == NULL || slot->due_tick != p->tick) {
            return;
        }
        tl_prefetch(slot->state, TL_POSITION_WORDS * sizeof(int64_t));
        tl_prefetch(entities[bucket->entries[i + STATES_AHEAD].entity].state, TL_POSITION_WORDS * sizeof(int64_t));
    }
}

static void turn_wheel(tl_pyramid *p)
{
    tl_wheel_bucket *bucket = &p->wheel[p->tick % TL_WHEEL_TICKS];
    uint32_t count = bucket->count;
    for (uint32_t i = 0; i < count; i++) {
        tl_wheel_entry entry = bucket->entries[i];
        prefetch_due(p, bucket, count, i);
        tl_entity *e = &p->mirror->entities[entry.entity];
        if (!e->used || !e->live || e->cell == TL_NONE) {
            continue;
        }
        if (entry.rank == CROSSING) {
            if (e->cross_tick != p->tick) {
                continue;
            }
            e->cross_tick = -1;
            if (e->carrier_id == 0) {
                settle_place(p, entry.entity);
            }
        } else {
            tl_stream_due(p, entry.entity, entry.rank);
        }
    }
    drop_entries(bucket, count); // what was added meanwhile is for a whole turn later
}

static void postpone_bucket(tl_pyramid *p, int64_t missed, int64_t tick)
{
    tl_wheel_bucket *bucket = &p->wheel[missed % TL_WHEEL_TICKS];
    uint32_t count = bucket->count;
    for (uint32_t i = 0; i < count; i++) {
        tl_stream_postpone(p, bucket->entries[i], missed, tick);
    }
    drop_entries(bucket, count);
}

// A jump of the tick (a server that slept) must not pass over entries of the wheel. They are of one turn after the last
// tick. The bucket that the others' entries go to comes first.
static void postpone_missed(tl_pyramid *p, int64_t tick)
{
    int64_t same = p->tick + 1 + (tick - p->tick - 1) % TL_WHEEL_TICKS;
    if (same < tick) {
        postpone_bucket(p, same, tick);
    }
    for (int64_t t = p->tick + 1; t < tick && t <= p->tick + TL_WHEEL_TICKS; t++) {
        if (t != same) {
            postpone_bucket(p, t, tick);
        }
    }
}

// Those that found no cell get one when there are some again, a part of the mirror at a time.
static void place_placeless(tl_pyramid *p)
{
    enum { LOOKED_AT_A_TICK = 1024 };
    tl_mirror *m = p->mirror;
    for (int i = 0; i < LOOKED_AT_A_TICK && p->placeless; i++) {
        if (p->cell_free_count + p->cells_max - p->cell_top < (uint32_t)p->size_count) {
            return;
        }
        if (p->placeless_at >= m->entity_top) {
            p->placeless = p->placeless_again;
            p->placeless_again = false;
            p->placeless_at = 0;
            return;
        }
        int32_t index = p->placeless_at++;
        const tl_entity *e = &m->entities[index];
        if (e->used && e->live && e->cell == TL_NONE && tl_mirror_root(m, index) == index) {
            settle_place(p, index);
        }
    }
}

void tl_pyramid_tick(tl_pyramid *p, int64_t tick)
{
    TL_ASSERT(tick > p->tick);
    postpone_missed(p, tick);
    p->tick = tick;
    for (uint32_t i = 0; i < p->mirror->changed_count; i++) {
        take_in(p, p->mirror->changed[i]);
    }
    turn_wheel(p);
    place_placeless(p);
    tl_streams_sweep(p);
}

void tl_pyramid_validate(const tl_pyramid *p)
{
    uint32_t members = 0;
    for (uint32_t i = 0; i < p->cell_top; i++) {
        const tl_cell *cell = &p->cells[i];
        if (!cell->used) {
            continue;
        }
        uint32_t below = 0;
        for (int32_t c = cell->child_first; c != TL_NONE; c = p->cells[c].sibling_next) {
            below += p->cells[c].entity_count;
        }
        for (int32_t e = cell->entity_first; e != TL_NONE; e = p->mirror->entities[e].cell_next) {
            below++, members++;
        }
        TL_ASSERT(below == cell->entity_count);
        for (int coarser = 0; coarser < 2; coarser++) {
            if (cell->streams[coarser] != TL_NONE) {
                tl_stream_validate(p, cell->streams[coarser]);
            }
        }
    }
    for (int32_t i = 0; i < p->mirror->entity_top; i++) {
        const tl_entity *e = &p->mirror->entities[i];
        if (!e->used || !e->live || e->cell == TL_NONE) {
            continue;
        }
        members--;
        int32_t root = tl_mirror_root(p->mirror, i);
        TL_ASSERT(root != TL_NONE && p->mirror->entities[root].cell == e->cell);
    }
    TL_ASSERT(members == 0);
}
