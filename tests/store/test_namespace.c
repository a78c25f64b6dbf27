// A log of mvsqlite's, in a plain file under the name of mvsqlite's file system: what was written is read again, and
// rows that were changed, or are gone, are found.
#include "check.h"
#include "store/mvsqlite/log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER = 3, WORLD_US = 77, RECORDS = 30, GROUPS = 10, LONG_BYTES = 100000 };

static char path[64];
static tl_fault fault;

static void install_vfs(void)
{
    static sqlite3_vfs vfs;
    CHECK_EQUAL(sqlite3_initialize(), SQLITE_OK);
    vfs = *sqlite3_vfs_find("unix");
    vfs.zName = "mvsqlite-32768";
    CHECK_EQUAL(sqlite3_vfs_register(&vfs, 0), SQLITE_OK);
}

static void open_log(tl_mvsqlite_log *log, tl_sqlite_mode mode)
{
    tl_result result = tl_mvsqlite_log_open(log, path, NUMBER, WORLD_US, mode, &fault);
    if (result != TL_OK) {
        fprintf(stderr, "%s\n", fault.text);
    }
    CHECK_EQUAL(result, TL_OK);
}

static size_t bytes_of(int64_t tick)
{
    return tick % 7 == 0 ? LONG_BYTES : (size_t)tick * 10;
}

static tl_work *make_work(tl_work_type type, int64_t tick, size_t size)
{
    static unsigned char body[LONG_BYTES];
    memset(body, (int)tick, size);
    tl_work *work = tl_work_create(type, body, size);
    CHECK(work);
    work->tick = tick;
    work->begun_us = (uint64_t)tick + 1000;
    return work;
}

static void begin_epoch(tl_mvsqlite_log *log)
{
    tl_mvsqlite_head head;
    CHECK_EQUAL(tl_mvsqlite_log_begin(log, &head, &fault), TL_OK);
    CHECK_EQUAL(tl_mvsqlite_log_add_epoch(log, &head, 5, &fault), TL_OK);
    CHECK_EQUAL(tl_mvsqlite_log_finish(log, TL_OK, &fault), TL_OK);
}

// An epoch with records and checkpoints, of which some were cut and replaced.
static void make_log(void)
{
    static tl_mvsqlite_log log;
    bool done = false;
    snprintf(path, sizeof(path), "/tmp/tramline-namespace-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    open_log(&log, TL_SQLITE_CREATE);
    begin_epoch(&log);
    for (int64_t tick = 1; tick <= RECORDS; tick++) {
        tl_work *record = make_work(TL_WORK_RECORD, tick, bytes_of(tick));
        tl_work *checkpoint = make_work(TL_WORK_CHECKPOINT, tick, (size_t)tick);
        checkpoint->group = (tl_group_id)(1 + tick % GROUPS);
        CHECK_EQUAL(tl_mvsqlite_log_append(&log, 1, &record, 1, &fault), TL_OK);
        CHECK_EQUAL(tl_mvsqlite_log_put(&log, 1, &checkpoint, 1, &fault), TL_OK);
        free(record);
        free(checkpoint);
    }
    CHECK_EQUAL(tl_mvsqlite_log_truncate(&log, 1, 6, &done, &fault), TL_OK);
    CHECK(done);
    tl_mvsqlite_head head;
    CHECK_EQUAL(tl_mvsqlite_log_begin(&log, &head, &fault), TL_OK);
    CHECK_EQUAL(tl_mvsqlite_log_end_epoch(&log, &head, 2, 9, &fault), TL_OK);
    CHECK_EQUAL(tl_mvsqlite_log_finish(&log, TL_OK, &fault), TL_OK);
    tl_mvsqlite_log_close(&log);
}

// Reads all of it, as a follower does; checks what there is.
static tl_result read_log(void)
{
    static tl_mvsqlite_log log;
    tl_mvsqlite_head head;
    tl_log_epoch epoch;
    tl_result result = tl_mvsqlite_log_open(&log, path, NUMBER, WORLD_US, TL_SQLITE_READ_ONLY, &fault);
    if (result != TL_OK) {
        return result;
    }
    int64_t tick = -1, previous_tick = -1;
    uint64_t sum = 0;
    result = tl_mvsqlite_log_start(&log, &tick, &fault);
    result = result == TL_OK ? tl_mvsqlite_log_look(&log, &head, &fault) : result;
    result = result == TL_OK ? tl_mvsqlite_log_epoch(&log, 1, &epoch, &fault) : result;
    result = result == TL_OK ? tl_mvsqlite_log_check_checkpoints(&log, &fault) : result;
    while (result == TL_OK) {
        tl_note *note = NULL;
        result = tl_mvsqlite_log_next(&log, tick, &note, &previous_tick, &fault);
        if (result != TL_OK) {
            break;
        }
        if (previous_tick != tick || (sum != 0 && note->previous_sum != sum)) { // as follow.c finds it
            free(note);
            result = tl_fault_set(&fault, TL_ERR_CORRUPT, path, "a gap");
            break;
        }
        CHECK_EQUAL(note->event.size, bytes_of(note->event.tick));
        tick = note->event.tick;
        sum = note->sum;
        free(note);
    }
    if (result == TL_AGAIN) {
        CHECK_EQUAL(tick, RECORDS);
        CHECK(head.base.sum == sum && head.base.heir == 2 && epoch.last_tick == RECORDS);
        result = TL_OK;
    }
    tl_mvsqlite_log_close(&log);
    return result;
}

static void damage(const char *sql, const char *words)
{
    sqlite3 *db = NULL;
    make_log();
    CHECK_EQUAL(read_log(), TL_OK);
    CHECK_EQUAL(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
    CHECK_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
    CHECK_EQUAL(read_log(), TL_ERR_CORRUPT);
    if (!strstr(fault.text, words)) {
        fprintf(stderr, "%s\n", fault.text);
    }
    CHECK(strstr(fault.text, words) && strstr(fault.text, path));
    CHECK_EQUAL(unlink(path), 0);
}

TEST(what_was_written_is_read)
{
    make_log();
    CHECK_EQUAL(read_log(), TL_OK);
    CHECK_EQUAL(unlink(path), 0);
}

TEST(changed_rows_are_found)
{
    damage("UPDATE head SET tick = tick - 20", "the head");
    damage("UPDATE head SET heir = -1", "the head");
    damage("UPDATE head SET used = used - 1", "the head");
    damage("UPDATE epoch SET last_tick = 29", "the list of epochs");
    damage("UPDATE epoch SET heir = 4", "the list of epochs");
    damage("UPDATE slot SET body = zeroblob(32640) WHERE slot = 20", "");
    damage("UPDATE checkpoint SET sum = sum + 1 WHERE grp = 4", "the table of checkpoints");
}

TEST(missing_rows_are_found)
{
    damage("DELETE FROM head", "");
    damage("DELETE FROM epoch", "the list of epochs");
    damage("DELETE FROM slot WHERE slot = 20", "the chain of slots");
    damage("DELETE FROM checkpoint WHERE grp = 4", "the table of checkpoints");
}

int main(void)
{
    install_vfs();
    RUN(what_was_written_is_read);
    RUN(changed_rows_are_found);
    RUN(missing_rows_are_found);
    return 0;
}
