// What a store costs, and how soon what one server commits is at the others: processes, each a server that commits a
// record at every tick, a checkpoint of one of its groups too, cuts its log, and follows the other servers.
//
//   bench_store [OPTION...] STORE    one line of a table: see bench/stores.sh, which measures all stores side by side
//
// Times are in milliseconds. Commit is from submit to reported durable; visible, from submit to polled in another
// process. Of a database that scripts/with-fdb.sh or with-mvsqlite.sh runs, its processes' time and writes count too.
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE

#include "tramline/store.h"

#include <argp.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SAMPLES_MAX = 200000,
    SERVERS_MAX = 16,
    DATABASES_MAX = 16,
    WARM_UP_S = 12, // until logs are cut as fast as they grow
    CHECKPOINT_BYTES = 2000,
    CHECKPOINT_GROUPS = 200, // each is stored every ten seconds at 20 Hz
    CUT_EVERY_S = 1,
    KEEP_S = 10,
};

typedef struct bench_options {
    const char *store;
    bool full, head;
    int hz, seconds, servers;
    long bytes;
} bench_options;

typedef struct samples {
    size_t count;
    uint32_t us[SAMPLES_MAX];
} samples;

typedef struct usage {
    uint64_t cpu_us, written_bytes, disk_bytes;
} usage;

typedef struct results { // of one process, in shared memory
    samples commit, visible;
    usage used;
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

static tl_store *open_store(const bench_options *o, bool create)
{
    tl_store *store = NULL;
    char text[256] = "";
    tl_sqlite_def def = tl_sqlite_def_default();
    def.directory = o->store, def.create = create, def.durable_full = true;
    must(o->full ? tl_sqlite_store_open(&def, &store, text, sizeof(text))
                 : tl_store_open(o->store, create, false, &store, text, sizeof(text)),
         text);
    return store;
}

static void make_world(const bench_options *o)
{
    tl_store *store = open_store(o, true);
    tl_world_info info = {
        .format = TL_STORE_FORMAT, .tick_hz = (uint32_t)o->hz, .created_us = clock_us(CLOCK_REALTIME)};
    must(tl_store_create_world(store, &info), "create");
    tl_store_close(store, false);
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
    while (tl_store_poll(store, &event) == TL_OK) {
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
static void take_until(tl_store *store, results *out, bool *loaded, int64_t warm_tick, uint64_t until_us)
{
    for (uint64_t now_us = clock_us(CLOCK_MONOTONIC); now_us < until_us; now_us = clock_us(CLOCK_MONOTONIC)) {
        struct pollfd wait = {.fd = tl_store_wait_fd(store), .events = POLLIN};
        poll(&wait, 1, (int)((until_us - now_us + 999u) / 1000u));
        take_events(store, out, loaded, warm_tick);
    }
}

// What a process has used: /proc has it (proc(5)).
static void add_process(const char *process, usage *out)
{
    char path[64], line[256];
    unsigned long long value = 0, user = 0, system = 0;
    snprintf(path, sizeof(path), "/proc/%s/io", process);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "write_bytes: %llu", &value) == 1) {
            out->written_bytes += value;
        }
    }
    if (file) {
        fclose(file);
    }
    snprintf(path, sizeof(path), "/proc/%s/stat", process);
    file = fopen(path, "r");
    if (file &&
        fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) == 2) {
        out->cpu_us += (user + system) * 1000000u / (unsigned long long)sysconf(_SC_CLK_TCK);
    }
    if (file) {
        fclose(file);
    }
}

static uint64_t disk_bytes;

static int add_file(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    disk_bytes += (uint64_t)status->st_blocks * 512u;
    return 0;
}

