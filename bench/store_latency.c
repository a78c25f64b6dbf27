// How soon what one server commits is at the others, through SQLite: three processes, each a server that commits a
// record of 20 kB 20 times a second and follows the other two. Usage: store_latency [SECONDS [BYTES [SERVERS]]]
// Prints, in milliseconds: commit (submitted to reported durable) and visible (submitted to polled in another process),
// for synchronous=NORMAL (survives the crash of any process) and FULL (survives a power cut).
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE

#include "tramline/store.h"

#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_HZ = 20, SAMPLES_MAX = 200000, SERVERS_MAX = 16, WARM_UP_TICKS = 20 };

typedef struct samples {
    size_t count;
    uint32_t us[SAMPLES_MAX];
} samples;

typedef struct results { // of one process, in shared memory
    samples commit, visible;
    uint64_t cpu_us;
} results;

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void must(tl_result result, const char *what)
{
    if (result != TL_OK) {
        fprintf(stderr, "%s: %s\n", what, tl_result_text(result));
        _exit(1);
    }
}

static tl_store *open_store(const char *directory, bool create, bool full)
{
    tl_store *store = NULL;
    char text[256] = "";
    tl_sqlite_def def = {.directory = directory, .create = create, .durable_full = full};
    must(tl_sqlite_store_open(&def, &store, text, sizeof(text)), text);
    return store;
}

static void make_world(const char *directory)
{
    tl_store *store = open_store(directory, true, false);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = TICK_HZ, .created_us = clock_us(CLOCK_REALTIME)};
    must(store->ops->create_world(store, &info), "create");
    store->ops->close(store, false);
}

static void add(samples *to, uint64_t begun_us, uint64_t done_us)
{
    if (to->count < SAMPLES_MAX) {
        to->us[to->count++] = (uint32_t)(done_us > begun_us ? done_us - begun_us : 0);
    }
}

static void take_events(tl_store *store, results *out, bool *loaded, int64_t warm_tick)
{
    tl_store_event event;
    while (store->ops->poll(store, &event) == TL_OK) {
        if (event.type == TL_STORE_LOADED) {
            *loaded = true;
        } else if (event.type == TL_STORE_COMMITTED && event.tick >= warm_tick) {
            add(&out->commit, event.begun_us, event.done_us);
        } else if (event.type == TL_STORE_RECORD && event.tick >= warm_tick) {
            add(&out->visible, event.begun_us, clock_us(CLOCK_REALTIME));
        } else if (event.type == TL_STORE_FAILED || event.type == TL_STORE_STALLED) {
            fprintf(stderr, "%s\n", event.text);
        }
    }
}

// Goes on taking events as they come, until then.
static void take_until(tl_store *store, results *out, bool *loaded, uint64_t until_us)
{
    for (uint64_t now_us = clock_us(CLOCK_MONOTONIC); now_us < until_us; now_us = clock_us(CLOCK_MONOTONIC)) {
        struct pollfd wait = {.fd = store->ops->wait_fd(store), .events = POLLIN};
        poll(&wait, 1, (int)((until_us - now_us + 999u) / 1000u));
        take_events(store, out, loaded, WARM_UP_TICKS);
    }
}

static void serve(const char *directory, int index, int servers, int seconds, size_t bytes, bool full, results *out)
{
    char name[TL_NAME_BYTES_MAX + 1];
    snprintf(name, sizeof(name), "server%d", index);
    tl_store *store = open_store(directory, false, full);
    must(store->ops->join(store, name), "join");
    unsigned char *body = malloc(bytes);
    memset(body, index + 1, bytes);
    bool loaded = false;
    uint64_t tick_us = 1000000u / TICK_HZ;
    uint64_t next_us = clock_us(CLOCK_MONOTONIC) + 200000u + tick_us * (uint64_t)index / (uint64_t)servers;
    while (!loaded) {
        take_until(store, out, &loaded, clock_us(CLOCK_MONOTONIC) + 10000u);
    }
    for (int64_t tick = 0; tick < (int64_t)seconds * TICK_HZ + WARM_UP_TICKS; tick++) {
        take_until(store, out, &loaded, next_us);
        (void)store->ops->submit(store, tick, body, bytes, clock_us(CLOCK_REALTIME));
        next_us += tick_us;
    }
    take_until(store, out, &loaded, next_us + 200000u); // the others' last ones too
    store->ops->close(store, true);
    free(body);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    out->cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
                  (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void report(const char *what, const results *all, int servers, bool visible)
{
    uint32_t *merged = malloc(sizeof(uint32_t) * SAMPLES_MAX * (size_t)servers);
    size_t count = 0;
    for (int i = 0; i < servers; i++) {
        const samples *from = visible ? &all[i].visible : &all[i].commit;
        memcpy(merged + count, from->us, from->count * sizeof(uint32_t));
        count += from->count;
    }
    qsort(merged, count, sizeof(uint32_t), compare);
    if (count > 0) {
        printf("  %-8s %6zu samples   p50 %6.2f   p99 %6.2f   max %6.2f ms\n", what, count, merged[count / 2] / 1e3,
               merged[count - 1 - count / 100] / 1e3, merged[count - 1] / 1e3);
    }
    free(merged);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

// Everything that touches SQLite runs in a process of its own.
static pid_t spawn(void)
{
    pid_t pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(1);
    }
    return pid;
}

static int run(int servers, int seconds, size_t bytes, bool full)
{
    char directory[] = "store-latency-XXXXXX";
    if (!mkdtemp(directory)) {
        perror("mkdtemp");
        return 1;
    }
    size_t size = sizeof(results) * (size_t)servers;
    results *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    if (spawn() == 0) {
        make_world(directory);
        _exit(0);
    }
    wait(NULL);
    for (int i = 0; i < servers; i++) {
        if (spawn() == 0) {
            serve(directory, i, servers, seconds, bytes, full, &all[i]);
            _exit(0);
        }
    }
    uint64_t cpu_us = 0;
    for (int i = 0; i < servers; i++) {
        wait(NULL);
    }
    for (int i = 0; i < servers; i++) {
        cpu_us += all[i].cpu_us;
    }
    printf("synchronous=%s, %d servers, %d Hz, %zu bytes, %d s\n", full ? "FULL" : "NORMAL", servers, TICK_HZ, bytes,
           seconds);
    report("commit", all, servers, false);
    report("visible", all, servers, true);
    printf("  processor %.2f ms per server and tick\n", (double)cpu_us / 1e3 / servers / seconds / TICK_HZ);
    munmap(all, size);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

int main(int count, char **arguments)
{
    int seconds = count > 1 ? atoi(arguments[1]) : 10;
    long bytes = count > 2 ? atol(arguments[2]) : 20000;
    int servers = count > 3 ? atoi(arguments[3]) : 3;
    if (seconds < 1 || seconds > 600 || bytes < 1 || bytes > TL_RECORD_BYTES_MAX || servers < 1 ||
        servers > SERVERS_MAX) {
        fprintf(stderr, "usage: store_latency [SECONDS 1..600 [BYTES [SERVERS 1..%d]]]\n", SERVERS_MAX);
        return 2;
    }
    return run(servers, seconds, (size_t)bytes, false) || run(servers, seconds, (size_t)bytes, true);
}
