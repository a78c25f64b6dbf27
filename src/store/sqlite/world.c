#include "store/sqlite/world.h"
#include "base/memory.h"

#include <string.h>

static const char world_sql[] = "CREATE TABLE world("
                                "  one INTEGER PRIMARY KEY CHECK (one = 1),"
                                "  format INTEGER NOT NULL,"
                                "  tick_hz INTEGER NOT NULL,"
                                "  created_us INTEGER NOT NULL,"
                                "  kinds_hash INTEGER NOT NULL," // 64 bits, as a signed number
                                "  seed INTEGER NOT NULL,"       // the same
                                "  sum INTEGER NOT NULL,"
                                "  scenario TEXT NOT NULL"
                                ") STRICT;"
                                "CREATE TABLE server("
                                "  number INTEGER PRIMARY KEY,"
                                "  sum INTEGER NOT NULL,"
                                "  name TEXT NOT NULL" // unique; there are few, and an index could be damaged
                                ") STRICT;" TL_MANIFEST_SQL TL_SQLITE_CHECKPOINTS_TABLE;

static const tl_sqlite_schema world_schema = {
    .application_id = 0x54524d57, // "TRMW"
    .page_bytes = 8192,
    .checkpoint_pages = 128,
    .sql = world_sql,
    .fill = tl_sqlite_manifest_create,
};

static const tl_sqlite_schema namespace_schema = {
    .application_id = 0x54524d57,
    .page_bytes = 8192,
    .vfs = "mvsqlite-8192",
    .sql = world_sql,
    .fill = tl_sqlite_manifest_create,
};

static tl_result open_world(tl_sqlite_world *world, const char *path, const tl_sqlite_schema *schema,
                            tl_sqlite_mode mode, bool durable_full, tl_fault *fault)
{
    memset(world, 0, sizeof(*world));
    tl_result result = tl_sqlite_file_open(&world->file, path, schema, mode, durable_full, true, fault);
    if (result != TL_OK) {
        return result;
    }
    const tl_sqlite_sql list[] = {
        {&world->get_info,
         "SELECT format, tick_hz, created_us, kinds_hash, seed, scenario, sum FROM world WHERE one = 1"},
        {&world->add_info,
         "INSERT OR IGNORE INTO world(one, format, tick_hz, created_us, kinds_hash, seed, scenario, sum)"
         " VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
        {&world->count_servers, "SELECT coalesce(max(number), 0) FROM server"},
        {&world->add_server, "INSERT INTO server(number, name, sum) VALUES (?1, ?2, ?3)"},
        {&world->find_server, "SELECT number FROM server WHERE name = ?1"},
        {&world->next_server, "SELECT number, name, sum FROM server WHERE number > ?1 ORDER BY number LIMIT 1"},
    };
    result = tl_sqlite_file_prepare(&world->file, list, sizeof(list) / sizeof(list[0]), fault);
    if (result == TL_OK) {
        result = tl_sqlite_manifest_prepare(&world->manifest, &world->file, fault);
    }
    if (result == TL_OK) {
        result = tl_sqlite_checkpoints_prepare(&world->checkpoints, &world->file, fault);
    }
    if (result != TL_OK) {
        tl_sqlite_world_close(world);
    }
    return result;
}

tl_result tl_sqlite_world_open(tl_sqlite_world *world, const char *directory, tl_sqlite_mode mode, bool durable_full,
                               tl_fault *fault)
{
    char path[TL_PATH_BYTES_MAX];
    int length = snprintf(path, sizeof(path), "%s/world.db", directory);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return tl_fault_set(fault, TL_ERR_INVALID, directory, "the path is too long; use a shorter one");
    }
    return open_world(world, path, &world_schema, mode, durable_full, fault);
}

tl_result tl_sqlite_world_open_namespace(tl_sqlite_world *world, const char *name, tl_sqlite_mode mode, tl_fault *fault)
{
    return open_world(world, name, &namespace_schema, mode, false, fault);
}

void tl_sqlite_world_close(tl_sqlite_world *world)
{
    tl_sqlite_file_close(&world->file);
    tl_free(world->listed);
    world->listed = NULL;
    world->listed_count = world->listed_capacity = 0;
}

