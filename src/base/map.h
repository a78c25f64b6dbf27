// A hash map from 64-bit keys (never 0) to 32-bit values: open addressing, linear probing, backward-shift deletion. Its
// capacity is fixed at twice the limit that is passed at creation.
#ifndef TRAMLINE_BASE_MAP_H
#define TRAMLINE_BASE_MAP_H

#include "base/heap.h"

typedef struct tl_map_entry {
    uint64_t key;
    uint32_t value;
} tl_map_entry;

typedef struct tl_map {
    tl_map_entry *entries;
    uint32_t mask, count, count_max;
} tl_map;

static inline bool tl_map_init(tl_map *map, tl_heap *heap, uint32_t count_max)
{
    uint32_t capacity = 16;
    while (capacity < count_max * 2ull && capacity < 0x80000000u) {
        capacity *= 2;
    }
    map->entries = tl_heap_alloc(heap, (size_t)capacity * sizeof *map->entries);
    map->mask = capacity - 1;
    map->count = 0;
    map->count_max = count_max;
    return map->entries != NULL;
}

static inline size_t tl_map_bytes(uint32_t count_max)
{
    size_t capacity = 16;
    while (capacity < count_max * 2ull) {
        capacity *= 2;
    }
    return capacity * sizeof(tl_map_entry) * 5 / 4; // the heap's classes round up
}

// Returns NULL if the key is absent; key 0 always is. The pointer is valid until the next put or remove.
static inline uint32_t *tl_map_find(const tl_map *map, uint64_t key)
{
    for (uint32_t i = (uint32_t)tl_mix(key) & map->mask;; i = (i + 1) & map->mask) {
        if (map->entries[i].key == 0) {
            return NULL;
        }
        if (map->entries[i].key == key) {
            return &map->entries[i].value;
        }
    }
}

// Prefetches the entry of a key that will be looked up soon.
static inline void tl_map_prefetch(const tl_map *map, uint64_t key)
{
    __builtin_prefetch(&map->entries[(uint32_t)tl_mix(key) & map->mask]);
}

// Returns false if the map is full. The key must be absent.
static inline bool tl_map_put(tl_map *map, uint64_t key, uint32_t value)
{
    TL_ASSERT(key != 0);
    if (map->count >= map->count_max) {
        return false;
    }
    uint32_t i = (uint32_t)tl_mix(key) & map->mask;
    for (; map->entries[i].key != 0; i = (i + 1) & map->mask) {
        TL_ASSERT(map->entries[i].key != key);
    }
    map->entries[i] = (tl_map_entry){key, value};
    map->count++;
    return true;
}

static inline void tl_map_remove(tl_map *map, uint64_t key)
{
    uint32_t i = (uint32_t)tl_mix(key) & map->mask;
    for (; map->entries[i].key != key; i = (i + 1) & map->mask) {
        if (map->entries[i].key == 0) {
            return;
        }
    }
    for (uint32_t j = (i + 1) & map->mask; map->entries[j].key != 0; j = (j + 1) & map->mask) {
        uint32_t home = (uint32_t)tl_mix(map->entries[j].key) & map->mask;
        if (((j - home) & map->mask) >= ((j - i) & map->mask)) {
            map->entries[i] = map->entries[j];
            i = j;
        }
    }
    map->entries[i].key = 0;
    map->count--;
}

#endif
