// The contract over FoundationDB, each world under a prefix of its own. Run by scripts/with-fdb.sh. A stall is a
// database whose process is stopped.
#include "contract.h"
#include "database.h"

#include <time.h>
#include <unistd.h>

typedef struct fdb_fixture {
    char uri[1200], copy[1210];
} fdb_fixture;

static tl_store *fdb_attach(void *fixture)
{
    return database_open(((fdb_fixture *)fixture)->uri, false);
}

// Another prefix of the same database.
static tl_store *fdb_attach_copy(void *world)
{
    fdb_fixture *fixture = world;
    snprintf(fixture->copy, sizeof(fixture->copy), "%s-copy", fixture->uri);
    return database_open(fixture->copy, true);
}

static void *fdb_create(uint64_t seed)
{
    fdb_fixture *fixture = calloc(1, sizeof(*fixture));
    CHECK(fixture);
    database_make_world(fixture->uri, sizeof(fixture->uri));
    return fixture;
}

static void fdb_destroy(void *world)
{
    free(world);
}

static uint64_t fdb_pass(void *world)
{
    struct timespec now;
    usleep(300);
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void fdb_stall(void *world, const char *name, bool stalled)
{
    database_signal("1", stalled ? SIGSTOP : SIGCONT);
}

// ---- what takes several transactions -------------------------------------------------------------------------------

enum { LARGE_BYTES = 12 << 20, ROUNDS = 12 };

static void await_type(seat *s, tl_store_event_type type)
{
    for (int i = 0; seat_count(s, type, 0) == 0; i++) {
        usleep(300);
        seat_poll(s);
        CHECK(i < 100000 && seat_count(s, TL_STORE_FAILED, 0) == 0);
    }
}

static void submit_large(seat *s, int64_t tick)
{
    unsigned char *body = malloc(LARGE_BYTES);
    CHECK(body);
    memset(body, (int)(tick % 251), LARGE_BYTES);
    CHECK_EQUAL(tl_store_submit(s->store, tick, body, LARGE_BYTES, fdb_pass(NULL)), TL_OK);
    free(body);
}

// Whether what was told is whole: a large record or checkpoint is of one byte all over, by its tick.
static void check_large(const seat *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const told *t = &s->journal[i];
        for (size_t at = 0; at < t->event.size && t->event.size == LARGE_BYTES; at += 1000) {
            CHECK_EQUAL(t->data[at], t->event.tick % 251);
        }
    }
}

// A server is joined anew, by another process of its name, while it stores a record part by part: the record is there
// whole, or not at all, and nothing of the old epoch comes after its end.
TEST(an_epoch_ends_while_a_large_record_is_stored)
{
    fdb_fixture *fixture = fdb_create(1);
    seat watcher, loader, servers[ROUNDS];
    seat_open(&watcher, fdb_attach(fixture), NULL);
    await_type(&watcher, TL_STORE_LOADED);
    tl_store *next = fdb_attach(fixture); // opened beforehand: then the join itself is quick
    for (int i = 0; i < ROUNDS; i++) {
        seat_open(&servers[i], next, "alpha");
        await_type(&servers[i], TL_STORE_JOINED);
        next = i + 1 < ROUNDS ? fdb_attach(fixture) : NULL;
        int64_t tick = seat_last(&servers[i], TL_STORE_JOINED, 0)->event.tick + 1;
        submit_large(&servers[i], tick);
        usleep((unsigned)(i * 12000));
        seat_poll(&watcher);
    }
    await_type(&servers[ROUNDS - 1], TL_STORE_COMMITTED);
    seat_open(&loader, fdb_attach(fixture), NULL);
    await_type(&loader, TL_STORE_LOADED);
    for (int i = 0; seat_count(&watcher, TL_STORE_RECORD, 1) < seat_count(&loader, TL_STORE_RECORD, 1); i++) {
        usleep(300);
        seat_poll(&watcher);
        CHECK(i < 100000 && seat_count(&watcher, TL_STORE_FAILED, 0) == 0);
    }
    check_large(&watcher);
    check_large(&loader);
    seat_check_same(&watcher, &loader, 1, false);
    printf("  %zu of %d records were stored before their epoch ended\n", seat_count(&loader, TL_STORE_RECORD, 1),
           ROUNDS);
    CHECK(seat_count(&loader, TL_STORE_RECORD, 1) >= 1 && seat_count(&loader, TL_STORE_FENCED, 1) == ROUNDS - 1);
    for (int i = 0; i < ROUNDS; i++) {
        seat_free(&servers[i]);
    }
    seat_free(&watcher);
    seat_free(&loader);
    free(fixture);
}

