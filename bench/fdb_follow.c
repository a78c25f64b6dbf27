// How soon a process learns of another one's commit in FoundationDB, by four ways to follow: what
// src/store/fdb/reader.c does, and what it does not. Run by scripts/with-fdb.sh; prints a table.
//
//   scripts/with-fdb.sh build/release/bench/bench_fdb_follow [SECONDS [BYTES]]
//
// One process commits a head and a record 20 times a second, another one follows. Times are from before the commit to
// the record in the other's hands. The follower's processor time is that of its whole process, the client's thread
// included.
#define _DEFAULT_SOURCE
#include "store/fdb/library.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_US = 50000, SAMPLES_MAX = 100000, BYTES_MAX = 90000, STAMP_BYTES = 10, AHEAD_VERSIONS = 1000 };

typedef enum way { WATCH, WATCH_DEFAULT, POLL, AHEAD, WAYS } way;

static const char *const way_names[WAYS] = {
    "a watch, `future_version_retry_delay=0.001`",
    "a watch, with the default of that knob",
    "the head is read each millisecond",
    "a read at the next version, which waits for it",
};

typedef struct results {          // in shared memory
    volatile bool over, followed; // the follower is to end; it has ended
    uint64_t cpu_us;
    size_t count;
    uint32_t us[SAMPLES_MAX];
} results;

// The head's value: the version that it was committed at, and when that began.
typedef struct head {
    int64_t version;
    uint64_t tick, begun_us;
} head;

static const tl_fdb_library *fdb;
static tl_fdb_database *database;
static const uint8_t head_key[] = "bench-follow/1", record_key[] = "bench-follow/2", end_key[] = "bench-follow/3";

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void open_database(void)
{
    tl_fault fault;
    char file[512];
    const char *uri = getenv("TL_STORE");
    if (!uri || sscanf(uri, "fdb:%511[^?]", file) != 1) {
        fprintf(stderr, "run this with scripts/with-fdb.sh\n");
        exit(77);
    }
    if (tl_fdb_library_load(&fdb, &fault) != TL_OK || fdb->create_database(file, &database) != 0) {
        fprintf(stderr, "%s\n", fault.text);
        exit(1);
    }
}

static void on_ready(tl_fdb_future *future, void *ready)
{
    sem_post(ready);
}

// Waits for it; gives its error.
static int wait_for(tl_fdb_future *future)
{
    sem_t ready;
    sem_init(&ready, 0, 0);
    if (fdb->future_set_callback(future, on_ready, &ready) != 0) {
        exit(1);
    }
    while (sem_wait(&ready) != 0) {
    }
    sem_destroy(&ready);
    return fdb->future_get_error(future);
}

static int finish(tl_fdb_future *future)
{
    int code = wait_for(future);
    fdb->future_destroy(future);
    return code;
}

static tl_fdb_transaction *begin(void)
{
    tl_fdb_transaction *transaction = NULL;
    if (fdb->database_create_transaction(database, &transaction) != 0) {
        exit(1);
    }
    return transaction;
}

static void commit_ticks(const results *out, int bytes)
{
    static uint8_t record[BYTES_MAX];
    int64_t version = -1;
    for (uint64_t tick = 1; !out->followed; tick++) { // a watch needs commits to end
        uint8_t value[STAMP_BYTES + 16 + 4] = {0};    // the versionstamp goes to its beginning
        uint64_t begun_us = clock_us(CLOCK_REALTIME);
        memcpy(value + STAMP_BYTES, &tick, 8);
        memcpy(value + STAMP_BYTES + 8, &begun_us, 8);
        tl_fdb_transaction *transaction = begin();
        if (version >= 0) {
            fdb->transaction_set_read_version(transaction, version);
        }
        fdb->transaction_add_conflict_range(transaction, end_key, sizeof(end_key) - 1, end_key, sizeof(end_key),
                                            TL_FDB_CONFLICT_READ);
        fdb->transaction_atomic_op(transaction, head_key, sizeof(head_key) - 1, value, sizeof(value),
                                   TL_FDB_MUTATION_SET_VERSIONSTAMPED_VALUE);
        fdb->transaction_set(transaction, record_key, sizeof(record_key) - 1, record, bytes);
        if (finish(fdb->transaction_commit(transaction)) != 0 ||
            fdb->transaction_get_committed_version(transaction, &version) != 0) {
            version = -1;
        }
        fdb->transaction_destroy(transaction);
        usleep(TICK_US);
    }
}

