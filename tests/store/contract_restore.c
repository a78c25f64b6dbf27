// A world that is copied into another store: whoever joins the copy is told what the first store tells, and a server
// goes on from it.
#include "fixture.h"

enum { SERVERS = 3, STEPS = 400, GROUPS = 20 };

static const char *const names[SERVERS] = {"alpha", "beta", "gamma"};

// ---- a world with a history ----------------------------------------------------------------------------------------

typedef struct history {
    uint64_t random;
    int64_t tick;
    seat live[SERVERS];
} history;

static void fence_latest(history *h, seat *s)
{
    tl_server_number other = (tl_server_number)(1 + check_random(&h->random) % SERVERS);
    const told *record = seat_last(s, TL_STORE_RECORD, other), *server = seat_last(s, TL_STORE_SERVER, other);
    if (other != s->server && server && record) {
        int64_t tick = record->event.tick > server->event.tick ? record->event.tick : server->event.tick;
        (void)tl_store_fence(s->store, other, server->event.epoch, tick);
    }
}

static bool has_read(const seat *s, tl_server_number server, int64_t tick)
{
    const told *record = seat_last(s, TL_STORE_RECORD, server);
    return record && record->event.tick >= tick;
}

// Cuts once everybody else has read what is cut: who has not would fail.
static void cut_own(history *h, seat *s, int64_t tick)
{
    drain(s);
    seat_poll(s);
    const told *committed = seat_last(s, TL_STORE_COMMITTED, 0);
    if (s->lost || !committed) {
        return;
    }
    for (int i = 0; i < SERVERS; i++) {
        seat *other = &h->live[i];
        for (int tries = 0; other->store && other != s && !has_read(other, s->server, committed->event.tick); tries++) {
            CHECK(tries < 20000);
            now_us = backend->pass(world);
            seat_poll(other);
        }
    }
    (void)tl_store_truncate(s->store, tick);
    drain(s);
}

static void history_step(history *h)
{
    size_t index = check_random(&h->random) % SERVERS;
    seat *s = &h->live[index];
    uint64_t dice = check_random(&h->random) % 100;
    if (!s->store) {
        join(s, names[index]);
        return;
    }
    seat_poll(s);
    if (s->lost) {
        finish(s);
    } else if (dice < 70) {
        (void)seat_submit(s, h->tick += 1 + (int64_t)(check_random(&h->random) % 3), now_us);
    } else if (dice < 80 && s->tick >= 0) {
        size_t size = dice < 77 ? check_random(&h->random) % 3000 : 0; // 0: the group is deleted
        static const unsigned char state[3000] = {1, 2, 3};
        (void)tl_store_checkpoint(s->store, (tl_group_id)1 + check_random(&h->random) % GROUPS, s->tick, state, size);
    } else if (dice < 83) {
        cut_own(h, s, h->tick - (int64_t)(check_random(&h->random) % 40));
    } else if (dice < 92) {
        fence_latest(h, s);
    } else if (dice < 96) {
        drain(s);
        seat_close(s, dice < 94);
        seat_free(s);
    }
}

// One that left and was taken over, one that left and was not, one that was killed, and a cut up to the newest record.
static void history_end(history *h)
{
    for (int i = 0; i < SERVERS; i++) {
        if (h->live[i].store) {
            finish(&h->live[i]);
        }
        join(&h->live[i], names[i]);
        commit(&h->live[i], ++h->tick);
    }
    seat *alpha = &h->live[0], *beta = &h->live[1];
    tl_server_number number = alpha->server;
    int64_t tick = alpha->tick;
    await(beta, TL_STORE_RECORD, number, 1);
    while (seat_last(beta, TL_STORE_RECORD, number)->event.tick < tick) {
        now_us = backend->pass(world);
        seat_poll(beta);
    }
    uint32_t epoch = alpha->epoch;
    size_t ends = seat_count(beta, TL_STORE_FENCED, number);
    seat_close(alpha, true);
    await(beta, TL_STORE_FENCED, number, ends + 1);
    CHECK_EQUAL(tl_store_fence(beta->store, number, epoch, tick), TL_OK);
    await(beta, TL_STORE_FENCED, number, ends + 2);
    cut_own(h, beta, h->tick + 1);
    commit(beta, ++h->tick);
    seat_close(beta, true);
    for (int i = 0; i < SERVERS; i++) {
        finish(&h->live[i]);
    }
}

