// The ring of slots of a log in mvsqlite, in a plain file, against a model of it: records of one and of several slots,
// cuts, quarantines while the author commits, what is set aside and moved, and followers that were away meanwhile.
#include "check.h"
#include "store/mvsqlite/log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER = 3, WORLD_US = 77, RECORDS_MAX = 20000, STEPS = 400, BODY_BYTES_MAX = 100000 };

typedef struct record {
    int64_t tick;
    uint32_t epoch;
    size_t size;
} record;

typedef struct model {
    record live[RECORDS_MAX], aside[RECORDS_MAX];
    size_t first, count, aside_count; // live: from first to before count
    uint32_t epoch;
    int64_t began_tick, tick; // of the epoch, of the head
    uint64_t random;
} model;

static char path[64];
static tl_fault fault;
static model m;
static tl_mvsqlite_log author, heir, follower;
static int64_t told_tick, told_slot; // of a follower that is away: what it was told last, and the slot behind that

static void install_vfs(void)
{
    static sqlite3_vfs vfs;
    CHECK_EQUAL(sqlite3_initialize(), SQLITE_OK);
    vfs = *sqlite3_vfs_find("unix");
    vfs.zName = "mvsqlite-32768";
    CHECK_EQUAL(sqlite3_vfs_register(&vfs, 0), SQLITE_OK);
}

static uint64_t draw(uint64_t below)
{
    return check_random(&m.random) % below;
}

static void good(tl_result result)
{
    if (result != TL_OK) {
        fprintf(stderr, "  %s: %s\n", tl_result_name(result), fault.text);
    }
    CHECK_EQUAL(result, TL_OK);
}

static unsigned char byte_of(int64_t tick, uint32_t epoch)
{
    return (unsigned char)(tick * 7 + epoch);
}

static tl_work *make_record(const record *r)
{
    static unsigned char body[BODY_BYTES_MAX];
    memset(body, byte_of(r->tick, r->epoch), r->size);
    tl_work *work = tl_work_create(TL_WORK_RECORD, body, r->size);
    CHECK(work);
    work->tick = r->tick;
    return work;
}

static void append(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t gap = m.tick == m.began_tick ? (int64_t)draw(60) : (int64_t)draw(3); // it was away for a while
        record r = {.tick = m.tick + 1 + gap, .epoch = m.epoch};
        r.size = draw(5) == 0 ? draw(BODY_BYTES_MAX) : draw(2000);
        tl_work *work = make_record(&r);
        good(tl_mvsqlite_log_append(&author, m.epoch, &work, 1, &fault));
        free(work);
        m.live[m.count++] = r;
        m.tick = r.tick;
    }
}

static void cut(void)
{
    bool done = false;
    int64_t before = m.tick - (int64_t)draw(100);
    while (!done) {
        good(tl_mvsqlite_log_truncate(&author, m.epoch, before, &done, &fault));
    }
    while (m.first + 1 < m.count && m.live[m.first].tick < before) {
        m.first++;
    }
}

static void move_some(tl_mvsqlite_log *log, int64_t times)
{
    bool done = false;
    for (int64_t i = 0; i != times && !done; i++) {
        good(tl_mvsqlite_log_move_aside(log, &done, &fault));
    }
}

static void join_again(void)
{
    tl_mvsqlite_head head;
    move_some(&author, -1);
    good(tl_mvsqlite_log_begin(&author, &head, &fault));
    CHECK_EQUAL(head.aside, 0);
    if (head.base.heir == TL_HEIR_NONE && head.base.epoch > 0) {
        good(tl_mvsqlite_log_end_epoch(&author, &head, NUMBER, 5, &fault));
    }
    good(tl_mvsqlite_log_add_epoch(&author, &head, 5, &fault));
    good(tl_mvsqlite_log_finish(&author, TL_OK, &fault));
    m.epoch = head.base.epoch;
    m.tick = m.began_tick = head.base.tick;
}

// What the model has after that tick goes aside.
static void set_aside_in_model(size_t from)
{
    for (size_t i = from; i < m.count; i++) {
        m.aside[m.aside_count++] = m.live[i];
    }
    m.count = from;
}

static size_t first_after(int64_t tick)
{
    size_t at = m.first;
    while (at < m.count && m.live[at].tick <= tick) {
        at++;
    }
    return at;
}

