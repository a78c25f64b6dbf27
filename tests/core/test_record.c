// Records: every op there and back, what is malformed changes nothing, and checkpoints.
#include "check.h"
#include "regroup.h"
#include "world.h"

static unsigned char data[WORLD_RECORD_BYTES_MAX];

// Two mirrors that got the same records are the same, whatever the indices.
static void check_same(const tl_mirror *a, const tl_mirror *b)
{
    CHECK_EQUAL(a->live_count, b->live_count);
    for (int32_t i = 0; i < a->entity_top; i++) {
        const tl_entity *e = &a->entities[i];
        if (!e->used || !e->live) {
            continue;
        }
        int32_t other = tl_mirror_find(b, e->id);
        CHECK(other != TL_NONE && b->entities[other].live);
        const tl_entity *o = &b->entities[other];
        CHECK(o->carrier_id == e->carrier_id && o->kind == e->kind && b->groups[o->group].id == a->groups[e->group].id);
        CHECK((o->carrier == TL_NONE) == (e->carrier == TL_NONE));
        CHECK(memcmp(e->state, o->state, (size_t)a->kinds->kinds[e->kind].word_count * sizeof *e->state) == 0);
    }
}

static void check_model(const world *w)
{
    CHECK_EQUAL(w->mirror.live_count, w->count);
    for (uint32_t i = 0; i < w->count; i++) {
        const world_entity *e = &w->entities[i];
        int32_t index = tl_mirror_find(&w->mirror, e->id);
        CHECK(index != TL_NONE);
        const tl_entity *m = &w->mirror.entities[index];
        CHECK(m->live && m->carrier_id == e->carrier && m->kind == e->kind &&
              w->mirror.groups[m->group].id == e->group);
    }
}

TEST(histories_are_followed)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        world *a = world_create(400, 0, seed), *b = world_create(400, 0, 99);
        for (int tick = 0; tick < 150; tick++) {
            world_step(a);
            world_apply(b, a->record, a->record_size);
            check_model(a);
            if (tick % 10) {
                continue;
            }
            check_same(&a->mirror, &b->mirror);
            tl_mirror_validate(&a->mirror);
        }
        world_destroy(a);
        world_destroy(b);
    }
}

// ---- ops, one by one ----

typedef struct heard {
    int32_t given_group;
    tl_server_number given_from, given_to, post_from, post_to;
    int posts;
    tl_server_number leaving, asked_for;
    uint32_t asked_epoch;
    tl_op op;
    char data[16];
} heard;

static void on_given(void *user, int32_t group, tl_server_number from, tl_server_number to)
{
    heard *h = user;
    h->given_group = group, h->given_from = from, h->given_to = to;
}

static tl_server_number on_receiver(void *user, tl_server_number to, uint32_t epoch)
{
    heard *h = user;
    h->asked_for = to, h->asked_epoch = epoch;
    return 8;
}

static void on_leaving(void *user, tl_server_number from)
{
    ((heard *)user)->leaving = from;
}

static void on_post(void *user, tl_op op, tl_server_number from, tl_server_number to, const void *bytes, size_t size)
{
    heard *h = user;
    h->posts++;
    h->op = op, h->post_from = from, h->post_to = to;
    CHECK(size < sizeof h->data);
    memcpy(h->data, bytes, size);
}

