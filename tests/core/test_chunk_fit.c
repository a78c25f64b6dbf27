// Whether states fit into chunks: kinds that have larger ones are refused, and one all the same costs nobody else.
#include "check.h"
#include "tramline/server.h"
#include "wire/chunk_fit.h"
#include "world.h"
#include "world/chunk_cache.h"

enum { TRIES = 3000, SIZE = 1100 };

static tl_kind_def with_bytes(int bytes_max)
{
    tl_kind_def def = tl_kind_def_default("crate");
    def.fields[1] = tl_field_def_default("data", TL_FIELD_BYTES, TL_PREDICT_HOLD);
    def.fields[1].bytes_max = bytes_max;
    def.field_count = 2;
    return def;
}

static size_t bytes_of(const tl_kind_def *def)
{
    tl_kinds kinds;
    char text[256];
    CHECK_EQUAL(tl_kinds_init(&kinds, def, 1, 20, text, sizeof text), TL_OK);
    return tl_chunk_fit_bytes(&kinds, 0);
}

static tl_kind_def with_many(tl_field_type type, tl_predictor predictor)
{
    static char names[TL_FIELDS_MAX][8];
    tl_kind_def def = tl_kind_def_default("many");
    for (int i = 1; i < TL_FIELDS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "f%d", i);
        def.fields[i] = tl_field_def_default(names[i], type, predictor);
    }
    def.field_count = TL_FIELDS_MAX;
    return def;
}

TEST(ordinary_kinds_fit)
{
    tl_kind_def defs[] = {with_bytes(64),
                          with_bytes(900),
                          with_many(TL_FIELD_POSITION, TL_PREDICT_LINEAR),
                          with_many(TL_FIELD_ROTATION, TL_PREDICT_LINEAR),
                          with_many(TL_FIELD_SCALAR, TL_PREDICT_LINEAR),
                          with_many(TL_FIELD_INTEGER, TL_PREDICT_HOLD)};
    for (size_t i = 0; i < sizeof defs / sizeof *defs; i++) {
        CHECK(bytes_of(&defs[i]) <= TL_CHUNK_BYTES_MAX);
    }
    tl_kind_def large = with_bytes(1000);
    CHECK(bytes_of(&large) > TL_CHUNK_BYTES_MAX);
}

static int64_t any_length(uint64_t *random, int bits)
{
    uint64_t value = check_random(random) >> (63 - check_random(random) % (uint64_t)(bits + 1));
    return check_random(random) % 2 ? (int64_t)(value >> 1) : -(int64_t)(value >> 1);
}

// What a client can have committed, at every length of every value.
static void random_words(uint64_t *random, const tl_kind *kind, int shift, int64_t tick, int64_t *words)
{
    for (int i = 1; i < 4; i++) {
        words[i] = any_length(random, 25 + shift), words[3 + i] = any_length(random, 20 + shift);
    }
    words[0] = tick - 500 + (int64_t)(check_random(random) % 1500);
    words[7] = kind->fields[1].bytes_max;
    for (int i = 8; i < kind->word_count; i++) {
        words[i] = (int64_t)check_random(random);
    }
}

TEST(no_state_costs_more_than_what_was_tried)
{
    tl_kind_def def = with_bytes(200);
    tl_kinds kinds;
    char text[256];
    CHECK_EQUAL(tl_kinds_init(&kinds, &def, 1, 20, text, sizeof text), TL_OK);
    size_t limit = tl_chunk_fit_bytes(&kinds, 0), most = 0;
    static tl_chunk_coder coder;
    uint64_t random = 1;
    for (int i = 0; i < TRIES; i++) {
        int64_t words[TL_STATE_WORDS_MAX] = {0}, base[TL_STATE_WORDS_MAX] = {0}, tick = 100000;
        unsigned char out[4096];
        int level = (int)(check_random(&random) % TL_LEVELS_MAX);
        random_words(&random, &kinds.kinds[0], kinds.kinds[0].fields[0].shift[level], tick, words);
        random_words(&random, &kinds.kinds[0], kinds.kinds[0].fields[0].shift[level], tick, base);
        bool whole = i % 3 == 0;
        tl_chunk_op op = {.type = i % 3 == 1 ? TL_CHUNK_UPDATE : TL_CHUNK_ENTER,
                          .id = check_random(&random) | 1,
                          .carrier_id = check_random(&random),
                          .words = words};
        tl_chunk_encoder(&coder, &kinds, level, 1, whole, tick, check_random(&random), out, sizeof out);
        tl_chunk_added(&coder, (uint32_t)(check_random(&random) % TL_STREAM_SLOTS_MAX));
        tl_chunk_changed(&coder, true, whole ? TL_MOTION_EMPTY : TL_MOTION_FAST, tick);
        tl_chunk_code(&coder, &op, whole ? NULL : base, 0);
        size_t bytes = tl_codec_bytes(&coder.codec);
        most = bytes > most ? bytes : most;
    }
    CHECK(most <= limit - TL_FIT_MARGIN_BYTES);
    CHECK(most + 60 > limit); // the limit is not far from what there is
}

