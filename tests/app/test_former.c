// A store as the first release left it behind (format 1, docs/STORE.md): it is read, and copied without what kills
// servers; servers refuse it with the command that makes the copy. Its files are written here by their layout alone.
#include "check.h"
#include "program.h"

#include "tramline/store.h"

#include <sqlite3.h>
#include <sys/stat.h>

enum { ENTITIES = 1000, KILLING_TICK = 5 };

static char output[PROGRAM_OUTPUT_BYTES];

static void check_says(const char *text)
{
    if (!strstr(output, text)) {
        fprintf(stderr, "'%s' is not in:\n%s\n", text, output);
    }
    CHECK(strstr(output, text));
}

// ---- format 1 ------------------------------------------------------------------------------------------------------

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

// Its sum of a row: of two numbers (epoch or group, and tick) and a body.
static uint64_t former_sum(uint64_t a, uint64_t b, const unsigned char *body, size_t size)
{
    uint64_t lanes[4] = {a + 0x9e3779b97f4a7c15u, b + 0xbf58476d1ce4e5b9u, size, 1}, sum = 0;
    for (size_t at = 0; at < size; at += 32) {
        uint64_t words[4] = {0};
        memcpy(words, body + at, size - at < 32 ? size - at : 32);
        for (int i = 0; i < 4; i++) {
            lanes[i] = (lanes[i] ^ words[i]) * 0x9fb21c651e98df25u;
            lanes[i] ^= lanes[i] >> 29;
        }
    }
    for (int i = 0; i < 4; i++) {
        sum = mix(sum + lanes[i] + 0x9e3779b97f4a7c15u);
    }
    return sum;
}

// former_sum(a, b, body), in SQL.
static void sum_in_sql(sqlite3_context *context, int count, sqlite3_value **values)
{
    CHECK_EQUAL(count, 3);
    const void *body = sqlite3_value_blob(values[2]);
    uint64_t sum = former_sum((uint64_t)sqlite3_value_int64(values[0]), (uint64_t)sqlite3_value_int64(values[1]), body,
                              (size_t)sqlite3_value_bytes(values[2]));
    sqlite3_result_int64(context, (int64_t)sum);
}

static const char world_sql[] =
    "PRAGMA application_id = 0x54524d57; PRAGMA user_version = 1;"
    "CREATE TABLE world("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  format INTEGER NOT NULL,"
    "  tick_hz INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL,"
    "  kinds_hash INTEGER NOT NULL,"
    "  seed INTEGER NOT NULL,"
    "  scenario TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE server("
    "  number INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE"
    ") STRICT;"
    "CREATE TABLE checkpoint("
    "  grp INTEGER PRIMARY KEY,"
    "  tick INTEGER NOT NULL,"
    "  sum INTEGER NOT NULL,"
    "  body BLOB NOT NULL"
    ") STRICT;"
    "INSERT INTO world SELECT one, 1, tick_hz, created_us, kinds_hash, seed, scenario FROM now.world;"
    "INSERT INTO server SELECT number, name FROM now.server;"
    "INSERT INTO checkpoint SELECT grp, tick, former_sum(grp, tick, body), body FROM now.checkpoint;";

static const char log_sql[] =
    "PRAGMA application_id = 0x54524d4c; PRAGMA user_version = 1;"
    "CREATE TABLE head("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  world_us INTEGER NOT NULL,"
    "  number INTEGER NOT NULL,"
    "  epoch INTEGER NOT NULL,"
    "  tick INTEGER NOT NULL,"
    "  heir INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE epoch("
    "  epoch INTEGER PRIMARY KEY,"
    "  began_us INTEGER NOT NULL,"
    "  began_tick INTEGER NOT NULL,"
    "  ended_us INTEGER NOT NULL,"
    "  last_tick INTEGER NOT NULL,"
    "  heir INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE record("
    "  tick INTEGER PRIMARY KEY,"
    "  previous_tick INTEGER NOT NULL,"
    "  epoch INTEGER NOT NULL,"
    "  begun_us INTEGER NOT NULL,"
    "  sum INTEGER NOT NULL,"
    "  body BLOB NOT NULL"
    ") STRICT;"
    "INSERT INTO head SELECT one, world_us, number, epoch, tick, heir FROM now.head;"
    "INSERT INTO epoch SELECT epoch, began_us, began_tick, ended_us, last_tick, heir FROM now.epoch;"
    "INSERT INTO record SELECT tick, previous_tick, epoch, begun_us, former_sum(epoch, tick, body), body FROM "
    "now.record;";

