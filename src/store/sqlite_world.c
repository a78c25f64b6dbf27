#include "sqlite_world.h"

#include <string.h>

static const char world_sql[] =
    "CREATE TABLE world("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  format INTEGER NOT NULL,"
    "  tick_hz INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL,"
    "  kinds_hash INTEGER NOT NULL," // 64 bits, as a signed number
    "  seed INTEGER NOT NULL,"       // the same
    "  scenario TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE server("
    "  number INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE"
    ") STRICT;"
    "CREATE TABLE checkpoint("
    "  grp INTEGER PRIMARY KEY," // 64 bits, as a signed number
    "  tick INTEGER NOT NULL,"
    "  sum INTEGER NOT NULL,"
    "  body BLOB NOT NULL" // empty: the group is deleted
    ") STRICT;";

static const tl_sqlite_schema world_schema = {
    .application_id = 0x54524d57, // "TRMW"
    .page_bytes = 8192,
    .checkpoint_pages = 128,
    .sql = world_sql,
};

static const tl_sqlite_schema namespace_schema = {
    .application_id = 0x54524d57,
    .page_bytes = 8192,
    .vfs = "mvsqlite-8192",
    .sql = world_sql,
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
        {&world->get_info, "SELECT format, tick_hz, created_us, kinds_hash, seed, scenario FROM world WHERE one = 1"},
        {&world->add_info, "INSERT OR IGNORE INTO world(one, format, tick_hz, created_us, kinds_hash, seed, scenario)"
                           " VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)"},
        {&world->find_server, "SELECT number FROM server WHERE name = ?1"},
        {&world->count_servers, "SELECT coalesce(max(number), 0) FROM server"},
        {&world->add_server, "INSERT INTO server(number, name) VALUES (?1, ?2)"},
        {&world->next_server, "SELECT number, name FROM server WHERE number > ?1 ORDER BY number LIMIT 1"},
        {&world->put_checkpoint, "INSERT INTO checkpoint(grp, tick, sum, body) VALUES (?1, ?2, ?3, ?4)"
                                 " ON CONFLICT(grp) DO UPDATE SET tick = excluded.tick, sum = excluded.sum,"
                                 " body = excluded.body WHERE excluded.tick > checkpoint.tick"},
        {&world->next_checkpoint, "SELECT grp, tick, sum, body FROM checkpoint WHERE grp > ?1 ORDER BY grp LIMIT 1"},
    };
    result = tl_sqlite_file_prepare(&world->file, list, sizeof(list) / sizeof(list[0]), fault);
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
}

static tl_result damaged(const tl_sqlite_file *file, const char *what, tl_fault *fault)
{
    char text[160];
    snprintf(text, sizeof(text), "%s is damaged; stop all servers and restore the file from a copy", what);
    return tl_fault_set(fault, TL_ERR_CORRUPT, file->path, text);
}

tl_result tl_sqlite_world_info(tl_sqlite_world *world, tl_world_info *out, tl_fault *fault)
{
    sqlite3_stmt *row = world->get_info;
    tl_result result = tl_sqlite_file_step(&world->file, row, fault);
    if (result == TL_AGAIN) {
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, world->file.path, "the store holds no world yet; make one first");
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
    const char *scenario = (const char *)sqlite3_column_text(row, 5);
    int length = scenario ? snprintf(out->scenario, sizeof(out->scenario), "%s", scenario) : -1;
    sqlite3_reset(row);
    if (length < 0 || (size_t)length >= sizeof(out->scenario) || tl_world_info_check(out) != TL_OK) {
        return damaged(&world->file, "the world's description", fault);
    }
    return TL_OK;
}

tl_result tl_sqlite_world_create(tl_sqlite_world *world, const tl_world_info *info, tl_fault *fault)
{
    sqlite3_stmt *add = world->add_info;
    sqlite3_bind_int64(add, 1, info->format);
    sqlite3_bind_int64(add, 2, info->tick_hz);
    sqlite3_bind_int64(add, 3, (int64_t)info->created_us);
    sqlite3_bind_int64(add, 4, (int64_t)info->kinds_hash);
    sqlite3_bind_int64(add, 5, (int64_t)info->seed);
    sqlite3_bind_text(add, 6, info->scenario, -1, SQLITE_TRANSIENT);
    tl_result result = tl_sqlite_file_run(&world->file, add, fault);
    if (result == TL_OK && sqlite3_changes(world->file.db) == 0) {
        return tl_fault_set(fault, TL_ERR_EXISTS, world->file.path, "there is a world already; use it, or another directory");
    }
    return result;
}

static tl_result find_server(tl_sqlite_world *world, const char *name, tl_server_number *out, tl_fault *fault)
{
    sqlite3_bind_text(world->find_server, 1, name, -1, SQLITE_TRANSIENT);
    tl_result result = tl_sqlite_file_step(&world->file, world->find_server, fault);
    if (result == TL_OK) {
        *out = (tl_server_number)sqlite3_column_int(world->find_server, 0);
    }
    sqlite3_reset(world->find_server);
    return result;
}

tl_result tl_sqlite_world_add_server(tl_sqlite_world *world, tl_server_number number, const char *name, tl_fault *fault)
{
    sqlite3_bind_int(world->add_server, 1, number);
    sqlite3_bind_text(world->add_server, 2, name, -1, SQLITE_TRANSIENT);
    return tl_sqlite_file_run(&world->file, world->add_server, fault);
}

