// NAME-log-SERVER: one server's log in a namespace of mvsqlite. Head and epochs are those of a log file
// (store/sqlite/log.h).
//
// Records lie in *slots*: rows of one fixed length, one a page, that were made beforehand and are written over. So a
// commit changes two pages, the head's and the slot's, and none is allocated or freed: that would change page 1, which
// is in every transaction's read set. The slots are chained into a ring; each says which comes after it. From the
// head's `first` on they hold the records that are not truncated, up to `next`, which is free. A record that is longer
// than a slot takes several. Truncating moves `first`.
//
// Checkpoints are in the log of the server that made them, and not in the world's namespace: there the servers' commits
// would conflict by their pages, and each conflict costs 50 ms in mvsqlite.
//
// Nothing can be locked in mvsqlite, so an heir claims first. A *claim* in a head says: this server is about to end
// that server's epoch. A server that ends an epoch whose head has a claim *denies* the claim first, by raising
// `denials` of the claimed server; a claim holds only while that number is unchanged. So no server becomes an heir
// after its own end.
//
// The head's page is written with each commit, so a server that ends the epoch of a live server would lose one race
// after the other. Therefore the epoch is *stopped* first, in its row alone, which each commit reads and none writes
// (store/mvsqlite/stop.c).
#ifndef TRAMLINE_STORE_MVSQLITE_LOG_H
#define TRAMLINE_STORE_MVSQLITE_LOG_H

#include "store/mvsqlite/slot.h"

enum {
    TL_MVSQLITE_BATCH_MAX = 16, // records in one commit
    TL_MVSQLITE_BATCH_BYTES_MAX = 4 << 20,
    TL_STOP_US_MAX = 1000000, // so long a stopped author waits for its end: less than others wait before they fence it
};

// Opens the log in the namespace of that name, of that server of that world (known by its created_us). TL_AGAIN if it
// is not there yet, without CREATE.
tl_result tl_mvsqlite_log_open(tl_mvsqlite_log *log, const char *name, tl_server_number number, uint64_t world_us,
                               tl_sqlite_mode mode, tl_fault *fault);
void tl_mvsqlite_log_close(tl_mvsqlite_log *log);

// ---- reading: all in the snapshot that look() took ------------------------------------------------------------------

// Takes a new snapshot, and reads its head: one request to mvstore, and one more if the head has changed.
tl_result tl_mvsqlite_log_look(tl_mvsqlite_log *log, tl_mvsqlite_head *out, tl_fault *fault);
// The same, but with `brief`, if the next record is in its slot, *head is only moved on to it, and the head is not
// read: one request less until the record is here. *head: as last seen, and now.
tl_result tl_mvsqlite_log_poll_head(tl_mvsqlite_log *log, bool brief, tl_log_head *head, tl_fault *fault);
// The first record after `tick`, as a note of type RECORD, and the tick before it. TL_AGAIN if there is none.
tl_result tl_mvsqlite_log_next(tl_mvsqlite_log *log, int64_t tick, tl_note **out, int64_t *previous_tick,
                               tl_fault *fault);
// The tick before the first record that is not truncated; the head's if there is no record.
tl_result tl_mvsqlite_log_start(tl_mvsqlite_log *log, int64_t *previous_tick, tl_fault *fault);
// Whether the checkpoints are those that the head knows of.
tl_result tl_mvsqlite_log_check_checkpoints(tl_mvsqlite_log *log, tl_fault *fault);
// The checkpoint with the lowest group above `group`, by signed order, as a note. TL_AGAIN if there is none.
tl_result tl_mvsqlite_log_checkpoint(tl_mvsqlite_log *log, tl_group_id group, tl_note **out, tl_fault *fault);

// ---- writing: a transaction each. TL_ERR_BUSY: it was not committed, or nobody knows; do it again ------------------

// Begins a transaction, and reads the head. Rolled back after a failure.
tl_result tl_mvsqlite_log_begin(tl_mvsqlite_log *log, tl_mvsqlite_head *out, tl_fault *fault);
// Commits if the result so far is TL_OK, rolls back else; returns what became of it.
tl_result tl_mvsqlite_log_finish(tl_mvsqlite_log *log, tl_result result, tl_fault *fault);
// Within a transaction: the epoch's row, and the head.
tl_result tl_mvsqlite_log_end_epoch(tl_mvsqlite_log *log, tl_mvsqlite_head *head, int heir, uint64_t now_us,
                                    tl_fault *fault);
tl_result tl_mvsqlite_log_add_epoch(tl_mvsqlite_log *log, tl_mvsqlite_head *head, uint64_t now_us, tl_fault *fault);

// A transaction: stops an epoch that goes on. What its author commits after that fails, until the epoch has ended or
// has been stopped for TL_STOP_US_MAX. Safety does not depend on it, only which of the two commits first.
tl_result tl_mvsqlite_log_stop(tl_mvsqlite_log *log, uint32_t epoch, uint64_t now_us, tl_fault *fault);
// Within a transaction of the author's: TL_ERR_BUSY while the epoch is stopped. What has lasted too long is taken back.
tl_result tl_mvsqlite_log_pass_stop(tl_mvsqlite_log *log, uint32_t epoch, tl_fault *fault);

// What a quarantine is about: the first slot that is to be set aside, and its record.
typedef struct tl_mvsqlite_aside {
    int64_t slot, count; // how many from there to `next`; 0: none
    int64_t next;        // of the head
    int64_t tick;
    uint64_t sum;
} tl_mvsqlite_aside;

// In the snapshot of that look: finds it. It may have to look at many slots, so that it is not for a transaction that
// must be done before the author's next commit. TL_ERR_FENCED: not possible, or not the record that the work is about.
tl_result tl_mvsqlite_log_look_aside(tl_mvsqlite_log *log, const tl_mvsqlite_head *head, const tl_work *work,
                                     tl_mvsqlite_aside *out, tl_fault *fault);
// Within a transaction: moves the head before it. The slots stay as they are until they are moved. TL_ERR_BUSY: it is
// not there any more, look again.
tl_result tl_mvsqlite_log_set_aside(tl_mvsqlite_log *log, tl_mvsqlite_head *head, const tl_mvsqlite_aside *aside,
                                    tl_fault *fault);
// A transaction: moves some of the slots that were set aside into a table, and clears them. To be done before anything
// is appended. *done: none are left.
tl_result tl_mvsqlite_log_move_aside(tl_mvsqlite_log *log, bool *done, tl_fault *fault);

// Appends records; those that an earlier try committed after all are passed over. TL_ERR_FENCED if `epoch` has ended.
tl_result tl_mvsqlite_log_append(tl_mvsqlite_log *log, uint32_t epoch, tl_work *const *records, size_t count,
                                 tl_fault *fault);
// Stores checkpoints, each only if it is newer than what is there. TL_ERR_FENCED if `epoch` has ended.
tl_result tl_mvsqlite_log_put(tl_mvsqlite_log *log, uint32_t epoch, tl_work *const *checkpoints, size_t count,
                              tl_fault *fault);
// Drops some records before `tick`, never the newest. *done: none are left. TL_ERR_FENCED if `epoch` has ended.
tl_result tl_mvsqlite_log_truncate(tl_mvsqlite_log *log, uint32_t epoch, int64_t tick, bool *done, tl_fault *fault);

#endif
