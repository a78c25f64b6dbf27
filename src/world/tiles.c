#include "world/tiles.h"

size_t tl_tiles_bytes(uint32_t count_max)
{
    return count_max * (sizeof(tl_tile) + sizeof(int32_t)) * 5 / 4 + tl_map_bytes(count_max);
}

tl_result tl_tiles_init(tl_tiles *tiles, tl_heap *heap, tl_mirror *mirror, int size_count, uint32_t count_max)
{
    TL_ASSERT(size_count >= 1 && size_count < TL_LEVELS_MAX);
    *tiles = (tl_tiles){.mirror = mirror, .size_count = size_count, .count_max = count_max, .root_first = TL_NONE};
    tiles->at = tl_heap_alloc(heap, count_max * sizeof *tiles->at);
    tiles->free = tl_heap_alloc(heap, count_max * sizeof *tiles->free);
    bool map = tl_map_init(&tiles->map, heap, count_max);
    return map && tiles->at && tiles->free ? TL_OK : TL_ERR_MEMORY;
}

// ---- the tree ----

// Size and coordinates in one word: tiles of size 0 need 20 bits per coordinate.
enum { KEY_COORDINATE_BITS = 20, KEY_SIZE_SHIFT = 3 * KEY_COORDINATE_BITS };
_Static_assert(2 * TL_TILE_EDGE <= 1 << KEY_COORDINATE_BITS, "coordinates of tiles fit into their keys");

static uint64_t key_of(int size, int32_t x, int32_t y, int32_t z)
{
    const uint64_t mask = ((uint64_t)1 << KEY_COORDINATE_BITS) - 1;
    return (uint64_t)(size + 1) << KEY_SIZE_SHIFT | ((uint64_t)x & mask) << 2 * KEY_COORDINATE_BITS |
           ((uint64_t)y & mask) << KEY_COORDINATE_BITS | ((uint64_t)z & mask);
}

static int32_t *first_sibling(tl_tiles *tiles, const tl_tile *tile)
{
    return tile->parent == TL_NONE ? &tiles->root_first : &tiles->at[tile->parent].child_first;
}

static void link_tile(tl_tiles *tiles, int32_t index)
{
    tl_tile *tile = &tiles->at[index];
    int32_t *first = first_sibling(tiles, tile);
    tile->sibling_prev = TL_NONE;
    tile->sibling_next = *first;
    if (*first != TL_NONE) {
        tiles->at[*first].sibling_prev = index;
    }
    *first = index;
    tiles->shape_version++;
}

static void unlink_tile(tl_tiles *tiles, int32_t index)
{
    tl_tile *tile = &tiles->at[index];
    if (tile->sibling_prev != TL_NONE) {
        tiles->at[tile->sibling_prev].sibling_next = tile->sibling_next;
    } else {
        *first_sibling(tiles, tile) = tile->sibling_next;
    }
    if (tile->sibling_next != TL_NONE) {
        tiles->at[tile->sibling_next].sibling_prev = tile->sibling_prev;
    }
    tiles->shape_version++;
}

// Returns the tile at those coordinates; creates it and its parents if necessary. TL_NONE: the limit was reached.
static int32_t make_tile(tl_tiles *tiles, int size, int32_t x, int32_t y, int32_t z)
{
    uint64_t key = key_of(size, x, y, z);
    const uint32_t *known = tl_map_find(&tiles->map, key);
    if (known) {
        return (int32_t)*known;
    }
    int32_t parent = TL_NONE;
    if (size + 1 < tiles->size_count) {
        parent = make_tile(tiles, size + 1, x >> 1, y >> 1, z >> 1);
        if (parent == TL_NONE) {
            return TL_NONE;
        }
    }
    if (tiles->free_count == 0 && tiles->top == tiles->count_max) {
        tl_tiles_free_empty(tiles, parent); // it may have been created for this one
        return TL_NONE;
    }
    int32_t index = tiles->free_count ? tiles->free[--tiles->free_count] : (int32_t)tiles->top++;
    tl_tile *tile = &tiles->at[index];
    TL_ASSERT(!tile->used);
    *tile = (tl_tile){.x = x, .y = y, .z = z, .parent = parent, .size = (uint8_t)size, .used = true};
    tile->child_first = tile->entity_first = tile->streams[0] = tile->streams[1] = TL_NONE;
    TL_ASSERT(tl_map_put(&tiles->map, key, (uint32_t)index));
    link_tile(tiles, index);
    return index;
}

static int32_t coordinate_of(double metres)
{
    double tile = floor(metres * tl_power(-TL_TILE_SHIFT));
    return (int32_t)fmin(fmax(tile, -TL_TILE_EDGE), TL_TILE_EDGE - 1);
}

int32_t tl_tiles_make(tl_tiles *tiles, tl_vec3 position)
{
    return make_tile(tiles, 0, coordinate_of(position.x), coordinate_of(position.y), coordinate_of(position.z));
}

bool tl_tiles_have_space(const tl_tiles *tiles)
{
    return tiles->free_count + tiles->count_max - tiles->top >= (uint32_t)tiles->size_count;
}

