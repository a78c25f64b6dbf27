// A young world: its servers have just been registered, and what registers them may be lost with the WAL of world.db
// while their logs are there. Whoever joins or inspects is told CORRUPT; a registration is soon in world.db itself; and
// what is no file at all is named as such.
#include "directory.h"
#include "seat.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_S_MAX = 60, PATH_BYTES = 160 }; // far more than it takes: only that it ends is judged

static const char *const names[] = {"alpha", "beta"};

static void wait_a_little(time_t until)
{
    CHECK(time(NULL) < until);
    usleep(500);
}

static void await(seat *s, tl_store_event_type type, size_t count)
{
    time_t until = time(NULL) + WAIT_S_MAX;
    while (seat_count(s, type, 0) < count) {
        seat_poll(s);
        wait_a_little(until);
    }
}

static void shell(const char *format, const char *a, const char *b)
{
    char command[3 * PATH_BYTES];
    CHECK((size_t)snprintf(command, sizeof(command), format, a, b) < sizeof(command));
    CHECK_EQUAL(system(command), 0);
}

static void open_server(seat *s, const char *directory, const char *name)
{
    seat_open(s, directory_open(directory), name);
    await(s, TL_STORE_LOADED, 1);
}

static void crash(seat *s)
{
    seat_close(s, false);
    seat_free(s);
}

static void commit(seat *s, int64_t tick)
{
    CHECK_EQUAL(seat_submit(s, tick, (uint64_t)tick * 50000), TL_OK);
    CHECK_EQUAL(tl_store_drain(s->store, WAIT_S_MAX * 1000), TL_OK);
    seat_poll(s);
}

typedef struct outcome {
    tl_result result; // TL_OK: loaded
    char text[256];
    tl_server_number server;
    size_t records;
} outcome;

// As `tramline inspect` (no name), or as the server of that name joins.
static outcome read_store(const char *directory, const char *name)
{
    outcome o = {0};
    tl_store *store = NULL;
    o.result = tl_store_open(directory, false, name == NULL, &store, o.text, sizeof(o.text));
    if (o.result != TL_OK) {
        return o;
    }
    CHECK_EQUAL(tl_store_join(store, name), TL_OK);
    time_t until = time(NULL) + WAIT_S_MAX;
    tl_store_event event = {.type = TL_STORE_JOINED};
    while (event.type != TL_STORE_LOADED && event.type != TL_STORE_FAILED) {
        if (tl_store_poll(store, &event) != TL_OK) {
            event.type = TL_STORE_STALLED;
            wait_a_little(until);
            continue;
        }
        o.server = event.type == TL_STORE_JOINED ? event.server : o.server;
        o.records += event.type == TL_STORE_RECORD;
        if (event.type == TL_STORE_FAILED) {
            o.result = event.result;
            snprintf(o.text, sizeof(o.text), "%s", event.text);
        }
    }
    tl_store_close(store, false);
    return o;
}

static void check_refused(const char *directory, const char *name, const char *text)
{
    outcome o = read_store(directory, name);
    if (o.result != TL_ERR_CORRUPT || !strstr(o.text, text)) {
        fprintf(stderr, "  %s: server %u, %s: %s\n", name ? name : "inspect", o.server, tl_result_name(o.result),
                o.text);
    }
    CHECK_EQUAL(o.result, TL_ERR_CORRUPT);
    CHECK(strstr(o.text, text));
}

// The world.db that is there now is put back later, without a WAL: all that came after is lost. Nobody runs on it.
static void keep_world(const char *directory)
{
    shell("cp %s/world.db %s/kept", directory, directory);
}

static void lose_world(const char *directory)
{
    shell("rm -f %s/world.db-wal %s/world.db-shm", directory, directory);
    shell("cp %s/kept %s/world.db", directory, directory);
}

// Alpha and beta have joined, each committed so many records, and crashed; world.db has lost both.
static void make_lost(char *directory, size_t bytes, int commits)
{
    static seat servers[2];
    directory_make(directory, bytes);
    directory_make_world(directory);
    keep_world(directory);
    for (int i = 0; i < 2; i++) {
        open_server(&servers[i], directory, names[i]);
    }
    for (int round = 0; round < commits; round++) {
        commit(&servers[0], round);
        commit(&servers[1], round);
    }
    crash(&servers[0]);
    crash(&servers[1]);
    lose_world(directory);
}

TEST(a_log_that_world_db_does_not_list_is_damage)
{
    for (int commits = 0; commits <= 20; commits += 20) {
        char directory[64];
        make_lost(directory, sizeof(directory), commits);
        check_refused(directory, NULL, "world.db does not list its server");
        check_refused(directory, "gamma", "world.db does not list its server");
        check_refused(directory, "alpha", "world.db does not list its server");
        directory_remove(directory);
    }
}