TEST(every_op_does_what_it_says)
{
    world *w = world_create(100, 0, 5);
    tl_mirror *m = &w->mirror;
    tl_record_writer r;
    int64_t words[TL_STATE_WORDS_MAX], later[TL_STATE_WORDS_MAX];
    tl_entity cabin = {.id = 0x1000000000005, .kind = WORLD_CABIN}, body = {.id = 0x1000000000003, .kind = WORLD_BODY},
              sign = {.id = UINT64_MAX, .kind = WORLD_SIGN};
    world_random_words(w, WORLD_CABIN, false, words);
    tl_record_begin(&r, &w->kinds, 0, data, sizeof data);
    tl_record_group(&r, 11, 1);
    tl_record_group(&r, 12, 2);
    tl_record_create(&r, &cabin, 11, 0, words);
    world_random_words(w, WORLD_BODY, true, words);
    tl_record_create(&r, &body, 11, cabin.id, words);
    world_random_words(w, WORLD_SIGN, false, later);
    tl_record_create(&r, &sign, 12, 0, later);
    world_apply(w, data, r.w.size);
    int32_t b = tl_mirror_find(m, body.id), c = tl_mirror_find(m, cabin.id), s = tl_mirror_find(m, sign.id);
    CHECK(m->live_count == 3 && m->entities[b].carrier == c && memcmp(m->entities[b].state, words, 18 * 8) == 0);
    CHECK(m->groups[tl_mirror_find_group(m, 11)].owner == 1 && m->groups[tl_mirror_find_group(m, 12)].owner == 2);
    CHECK(memcmp(m->entities[s].state, later, (size_t)w->kinds.kinds[WORLD_SIGN].word_count * 8) == 0);

    memcpy(later, words, sizeof later);
    later[1] += 77, later[14] = later[16] ? 1 : 0, later[15] = -5, later[17] = INT64_MIN;
    tl_record_begin(&r, &w->kinds, 1, data, sizeof data);
    tl_record_update(&r, &body, 1 << 2 | 1 << 3, later); // not the place
    int64_t other[TL_STATE_WORDS_MAX];
    world_random_words(w, WORLD_SIGN, false, other);
    write_regroup(&r, &sign, 11, cabin.id, other);
    tl_record_group_give(&r, 12, 7, 3);
    tl_record_leaving(&r);
    tl_record_need(&r, 3, 4, -1);
    tl_record_post(&r.w, TL_OP_REQUEST, 2, "please", 6);
    heard h = {.given_group = TL_NONE};
    const tl_record_events events = {
        .user = &h, .receiver = on_receiver, .group_given = on_given, .leaving = on_leaving, .post = on_post};
    m->tick = w->tick = 1;
    CHECK_EQUAL(tl_record_apply(m, 9, 1, data, r.w.size, false, &events), TL_OK);
    CHECK(m->entities[b].state[1] == words[1] && m->entities[b].state[15] == -5 &&
          m->entities[b].state[17] == INT64_MIN);
    CHECK(m->groups[m->entities[s].group].id == 11 && m->entities[s].carrier == c);
    CHECK(memcmp(m->entities[s].state, other, (size_t)w->kinds.kinds[WORLD_SIGN].word_count * 8) == 0);
    CHECK(h.given_group == tl_mirror_find_group(m, 12) && h.given_from == 2 && h.given_to == 8 &&
          m->groups[h.given_group].owner == 8);
    CHECK(h.asked_for == 7 && h.asked_epoch == 3 && h.leaving == 9);
    CHECK(h.posts == 1 && h.op == TL_OP_REQUEST && h.post_from == 9 && h.post_to == 2 && strcmp(h.data, "please") == 0);
    tl_mirror_settle(m);

    tl_record_begin(&r, &w->kinds, 2, data, sizeof data);
    tl_record_carrier(&r, &body, 0, words);
    tl_record_delete(&r, cabin.id);
    tl_record_group_delete(&r, 12);
    world_apply(w, data, r.w.size);
    CHECK(m->live_count == 2 && m->entities[b].carrier_id == 0 && tl_mirror_find(m, cabin.id) == TL_NONE &&
          tl_mirror_find_group(m, 12) == TL_NONE);
    tl_record_begin(&r, &w->kinds, 3, data, sizeof data);
    tl_record_group_delete(&r, 11);
    world_apply(w, data, r.w.size);
    CHECK_EQUAL(m->live_count, 0);
    tl_mirror_validate(m);
    world_destroy(w);
}

TEST(needs_are_found_at_the_front)
{
    tl_record_writer r;
    tl_kinds kinds;
    world_kinds(&kinds);
    tl_record_begin(&r, &kinds, 50, data, sizeof data);
    for (int i = 1; i <= 5; i++) {
        tl_record_need(&r, (tl_server_number)i, 4000000000u + (uint32_t)i, i == 3 ? -1 : i * 100);
    }
    tl_record_group(&r, 1, 1);
    tl_record_need(&r, 9, 9, 9);
    tl_need needs[8];
    CHECK_EQUAL(tl_record_needs(data, r.w.size, needs, 8), 5);
    CHECK_EQUAL(tl_record_needs(data, r.w.size, needs, 2), 2);
    CHECK_EQUAL(tl_record_needs(data, r.w.size, needs, 8), 5);
    CHECK(needs[0].server == 1 && needs[2].tick == -1 && needs[4].epoch == 4000000005u && needs[4].tick == 500);
    for (size_t cut = 0; cut < r.w.size; cut++) {
        CHECK(tl_record_needs(data, cut, needs, 8) <= 5);
    }
}

