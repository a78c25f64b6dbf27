// The contract over the SQLite backend, in a directory of its own for each world.
#include "contract.h"
#include "directory.h"

#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

typedef struct sqlite_fixture {
    char directory[64];
    char copy[64]; // "": not made yet
    sqlite3 *lock; // holds a log's write lock
} sqlite_fixture;

static tl_store *sqlite_attach(void *fixture)
{
    return directory_open(((sqlite_fixture *)fixture)->directory);
}

static tl_store *sqlite_attach_copy(void *fixture)
{
    return directory_open_copy(((sqlite_fixture *)fixture)->copy, sizeof(((sqlite_fixture *)fixture)->copy));
}

static void *sqlite_create(uint64_t seed)
{
    sqlite_fixture *fixture = calloc(1, sizeof(*fixture));
    CHECK(fixture);
    directory_make(fixture->directory, sizeof(fixture->directory));
    directory_make_world(fixture->directory);
    return fixture;
}

static void sqlite_destroy(void *world)
{
    sqlite_fixture *fixture = world;
    directory_remove(fixture->directory);
    if (fixture->copy[0]) {
        directory_remove(fixture->copy);
    }
    free(fixture);
}

static uint64_t sqlite_pass(void *world)
{
    struct timespec now;
    usleep(300);
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void sqlite_stall(void *world, const char *name, bool stalled)
{
    sqlite_fixture *fixture = world;
    if (stalled) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s.log.db", fixture->directory, name);
        CHECK_EQUAL(sqlite3_open(path, &fixture->lock), SQLITE_OK);
        sqlite3_busy_timeout(fixture->lock, 5000);
        CHECK_EQUAL(sqlite3_exec(fixture->lock, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    } else {
        CHECK_EQUAL(sqlite3_exec(fixture->lock, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(fixture->lock);
        fixture->lock = NULL;
    }
}

static void await_count(seat *s, tl_store_event_type type, size_t count)
{
    for (int tries = 0; seat_count(s, type, 0) < count; tries++) {
        CHECK(tries < 40000);
        (void)sqlite_pass(NULL);
        seat_poll(s);
    }
}

// A log may be locked, by the server that just makes it, at the moment when a follower looks for it.
TEST(servers_that_are_just_made_are_found)
{
    for (int round = 0; round < 40; round++) {
        sqlite_fixture *fixture = sqlite_create(1);
        seat watcher, alpha, beta;
        seat_open(&watcher, sqlite_attach(fixture), NULL);
        await_count(&watcher, TL_STORE_LOADED, 1);
        seat_open(&alpha, sqlite_attach(fixture), "alpha");
        seat_open(&beta, sqlite_attach(fixture), "beta");
        await_count(&alpha, TL_STORE_LOADED, 1);
        await_count(&beta, TL_STORE_LOADED, 1);
        CHECK_EQUAL(seat_submit(&alpha, 1, 1), TL_OK);
        CHECK_EQUAL(seat_submit(&beta, 1, 1), TL_OK);
        await_count(&watcher, TL_STORE_RECORD, 2);
        seat_free(&watcher);
        seat_free(&alpha);
        seat_free(&beta);
        sqlite_destroy(fixture);
    }
}

int main(void)
{
    const contract_backend backend = {
        .name = "sqlite",
        .create = sqlite_create,
        .destroy = sqlite_destroy,
        .attach = sqlite_attach,
        .attach_copy = sqlite_attach_copy,
        .pass = sqlite_pass,
        .stall = sqlite_stall,
        .steps = 1500,
    };
    contract_run(&backend);
    RUN(servers_that_are_just_made_are_found);
    return 0;
}
