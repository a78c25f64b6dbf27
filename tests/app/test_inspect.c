// `tramline inspect`: what it counts, and what it finds.
#include "check.h"
#include "program.h"

#include "tramline/store.h"

#include <signal.h>
#include <sqlite3.h>

enum { ENTITIES = 3000, DAMAGED_TICK = 5, UNREAD_TICK = 1000 };
#define UNREAD_GROUP 0xfffe000000000002u // of the city's

static char output[PROGRAM_OUTPUT_BYTES];

static void check_says(const char *text)
{
    if (!strstr(output, text)) {
        fprintf(stderr, "'%s' is not in:\n%s\n", text, output);
    }
    CHECK(strstr(output, text));
}

static void fill(char folder[PROGRAM_PATH_BYTES])
{
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities %d --quiet", folder, ENTITIES), 0);
}

// What inspect says as JSON; the caller releases it.
static json_t *inspected(const char *folder, int exit_status)
{
    CHECK_EQUAL(program_run(output, "inspect --json %s/s", folder), exit_status);
    json_t *shown = json_loads(output, JSON_DISABLE_EOF_CHECK, NULL); // what is wrong follows it
    CHECK(shown);
    return shown;
}

static double sum_of(const json_t *array, const char *key)
{
    double sum = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        sum += number_of(json_array_get(array, i), key);
    }
    return sum;
}

TEST(a_filled_store_is_counted)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder);
    json_t *shown = inspected(folder, 0);
    json_t *entities = json_object_get(shown, "entities"), *groups = json_object_get(shown, "groups");
    CHECK(json_is_true(json_object_get(shown, "sound")));
    CHECK_EQUAL(number_of(entities, "all"), ENTITIES);
    CHECK_EQUAL(number_of(entities, "carrier_missing"), 0);
    double of_kinds = 0;
    const char *kind;
    json_t *count;
    json_object_foreach(json_object_get(entities, "by_kind"), kind, count)
    {
        of_kinds += json_number_value(count);
    }
    CHECK_EQUAL(of_kinds, ENTITIES);
    CHECK(number_of(json_object_get(entities, "by_kind"), "car") > 0);
    json_t *servers = json_object_get(shown, "servers");
    CHECK_EQUAL(json_array_size(servers), 1);
    CHECK_EQUAL(sum_of(servers, "entities"), ENTITIES);
    // The server that filled it has left, and nobody has come since.
    CHECK(json_is_true(json_object_get(json_array_get(servers, 0), "ended")));
    CHECK(number_of(groups, "all") > 0);
    CHECK_EQUAL(number_of(groups, "without_heir"), number_of(groups, "all"));
    CHECK(number_of(json_object_get(shown, "log"), "bytes") > 0);
    json_decref(shown);
    CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 0);
    check_says("entities   3'000: ");
    check_says("car");
    check_says("sound");
    folder_remove(folder);
}

// Groups are the heir's once it has come, and as many entities as before.
TEST(groups_are_their_heirs)
{
    char folder[PROGRAM_PATH_BYTES], ready[2 * PROGRAM_PATH_BYTES], log[2 * PROGRAM_PATH_BYTES];
    fill(folder);
    snprintf(ready, sizeof ready, "%s/ready", folder);
    snprintf(log, sizeof log, "%s/alpha.log", folder);
    pid_t pid = program_start(log, "serve --store %s/s --name alpha --listen 127.0.0.1:0 --ready %s", folder, ready);
    json_decref(ready_wait(ready));
    double owned = 0, until_s = now_s() + 20;
    while (owned < ENTITIES) { // while it runs
        CHECK(now_s() < until_s);
        json_t *shown = inspected(folder, 0), *server;
        size_t i;
        CHECK_EQUAL(number_of(json_object_get(shown, "entities"), "all"), ENTITIES);
        json_array_foreach(json_object_get(shown, "servers"), i, server)
        {
            if (strcmp(json_string_value(json_object_get(server, "name")), "alpha") == 0) {
                owned = number_of(server, "entities");
                CHECK(!json_is_true(json_object_get(server, "ended")));
            }
        }
        json_decref(shown);
        sleep_s(0.1);
    }
    CHECK_EQUAL(program_stop(pid, SIGTERM), 0);
    json_decref(inspected(folder, 0));
    folder_remove(folder);
}

static tl_store_event await_event(tl_store *store, tl_store_event_type type)
{
    tl_store_event event = {.type = TL_STORE_FAILED};
    for (double until_s = now_s() + 20; event.type != type;) {
        CHECK(now_s() < until_s);
        if (tl_store_poll(store, &event) == TL_AGAIN) {
            sleep_s(0.001);
        }
    }
    return event;
}

