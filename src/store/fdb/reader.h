// What an attachment reads of a world in FoundationDB: all logs, as a source to follow. One round is one transaction,
// in which the heads of all logs are read and, at the same time, what is new in those logs that are known to have
// grown: so a position is exact, and a record costs one round trip from the moment that its server's head is seen to
// have moved. A watch on each head says when that is. Used by the reading thread alone.
#ifndef TRAMLINE_STORE_FDB_READER_H
#define TRAMLINE_STORE_FDB_READER_H

#include "store/engine/follow.h"
#include "store/fdb/checkpoints.h"

// A record that was read, or is being read part by part, and not yet reported.
typedef struct tl_fdb_entry {
    struct tl_fdb_entry *next;
    tl_note *note;
    int64_t previous_tick;
    size_t filled; // bytes of it that are here
} tl_fdb_entry;

// A watch: armed by a transaction; it fires on the library's thread.
typedef struct tl_fdb_watch {
    tl_attachment *attachment;
    tl_fdb_future *future; // NULL: none
    bool fired;            // under the attachment's mutex
} tl_fdb_watch;

typedef struct tl_fdb_peer {
    tl_fdb_watch watch;
    bool moved; // its head may have, since it was read last
    // What was read ahead: records in order, and the key's place behind them.
    tl_fdb_entry *first, *last;
    size_t bytes;
    int64_t at_tick; // the last one that was taken, or sought
    int64_t read_tick;
    uint64_t read_part;
} tl_fdb_peer;

typedef struct tl_fdb_reader {
    tl_fdb_worker worker;
    tl_follow follow;
    tl_fdb_watch roster;
    uint32_t servers; // that are known
    tl_fdb_peer peers[TL_SERVERS_MAX + 1];
    tl_log_head heads[TL_SERVERS_MAX + 1];
    tl_fdb_checkpoints checkpoints;
} tl_fdb_reader;

void tl_fdb_reader_init(tl_fdb_reader *reader);
// After the reading thread has ended.
void tl_fdb_reader_free(tl_fdb_reader *reader);
// Reads the heads, and ahead; arms the watches. Heads are in reader->heads then, and targeted at.
tl_result tl_fdb_reader_round(tl_fdb_reader *reader, tl_fault *fault);
// Begins to load. `own` (0: none) has joined with that head.
tl_result tl_fdb_reader_start(tl_fdb_reader *reader, tl_server_number own, const tl_log_head *head, tl_fault *fault);
// Whether a watch has fired since the last round. Under the attachment's mutex.
bool tl_fdb_reader_has_fired(const tl_fdb_reader *reader);

#endif