// ---- malformed ----

typedef enum naming { OWNER, RECEIVER, NEEDED } naming;

static tl_result naming_server(world *w, naming how, tl_server_number server)
{
    tl_record_writer r;
    tl_record_begin(&r, &w->kinds, 5, data, sizeof data);
    if (how == OWNER) {
        tl_record_group(&r, 7, server);
    }
    if (how == RECEIVER) {
        tl_record_group_give(&r, 7, server, 1);
    }
    if (how == NEEDED) {
        tl_record_need(&r, server, 1, 4);
    }
    return tl_record_apply(&w->mirror, 1, 5, data, r.w.size, false, NULL);
}

// What belonged to another would be nobody's for ever.
TEST(servers_are_1_to_128)
{
    world *w = world_create(10, 0, 8);
    for (naming how = OWNER; how <= NEEDED; how++) {
        CHECK_EQUAL(naming_server(w, how, 0), TL_ERR_MALFORMED);
        CHECK_EQUAL(naming_server(w, how, 1), TL_OK);
        CHECK_EQUAL(naming_server(w, how, TL_SERVERS_MAX), TL_OK);
        CHECK_EQUAL(naming_server(w, how, TL_SERVERS_MAX + 1), TL_ERR_MALFORMED);
    }
    world_destroy(w);
}

// Ops of another format may look like needs; who applies the record is to say what it is.
TEST(another_format_has_no_needs)
{
    world *w = world_create(10, 0, 8);
    tl_need needs[4];
    CHECK_EQUAL(naming_server(w, NEEDED, 2), TL_OK);
    size_t size = 8;
    CHECK_EQUAL(tl_record_needs(data, size, needs, 4), 1);
    data[0]++;
    CHECK_EQUAL(tl_record_needs(data, size, needs, 4), 0);
    world_destroy(w);
}

TEST(what_is_malformed_changes_nothing)
{
    world *w = world_create(300, 0, 8);
    for (int i = 0; i < 30; i++) {
        world_step(w);
    }
    uint64_t random = 17;
    int malformed = 0, taken = 0;
    heard h = {0};
    const tl_record_events events = {.user = &h, .group_given = on_given};
    w->change = 0.03;
    for (int i = 0; i < 6000; i++) {
        if (i % 200 == 0) {
            world_step(w);
        }
        world saved = *w; // what is written below is not applied
        world_write_record(w);
        size_t record_size = w->record_size;
        memcpy(data, w->record, record_size);
        *w = saved;
        w->record_size = record_size;
        size_t size = world_mutate(&random, data, record_size, sizeof data);
        unsigned char *exact = malloc(size ? size : 1); // so that reading past its end is seen
        memcpy(exact, data, size);
        uint64_t before = world_mirror_hash(&w->mirror);
        size_t live_bytes = w->heap.live_bytes;
        w->mirror.tick = w->tick + 1;
        tl_result result = tl_record_apply(&w->mirror, 1, w->tick + 1, exact, size, i % 2, &events);
        if (result == TL_ERR_MALFORMED || result == TL_ERR_VERSION) {
            CHECK(world_mirror_hash(&w->mirror) == before && w->heap.live_bytes == live_bytes && h.posts == 0);
            malformed++;
            w->mirror.tick = w->tick;
        } else {
            CHECK(result == TL_OK || result == TL_ERR_FULL);
            taken++;
            w->tick++;
            tl_mirror_resolve(&w->mirror);
            tl_mirror_validate(&w->mirror);
            tl_mirror_settle(&w->mirror);
            tl_mirror_validate(&w->mirror);
        }
        free(exact);
        // The model does not know of what the damaged ones did: it begins anew.
        if (taken % 20 == 19) {
            taken++;
            uint64_t seed = check_random(&random);
            world_destroy(w);
            w = world_create(300, 0, seed);
            for (int k = 0; k < 5; k++) {
                world_step(w);
            }
        }
    }
    if (malformed <= 2000 || taken <= 500) {
        fprintf(stderr, "%d malformed, %d taken\n", malformed, taken);
    }
    CHECK(malformed > 2000 && taken > 500);
    world_destroy(w);
}

