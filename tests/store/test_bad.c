// Stores that are missing, locked, full, read-only, damaged or of another version: a clear text each time, no crash,
// and nothing that was committed is lost.
#include "directory.h"
#include "seat.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t steady_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static const told *await(seat *s, tl_store_event_type type, size_t count)
{
    uint64_t until_ms = steady_ms() + 20000;
    while (seat_count(s, type, 0) < count) {
        seat_poll(s);
        usleep(500);
        CHECK(steady_ms() < until_ms);
    }
    return seat_last(s, type, 0);
}

static void expect(const char *uri, bool create, bool read_only, tl_result expected, const char *words)
{
    tl_store *store = NULL;
    char text[256] = "";
    tl_result result = tl_store_open(uri, create, read_only, &store, text, sizeof(text));
    if (result != expected || !strstr(text, words)) {
        fprintf(stderr, "%s: %s, not %s: %s\n", uri, tl_result_name(result), tl_result_name(expected), text);
    }
    CHECK_EQUAL(result, expected);
    CHECK(strstr(text, words));
    CHECK((store != NULL) == (expected == TL_OK));
    if (store) {
        tl_store_close(store, false);
    }
}

static void execute(const char *directory, const char *file, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    snprintf(path, sizeof(path), "%s/%s", directory, file);
    CHECK_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
}

// A store with `count` records of alpha.
static void make_store(char *directory, size_t bytes, int count)
{
    directory_make(directory, bytes);
    directory_make_world(directory);
    seat s;
    seat_open(&s, directory_open(directory), "alpha");
    await(&s, TL_STORE_LOADED, 1);
    for (int i = 0; i < count; i++) {
        CHECK_EQUAL(seat_submit(&s, i, 1), TL_OK);
    }
    CHECK_EQUAL(tl_store_drain(s.store, 10000), TL_OK);
    seat_free(&s);
}

static void overwrite(const char *directory, const char *file, long offset, const char *bytes, size_t size)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, file);
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    CHECK(fd >= 0);
    CHECK_EQUAL(pwrite(fd, bytes, size, offset), size);
    close(fd);
}

// ---- addresses -----------------------------------------------------------------------------------------------------

TEST(addresses_are_checked)
{
    char directory[64], uri[128];
    make_store(directory, sizeof(directory), 0);
    expect("/nowhere/at/all", false, false, TL_ERR_NOT_FOUND, "no such directory");
    expect("/nowhere/at/all", true, false, TL_ERR_NOT_FOUND, "directory above it");
    expect("/dev/null", false, false, TL_ERR_INVALID, "not a directory");
    expect("/", false, false, TL_ERR_NOT_FOUND, "holds no store");
    expect("", false, false, TL_ERR_INVALID, "not named");
    expect("oracle:dir", false, false, TL_ERR_INVALID, "sqlite:DIR");
    expect("fdb:/nowhere/fdb.cluster", false, false, TL_ERR_NOT_FOUND, "no such cluster file");
    expect("fdb:", false, false, TL_ERR_INVALID, "not named");
    expect("fdb:/dev/null?name=city", false, false, TL_ERR_INVALID, "only prefix=NAME");
    expect("fdb:/dev/null?prefix=a/b", false, false, TL_ERR_INVALID, "no prefix");
    expect("fdb:/dev/null?prefix=", false, false, TL_ERR_INVALID, "no prefix");
    expect("sqlite://host/dir", false, false, TL_ERR_INVALID, "on this machine only");
    expect(directory, false, false, TL_OK, "");
    expect(directory, true, true, TL_ERR_INVALID, "reading only");
    snprintf(uri, sizeof(uri), "%s/none", directory);
    expect(uri, true, true, TL_ERR_INVALID, "reading only");
    CHECK_EQUAL(access(uri, F_OK), -1);
    tl_sqlite_def def = tl_sqlite_def_default();
    def.directory = uri, def.create = true, def.read_only = true;
    tl_store *store = NULL;
    CHECK_EQUAL(tl_sqlite_store_open(&def, &store, NULL, 0), TL_ERR_INVALID);
    CHECK_EQUAL(access(uri, F_OK), -1);
    snprintf(uri, sizeof(uri), "sqlite:%s", directory);
    expect(uri, false, false, TL_OK, "");
    snprintf(uri, sizeof(uri), "sqlite://%s", directory);
    expect(uri, false, true, TL_OK, "");
    char long_path[2000];
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = 0;
    expect(long_path, true, false, TL_ERR_INVALID, "too long");
    directory_remove(directory);
}