static void make_history(uint64_t seed)
{
    history h = {.random = seed, .tick = 10};
    for (int i = 0; i < STEPS; i++) {
        history_step(&h);
        if (check_random(&h.random) % 4 == 0) {
            now_us = backend->pass(world);
        }
    }
    history_end(&h);
}

// ---- the copy ------------------------------------------------------------------------------------------------------

static tl_world_info info_of(tl_store *store)
{
    tl_world_info info;
    CHECK_EQUAL(tl_store_get_world(store, &info), TL_OK);
    return info;
}

static bool is_copied(tl_store_event_type type)
{
    return type == TL_STORE_SERVER || type == TL_STORE_CHECKPOINT || type == TL_STORE_RECORD ||
           type == TL_STORE_FENCED || type == TL_STORE_LOADED;
}

static void restore_event(tl_store *store, const tl_world_info *info, tl_store_event event, const void *data)
{
    char text[256] = "";
    event.data = data;
    tl_result result = tl_store_restore(store, info, &event, text, sizeof(text));
    if (result != TL_OK) {
        fprintf(stderr, "  %s: %s\n", tl_result_name(result), text);
    }
    CHECK_EQUAL(result, TL_OK);
}

// Tells all that the reader was told but `left_out` events at the end.
static void restore_from(const seat *reader, const tl_world_info *info, tl_store *store, size_t left_out)
{
    CHECK_EQUAL(reader->journal[reader->count - 1].event.type, TL_STORE_LOADED);
    for (size_t i = 0; i + left_out < reader->count; i++) {
        const told *t = &reader->journal[i];
        if (is_copied(t->event.type)) {
            restore_event(store, info, t->event, t->data);
        }
    }
}

static void join_copy(seat *s, const char *name)
{
    seat_open(s, backend->attach_copy(world), name);
    await(s, TL_STORE_LOADED, 0, 1);
}

// The world of the fixture into its copy. `reader`, which the caller finishes, was told all of it.
static void copy_world(seat *reader)
{
    join(reader, NULL);
    tl_world_info info = info_of(reader->store);
    tl_store *store = backend->attach_copy(world);
    restore_from(reader, &info, store, 0);
    tl_store_close(store, false);
}

// ---- comparing -----------------------------------------------------------------------------------------------------

// The next event of that server's log. An end that is told again with its heir counts once, as it was told last.
static const told *next_of_log(const seat *s, size_t *index, tl_server_number server)
{
    const told *end = NULL;
    for (; *index < s->count; (*index)++) {
        const told *t = &s->journal[*index];
        bool of_log = t->event.server == server && is_copied(t->event.type) && t->event.type != TL_STORE_LOADED;
        if (of_log && end && t->event.type != TL_STORE_FENCED) {
            return end;
        }
        if (of_log && t->event.type != TL_STORE_FENCED) {
            (*index)++;
            return t;
        }
        end = of_log ? t : end;
    }
    return end;
}

static void check_same_event(const told *a, const told *b)
{
    CHECK_EQUAL(a->event.type, b->event.type);
    CHECK_EQUAL(a->event.server, b->event.server);
    CHECK_EQUAL(a->event.heir, b->event.heir);
    CHECK_EQUAL(a->event.epoch, b->event.epoch);
    CHECK_EQUAL(a->event.tick, b->event.tick);
    CHECK_EQUAL(a->event.group, b->event.group);
    CHECK_EQUAL(a->event.begun_us, b->event.begun_us);
    CHECK(strcmp(a->event.name, b->event.name) == 0);
    CHECK_EQUAL(a->event.size, b->event.size);
    CHECK(memcmp(a->data, b->data, a->event.size) == 0);
}

