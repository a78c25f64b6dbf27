// `tramline copy`: the copy is the same world, servers go on from it, and what cannot be copied is told.
#include "check.h"
#include "program.h"

#include "tramline/store.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENTITIES = 2000, WRONG_USE = 64 };

static char output[PROGRAM_OUTPUT_BYTES];

static void check_says(const char *text)
{
    if (!strstr(output, text)) {
        fprintf(stderr, "'%s' is not in:\n%s\n", text, output);
    }
    CHECK(strstr(output, text));
}

static void fill(char folder[PROGRAM_PATH_BYTES], int entities)
{
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities %d --quiet", folder, entities), 0);
}

static pid_t start_server(const char *folder, const char *store, const char *name)
{
    char ready[2 * PROGRAM_PATH_BYTES], log[2 * PROGRAM_PATH_BYTES];
    snprintf(ready, sizeof ready, "%s/%s.ready", folder, name);
    snprintf(log, sizeof log, "%s/%s.log", folder, name);
    remove(ready);
    pid_t pid = program_start(log, "serve --store %s/%s --name %s --listen 127.0.0.1:0 --ready %s --quiet", folder,
                              store, name, ready);
    json_decref(ready_wait(ready));
    return pid;
}

// What inspect says of a store; the caller releases it.
static json_t *inspected(const char *folder, const char *store)
{
    CHECK_EQUAL(program_run(output, "inspect --json %s/%s", folder, store), 0);
    json_t *shown = json_loads(output, 0, NULL);
    CHECK(shown);
    return shown;
}

static void check_same(const char *folder, const char *a, const char *b)
{
    json_t *shown_a = inspected(folder, a), *shown_b = inspected(folder, b);
    CHECK(json_equal(shown_a, shown_b));
    json_decref(shown_a);
    json_decref(shown_b);
}

// A world with a server that was there twice, one that was killed, and one that runs.
TEST(a_copy_is_the_same_world_and_servers_go_on_from_it)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder, ENTITIES);
    pid_t alpha = start_server(folder, "s", "alpha"), beta = start_server(folder, "s", "beta");
    sleep_s(3);
    CHECK_EQUAL(program_stop(alpha, SIGTERM), 0);
    alpha = start_server(folder, "s", "alpha");
    int status = program_stop(beta, SIGKILL);
    CHECK(WIFSIGNALED(status));
    sleep_s(3);
    CHECK_EQUAL(program_stop(alpha, SIGTERM), 0);
    CHECK_EQUAL(program_run(output, "copy --json %s/s %s/t", folder, folder), 0);
    json_t *shown = json_loads(strchr(output, '{'), JSON_DISABLE_EOF_CHECK, NULL);
    CHECK(json_is_true(json_object_get(shown, "same")));
    CHECK_EQUAL(json_array_size(json_object_get(shown, "servers")), 3);
    CHECK_EQUAL(number_of(json_array_get(json_object_get(shown, "servers"), 1), "epochs"), 2);
    json_decref(shown);
    check_same(folder, "s", "t");

    alpha = start_server(folder, "t", "alpha");
    sleep_s(2);
    CHECK_EQUAL(program_stop(alpha, SIGTERM), 0);
    shown = inspected(folder, "t");
    CHECK_EQUAL(number_of(json_object_get(shown, "entities"), "all"), ENTITIES);
    json_t *server = json_array_get(json_object_get(shown, "servers"), 1);
    CHECK_EQUAL(number_of(server, "epoch"), 3);
    CHECK_EQUAL(number_of(server, "entities"), ENTITIES);
    json_decref(shown);
    // And again, from the copy, with its name as an address.
    CHECK_EQUAL(program_run(output, "copy --quiet sqlite:%s/t sqlite:%s/u", folder, folder), 0);
    check_says("read again");
    check_same(folder, "t", "u");
    folder_remove(folder);
}

