// A small map from ids to numbers; ids are never 0.
#ifndef GODOT_IDMAP_H
#define GODOT_IDMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct idmap_entry {
    uint64_t key, value;
} idmap_entry;

enum { IDMAP_FIRST = 64 }; // capacity at first

typedef struct idmap {
    idmap_entry *entries; // a power of two, at most half full
    uint32_t capacity, count;
} idmap;

static inline uint32_t idmap_place(const idmap *m, uint64_t key)
{
    uint64_t z = key * 0x9e3779b97f4a7c15u;
    uint32_t at = (uint32_t)(z >> 32) & (m->capacity - 1);
    while (m->entries[at].key && m->entries[at].key != key) {
        at = (at + 1) & (m->capacity - 1);
    }
    return at;
}

static inline uint64_t idmap_get(const idmap *m, uint64_t key) // 0: not there
{
    return m->count ? m->entries[idmap_place(m, key)].value : 0;
}

static inline bool idmap_grow(idmap *m)
{
    idmap larger = {.capacity = m->capacity ? 2 * m->capacity : IDMAP_FIRST, .count = m->count};
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (!larger.entries) {
        return false;
    }
    for (uint32_t i = 0; i < m->capacity; i++) {
        if (m->entries[i].key) {
            larger.entries[idmap_place(&larger, m->entries[i].key)] = m->entries[i];
        }
    }
    free(m->entries);
    *m = larger;
    return true;
}

static inline bool idmap_put(idmap *m, uint64_t key, uint64_t value)
{
    if (2 * (m->count + 1) > m->capacity && !idmap_grow(m)) {
        return false;
    }
    idmap_entry *entry = &m->entries[idmap_place(m, key)];
    m->count += entry->key == 0;
    *entry = (idmap_entry){key, value};
    return true;
}

static inline void idmap_remove(idmap *m, uint64_t key)
{
    uint32_t hole = m->count ? idmap_place(m, key) : 0;
    if (!m->count || !m->entries[hole].key) {
        return;
    }
    m->entries[hole] = (idmap_entry){0};
    m->count--;
    for (uint32_t at = (hole + 1) & (m->capacity - 1); m->entries[at].key;
         at = (at + 1) & (m->capacity - 1)) { // close the gap
        idmap_entry entry = m->entries[at];
        m->entries[at] = (idmap_entry){0};
        m->entries[idmap_place(m, entry.key)] = entry;
    }
}

static inline void idmap_free(idmap *m)
{
    free(m->entries);
    *m = (idmap){0};
}

#endif