// A place may be at the world's limit, and no further, wherever the record comes from.
TEST(a_place_outside_of_the_world_is_malformed)
{
    for (int beyond = 0; beyond < 2; beyond++) {
        world *w = world_create(10, 0, 5);
        world_step(w);
        tl_record_writer r;
        tl_entity e = {.id = (uint64_t)1 << 48 | 900, .kind = WORLD_WALKER};
        int64_t words[TL_STATE_WORDS_MAX] = {0};
        words[3] = -tl_shift_round(TL_WORLD_LIMIT_M, -w->kinds.kinds[WORLD_WALKER].fields[0].shift[0]) - beyond;
        tl_record_begin(&r, &w->kinds, w->tick + 1, w->record, WORLD_RECORD_BYTES_MAX);
        tl_record_create(&r, &e, (uint64_t)1 << 48 | 1, 0, words);
        CHECK_EQUAL(tl_record_apply(&w->mirror, 1, w->tick + 1, w->record, r.w.size, false, NULL),
                    beyond ? TL_ERR_MALFORMED : TL_OK);
        CHECK_EQUAL(tl_state_accept(&w->kinds.kinds[WORLD_WALKER], &w->kinds, words, 1, 5),
                    beyond ? TL_ERR_OUTSIDE : TL_OK);
        world_destroy(w);
    }
}

TEST(a_record_of_another_tick_is_refused)
{
    world *w = world_create(100, 0, 1);
    world_write_record(w);
    uint64_t before = world_mirror_hash(&w->mirror);
    CHECK_EQUAL(tl_record_apply(&w->mirror, 1, 5, w->record, w->record_size, false, NULL), TL_ERR_MALFORMED);
    CHECK(world_mirror_hash(&w->mirror) == before);
    w->record[0]++; // of another format
    CHECK_EQUAL(tl_record_apply(&w->mirror, 1, 0, w->record, w->record_size, false, NULL), TL_ERR_VERSION);
    world_destroy(w);
}

TEST(a_full_mirror_says_so)
{
    world *a = world_create(100, 0, 1), *b = world_create(40, 0, 1);
    a->count_wanted = 100;
    world_write_record(a);
    b->mirror.tick = 0;
    CHECK_EQUAL(tl_record_apply(&b->mirror, 1, 0, a->record, a->record_size, false, NULL), TL_ERR_FULL);
    tl_mirror_resolve(&b->mirror);
    tl_mirror_validate(&b->mirror);
    CHECK(b->mirror.live_count > 20);
    world_destroy(a);
    world_destroy(b);
}

// ---- checkpoints ----

static size_t checkpoint(const world *w, tl_group_id group, unsigned char *out, size_t capacity)
{
    size_t size;
    CHECK_EQUAL(tl_checkpoint_write(&w->mirror, tl_mirror_find_group(&w->mirror, group), w->tick, out, capacity, &size),
                TL_OK);
    return size;
}

static tl_group_id group_id(int number)
{
    return (uint64_t)1 << 48 | (uint64_t)(number + 1);
}

enum { LOG_TICKS = 60 };