// Joins as a server, which has loaded all. The caller closes it.
static tl_store *join_as(const char *folder, const char *name)
{
    char path[2 * PROGRAM_PATH_BYTES], text[256];
    snprintf(path, sizeof path, "%s/s", folder);
    tl_store *store;
    CHECK_EQUAL(tl_store_open(path, false, false, &store, text, sizeof text), TL_OK);
    CHECK_EQUAL(tl_store_join(store, name), TL_OK);
    await_event(store, TL_STORE_LOADED);
    return store;
}

// Commits what no server would, under its right sum.
static void commit_rubbish(const char *folder)
{
    static const unsigned char rubbish[] = {1, 2 * DAMAGED_TICK, 200, 1, 2, 3}; // a right head, then no op
    tl_store *store = join_as(folder, "rogue");
    CHECK_EQUAL(tl_store_submit(store, DAMAGED_TICK, rubbish, sizeof rubbish, 1), TL_OK);
    CHECK_EQUAL(tl_store_drain(store, 20000), TL_OK);
    tl_store_close(store, true);
}

TEST(a_malformed_record_is_told_with_server_and_tick)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder);
    commit_rubbish(folder);
    CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 1);
    check_says("not sound: server rogue (2): the record of tick 5 cannot be read");
    check_says("entities   3'000: "); // all the rest was read
    json_t *shown = inspected(folder, 1), *fault = json_object_get(shown, "fault");
    CHECK(json_is_false(json_object_get(shown, "sound")));
    CHECK_EQUAL(number_of(fault, "count"), 1);
    CHECK_EQUAL(number_of(fault, "server"), 2);
    CHECK_EQUAL(number_of(fault, "tick"), DAMAGED_TICK);
    json_decref(shown);
    folder_remove(folder);
}

// The rubbish that the rogue has committed, byte by byte.
static void check_exported(const char *folder, const char *name)
{
    char path[2 * PROGRAM_PATH_BYTES];
    unsigned char bytes[16];
    snprintf(path, sizeof path, "%s/aside/%s", folder, name);
    FILE *file = fopen(path, "rb");
    CHECK(file);
    CHECK_EQUAL(fread(bytes, 1, sizeof bytes, file), 6);
    CHECK(bytes[0] == 1 && bytes[2] == 200);
    fclose(file);
}

TEST(a_repaired_copy_is_sound_and_lacks_only_what_cannot_be_read)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder);
    commit_rubbish(folder);
    CHECK_EQUAL(program_run(output, "inspect %s/s --export %s/aside --repair %s/t", folder, folder, folder), 0);
    check_says("omitted: server rogue's record of tick 5 in epoch 1, 6 bytes");
    check_says("1 omitted, 0 set aside before");
    check_exported(folder, "rogue.epoch-1.tick-5.record");
    CHECK_EQUAL(program_run(output, "inspect %s/t", folder), 0);
    check_says("entities   3'000: ");
    check_says("sound");
    CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 1); // nothing was written there
    CHECK_EQUAL(program_run(output, "inspect %s/s --repair %s/t", folder, folder), 1);
    check_says("holds a world already");
    folder_remove(folder);
}

static size_t put_varint(unsigned char *to, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) {
        to[size++] = (unsigned char)(value | 0x80);
    }
    to[size++] = (unsigned char)value;
    return size;
}

// A newer checkpoint of one of the city's groups, whose first op is right and whose second is none.
static void store_unread(const char *folder)
{
    unsigned char record[16] = {1}, checkpoint[64] = {1};
    size_t record_bytes = 1 + put_varint(record + 1, 2 * UNREAD_TICK),
           size = 1 + put_varint(checkpoint + 1, 2 * UNREAD_TICK);
    checkpoint[size++] = 1; // GROUP
    size += put_varint(checkpoint + size, UNREAD_GROUP);
    size += put_varint(checkpoint + size, 1); // whose it is
    checkpoint[size++] = 200;
    tl_store *store = join_as(folder, "rogue");
    CHECK_EQUAL(tl_store_submit(store, UNREAD_TICK, record, record_bytes, 1), TL_OK);
    CHECK_EQUAL(tl_store_checkpoint(store, UNREAD_GROUP, UNREAD_TICK, checkpoint, size), TL_OK);
    CHECK_EQUAL(tl_store_drain(store, 20000), TL_OK);
    tl_store_close(store, true);
}