// ---- damage --------------------------------------------------------------------------------------------------------

TEST(other_files_and_versions_are_refused)
{
    char directory[64], command[256];
    make_store(directory, sizeof(directory), 3);
    execute(directory, "world.db", "PRAGMA user_version=7");
    expect(directory, false, false, TL_ERR_CORRUPT, "header names another format");
    execute(directory, "world.db", "PRAGMA user_version=2; PRAGMA application_id=5");
    expect(directory, false, false, TL_ERR_CORRUPT, "not this part of a Tramline store");
    execute(directory, "world.db", "PRAGMA application_id=0x54524d57");
    expect(directory, false, false, TL_OK, "");
    execute(directory, "alpha.log.db", "PRAGMA user_version=8; ALTER TABLE head ADD COLUMN later INTEGER");
    seat s;
    seat_open(&s, directory_open(directory), NULL);
    const told *t = await(&s, TL_STORE_FAILED, 1);
    CHECK_EQUAL(t->event.result, TL_ERR_VERSION);
    CHECK(strstr(t->event.text, "format 8") && strstr(t->event.text, "alpha.log.db"));
    CHECK(strstr(t->event.text, "use the release that made it"));
    CHECK_EQUAL(tl_store_drain(s.store, 10), TL_OK);
    seat_free(&s);
    execute(directory, "alpha.log.db", "PRAGMA user_version=2; ALTER TABLE head DROP COLUMN later");
    seat_open(&s, directory_open(directory), "beta");
    await(&s, TL_STORE_LOADED, 1);
    seat_free(&s);
    snprintf(command, sizeof(command), "cp %s/beta.log.db %s/alpha.log.db", directory, directory);
    CHECK_EQUAL(system(command), 0);
    seat_open(&s, directory_open(directory), "alpha");
    t = await(&s, TL_STORE_FAILED, 1);
    CHECK(strstr(t->event.text, "another world or server"));
    CHECK_EQUAL(tl_store_submit(s.store, 1, "x", 1, 1), TL_ERR_STATE);
    seat_free(&s);
    execute(directory, "world.db", "DROP TABLE checkpoint");
    expect(directory, false, false, TL_ERR_CORRUPT, "tables are not those");
    directory_remove(directory);
}

// What the first release wrote: no manifest, and nothing of what format 2 added.
TEST(an_older_format_is_refused_with_advice)
{
    char directory[64];
    make_store(directory, sizeof(directory), 3);
    execute(directory, "world.db", "PRAGMA user_version=1; DROP TABLE manifest");
    expect(directory, false, false, TL_ERR_VERSION, "stored in format 1");
    expect(directory, false, false, TL_ERR_VERSION,
           "use the release that made it, or convert a copy: 'tramline inspect DIR --repair NEW'");
    expect(directory, false, true, TL_ERR_CORRUPT, "its tables are not those of a store"); // nor of that release
    directory_remove(directory);
}