static tl_result damaged(const tl_sqlite_file *file, const char *table, int64_t row, const char *what, tl_fault *fault)
{
    return tl_sqlite_file_damaged(file, table, row, what, fault);
}

// ---- the manifest --------------------------------------------------------------------------------------------------

tl_result tl_sqlite_world_manifest(tl_sqlite_world *world, tl_manifest *out, tl_fault *fault)
{
    tl_result result = tl_sqlite_manifest_read(&world->manifest, &world->file, out, fault);
    if (result == TL_OK && out->serial > world->serial) {
        world->serial = out->serial;
    }
    return result;
}

static tl_result begin(tl_sqlite_world *world, tl_manifest *manifest, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_begin(&world->file, true, fault);
    if (result != TL_OK) {
        return result;
    }
    result = tl_sqlite_manifest_read(&world->manifest, &world->file, manifest, fault);
    if (result != TL_OK) {
        tl_sqlite_file_rollback(&world->file);
    }
    return result;
}

// Writes the manifest and commits, if no error occurred before.
static tl_result finish(tl_sqlite_world *world, tl_manifest *manifest, tl_result result, tl_fault *fault)
{
    if (result == TL_OK) {
        result = tl_sqlite_manifest_write(&world->manifest, &world->file, manifest, fault);
    }
    if (result != TL_OK) {
        tl_sqlite_file_rollback(&world->file);
        return result;
    }
    result = tl_sqlite_file_commit(&world->file, fault);
    world->serial = result == TL_OK ? manifest->serial : world->serial;
    return result;
}

tl_result tl_sqlite_world_accept(tl_sqlite_world *world, const tl_heads *heads, uint64_t serial, tl_fault *fault)
{
    tl_manifest manifest;
    tl_result result = begin(world, &manifest, fault);
    if (result != TL_OK) {
        return result;
    }
    manifest.heads = *heads;
    manifest.serial = serial > manifest.serial ? serial : manifest.serial;
    return finish(world, &manifest, TL_OK, fault);
}

// ---- what the world is ---------------------------------------------------------------------------------------------

static uint64_t info_sum(const tl_world_info *info)
{
    const int64_t columns[] = {info->format, info->tick_hz, (int64_t)info->created_us, (int64_t)info->kinds_hash,
                               (int64_t)info->seed};
    return tl_store_row_sum('w', columns, sizeof(columns) / sizeof(columns[0]), info->scenario, strlen(info->scenario));
}

// TL_AGAIN: it was not made yet.
static tl_result read_info(tl_sqlite_world *world, tl_world_info *out, tl_fault *fault)
{
    sqlite3_stmt *row = world->get_info;
    tl_result result = tl_sqlite_file_step(&world->file, row, fault);
    if (result == TL_AGAIN) {
        tl_manifest manifest;
        result = tl_sqlite_manifest_read(&world->manifest, &world->file, &manifest, fault);
        if (result == TL_OK) {
            result = manifest.whole ? damaged(&world->file, "world", 1, "is missing", fault) : TL_AGAIN;
        }
        return result;
    }
    if (result != TL_OK) {
        return result;
    }
    memset(out, 0, sizeof(*out));
    out->format = (uint32_t)sqlite3_column_int64(row, 0);
    out->tick_hz = (uint32_t)sqlite3_column_int64(row, 1);
    out->created_us = (uint64_t)sqlite3_column_int64(row, 2);
    out->kinds_hash = (uint64_t)sqlite3_column_int64(row, 3);
    out->seed = (uint64_t)sqlite3_column_int64(row, 4);
    uint64_t sum = (uint64_t)sqlite3_column_int64(row, 6);
    const char *scenario = (const char *)sqlite3_column_text(row, 5);
    int length = scenario ? snprintf(out->scenario, sizeof(out->scenario), "%s", scenario) : -1;
    sqlite3_reset(row);
    bool sound = length >= 0 && (size_t)length < sizeof(out->scenario) && sum == info_sum(out);
    return sound && tl_world_info_check(out) == TL_OK ? TL_OK
                                                      : damaged(&world->file, "world", 1, "has a wrong sum", fault);
}

