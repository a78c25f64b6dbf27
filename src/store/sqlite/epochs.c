#include "store/sqlite/epochs.h"

static uint64_t row_sum(const tl_sqlite_epochs *epochs, uint32_t epoch, const tl_log_epoch *row)
{
    const int64_t columns[] = {
        (int64_t)epochs->world_us, epochs->number,         epoch,          (int64_t)row->began_us,
        row->began_tick,           (int64_t)row->ended_us, row->last_tick, row->heir};
    return tl_store_row_sum('e', columns, sizeof(columns) / sizeof(columns[0]), NULL, 0);
}

tl_result tl_sqlite_epochs_prepare(tl_sqlite_epochs *epochs, tl_sqlite_file *file, tl_fault *fault)
{
    epochs->file = file;
    const tl_sqlite_sql list[] = {
        {&epochs->get, "SELECT began_us, began_tick, ended_us, last_tick, heir, sum FROM epoch WHERE epoch = ?1"},
        {&epochs->add, "INSERT INTO epoch(epoch, began_us, began_tick, ended_us, last_tick, heir, sum)"
                       " VALUES (?1, ?2, ?3, 0, -1, -1, ?4)"},
        {&epochs->end, "UPDATE epoch SET ended_us = ?2, last_tick = ?3, heir = ?4, sum = ?5 WHERE epoch = ?1"},
    };
    return tl_sqlite_file_prepare(file, list, sizeof(list) / sizeof(list[0]), fault);
}

tl_result tl_sqlite_epochs_read(tl_sqlite_epochs *epochs, uint32_t epoch, tl_log_epoch *out, const char **damage,
                                tl_fault *fault)
{
    TL_ASSERT(epoch > 0);
    sqlite3_stmt *row = epochs->get;
    *damage = NULL;
    sqlite3_bind_int64(row, 1, epoch);
    tl_result result = tl_sqlite_file_step(epochs->file, row, fault);
    if (result == TL_AGAIN) {
        *damage = "is missing";
        return TL_ERR_CORRUPT;
    }
    if (result != TL_OK) {
        return result;
    }
    out->began_us = (uint64_t)sqlite3_column_int64(row, 0);
    out->began_tick = sqlite3_column_int64(row, 1);
    out->ended_us = (uint64_t)sqlite3_column_int64(row, 2);
    out->last_tick = sqlite3_column_int64(row, 3);
    out->heir = sqlite3_column_int(row, 4);
    uint64_t sum = (uint64_t)sqlite3_column_int64(row, 5);
    sqlite3_reset(row);
    out->began_order = tl_log_order(out->began_tick, true);
    out->ended_order = tl_log_order(out->last_tick, true);
    bool sound = sum == row_sum(epochs, epoch, out) && out->began_tick >= -1 && out->last_tick >= -1 &&
                 out->heir >= TL_HEIR_NONE && out->heir <= TL_SERVERS_MAX;
    *damage = sound ? NULL : "has a wrong sum";
    return sound ? TL_OK : TL_ERR_CORRUPT;
}

tl_result tl_sqlite_epochs_begin(tl_sqlite_epochs *epochs, tl_log_head *head, uint64_t now_us, tl_fault *fault)
{
    TL_ASSERT(!sqlite3_get_autocommit(epochs->file->db));
    TL_ASSERT(head->epoch == 0 || head->heir != TL_HEIR_NONE);
    head->epoch++;
    head->heir = TL_HEIR_NONE;
    tl_log_epoch row = {.began_us = now_us, .began_tick = head->tick, .last_tick = -1, .heir = TL_HEIR_NONE};
    const int64_t values[] = {head->epoch, (int64_t)now_us, row.began_tick,
                              (int64_t)row_sum(epochs, head->epoch, &row)};
    return tl_sqlite_file_run_with(epochs->file, epochs->add, values, fault);
}

tl_result tl_sqlite_epochs_write_end(tl_sqlite_epochs *epochs, uint32_t epoch, const tl_log_epoch *row, tl_fault *fault)
{
    TL_ASSERT(epoch > 0);
    TL_ASSERT(!sqlite3_get_autocommit(epochs->file->db));
    const int64_t values[] = {epoch, (int64_t)row->ended_us, row->last_tick, row->heir,
                              (int64_t)row_sum(epochs, epoch, row)};
    return tl_sqlite_file_run_with(epochs->file, epochs->end, values, fault);
}
