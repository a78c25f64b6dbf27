// One attachment to a store in SQLite: queues between the caller's thread and the store's own thread, which alone
// touches the files once it runs.
#ifndef TRAMLINE_STORE_SQLITE_STORE_H
#define TRAMLINE_STORE_SQLITE_STORE_H

#include "sqlite_follow.h"

#include <pthread.h>

enum {
    TL_NOTES_MAX = 1024,             // followed, and not yet polled: then following waits
    TL_NOTES_BYTES_MAX = 64 << 20,   // the same
    TL_FOLLOW_POLL_US = 1000,        // how often the logs are looked at
    TL_DISCOVER_POLL_US = 20000,     // how often new servers are looked for
    TL_MOVED_POLL_US = 1000000,      // how often it is checked that the files are still in place
    TL_RETRY_BUSY_US = 2000,         // after a lock was not had
    TL_RETRY_FAULT_US = 50000,       // after anything else
    TL_STALL_BUSY_US = 100000,       // locked for so long is told as a stall
};

// What the thread does, each with its own record of failures.
typedef enum tl_sqlite_activity {
    TL_ACTIVITY_JOIN,
    TL_ACTIVITY_COMMIT,
    TL_ACTIVITY_FENCE,
    TL_ACTIVITY_FOLLOW,
    TL_ACTIVITY_CHORE,
    TL_ACTIVITY_COUNT,
} tl_sqlite_activity;

typedef struct tl_sqlite_trouble {
    bool failing;
    bool told; // counts towards the stall
    uint64_t since_us, retry_us;
} tl_sqlite_trouble;

typedef struct tl_sqlite_store {
    tl_store base;
    char directory[TL_PATH_BYTES_MAX];
    tl_sqlite_mode mode;
    bool durable_full;
    char name[TL_NAME_BYTES_MAX + 1]; // "": only follows
    tl_sqlite_world world;            // of the caller's thread until the store's own runs
    tl_world_info info;
    bool started;
    pthread_t thread;
    tl_note *told; // the last one polled

    // Under the mutex.
    pthread_mutex_t mutex;
    pthread_cond_t work_cond; // to the thread: there is work, or room, or an end
    pthread_cond_t idle_cond; // from the thread: something was done
    bool kicked, stopping, leaving;
    bool joined, lost, failed;
    tl_server_number number;
    int64_t submitted_tick;
    tl_work_queue records, fences, chores;
    tl_note_queue notes;
    size_t own_notes; // of them, those that are not held back by TL_NOTES_MAX
    bool starved;     // following waits for room
    int event_fd;
    tl_note *last_note; // kept for FAILED, so that it can be told without memory

    // Of the store's thread.
    tl_sqlite_follow follow;
    uint32_t epoch;
    int64_t committed_tick;
    bool following, own_changed, has_backlog;
    tl_note *held; // read, and there was no room for it
    uint64_t discover_us, collect_us, moved_us;
    tl_sqlite_trouble troubles[TL_ACTIVITY_COUNT];
    bool stalled;
} tl_sqlite_store;

// The store's thread (sqlite_thread.c); its argument is the store.
void *tl_sqlite_thread(void *store);
uint64_t tl_clock_real_us(void);

#endif
