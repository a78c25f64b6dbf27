// Several processes on one store in SQLite: killed, stopped and continued at random moments. A writer is this program
// once more, and tells by a pipe what it was told.
#include "directory.h"
#include "seat.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct message {
    int64_t tick;
    uint32_t epoch;
    tl_store_event_type type; // COMMITTED or LOST
} message;

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

// ---- the writer's process ------------------------------------------------------------------------------------------

static int write_records(const char *directory, const char *name, int fd)
{
    seat s;
    seat_open(&s, directory_open(directory), name);
    size_t told_count = 0;
    for (;;) {
        seat_poll(&s);
        for (; told_count < s.count; told_count++) {
            const tl_store_event *event = &s.journal[told_count].event;
            if (event->type == TL_STORE_COMMITTED || event->type == TL_STORE_LOST) {
                message m = {.tick = event->tick, .epoch = s.epoch, .type = event->type};
                CHECK_EQUAL(write(fd, &m, sizeof(m)), sizeof(m));
            }
        }
        if (s.lost) {
            seat_free(&s);
            return 0;
        }
        if (s.joined) {
            (void)seat_submit(&s, s.tick + 1, clock_us(CLOCK_REALTIME));
        }
        usleep(500);
    }
}

typedef struct writer {
    pid_t pid;
    int fd;
    message *messages;
    size_t count, room;
} writer;

static void start(writer *w, const char *directory, const char *name)
{
    int fds[2];
    char number[16];
    CHECK_EQUAL(pipe(fds), 0);
    snprintf(number, sizeof(number), "%d", fds[1]);
    CHECK_EQUAL(fcntl(fds[0], F_SETFD, FD_CLOEXEC), 0);
    CHECK_EQUAL(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    w->pid = fork();
    CHECK(w->pid >= 0);
    if (w->pid == 0) {
        execl("/proc/self/exe", "writer", directory, name, number, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    w->fd = fds[0];
}

static void hear(writer *w)
{
    message m;
    while (read(w->fd, &m, sizeof(m)) == sizeof(m)) {
        if (w->count == w->room) {
            w->room = w->room ? w->room * 2 : 256;
            w->messages = realloc(w->messages, w->room * sizeof(m));
            CHECK(w->messages);
        }
        w->messages[w->count++] = m;
    }
}

static void reap(writer *w)
{
    int status = 0;
    CHECK_EQUAL(waitpid(w->pid, &status, 0), w->pid);
    CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
    hear(w);
    close(w->fd);
}

static void watch_for(seat *watcher, writer *w, uint64_t us)
{
    uint64_t until_us = clock_us(CLOCK_MONOTONIC) + us;
    while (clock_us(CLOCK_MONOTONIC) < until_us) {
        seat_poll(watcher);
        hear(w);
        usleep(500);
    }
}

static void load(seat *s, const char *directory)
{
    seat_open(s, directory_open(directory), NULL);
    uint64_t until_us = clock_us(CLOCK_MONOTONIC) + 20000000u;
    while (!s->loaded) {
        seat_poll(s);
        usleep(500);
        CHECK(clock_us(CLOCK_MONOTONIC) < until_us);
    }
}

// ---- tests ---------------------------------------------------------------------------------------------------------

static const told *find_record(const seat *s, int64_t tick)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->journal[i].event.type == TL_STORE_RECORD && s->journal[i].event.tick == tick) {
            return &s->journal[i];
        }
    }
    return NULL;
}