// The servers of a world go on while it is copied; the copy is the world at one moment all the same.
TEST(a_world_is_copied_while_its_servers_run)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder, ENTITIES);
    pid_t alpha = start_server(folder, "s", "alpha"), beta = start_server(folder, "s", "beta");
    sleep_s(3);
    for (int i = 0; i < 5; i++) {
        char name[8];
        snprintf(name, sizeof name, "t%d", i);
        CHECK_EQUAL(program_run(output, "copy --quiet %s/s %s/%s", folder, folder, name), 0);
        check_says("as killed after their last tick");
        json_t *shown = inspected(folder, name);
        CHECK_EQUAL(number_of(json_object_get(shown, "entities"), "all"), ENTITIES);
        CHECK_EQUAL(number_of(json_object_get(shown, "entities"), "carrier_missing"), 0);
        double newest = number_of(json_object_get(shown, "groups"), "newest_tick");
        for (size_t s = 1; s < 3; s++) {
            CHECK(number_of(json_array_get(json_object_get(shown, "servers"), s), "tick") >= newest);
        }
        json_decref(shown);
    }
    CHECK_EQUAL(program_stop(alpha, SIGTERM), 0);
    CHECK_EQUAL(program_stop(beta, SIGTERM), 0);
    folder_remove(folder);
}

TEST(wrong_use_is_told)
{
    CHECK_EQUAL(program_run(output, "copy"), WRONG_USE);
    CHECK_EQUAL(program_run(output, "copy a"), WRONG_USE);
    check_says("pass two stores");
    CHECK_EQUAL(program_run(output, "copy a b c"), WRONG_USE);
    CHECK_EQUAL(program_run(output, "copy a a"), WRONG_USE);
    check_says("cannot be copied to itself");
    CHECK_EQUAL(program_run(output, "copy --colour a b"), WRONG_USE);
}

static bool exists(const char *folder, const char *name)
{
    char path[2 * PROGRAM_PATH_BYTES];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &status) == 0;
}

TEST(stores_that_are_missing_or_taken_are_told)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder, 500);
    CHECK_EQUAL(program_run(output, "copy %s/none %s/t", folder, folder), 1);
    check_says("none: no such directory");
    CHECK(!exists(folder, "t"));
    CHECK_EQUAL(program_run(output, "copy %s %s/t", folder, folder), 1);
    check_says("holds no store");
    CHECK_EQUAL(program_run(output, "copy oracle:x %s/t", folder), 1);
    check_says("no such kind of store");
    CHECK_EQUAL(program_run(output, "copy %s/s oracle:x", folder), 1);
    check_says("no such kind of store");
    CHECK_EQUAL(program_run(output, "copy %s/s %s/no/such/t", folder, folder), 1);
    check_says("the directory above it is missing");
    CHECK_EQUAL(program_run(output, "copy %s/s sqlite:%s/s", folder, folder), 1); // itself, by another name
    check_says("holds a world already");
    CHECK_EQUAL(program_run(output, "copy --quiet %s/s %s/t", folder, folder), 0);
    CHECK_EQUAL(program_run(output, "copy --quiet %s/s %s/t", folder, folder), 1);
    check_says("holds a world already");
    check_same(folder, "s", "t");
    if (geteuid() != 0) {
        CHECK_EQUAL(program_run(output, "copy %s/s /proc/t", folder), 1);
    }
    CHECK_EQUAL(program_run(output, "copy %s/s /dev/null", folder), 1);
    check_says("not a directory");
    folder_remove(folder);
}

// What is left of a copy is no world: it can neither be used nor filled, and removed it makes room for another one.
static void check_broken_off(const char *folder)
{
    check_says("is incomplete; remove it");
    CHECK_EQUAL(program_run(output, "inspect %s/t", folder), 1);
    check_says("a copy into it goes on, or was broken off");
    CHECK_EQUAL(program_run(output, "serve --store %s/t --name alpha --listen 127.0.0.1:0 --seconds 1", folder), 1);
    check_says("a copy into it goes on, or was broken off");
    CHECK_EQUAL(program_run(output, "city --store %s/t --entities 100 --quiet", folder), 1);
    check_says("a copy into it goes on, or was broken off");
    CHECK_EQUAL(program_run(output, "copy %s/s %s/t", folder, folder), 1);
    check_says("a copy into it goes on, or was broken off");
    char path[2 * PROGRAM_PATH_BYTES];
    snprintf(path, sizeof path, "%s/t", folder);
    folder_remove(path);
}

