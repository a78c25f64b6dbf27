#include "world/pyramid.h"

enum { CROSSING = TL_RANKS_MAX };          // a wheel reason: an entity may leave its tile; smaller reasons are ranks
static const double CROSSING_MARGIN_M = 1; // an entity stays in its tile until it is this far outside
enum { SPARE_BYTES = 65536 };              // heap bytes reserved for arrays that grow

size_t tl_pyramid_bytes(uint32_t tiles_max)
{
    return tl_tiles_bytes(tiles_max) + tl_streams_bytes(tiles_max) + SPARE_BYTES;
}

tl_result tl_pyramid_init(tl_pyramid *p, tl_heap *heap, tl_mirror *mirror, int size_count, uint32_t tiles_max)
{
    p->mirror = mirror;
    p->placeless = p->placeless_again = false;
    p->placeless_at = 0;
    tl_wheel_init(&p->wheel, heap);
    tl_result result = tl_tiles_init(&p->tiles, heap, mirror, size_count, tiles_max);
    return result != TL_OK ? result : tl_streams_init(&p->streams, heap, mirror, &p->tiles, &p->wheel);
}

// ---- positions ----

// Computes when a free entity may leave its tile. Tiles have a margin, so entities do not flip between tiles at an
// edge.
static void schedule_crossing(tl_pyramid *p, int32_t index, tl_vec3 position)
{
    tl_entity *e = &p->mirror->entities[index];
    const tl_kinds *kinds = p->streams.kinds;
    tl_vec3 velocity = tl_velocity_of(e->state, kinds->kinds[e->kind].fields[0].shift[0], kinds);
    double low[3], high[3], seconds = (double)TL_WHEEL_AHEAD_TICKS_MAX / kinds->tick_hz;
    const double at[3] = {position.x, position.y, position.z}, v[3] = {velocity.x, velocity.y, velocity.z};
    tl_tile_bounds(&p->tiles.at[e->tile], low, high);
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
    int64_t tick = p->streams.tick, due_tick = tick + tl_max_i64(1, (int64_t)(seconds * kinds->tick_hz));
    if (e->cross_tick > tick && e->cross_tick <= due_tick) {
        return; // it is checked earlier
    }
    e->cross_tick = due_tick;
    p->streams.full_count += !tl_wheel_add(&p->wheel, (tl_wheel_entry){index, CROSSING}, due_tick);
}

// Moves one entity between tiles (either may be TL_NONE), in the streams of all tiles that differ.
static void move(tl_pyramid *p, int32_t index, int32_t to)
{
    int32_t from = p->mirror->entities[index].tile, a = from, b = to;
    const tl_tile *tiles = p->tiles.at;
    while (a != b) {
        for (int coarser = 0; coarser < TL_STREAMS_OF_TILE; coarser++) {
            if (a != TL_NONE) {
                tl_stream_leave(&p->streams, tiles[a].streams[coarser], index);
            }
            if (b != TL_NONE) {
                tl_stream_enter(&p->streams, tiles[b].streams[coarser], index);
            }
        }
        a = a == TL_NONE ? TL_NONE : tiles[a].parent;
        b = b == TL_NONE ? TL_NONE : tiles[b].parent;
    }
    if (from == to) {
        return;
    }
    if (from != TL_NONE) {
        tl_tiles_remove_entity(&p->tiles, index);
    }
    if (to != TL_NONE) {
        tl_tiles_add_entity(&p->tiles, to, index);
    }
    if (from != TL_NONE) {
        tl_tiles_free_empty(&p->tiles, from);
    }
}

// Moves an entity with all its passengers.
static void move_tree(tl_pyramid *p, int32_t index, int32_t to)
{
    move(p, index, to);
    for (int32_t r = p->mirror->entities[index].rider_first; r != TL_NONE; r = p->mirror->entities[r].rider_next) {
        move_tree(p, r, to);
    }
}

static int32_t tile_for(tl_pyramid *p, tl_vec3 position)
{
    int32_t tile = tl_tiles_make(&p->tiles, position);
    if (tile == TL_NONE) {
        p->streams.full_count++;
        p->placeless = p->placeless_again = true;
    }
    return tile;
}