TEST(killed_at_any_moment_nothing_committed_is_lost_or_doubled)
{
    char directory[64];
    directory_make(directory, sizeof(directory));
    directory_make_world(directory);
    seat watcher, loader;
    load(&watcher, directory);
    writer w = {0};
    uint64_t random = 7;
    for (int round = 0; round < 25; round++) {
        start(&w, directory, "alpha");
        watch_for(&watcher, &w, 30000 + check_random(&random) % 100000);
        CHECK_EQUAL(kill(w.pid, SIGKILL), 0);
        reap(&w);
    }
    watch_for(&watcher, &w, 100000);
    load(&loader, directory);
    seat_check(&watcher);
    seat_check(&loader);
    seat_check_same(&loader, &watcher, 1, false);
    CHECK(w.count > 100);
    for (size_t i = 0; i < w.count; i++) {
        const told *t = find_record(&loader, w.messages[i].tick);
        CHECK(t && t->event.epoch == w.messages[i].epoch);
    }
    // At most what was under way at each kill was committed without the writer having told so.
    CHECK(seat_count(&loader, TL_STORE_RECORD, 1) <= w.count + 25 * 64);
    printf("  %zu records told as committed, %zu stored, %u epochs\n", w.count, seat_count(&loader, TL_STORE_RECORD, 1),
           seat_last(&loader, TL_STORE_SERVER, 1)->event.epoch);
    free(w.messages);
    seat_free(&watcher);
    seat_free(&loader);
    directory_remove(directory);
}

// Stopped in the midst of a commit a process holds its log's lock, and cannot be fenced before it goes on.
static void stop_and_fence(seat *beta, writer *w)
{
    for (int attempt = 0; attempt < 20; attempt++) {
        CHECK_EQUAL(kill(w->pid, SIGSTOP), 0);
        watch_for(beta, w, 50000);
        const told *t = seat_last(beta, TL_STORE_RECORD, 1);
        CHECK(t);
        CHECK_EQUAL(tl_store_fence(beta->store, 1, t->event.epoch, t->event.tick), TL_OK);
        watch_for(beta, w, 200000);
        if (seat_count(beta, TL_STORE_FENCED, 1) > 0) {
            return;
        }
        CHECK_EQUAL(kill(w->pid, SIGCONT), 0);
        watch_for(beta, w, 20000);
    }
    CHECK(!"could not be fenced");
}

TEST(a_stopped_process_that_was_fenced_commits_nothing_when_it_goes_on)
{
    for (int round = 0; round < 5; round++) {
        char directory[64];
        directory_make(directory, sizeof(directory));
        directory_make_world(directory);
        writer w = {0};
        start(&w, directory, "alpha");
        seat beta = {0}, loader;
        usleep(20000);
        seat_open(&beta, directory_open(directory), "beta");
        while (seat_count(&beta, TL_STORE_RECORD, 0) < 20) {
            watch_for(&beta, &w, 10000);
        }
        tl_server_number alpha = seat_last(&beta, TL_STORE_RECORD, 0)->event.server;
        if (alpha == 1) {
            stop_and_fence(&beta, &w);
            int64_t last_tick = seat_last(&beta, TL_STORE_FENCED, 1)->event.tick;
            CHECK_EQUAL(kill(w.pid, SIGCONT), 0);
            reap(&w); // it ends by itself, once it is told LOST
            const message *m = &w.messages[w.count - 1];
            CHECK_EQUAL(m->type, TL_STORE_LOST);
            CHECK_EQUAL(m->tick, last_tick);
            watch_for(&beta, &w, 50000);
            load(&loader, directory);
            CHECK_EQUAL(seat_last(&loader, TL_STORE_RECORD, 1)->event.tick, last_tick);
            CHECK_EQUAL(seat_last(&beta, TL_STORE_RECORD, 1)->event.tick, last_tick);
            seat_check(&beta);
            seat_check(&loader);
            seat_free(&loader);
        } else {
            CHECK_EQUAL(kill(w.pid, SIGKILL), 0);
            reap(&w);
        }
        free(w.messages);
        seat_free(&beta);
        directory_remove(directory);
    }
}

int main(int count, char **arguments)
{
    if (count == 4) {
        return write_records(arguments[1], arguments[2], atoi(arguments[3]));
    }
    RUN(killed_at_any_moment_nothing_committed_is_lost_or_doubled);
    RUN(a_stopped_process_that_was_fenced_commits_nothing_when_it_goes_on);
    return 0;
}
