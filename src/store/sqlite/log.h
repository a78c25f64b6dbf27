// NAME.log.db: one server's log. Its head says which epoch is current, whether it has ended, and the first and last
// tick; every commit, fence and rejoin is one transaction that looks at the head first. Records are chained by their
// previous tick and sum, so that a reader sees what was truncated before it had read it, and what is missing. The head
// also says which ends of the other logs, and of world.db, its server has seen.
#ifndef TRAMLINE_STORE_SQLITE_LOG_H
#define TRAMLINE_STORE_SQLITE_LOG_H

#include "store/engine/heads.h"
#include "store/sqlite/epochs.h"

enum {
    TL_LOG_BATCH_MAX = 16,
    TL_LOG_BATCH_BYTES_MAX = 4 << 20,
    TL_LOG_TRUNCATE_MAX = 16, // records in one transaction
};

typedef struct tl_sqlite_log {
    tl_sqlite_file file;
    tl_sqlite_schema schema;
    tl_server_number number;
    uint64_t world_us;
    tl_log_head last; // as it was last written here; epoch 0: it was not
    sqlite3_stmt *get_head, *get_seen, *set_head;
    tl_sqlite_epochs epochs;
    sqlite3_stmt *add_record, *next_record, *last_to_truncate, *truncate_records;
} tl_sqlite_log;

// Opens the log of that server of that world (known by its created_us). TL_AGAIN if it is not there yet, without
// CREATE. Number 0: whosever it is; `log` then has what its head says.
tl_result tl_sqlite_log_open(tl_sqlite_log *log, const char *directory, const char *name, tl_server_number number,
                             uint64_t world_us, tl_sqlite_mode mode, bool durable_full, bool whole, tl_fault *fault);
void tl_sqlite_log_close(tl_sqlite_log *log);

tl_result tl_sqlite_log_head(tl_sqlite_log *log, tl_log_head *out, tl_fault *fault);
// What the log's server has seen of the others' ends.
tl_result tl_sqlite_log_seen(tl_sqlite_log *log, tl_heads *out, tl_fault *fault);
tl_result tl_sqlite_log_epoch(tl_sqlite_log *log, uint32_t epoch, tl_log_epoch *out, tl_fault *fault);
// The first record after `tick`, as a note of type RECORD, and the tick before it. TL_AGAIN if there is none.
tl_result tl_sqlite_log_next(tl_sqlite_log *log, int64_t tick, tl_note **out, int64_t *previous_tick, tl_fault *fault);
// What a record's row has as its sum.
uint64_t tl_sqlite_log_record_sum(const tl_sqlite_log *log, uint32_t epoch, int64_t tick, int64_t previous_tick,
                                  uint64_t previous_sum, uint64_t begun_us, const void *body, size_t size);
// The tick before the first record that is not truncated; the head's if there is no record.
tl_result tl_sqlite_log_start(tl_sqlite_log *log, int64_t *previous_tick, tl_fault *fault);

// A transaction each.
// Ends the current epoch, with this server as its own heir unless it has one, and begins the next. `out`: the new head.
tl_result tl_sqlite_log_join(tl_sqlite_log *log, uint64_t now_us, tl_log_head *out, tl_fault *fault);
// Appends records; those that an earlier try committed after all are passed over. TL_ERR_FENCED if `epoch` has ended.
// `seen` (NULL: as it was) is kept with them.
tl_result tl_sqlite_log_append(tl_sqlite_log *log, uint32_t epoch, tl_work *const *records, size_t count,
                               const tl_heads *seen, tl_fault *fault);
// Ends `epoch` if it is current, its last tick is `tick`, and it has no heir. TL_ERR_FENCED if not. `seen` as above:
// only of the own log.
tl_result tl_sqlite_log_end(tl_sqlite_log *log, uint32_t epoch, int64_t tick, int heir, uint64_t now_us,
                            const tl_heads *seen, tl_fault *fault);
// Ends `epoch` at `tick` as quarantine() in store.h says. TL_ERR_FENCED: not possible (any more).
tl_result tl_sqlite_log_quarantine(tl_sqlite_log *log, const tl_work *work, int heir, uint64_t now_us, tl_fault *fault);
// Within a transaction that is open on it: `seen` is kept.
tl_result tl_sqlite_log_keep_seen(tl_sqlite_log *log, const tl_heads *seen, tl_fault *fault);
// Drops some records before `tick`, never the newest. *done: none are left. TL_ERR_FENCED if `epoch` has ended.
tl_result tl_sqlite_log_truncate(tl_sqlite_log *log, uint32_t epoch, int64_t tick, const tl_heads *seen, bool *done,
                                 tl_fault *fault);
// Of a log that is copied: moves the head on to `tick`, for its source has truncated the records up to there.
tl_result tl_sqlite_log_skip(tl_sqlite_log *log, int64_t tick, tl_fault *fault);

#endif
