// A store that three servers made, with fences, checkpoints, cuts, a crash and a quarantine, is damaged at one random
// place: a bit or a byte of one of its files changes, or a row is deleted. Whoever opens it then, to inspect it or to
// join, is either told CORRUPT, with the file and what to do, or is told just what an undamaged store tells.
//
//   test_store_damage [FLIPS [DELETIONS [SEED]]]
#include "directory.h"
#include "seat.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    SERVERS = 3,
    ROUNDS = 160,
    GROUPS = 24,
    FILES_MAX = 16,
    WAIT_S_MAX = 120, // far more than it takes: only that it ends is judged
};

static const char *const names[SERVERS] = {"alpha", "beta", "gamma"};

typedef struct file_copy {
    char name[64];
    unsigned char *bytes;
    size_t size;
} file_copy;

typedef struct store_copy {
    file_copy files[FILES_MAX];
    int count;
} store_copy;

static uint64_t real_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

// ---- a store that has seen something -------------------------------------------------------------------------------

static void await(seat *s, tl_store_event_type type, size_t count)
{
    time_t until = time(NULL) + WAIT_S_MAX;
    while (seat_count(s, type, 0) < count) {
        seat_poll(s);
        usleep(500);
        CHECK(time(NULL) < until);
    }
}

static void drain(seat *s)
{
    CHECK_EQUAL(tl_store_drain(s->store, WAIT_S_MAX * 1000), TL_OK);
    seat_poll(s);
}

static void checkpoint(seat *s, uint64_t *random)
{
    unsigned char body[3000];
    size_t size = check_random(random) % 8 == 0 ? 0 : 1 + check_random(random) % (sizeof(body) - 1);
    for (size_t i = 0; i < size; i++) {
        body[i] = (unsigned char)check_random(random);
    }
    tl_group_id group = 1 + check_random(random) % GROUPS;
    CHECK_EQUAL(tl_store_checkpoint(s->store, group, s->tick, body, size), TL_OK);
}

static void run_servers(seat *servers, int64_t *tick, int rounds, uint64_t *random)
{
    for (int round = 0; round < rounds; round++) {
        *tick += 1 + (int64_t)(check_random(random) % 3);
        for (int i = 0; i < SERVERS; i++) {
            if (!servers[i].store) {
                continue;
            }
            CHECK_EQUAL(seat_submit(&servers[i], *tick, real_us()), TL_OK);
            if (check_random(random) % 4 == 0) {
                checkpoint(&servers[i], random);
            }
            if (check_random(random) % 16 == 0) {
                CHECK_EQUAL(tl_store_truncate(servers[i].store, *tick - 30), TL_OK);
            }
            drain(&servers[i]);
        }
    }
}

// Another one takes the epoch of a server that has crashed.
static void crash_and_fence(seat *victim, seat *heir, bool quarantine)
{
    tl_server_number server = victim->server;
    uint32_t epoch = victim->epoch;
    int64_t tick = victim->tick;
    await(heir, TL_STORE_RECORD, 1);
    seat_free(victim);
    time_t until = time(NULL) + WAIT_S_MAX;
    while (seat_last(heir, TL_STORE_RECORD, server)->event.tick < tick) {
        seat_poll(heir);
        CHECK(time(NULL) < until);
    }
    size_t before = seat_count(heir, TL_STORE_FENCED, server);
    tl_result result = quarantine ? tl_store_quarantine(heir->store, server, epoch, tick - 4, NULL, 0)
                                  : tl_store_fence(heir->store, server, epoch, tick);
    CHECK_EQUAL(result, TL_OK);
    while (seat_count(heir, TL_STORE_FENCED, server) == before) {
        seat_poll(heir);
        CHECK(time(NULL) < until);
    }
}

static void open_server(seat *s, const char *directory, const char *name)
{
    seat_open(s, directory_open(directory), name);
    await(s, TL_STORE_LOADED, 1);
}