void tl_tiles_free_empty(tl_tiles *tiles, int32_t index)
{
    while (index != TL_NONE) {
        tl_tile *tile = &tiles->at[index];
        TL_ASSERT(tile->used);
        if (tile->entity_count || tile->child_first != TL_NONE || tile->streams[0] != TL_NONE ||
            tile->streams[1] != TL_NONE) {
            return;
        }
        int32_t parent = tile->parent;
        unlink_tile(tiles, index);
        tl_map_remove(&tiles->map, key_of(tile->size, tile->x, tile->y, tile->z));
        tile->used = false;
        tiles->free[tiles->free_count++] = index;
        index = parent;
    }
}

// ---- entities ----

static void count_upwards(tl_tiles *tiles, int32_t index, int difference)
{
    for (; index != TL_NONE; index = tiles->at[index].parent) {
        tl_tile *tile = &tiles->at[index];
        if (tile->entity_count == 0) { // it may have existed only for its stream
            tile->inhabited_version = ++tiles->shape_version;
        }
        TL_ASSERT(difference > 0 || tile->entity_count > 0);
        tile->entity_count += (uint32_t)difference;
    }
}

void tl_tiles_add_entity(tl_tiles *tiles, int32_t index, int32_t entity)
{
    tl_entity *entities = tiles->mirror->entities, *e = &entities[entity];
    tl_tile *tile = &tiles->at[index];
    TL_ASSERT(tile->used && tile->size == 0 && e->tile == TL_NONE);
    e->tile = index;
    e->tile_prev = TL_NONE;
    e->tile_next = tile->entity_first;
    if (e->tile_next != TL_NONE) {
        entities[e->tile_next].tile_prev = entity;
    }
    tile->entity_first = entity;
    count_upwards(tiles, index, 1);
}

void tl_tiles_remove_entity(tl_tiles *tiles, int32_t entity)
{
    tl_entity *entities = tiles->mirror->entities, *e = &entities[entity];
    TL_ASSERT(e->tile != TL_NONE);
    if (e->tile_prev != TL_NONE) {
        entities[e->tile_prev].tile_next = e->tile_next;
    } else {
        tiles->at[e->tile].entity_first = e->tile_next;
    }
    if (e->tile_next != TL_NONE) {
        entities[e->tile_next].tile_prev = e->tile_prev;
    }
    count_upwards(tiles, e->tile, -1);
    e->tile = e->tile_next = e->tile_prev = TL_NONE;
}

// ---- positions ----

void tl_tile_bounds(const tl_tile *tile, double low[3], double high[3])
{
    double width = tl_level_tile_m(tile->size);
    int32_t edge = TL_TILE_EDGE >> tile->size;
    const int32_t at[3] = {tile->x, tile->y, tile->z};
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = at[axis] == -edge ? -INFINITY : at[axis] * width;
        high[axis] = at[axis] == edge - 1 ? INFINITY : (at[axis] + 1) * width;
    }
}

double tl_tile_distance_m(const tl_tile *tile, tl_vec3 point)
{
    double low[3], high[3], distance2 = 0;
    const double at[3] = {point.x, point.y, point.z};
    tl_tile_bounds(tile, low, high);
    for (int axis = 0; axis < 3; axis++) {
        double outside = 0;
        if (at[axis] < low[axis]) {
            outside = low[axis] - at[axis];
        } else if (at[axis] > high[axis]) {
            outside = at[axis] - high[axis];
        }
        distance2 += outside * outside;
    }
    return sqrt(distance2);
}

tl_origin tl_tile_origin(const tl_tile *tile)
{
    int64_t width = (int64_t)1 << (TL_TILE_SHIFT + tile->size);
    return (tl_origin){tile->x * width, tile->y * width, tile->z * width};
}

void tl_tiles_validate(const tl_tiles *tiles)
{
    const tl_entity *entities = tiles->mirror->entities;
    uint32_t members = 0;
    for (uint32_t i = 0; i < tiles->top; i++) {
        const tl_tile *tile = &tiles->at[i];
        if (!tile->used) {
            continue;
        }
        uint32_t below = 0;
        for (int32_t c = tile->child_first; c != TL_NONE; c = tiles->at[c].sibling_next) {
            TL_ASSERT(tiles->at[c].parent == (int32_t)i);
            below += tiles->at[c].entity_count;
        }
        for (int32_t e = tile->entity_first; e != TL_NONE; e = entities[e].tile_next) {
            TL_ASSERT(entities[e].tile == (int32_t)i);
            below++, members++;
        }
        TL_ASSERT(below == tile->entity_count);
    }
    for (int32_t i = 0; i < tiles->mirror->entity_top; i++) {
        const tl_entity *e = &entities[i];
        if (!e->used || !e->live || e->tile == TL_NONE) {
            continue;
        }
        members--;
        int32_t root = tl_mirror_root(tiles->mirror, i);
        TL_ASSERT(root != TL_NONE && entities[root].tile == e->tile);
    }
    TL_ASSERT(members == 0);
}