// The heir ends the epoch at a tick; the author commits between its look and its transaction.
static void quarantine(void)
{
    tl_mvsqlite_head head;
    tl_mvsqlite_aside aside;
    int64_t tick = m.tick - (int64_t)draw(40);
    int64_t from = tick > m.began_tick ? tick : m.began_tick;
    size_t at = first_after(from);
    bool has_bad = draw(2) == 0 && at < m.count;
    tl_work *bad = has_bad ? make_record(&m.live[at]) : NULL;
    tl_work *work = tl_work_create_quarantine(NUMBER, m.epoch, tick, bad ? bad->data : NULL, bad ? bad->size : 0);
    CHECK(work);
    free(bad);
    good(tl_mvsqlite_log_look(&heir, &head, &fault));
    tl_result result = tl_mvsqlite_log_look_aside(&heir, &head, work, &aside, &fault);
    tl_sqlite_file_rollback(&heir.file);
    free(work);
    bool was_cut = m.first > 0 && at == m.first && at < m.count && m.live[at - 1].tick > from;
    if (result == TL_ERR_FENCED) {
        CHECK(was_cut);
        return;
    }
    good(result);
    CHECK(!was_cut);
    append(draw(3));
    good(tl_mvsqlite_log_begin(&heir, &head, &fault));
    result = tl_mvsqlite_log_set_aside(&heir, &head, &aside, &fault);
    if (result == TL_ERR_BUSY) {
        CHECK(aside.count == 0 && head.base.tick != aside.tick);
        (void)tl_mvsqlite_log_finish(&heir, result, &fault);
        return;
    }
    good(result);
    good(tl_mvsqlite_log_end_epoch(&heir, &head, 2, 9, &fault));
    good(tl_mvsqlite_log_finish(&heir, TL_OK, &fault));
    set_aside_in_model(at);
    CHECK_EQUAL(head.base.tick, at > 0 ? m.live[at - 1].tick : -1);
    move_some(&heir, (int64_t)draw(4));
    join_again();
}

static void check_log(void)
{
    int64_t tick = -1, previous_tick = -1;
    good(tl_mvsqlite_log_start(&follower, &tick, &fault));
    for (size_t i = m.first;; i++) {
        tl_note *note = NULL;
        tl_result result = tl_mvsqlite_log_next(&follower, tick, &note, &previous_tick, &fault);
        if (result == TL_AGAIN) {
            CHECK_EQUAL(i, m.count);
            break;
        }
        good(result);
        CHECK(i < m.count);
        CHECK_EQUAL(note->event.tick, m.live[i].tick);
        CHECK_EQUAL(note->event.epoch, m.live[i].epoch);
        CHECK_EQUAL(note->event.size, m.live[i].size);
        CHECK_EQUAL(previous_tick, tick);
        CHECK(note->event.size == 0 ||
              note->data[note->event.size - 1] == byte_of(note->event.tick, note->event.epoch));
        tick = note->event.tick;
        free(note);
        if (i + 15 > m.count && draw(100) == 0) { // near the end it falls asleep
            told_tick = follower.cursor_tick;
            told_slot = follower.cursor_slot;
        }
    }
    tl_sqlite_file_rollback(&follower.file);
}

// A follower that was told up to some record, and looks for the next one now: it is given nothing that is not there.
static void check_sleeper(void)
{
    int64_t tick = told_tick;
    tl_note *note = NULL;
    int64_t previous_tick = -1;
    tl_mvsqlite_head head;
    good(tl_mvsqlite_log_look(&follower, &head, &fault));
    follower.cursor_tick = tick;
    follower.cursor_slot = told_slot;
    tl_result result = tl_mvsqlite_log_next(&follower, tick, &note, &previous_tick, &fault);
    tl_sqlite_file_rollback(&follower.file);
    if (result == TL_AGAIN) {
        CHECK(m.tick <= tick || m.first == m.count);
        return;
    }
    good(result);
    size_t at = first_after(tick);
    // What was cut and has not been written over is still the right one.
    while (at > 0 && m.live[at - 1].tick > tick && m.live[at].tick != note->event.tick) {
        at--;
    }
    CHECK(at < m.count);
    CHECK_EQUAL(note->event.tick, m.live[at].tick);
    CHECK_EQUAL(note->event.epoch, m.live[at].epoch);
    free(note);
}

static void check_aside(void)
{
    sqlite3_stmt *row = NULL;
    const char *sql = "SELECT tick, epoch, size FROM aside WHERE part = 0 ORDER BY rowid";
    if (m.aside_count == 0) {
        return;
    }
    CHECK_EQUAL(sqlite3_prepare_v2(author.file.db, sql, -1, &row, NULL), SQLITE_OK);
    for (size_t i = 0; i < m.aside_count; i++) {
        CHECK_EQUAL(sqlite3_step(row), SQLITE_ROW);
        CHECK_EQUAL(sqlite3_column_int64(row, 0), m.aside[i].tick);
        CHECK_EQUAL(sqlite3_column_int64(row, 1), m.aside[i].epoch);
        CHECK_EQUAL(sqlite3_column_int64(row, 2), m.aside[i].size);
    }
    CHECK_EQUAL(sqlite3_step(row), SQLITE_DONE);
    sqlite3_finalize(row);
}