static void execute(sqlite3 *db, const char *sql)
{
    char *text = NULL;
    int code = sqlite3_exec(db, sql, NULL, NULL, &text);
    if (code != SQLITE_OK) {
        fprintf(stderr, "%s\n", text);
    }
    CHECK_EQUAL(code, SQLITE_OK);
}

// FOLDER/s/NAME as FOLDER/old/NAME in format 1.
static void write_former(const char *folder, const char *name, const char *sql)
{
    char path[2 * PROGRAM_PATH_BYTES], attach[3 * PROGRAM_PATH_BYTES];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/old/%s", folder, name);
    snprintf(attach, sizeof attach, "ATTACH '%s/s/%s' AS now", folder, name);
    CHECK_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_EQUAL(sqlite3_create_function(db, "former_sum", 3, SQLITE_UTF8, NULL, sum_in_sql, NULL, NULL), SQLITE_OK);
    execute(db, "PRAGMA journal_mode = WAL");
    execute(db, attach);
    execute(db, sql);
    CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
}

// Commits what kills servers of that release (a record that nobody can read, under its right sum), crashes, and comes
// back twice, as a watchdog would have it.
static void kill_servers(const char *folder)
{
    static const unsigned char killing[] = {1, 2 * KILLING_TICK, 200, 1, 2, 3};
    char path[2 * PROGRAM_PATH_BYTES], text[256];
    snprintf(path, sizeof path, "%s/s", folder);
    for (int round = 0; round < 3; round++) {
        tl_store *store;
        tl_store_event event = {.type = TL_STORE_FAILED};
        CHECK_EQUAL(tl_store_open(path, false, false, &store, text, sizeof text), TL_OK);
        CHECK_EQUAL(tl_store_join(store, "alpha"), TL_OK);
        for (double until_s = now_s() + 20; event.type != TL_STORE_LOADED;) {
            CHECK(now_s() < until_s);
            if (tl_store_poll(store, &event) == TL_AGAIN) {
                sleep_s(0.001);
            }
        }
        if (round == 0) {
            CHECK_EQUAL(tl_store_submit(store, KILLING_TICK, killing, sizeof killing, 1), TL_OK);
            CHECK_EQUAL(tl_store_drain(store, 20000), TL_OK);
        }
        tl_store_close(store, false);
    }
}

static void make_former(char folder[PROGRAM_PATH_BYTES], bool killed)
{
    char path[2 * PROGRAM_PATH_BYTES];
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities %d --quiet", folder, ENTITIES), 0);
    if (killed) {
        kill_servers(folder);
    }
    snprintf(path, sizeof path, "%s/old", folder);
    CHECK_EQUAL(mkdir(path, 0777), 0);
    write_former(folder, "world.db", world_sql);
    write_former(folder, "city.log.db", log_sql);
    if (killed) {
        write_former(folder, "alpha.log.db", log_sql);
    }
}

// ---- tests ---------------------------------------------------------------------------------------------------------

TEST(a_former_store_is_inspected_and_copied)
{
    char folder[PROGRAM_PATH_BYTES];
    make_former(folder, false);
    CHECK_EQUAL(program_run(output, "inspect %s/old", folder), 0);
    check_says("entities   1'000: ");
    check_says("format 1");
    check_says("sound");
    CHECK_EQUAL(program_run(output, "copy --quiet %s/old %s/new", folder, folder), 0);
    CHECK_EQUAL(program_run(output, "inspect --json %s/new", folder), 0);
    json_t *shown = json_loads(output, 0, NULL);
    CHECK_EQUAL(number_of(json_object_get(shown, "world"), "format"), TL_STORE_FORMAT);
    CHECK_EQUAL(number_of(json_object_get(shown, "entities"), "all"), ENTITIES);
    json_decref(shown);
    folder_remove(folder);
}