static size_t check_same_log(const seat *a, const seat *b, tl_server_number server)
{
    size_t i = 0, j = 0, count = 0;
    const told *from_a = next_of_log(a, &i, server), *from_b = next_of_log(b, &j, server);
    while (from_a && from_b) {
        check_same_event(from_a, from_b);
        count++;
        from_a = next_of_log(a, &i, server);
        from_b = next_of_log(b, &j, server);
    }
    CHECK(!from_a && !from_b);
    return count;
}

static const told *checkpoint_of(const seat *s, tl_group_id group)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->journal[i].event.type == TL_STORE_CHECKPOINT && s->journal[i].event.group == group) {
            return &s->journal[i];
        }
    }
    return NULL;
}

static void check_same_checkpoints(const seat *a, const seat *b)
{
    CHECK_EQUAL(seat_count(a, TL_STORE_CHECKPOINT, 0), seat_count(b, TL_STORE_CHECKPOINT, 0));
    for (tl_group_id group = 1; group <= GROUPS; group++) {
        const told *t = checkpoint_of(a, group), *copied = checkpoint_of(b, group);
        CHECK(!t == !copied);
        if (t) {
            check_same_event(t, copied);
        }
    }
}

// ---- tests ---------------------------------------------------------------------------------------------------------

static void copy_and_compare(uint64_t seed)
{
    begin(seed);
    make_history(seed);
    seat reader, copy;
    copy_world(&reader);
    join_copy(&copy, NULL);
    tl_world_info info = info_of(reader.store), copied = info_of(copy.store);
    CHECK(memcmp(&info, &copied, sizeof(info)) == 0);
    check_same_checkpoints(&reader, &copy);
    for (tl_server_number server = 1; server <= TL_SERVERS_MAX; server++) {
        CHECK((check_same_log(&reader, &copy, server) > 0) == (server <= SERVERS));
    }
    finish(&reader);
    finish(&copy);
    end();
}

TEST(a_copy_tells_what_its_source_tells)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        copy_and_compare(seed * 77);
    }
}

TEST(servers_go_on_from_a_copy)
{
    begin(21);
    make_history(5);
    seat reader, watcher, alpha, beta;
    copy_world(&reader);
    const told *last = seat_last(&reader, TL_STORE_RECORD, 1), *epoch = seat_last(&reader, TL_STORE_SERVER, 1);
    join_copy(&watcher, NULL);
    join_copy(&alpha, reader.journal[0].event.name); // number 1
    CHECK_EQUAL(alpha.server, 1);
    CHECK_EQUAL(alpha.epoch, epoch->event.epoch + 1);
    CHECK_EQUAL(alpha.tick, last->event.tick);
    commit(&alpha, 100000);
    join_copy(&beta, "new");
    CHECK_EQUAL(beta.server, SERVERS + 1);
    CHECK_EQUAL(beta.epoch, 1);
    commit(&beta, 100001);
    CHECK_EQUAL(tl_store_truncate(alpha.store, 100000), TL_OK);
    drain(&alpha);
    CHECK_EQUAL(tl_store_fence(beta.store, 1, alpha.epoch, 100000), TL_OK);
    CHECK_EQUAL(await(&alpha, TL_STORE_LOST, 0, 1)->event.heir, beta.server);
    const told *before = seat_last(&reader, TL_STORE_FENCED, 1);
    bool went_on = !before || before->event.epoch < epoch->event.epoch; // then alpha's join was one more end
    const told *ended = await(&watcher, TL_STORE_FENCED, 1, seat_count(&reader, TL_STORE_FENCED, 1) + went_on + 1);
    CHECK_EQUAL(ended->event.tick, 100000);
    CHECK_EQUAL(await(&watcher, TL_STORE_RECORD, beta.server, 1)->event.tick, 100001);
    finish(&reader);
    finish(&watcher);
    finish(&alpha);
    finish(&beta);
    end();
}

