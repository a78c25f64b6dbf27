// Chunks: from any version in the history to now, split as the size asks for, into a model of the stream's slots.
#include "check.h"
#include "world.h"
#include "world/chunk_cache.h"

enum { SLOTS_MAX = 2048, KEPT = 64 };

typedef struct model_slot {
    bool used;
    tl_entity_id id, carrier;
    int kind;
    int64_t words[40];
} model_slot;

typedef struct model { // what somebody holds who got everything up to a version
    uint32_t version, top;
    model_slot slots[SLOTS_MAX];
} model;

static model kept[KEPT], work;
static tl_chunk_coder coder;

static void copy_stream(const tl_stream *s, const tl_kinds *kinds, model *out)
{
    CHECK(s->slot_top <= SLOTS_MAX);
    memset(out, 0, sizeof *out);
    out->version = s->history.version;
    out->top = s->slot_top;
    for (uint32_t i = 0; i < s->slot_top; i++) {
        const tl_slot *slot = &s->slots[i];
        out->slots[i].used = slot->used;
        if (!slot->used) {
            continue;
        }
        CHECK(kinds->kinds[slot->kind].word_count <= 40);
        out->slots[i].id = slot->id, out->slots[i].carrier = slot->carrier_id, out->slots[i].kind = slot->kind;
        memcpy(out->slots[i].words, slot->state, (size_t)kinds->kinds[slot->kind].word_count * 8);
    }
}

static void apply_op(model *m, const tl_chunk_op *op, const int64_t *words, bool whole)
{
    model_slot *slot = &m->slots[op->slot];
    CHECK(op->type == TL_CHUNK_ENTER || (slot->used && !whole));
    if (op->type == TL_CHUNK_LEAVE || op->type == TL_CHUNK_DELETE) {
        *slot = (model_slot){.used = false};
        return;
    }
    if (op->type == TL_CHUNK_ENTER) {
        *slot = (model_slot){.used = true, .id = op->id, .carrier = op->carrier_id, .kind = op->kind};
    }
    memcpy(slot->words, words, sizeof slot->words);
}

static bool changed(const tl_kinds *kinds, int level, const int64_t *base, int kind)
{
    return tl_chunk_changed(&coder, false,
                            base ? tl_motion_of(&kinds->kinds[kind], kinds, level, base) : TL_MOTION_EMPTY,
                            base ? base[0] : 0);
}

static tl_entity_id near_id(const model *m, const tl_chunk_bytes *chunk)
{
    for (uint32_t i = chunk->begin; chunk->from && i < m->top && i < chunk->end; i++) {
        if (m->slots[i].used) {
            return m->slots[i].id;
        }
    }
    return 0;
}

// Takes one chunk in, as docs/PROTOCOL.md says; nothing but the bytes, the head's facts and the model is used.
static uint32_t take(world *w, const tl_stream *s, const tl_chunk_bytes *chunk, model *m)
{
    bool whole = chunk->from == 0;
    int64_t words[TL_STATE_WORDS_MAX];
    uint32_t ops = 0;
    unsigned char *exact = malloc(chunk->size ? chunk->size : 1);
    memcpy(exact, chunk->data, chunk->size);
    tl_chunk_decoder(&coder, &w->kinds, s->level, s->history.version - chunk->from, whole, s->history.version_tick,
                     near_id(m, chunk), exact, chunk->size);
    uint32_t end = chunk->end;
    if (end == TL_SLOT_END) {
        end = (whole ? chunk->begin : m->top) + tl_chunk_added(&coder, 0);
    }
    CHECK(!coder.codec.bad && end <= SLOTS_MAX);
    if (whole) {
        for (uint32_t i = chunk->begin; i < end; i++) {
            m->slots[i] = (model_slot){.used = false};
        }
    }
    for (uint32_t i = chunk->begin; i < end; i++) {
        const model_slot *slot = &m->slots[i];
        const int64_t *base = slot->used ? slot->words : NULL;
        if (!changed(&w->kinds, s->level, base, slot->kind)) {
            continue;
        }
        memset(words, 0, sizeof words);
        tl_chunk_op op = {.slot = i, .words = words};
        tl_chunk_code(&coder, &op, base, slot->kind);
        CHECK(!coder.codec.bad);
        apply_op(m, &op, words, whole);
        ops++;
    }
    CHECK_EQUAL(ops, chunk->ops);
    free(exact);
    return end;
}

static int take_all(world *w, int32_t stream, uint32_t from, model *m, uint32_t split)
{
    const tl_stream *s = &w->pyramid.streams.at[stream];
    uint32_t begin = 0, end = 0;
    int count = 0;
    for (; begin < TL_SLOT_END && count < 1000; count++) {
        uint32_t limit = split && begin + split < s->slot_top ? begin + split : TL_SLOT_END;
        const tl_chunk_bytes *chunk = tl_chunk_get(&w->pyramid.streams, stream, from, begin, limit);
        CHECK(chunk && chunk->begin == begin && chunk->end > begin && chunk->end <= limit &&
              chunk->size <= TL_CHUNK_BYTES_MAX + 64);
        CHECK(chunk->ops <= TL_CHUNK_OPS_MAX && chunk->words <= TL_CHUNK_WORDS_MAX);
        CHECK(tl_chunk_get(&w->pyramid.streams, stream, from, begin, limit) == chunk); // kept
        end = take(w, s, chunk, m);
        begin = chunk->end;
    }
    m->top = end;
    return count;
}

