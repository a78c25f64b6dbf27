// The pyramid: the world in tiles of several sizes, published as streams that clients subscribe to. Once a tick it
// takes in what changed in the mirror: entities move between tiles, and what no longer holds is published anew.
#ifndef TRAMLINE_WORLD_PYRAMID_H
#define TRAMLINE_WORLD_PYRAMID_H

#include "world/publish.h"
#include "world/stream_setup.h"

typedef struct tl_pyramid {
    tl_mirror *mirror;
    tl_tiles tiles;
    tl_wheel wheel;
    tl_streams streams;
    // Some entities found no tile: they are looked for, from `placeless_at` on; once more, for others have met that
    // since.
    bool placeless, placeless_again;
    int32_t placeless_at;
} tl_pyramid;

size_t tl_pyramid_bytes(uint32_t tiles_max);
// It must not be moved after that.
tl_result tl_pyramid_init(tl_pyramid *p, tl_heap *heap, tl_mirror *mirror, int size_count, uint32_t tiles_max);
// Takes in what changed in the mirror at its tick.
void tl_pyramid_tick(tl_pyramid *p, int64_t tick);
void tl_pyramid_validate(const tl_pyramid *p);

#endif