TEST(servers_that_world_db_has_lost_are_listed_again_on_demand)
{
    char directory[64], lost[512], text[256];
    make_lost(directory, sizeof(directory), 20);
    CHECK_EQUAL(tl_sqlite_store_accept_loss(directory, lost, sizeof(lost), text, sizeof(text)), TL_OK);
    CHECK(strstr(lost, "server 1, alpha") && strstr(lost, "server 2, beta"));
    outcome o = read_store(directory, NULL);
    CHECK_EQUAL(o.result, TL_OK);
    CHECK_EQUAL(o.records, 40);
    o = read_store(directory, "gamma");
    CHECK_EQUAL(o.result, TL_OK);
    CHECK_EQUAL(o.server, 3);
    o = read_store(directory, "beta");
    CHECK_EQUAL(o.server, 2);
    directory_remove(directory);
}

// Gamma has joined while the logs were elsewhere, and has alpha's number.
TEST(a_number_that_was_given_anew_is_not_given_back)
{
    char directory[64], lost[512], text[256];
    make_lost(directory, sizeof(directory), 1);
    shell("mkdir %s-logs%s", directory, "");
    shell("mv %s/*.log.db* %s-logs", directory, directory);
    CHECK_EQUAL(read_store(directory, "gamma").server, 1);
    shell("mv %s-logs/alpha.* %s", directory, directory);
    shell("rm -r %s-logs%s", directory, "");
    check_refused(directory, "delta", "world.db does not list its server");
    check_refused(directory, NULL, "world.db does not list its server");
    CHECK_EQUAL(tl_sqlite_store_accept_loss(directory, lost, sizeof(lost), text, sizeof(text)), TL_ERR_CORRUPT);
    directory_remove(directory);
}

// Alpha has committed 20 records, and a copy of its log is left in the folder. Nobody runs.
static void make_copied(char *directory, size_t bytes)
{
    static seat alpha;
    directory_make(directory, bytes);
    directory_make_world(directory);
    open_server(&alpha, directory, "alpha");
    for (int tick = 0; tick < 20; tick++) {
        commit(&alpha, tick);
    }
    crash(&alpha);
    shell("cp %s/alpha.log.db %s/alpha-old.log.db", directory, directory);
}

TEST(a_copy_of_a_log_is_named_as_such)
{
    static const char says[] = "alpha-old.log.db: looks like a copy of alpha.log.db (server number 1); "
                               "move it out of the folder";
    char directory[64], lost[512], text[256];
    make_copied(directory, sizeof(directory));
    check_refused(directory, NULL, says);
    check_refused(directory, "alpha", says);
    check_refused(directory, "gamma", says);
    CHECK_EQUAL(tl_sqlite_store_accept_loss(directory, lost, sizeof(lost), text, sizeof(text)), TL_ERR_CORRUPT);
    CHECK(strstr(text, says));
    shell("rm %s/alpha-old.log.db%s", directory, "*");
    outcome o = read_store(directory, NULL);
    CHECK_EQUAL(o.result, TL_OK);
    CHECK_EQUAL(o.records, 20);
    CHECK_EQUAL(read_store(directory, "alpha").result, TL_OK);
    directory_remove(directory);
}

// Its original is gone: it may be all that is left of it.
TEST(a_copy_without_its_original_is_not_to_be_moved_away)
{
    char directory[64];
    make_copied(directory, sizeof(directory));
    shell("rm %s/alpha.log.db%s", directory, "*");
    check_refused(directory, NULL, "world.db does not list its server");
    directory_remove(directory);
}

// The log of a server that was fenced names an heir of which nothing else is left.
TEST(an_heir_that_world_db_does_not_list_is_damage)
{
    static seat alpha, beta;
    char directory[64];
    directory_make(directory, sizeof(directory));
    directory_make_world(directory);
    open_server(&beta, directory, "beta");
    crash(&beta);
    keep_world(directory);
    open_server(&beta, directory, "beta"); // it commits nothing, and so its log has seen nobody
    open_server(&alpha, directory, "alpha");
    await(&alpha, TL_STORE_SERVER, 1);
    tl_server_number server = beta.server;
    uint32_t epoch = beta.epoch;
    crash(&beta);
    CHECK_EQUAL(tl_store_fence(alpha.store, server, epoch, -1), TL_OK);
    time_t until = time(NULL) + WAIT_S_MAX;
    while (!seat_last(&alpha, TL_STORE_FENCED, server) ||
           seat_last(&alpha, TL_STORE_FENCED, server)->event.epoch != epoch) {
        seat_poll(&alpha);
        wait_a_little(until);
    }
    crash(&alpha);
    lose_world(directory);
    shell("rm %s/alpha.log.db%s", directory, "*");
    check_refused(directory, NULL, "the heir of epoch 2 is server 2");
    check_refused(directory, "gamma", "the heir of epoch 2 is server 2");
    directory_remove(directory);
}

TEST(logs_of_another_world_are_no_damage)
{
    char directory[64], other[64];
    make_lost(other, sizeof(other), 3);
    directory_make(directory, sizeof(directory));
    tl_store *store = NULL;
    tl_sqlite_def def = tl_sqlite_def_default();
    def.directory = directory, def.create = true;
    CHECK_EQUAL(tl_sqlite_store_open(&def, &store, NULL, 0), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = 20, .created_us = 2, .scenario = "test"};
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
    shell("cp %s/alpha.log.db %s", other, directory);
    shell("mkdir %s/directory.log.db && echo rubbish >%s/rubbish.log.db", directory, directory);
    CHECK_EQUAL(read_store(directory, NULL).result, TL_OK);
    CHECK_EQUAL(read_store(directory, "gamma").result, TL_OK);
    directory_remove(directory);
    directory_remove(other);
}