// A history with checkpoints of its groups at random ticks, each group at another; a mirror that loads the checkpoints,
// in random order, and then the log, ends up the same.
static void load_history(uint64_t seed)
{
    static unsigned char checkpoints[WORLD_GROUPS][1 << 17], log[LOG_TICKS][1 << 16];
    size_t checkpoint_sizes[WORLD_GROUPS], log_sizes[LOG_TICKS];
    int64_t checkpoint_ticks[WORLD_GROUPS];
    world *a = world_create(300, 0, seed), *b = world_create(300, 0, seed + 1);
    uint64_t random = seed + 2;
    a->set_down_told = true;
    for (int g = 0; g < WORLD_GROUPS; g++) {
        checkpoint_ticks[g] = 5 + (int64_t)(check_random(&random) % 50);
    }
    for (int tick = 0; tick < LOG_TICKS; tick++) {
        world_step(a);
        CHECK(a->record_size <= sizeof log[0]);
        memcpy(log[tick], a->record, log_sizes[tick] = a->record_size);
        for (int g = 0; g < WORLD_GROUPS; g++) {
            if (checkpoint_ticks[g] == tick) {
                checkpoint_sizes[g] = checkpoint(a, group_id(g), checkpoints[g], sizeof checkpoints[g]);
            }
        }
    }
    int64_t oldest = LOG_TICKS;
    int first = (int)(check_random(&random) % WORLD_GROUPS);
    b->mirror.tick = 55;
    for (int i = 0; i < WORLD_GROUPS; i++) {
        int g = (first + i) % WORLD_GROUPS;
        CHECK_EQUAL(
            tl_checkpoint_apply(&b->mirror, group_id(g), checkpoint_ticks[g], checkpoints[g], checkpoint_sizes[g]),
            TL_OK);
        tl_mirror_validate(&b->mirror);
        if (checkpoint_ticks[g] < oldest) {
            oldest = checkpoint_ticks[g];
        }
    }
    for (int64_t tick = oldest; tick < LOG_TICKS; tick++) {
        b->mirror.tick = tick;
        CHECK_EQUAL(tl_record_apply(&b->mirror, 1, tick, log[tick], log_sizes[tick], true, NULL), TL_OK);
        tl_mirror_resolve(&b->mirror);
        tl_mirror_settle(&b->mirror);
        tl_mirror_validate(&b->mirror);
    }
    check_same(&a->mirror, &b->mirror);
    world_destroy(a);
    world_destroy(b);
}

TEST(checkpoints_and_the_log_give_the_world)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        load_history(seed * 10);
    }
}

// Its writer reads it back: a state that nobody could read does not get into the store.
TEST(a_checkpoint_that_cannot_be_read_back_is_not_written)
{
    world *a = world_create(300, 0, 3);
    size_t size;
    for (int i = 0; i < 40; i++) {
        world_step(a);
    }
    int32_t group = tl_mirror_find_group(&a->mirror, group_id(0));
    tl_entity *e = &a->mirror.entities[a->mirror.groups[group].entity_first];
    e->state[1] = INT64_MAX / 2; // far outside of the world
    CHECK_EQUAL(tl_checkpoint_write(&a->mirror, group, a->tick, data, sizeof data, &size), TL_ERR_MALFORMED);
    world_destroy(a);
}

TEST(a_checkpoint_round_trips)
{
    world *a = world_create(300, 0, 3), *b = world_create(300, 0, 4);
    for (int i = 0; i < 40; i++) {
        world_step(a);
    }
    for (int g = 0; g < WORLD_GROUPS; g++) {
        size_t size = checkpoint(a, group_id(g), data, sizeof data), tight;
        CHECK_EQUAL(tl_checkpoint_write(&a->mirror, tl_mirror_find_group(&a->mirror, group_id(g)), a->tick, data,
                                        size - 1, &tight),
                    TL_ERR_FULL);
        checkpoint(a, group_id(g), data, sizeof data);
        b->mirror.tick = a->tick;
        CHECK_EQUAL(tl_checkpoint_apply(&b->mirror, group_id(g), a->tick, data, size), TL_OK);
        tl_mirror_resolve(&b->mirror);
        uint64_t before = world_mirror_hash(&b->mirror);
        CHECK_EQUAL(tl_checkpoint_apply(&b->mirror, group_id(g), a->tick, data, size), TL_OK); // again: nothing
        CHECK(world_mirror_hash(&b->mirror) == before);
    }
    tl_mirror_resolve(&b->mirror);
    check_same(&a->mirror, &b->mirror);
    tl_mirror_validate(&b->mirror);
    world_destroy(a);
    world_destroy(b);
}

TEST(a_newer_checkpoint_replaces_an_older_one)
{
    static unsigned char newer[1 << 17];
    world *a = world_create(300, 0, 13), *b = world_create(300, 0, 4);
    a->groups_fixed = true;
    for (int i = 0; i < 40; i++) {
        world_step(a);
    }
    a->change = 0.5;
    for (int g = 0; g < WORLD_GROUPS; g++) {
        size_t size = checkpoint(a, group_id(g), data, sizeof data);
        b->mirror.tick = a->tick;
        CHECK_EQUAL(tl_checkpoint_apply(&b->mirror, group_id(g), a->tick, data, size), TL_OK);
    }
    for (int i = 0; i < 40; i++) {
        world_step(a);
    }
    for (int g = WORLD_GROUPS; g-- > 0;) {
        size_t size = checkpoint(a, group_id(g), newer, sizeof newer);
        b->mirror.tick = a->tick;
        CHECK_EQUAL(tl_checkpoint_apply(&b->mirror, group_id(g), a->tick, newer, size), TL_OK);
        tl_mirror_resolve(&b->mirror);
        tl_mirror_settle(&b->mirror);
        tl_mirror_validate(&b->mirror);
    }
    check_same(&a->mirror, &b->mirror);
    world_destroy(a);
    world_destroy(b);
}