TEST(an_unreadable_checkpoint_costs_its_group_alone)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder);
    json_t *shown = inspected(folder, 0);
    double groups = number_of(json_object_get(shown, "groups"), "all");
    json_decref(shown);
    store_unread(folder);
    CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 1);
    check_says("not sound: the checkpoint of group fffe000000000002 as of tick 1000 cannot be read");
    CHECK_EQUAL(program_run(output, "inspect %s/s --export %s/out --repair %s/t", folder, folder, folder), 0);
    check_says("omitted: the checkpoint of group fffe000000000002 as of tick 1000");
    check_says("1 omitted, 0 set aside before");
    CHECK_EQUAL(program_run(output, "inspect --json %s/t", folder), 0);
    shown = json_loads(output, 0, NULL);
    CHECK_EQUAL(number_of(json_object_get(shown, "groups"), "all"), groups);
    double left = number_of(json_object_get(shown, "entities"), "all");
    CHECK(left < ENTITIES && left > ENTITIES / 2);
    json_decref(shown);
    folder_remove(folder);
}

// Its author comes back, twice: nothing in between, and then a record that can be read.
static void come_back(const char *folder)
{
    static const unsigned char nothing[] = {1, 2 * (DAMAGED_TICK + 4)};
    for (int round = 0; round < 2; round++) {
        tl_store *store = join_as(folder, "rogue");
        if (round == 1) {
            CHECK_EQUAL(tl_store_submit(store, DAMAGED_TICK + 4, nothing, sizeof nothing, 1), TL_OK);
            CHECK_EQUAL(tl_store_drain(store, 20000), TL_OK);
        }
        tl_store_close(store, round == 1);
    }
}

TEST(a_repaired_copy_has_what_its_author_committed_after_it_came_back)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder);
    commit_rubbish(folder);
    come_back(folder);
    CHECK_EQUAL(program_run(output, "inspect %s/s --repair %s/t", folder, folder), 0);
    check_says("1 omitted, 0 set aside before");
    CHECK_EQUAL(program_run(output, "inspect %s/t", folder), 0);
    check_says("sound");
    check_says("rogue                3           9  left");
    folder_remove(folder);
}

// What another server sets aside of it.
static void set_rubbish_aside(const char *folder)
{
    tl_store *store = join_as(folder, "judge");
    CHECK_EQUAL(tl_store_quarantine(store, 2, 1, DAMAGED_TICK - 1, NULL, 0), TL_OK);
    while (await_event(store, TL_STORE_FENCED).tick != -1) {
        continue;
    }
    tl_store_close(store, true);
}

TEST(what_was_set_aside_is_listed_and_exported)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder);
    json_t *shown = inspected(folder, 0);
    CHECK_EQUAL(json_array_size(json_object_get(shown, "aside")), 0);
    json_decref(shown);
    commit_rubbish(folder);
    set_rubbish_aside(folder);
    CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 0); // it is no part of the world
    check_says("set aside  1 in total");
    check_says("1 record of server rogue in epoch 1, ticks 5 to 5, 6 bytes");
    check_says("sound");
    shown = inspected(folder, 0);
    const json_t *entry = json_array_get(json_object_get(shown, "aside"), 0);
    CHECK_EQUAL(number_of(entry, "server"), 2);
    CHECK_EQUAL(number_of(entry, "epoch"), 1);
    CHECK_EQUAL(number_of(entry, "first_tick"), DAMAGED_TICK);
    CHECK_EQUAL(number_of(entry, "records"), 1);
    CHECK_EQUAL(number_of(entry, "bytes"), 6);
    CHECK_EQUAL(number_of(entry, "damaged"), 0);
    json_decref(shown);
    CHECK_EQUAL(program_run(output, "inspect %s/s --export %s/aside --repair %s/t", folder, folder, folder), 0);
    check_says("set aside before, exported: 1 record of server rogue");
    check_says("0 omitted, 1 set aside before");
    check_exported(folder, "rogue.epoch-1.tick-5.aside");
    CHECK_EQUAL(program_run(output, "inspect %s/t", folder), 0);
    CHECK(!strstr(output, "set aside"));
    folder_remove(folder);
}