TEST(no_world_is_made_beside_logs)
{
    char directory[64], path[PATH_BYTES], text[256];
    make_lost(directory, sizeof(directory), 1);
    snprintf(path, sizeof(path), "%s/world.db", directory);
    CHECK_EQUAL(truncate(path, 0), 0);
    tl_store *store = NULL;
    tl_sqlite_def def = tl_sqlite_def_default();
    def.directory = directory, def.create = true;
    CHECK_EQUAL(tl_sqlite_store_open(&def, &store, text, sizeof(text)), TL_ERR_CORRUPT);
    CHECK(strstr(text, "holds no world, but "));
    directory_remove(directory);
}

// How many servers that file lists, whatever its WAL holds.
static int count_servers(const char *directory)
{
    char path[PATH_BYTES];
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    shell("cp %s/world.db %s/alone", directory, directory);
    snprintf(path, sizeof(path), "%s/alone", directory);
    int count = 0;
    if (sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT count(*) FROM server", -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW) {
        count = sqlite3_column_int(row, 0);
    }
    sqlite3_finalize(row);
    sqlite3_close(db);
    return count;
}

TEST(a_registration_is_soon_in_world_db_itself)
{
    static seat servers[2];
    char directory[64];
    directory_make(directory, sizeof(directory));
    directory_make_world(directory);
    for (int i = 0; i < 2; i++) {
        open_server(&servers[i], directory, names[i]);
        for (time_t until = time(NULL) + WAIT_S_MAX; count_servers(directory) <= i;) {
            wait_a_little(until);
        }
    }
    crash(&servers[0]);
    crash(&servers[1]);
    directory_remove(directory);
}

// As a crash leaves it, with a bit changed where the first frame of the WAL begins.
TEST(a_changed_bit_in_the_wal_of_a_young_world_gives_no_number_twice)
{
    static seat servers[2];
    char directory[64], copy[80], path[PATH_BYTES];
    directory_make(directory, sizeof(directory));
    directory_make_world(directory);
    for (int i = 0; i < 2; i++) {
        open_server(&servers[i], directory, names[i]);
    }
    for (int64_t tick = 1; tick <= 20; tick++) {
        commit(&servers[0], tick);
        commit(&servers[1], tick);
    }
    snprintf(copy, sizeof(copy), "%s-copy", directory);
    shell("cp -r %s %s", directory, copy);
    snprintf(path, sizeof(path), "%s/world.db-wal", copy);
    FILE *file = fopen(path, "r+b");
    CHECK(file && fseek(file, 156, SEEK_SET) == 0);
    int byte = fgetc(file);
    CHECK(fseek(file, 156, SEEK_SET) == 0 && fputc(byte ^ 1, file) != EOF && fclose(file) == 0);
    outcome o = read_store(copy, "gamma");
    CHECK(o.result == TL_ERR_CORRUPT || (o.result == TL_OK && o.server == 3 && o.records == 40));
    crash(&servers[0]);
    crash(&servers[1]);
    directory_remove(directory);
    directory_remove(copy);
}

TEST(what_is_no_file_is_named)
{
    static const char *const files[] = {"world.db", "world.db-wal", "alpha.log.db", "beta.log.db-wal"};
    static const char *const commands[] = {"mkdir", "mkfifo"};
    for (int i = 0; i < 8; i++) {
        static seat server;
        char directory[64], path[PATH_BYTES];
        directory_make(directory, sizeof(directory));
        directory_make_world(directory);
        for (int j = 0; j < 2; j++) {
            open_server(&server, directory, names[j]);
            crash(&server);
        }
        snprintf(path, sizeof(path), "%s/%s", directory, files[i / 2]);
        shell("rm -f %s%s", path, "");
        shell("%s %s", commands[i % 2], path);
        check_refused(directory, NULL, "not a file");
        check_refused(directory, "gamma", "not a file");
        directory_remove(directory);
    }
}

int main(void)
{
    RUN(a_log_that_world_db_does_not_list_is_damage);
    RUN(servers_that_world_db_has_lost_are_listed_again_on_demand);
    RUN(a_number_that_was_given_anew_is_not_given_back);
    RUN(a_copy_of_a_log_is_named_as_such);
    RUN(a_copy_without_its_original_is_not_to_be_moved_away);
    RUN(an_heir_that_world_db_does_not_list_is_damage);
    RUN(logs_of_another_world_are_no_damage);
    RUN(no_world_is_made_beside_logs);
    RUN(a_registration_is_soon_in_world_db_itself);
    RUN(a_changed_bit_in_the_wal_of_a_young_world_gives_no_number_twice);
    RUN(what_is_no_file_is_named);
    return 0;
}
