// Tiles: the world divided into cubes of several sizes, like mip-maps.
//
// Tiles of size S are cubes of 64 m * 2^S; each entity is in one tile per size: that of its outermost carrier. Tiles
// nest, so any cut through the tree of tiles shows each entity once. Only tiles that contain entities or have streams
// exist.
#ifndef TRAMLINE_WORLD_TILES_H
#define TRAMLINE_WORLD_TILES_H

#include "world/mirror.h"

// A tile has two streams: one with the tolerance of the level for its size, and a coarser one.
enum { TL_STREAMS_OF_TILE = 2 };

typedef struct tl_tile {
    int32_t x, y, z; // in units of its size
    int32_t parent, child_first, sibling_next, sibling_prev;
    int32_t entity_first;                // only in tiles of size 0
    uint32_t entity_count;               // including all tiles below
    int32_t streams[TL_STREAMS_OF_TILE]; // of level `size` and of `size` + 1
    uint32_t inhabited_version;          // shape_version when its first entity came
    uint8_t size;
    bool used;
} tl_tile;

typedef struct tl_tiles {
    tl_mirror *mirror;
    int size_count;
    tl_tile *at; // by index
    int32_t *free;
    uint32_t count_max, top, free_count;
    tl_map map;             // by size and coordinates
    int32_t root_first;     // tiles of the largest size, by sibling_next
    uint32_t shape_version; // increases when tiles are created or removed
} tl_tiles;

size_t tl_tiles_bytes(uint32_t count_max);
tl_result tl_tiles_init(tl_tiles *tiles, tl_heap *heap, tl_mirror *mirror, int size_count, uint32_t count_max);
// Returns the smallest tile at a position; creates it and its parents if necessary. TL_NONE: the limit was reached.
int32_t tl_tiles_make(tl_tiles *tiles, tl_vec3 position);
// Whether enough tiles are left for tl_tiles_make() to succeed.
bool tl_tiles_have_space(const tl_tiles *tiles);
// Frees a tile that holds nothing, and its parents that then hold nothing.
void tl_tiles_free_empty(tl_tiles *tiles, int32_t tile);
// Adds an entity to a tile of size 0, or removes it.
void tl_tiles_add_entity(tl_tiles *tiles, int32_t tile, int32_t entity);
void tl_tiles_remove_entity(tl_tiles *tiles, int32_t entity);

// The tile's bounds on each axis. Tiles at the edge of the world extend without limit.
void tl_tile_bounds(const tl_tile *tile, double low[3], double high[3]);
// The distance from a point to a tile; 0 inside.
double tl_tile_distance_m(const tl_tile *tile, tl_vec3 point);
tl_origin tl_tile_origin(const tl_tile *tile);
void tl_tiles_validate(const tl_tiles *tiles);

#endif