static void read_files(const char *directory, store_copy *out)
{
    DIR *folder = opendir(directory);
    CHECK(folder);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        const char *end = strrchr(entry->d_name, '.');
        if (!end || (strcmp(end, ".db") != 0 && strcmp(end, ".db-wal") != 0)) {
            continue;
        }
        char path[512];
        struct stat status;
        CHECK(out->count < FILES_MAX);
        file_copy *file = &out->files[out->count++];
        snprintf(file->name, sizeof(file->name), "%.63s", entry->d_name);
        snprintf(path, sizeof(path), "%s/%s", directory, file->name);
        int fd = open(path, O_RDONLY);
        CHECK(fd >= 0 && fstat(fd, &status) == 0);
        file->size = (size_t)status.st_size;
        file->bytes = malloc(file->size + 1);
        CHECK(file->bytes && read(fd, file->bytes, file->size) == (ssize_t)file->size);
        close(fd);
    }
    closedir(folder);
}

// Somebody stays attached while the servers leave, so that the WALs are kept.
static void make_store(store_copy *out, uint64_t *random)
{
    static seat servers[SERVERS], watcher;
    char directory[64];
    int64_t tick = 0;
    directory_make(directory, sizeof(directory));
    directory_make_world(directory);
    open_server(&watcher, directory, NULL);
    for (int i = 0; i < SERVERS; i++) {
        open_server(&servers[i], directory, names[i]);
    }
    run_servers(servers, &tick, ROUNDS, random);
    crash_and_fence(&servers[1], &servers[0], false);
    run_servers(servers, &tick, ROUNDS, random);
    open_server(&servers[1], directory, names[1]);
    run_servers(servers, &tick, ROUNDS / 2, random);
    crash_and_fence(&servers[2], &servers[1], true);
    run_servers(servers, &tick, ROUNDS / 8, random);
    for (int i = 0; i < SERVERS; i++) {
        if (servers[i].store) {
            seat_close(&servers[i], true);
        }
        seat_free(&servers[i]);
    }
    read_files(directory, out);
    seat_free(&watcher);
    directory_remove(directory);
}

// ---- reading it ----------------------------------------------------------------------------------------------------

typedef struct reading {
    tl_result result; // TL_OK: loaded
    char text[256];
    uint64_t *events; // a sum each
    size_t count, room;
} reading;

static uint64_t made_us; // what happened later is of a reading

static void keep(reading *r, const tl_store_event *event)
{
    uint64_t sum = 1469598103934665603u;
    int64_t columns[] = {event->type,
                         event->server,
                         event->heir,
                         event->epoch,
                         event->tick,
                         (int64_t)event->group,
                         event->begun_us > made_us ? 0 : (int64_t)event->begun_us,
                         (int64_t)event->size};
    for (size_t i = 0; i < sizeof(columns); i++) {
        sum = (sum ^ ((unsigned char *)columns)[i]) * 1099511628211u;
    }
    for (size_t i = 0; i < event->size; i++) {
        sum = (sum ^ ((const unsigned char *)event->data)[i]) * 1099511628211u;
    }
    if (event->type == TL_STORE_SERVER) {
        for (const char *c = event->name; *c; c++) {
            sum = (sum ^ (unsigned char)*c) * 1099511628211u;
        }
    }
    if (r->count == r->room) {
        r->room = r->room ? r->room * 2 : 256;
        r->events = realloc(r->events, r->room * sizeof(*r->events));
        CHECK(r->events);
    }
    r->events[r->count++] = sum;
}

// As `tramline inspect` (no name), or as the server of that name joins.
static void read_store(const char *directory, const char *name, reading *r)
{
    tl_store *store = NULL;
    memset(r, 0, sizeof(*r));
    r->result = tl_store_open(directory, false, name == NULL, &store, r->text, sizeof(r->text));
    if (r->result != TL_OK) {
        return;
    }
    r->result = tl_store_join(store, name);
    CHECK_EQUAL(r->result, TL_OK);
    time_t until = time(NULL) + WAIT_S_MAX;
    for (bool ended = false; !ended;) {
        tl_store_event event;
        if (tl_store_poll(store, &event) != TL_OK) {
            usleep(200);
            if (time(NULL) >= until) {
                snprintf(r->text, sizeof(r->text), "it neither loads nor fails");
                r->result = TL_AGAIN;
                break;
            }
            continue;
        }
        if (event.type == TL_STORE_FAILED) {
            r->result = event.result;
            memcpy(r->text, event.text, sizeof(r->text));
        } else if (event.type != TL_STORE_STALLED && event.type != TL_STORE_RECOVERED) {
            keep(r, &event);
        }
        ended = event.type == TL_STORE_LOADED || event.type == TL_STORE_FAILED;
    }
    tl_store_close(store, false);
}