static void check_same(const world *w, int32_t stream, const model *m)
{
    const tl_stream *s = &w->pyramid.streams.at[stream];
    CHECK(m->top >= s->slot_top || m->top + 64 > s->slot_top);
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        const model_slot *a = &m->slots[i];
        bool used = i < s->slot_top && s->slots[i].used;
        CHECK(a->used == used);
        if (!used) {
            continue;
        }
        const tl_slot *b = &s->slots[i];
        const tl_kind *kind = &w->kinds.kinds[b->kind];
        CHECK(a->id == b->id && a->carrier == b->carrier_id && a->kind == b->kind);
        CHECK(memcmp(a->words, b->state, (size_t)kind->word_count * 8) == 0);
    }
}

static int32_t find_cell(const world *w, int size)
{
    int32_t best = TL_NONE;
    for (uint32_t i = 0; i < w->pyramid.tiles.top; i++) {
        const tl_tile *tile = &w->pyramid.tiles.at[i];
        if (tile->used && tile->size == size &&
            (best == TL_NONE || tile->entity_count > w->pyramid.tiles.at[best].entity_count)) {
            best = (int32_t)i;
        }
    }
    return best;
}

static void follow(uint64_t seed, int size, int coarser, double width_m)
{
    world *w = world_create(1200, 6, seed);
    w->width_m = width_m;
    w->change = 0.04;
    for (int i = 0; i < 10; i++) {
        world_step(w);
    }
    int32_t tile = find_cell(w, size), stream = tl_stream_acquire(&w->pyramid.streams, tile, coarser);
    CHECK(stream != TL_NONE);
    const tl_stream *s = &w->pyramid.streams.at[stream];
    int split_count = 0, steps = 0;
    memset(kept, 0, sizeof kept);
    for (int tick = 0; tick < 150; tick++) {
        world_step(w);
        for (int tries = 0; tries < 4; tries++) {
            const model *from = &kept[check_random(&w->random) % KEPT];
            bool can = from->version && tl_history_reaches(&s->history, from->version);
            uint32_t split = check_random(&w->random) % 3 ? 0 : 1 + (uint32_t)check_random(&w->random) % 200;
            if (can) {
                work = *from;
            } else {
                memset(&work, 0, sizeof work);
            }
            split_count += take_all(w, stream, can ? from->version : 0, &work, split) > 1;
            check_same(w, stream, &work);
            steps += can;
        }
        copy_stream(s, &w->kinds, &kept[s->history.version % KEPT]);
    }
    CHECK(steps > 50 || s->history.version < 20);
    CHECK(split_count > 0);
    tl_stream_release(&w->pyramid.streams, stream);
    world_destroy(w);
}

TEST(chunks_tell_what_changed)
{
    follow(1, 0, 0, 60);
    follow(2, 1, 1, 200);
    follow(3, 3, 0, 500);
    follow(4, 5, 1, 1000);
}

TEST(far_from_the_origin_too)
{
    world *w = world_create(600, 6, 5);
    w->width_m = 300, w->centre = (tl_vec3){1e7, 100, -1e7};
    for (int i = 0; i < 5; i++) {
        world_step(w);
    }
    for (int size = 0; size < 6; size++) {
        int32_t stream = tl_stream_acquire(&w->pyramid.streams, find_cell(w, size), size % 2);
        memset(&work, 0, sizeof work);
        take_all(w, stream, 0, &work, 0);
        check_same(w, stream, &work);
    }
    world_destroy(w);
}

// Any bytes decode to something, and end.
TEST(damaged_chunks_end)
{
    world *w = world_create(300, 6, 6);
    w->width_m = 200;
    for (int i = 0; i < 10; i++) {
        world_step(w);
    }
    int32_t stream = tl_stream_acquire(&w->pyramid.streams, find_cell(w, 3), 0);
    const tl_stream *s = &w->pyramid.streams.at[stream];
    const tl_chunk_bytes *chunk = tl_chunk_get(&w->pyramid.streams, stream, 0, 0, TL_SLOT_END);
    uint64_t random = 7;
    static int64_t words[TL_STATE_WORDS_MAX];
    for (int i = 0; i < 4000; i++) {
        unsigned char damaged[TL_CHUNK_BYTES_MAX + 128];
        memcpy(damaged, chunk->data, chunk->size);
        size_t size = world_mutate(&random, damaged, chunk->size, sizeof damaged);
        unsigned char *exact = malloc(size ? size : 1);
        memcpy(exact, damaged, size);
        tl_chunk_decoder(&coder, &w->kinds, s->level, 1, i % 2, s->history.version_tick, i, exact, size);
        uint32_t count = tl_chunk_added(&coder, 0);
        for (uint32_t k = 0; k < count && k < 500 && !coder.codec.bad; k++) {
            const tl_slot *slot = k < s->slot_top && s->slots[k].used && i % 2 == 0 ? &s->slots[k] : NULL;
            if (!changed(&w->kinds, s->level, slot ? slot->state : NULL, slot ? slot->kind : 0)) {
                continue;
            }
            tl_chunk_op op = {.slot = k, .words = words};
            tl_chunk_code(&coder, &op, slot ? slot->state : NULL, slot ? slot->kind : 0);
            CHECK(coder.codec.bad || (op.kind >= 0 && op.kind < w->kinds.count));
        }
        free(exact);
    }
    world_destroy(w);
}

int main(void)
{
    RUN(chunks_tell_what_changed);
    RUN(far_from_the_origin_too);
    RUN(damaged_chunks_end);
}