// What the database's own processes have used, and the store takes of the disk.
static usage database_usage(const bench_options *o)
{
    usage used = {0};
    const char *folder = getenv("TL_MVSQLITE_FOLDER");
    folder = folder ? folder : getenv("TL_FDB_FOLDER");
    char pattern[512], process[32];
    glob_t found = {0};
    snprintf(pattern, sizeof(pattern), "%s/*.pid", folder ? folder : "/nowhere");
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            FILE *file = fopen(found.gl_pathv[i], "r");
            if (file && fscanf(file, "%31s", process) == 1) {
                add_process(process, &used);
            }
            if (file) {
                fclose(file);
            }
        }
    }
    globfree(&found);
    disk_bytes = 0;
    nftw(folder ? folder : o->store, add_file, 16, FTW_PHYS);
    used.disk_bytes = disk_bytes;
    return used;
}

static usage minus(usage a, usage b)
{
    return (usage){a.cpu_us - b.cpu_us, a.written_bytes - b.written_bytes, a.disk_bytes - b.disk_bytes};
}

// As a server does: a checkpoint of one group a tick, and now and then the log is cut.
static void do_chores(const bench_options *o, tl_store *store, int index, int64_t tick, const void *body)
{
    if (tick > 0) {
        tl_group_id group = (tl_group_id)(index + 1) * 1000u + (tl_group_id)(tick % CHECKPOINT_GROUPS);
        (void)tl_store_checkpoint(store, group, tick - 1, body, CHECKPOINT_BYTES);
    }
    if (tick % (CUT_EVERY_S * o->hz) == 0 && tick > KEEP_S * o->hz) {
        (void)tl_store_truncate(store, tick - KEEP_S * o->hz);
    }
}

