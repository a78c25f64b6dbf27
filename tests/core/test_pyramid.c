// The pyramid over a random world: tiles nest and part the world, streams show it within their tolerance.
#include "check.h"
#include "world.h"
#include "world/stream.h"

enum { SIZES = 6, HELD_MAX = 64 };

typedef struct held { // streams that somebody has subscribed to
    int32_t streams[HELD_MAX];
    int count;
} held;

static world *begin(uint64_t seed)
{
    world *w = world_create(600, SIZES, seed);
    w->width_m = 500;
    return w;
}

static int32_t random_tile(world *w)
{
    for (int tries = 0; tries < 1000; tries++) {
        int32_t tile = (int32_t)(check_random(&w->random) % w->pyramid.tiles.top);
        if (w->pyramid.tiles.at[tile].used) {
            return tile;
        }
    }
    return TL_NONE;
}

static void subscribe(world *w, held *h)
{
    if (h->count < HELD_MAX && check_random(&w->random) % 2) {
        int32_t tile = random_tile(w);
        if (tile == TL_NONE) {
            return;
        }
        int coarser = (int)(check_random(&w->random) % 2);
        int32_t stream = tl_stream_acquire(&w->pyramid.streams, tile, coarser);
        CHECK(stream != TL_NONE && w->pyramid.tiles.at[tile].streams[coarser] == stream);
        h->streams[h->count++] = stream;
    } else if (h->count && check_random(&w->random) % 2) {
        int at = (int)(check_random(&w->random) % (uint64_t)h->count);
        tl_stream_release(&w->pyramid.streams, h->streams[at]);
        h->streams[at] = h->streams[--h->count];
    }
}

// Who is in a tile, by climbing from each entity, as the tiles' arithmetic says: not by the lists.
static bool is_below(const tl_pyramid *p, int32_t tile, int32_t above)
{
    while (tile != TL_NONE && tile != above) {
        tile = p->tiles.at[tile].parent;
    }
    return tile == above;
}

static double place_error(const world *w, const tl_stream *s, const tl_slot *slot)
{
    const tl_entity *e = &w->mirror.entities[slot->entity];
    const tl_field *place = &w->kinds.kinds[e->kind].fields[0];
    tl_vec3 a = tl_position_at(e->state, place->shift[0], &w->kinds, (double)w->tick),
            b = tl_position_at(slot->state, place->shift[s->level], &w->kinds, (double)w->tick);
    if (e->carrier_id == 0) {
        b.x += (double)s->origin.x_m, b.y += (double)s->origin.y_m, b.z += (double)s->origin.z_m;
    }
    return tl_vec3_length(tl_vec3_sub(a, b));
}

static void check_stream(const world *w, int32_t index)
{
    const tl_pyramid *p = &w->pyramid;
    const tl_stream *s = &p->streams.at[index];
    uint32_t used = 0, expected = 0;
    for (uint32_t i = 0; i < s->slot_top; i++) {
        const tl_slot *slot = &s->slots[i];
        if (!slot->used) {
            continue;
        }
        used++;
        const tl_entity *e = &w->mirror.entities[slot->entity];
        const tl_kind *kind = &w->kinds.kinds[e->kind];
        CHECK(e->live && e->id == slot->id && e->carrier_id == slot->carrier_id && e->kind == slot->kind &&
              is_below(p, e->tile, s->tile));
        CHECK(s->level <= kind->level_last);
        CHECK(tl_state_valid(kind, &w->kinds, slot->state, s->level, w->tick));
        const tl_field *place = &kind->fields[0];
        double share = tl_tolerance_share(kind, e->carrier_id != 0);
        double limit = fmax(share * (place->tolerance[s->level] - place->tolerance[0]),
                            ldexp(1, -place->shift[s->level]));
        if (!tl_stream_has_its_turn(&p->streams, index, w->tick)) {
            continue; // what does not hold waits for it
        }
        CHECK(place_error(w, s, slot) <= limit * 1.001);
        for (int f = 1; f < kind->field_count; f++) { // what is exact is so at once
            if (kind->fields[f].type >= TL_FIELD_INTEGER && tl_field_at(&kind->fields[f], s->level)) {
                CHECK(memcmp(slot->state + kind->fields[f].word, e->state + kind->fields[f].word,
                             (size_t)kind->fields[f].word_count * 8) == 0);
            }
        }
    }
    for (int32_t i = 0; i < w->mirror.entity_top; i++) {
        const tl_entity *e = &w->mirror.entities[i];
        expected += e->used && e->live && e->tile != TL_NONE && is_below(p, e->tile, s->tile) &&
                    w->kinds.kinds[e->kind].level_last >= s->level;
    }
    CHECK_EQUAL(used, expected);
}

// A cut through the tree: each tile is either taken whole, or its children are gone through.
static void take_cut(world *w, int32_t tile, uint8_t *seen)
{
    const tl_pyramid *p = &w->pyramid;
    if (p->tiles.at[tile].child_first != TL_NONE && check_random(&w->random) % 3) {
        for (int32_t c = p->tiles.at[tile].child_first; c != TL_NONE; c = p->tiles.at[c].sibling_next) {
            CHECK(p->tiles.at[c].parent == tile && p->tiles.at[c].size + 1 == p->tiles.at[tile].size);
            CHECK(p->tiles.at[c].x >> 1 == p->tiles.at[tile].x && p->tiles.at[c].y >> 1 == p->tiles.at[tile].y &&
                  p->tiles.at[c].z >> 1 == p->tiles.at[tile].z);
            take_cut(w, c, seen);
        }
        return;
    }
    uint32_t count = 0;
    for (int32_t i = 0; i < w->mirror.entity_top; i++) {
        const tl_entity *e = &w->mirror.entities[i];
        if (!e->used || !e->live || !is_below(p, e->tile, tile)) {
            continue;
        }
        seen[i]++;
        count++;
    }
    CHECK_EQUAL(count, p->tiles.at[tile].entity_count);
}