TEST(a_full_disk_breaks_a_copy_off)
{
    char folder[PROGRAM_PATH_BYTES];
    struct rlimit old, limit;
    fill(folder, 20000);
    CHECK_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 400000; // stands for a disk without room for the records
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQUAL(program_run(output, "copy %s/s %s/t", folder, folder), 1);
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    check_says("cannot be written: ");
    check_says("the file may not grow");
    check_broken_off(folder);
    CHECK_EQUAL(program_run(output, "copy %s/s %s/t", folder, folder), 0);
    check_same(folder, "s", "t");
    folder_remove(folder);
}

// Blanks the newest record's body, past SQLite's own eyes.
static void damage(const char *folder)
{
    char path[2 * PROGRAM_PATH_BYTES];
    snprintf(path, sizeof path, "%s/s/city.log.db", folder);
    sqlite3 *db;
    CHECK_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_EQUAL(
        sqlite3_exec(db, "UPDATE record SET body = zeroblob(length(body)) WHERE tick = (SELECT max(tick) FROM record)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
}

TEST(a_damaged_source_is_told)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder, 500);
    damage(folder);
    CHECK_EQUAL(program_run(output, "copy %s/s %s/t", folder, folder), 1);
    check_says("city.log.db: table record, row ");
    check_says("has a wrong sum");
    check_broken_off(folder);
    folder_remove(folder);
}

// A log that fills for seconds, so that there is time to interrupt its copy.
static void make_large(const char *folder)
{
    char path[2 * PROGRAM_PATH_BYTES], text[256];
    static unsigned char body[1 << 20];
    snprintf(path, sizeof path, "%s/s", folder);
    tl_store *store;
    tl_store_event event = {.type = TL_STORE_FAILED};
    CHECK_EQUAL(tl_store_open(path, false, false, &store, text, sizeof text), TL_OK);
    CHECK_EQUAL(tl_store_join(store, "large"), TL_OK);
    for (double until_s = now_s() + 20; event.type != TL_STORE_LOADED;) {
        CHECK(now_s() < until_s);
        if (tl_store_poll(store, &event) == TL_AGAIN) {
            sleep_s(0.001);
        }
    }
    for (int64_t tick = 1; tick <= 150; tick++) {
        while (tl_store_submit(store, tick, body, sizeof body, 1) == TL_ERR_FULL) {
            sleep_s(0.001);
            while (tl_store_poll(store, &event) == TL_OK) {
            }
        }
    }
    CHECK_EQUAL(tl_store_drain(store, 60000), TL_OK);
    tl_store_close(store, true);
}

TEST(a_copy_that_is_interrupted_is_no_world)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGKILL};
    char folder[PROGRAM_PATH_BYTES], log[2 * PROGRAM_PATH_BYTES];
    fill(folder, 500);
    make_large(folder);
    snprintf(log, sizeof log, "%s/copy.log", folder);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        pid_t pid = program_start(log, "copy %s/s %s/t", folder, folder);
        for (double until_s = now_s() + 20; !exists(folder, "t/large.log.db");) {
            CHECK(now_s() < until_s);
            sleep_s(0.001);
        }
        int status = program_stop(pid, signals[i]);
        CHECK(signals[i] == SIGKILL ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 1);
        FILE *in = fopen(log, "r");
        CHECK(in);
        output[fread(output, 1, sizeof output - 1, in)] = 0;
        fclose(in);
        if (signals[i] == SIGKILL) {
            snprintf(output, sizeof output, "is incomplete; remove it");
        } else {
            check_says("tramline: stopped");
        }
        check_broken_off(folder);
    }
    folder_remove(folder);
}

int main(void)
{
    RUN(a_copy_is_the_same_world_and_servers_go_on_from_it);
    RUN(a_world_is_copied_while_its_servers_run);
    RUN(wrong_use_is_told);
    RUN(stores_that_are_missing_or_taken_are_told);
    RUN(a_full_disk_breaks_a_copy_off);
    RUN(a_damaged_source_is_told);
    RUN(a_copy_that_is_interrupted_is_no_world);
}
