#include "store/mvsqlite/rows.h"

tl_result tl_mvsqlite_log_damaged(const tl_mvsqlite_log *log, const char *what, tl_fault *fault)
{
    char text[160];
    snprintf(text, sizeof(text), "%s is damaged; stop all servers and restore the namespace", what);
    return tl_fault_set(fault, TL_ERR_CORRUPT, log->file.path, text);
}

tl_result tl_mvsqlite_rows_prepare(tl_mvsqlite_log *log, tl_fault *fault)
{
    const tl_sqlite_sql list[] = {
        {&log->get_head,
         "SELECT epoch, tick, heir, first, next, slots, used, claim, claim_denials, denials, number,"
         " world_us, tick_sum, checkpoints, checkpoints_sum, sum, aside, aside_at FROM head WHERE one = 1"},
        {&log->set_head, "UPDATE head SET epoch = ?1, tick = ?2, heir = ?3, first = ?4, next = ?5, slots = ?6,"
                         " used = ?7, claim = ?8, claim_denials = ?9, denials = ?10, tick_sum = ?11, checkpoints = ?12,"
                         " checkpoints_sum = ?13, aside = ?14, aside_at = ?15, sum = ?16 WHERE one = 1"},
    };
    tl_result result = tl_sqlite_file_prepare(&log->file, list, sizeof(list) / sizeof(list[0]), fault);
    return result == TL_OK ? tl_sqlite_epochs_prepare(&log->epochs, &log->file, fault) : result;
}

static uint64_t head_sum(const tl_mvsqlite_log *log, const tl_mvsqlite_head *head)
{
    const int64_t columns[] = {(int64_t)log->world_us,
                               log->number,
                               head->base.epoch,
                               head->base.tick,
                               head->base.heir,
                               (int64_t)head->base.sum,
                               head->first,
                               head->next,
                               head->slots,
                               head->used,
                               head->claim,
                               head->claim_denials,
                               head->denials,
                               head->checkpoints,
                               (int64_t)head->checkpoints_sum,
                               head->aside,
                               head->aside_at};
    return tl_store_row_sum('h', columns, sizeof(columns) / sizeof(columns[0]), NULL, 0);
}

tl_result tl_mvsqlite_log_read_head(tl_mvsqlite_log *log, tl_mvsqlite_head *out, tl_fault *fault)
{
    sqlite3_stmt *row = log->get_head;
    tl_result result = tl_sqlite_file_step(&log->file, row, fault);
    if (result == TL_AGAIN) {
        return tl_mvsqlite_log_damaged(log, "the head", fault);
    }
    if (result != TL_OK) {
        return result;
    }
    int64_t epoch = sqlite3_column_int64(row, 0);
    int64_t claim = sqlite3_column_int64(row, 7);
    *out = (tl_mvsqlite_head){
        .base = {.epoch = (uint32_t)epoch, .tick = sqlite3_column_int64(row, 1), .heir = sqlite3_column_int(row, 2)},
        .first = sqlite3_column_int64(row, 3),
        .next = sqlite3_column_int64(row, 4),
        .slots = sqlite3_column_int64(row, 5),
        .used = sqlite3_column_int64(row, 6),
        .claim = (tl_server_number)claim,
        .claim_denials = sqlite3_column_int64(row, 8),
        .denials = sqlite3_column_int64(row, 9),
        .checkpoints = sqlite3_column_int64(row, 13),
        .checkpoints_sum = (uint64_t)sqlite3_column_int64(row, 14),
        .aside = sqlite3_column_int64(row, 16),
        .aside_at = sqlite3_column_int64(row, 17),
    };
    out->base.sum = (uint64_t)sqlite3_column_int64(row, 12);
    uint64_t sum = (uint64_t)sqlite3_column_int64(row, 15);
    sqlite3_reset(row);
    bool sound = sum == head_sum(log, out) && epoch >= 0 && epoch <= UINT32_MAX && out->base.tick >= -1 &&
                 out->base.heir >= TL_HEIR_NONE && out->base.heir <= TL_SERVERS_MAX && claim >= 0 &&
                 claim <= TL_SERVERS_MAX && out->slots >= 1 && out->slots <= TL_SLOTS_MAX && out->used >= 0 &&
                 out->used < out->slots;
    return sound ? TL_OK : tl_mvsqlite_log_damaged(log, "the head", fault);
}

tl_result tl_mvsqlite_log_set_head(tl_mvsqlite_log *log, const tl_mvsqlite_head *head, tl_fault *fault)
{
    TL_ASSERT(!sqlite3_get_autocommit(log->file.db));
    TL_ASSERT(head->used >= 0 && head->used < head->slots);
    const int64_t values[] = {head->base.epoch,
                              head->base.tick,
                              head->base.heir,
                              head->first,
                              head->next,
                              head->slots,
                              head->used,
                              head->claim,
                              head->claim_denials,
                              head->denials,
                              (int64_t)head->base.sum,
                              head->checkpoints,
                              (int64_t)head->checkpoints_sum,
                              head->aside,
                              head->aside_at,
                              (int64_t)head_sum(log, head)};
    return tl_sqlite_file_run_with(&log->file, log->set_head, values, fault);
}

tl_result tl_mvsqlite_log_epoch(tl_mvsqlite_log *log, uint32_t epoch, tl_log_epoch *out, tl_fault *fault)
{
    const char *damage = NULL;
    tl_result result = tl_sqlite_epochs_read(&log->epochs, epoch, out, &damage, fault);
    return damage ? tl_mvsqlite_log_damaged(log, "the list of epochs", fault) : result;
}