tl_result tl_sqlite_world_info(tl_sqlite_world *world, tl_world_info *out, tl_fault *fault)
{
    bool alone = sqlite3_get_autocommit(world->file.db) != 0; // else within the caller's transaction
    tl_result result = alone ? tl_sqlite_file_begin(&world->file, false, fault) : TL_OK;
    if (result != TL_OK) {
        return result;
    }
    result = read_info(world, out, fault);
    if (alone) {
        tl_sqlite_file_rollback(&world->file);
    }
    return result == TL_AGAIN
               ? tl_fault_set(fault, TL_ERR_NOT_FOUND, world->file.path, "the store holds no world yet; make one first")
               : result;
}

tl_result tl_sqlite_world_create(tl_sqlite_world *world, const tl_world_info *info, tl_fault *fault)
{
    tl_manifest manifest;
    tl_result result = begin(world, &manifest, fault);
    if (result != TL_OK) {
        return result;
    }
    sqlite3_stmt *add = world->add_info;
    sqlite3_bind_int64(add, 1, info->format);
    sqlite3_bind_int64(add, 2, info->tick_hz);
    sqlite3_bind_int64(add, 3, (int64_t)info->created_us);
    sqlite3_bind_int64(add, 4, (int64_t)info->kinds_hash);
    sqlite3_bind_int64(add, 5, (int64_t)info->seed);
    sqlite3_bind_text(add, 6, info->scenario, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(add, 7, (int64_t)info_sum(info));
    result = tl_sqlite_file_run(&world->file, add, fault);
    if (result == TL_OK && sqlite3_changes(world->file.db) == 0) {
        result = tl_fault_set(fault, TL_ERR_EXISTS, world->file.path,
                              "there is a world already; use it, or another directory");
    }
    manifest.whole = true;
    return finish(world, &manifest, result, fault);
}

// ---- servers -------------------------------------------------------------------------------------------------------

static uint64_t server_sum(int number, const char *name)
{
    return tl_store_row_sum('n', (const int64_t[]){number}, 1, name, strlen(name));
}

// Adds a row, within a transaction whose manifest that is.
static tl_result add_server(tl_sqlite_world *world, tl_manifest *manifest, tl_server_number number, const char *name,
                            tl_fault *fault)
{
    uint64_t sum = server_sum(number, name);
    sqlite3_bind_int(world->add_server, 1, number);
    sqlite3_bind_text(world->add_server, 2, name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(world->add_server, 3, (int64_t)sum);
    manifest->servers++;
    manifest->servers_sum += tl_mix(sum);
    return tl_sqlite_file_run(&world->file, world->add_server, fault);
}

tl_result tl_sqlite_world_add_server(tl_sqlite_world *world, tl_server_number number, const char *name, tl_fault *fault)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX);
    TL_ASSERT(!sqlite3_get_autocommit(world->file.db));
    tl_manifest manifest;
    tl_result result = tl_sqlite_manifest_read(&world->manifest, &world->file, &manifest, fault);
    if (result == TL_OK) {
        result = add_server(world, &manifest, number, name, fault);
    }
    return result == TL_OK ? tl_sqlite_manifest_write(&world->manifest, &world->file, &manifest, fault) : result;
}

tl_result tl_sqlite_world_last_server(tl_sqlite_world *world, int *out, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_step(&world->file, world->count_servers, fault);
    *out = result == TL_OK ? sqlite3_column_int(world->count_servers, 0) : 0;
    sqlite3_reset(world->count_servers);
    return result == TL_AGAIN ? TL_ERR_IO : result;
}

tl_result tl_sqlite_world_next_server(tl_sqlite_world *world, tl_server_number *number,
                                      char name[TL_NAME_BYTES_MAX + 1], tl_fault *fault)
{
    TL_ASSERT(*number <= TL_SERVERS_MAX);
    sqlite3_stmt *row = world->next_server;
    sqlite3_bind_int(row, 1, *number);
    tl_result result = tl_sqlite_file_step(&world->file, row, fault);
    if (result != TL_OK) {
        return result;
    }
    int found = sqlite3_column_int(row, 0);
    const char *text = (const char *)sqlite3_column_text(row, 1);
    uint64_t sum = (uint64_t)sqlite3_column_int64(row, 2);
    bool sound = found > *number && found <= TL_SERVERS_MAX && tl_name_valid(text) && sum == server_sum(found, text);
    if (sound) {
        *number = (tl_server_number)found;
        snprintf(name, TL_NAME_BYTES_MAX + 1, "%s", text);
    }
    sqlite3_reset(row);
    return sound ? TL_OK : damaged(&world->file, "server", found, "has a wrong sum", fault);
}