static void write_files(const store_copy *copy, char *directory, size_t bytes)
{
    directory_make(directory, bytes);
    for (int i = 0; i < copy->count; i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/%s", directory, copy->files[i].name);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        CHECK(fd >= 0);
        CHECK_EQUAL(write(fd, copy->files[i].bytes, copy->files[i].size), (ssize_t)copy->files[i].size);
        close(fd);
    }
}

// ---- damage --------------------------------------------------------------------------------------------------------

static const char *const readers[] = {NULL, "delta", "alpha"};
enum { READERS = sizeof(readers) / sizeof(readers[0]) };

typedef struct tally {
    int damages, detected, harmless, failed;
} tally;

static bool is_same(const reading *a, const reading *b)
{
    return a->count == b->count && memcmp(a->events, b->events, a->count * sizeof(*a->events)) == 0;
}

// `sql` (may be NULL) is executed on `file` first.
static void judge(const store_copy *damaged, const reading *whole, const char *file, const char *sql, const char *what,
                  tally *t)
{
    bool detected = false;
    t->damages++;
    for (int i = 0; i < READERS; i++) {
        char directory[64];
        reading r;
        write_files(damaged, directory, sizeof(directory));
        if (sql) {
            char path[160];
            sqlite3 *db = NULL;
            snprintf(path, sizeof(path), "%s/%s", directory, file);
            CHECK_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
            CHECK_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
            CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
        }
        read_store(directory, readers[i], &r);
        bool named = strstr(r.text, ".db") || strstr(r.text, directory);
        bool reported = r.result == TL_ERR_CORRUPT && named && (strstr(r.text, "restore") || strstr(r.text, "put"));
        bool good = r.result == TL_OK ? is_same(&r, &whole[i]) : reported;
        if (!good) {
            t->failed++;
            printf("  NOT FOUND: %s, read as %s: %s %s (%zu events of %zu)\n", what,
                   readers[i] ? readers[i] : "inspect", tl_result_name(r.result), r.text, r.count, whole[i].count);
        }
        if (getenv("TL_DAMAGE_VERBOSE") && i == 0) {
            printf("  %s: %s %s\n", what, tl_result_name(r.result), r.text);
        }
        detected |= r.result != TL_OK;
        free(r.events);
        directory_remove(directory);
    }
    t->detected += detected;
    t->harmless += !detected;
}

static void flip(store_copy *store, const reading *whole, uint64_t *random, tally *t)
{
    file_copy *file = &store->files[check_random(random) % (uint64_t)store->count];
    while (file->size == 0) {
        file = &store->files[check_random(random) % (uint64_t)store->count];
    }
    size_t offset = check_random(random) % file->size;
    unsigned char kept = file->bytes[offset];
    unsigned char change = check_random(random) % 2 ? (unsigned char)(1u << (check_random(random) % 8))
                                                    : (unsigned char)(1 + check_random(random) % 255);
    char what[160];
    snprintf(what, sizeof(what), "%s, byte %zu of %zu: %02x to %02x", file->name, offset, file->size, kept,
             kept ^ change);
    file->bytes[offset] ^= change;
    judge(store, whole, NULL, NULL, what, t);
    file->bytes[offset] = kept;
}

// All rows of all tables, as "FILE TABLE ROWID".
typedef struct row_name {
    char file[64], table[32];
    int64_t rowid;
} row_name;

