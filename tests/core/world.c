#include "world.h"

#include "regroup.h"

#include <math.h>

void world_kinds(tl_kinds *kinds)
{
    tl_kind_def defs[WORLD_KINDS];
    defs[WORLD_WALKER] = tl_kind_def_default("walker");
    defs[WORLD_WALKER].fields[defs[WORLD_WALKER].field_count++] = tl_field_def_default("rotation", TL_FIELD_ROTATION,
                                                                                       TL_PREDICT_HEADING);
    defs[WORLD_BODY] = tl_kind_def_default("body");
    defs[WORLD_BODY].fields[1] = tl_field_def_default("rotation", TL_FIELD_ROTATION, TL_PREDICT_LINEAR);
    defs[WORLD_BODY].fields[2] = tl_field_def_default("charge", TL_FIELD_SCALAR, TL_PREDICT_LINEAR);
    for (int level = 1; level < TL_LEVELS_MAX; level++) {
        defs[WORLD_BODY].fields[2].tolerance_level[level] = 0.01 * (1 << level);
    }
    defs[WORLD_BODY].fields[3] = tl_field_def_default("score", TL_FIELD_INTEGER, TL_PREDICT_HOLD);
    defs[WORLD_BODY].field_count = 4;
    defs[WORLD_CABIN] = tl_kind_def_default("cabin");
    defs[WORLD_CABIN].fields[1] = tl_field_def_default("rotation", TL_FIELD_ROTATION, TL_PREDICT_HOLD);
    defs[WORLD_CABIN].field_count = 2;
    defs[WORLD_CABIN].carrier_reach_m = 10;
    defs[WORLD_SIGN] = tl_kind_def_default("sign");
    defs[WORLD_SIGN].fields[0].predictor = TL_PREDICT_HOLD;
    defs[WORLD_SIGN].fields[1] = tl_field_def_default("text", TL_FIELD_BYTES, TL_PREDICT_HOLD);
    defs[WORLD_SIGN].fields[1].bytes_max = 21;
    defs[WORLD_SIGN].fields[1].level_last = 1;
    defs[WORLD_SIGN].fields[2] = tl_field_def_default("light", TL_FIELD_SCALAR, TL_PREDICT_HOLD);
    defs[WORLD_SIGN].field_count = 3;
    defs[WORLD_SIGN].level_last = 2;
    char text[256];
    CHECK(tl_kinds_init(kinds, defs, WORLD_KINDS, 20, text, sizeof text) == TL_OK);
}

world *world_create(uint32_t entities_max, int levels, uint64_t seed)
{
    world *w = calloc(1, sizeof *w);
    size_t bytes = tl_mirror_bytes(entities_max, 64) + (size_t)entities_max * 16384 + tl_pyramid_bytes(20000) +
                   (8u << 20);
    w->memory = calloc(1, bytes);
    CHECK(w->memory);
    tl_heap_init(&w->heap, w->memory, bytes);
    world_kinds(&w->kinds);
    CHECK(tl_mirror_init(&w->mirror, &w->heap, &w->kinds, entities_max, 64) == TL_OK);
    if (levels) {
        CHECK(tl_pyramid_init(&w->pyramid, &w->heap, &w->mirror, levels, 20000) == TL_OK);
    }
    w->has_pyramid = levels > 0;
    w->random = seed;
    w->tick = -1;
    w->width_m = 1000;
    w->count_wanted = entities_max / 2;
    w->change = 0.1;
    w->capacity = entities_max;
    w->entities = calloc(entities_max, sizeof *w->entities);
    w->record = malloc(WORLD_RECORD_BYTES_MAX);
    return w;
}

void world_destroy(world *w)
{
    free(w->entities);
    free(w->record);
    free(w->memory);
    free(w);
}

static double between(world *w, double low, double high)
{
    return check_random_between(&w->random, low, high);
}

static tl_quat random_rotation(world *w)
{
    return tl_quat_from_vector((tl_vec3){between(w, -2, 2), between(w, -2, 2), between(w, -2, 2)});
}

