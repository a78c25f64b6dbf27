// One attachment to a world in FoundationDB, with two threads: one writes (store/fdb/write.c), one follows
// (store/fdb/read.c).
#ifndef TRAMLINE_STORE_FDB_STORE_H
#define TRAMLINE_STORE_FDB_STORE_H

#include "store/engine/follower.h"
#include "store/engine/writer.h"
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
    tl_note *polled_aside;   // of what was set aside: the record that was reported last
    pthread_t write_thread, read_thread;
    bool writes; // has a writing thread

    // Of the writing thread; before it runs, and for what blocks, of the caller's.
    tl_writer writer;
    tl_fdb_worker worker;
    uint64_t nonce;
    int64_t version;   // of the last commit
    uint64_t last_sum; // of the record of the committed tick
    uint64_t version_us;
    bool careful; // what the last commit came to is not certain: look before writing again

    // Of the following thread.
    tl_follower follower;
    tl_fdb_reader reader;
    uint64_t round_due_us;
} tl_fdb_store;

// The backend is the store.
extern const tl_writer_ops tl_fdb_writer_ops;
extern const tl_follower_ops tl_fdb_follower_ops;

#endif