// Commits as fast as it can, until another ends its epoch at its first record.
static void commit_until_lost(seat *s, tl_store *heir, int before_end)
{
    int64_t first = s->tick + 1;
    for (int i = 0; !s->lost; i++) {
        tl_result result = seat_submit(s, s->tick + 1, fdb_pass(NULL));
        CHECK(result == TL_OK || result == TL_ERR_FENCED || result == TL_ERR_FULL);
        if (i == before_end) {
            CHECK_EQUAL(tl_store_quarantine(heir, s->server, s->epoch, first, NULL, 0), TL_OK);
        }
        seat_poll(s);
        CHECK(i < 100000);
    }
}

// The end of an epoch can be committed at the very same version as one of its records; the record after that is refused
// all the same.
TEST(no_record_follows_the_early_end_of_an_epoch)
{
    enum { ENDS = 60, BEFORE_END_MAX = 8 };
    fdb_fixture *fixture = fdb_create(3);
    seat server, heir, watcher;
    seat_open(&server, fdb_attach(fixture), "alpha");
    await_type(&server, TL_STORE_LOADED);
    seat_open(&heir, fdb_attach(fixture), "beta");
    await_type(&heir, TL_STORE_LOADED);
    seat_open(&watcher, fdb_attach(fixture), NULL);
    watcher.may_end_early = true;
    for (size_t i = 0; i < ENDS; i++) {
        if (i > 0) {
            seat_open(&server, fdb_attach(fixture), "alpha");
            await_type(&server, TL_STORE_LOADED);
        }
        commit_until_lost(&server, heir.store, 2 + (int)i % BEFORE_END_MAX);
        seat_free(&server);
        for (int wait = 0; seat_count(&watcher, TL_STORE_FENCED, 1) <= i; wait++) {
            usleep(300);
            seat_poll(&watcher);
            CHECK(wait < 100000 && seat_count(&watcher, TL_STORE_FAILED, 0) == 0);
        }
    }
    seat_check(&watcher);
    seat_free(&watcher);
    seat_free(&heir);
    free(fixture);
}

TEST(a_large_checkpoint_is_whole_and_the_newest)
{
    fdb_fixture *fixture = fdb_create(2);
    seat server, loader;
    unsigned char *body = malloc(LARGE_BYTES);
    CHECK(body);
    seat_open(&server, fdb_attach(fixture), "alpha");
    await_type(&server, TL_STORE_JOINED);
    CHECK_EQUAL(seat_submit(&server, 7, fdb_pass(NULL)), TL_OK);
    await_type(&server, TL_STORE_COMMITTED);
    memset(body, 7, LARGE_BYTES);
    CHECK_EQUAL(tl_store_checkpoint(server.store, 1, 7, body, LARGE_BYTES), TL_OK);
    memset(body, 9, LARGE_BYTES); // of the same tick: changes nothing
    CHECK_EQUAL(tl_store_checkpoint(server.store, 1, 7, body, LARGE_BYTES), TL_OK);
    CHECK_EQUAL(tl_store_checkpoint(server.store, 2, 5, body, 10), TL_OK);
    CHECK_EQUAL(tl_store_drain(server.store, 20000), TL_OK);
    seat_open(&loader, fdb_attach(fixture), NULL);
    await_type(&loader, TL_STORE_LOADED);
    check_large(&loader);
    CHECK_EQUAL(seat_count(&loader, TL_STORE_CHECKPOINT, 0), 2);
    free(body);
    seat_free(&server);
    seat_free(&loader);
    free(fixture);
}

int main(void)
{
    const contract_backend backend = {
        .name = "fdb",
        .create = fdb_create,
        .destroy = fdb_destroy,
        .attach = fdb_attach,
        .attach_copy = fdb_attach_copy,
        .pass = fdb_pass,
        .stall = fdb_stall,
        .steps = 600,
    };
    RUN(an_epoch_ends_while_a_large_record_is_stored);
    RUN(a_large_checkpoint_is_whole_and_the_newest);
    RUN(no_record_follows_the_early_end_of_an_epoch);
    contract_run(&backend);
    return 0;
}