void world_random_words(world *w, int kind_number, bool carried, int64_t *words)
{
    const tl_kind *kind = &w->kinds.kinds[kind_number];
    double width = carried ? 5 : w->width_m, speed = carried ? 0.5 : check_random(&w->random) % 8 ? 3 : 60;
    static const char text[] = "the tram at platform two";
    memset(words, 0, (size_t)kind->word_count * sizeof *words);
    for (int i = 0; i < kind->field_count; i++) {
        tl_value v = {.rotation = {0, 0, 0, 1}};
        v.position = (tl_vec3){between(w, -width, width), between(w, -5, 5), between(w, -width, width)};
        if (!carried && i == 0) {
            v.position = tl_vec3_add(v.position, w->centre);
        }
        bool moves = check_random(&w->random) % 3 != 0;
        if (moves) {
            v.velocity = (tl_vec3){between(w, -speed, speed), between(w, -0.1, 0.1), between(w, -speed, speed)};
        }
        v.rotation = kind->fields[i].predictor == TL_PREDICT_HEADING && moves && check_random(&w->random) % 4
                         ? tl_heading(tl_velocity_of(words, kind->fields[0].shift[0], &w->kinds))
                         : random_rotation(w);
        v.spin = (tl_vec3){between(w, -2, 2), between(w, -2, 2), between(w, -2, 2)};
        v.scalar = between(w, -100, 100);
        v.rate = moves ? between(w, -1, 1) : 0;
        v.integer = (int64_t)(check_random(&w->random) >> (check_random(&w->random) % 64));
        v.bytes = text;
        v.size = (size_t)(check_random(&w->random) % 22);
        tl_value_set(words, kind, i, &w->kinds, w->tick + 1, &v);
    }
}

// ---- the history ----

static tl_group_id group_id(uint64_t number)
{
    return (uint64_t)1 << 48 | (number % WORLD_GROUPS + 1);
}

static tl_entity stub(const world_entity *e)
{
    return (tl_entity){.id = e->id, .kind = (uint8_t)e->kind};
}

static tl_entity_id random_carrier(world *w)
{
    if (w->count == 0 || check_random(&w->random) % 2) {
        return 0;
    }
    for (int tries = 0; tries < 20; tries++) {
        const world_entity *e = &w->entities[check_random(&w->random) % w->count];
        if (e->kind == WORLD_CABIN && e->carrier == 0) {
            return e->id;
        }
    }
    return 0;
}

static void write_create(world *w, tl_record_writer *r)
{
    int64_t words[TL_STATE_WORDS_MAX];
    world_entity *e = &w->entities[w->count];
    int kind = (int)(check_random(&w->random) % WORLD_KINDS);
    *e = (world_entity){.id = (uint64_t)(1 + check_random(&w->random) % 2) << 48 | ++w->next_id,
                        .kind = kind,
                        .group = group_id(check_random(&w->random))};
    e->carrier = kind == WORLD_CABIN ? 0 : random_carrier(w);
    world_random_words(w, kind, e->carrier != 0, words);
    tl_entity s = stub(e);
    tl_record_create(r, &s, e->group, e->carrier, words);
    w->count++;
}

static void set_down_riders(world *w, tl_record_writer *r, tl_entity_id carrier)
{
    int64_t words[TL_STATE_WORDS_MAX];
    for (uint32_t i = 0; i < w->count; i++) {
        world_entity *e = &w->entities[i];
        if (e->carrier != carrier) {
            continue;
        }
        e->carrier = 0;
        if (!w->set_down_told) {
            continue;
        }
        tl_entity s = stub(e);
        world_random_words(w, e->kind, false, words);
        tl_record_carrier(r, &s, 0, words);
    }
}

static void write_change(world *w, tl_record_writer *r, uint32_t index)
{
    int64_t words[TL_STATE_WORDS_MAX];
    world_entity *e = &w->entities[index];
    tl_entity s = stub(e);
    uint64_t what = check_random(&w->random) % 20;
    if (what == 0) {
        tl_record_delete(r, e->id);
        set_down_riders(w, r, e->id);
        *e = w->entities[--w->count];
    } else if (what == 1 && !w->groups_fixed) {
        e->group = group_id(check_random(&w->random));
        world_random_words(w, e->kind, e->carrier != 0, words);
        write_regroup(r, &s, e->group, e->carrier, words);
    } else if (what <= 3 && e->kind != WORLD_CABIN) {
        e->carrier = random_carrier(w);
        world_random_words(w, e->kind, e->carrier != 0, words);
        tl_record_carrier(r, &s, e->carrier, words);
    } else {
        uint32_t all = tl_fields_all(&w->kinds.kinds[e->kind]), fields = (uint32_t)check_random(&w->random) & all;
        world_random_words(w, e->kind, e->carrier != 0, words);
        tl_record_update(r, &s, fields ? fields : all, words);
    }
}