TEST(damaged_bytes_are_found)
{
    char directory[64], noise[4096];
    memset(noise, 0x5a, sizeof(noise));
    make_store(directory, sizeof(directory), 3);
    overwrite(directory, "world.db", 8192, noise, sizeof(noise)); // its second page
    expect(directory, false, false, TL_ERR_CORRUPT, "damaged");
    overwrite(directory, "world.db", 0, noise, sizeof(noise)); // its header
    expect(directory, false, false, TL_ERR_CORRUPT, "header is damaged");
    directory_remove(directory);

    // A bit within a record's body, which SQLite does not look at.
    make_store(directory, sizeof(directory), 30);
    execute(directory, "alpha.log.db", "UPDATE record SET body = zeroblob(length(body)) WHERE tick = 20");
    seat s;
    seat_open(&s, directory_open(directory), NULL);
    const told *t = await(&s, TL_STORE_FAILED, 1);
    CHECK_EQUAL(t->event.result, TL_ERR_CORRUPT);
    CHECK(strstr(t->event.text, "alpha.log.db: table record, row 20 has a wrong sum"));
    CHECK_EQUAL(seat_count(&s, TL_STORE_RECORD, 0), 20);
    seat_free(&s);
    // A record that is gone shows too.
    execute(directory, "alpha.log.db", "DELETE FROM record WHERE tick BETWEEN 15 AND 40");
    seat_open(&s, directory_open(directory), NULL);
    t = await(&s, TL_STORE_FAILED, 1);
    CHECK_EQUAL(t->event.result, TL_ERR_CORRUPT);
    seat_free(&s);
    directory_remove(directory);
}

static void expect_missing_records(const char *sql, const char *name)
{
    char directory[64];
    make_store(directory, sizeof(directory), 30);
    execute(directory, "alpha.log.db", sql);
    seat s;
    seat_open(&s, directory_open(directory), name);
    const told *t = await(&s, TL_STORE_FAILED, 1);
    CHECK_EQUAL(t->event.result, TL_ERR_CORRUPT);
    CHECK(strstr(t->event.text, "alpha.log.db") && strstr(t->event.text, "missing") &&
          strstr(t->event.text, "restore it"));
    CHECK(!s.loaded);
    seat_free(&s);
    directory_remove(directory);
}

// No cut made the gap, so nobody may take it for one: the store would be loaded again and again.
TEST(missing_records_are_found)
{
    static const char *const names[] = {NULL, "alpha", "beta"};
    for (int i = 0; i < 3; i++) {
        expect_missing_records("DELETE FROM record WHERE tick = 15", names[i]);
        expect_missing_records("DELETE FROM record WHERE tick BETWEEN 5 AND 28", names[i]);
        expect_missing_records("DELETE FROM record WHERE tick = 29", names[i]);
    }
}

static void copy_file(const char *directory, const char *from, const char *to)
{
    char command[256];
    snprintf(command, sizeof(command), "cp %s/%s %s/%s", directory, from, directory, to);
    CHECK_EQUAL(system(command), 0);
}

static void run_two(const char *directory, int64_t first, int64_t last)
{
    seat alpha, beta;
    seat_open(&alpha, directory_open(directory), "alpha");
    seat_open(&beta, directory_open(directory), "beta");
    await(&alpha, TL_STORE_LOADED, 1);
    await(&beta, TL_STORE_LOADED, 1);
    for (int64_t tick = first; tick <= last; tick++) {
        CHECK_EQUAL(seat_submit(&alpha, tick, 1), TL_OK);
        await(&alpha, TL_STORE_COMMITTED, (size_t)(tick - first + 1));
        CHECK_EQUAL(seat_submit(&beta, tick, 1), TL_OK);
        await(&beta, TL_STORE_COMMITTED, (size_t)(tick - first + 1));
    }
    seat_free(&alpha);
    seat_free(&beta);
}

static void expect_corrupt(const char *directory, const char *name, const char *file, const char *words)
{
    seat s;
    seat_open(&s, directory_open(directory), name);
    const told *t = await(&s, TL_STORE_FAILED, 1);
    CHECK_EQUAL(t->event.result, TL_ERR_CORRUPT);
    CHECK(strstr(t->event.text, file) && strstr(t->event.text, words));
    seat_free(&s);
}