static void open_author_and_heir(uint64_t seed)
{
    memset(&m, 0, sizeof(m));
    m.random = seed;
    m.tick = -1;
    snprintf(path, sizeof(path), "/tmp/tramline-ring-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    good(tl_mvsqlite_log_open(&author, path, NUMBER, WORLD_US, TL_SQLITE_CREATE, &fault));
    good(tl_mvsqlite_log_open(&heir, path, NUMBER, WORLD_US, TL_SQLITE_WRITE, &fault));
}

static void run(uint64_t seed)
{
    open_author_and_heir(seed);
    good(tl_mvsqlite_log_open(&follower, path, NUMBER, WORLD_US, TL_SQLITE_READ_ONLY, &fault));
    join_again();
    told_tick = -2;
    told_slot = 0;
    for (int i = 0; i < STEPS; i++) {
        uint64_t dice = draw(10);
        if (dice < 7) {
            append(draw(12));
        } else if (dice < 8) {
            cut();
        } else if (dice < 9) {
            join_again();
        } else {
            quarantine();
        }
        check_sleeper();
        check_log();
    }
    check_aside();
    printf("  %zu records, %zu of them set aside\n", m.count + m.aside_count, m.aside_count);
    tl_mvsqlite_log_close(&author);
    tl_mvsqlite_log_close(&heir);
    tl_mvsqlite_log_close(&follower);
    CHECK_EQUAL(unlink(path), 0);
}

TEST(the_ring_is_what_the_model_says)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        run(seed);
    }
}

static tl_result try_append(void)
{
    record r = {.tick = m.tick + 1, .epoch = m.epoch, .size = 100};
    tl_work *work = make_record(&r);
    tl_result result = tl_mvsqlite_log_append(&author, m.epoch, &work, 1, &fault);
    free(work);
    m.tick += result == TL_OK;
    return result;
}

static void begin_joined(void)
{
    open_author_and_heir(0);
    join_again();
}

static void close_author_and_heir(void)
{
    tl_mvsqlite_log_close(&author);
    tl_mvsqlite_log_close(&heir);
    CHECK_EQUAL(unlink(path), 0);
}

// Not even a cut, which writes the head, comes between a stop and the end.
TEST(an_author_that_is_stopped_commits_nothing_until_its_end)
{
    tl_mvsqlite_head head;
    bool done = false;
    begin_joined();
    good(try_append());
    good(tl_mvsqlite_log_stop(&heir, m.epoch, 1000, &fault));
    good(tl_mvsqlite_log_stop(&heir, m.epoch, 2000, &fault)); // another one that wants it, too
    CHECK_EQUAL(try_append(), TL_ERR_BUSY);
    CHECK_EQUAL(tl_mvsqlite_log_truncate(&author, m.epoch, 0, &done, &fault), TL_ERR_BUSY);
    CHECK_EQUAL(tl_mvsqlite_log_put(&author, m.epoch, NULL, 0, &fault), TL_ERR_BUSY);
    good(tl_mvsqlite_log_begin(&heir, &head, &fault));
    good(tl_mvsqlite_log_end_epoch(&heir, &head, 2, 9, &fault));
    good(tl_mvsqlite_log_finish(&heir, TL_OK, &fault));
    CHECK_EQUAL(try_append(), TL_ERR_FENCED);
    good(tl_mvsqlite_log_stop(&heir, m.epoch, 3000, &fault)); // too late, and of no effect
    join_again();
    good(try_append());
    close_author_and_heir();
}

TEST(an_author_whose_end_does_not_come_goes_on)
{
    tl_log_epoch row;
    begin_joined();
    for (uint64_t stop_us = 1000; stop_us <= 2000; stop_us += 1000) {
        good(tl_mvsqlite_log_stop(&heir, m.epoch, stop_us, &fault));
        CHECK_EQUAL(try_append(), TL_ERR_BUSY);
        author.stop_seen_us -= TL_STOP_US_MAX;
        good(try_append());
        good(try_append());
        good(tl_mvsqlite_log_epoch(&heir, m.epoch, &row, &fault));
        CHECK_EQUAL(row.ended_us, 0);
        CHECK_EQUAL(row.heir, TL_HEIR_NONE);
    }
    close_author_and_heir();
}

int main(void)
{
    install_vfs();
    RUN(an_author_that_is_stopped_commits_nothing_until_its_end);
    RUN(an_author_whose_end_does_not_come_goes_on);
    RUN(the_ring_is_what_the_model_says);
    return 0;
}