TEST(a_killed_former_store_is_repaired)
{
    char folder[PROGRAM_PATH_BYTES];
    make_former(folder, true);
    CHECK_EQUAL(program_run(output, "inspect %s/old", folder), 1);
    check_says("server alpha (2): the record of tick 5 cannot be read");
    CHECK_EQUAL(program_run(output, "inspect %s/old --export %s/out --repair %s/new", folder, folder, folder), 0);
    check_says("omitted: server alpha's record of tick 5 in epoch 1, 6 bytes");
    check_says("1 omitted, 0 set aside before");
    CHECK_EQUAL(program_run(output, "inspect %s/new", folder), 0);
    check_says("entities   1'000: ");
    check_says("sound");
    // Everything else is there: it is the repaired copy of the same store in the present format.
    CHECK_EQUAL(program_run(output, "inspect %s/s --repair %s/t", folder, folder), 0);
    static char other[PROGRAM_OUTPUT_BYTES];
    CHECK_EQUAL(program_run(output, "inspect --json %s/new", folder), 0);
    CHECK_EQUAL(program_run(other, "inspect --json %s/t", folder), 0);
    CHECK(strcmp(output, other) == 0);
    folder_remove(folder);
}

TEST(a_server_refuses_a_former_store_and_says_what_to_do)
{
    char folder[PROGRAM_PATH_BYTES];
    make_former(folder, false);
    CHECK_EQUAL(program_run(output, "serve --store %s/old --name alpha --listen 127.0.0.1:0", folder), 1);
    check_says("stored in format 1");
    check_says("'tramline inspect DIR --repair NEW'");
    CHECK_EQUAL(program_run(output, "inspect %s/old", folder), 0); // nothing was written to it
    folder_remove(folder);
}

// A bit that flips in a body, or a record that is gone.
TEST(damage_in_a_former_store_is_found)
{
    static const char *const harm[][2] = {
        {"UPDATE record SET body = zeroblob(length(body)) WHERE tick = (SELECT max(tick) FROM record)", "row"},
        {"DELETE FROM record WHERE tick = (SELECT max(tick) FROM record)", "records that follow tick"},
        {"UPDATE head SET number = 7", "the log of another world or server"},
        {"DELETE FROM epoch", "table epoch"},
    };
    for (size_t i = 0; i < sizeof harm / sizeof harm[0]; i++) {
        char folder[PROGRAM_PATH_BYTES], path[2 * PROGRAM_PATH_BYTES];
        sqlite3 *db;
        make_former(folder, false);
        snprintf(path, sizeof path, "%s/old/city.log.db", folder);
        CHECK_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
        execute(db, harm[i][0]);
        CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
        CHECK_EQUAL(program_run(output, "inspect %s/old", folder), 1);
        check_says(harm[i][1]);
        CHECK_EQUAL(program_run(output, "inspect %s/old --repair %s/new", folder, folder), 1);
        folder_remove(folder);
    }
}

TEST(a_former_log_that_world_db_does_not_list_is_found)
{
    char folder[PROGRAM_PATH_BYTES], path[2 * PROGRAM_PATH_BYTES];
    sqlite3 *db;
    make_former(folder, true);
    snprintf(path, sizeof path, "%s/old/world.db", folder);
    CHECK_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
    execute(db, "DELETE FROM server WHERE name = 'alpha'");
    CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
    CHECK_EQUAL(program_run(output, "inspect %s/old", folder), 1);
    check_says("alpha.log.db: of this world, but world.db does not list its server (number 2)");
    CHECK_EQUAL(program_run(output, "inspect %s/old --repair %s/new", folder, folder), 1);
    folder_remove(folder);
}

int main(void)
{
    RUN(a_former_store_is_inspected_and_copied);
    RUN(a_killed_former_store_is_repaired);
    RUN(a_server_refuses_a_former_store_and_says_what_to_do);
    RUN(damage_in_a_former_store_is_found);
    RUN(a_former_log_that_world_db_does_not_list_is_found);
}
