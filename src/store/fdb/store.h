// One attachment to a world in FoundationDB, and its two threads: one writes (store/fdb/write.c), one follows
// (store/fdb/read.c).
#ifndef TRAMLINE_STORE_FDB_STORE_H
#define TRAMLINE_STORE_FDB_STORE_H

#include "store/fdb/client.h"
#include "store/fdb/reader.h"
#include "store/fdb/restore.h"

enum { TL_FDB_OPEN_US = 10000000 }; // without an answer for so long a store cannot be opened

typedef struct tl_fdb_store {
    tl_attachment attachment; // first
    char cluster_file[512];
    char prefix[TL_NAME_BYTES_MAX + 1];
    const tl_fdb_library *fdb;
    tl_fdb_database *database;
    tl_fdb_restore *restore; // NULL: no copy is written into it
    tl_note *told_aside;     // of what was set aside: the record that was told last
    pthread_t write_thread, read_thread;
    bool writes; // has a writing thread

    // Under the attachment's mutex.
    bool lease_suspect; // the reader has seen that the own epoch ended: the writer looks
    bool disowned;      // the writer has told it: the reader follows the own log
    tl_log_epoch last_epoch;
    bool may_read;       // joined, or only follows
    int64_t joined_tick; // the last committed one at the join

    // Of the writing thread; before it runs, and for what blocks, of the caller's.
    tl_fdb_worker writer;
    uint64_t nonce;
    int64_t version;   // of the last commit
    uint64_t last_sum; // of the record of the committed tick
    uint64_t version_us;
    bool careful; // what the last commit came to is not certain: look before writing again
    uint32_t write_wakeups;
    uint64_t maintained_us; // when they were done last

    // Of the reading thread.
    tl_fdb_reader reader;
} tl_fdb_store;

void *tl_fdb_write_thread(void *store);
void *tl_fdb_read_thread(void *store);

#endif