// A file as it was some time ago is sound in itself: the others show that it is old. Nothing is written before that is
// known, so that it shows again at the next try; and it can be accepted, as after a power cut.
TEST(an_old_file_is_found_and_can_be_accepted)
{
    char directory[64], lost[1024], text[256];
    directory_make(directory, sizeof(directory));
    directory_make_world(directory);
    run_two(directory, 0, 20);
    CHECK_EQUAL(tl_sqlite_store_accept_loss(directory, lost, sizeof(lost), text, sizeof(text)), TL_OK);
    CHECK_EQUAL(lost[0], 0);
    copy_file(directory, "alpha.log.db", "kept");
    run_two(directory, 21, 40);
    copy_file(directory, "kept", "alpha.log.db");
    for (int tries = 0; tries < 2; tries++) {
        expect_corrupt(directory, NULL, "alpha.log.db", "table head: ends at epoch 1, tick 20, but ");
        expect_corrupt(directory, "alpha", "alpha.log.db", "has seen epoch 2, tick ");
        expect_corrupt(directory, "beta", "alpha.log.db", "restore it from a copy");
    }
    CHECK_EQUAL(tl_sqlite_store_accept_loss(directory, lost, sizeof(lost), text, sizeof(text)), TL_OK);
    printf("  %s\n", lost);
    CHECK(strstr(lost, "alpha.log.db ends at epoch 1, tick 20") && strstr(lost, "up to epoch 2, tick "));
    run_two(directory, 41, 50);
    CHECK_EQUAL(tl_sqlite_store_accept_loss(directory, lost, sizeof(lost), text, sizeof(text)), TL_OK);
    CHECK_EQUAL(lost[0], 0);
    // A log that is gone is not to be made anew.
    copy_file(directory, "alpha.log.db", "kept");
    char path[128];
    snprintf(path, sizeof(path), "%s/alpha.log.db", directory);
    CHECK_EQUAL(unlink(path), 0);
    expect_corrupt(directory, "alpha", directory, "is missing; stop all servers and put it back");
    CHECK_EQUAL(tl_sqlite_store_accept_loss(directory, lost, sizeof(lost), text, sizeof(text)), TL_ERR_CORRUPT);
    CHECK(strstr(text, "put it back"));
    CHECK_EQUAL(access(path, F_OK), -1);
    copy_file(directory, "kept", "alpha.log.db");
    run_two(directory, 51, 55);
    directory_remove(directory);
}

TEST(random_damage_never_crashes)
{
    uint64_t random = 99;
    for (int round = 0; round < 40; round++) {
        char directory[64];
        make_store(directory, sizeof(directory), 40);
        for (int i = 0; i < 20; i++) {
            char byte = (char)check_random(&random);
            overwrite(directory, "alpha.log.db", (long)(check_random(&random) % 200000), &byte, 1);
        }
        seat s;
        seat_open(&s, directory_open(directory), round % 2 ? "alpha" : NULL);
        uint64_t until_ms = steady_ms() + 10000;
        while (!s.loaded && seat_count(&s, TL_STORE_FAILED, 0) == 0) {
            seat_poll(&s);
            usleep(500);
            CHECK(steady_ms() < until_ms);
        }
        for (size_t i = 0; i < s.count; i++) {
            if (s.journal[i].event.type == TL_STORE_RECORD) {
                body_check(&s.journal[i]); // what is told is right
            }
        }
        seat_free(&s);
        directory_remove(directory);
    }
}

// ---- the world around ----------------------------------------------------------------------------------------------

