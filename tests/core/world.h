// A random world for the core's tests: a few kinds that have every sort of field, and a history of tick records that
// create, move, board, regroup and delete. The same seed gives the same history.
#ifndef TRAMLINE_TESTS_CORE_WORLD_H
#define TRAMLINE_TESTS_CORE_WORLD_H

#include "check.h"
#include "motion/values.h"
#include "world/checkpoint.h"
#include "world/pyramid.h"

enum {
    WORLD_WALKER,
    WORLD_BODY,
    WORLD_CABIN,
    WORLD_SIGN,
    WORLD_KINDS,
    WORLD_GROUPS = 6,
    WORLD_RECORD_BYTES_MAX = 1 << 20
};

typedef struct world_entity { // as the history has it: the naive model
    tl_entity_id id, carrier;
    tl_group_id group;
    int kind;
} world_entity;

typedef struct world {
    tl_kinds kinds;
    void *memory;
    tl_heap heap;
    tl_mirror mirror;
    tl_pyramid pyramid;
    bool has_pyramid;
    uint64_t random;
    int64_t tick;
    double width_m; // entities are within so far of the centre
    tl_vec3 centre;
    uint32_t count_wanted; // entities
    double change;         // part of them that change in a tick
    bool groups_fixed;     // entities stay in their groups
    bool set_down_told;    // the owner says where riders of deleted carriers are, as servers do
    world_entity *entities;
    uint32_t count, capacity;
    uint64_t next_id;
    unsigned char *record;
    size_t record_size;
} world;

void world_kinds(tl_kinds *kinds);
// levels 0: a mirror without a pyramid.
world *world_create(uint32_t entities_max, int levels, uint64_t seed);
void world_destroy(world *w);
// Makes the record of the next tick, without applying it.
void world_write_record(world *w);
// Makes the next tick's record and applies it: mirror, pyramid; the list of changes is emptied.
void world_step(world *w);
// The same with a record of the caller's, for tick w->tick + 1.
void world_apply(world *w, const void *data, size_t size);
// Random values within the kinds' limits, as words.
void world_random_words(world *w, int kind, bool carried, int64_t *words);
// Of all that a mirror shows: entities, groups, links, lists.
uint64_t world_mirror_hash(const tl_mirror *m);
uint64_t world_hash(uint64_t hash, const void *data, size_t size);

// Damages bytes in one of the ways that bytes get damaged. Gives the new size; there is room for `capacity`.
size_t world_mutate(uint64_t *random, unsigned char *data, size_t size, size_t capacity);

#endif
