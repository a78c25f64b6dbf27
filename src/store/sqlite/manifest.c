#include "store/sqlite/manifest.h"

#include <string.h>

static uint64_t sum_of(const tl_manifest *m, const void *heads, size_t size)
{
    const int64_t columns[] = {(int64_t)m->serial,      m->whole,       m->servers,
                               (int64_t)m->servers_sum, m->checkpoints, (int64_t)m->checkpoints_sum};
    return tl_store_row_sum('m', columns, sizeof(columns) / sizeof(columns[0]), heads, size);
}

static tl_result bind_and_run(tl_sqlite_file *file, sqlite3_stmt *set, const tl_manifest *m, tl_fault *fault)
{
    unsigned char heads[TL_HEADS_BYTES_MAX];
    size_t size = tl_heads_write(&m->heads, heads);
    const int64_t values[] = {(int64_t)m->serial,
                              m->whole,
                              m->servers,
                              (int64_t)m->servers_sum,
                              m->checkpoints,
                              (int64_t)m->checkpoints_sum,
                              (int64_t)sum_of(m, heads, size)};
    for (int i = 0; i < 7; i++) {
        sqlite3_bind_int64(set, i + 1, values[i]);
    }
    sqlite3_bind_blob(set, 8, heads, (int)size, SQLITE_TRANSIENT);
    return tl_sqlite_file_run(file, set, fault);
}

tl_result tl_sqlite_manifest_create(tl_sqlite_file *file, tl_fault *fault)
{
    sqlite3_stmt *add = NULL;
    const tl_sqlite_sql list[] = {{&add, "INSERT INTO manifest(one, serial, whole, servers, servers_sum, checkpoints,"
                                         " checkpoints_sum, sum, heads) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"}};
    tl_result result = tl_sqlite_file_prepare(file, list, 1, fault);
    static const tl_manifest empty;
    result = result == TL_OK ? bind_and_run(file, add, &empty, fault) : result;
    sqlite3_finalize(add);
    return result;
}

tl_result tl_sqlite_manifest_prepare(tl_sqlite_manifest *manifest, tl_sqlite_file *file, tl_fault *fault)
{
    const tl_sqlite_sql list[] = {
        {&manifest->get, "SELECT serial, whole, servers, servers_sum, checkpoints, checkpoints_sum, sum, heads"
                         " FROM manifest WHERE one = 1"},
        {&manifest->set,
         "UPDATE manifest SET serial = ?1, whole = ?2, servers = ?3, servers_sum = ?4, checkpoints = ?5,"
         " checkpoints_sum = ?6, sum = ?7, heads = ?8 WHERE one = 1"},
    };
    return tl_sqlite_file_prepare(file, list, sizeof(list) / sizeof(list[0]), fault);
}

tl_result tl_sqlite_manifest_read(tl_sqlite_manifest *manifest, tl_sqlite_file *file, tl_manifest *out, tl_fault *fault)
{
    sqlite3_stmt *row = manifest->get;
    tl_result result = tl_sqlite_file_step(file, row, fault);
    if (result == TL_AGAIN) {
        return tl_sqlite_file_damaged(file, "manifest", 1, "is missing", fault);
    }
    if (result != TL_OK) {
        return result;
    }
    out->serial = (uint64_t)sqlite3_column_int64(row, 0);
    out->whole = sqlite3_column_int64(row, 1) != 0;
    out->servers = sqlite3_column_int64(row, 2);
    out->servers_sum = (uint64_t)sqlite3_column_int64(row, 3);
    out->checkpoints = sqlite3_column_int64(row, 4);
    out->checkpoints_sum = (uint64_t)sqlite3_column_int64(row, 5);
    uint64_t sum = (uint64_t)sqlite3_column_int64(row, 6);
    const void *heads = sqlite3_column_blob(row, 7);
    size_t size = (size_t)sqlite3_column_bytes(row, 7);
    bool sound = heads && tl_heads_read(&out->heads, heads, size) && sum == sum_of(out, heads, size);
    sqlite3_reset(row);
    return sound ? TL_OK : tl_sqlite_file_damaged(file, "manifest", 1, "has a wrong sum", fault);
}

tl_result tl_sqlite_manifest_write(tl_sqlite_manifest *manifest, tl_sqlite_file *file, tl_manifest *content,
                                   tl_fault *fault)
{
    TL_ASSERT(!sqlite3_get_autocommit(file->db));
    content->serial++;
    return bind_and_run(file, manifest->set, content, fault);
}