tl_result tl_sqlite_world_server_name(tl_sqlite_world *world, tl_server_number number, char name[TL_NAME_BYTES_MAX + 1],
                                      tl_fault *fault)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX);
    tl_server_number found = (tl_server_number)(number - 1);
    tl_result result = tl_sqlite_world_next_server(world, &found, name, fault);
    return result == TL_OK && found != number ? TL_AGAIN : result;
}

tl_result tl_sqlite_world_find_server(tl_sqlite_world *world, const char *name, tl_server_number *out, tl_fault *fault)
{
    sqlite3_bind_text(world->find_server, 1, name, -1, SQLITE_TRANSIENT);
    tl_result result = tl_sqlite_file_step(&world->file, world->find_server, fault);
    *out = result == TL_OK ? (tl_server_number)sqlite3_column_int(world->find_server, 0) : 0;
    sqlite3_reset(world->find_server);
    return result;
}

// Whether the table is as the manifest says, in one transaction with it; and, among its rows, the number of that name
// (may be NULL), 0 if there is none, and the highest.
static tl_result scan_servers(tl_sqlite_world *world, const tl_manifest *manifest, const char *name,
                              tl_server_number *out, tl_server_number *last, tl_fault *fault)
{
    int64_t count = 0;
    uint64_t total = 0;
    char found[TL_NAME_BYTES_MAX + 1];
    *out = *last = 0;
    for (;;) {
        tl_result result = tl_sqlite_world_next_server(world, last, found, fault);
        if (result == TL_AGAIN) {
            break;
        }
        if (result != TL_OK) {
            return result;
        }
        *out = name && strcmp(name, found) == 0 ? *last : *out;
        total += tl_mix(server_sum(*last, found));
        count++;
    }
    return count == manifest->servers && total == manifest->servers_sum
               ? TL_OK
               : damaged(&world->file, "server", count + 1, "or another one of its rows is missing", fault);
}

tl_result tl_sqlite_world_check_servers(tl_sqlite_world *world, tl_fault *fault)
{
    tl_manifest manifest;
    tl_server_number number = 0, last = 0;
    tl_result result = tl_sqlite_file_begin(&world->file, false, fault);
    if (result != TL_OK) {
        return result;
    }
    result = tl_sqlite_world_manifest(world, &manifest, fault);
    if (result == TL_OK) {
        result = scan_servers(world, &manifest, NULL, &number, &last, fault);
    }
    tl_sqlite_file_rollback(&world->file);
    return result;
}

tl_result tl_sqlite_world_register(tl_sqlite_world *world, const char *name, tl_server_number *out, tl_fault *fault)
{
    TL_ASSERT(tl_name_valid(name));
    tl_manifest manifest;
    tl_server_number last = 0;
    tl_result result = begin(world, &manifest, fault);
    if (result != TL_OK) {
        return result;
    }
    result = scan_servers(world, &manifest, name, out, &last, fault);
    if (result == TL_OK && *out != 0) {
        tl_sqlite_file_rollback(&world->file);
        return TL_OK;
    }
    if (result == TL_OK && last >= TL_SERVERS_MAX) {
        result = tl_fault_set(fault, TL_ERR_FULL, world->file.path,
                              "the world has as many servers as it can have; use one of their names");
    }
    if (result == TL_OK) {
        *out = (tl_server_number)(last + 1);
        result = add_server(world, &manifest, *out, name, fault);
    }
    return finish(world, &manifest, result, fault);
}

// ---- checkpoints ---------------------------------------------------------------------------------------------------