// Moves a free entity that has left its tile, and computes when it may leave the next.
static void settle_place(tl_pyramid *p, int32_t index)
{
    tl_entity *e = &p->mirror->entities[index];
    const tl_kinds *kinds = p->streams.kinds;
    tl_vec3 position = tl_position_at(e->state, kinds->kinds[e->kind].fields[0].shift[0], kinds,
                                      (double)p->streams.tick);
    bool stays = e->tile != TL_NONE && tl_tile_distance_m(&p->tiles.at[e->tile], position) <= CROSSING_MARGIN_M;
    if (!stays) {
        move_tree(p, index, tile_for(p, position));
    }
    if (e->tile != TL_NONE) {
        schedule_crossing(p, index, position);
    }
}

// ---- changes of the mirror ----

static void refresh_all(tl_pyramid *p, int32_t index)
{
    for (int32_t t = p->mirror->entities[index].tile; t != TL_NONE; t = p->tiles.at[t].parent) {
        for (int coarser = 0; coarser < TL_STREAMS_OF_TILE; coarser++) {
            if (p->tiles.at[t].streams[coarser] != TL_NONE) {
                tl_stream_refresh(&p->streams, p->tiles.at[t].streams[coarser], index);
            }
        }
    }
}

// Boarding and alighting are sent everywhere at once.
static void mark_urgent(tl_pyramid *p, int32_t tile)
{
    for (; tile != TL_NONE; tile = p->tiles.at[tile].parent) {
        for (int coarser = 0; coarser < TL_STREAMS_OF_TILE; coarser++) {
            if (p->tiles.at[tile].streams[coarser] != TL_NONE) {
                p->streams.at[p->tiles.at[tile].streams[coarser]].urgent_tick = p->streams.tick;
            }
        }
    }
}

static void take_in(tl_pyramid *p, int32_t index)
{
    tl_mirror *m = p->mirror;
    tl_entity *e = &m->entities[index];
    if (e->changes & TL_CHANGE_DELETED) {
        if (e->tile != TL_NONE) {
            move(p, index, TL_NONE);
        }
        return;
    }
    if (e->changes & TL_CHANGE_CARRIER) {
        mark_urgent(p, e->tile);
    }
    int32_t root = tl_mirror_root(m, index);
    if (root == index) {
        settle_place(p, index);
    } else if (e->changes & (TL_CHANGE_ENTERED | TL_CHANGE_CARRIER)) {
        if (root != TL_NONE && m->entities[root].tile == TL_NONE) {
            settle_place(p, root);
        }
        move_tree(p, index, root == TL_NONE ? TL_NONE : m->entities[root].tile);
    }
    if (e->changes & TL_CHANGE_CARRIER) {
        mark_urgent(p, e->tile);
    }
    refresh_all(p, index);
}

// ---- due entries ----

// Prefetches the entries that follow the current one: first the entity, then its slot, then both states.
static void prefetch_due(const tl_pyramid *p, const tl_wheel_bucket *bucket, uint32_t count, uint32_t i)
{
    enum { ENTITIES_AHEAD = 24, SLOTS_AHEAD = 16, STATES_AHEAD = 8 };
    const tl_entity *entities = p->mirror->entities;
    if (i + ENTITIES_AHEAD < count) {
        tl_prefetch(&entities[bucket->entries[i + ENTITIES_AHEAD].entity], offsetof(tl_entity, said_carrier));
    }
    if (i + SLOTS_AHEAD < count) {
        const tl_slot *slot = tl_stream_slot_of(&p->streams, &bucket->entries[i + SLOTS_AHEAD]);
        if (slot) {
            tl_prefetch(slot, sizeof *slot);
        }
    }
    if (i + STATES_AHEAD < count) {
        const tl_slot *slot = tl_stream_slot_of(&p->streams, &bucket->entries[i + STATES_AHEAD]);
        if (slot == NULL || slot->due_tick != p->streams.tick) {
            return;
        }
        tl_prefetch(slot->state, TL_POSITION_WORDS * sizeof(int64_t));
        tl_prefetch(entities[bucket->entries[i + STATES_AHEAD].entity].state, TL_POSITION_WORDS * sizeof(int64_t));
    }
}