// One byte of the newest record's body, past SQLite's own eyes.
static long long flip_a_byte(const char *folder)
{
    char path[2 * PROGRAM_PATH_BYTES];
    snprintf(path, sizeof path, "%s/s/city.log.db", folder);
    sqlite3 *db;
    sqlite3_stmt *last;
    CHECK_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_EQUAL(sqlite3_prepare_v2(db, "SELECT tick FROM record ORDER BY tick DESC LIMIT 1", -1, &last, NULL),
                SQLITE_OK);
    CHECK_EQUAL(sqlite3_step(last), SQLITE_ROW);
    long long tick = sqlite3_column_int64(last, 0);
    sqlite3_finalize(last);
    sqlite3_blob *body;
    unsigned char byte;
    CHECK_EQUAL(sqlite3_blob_open(db, "main", "record", "body", tick, 1, &body), SQLITE_OK);
    CHECK_EQUAL(sqlite3_blob_read(body, &byte, 1, 1), SQLITE_OK);
    byte ^= 0x10;
    CHECK_EQUAL(sqlite3_blob_write(body, &byte, 1, 1), SQLITE_OK);
    sqlite3_blob_close(body);
    CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
    return tick;
}

TEST(a_changed_byte_is_told_with_server_and_tick)
{
    char folder[PROGRAM_PATH_BYTES], text[64];
    fill(folder);
    snprintf(text, sizeof text, "row %lld has a wrong sum", flip_a_byte(folder));
    CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 1);
    check_says("city.log.db");
    check_says(text);
    folder_remove(folder);
}

// A world.db of the same world, as it was before the first server came.
static void lose_servers(const char *folder)
{
    char path[2 * PROGRAM_PATH_BYTES], lost[3 * PROGRAM_PATH_BYTES], text[256];
    tl_world_info info;
    tl_store *store;
    snprintf(path, sizeof path, "%s/s", folder);
    CHECK_EQUAL(tl_store_open(path, false, true, &store, text, sizeof text), TL_OK);
    CHECK_EQUAL(tl_store_get_world(store, &info), TL_OK);
    tl_store_close(store, false);
    snprintf(path, sizeof path, "%s/young", folder);
    CHECK_EQUAL(tl_store_open(path, true, false, &store, text, sizeof text), TL_OK);
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
    snprintf(path, sizeof path, "%s/young/world.db", folder);
    snprintf(lost, sizeof lost, "%s/s/world.db", folder);
    CHECK_EQUAL(rename(path, lost), 0);
}

TEST(no_copy_is_made_without_logs_that_world_db_has_lost)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder);
    lose_servers(folder);
    CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 1);
    check_says("city.log.db: of this world, but world.db does not list its server (number 1)");
    CHECK_EQUAL(program_run(output, "inspect %s/s --repair %s/t", folder, folder), 1);
    check_says("world.db does not list its server");
    CHECK_EQUAL(program_run(output, "inspect %s/s --accept-loss", folder), 0);
    check_says("world.db had lost server 1, city: it is listed again.");
    folder_remove(folder);
}

// Nobody else can read the city's log until the caller closes what this returns.
static sqlite3 *lock_log(const char *folder)
{
    char path[2 * PROGRAM_PATH_BYTES];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/s/city.log.db", folder);
    CHECK_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_EQUAL(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

TEST(a_log_that_is_locked_for_a_moment_is_waited_for)
{
    char folder[PROGRAM_PATH_BYTES], log[2 * PROGRAM_PATH_BYTES];
    fill(folder);
    snprintf(log, sizeof log, "%s/log", folder);
    sqlite3 *db = lock_log(folder);
    pid_t pid = program_start(log, "inspect %s/s", folder);
    sleep_s(0.2);
    CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
    CHECK_EQUAL(program_stop(pid, 0), 0); // only waits for its end
    folder_remove(folder);
}

TEST(a_log_that_stays_locked_is_busy_and_not_unsound)
{
    char folder[PROGRAM_PATH_BYTES];
    fill(folder);
    sqlite3 *db = lock_log(folder);
    CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 1);
    CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
    check_says("is busy");
    check_says("city.log.db: locked by another process");
    CHECK(!strstr(output, "sound"));
    CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 0);
    folder_remove(folder);
}

int main(void)
{
    RUN(a_filled_store_is_counted);
    RUN(groups_are_their_heirs);
    RUN(a_malformed_record_is_told_with_server_and_tick);
    RUN(a_repaired_copy_is_sound_and_lacks_only_what_cannot_be_read);
    RUN(an_unreadable_checkpoint_costs_its_group_alone);
    RUN(a_repaired_copy_has_what_its_author_committed_after_it_came_back);
    RUN(what_was_set_aside_is_listed_and_exported);
    RUN(a_changed_byte_is_told_with_server_and_tick);
    RUN(a_log_that_is_locked_for_a_moment_is_waited_for);
    RUN(a_log_that_stays_locked_is_busy_and_not_unsound);
    RUN(no_copy_is_made_without_logs_that_world_db_has_lost);
}