TEST(a_server_takes_no_kind_that_may_not_fit)
{
    tl_memory_world_def world_def = tl_memory_world_def_default();
    tl_memory_world *memory = tl_memory_world_create(&world_def);
    tl_store *store;
    CHECK_EQUAL(tl_memory_store_open(memory, &store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = 20};
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_kind_def kind = with_bytes(TL_FIELD_BYTES_MAX);
    tl_server_def def = tl_server_def_default();
    def.name = "alpha", def.entities_max = 100, def.groups_max = 8, def.kinds = &kind, def.kind_count = 1,
    def.store = store;
    tl_server *server = NULL;
    char text[256] = "";
    CHECK_EQUAL(tl_server_create(&def, &server, text, sizeof text), TL_ERR_INVALID);
    CHECK(server == NULL && strstr(text, "kind 0 (crate)") && strstr(text, "too large"));
    tl_store_close(store, false);
    tl_memory_world_destroy(memory);
}

static void create(world *w, tl_record_writer *r, int number, int64_t size)
{
    int64_t words[TL_STATE_WORDS_MAX] = {0};
    const tl_kind *kind = &w->kinds.kinds[WORLD_SIGN];
    tl_entity e = {.id = (uint64_t)1 << 48 | (uint64_t)number, .kind = WORLD_SIGN};
    words[kind->fields[1].word] = size;
    memset(words + kind->fields[1].word + 1, 0x5a, (size_t)size);
    tl_record_create(r, &e, (uint64_t)1 << 48 | 1, 0, words);
}

// As it would be if tl_chunk_fit_bytes() was wrong: nothing aborts, and what is beside it is told.
TEST(a_state_that_does_not_fit_is_passed_over)
{
    world *w = world_create(100, 3, 1);
    tl_kind *kind = &w->kinds.kinds[WORLD_SIGN];
    int more = (SIZE + 7) / 8 + 1 - kind->fields[1].word_count;
    kind->fields[1].bytes_max = SIZE, kind->fields[1].word_count += more, kind->fields[2].word += more,
    kind->word_count += more;
    tl_record_writer r;
    tl_record_begin(&r, &w->kinds, 0, w->record, WORLD_RECORD_BYTES_MAX);
    tl_record_group(&r, (uint64_t)1 << 48 | 1, 1);
    for (int i = 0; i < 3; i++) {
        create(w, &r, i + 1, i == 1 ? SIZE : 5);
    }
    CHECK(!r.w.bad);
    world_apply(w, w->record, r.w.size);
    int32_t stream = tl_stream_acquire(&w->pyramid.streams,
                                       w->mirror.entities[tl_mirror_find(&w->mirror, (uint64_t)1 << 48 | 1)].tile, 0);
    CHECK(stream != TL_NONE && w->pyramid.streams.at[stream].slot_top == 3);
    uint64_t before = w->pyramid.streams.full_count;
    const tl_chunk_bytes *first = tl_chunk_get(&w->pyramid.streams, stream, 0, 0, TL_SLOT_END);
    CHECK(first && first->end == 1 && first->ops == 1 && !first->too_large);
    const tl_chunk_bytes *second = tl_chunk_get(&w->pyramid.streams, stream, 0, 1, TL_SLOT_END);
    CHECK(second && second->too_large && second->end == 2 && second->ops == 0);
    const tl_chunk_bytes *third = tl_chunk_get(&w->pyramid.streams, stream, 0, 2, TL_SLOT_END);
    CHECK(third && third->end == TL_SLOT_END && third->ops == 1 && !third->too_large);
    CHECK_EQUAL(w->pyramid.streams.full_count, before + 1);
    CHECK(tl_chunk_get(&w->pyramid.streams, stream, 0, 1, TL_SLOT_END) == second);
    CHECK_EQUAL(w->pyramid.streams.full_count, before + 1);
    world_destroy(w);
}

int main(void)
{
    RUN(ordinary_kinds_fit);
    RUN(no_state_costs_more_than_what_was_tried);
    RUN(a_server_takes_no_kind_that_may_not_fit);
    RUN(a_state_that_does_not_fit_is_passed_over);
}