static void serve(const bench_options *o, int index, results *out)
{
    char name[TL_NAME_BYTES_MAX + 1];
    snprintf(name, sizeof(name), "server%d", index);
    tl_store *store = open_store(o, false);
    must(tl_store_join(store, name), "join");
    unsigned char *body = malloc((size_t)o->bytes + CHECKPOINT_BYTES);
    for (long i = 0; i < o->bytes + CHECKPOINT_BYTES; i++) {
        body[i] = (unsigned char)(rand() >> 7);
    }
    bool loaded = false;
    uint64_t tick_us = 1000000u / (uint64_t)o->hz;
    uint64_t next_us = clock_us(CLOCK_MONOTONIC) + 200000u + tick_us * (uint64_t)index / (uint64_t)o->servers;
    int64_t warm_tick = (int64_t)WARM_UP_S * o->hz;
    usage before = {0};
    while (!loaded) {
        take_until(store, out, &loaded, warm_tick, clock_us(CLOCK_MONOTONIC) + 10000u);
    }
    for (int64_t tick = 0; tick < warm_tick + (int64_t)o->seconds * o->hz; tick++) {
        take_until(store, out, &loaded, warm_tick, next_us);
        if (tick == warm_tick) {
            add_process("self", &before);
        }
        (void)tl_store_submit(store, tick, body, (size_t)o->bytes, clock_us(CLOCK_REALTIME));
        do_chores(o, store, index, tick, body);
        next_us += tick_us;
    }
    usage after = {0};
    add_process("self", &after);
    out->used = minus(after, before);
    take_until(store, out, &loaded, warm_tick, next_us + 300000u); // the others' last ones too
    tl_store_close(store, true);
    free(body);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void percentiles(const results *all, int servers, bool visible, double *p50_ms, double *p99_ms)
{
    uint32_t *merged = malloc(sizeof(uint32_t) * SAMPLES_MAX * (size_t)servers);
    size_t count = 0;
    for (int i = 0; i < servers; i++) {
        const samples *from = visible ? &all[i].visible : &all[i].commit;
        memcpy(merged + count, from->us, from->count * sizeof(uint32_t));
        count += from->count;
    }
    qsort(merged, count, sizeof(uint32_t), compare);
    *p50_ms = count > 0 ? merged[count / 2] / 1e3 : -1;
    *p99_ms = count > 0 ? merged[count - 1 - count / 100] / 1e3 : -1;
    free(merged);
}

static void report(const bench_options *o, const results *all, usage database)
{
    double commit[2], visible[2];
    usage servers = {0};
    percentiles(all, o->servers, false, &commit[0], &commit[1]);
    percentiles(all, o->servers, true, &visible[0], &visible[1]);
    for (int i = 0; i < o->servers; i++) {
        servers.cpu_us += all[i].used.cpu_us;
        servers.written_bytes += all[i].used.written_bytes;
    }
    double ticks = (double)o->servers * o->seconds * o->hz;
    size_t scheme = strcspn(o->store, ":");
    bool is_uri = o->store[scheme] == ':';
    if (o->head) {
        printf("| store | Hz | commit p50 | p99 | visible p50 | p99 | server ms/tick | database ms/tick | kB "
               "written/tick | disk kB/s |\n"
               "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    }
    printf("| %.*s%s | %d | %.1f | %.1f | %.1f | %.1f | %.2f | %.2f | %.0f | %.0f |\n", is_uri ? (int)scheme : 6,
           is_uri ? o->store : "sqlite", o->full ? ", FULL" : "", o->hz, commit[0], commit[1], visible[0], visible[1],
           (double)servers.cpu_us / 1e3 / ticks, (double)database.cpu_us / 1e3 / ticks,
           (double)(servers.written_bytes + database.written_bytes) / 1e3 / ticks,
           (double)(int64_t)database.disk_bytes / 1e3 / o->seconds);
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

static int run(const bench_options *o)
{
    size_t size = sizeof(results) * (size_t)o->servers;
    results *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    int status = 0, failed = 0;
    if (spawn() == 0) {
        make_world(o);
        exit(0);
    }
    wait(&status);
    failed |= status;
    for (int i = 0; i < o->servers && !failed; i++) {
        if (spawn() == 0) {
            serve(o, i, &all[i]);
            exit(0);
        }
    }
    sleep(WARM_UP_S + 1);
    usage before = database_usage(o);
    sleep((unsigned)o->seconds);
    usage after = database_usage(o);
    while (wait(&status) > 0) {
        failed |= status;
    }
    if (!failed) {
        report(o, all, minus(after, before));
    }
    munmap(all, size);
    return failed != 0;
}

static const struct argp_option options[] = {
    {"hz", 'z', "NUMBER", 0, "Ticks a second (default 20)", 0},
    {"seconds", 'T', "NUMBER", 0, "Measure for so long (default 20)", 0},
    {"servers", 's', "NUMBER", 0, "Servers (default 3)", 0},
    {"bytes", 'b', "NUMBER", 0, "Of a record (default 20000)", 0},
    {"full", 'f', NULL, 0, "STORE is a directory, opened with synchronous=FULL", 0},
    {"head", 'h', NULL, 0, "Print the table's head first", 0},
    {0},
};

static int number(struct argp_state *state, const char *text, int max)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (*end || value < 1 || value > max) {
        argp_error(state, "'%s' is no number from 1 to %d", text, max);
    }
    return (int)value;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    bench_options *o = state->input;
    switch (key) {
    case 'z': o->hz = number(state, argument, 240); return 0;
    case 'T': o->seconds = number(state, argument, 600); return 0;
    case 's': o->servers = number(state, argument, SERVERS_MAX); return 0;
    case 'b': o->bytes = number(state, argument, TL_RECORD_BYTES_MAX); return 0;
    case 'f': o->full = true; return 0;
    case 'h': o->head = true; return 0;
    case ARGP_KEY_ARG:
        if (o->store) {
            argp_usage(state);
        }
        o->store = argument;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int main(int count, char **arguments)
{
    bench_options o = {.hz = 20, .seconds = 20, .servers = 3, .bytes = 20000};
    const struct argp argp = {.options = options, .parser = parse, .args_doc = "STORE", .doc = "Measure a store."};
    argp_parse(&argp, count, arguments, 0, NULL, &o);
    return run(&o);
}