TEST(a_copy_that_was_broken_off_is_no_world)
{
    begin(22);
    make_history(9);
    seat reader;
    join(&reader, NULL);
    tl_world_info info = info_of(reader.store), none;
    tl_store *store = backend->attach_copy(world);
    CHECK_EQUAL(tl_store_get_world(store, &none), TL_ERR_NOT_FOUND);
    restore_from(&reader, &info, store, 1); // all but LOADED
    CHECK_EQUAL(tl_store_get_world(store, &none), TL_ERR_NOT_FOUND);
    tl_result result = tl_store_join(store, NULL);
    CHECK(result == TL_ERR_NOT_FOUND || result == TL_ERR_STATE);
    tl_store_close(store, false);
    finish(&reader);
    end();
}

TEST(only_an_empty_store_is_copied_into)
{
    begin(23);
    tl_store_event server = {.type = TL_STORE_SERVER, .server = 1, .epoch = 1, .tick = -1, .name = "alpha"};
    tl_store_event loaded = {.type = TL_STORE_LOADED};
    seat follower;
    join(&follower, NULL);
    tl_world_info info = info_of(follower.store);
    tl_store *first = backend->attach_copy(world), *second = backend->attach_copy(world);
    restore_event(first, &info, server, NULL);
    CHECK_EQUAL(tl_store_restore(second, &info, &server, NULL, 0), TL_ERR_EXISTS); // at the same time
    CHECK_EQUAL(tl_store_restore(second, &info, &server, NULL, 0), TL_ERR_STATE);
    restore_event(first, &info, loaded, NULL);
    CHECK_EQUAL(tl_store_restore(first, &info, &loaded, NULL, 0), TL_ERR_STATE);
    tl_store_close(second, false);
    second = backend->attach_copy(world);
    char text[256];
    CHECK_EQUAL(tl_store_restore(second, &info, &server, text, sizeof(text)), TL_ERR_EXISTS);
    CHECK(strstr(text, "a world already"));
    tl_store_close(second, false);
    tl_store_close(first, false);
    seat copy;
    join_copy(&copy, NULL); // a server without a record
    CHECK_EQUAL(seat_count(&copy, TL_STORE_SERVER, 1), 1);
    if (tl_store_can_restore(copy.store)) {
        CHECK_EQUAL(tl_store_restore(copy.store, &info, &server, NULL, 0), TL_ERR_STATE);
    }
    finish(&copy);
    finish(&follower);
    end();
}

