// Three servers commit 20 times a second into a database whose processes are killed, or stopped, and go on. Nothing
// that was committed is lost or doubled, and each stall is told once. Run by scripts/with-fdb.sh or with-mvsqlite.sh.
//
//   test_store_faults kill|pause SECONDS PROCESS...    kills them (they are started again after so long), or stops them
#include "database.h"
#include "seat.h"

#include <time.h>
#include <unistd.h>

enum { SERVERS = 3, TICK_US = 50000, BEFORE_S = 2, AFTER_S = 4, RECOVER_S = 60 };
enum { STALLS_MAX = 12 }; // a busy machine's disk makes some, too; not one for each record

static const char *const names[SERVERS] = {"alpha", "beta", "gamma"};

typedef struct run {
    char uri[1200];
    seat servers[SERVERS], watcher;
    int64_t tick;
} run;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint64_t real_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void poll_all(run *r)
{
    for (int i = 0; i < SERVERS; i++) {
        seat_poll(&r->servers[i]);
    }
    seat_poll(&r->watcher);
}

static void await_loaded(run *r, seat *s)
{
    double until_s = now_s() + RECOVER_S;
    while (!s->loaded) {
        poll_all(r);
        seat_poll(s);
        usleep(1000);
        CHECK(now_s() < until_s);
    }
}

// Commits for so long. A queue that is full is what a stall looks like: the tick is left out.
static void commit_for(run *r, double seconds)
{
    double until_s = now_s() + seconds;
    while (now_s() < until_s) {
        r->tick++;
        for (int i = 0; i < SERVERS; i++) {
            tl_result result = seat_submit(&r->servers[i], r->tick, real_us());
            CHECK(result == TL_OK || result == TL_ERR_FULL);
        }
        double next_s = now_s() + TICK_US * 1e-6;
        while (now_s() < next_s) {
            poll_all(r);
            usleep(1000);
        }
    }
}

// Every record that was reported as committed is where `by` can see it, once.
static void check_seen(const seat *by, const seat *server)
{
    size_t seen = 0;
    for (size_t i = 0; i < server->count; i++) {
        if (server->journal[i].event.type != TL_STORE_COMMITTED) {
            continue;
        }
        int64_t tick = server->journal[i].event.tick;
        while (seen < by->count &&
               !(by->journal[seen].event.type == TL_STORE_RECORD && by->journal[seen].event.server == server->server &&
                 by->journal[seen].event.tick >= tick)) {
            seen++;
        }
        CHECK(seen < by->count && by->journal[seen].event.tick == tick);
    }
}

static void print_stalls(const seat *s)
{
    int64_t tick = 0;
    for (size_t i = 0; i < s->count; i++) {
        const tl_store_event *event = &s->journal[i].event;
        tick = event->type == TL_STORE_COMMITTED ? event->tick : tick;
        if (event->type == TL_STORE_STALLED) {
            printf("    stalled after tick %lld: %s\n", (long long)tick, event->text);
        } else if (event->type == TL_STORE_RECOVERED) {
            printf("    recovered by tick %lld\n", (long long)tick);
        }
    }
}

static void finish(run *r)
{
    for (int i = 0; i < SERVERS; i++) {
        double until_s = now_s() + RECOVER_S;
        while (tl_store_drain(r->servers[i].store, 50) != TL_OK) {
            poll_all(r);
            CHECK(now_s() < until_s);
        }
    }
    commit_for(r, 1); // what was committed is seen
    seat loader;
    seat_open(&loader, database_open(r->uri, false), NULL);
    await_loaded(r, &loader);
    for (int i = 0; i < SERVERS; i++) {
        const seat *s = &r->servers[i];
        size_t stalls = seat_count(s, TL_STORE_STALLED, 0);
        printf("  %s: %zu committed of %lld ticks, %zu stalls told\n", s->name, seat_count(s, TL_STORE_COMMITTED, 0),
               (long long)r->tick, stalls);
        print_stalls(s);
        fflush(stdout);
        CHECK(!s->lost && seat_count(s, TL_STORE_FAILED, 0) == 0);
        CHECK(stalls <= STALLS_MAX && seat_count(s, TL_STORE_RECOVERED, 0) == stalls);
        check_seen(&r->watcher, s);
        check_seen(&loader, s);
        seat_check(s);
        seat_check_same(&r->watcher, &loader, s->server, false);
    }
    seat_check(&r->watcher);
    seat_check(&loader);
    seat_free(&loader);
}

int main(int count, char **arguments)
{
    static run r = {.tick = 0};
    bool kills = count > 3 && strcmp(arguments[1], "kill") == 0;
    CHECK(count > 3 && (kills || strcmp(arguments[1], "pause") == 0));
    database_make_world(r.uri, sizeof(r.uri));
    seat_open(&r.watcher, database_open(r.uri, false), NULL);
    for (int i = 0; i < SERVERS; i++) {
        seat_open(&r.servers[i], database_open(r.uri, false), names[i]);
        await_loaded(&r, &r.servers[i]);
    }
    commit_for(&r, BEFORE_S);
    for (int i = 3; i < count; i++) {
        database_signal(arguments[i], kills ? SIGKILL : SIGSTOP);
    }
    commit_for(&r, atof(arguments[2]));
    for (int i = 3; i < count; i++) {
        if (kills) {
            database_start(arguments[i]);
        } else {
            database_signal(arguments[i], SIGCONT);
        }
    }
    commit_for(&r, AFTER_S);
    finish(&r);
    for (int i = 0; i < SERVERS; i++) {
        seat_free(&r.servers[i]);
    }
    seat_free(&r.watcher);
    return 0;
}