// Head and record, as of the transaction's version. False: to be tried again.
static bool read_both(tl_fdb_transaction *transaction, head *out)
{
    const tl_fdb_key_value *rows = NULL;
    int count = 0, more = 0;
    tl_fdb_future *future = fdb->transaction_get_range(transaction, head_key, sizeof(head_key) - 1, 0, 1, end_key,
                                                       sizeof(end_key) - 1, 0, 1, 0, 0, TL_FDB_MODE_WANT_ALL, 1, 1, 0);
    int code = wait_for(future);
    if (code == 0 && fdb->future_get_keyvalue_array(future, &rows, &count, &more) == 0 && count == 2) {
        out->version = 0;
        for (int i = 0; i < 8; i++) {
            out->version = out->version << 8 | rows[0].value[i];
        }
        memcpy(&out->tick, rows[0].value + STAMP_BYTES, 8);
        memcpy(&out->begun_us, rows[0].value + STAMP_BYTES + 8, 8);
    }
    fdb->future_destroy(future);
    if (code != 0) {
        (void)finish(fdb->transaction_on_error(transaction, code));
    }
    return code == 0 && count == 2;
}

static bool read_once(way how, head *last, tl_fdb_future **watch)
{
    head now = *last;
    tl_fdb_transaction *transaction = begin();
    if (how == AHEAD && last->version > 0) { // versions go by at about a million a second
        static int64_t version;
        version = (version > last->version ? version : last->version) + AHEAD_VERSIONS;
        fdb->transaction_set_read_version(transaction, version);
    }
    bool read = read_both(transaction, &now);
    if (read && how <= WATCH_DEFAULT) {
        *watch = fdb->transaction_watch(transaction, head_key, sizeof(head_key) - 1);
        (void)finish(fdb->transaction_commit(transaction)); // arms it
    }
    fdb->transaction_destroy(transaction);
    bool is_new = read && now.tick > last->tick;
    *last = read ? now : *last;
    return is_new;
}

static void follow(way how, results *out)
{
    struct rusage usage;
    head last = {0};
    bool warm = false;
    while (!out->over) {
        tl_fdb_future *watch = NULL;
        if (read_once(how, &last, &watch) && warm && out->count < SAMPLES_MAX) {
            out->us[out->count++] = (uint32_t)(clock_us(CLOCK_REALTIME) - last.begun_us);
        }
        warm = last.tick > 20;
        if (watch) {
            (void)finish(watch);
        } else if (how == POLL) {
            usleep(1000);
        }
    }
    out->followed = true;
    getrusage(RUSAGE_SELF, &usage);
    out->cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
                  (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void measure(way how, int seconds, int bytes)
{
    results *out = mmap(NULL, sizeof(results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (out == MAP_FAILED) {
        exit(1);
    }
    fflush(stdout);
    for (int process = 0; process < 2; process++) {
        if (fork() == 0) {
            if (how == WATCH_DEFAULT) {
                tl_fdb_library_knob = NULL;
            }
            open_database();
            if (process == 0) {
                follow(how, out);
            } else {
                commit_ticks(out, bytes);
            }
            _exit(0);
        }
    }
    sleep((unsigned)seconds + 2);
    out->over = true;
    while (wait(NULL) > 0) {
    }
    qsort(out->us, out->count, sizeof(out->us[0]), compare);
    if (out->count > 0) {
        printf("| %s | %.1f | %.1f | %.1f | %.1f %% of a core |\n", way_names[how], out->us[out->count / 2] / 1e3,
               out->us[out->count - 1 - out->count / 100] / 1e3, out->us[out->count - 1] / 1e3,
               (double)out->cpu_us / 1e4 / (seconds + 2));
    }
    munmap(out, sizeof(results));
}

int main(int count, char **arguments)
{
    int seconds = count > 1 ? atoi(arguments[1]) : 20, bytes = count > 2 ? atoi(arguments[2]) : 20000;
    if (seconds < 1 || seconds > 600 || bytes < 1 || bytes > BYTES_MAX) {
        fprintf(stderr, "usage: bench_fdb_follow [SECONDS 1..600 [BYTES 1..%d]]\n", BYTES_MAX);
        return 2;
    }
    printf("| way to follow | p50 ms | p99 | max | follower |\n| --- | --- | --- | --- | --- |\n");
    for (way how = 0; how < WAYS; how++) {
        measure(how, seconds, bytes);
    }
    return 0;
}