static bool is_placed(const tl_entity *e)
{
    return e->used && e->live && e->tile != TL_NONE;
}

static void look_at_due(tl_pyramid *p, const tl_wheel_entry *entry)
{
    tl_entity *e = &p->mirror->entities[entry->entity];
    if (!is_placed(e)) {
        return;
    }
    if (entry->reason != CROSSING) {
        tl_stream_due(&p->streams, entry);
        return;
    }
    if (e->cross_tick != p->streams.tick) {
        return; // it has moved since
    }
    e->cross_tick = -1;
    if (e->carrier_id == 0) {
        settle_place(p, entry->entity);
    }
}

static void turn_wheel(tl_pyramid *p)
{
    tl_wheel_bucket *bucket = tl_wheel_at(&p->wheel, p->streams.tick);
    uint32_t count = bucket->count;
    for (uint32_t i = 0; i < count; i++) {
        tl_wheel_entry entry = bucket->entries[i]; // the bucket may grow meanwhile
        prefetch_due(p, bucket, count, i);
        look_at_due(p, &entry);
    }
    tl_wheel_remove_first(bucket, count);
}

static void postpone(tl_pyramid *p, const tl_wheel_entry *entry, int64_t missed, int64_t tick)
{
    tl_entity *e = &p->mirror->entities[entry->entity];
    if (!is_placed(e)) {
        return;
    }
    if (entry->reason != CROSSING) {
        tl_stream_postpone(&p->streams, entry, missed, tick);
        return;
    }
    if (e->cross_tick == missed) {
        e->cross_tick = tick;
        p->streams.full_count += !tl_wheel_add(&p->wheel, *entry, tick);
    }
}

static void postpone_bucket(tl_pyramid *p, int64_t missed, int64_t tick)
{
    tl_wheel_bucket *bucket = tl_wheel_at(&p->wheel, missed);
    uint32_t count = bucket->count;
    for (uint32_t i = 0; i < count; i++) {
        tl_wheel_entry entry = bucket->entries[i];
        postpone(p, &entry, missed, tick);
    }
    tl_wheel_remove_first(bucket, count);
}

// A jump of the tick (a server that slept) must not lose entries of the wheel. Skipped entries are at most one turn
// after the last tick. The bucket that the others' entries move to comes first.
static void postpone_missed(tl_pyramid *p, int64_t tick)
{
    int64_t last = p->streams.tick, same = last + 1 + (tick - last - 1) % TL_WHEEL_TICKS;
    if (same < tick) {
        postpone_bucket(p, same, tick);
    }
    for (int64_t t = last + 1; t < tick && t <= last + TL_WHEEL_TICKS; t++) {
        if (t != same) {
            postpone_bucket(p, t, tick);
        }
    }
}

// Places entities that found no tile once tiles are free again, a part of the mirror per tick.
static void place_placeless(tl_pyramid *p)
{
    enum { LOOKED_AT_A_TICK = 1024 };
    tl_mirror *m = p->mirror;
    for (int i = 0; i < LOOKED_AT_A_TICK && p->placeless; i++) {
        if (!tl_tiles_have_space(&p->tiles)) {
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
        if (e->used && e->live && e->tile == TL_NONE && tl_mirror_root(m, index) == index) {
            settle_place(p, index);
        }
    }
}

void tl_pyramid_tick(tl_pyramid *p, int64_t tick)
{
    TL_ASSERT(tick > p->streams.tick);
    postpone_missed(p, tick);
    p->streams.tick = tick;
    for (uint32_t i = 0; i < p->mirror->changed_count; i++) {
        take_in(p, p->mirror->changed[i]);
    }
    turn_wheel(p);
    place_placeless(p);
    tl_streams_sweep(&p->streams);
}

void tl_pyramid_validate(const tl_pyramid *p)
{
    tl_tiles_validate(&p->tiles);
    for (uint32_t i = 0; i < p->streams.top; i++) {
        if (p->streams.at[i].used) {
            tl_stream_validate(&p->streams, (int32_t)i);
        }
    }
}