tl_result tl_sqlite_world_last_server(tl_sqlite_world *world, int *out, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_step(&world->file, world->count_servers, fault);
    *out = result == TL_OK ? sqlite3_column_int(world->count_servers, 0) : 0;
    sqlite3_reset(world->count_servers);
    return result == TL_AGAIN ? TL_ERR_IO : result;
}

static tl_result add_server(tl_sqlite_world *world, const char *name, tl_server_number *out, tl_fault *fault)
{
    int count = 0;
    tl_result result = tl_sqlite_world_last_server(world, &count, fault);
    if (result != TL_OK) {
        return result;
    }
    if (count >= TL_SERVERS_MAX) {
        return tl_fault_set(fault, TL_ERR_FULL, world->file.path,
                            "the world has as many servers as it can have; use one of their names");
    }
    *out = (tl_server_number)(count + 1);
    return tl_sqlite_world_add_server(world, *out, name, fault);
}

tl_result tl_sqlite_world_register(tl_sqlite_world *world, const char *name, tl_server_number *out, tl_fault *fault)
{
    tl_result result = find_server(world, name, out, fault);
    if (result != TL_AGAIN) {
        return result;
    }
    result = tl_sqlite_file_begin(&world->file, true, fault);
    if (result != TL_OK) {
        return result;
    }
    result = find_server(world, name, out, fault);
    if (result == TL_AGAIN) {
        result = add_server(world, name, out, fault);
    }
    if (result == TL_OK) {
        return tl_sqlite_file_commit(&world->file, fault);
    }
    tl_sqlite_file_rollback(&world->file);
    return result;
}

tl_result tl_sqlite_world_next_server(tl_sqlite_world *world, tl_server_number *number,
                                      char name[TL_NAME_BYTES_MAX + 1], tl_fault *fault)
{
    sqlite3_stmt *row = world->next_server;
    sqlite3_bind_int(row, 1, *number);
    tl_result result = tl_sqlite_file_step(&world->file, row, fault);
    if (result != TL_OK) {
        return result;
    }
    int found = sqlite3_column_int(row, 0);
    const char *text = (const char *)sqlite3_column_text(row, 1);
    bool sound = found >= 1 && found <= TL_SERVERS_MAX && tl_store_name_is_valid(text);
    if (sound) {
        *number = (tl_server_number)found;
        snprintf(name, TL_NAME_BYTES_MAX + 1, "%s", text);
    }
    sqlite3_reset(row);
    return sound ? TL_OK : damaged(&world->file, "the table of servers", fault);
}

tl_result tl_sqlite_put_checkpoint(tl_sqlite_file *file, sqlite3_stmt *put, const tl_work *work, tl_fault *fault)
{
    uint64_t sum = tl_store_sum(work->group, (uint64_t)work->tick, work->data, work->size);
    sqlite3_bind_int64(put, 1, (int64_t)work->group);
    sqlite3_bind_int64(put, 2, work->tick);
    sqlite3_bind_int64(put, 3, (int64_t)sum);
    sqlite3_bind_blob64(put, 4, work->data, work->size, SQLITE_STATIC);
    tl_result result = tl_sqlite_file_run(file, put, fault);
    sqlite3_bind_null(put, 4);
    return result;
}

tl_result tl_sqlite_world_put(tl_sqlite_world *world, tl_work *const *checkpoints, size_t count, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_begin(&world->file, true, fault);
    if (result != TL_OK) {
        return result;
    }
    for (size_t i = 0; i < count && result == TL_OK; i++) {
        result = tl_sqlite_put_checkpoint(&world->file, world->put_checkpoint, checkpoints[i], fault);
    }
    if (result == TL_OK) {
        return tl_sqlite_file_commit(&world->file, fault);
    }
    tl_sqlite_file_rollback(&world->file);
    return result;
}

tl_result tl_sqlite_next_checkpoint(tl_sqlite_file *file, sqlite3_stmt *row, tl_group_id group, tl_note **out,
                                    tl_fault *fault)
{
    sqlite3_bind_int64(row, 1, (int64_t)group);
    tl_result result = tl_sqlite_file_step(file, row, fault);
    if (result != TL_OK) {
        return result;
    }
    size_t size = (size_t)sqlite3_column_bytes(row, 3);
    tl_note *note = size <= TL_RECORD_BYTES_MAX ? tl_note_create(TL_STORE_CHECKPOINT, size) : NULL;
    if (!note) {
        sqlite3_reset(row);
        return size <= TL_RECORD_BYTES_MAX ? tl_fault_set(fault, TL_ERR_MEMORY, file->path, "out of memory")
                                           : damaged(file, "a checkpoint", fault);
    }
    note->event.group = (tl_group_id)sqlite3_column_int64(row, 0);
    note->event.tick = sqlite3_column_int64(row, 1);
    uint64_t sum = (uint64_t)sqlite3_column_int64(row, 2);
    const void *body = sqlite3_column_blob(row, 3);
    bool sound = body || size == 0;
    if (sound && size > 0) {
        memcpy(note->data, body, size);
    }
    sqlite3_reset(row);
    if (!sound || sum != tl_store_sum(note->event.group, (uint64_t)note->event.tick, note->data, size)) {
        free(note);
        return damaged(file, "a checkpoint", fault);
    }
    *out = note;
    return TL_OK;
}

tl_result tl_sqlite_world_next_checkpoint(tl_sqlite_world *world, tl_group_id group, tl_note **out, tl_fault *fault)
{
    return tl_sqlite_next_checkpoint(&world->file, world->next_checkpoint, group, out, fault);
}