tl_result tl_sqlite_world_put(tl_sqlite_world *world, tl_work *const *checkpoints, size_t count, const tl_heads *heads,
                              tl_fault *fault)
{
    TL_ASSERT(count > 0 || heads);
    tl_manifest manifest;
    tl_result result = begin(world, &manifest, fault);
    if (result != TL_OK) {
        return result;
    }
    for (size_t i = 0; i < count && result == TL_OK; i++) {
        result = tl_sqlite_checkpoints_put(&world->checkpoints, checkpoints[i], &manifest.checkpoints,
                                           &manifest.checkpoints_sum, fault);
    }
    if (heads) {
        (void)tl_heads_merge(&manifest.heads, heads);
    }
    return finish(world, &manifest, result, fault);
}

tl_result tl_sqlite_world_next_checkpoint(tl_sqlite_world *world, tl_group_id group, tl_note **out, tl_fault *fault)
{
    return tl_sqlite_checkpoints_next(&world->checkpoints, group, out, fault);
}

static bool add_listed(tl_sqlite_world *world, const tl_checkpoint_key *key)
{
    if (world->listed_count == world->listed_capacity) {
        size_t room = world->listed_capacity ? world->listed_capacity * 2 : 256;
        tl_checkpoint_key *grown = tl_realloc(world->listed, world->listed_capacity * sizeof(*grown),
                                              room * sizeof(*grown));
        if (!grown) {
            return false;
        }
        world->listed = grown;
        world->listed_capacity = room;
    }
    world->listed[world->listed_count++] = *key;
    return true;
}

static tl_result list_all(tl_sqlite_world *world, tl_fault *fault)
{
    tl_manifest manifest;
    uint64_t total = 0;
    sqlite3_stmt *row = world->checkpoints.list;
    world->listed_count = 0;
    tl_result result = tl_sqlite_world_manifest(world, &manifest, fault);
    while (result == TL_OK) {
        result = tl_sqlite_file_step(&world->file, row, fault);
        if (result != TL_OK) {
            break;
        }
        tl_checkpoint_key key = {(tl_group_id)sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
                                 (uint64_t)sqlite3_column_int64(row, 2)};
        const tl_checkpoint_key *last = world->listed_count > 0 ? &world->listed[world->listed_count - 1] : NULL;
        if (last && (int64_t)last->group >= (int64_t)key.group) {
            result = damaged(&world->file, "checkpoint", (int64_t)key.group, "is out of order", fault);
        } else if (!add_listed(world, &key)) {
            result = tl_fault_set(fault, TL_ERR_MEMORY, world->file.path, "out of memory");
        }
        total += tl_mix(key.sum);
    }
    sqlite3_reset(row);
    if (result != TL_AGAIN) {
        return result;
    }
    return (int64_t)world->listed_count == manifest.checkpoints && total == manifest.checkpoints_sum
               ? TL_OK
               : damaged(&world->file, "checkpoint", manifest.checkpoints,
                         "or another one of its rows is missing or not as the manifest says", fault);
}

tl_result tl_sqlite_world_list(tl_sqlite_world *world, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_begin(&world->file, false, fault);
    if (result != TL_OK) {
        return result;
    }
    result = list_all(world, fault);
    tl_sqlite_file_rollback(&world->file);
    return result;
}

// The first listed one with a group above `group`; listed_count if there is none.
static size_t find_listed(const tl_sqlite_world *world, tl_group_id group)
{
    size_t from = 0, to = world->listed_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if ((int64_t)world->listed[middle].group <= (int64_t)group) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

tl_result tl_sqlite_world_next_listed(tl_sqlite_world *world, bool first, tl_group_id group, tl_note **out,
                                      tl_fault *fault)
{
    size_t at = first ? 0 : find_listed(world, group);
    if (at == world->listed_count) {
        return TL_AGAIN;
    }
    const tl_checkpoint_key *key = &world->listed[at];
    tl_result result = tl_sqlite_checkpoints_get(&world->checkpoints, key->group, out, fault);
    if (result == TL_AGAIN) {
        return damaged(&world->file, "checkpoint", (int64_t)key->group, "is missing", fault);
    }
    if (result != TL_OK) {
        return result;
    }
    const tl_note *note = *out;
    bool same = note->event.tick == key->tick && note->sum == key->sum;
    if (note->event.group != key->group || (!same && note->event.tick <= key->tick)) { // it may be newer by now
        tl_free(*out);
        return damaged(&world->file, "checkpoint", (int64_t)key->group, "is not as it is listed", fault);
    }
    return TL_OK;
}
