// The rows that a log in mvsqlite has one of, or one for each epoch: its head and its epochs; and the log itself, as an
// open namespace (see store/mvsqlite/log.h).
#ifndef TRAMLINE_STORE_MVSQLITE_ROWS_H
#define TRAMLINE_STORE_MVSQLITE_ROWS_H

#include "store/sqlite/checkpoints.h"
#include "store/sqlite/epochs.h"

enum {
    TL_SLOT_BYTES = 32640, // the most that leaves a row in one page of 32 kB, rounded
    TL_SLOT_HEAD_BYTES = 64,
    TL_SLOT_DATA_BYTES = TL_SLOT_BYTES - TL_SLOT_HEAD_BYTES,
    TL_SLOTS_MIN = 64, // made with the log
    TL_SLOTS_MAX = 1 << 20,
    TL_SLOTS_GROW = 16, // at once, when they do not suffice
};

typedef struct tl_mvsqlite_head {
    tl_log_head base;
    int64_t first, next, slots, used;
    int64_t checkpoints;      // how many there are in this log,
    uint64_t checkpoints_sum; // and what their sums, each mixed, add up to
    int64_t aside, aside_at;  // slots that were set aside and are still where they were, and the first of them
    tl_server_number claim;   // 0: none
    int64_t claim_denials;    // of the claimed server, when it was claimed
    int64_t denials;
} tl_mvsqlite_head;

typedef struct tl_mvsqlite_log {
    tl_sqlite_file file;
    tl_server_number number;
    uint64_t world_us;
    sqlite3_stmt *get_head, *set_head;
    tl_sqlite_epochs epochs;
    sqlite3_stmt *get_slot, *set_slot, *add_slots;
    tl_sqlite_checkpoints checkpoints;
    // Where reading goes on: the slot after the record of that tick.
    int64_t cursor_tick, cursor_slot;
    // Of the author: the stop that it waits for, by the time in its row, and since when.
    uint64_t stop_us, stop_seen_us;
    unsigned char slot[TL_SLOT_BYTES]; // to write from
} tl_mvsqlite_log;

// What is damaged, as a fault.
tl_result tl_mvsqlite_log_damaged(const tl_mvsqlite_log *log, const char *what, tl_fault *fault);
// Prepares the statements for these rows.
tl_result tl_mvsqlite_rows_prepare(tl_mvsqlite_log *log, tl_fault *fault);
// In the present snapshot or transaction.
tl_result tl_mvsqlite_log_read_head(tl_mvsqlite_log *log, tl_mvsqlite_head *out, tl_fault *fault);
tl_result tl_mvsqlite_log_epoch(tl_mvsqlite_log *log, uint32_t epoch, tl_log_epoch *out, tl_fault *fault);
// Within a transaction.
tl_result tl_mvsqlite_log_set_head(tl_mvsqlite_log *log, const tl_mvsqlite_head *head, tl_fault *fault);

#endif