// The entity is in the older group's checkpoint too; the newer one has it, in whichever order they are loaded.
TEST(an_entity_that_moved_is_where_the_newer_checkpoint_says)
{
    static unsigned char older[4096], newer[4096];
    for (int order = 0; order < 2; order++) {
        world *a = world_create(20, 0, 6), *b = world_create(20, 0, 7);
        tl_entity body = {.id = 55, .kind = WORLD_BODY};
        int64_t words[TL_STATE_WORDS_MAX];
        tl_record_writer r;
        world_random_words(a, WORLD_BODY, false, words);
        tl_record_begin(&r, &a->kinds, 0, data, sizeof data);
        for (int g = 0; g < 2; g++) {
            tl_record_group(&r, group_id(g), 1);
        }
        tl_record_create(&r, &body, group_id(0), 0, words);
        world_apply(a, data, r.w.size);
        size_t older_size = checkpoint(a, group_id(0), older, sizeof older);
        world_random_words(a, WORLD_BODY, false, words);
        tl_record_begin(&r, &a->kinds, 1, data, sizeof data);
        write_regroup(&r, &body, group_id(1), 0, words);
        world_apply(a, data, r.w.size);
        size_t newer_size = checkpoint(a, group_id(1), newer, sizeof newer);
        b->mirror.tick = 1;
        for (int i = 0; i < 2; i++) {
            if (i == order) {
                CHECK_EQUAL(tl_checkpoint_apply(&b->mirror, group_id(0), 0, older, older_size), TL_OK);
            } else {
                CHECK_EQUAL(tl_checkpoint_apply(&b->mirror, group_id(1), 1, newer, newer_size), TL_OK);
            }
        }
        CHECK_EQUAL(tl_record_apply(&b->mirror, 1, 1, data, r.w.size, true, NULL), TL_OK); // passed over
        check_same(&a->mirror, &b->mirror);
        CHECK(memcmp(b->mirror.entities[tl_mirror_find(&b->mirror, 55)].state, words, 18 * 8) == 0);
        tl_mirror_validate(&b->mirror);
        world_destroy(a);
        world_destroy(b);
    }
}

// A log is kept for longer than a segment's start may be ahead: an old record meets a state that is much newer.
TEST(an_old_record_meets_a_newer_checkpoint)
{
    world *w = world_create(20, 0, 9);
    tl_entity body = {.id = 55, .kind = WORLD_BODY};
    int64_t words[TL_STATE_WORDS_MAX] = {0};
    tl_record_writer r;
    w->tick = 4999;
    world_random_words(w, WORLD_BODY, false, words);
    words[7] = 5000, words[11] = 100; // it spins, since tick 5000
    tl_record_begin(&r, &w->kinds, 5000, data, sizeof data);
    tl_record_group(&r, group_id(0), 1);
    tl_record_create(&r, &body, group_id(0), 0, words);
    w->mirror.tick = 5000;
    CHECK_EQUAL(tl_checkpoint_apply(&w->mirror, group_id(0), 5000, data, r.w.size), TL_OK);
    tl_record_begin(&r, &w->kinds, 3000, data, sizeof data);
    int64_t old[TL_STATE_WORDS_MAX] = {0};
    tl_record_update(&r, &body, 1, old);
    CHECK_EQUAL(tl_record_apply(&w->mirror, 1, 3000, data, r.w.size, true, NULL), TL_OK);
    CHECK(memcmp(w->mirror.entities[tl_mirror_find(&w->mirror, 55)].state, words, 18 * 8) == 0);
    world_destroy(w);
}