void world_write_record(world *w)
{
    tl_record_writer r;
    tl_record_begin(&r, &w->kinds, w->tick + 1, w->record, WORLD_RECORD_BYTES_MAX);
    if (w->mirror.group_map.count == 0) {
        for (uint64_t i = 0; i < WORLD_GROUPS; i++) {
            tl_record_group(&r, group_id(i), 1);
        }
    }
    uint32_t creates = w->count < w->count_wanted ? w->count_wanted - w->count : 0,
             changes = (uint32_t)ceil(w->count * w->change);
    if (creates > 200) {
        creates = 200;
    }
    if (creates > w->capacity - w->count) {
        creates = w->capacity - w->count;
    }
    for (uint32_t i = 0; i < creates; i++) {
        write_create(w, &r);
    }
    for (uint32_t i = 0; i < changes && w->count; i++) {
        write_change(w, &r, (uint32_t)(check_random(&w->random) % w->count));
    }
    CHECK(!r.w.bad);
    w->record_size = r.w.size;
}

void world_apply(world *w, const void *data, size_t size)
{
    w->tick++;
    w->mirror.tick = w->tick;
    CHECK_EQUAL(tl_record_apply(&w->mirror, 1, w->tick, data, size, false, NULL), TL_OK);
    tl_mirror_resolve(&w->mirror);
    if (w->has_pyramid) {
        tl_pyramid_tick(&w->pyramid, w->tick);
    }
    tl_mirror_settle(&w->mirror);
}

void world_step(world *w)
{
    world_write_record(w);
    world_apply(w, w->record, w->record_size);
}

// ---- comparing ----

uint64_t world_hash(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    }
    return hash ^ hash >> 29;
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
    return world_hash(hash, &number, sizeof number);
}

uint64_t world_mirror_hash(const tl_mirror *m)
{
    uint64_t hash = hash_number(hash_number(0xcbf29ce484222325u, m->live_count), m->changed_count);
    for (int32_t i = 0; i < m->entity_top; i++) {
        const tl_entity *e = &m->entities[i];
        hash = hash_number(hash, (uint64_t)e->used);
        if (!e->used) {
            continue;
        }
        hash = hash_number(hash_number(hash_number(hash, e->id), e->carrier_id),
                           (uint64_t)e->kind | (uint64_t)e->changes << 8 | (uint64_t)e->live << 16);
        hash = hash_number(hash_number(hash_number(hash, (uint64_t)e->group), (uint64_t)e->group_next),
                           (uint64_t)e->carrier);
        hash = hash_number(hash_number(hash, (uint64_t)e->rider_first), (uint64_t)e->rider_next);
        hash = world_hash(hash, e->state, (size_t)m->kinds->kinds[e->kind].word_count * sizeof *e->state);
    }
    for (int32_t i = 0; i < m->group_top; i++) {
        const tl_group *g = &m->groups[i];
        hash = hash_number(hash, (uint64_t)g->used);
        if (!g->used) {
            continue;
        }
        hash = hash_number(hash_number(hash_number(hash, g->id), g->owner), (uint64_t)g->entity_count);
        hash = hash_number(hash_number(hash_number(hash, (uint64_t)g->changed_tick), (uint64_t)g->checkpoint_tick),
                           g->live);
    }
    hash = world_hash(hash, m->changed, m->changed_count * sizeof *m->changed);
    return world_hash(hash, m->unresolved, m->unresolved_count * sizeof *m->unresolved);
}

// ---- damage ----

size_t world_mutate(uint64_t *random, unsigned char *data, size_t size, size_t capacity)
{
    int times = 1 + (int)(check_random(random) % 3);
    for (int i = 0; i < times; i++) {
        size_t at = size ? (size_t)(check_random(random) % size) : 0;
        switch (check_random(random) % 6) {
        case 0:
            if (size) {
                data[at] ^= (unsigned char)(1u << (check_random(random) % 8));
            }
            break;
        case 1:
            if (size) {
                data[at] = (unsigned char)check_random(random);
            }
            break;
        case 2:
            if (size) {
                data[at] = (unsigned char)(check_random(random) % 2 ? 0xff : 0x80);
            }
            break;
        case 3: size = at; break;
        case 4: // a piece is left out
            if (size > at + 1) {
                size_t gap = 1 + (size_t)(check_random(random) % (size - at - 1));
                if (gap > 16) {
                    gap = 16;
                }
                memmove(data + at, data + at + gap, size - at - gap);
                size -= gap;
            }
            break;
        default: // more follows
            while (size < capacity && check_random(random) % 8) {
                data[size++] = (unsigned char)check_random(random);
            }
        }
    }
    return size;
}