static row_name *list_rows(const store_copy *store, size_t *count)
{
    char directory[64];
    row_name *rows = NULL;
    *count = 0;
    write_files(store, directory, sizeof(directory));
    for (int i = 0; i < store->count; i++) {
        sqlite3 *db = NULL;
        sqlite3_stmt *tables = NULL, *each = NULL;
        char path[160], sql[160];
        if (strstr(store->files[i].name, "-wal")) {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", directory, store->files[i].name);
        CHECK_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
        CHECK_EQUAL(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table'", -1, &tables, NULL),
                    SQLITE_OK);
        while (sqlite3_step(tables) == SQLITE_ROW) {
            const char *table = (const char *)sqlite3_column_text(tables, 0);
            snprintf(sql, sizeof(sql), "SELECT rowid FROM %s", table);
            CHECK_EQUAL(sqlite3_prepare_v2(db, sql, -1, &each, NULL), SQLITE_OK);
            while (sqlite3_step(each) == SQLITE_ROW) {
                rows = realloc(rows, (*count + 1) * sizeof(*rows));
                CHECK(rows);
                row_name *row = &rows[(*count)++];
                snprintf(row->file, sizeof(row->file), "%s", store->files[i].name);
                snprintf(row->table, sizeof(row->table), "%.31s", table);
                row->rowid = sqlite3_column_int64(each, 0);
            }
            sqlite3_finalize(each);
        }
        sqlite3_finalize(tables);
        CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
    }
    directory_remove(directory);
    return rows;
}

// Tables have very different numbers of rows: each is as likely to be hit.
static const row_name *choose_row(const row_name *rows, size_t count, uint64_t *random)
{
    const row_name *first = &rows[check_random(random) % count];
    size_t tables = 0;
    for (size_t i = 0; i < count; i++) { // the start of a table
        bool begins = i == 0 || strcmp(rows[i].file, rows[i - 1].file) != 0 ||
                      strcmp(rows[i].table, rows[i - 1].table) != 0;
        if (begins && check_random(random) % ++tables == 0) {
            first = &rows[i];
        }
    }
    size_t same = 0;
    while (first + same < rows + count && strcmp(first[same].file, first->file) == 0 &&
           strcmp(first[same].table, first->table) == 0) {
        same++;
    }
    return &first[check_random(random) % same];
}

static void delete_row(const store_copy *store, const reading *whole, const row_name *row, tally *t)
{
    char sql[160], what[256];
    snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE rowid = %lld", row->table, (long long)row->rowid);
    snprintf(what, sizeof(what), "%s: %s", row->file, sql);
    judge(store, whole, row->file, sql, what, t);
}

int main(int count, char **arguments)
{
    int flips = count > 1 ? atoi(arguments[1]) : 40;
    int deletions = count > 2 ? atoi(arguments[2]) : 12;
    uint64_t random = count > 3 ? strtoull(arguments[3], NULL, 10) : 1;
    setvbuf(stdout, NULL, _IOLBF, 0); // a failed check aborts
    static store_copy store;
    static reading whole[READERS];
    static tally flipped, deleted;
    make_store(&store, &random);
    made_us = real_us();
    size_t bytes = 0, rows_count = 0;
    for (int i = 0; i < store.count; i++) {
        bytes += store.files[i].size;
    }
    for (int i = 0; i < READERS; i++) {
        char directory[64];
        write_files(&store, directory, sizeof(directory));
        read_store(directory, readers[i], &whole[i]);
        printf("  read as %s: %zu events %s\n", readers[i] ? readers[i] : "inspect", whole[i].count, whole[i].text);
        CHECK_EQUAL(whole[i].result, TL_OK);
        directory_remove(directory);
    }
    row_name *rows = list_rows(&store, &rows_count);
    for (int i = 0; i < flips; i++) {
        flip(&store, whole, &random, &flipped);
    }
    for (int i = 0; i < deletions; i++) {
        delete_row(&store, whole, choose_row(rows, rows_count, &random), &deleted);
    }
    printf("  %d files, %zu kB, %zu rows\n  %d flips: %d detected, %d without effect, %d readings wrong\n"
           "  %d rows deleted: %d detected, %d without effect, %d readings wrong\n",
           store.count, bytes / 1000, rows_count, flipped.damages, flipped.detected, flipped.harmless, flipped.failed,
           deleted.damages, deleted.detected, deleted.harmless, deleted.failed);
    for (int i = 0; i < READERS; i++) {
        free(whole[i].events);
    }
    for (int i = 0; i < store.count; i++) {
        free(store.files[i].bytes);
    }
    free(rows);
    CHECK_EQUAL(flipped.failed + deleted.failed, 0);
    return 0;
}