TEST(locked_by_another_process_at_the_join)
{
    char directory[64], path[128];
    make_store(directory, sizeof(directory), 3);
    snprintf(path, sizeof(path), "%s/alpha.log.db", directory);
    sqlite3 *lock = NULL;
    CHECK_EQUAL(sqlite3_open(path, &lock), SQLITE_OK);
    CHECK_EQUAL(sqlite3_exec(lock, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    seat s;
    seat_open(&s, directory_open(directory), "alpha");
    const told *t = await(&s, TL_STORE_STALLED, 1);
    CHECK_EQUAL(t->event.result, TL_ERR_BUSY);
    CHECK(strstr(t->event.text, "locked by another process") && strstr(t->event.text, "alpha.log.db"));
    usleep(100000);
    CHECK_EQUAL(sqlite3_exec(lock, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQUAL(sqlite3_close(lock), SQLITE_OK);
    await(&s, TL_STORE_LOADED, 1);
    CHECK_EQUAL(seat_count(&s, TL_STORE_STALLED, 0), 1);
    CHECK_EQUAL(seat_count(&s, TL_STORE_RECOVERED, 0), 1);
    CHECK_EQUAL(s.tick, 2);
    seat_check(&s);
    seat_free(&s);
    directory_remove(directory);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    CHECK_EQUAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

// Submits until it stalls for want of space, calls `relieve`, and sees that all of it is committed after all.
static void run_out_of_space(const char *directory, void (*relieve)(const char *directory))
{
    seat s, loader;
    seat_open(&s, directory_open(directory), "alpha");
    await(&s, TL_STORE_LOADED, 1);
    uint64_t until_ms = steady_ms() + 20000;
    while (seat_count(&s, TL_STORE_STALLED, 0) == 0) {
        (void)seat_submit(&s, s.tick + 1, 1);
        seat_poll(&s);
        usleep(1000);
        CHECK(steady_ms() < until_ms);
    }
    const told *t = seat_last(&s, TL_STORE_STALLED, 0);
    fprintf(stderr, "  %s: %s\n", tl_result_name(t->event.result), t->event.text);
    CHECK_EQUAL(t->event.result, TL_ERR_NO_SPACE);
    usleep(200000);
    relieve(directory);
    await(&s, TL_STORE_RECOVERED, 1);
    CHECK_EQUAL(tl_store_drain(s.store, 10000), TL_OK);
    seat_poll(&s);
    int64_t last_tick = s.tick;
    CHECK_EQUAL(seat_last(&s, TL_STORE_COMMITTED, 0)->event.tick, last_tick);
    seat_check(&s);
    seat_free(&s);
    seat_open(&loader, directory_open(directory), NULL);
    await(&loader, TL_STORE_LOADED, 1);
    CHECK_EQUAL(seat_count(&loader, TL_STORE_RECORD, 0), last_tick + 1);
    seat_check(&loader);
    seat_free(&loader);
}

static void raise_limit(const char *directory)
{
    set_file_limit(RLIM_INFINITY);
}

TEST(a_file_that_may_not_grow_stalls_and_recovers)
{
    char directory[64];
    make_store(directory, sizeof(directory), 0);
    set_file_limit(2 << 20);
    run_out_of_space(directory, raise_limit);
    directory_remove(directory);
}

static void enlarge(const char *directory)
{
    CHECK_EQUAL(mount(NULL, directory, NULL, MS_REMOUNT, "size=64m"), 0);
}

TEST(a_full_disk_stalls_and_recovers)
{
    char directory[64];
    directory_make(directory, sizeof(directory));
    if (mount("tmpfs", directory, "tmpfs", 0, "size=4m") != 0) {
        printf("  not run: mounting is not permitted here\n");
        directory_remove(directory);
        return;
    }
    directory_make_world(directory);
    run_out_of_space(directory, enlarge);
    CHECK_EQUAL(umount2(directory, MNT_DETACH), 0);
    directory_remove(directory);
}

static void load_read_only(const char *directory, size_t records)
{
    tl_store *store = NULL;
    seat s;
    char text[256];
    tl_result result = tl_store_open(directory, false, true, &store, text, sizeof(text));
    CHECK_EQUAL(result, TL_OK);
    CHECK_EQUAL(tl_store_join(store, "alpha"), TL_ERR_READ_ONLY);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = 20};
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_ERR_READ_ONLY);
    seat_open(&s, store, NULL);
    await(&s, TL_STORE_LOADED, 1);
    CHECK_EQUAL(seat_count(&s, TL_STORE_RECORD, 0), records);
    seat_check(&s);
    seat_free(&s);
}

TEST(read_only_media_can_be_inspected_and_not_written)
{
    char directory[64], made[64], command[256];
    make_store(made, sizeof(made), 30);
    load_read_only(made, 30);
    directory_make(directory, sizeof(directory));
    if (mount("tmpfs", directory, "tmpfs", 0, "size=16m") != 0) {
        printf("  not run: mounting is not permitted here\n");
    } else {
        snprintf(command, sizeof(command), "cp %s/*.db %s", made, directory);
        CHECK_EQUAL(system(command), 0);
        CHECK_EQUAL(mount(NULL, directory, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
        expect(directory, false, false, TL_ERR_READ_ONLY, "mount");
        load_read_only(directory, 30);
        CHECK_EQUAL(umount2(directory, MNT_DETACH), 0);
    }
    directory_remove(directory);
    directory_remove(made);
}

TEST(files_removed_while_in_use_are_noticed)
{
    char directory[64], path[128];
    make_store(directory, sizeof(directory), 3);
    seat s;
    seat_open(&s, directory_open(directory), "alpha");
    await(&s, TL_STORE_LOADED, 1);
    snprintf(path, sizeof(path), "%s/alpha.log.db", directory);
    CHECK_EQUAL(unlink(path), 0);
    const told *t = await(&s, TL_STORE_FAILED, 1);
    CHECK_EQUAL(t->event.result, TL_ERR_NOT_FOUND);
    CHECK(strstr(t->event.text, "removed or replaced"));
    seat_free(&s);
    directory_remove(directory);
}

TEST(a_follower_that_falls_behind_a_cut_is_told)
{
    char directory[64];
    make_store(directory, sizeof(directory), 0);
    seat s, slow;
    seat_open(&slow, directory_open(directory), NULL);
    await(&slow, TL_STORE_LOADED, 1);
    seat_open(&s, directory_open(directory), "alpha");
    await(&s, TL_STORE_LOADED, 1);
    for (int i = 0; i < 3000; i++) {
        CHECK_EQUAL(tl_store_submit(s.store, i, "x", 1, 1), TL_OK);
        await(&s, TL_STORE_COMMITTED, i < 40 ? 0 : (size_t)i - 40);
    }
    CHECK_EQUAL(tl_store_truncate(s.store, 2990), TL_OK);
    CHECK_EQUAL(tl_store_drain(s.store, 10000), TL_OK);
    const told *t = await(&slow, TL_STORE_FAILED, 1);
    CHECK_EQUAL(t->event.result, TL_ERR_NOT_FOUND);
    CHECK(strstr(t->event.text, "attach again"));
    seat_free(&s);
    seat_free(&slow);
    directory_remove(directory);
}

// Another process that has begun to read, and goes on doing so until it is killed.
static pid_t hold_snapshot(const char *directory)
{
    int ready[2];
    char byte = 0;
    CHECK_EQUAL(pipe(ready), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char path[128];
        sqlite3 *db = NULL;
        snprintf(path, sizeof(path), "%s/alpha.log.db", directory);
        bool reads = sqlite3_open(path, &db) == SQLITE_OK &&
                     sqlite3_exec(db, "BEGIN; SELECT * FROM head", NULL, NULL, NULL) == SQLITE_OK;
        if (!reads || write(ready[1], &byte, 1) != 1) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    CHECK_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static off_t size_of(const char *directory, const char *name)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    CHECK_EQUAL(stat(path, &status), 0);
    return status.st_size;
}

// Records of 4 MB each until that is reported; how many were submitted.
static int64_t submit_until(seat *s, int64_t tick, tl_store_event_type type, char *body, size_t bytes)
{
    uint64_t until_ms = steady_ms() + 120000;
    while (seat_count(s, type, 0) == 0) {
        if (tl_store_submit(s->store, tick, body, bytes, 1) == TL_OK) {
            tick++;
        }
        (void)tl_store_drain(s->store, 100);
        seat_poll(s);
        CHECK(steady_ms() < until_ms);
    }
    return tick;
}

TEST(a_reader_that_does_not_end_is_reported_and_bounded)
{
    enum { BYTES = 4 << 20, BYTES_MAX = 100 << 20 };
    char directory[64], process[32];
    make_store(directory, sizeof(directory), 3);
    tl_sqlite_def def = tl_sqlite_def_default();
    def.directory = directory, def.wal_bytes_max = BYTES_MAX;
    pid_t reader = hold_snapshot(directory);
    tl_store *store = NULL;
    seat s;
    CHECK_EQUAL(tl_sqlite_store_open(&def, &store, NULL, 0), TL_OK);
    seat_open(&s, store, "alpha");
    await(&s, TL_STORE_LOADED, 1);
    char *body = calloc(1, BYTES);
    CHECK(body);
    int64_t tick = submit_until(&s, 100, TL_STORE_NOTICE, body, BYTES);
    const told *t = seat_last(&s, TL_STORE_NOTICE, 0);
    fprintf(stderr, "  %s\n", t->event.text);
    CHECK_EQUAL(t->event.result, TL_ERR_NO_SPACE);
    CHECK(strstr(t->event.text, "alpha.log.db") && strstr(t->event.text, "-wal file has grown to "));
    snprintf(process, sizeof(process), "process %d", (int)reader);
    CHECK(strstr(t->event.text, process) || access("/proc/locks", R_OK) != 0);
    CHECK_EQUAL(seat_count(&s, TL_STORE_STALLED, 0), 0);
    tick = submit_until(&s, tick, TL_STORE_STALLED, body, BYTES);
    t = seat_last(&s, TL_STORE_STALLED, 0);
    CHECK_EQUAL(t->event.result, TL_ERR_NO_SPACE);
    CHECK(strstr(t->event.text, "nothing is written until then"));
    CHECK(size_of(directory, "alpha.log.db-wal") < BYTES_MAX + 20 * BYTES);
    CHECK_EQUAL(kill(reader, SIGKILL), 0);
    CHECK_EQUAL(waitpid(reader, NULL, 0), reader);
    await(&s, TL_STORE_RECOVERED, 1);
    CHECK_EQUAL(tl_store_drain(s.store, 60000), TL_OK);
    seat_poll(&s);
    CHECK_EQUAL(seat_last(&s, TL_STORE_COMMITTED, 0)->event.tick, tick - 1);
    CHECK_EQUAL(tl_store_submit(s.store, tick, "x", 1, 1), TL_OK);
    uint64_t until_ms = steady_ms() + 60000;
    while (size_of(directory, "alpha.log.db-wal") > 5 * BYTES) { // it shrinks again
        (void)tl_store_submit(s.store, ++tick, "x", 1, 1);
        (void)tl_store_drain(s.store, 100);
        seat_poll(&s);
        CHECK(steady_ms() < until_ms);
    }
    free(body);
    seat_free(&s);
    directory_remove(directory);
}

int main(void)
{
    RUN(addresses_are_checked);
    RUN(other_files_and_versions_are_refused);
    RUN(an_older_format_is_refused_with_advice);
    RUN(damaged_bytes_are_found);
    RUN(missing_records_are_found);
    RUN(an_old_file_is_found_and_can_be_accepted);
    RUN(random_damage_never_crashes);
    RUN(a_reader_that_does_not_end_is_reported_and_bounded);
    RUN(locked_by_another_process_at_the_join);
    RUN(a_file_that_may_not_grow_stalls_and_recovers);
    RUN(a_full_disk_stalls_and_recovers);
    RUN(read_only_media_can_be_inspected_and_not_written);
    RUN(files_removed_while_in_use_are_noticed);
    RUN(a_follower_that_falls_behind_a_cut_is_told);
    return 0;
}
