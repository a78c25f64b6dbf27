// An epoch whose author is alive is stopped before it is ended. Pages are what conflicts in mvsqlite, and the first to
// commit wins: the author writes its head's page with each commit, so that another server that wants to change the head
// comes too late again and again. The epoch's row is on another page. A server that is about to end the epoch writes a
// time there; the author reads it in each of its transactions (from its cache, as it hardly ever changes), and has to
// wait from then on. So the transaction that ends the epoch has the head for itself. If that transaction never
// comes, because its server has died, the author removes the stop and continues.
#include "store/engine/attachment.h"
#include "store/mvsqlite/log.h"

static bool is_stopped(const tl_log_epoch *row)
{
    return row->heir == TL_HEIR_NONE && row->ended_us != 0;
}

tl_result tl_mvsqlite_log_stop(tl_mvsqlite_log *log, uint32_t epoch, uint64_t now_us, tl_fault *fault)
{
    TL_ASSERT(epoch > 0 && now_us > 0);
    tl_log_epoch row;
    tl_sqlite_file_rollback(&log->file); // of a look
    // The head is not read: its page would be a conflict.
    tl_result result = tl_sqlite_file_begin(&log->file, true, fault);
    if (result != TL_OK) {
        return result;
    }
    result = tl_mvsqlite_log_epoch(log, epoch, &row, fault);
    if (result == TL_OK && (row.heir != TL_HEIR_NONE || is_stopped(&row))) { // somebody else was faster
        tl_sqlite_file_rollback(&log->file);
        return TL_OK;
    }
    row.ended_us = now_us;
    result = result == TL_OK ? tl_sqlite_epochs_write_end(&log->epochs, epoch, &row, fault) : result;
    return tl_mvsqlite_log_finish(log, result, fault);
}

tl_result tl_mvsqlite_log_pass_stop(tl_mvsqlite_log *log, uint32_t epoch, tl_fault *fault)
{
    tl_log_epoch row;
    tl_result result = tl_mvsqlite_log_epoch(log, epoch, &row, fault);
    if (result != TL_OK || !is_stopped(&row)) {
        return result;
    }
    uint64_t now_us = tl_clock_steady_us();
    if (log->stop_us != row.ended_us) {
        log->stop_us = row.ended_us;
        log->stop_seen_us = now_us;
    }
    if (now_us - log->stop_seen_us < TL_STOP_US_MAX) {
        return tl_fault_set(fault, TL_ERR_BUSY, log->file.path,
                            "another server is ending this server's epoch; it waits for that");
    }
    row.ended_us = 0;
    return tl_sqlite_epochs_write_end(&log->epochs, epoch, &row, fault);
}
