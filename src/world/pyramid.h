// The pyramid: the world in tiles of several sizes, published as streams that clients subscribe to. Once a tick it
// processes the mirror's changes: entities move between tiles, and segments that no longer hold are replaced.
#ifndef TRAMLINE_WORLD_PYRAMID_H
#define TRAMLINE_WORLD_PYRAMID_H

#include "world/publish.h"
#include "world/stream_setup.h"

typedef struct tl_pyramid {
    tl_mirror *mirror;
    tl_tiles tiles;
    tl_wheel wheel;
    tl_streams streams;
    // Some entities found no tile: they are searched for, from `placeless_at` on; once more if others found none
    // meanwhile.
    bool placeless, placeless_again;
    int32_t placeless_at;
} tl_pyramid;

size_t tl_pyramid_bytes(uint32_t tiles_max);
// The pyramid must not be moved in memory after that.
tl_result tl_pyramid_init(tl_pyramid *p, tl_heap *heap, tl_mirror *mirror, int size_count, uint32_t tiles_max);
// Processes the mirror's changes of its tick.
void tl_pyramid_tick(tl_pyramid *p, int64_t tick);
void tl_pyramid_validate(const tl_pyramid *p);

#endif