static void check_partition(world *w)
{
    static uint8_t seen[1024];
    memset(seen, 0, sizeof seen);
    for (int32_t root = w->pyramid.tiles.root_first; root != TL_NONE; root = w->pyramid.tiles.at[root].sibling_next) {
        take_cut(w, root, seen);
    }
    for (int32_t i = 0; i < w->mirror.entity_top; i++) {
        const tl_entity *e = &w->mirror.entities[i];
        if (!e->used || !e->live) {
            continue;
        }
        CHECK_EQUAL(seen[i], tl_mirror_root(&w->mirror, i) != TL_NONE);
    }
}

// Everybody is in the tile of the outermost carrier's place, but for the margin.
static void check_places(const world *w)
{
    for (int32_t i = 0; i < w->mirror.entity_top; i++) {
        const tl_entity *e = &w->mirror.entities[i];
        if (!e->used || !e->live || e->tile == TL_NONE) {
            continue;
        }
        tl_vec3 position;
        tl_quat rotation;
        CHECK(tl_mirror_pose(&w->mirror, tl_mirror_root(&w->mirror, i), (double)w->tick, &position, &rotation));
        const tl_entity *root = &w->mirror.entities[tl_mirror_root(&w->mirror, i)];
        double speed = tl_vec3_length(
            tl_velocity_of(root->state, w->kinds.kinds[root->kind].fields[0].shift[0], &w->kinds));
        // it is looked at in whole ticks
        CHECK(tl_tile_distance_m(&w->pyramid.tiles.at[e->tile], position) <= 1.01 + speed / 20);
    }
}

static void live(uint64_t seed, double centre, int jump)
{
    world *w = begin(seed);
    held h = {.count = 0};
    w->centre = (tl_vec3){centre, 0, -centre};
    for (int step = 0; step < 300; step++) {
        if (jump && check_random(&w->random) % 10 == 0) {
            w->tick += (int64_t)(check_random(&w->random) % (uint64_t)jump);
        }
        w->change = step % 3 ? 0.05 : 0;
        if (step == 200) {
            w->count_wanted = 50; // and fewer
        }
        world_step(w);
        tl_mirror_validate(&w->mirror);
        tl_pyramid_validate(&w->pyramid);
        for (int i = 0; i < 3; i++) {
            subscribe(w, &h);
        }
        if (step % 4 == 0) {
            check_partition(w);
            check_places(w);
            for (int i = 0; i < h.count; i++) {
                check_stream(w, h.streams[i]);
            }
        }
    }
    CHECK_EQUAL(w->pyramid.streams.full_count, 0);
    while (h.count) {
        tl_stream_release(&w->pyramid.streams, h.streams[--h.count]);
    }
    w->change = 0;
    w->count_wanted = 0;
    for (int i = 0; i < TL_STREAM_LINGER_TICKS + 20; i++) {
        world_step(w);
    }
    for (uint32_t i = 0; i < w->pyramid.streams.top; i++) {
        CHECK(!w->pyramid.streams.at[i].used);
    }
    world_destroy(w);
}

TEST(the_world_is_parted_and_shown)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        live(seed, 0, 0);
    }
}

TEST(far_from_the_origin_too)
{
    live(11, 1e7, 0);
}

TEST(jumps_of_the_tick_pass_over_nothing)
{
    live(21, 0, 50);
    live(22, 0, 5000); // more than a turn of the wheel
}

TEST(an_empty_world_has_no_tiles)
{
    world *w = begin(5);
    for (int i = 0; i < 20; i++) {
        world_step(w);
    }
    CHECK(w->pyramid.tiles.root_first != TL_NONE);
    static unsigned char data[1024];
    tl_record_writer r;
    tl_record_begin(&r, &w->kinds, w->tick + 1, data, sizeof data);
    for (uint64_t g = 1; g <= WORLD_GROUPS; g++) {
        tl_record_group_delete(&r, (uint64_t)1 << 48 | g);
    }
    world_apply(w, data, r.w.size);
    tl_pyramid_validate(&w->pyramid);
    CHECK(w->mirror.live_count == 0 && w->pyramid.tiles.root_first == TL_NONE);
    CHECK_EQUAL(w->pyramid.tiles.free_count, w->pyramid.tiles.top);
    world_destroy(w);
}

TEST(no_memory_is_lost)
{
    world *w = begin(6);
    held h = {.count = 0};
    size_t used = 0;
    for (int step = 0; step < 600; step++) {
        for (int i = 0; i < 2; i++) {
            if (step) {
                subscribe(w, &h);
            }
        }
        world_step(w);
        if (step == 300) {
            used = w->heap.used_bytes;
        }
    }
    CHECK(w->heap.used_bytes < used + used / 2);
    world_destroy(w);
}

int main(void)
{
    RUN(the_world_is_parted_and_shown);
    RUN(far_from_the_origin_too);
    RUN(jumps_of_the_tick_pass_over_nothing);
    RUN(an_empty_world_has_no_tiles);
    RUN(no_memory_is_lost);
}
