#include "store/sqlite/checkpoints.h"
#include "base/memory.h"

#include <string.h>

static uint64_t sum_of(tl_group_id group, int64_t tick, const void *data, size_t size)
{
    return tl_store_sum(group, (uint64_t)tick, data, size);
}

tl_result tl_sqlite_checkpoints_prepare(tl_sqlite_checkpoints *checkpoints, tl_sqlite_file *file, tl_fault *fault)
{
    checkpoints->file = file;
    const tl_sqlite_sql list[] = {
        {&checkpoints->add, "INSERT INTO checkpoint(grp, tick, sum, body) VALUES (?1, ?2, ?3, ?4)"
                            " ON CONFLICT(grp) DO UPDATE SET tick = excluded.tick, sum = excluded.sum,"
                            " body = excluded.body WHERE excluded.tick > checkpoint.tick"},
        {&checkpoints->find, "SELECT tick, sum FROM checkpoint WHERE grp = ?1"},
        {&checkpoints->list, "SELECT grp, tick, sum FROM checkpoint ORDER BY grp"},
        {&checkpoints->get, "SELECT grp, tick, sum, body FROM checkpoint WHERE grp = ?1"},
        {&checkpoints->next, "SELECT grp, tick, sum, body FROM checkpoint WHERE grp > ?1 ORDER BY grp LIMIT 1"},
    };
    return tl_sqlite_file_prepare(file, list, sizeof(list) / sizeof(list[0]), fault);
}

static tl_result add(tl_sqlite_checkpoints *checkpoints, const tl_work *work, uint64_t sum, tl_fault *fault)
{
    sqlite3_stmt *put = checkpoints->add;
    sqlite3_bind_int64(put, 1, (int64_t)work->group);
    sqlite3_bind_int64(put, 2, work->tick);
    sqlite3_bind_int64(put, 3, (int64_t)sum);
    sqlite3_bind_blob64(put, 4, work->data, work->size, SQLITE_STATIC);
    tl_result result = tl_sqlite_file_run(checkpoints->file, put, fault);
    sqlite3_bind_null(put, 4);
    return result;
}

tl_result tl_sqlite_checkpoints_put(tl_sqlite_checkpoints *checkpoints, const tl_work *work, int64_t *count,
                                    uint64_t *total, tl_fault *fault)
{
    TL_ASSERT(work->type == TL_WORK_CHECKPOINT && work->group != 0);
    TL_ASSERT(!sqlite3_get_autocommit(checkpoints->file->db));
    sqlite3_bind_int64(checkpoints->find, 1, (int64_t)work->group);
    tl_result result = tl_sqlite_file_step(checkpoints->file, checkpoints->find, fault);
    if (result != TL_OK && result != TL_AGAIN) {
        return result;
    }
    bool found = result == TL_OK;
    int64_t tick = found ? sqlite3_column_int64(checkpoints->find, 0) : -1;
    uint64_t old_sum = found ? (uint64_t)sqlite3_column_int64(checkpoints->find, 1) : 0;
    sqlite3_reset(checkpoints->find);
    if (found && tick >= work->tick) {
        return TL_OK;
    }
    uint64_t sum = sum_of(work->group, work->tick, work->data, work->size);
    *count += !found;
    *total += tl_mix(sum) - (found ? tl_mix(old_sum) : 0);
    return add(checkpoints, work, sum, fault);
}

// The row at which that statement stands, as a note.
static tl_result take(tl_sqlite_file *file, sqlite3_stmt *row, tl_note **out, tl_fault *fault)
{
    size_t size = (size_t)sqlite3_column_bytes(row, 3);
    tl_group_id group = (tl_group_id)sqlite3_column_int64(row, 0);
    tl_note *note = size <= TL_RECORD_BYTES_MAX ? tl_note_create(TL_STORE_CHECKPOINT, size) : NULL;
    if (!note) {
        return size <= TL_RECORD_BYTES_MAX
                   ? tl_fault_set(fault, TL_ERR_MEMORY, file->path, "out of memory")
                   : tl_sqlite_file_damaged(file, "checkpoint", (int64_t)group, "is too long", fault);
    }
    note->event.group = group;
    note->event.tick = sqlite3_column_int64(row, 1);
    note->sum = (uint64_t)sqlite3_column_int64(row, 2);
    const void *body = sqlite3_column_blob(row, 3);
    bool sound = body || size == 0;
    if (sound && size > 0) {
        memcpy(note->data, body, size);
    }
    if (!sound || note->sum != sum_of(group, note->event.tick, note->data, size)) {
        tl_free(note);
        return tl_sqlite_file_damaged(file, "checkpoint", (int64_t)group, "has a wrong sum", fault);
    }
    *out = note;
    return TL_OK;
}

tl_result tl_sqlite_checkpoints_get(tl_sqlite_checkpoints *checkpoints, tl_group_id group, tl_note **out,
                                    tl_fault *fault)
{
    sqlite3_bind_int64(checkpoints->get, 1, (int64_t)group);
    tl_result result = tl_sqlite_file_step(checkpoints->file, checkpoints->get, fault);
    if (result == TL_OK) {
        result = take(checkpoints->file, checkpoints->get, out, fault);
        sqlite3_reset(checkpoints->get);
    }
    return result;
}

tl_result tl_sqlite_checkpoints_next(tl_sqlite_checkpoints *checkpoints, tl_group_id group, tl_note **out,
                                     tl_fault *fault)
{
    sqlite3_stmt *row = checkpoints->next;
    sqlite3_bind_int64(row, 1, (int64_t)group);
    tl_result result = tl_sqlite_file_step(checkpoints->file, row, fault);
    if (result != TL_OK) {
        return result;
    }
    result = take(checkpoints->file, row, out, fault);
    sqlite3_reset(row);
    if (result == TL_OK &&
        (int64_t)(*out)->event.group <= (int64_t)group) { // its tree is damaged: it might go on for ever
        tl_free(*out);
        return tl_sqlite_file_damaged(checkpoints->file, "checkpoint", (int64_t)group, "is followed by an earlier one",
                                      fault);
    }
    return result;
}