TEST(a_malformed_checkpoint_changes_nothing)
{
    world *a = world_create(300, 0, 3);
    for (int i = 0; i < 10; i++) {
        world_step(a);
    }
    static unsigned char good[1 << 17];
    size_t size = checkpoint(a, group_id(2), good, sizeof good);
    uint64_t random = 4;
    int malformed = 0;
    world *b = world_create(300, 0, 5);
    for (int i = 0; i < 2000; i++) {
        memcpy(data, good, size);
        size_t damaged = world_mutate(&random, data, size, sizeof data);
        uint64_t before = world_mirror_hash(&b->mirror);
        b->mirror.tick = a->tick;
        tl_result result = tl_checkpoint_apply(&b->mirror, group_id(2), a->tick, data, damaged);
        if (result == TL_ERR_MALFORMED || result == TL_ERR_VERSION) {
            CHECK(world_mirror_hash(&b->mirror) == before);
            malformed++;
            continue;
        }
        tl_mirror_resolve(&b->mirror);
        tl_mirror_validate(&b->mirror);
        world_destroy(b);
        b = world_create(300, 0, 5);
    }
    CHECK(malformed > 500);
    world_destroy(a);
    world_destroy(b);
}

TEST(what_is_known_of_clocks)
{
    world *w = world_create(10, 0, 1);
    tl_record_writer r;
    tl_clock_report report = {.settled = true, .wall_lead_us = -123456789, .count = TL_SERVERS_MAX}, read;
    for (uint32_t i = 0; i < report.count; i++) {
        report.seen[i] = (tl_clock_seen){
            .server = (tl_server_number)(i + 1), .tick = 1000 + (int64_t)i * 7 - 300, .at_us = 50000000 + i * 12345};
    }
    for (int needs = 0; needs < 2; needs++) {
        tl_record_begin(&r, &w->kinds, 1000, data, sizeof data);
        if (needs) {
            tl_record_need(&r, 3, 4, -1);
        }
        CHECK(!tl_record_clock_read(data, r.w.size, &read)); // none
        tl_record_clock_write(&r, &report);
        tl_record_leaving(&r);
        CHECK(!r.w.bad && tl_record_clock_read(data, r.w.size, &read));
        CHECK(read.settled && read.wall_lead_us == report.wall_lead_us && read.count == report.count);
        for (uint32_t i = 0; i < read.count; i++) {
            CHECK(read.seen[i].server == i + 1 && read.seen[i].tick == report.seen[i].tick &&
                  read.seen[i].at_us == report.seen[i].at_us);
        }
        CHECK_EQUAL(tl_record_apply(&w->mirror, 9, 1000, data, r.w.size, false, NULL), TL_OK); // nothing of the world
        for (size_t size = 0; size < r.w.size - 1; size++) {
            unsigned char *cut = malloc(size ? size : 1);
            memcpy(cut, data, size);
            CHECK(!tl_record_clock_read(cut, size, &read));
            free(cut);
        }
    }
    report.count = 1;
    tl_record_begin(&r, &w->kinds, 1000, data, sizeof data);
    tl_record_clock_write(&r, &report);
    for (int byte = 0; byte < 256; byte++) { // the count, and what follows it, may be anything
        for (size_t at = 0; at < r.w.size; at++) {
            unsigned char before = data[at];
            data[at] = (unsigned char)byte;
            tl_record_clock_read(data, r.w.size, &read);
            tl_record_apply(&w->mirror, 9, 1000, data, r.w.size, false, NULL);
            data[at] = before;
        }
    }
    world_destroy(w);
}

int main(void)
{
    RUN(histories_are_followed);
    RUN(every_op_does_what_it_says);
    RUN(needs_are_found_at_the_front);
    RUN(servers_are_1_to_128);
    RUN(another_format_has_no_needs);
    RUN(what_is_malformed_changes_nothing);
    RUN(a_place_outside_of_the_world_is_malformed);
    RUN(a_record_of_another_tick_is_refused);
    RUN(a_full_mirror_says_so);
    RUN(checkpoints_and_the_log_give_the_world);
    RUN(a_checkpoint_that_cannot_be_read_back_is_not_written);
    RUN(a_checkpoint_round_trips);
    RUN(a_newer_checkpoint_replaces_an_older_one);
    RUN(an_entity_that_moved_is_where_the_newer_checkpoint_says);
    RUN(an_old_record_meets_a_newer_checkpoint);
    RUN(a_malformed_checkpoint_changes_nothing);
    RUN(what_is_known_of_clocks);
}