// Events that no store tells, after a server, a record and an end.
TEST(events_out_of_their_order_are_refused)
{
    static const unsigned char body[1];
    const tl_store_event before[] = {
        {.type = TL_STORE_SERVER, .server = 1, .epoch = 1, .tick = -1, .name = "alpha"},
        {.type = TL_STORE_RECORD, .server = 1, .epoch = 1, .tick = 7},
        {.type = TL_STORE_FENCED, .server = 1, .epoch = 1, .tick = 7, .heir = 0},
        {.type = TL_STORE_SERVER, .server = 2, .epoch = 1, .tick = -1, .name = "beta"},
        {.type = TL_STORE_RECORD, .server = 2, .epoch = 1, .tick = 5},
        {.type = TL_STORE_SERVER, .server = 4, .epoch = 1, .tick = -1, .name = "omega"},
        {.type = TL_STORE_FENCED, .server = 4, .epoch = 1, .tick = -1, .heir = 1},
    };
    const tl_store_event wrong[] = {
        {.type = TL_STORE_SERVER, .server = 0, .epoch = 1, .tick = -1, .name = "gamma"},
        {.type = TL_STORE_SERVER, .server = TL_SERVERS_MAX + 1, .epoch = 1, .tick = -1, .name = "gamma"},
        {.type = TL_STORE_SERVER, .server = 3, .epoch = 1, .tick = -1, .name = "../gamma"},
        {.type = TL_STORE_SERVER, .server = 3, .epoch = 1, .tick = -1, .name = "beta"},
        {.type = TL_STORE_SERVER, .server = 3, .epoch = 1, .tick = 3, .name = "gamma"},
        {.type = TL_STORE_SERVER, .server = 3, .epoch = 2, .tick = -1, .name = "gamma"},
        {.type = TL_STORE_SERVER, .server = 1, .epoch = 3, .tick = 7, .name = "alpha"},
        {.type = TL_STORE_SERVER, .server = 1, .epoch = 2, .tick = 6, .name = "alpha"},
        {.type = TL_STORE_SERVER, .server = 1, .epoch = 2, .tick = 7, .name = "delta"},
        {.type = TL_STORE_SERVER, .server = 2, .epoch = 2, .tick = 5, .name = "beta"},
        {.type = TL_STORE_RECORD, .server = 1, .epoch = 1, .tick = 8},
        {.type = TL_STORE_RECORD, .server = 2, .epoch = 1, .tick = 5},
        {.type = TL_STORE_RECORD, .server = 2, .epoch = 2, .tick = 6},
        {.type = TL_STORE_RECORD, .server = 3, .epoch = 0, .tick = 6},
        {.type = TL_STORE_RECORD, .server = 2, .epoch = 1, .tick = 6, .size = TL_RECORD_BYTES_MAX + 1, .data = body},
        {.type = TL_STORE_FENCED, .server = 1, .epoch = 1, .tick = 8, .heir = 2},
        {.type = TL_STORE_FENCED, .server = 1, .epoch = 1, .tick = 7, .heir = 0},
        {.type = TL_STORE_FENCED, .server = 4, .epoch = 1, .tick = -1, .heir = 2},
        {.type = TL_STORE_FENCED, .server = 2, .epoch = 1, .tick = 4, .heir = 1},
        {.type = TL_STORE_FENCED, .server = 2, .epoch = 1, .tick = 5, .heir = TL_SERVERS_MAX + 1},
        {.type = TL_STORE_CHECKPOINT, .group = 0, .tick = 1},
        {.type = TL_STORE_CHECKPOINT, .group = 1, .tick = -1},
        {.type = TL_STORE_STALLED},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        begin(24);
        tl_store *source = backend->attach(world), *store = backend->attach_copy(world);
        tl_world_info info = info_of(source);
        for (size_t j = 0; j < sizeof(before) / sizeof(before[0]); j++) {
            restore_event(store, &info, before[j], NULL);
        }
        char text[256] = "";
        tl_result result = tl_store_restore(store, &info, &wrong[i], text, sizeof(text));
        if (result != TL_ERR_INVALID) {
            fprintf(stderr, "  %zu: %s: %s\n", i, tl_result_name(result), text);
        }
        CHECK_EQUAL(result, TL_ERR_INVALID);
        CHECK(text[0]);
        CHECK_EQUAL(tl_store_restore(store, &info, &(tl_store_event){.type = TL_STORE_LOADED}, NULL, 0), TL_ERR_STATE);
        CHECK_EQUAL(tl_store_get_world(store, &info), TL_ERR_NOT_FOUND);
        tl_store_close(store, false);
        tl_store_close(source, false);
        end();
    }
}

void restore_run(void)
{
    if (!backend->attach_copy) {
        printf("  copies are not run: %s has none\n", backend->name);
        return;
    }
    RUN(a_copy_tells_what_its_source_tells);
    RUN(servers_go_on_from_a_copy);
    RUN(a_copy_that_was_broken_off_is_no_world);
    RUN(only_an_empty_store_is_copied_into);
    RUN(events_out_of_their_order_are_refused);
}
