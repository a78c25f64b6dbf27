// Servers that end, in order and not, while riders on another one look on.
#include "check.h"
#include "program.h"

#include <signal.h>
#include <sys/wait.h>

enum { SERVERS = 3, RIDERS = 2, ENTITIES = 3000 };

#define OWNER_WITHIN_S 3.0
#define LINE_EVERY_S 1.0 // servers say once a second what they own
#define RIGHT_WITHIN_S 2.0
#define OVER_SHARE_MAX 0.001

static const char *const server_names[SERVERS] = {"alpha", "beta", "gamma"};
static const char *const rider_names[RIDERS] = {"alice", "bob"};

typedef struct world {
    char folder[PROGRAM_PATH_BYTES];
    pid_t servers[SERVERS], riders[RIDERS];
    char fingerprint[65];
    int port; // alpha's: all riders are there
} world;

static void path_of(const world *w, char path[2 * PROGRAM_PATH_BYTES], const char *name, const char *ending)
{
    snprintf(path, 2 * PROGRAM_PATH_BYTES, "%s/%s.%s", w->folder, name, ending);
}

static void start_server(world *w, int i)
{
    char ready[2 * PROGRAM_PATH_BYTES], log[2 * PROGRAM_PATH_BYTES], stats[2 * PROGRAM_PATH_BYTES];
    path_of(w, ready, server_names[i], "ready");
    path_of(w, log, server_names[i], "log");
    path_of(w, stats, server_names[i], "stats");
    remove(ready);
    w->servers[i] = program_start(log, "serve --store %s/store --name %s --listen 127.0.0.1:0 --ready %s --stats %s", w->folder,
                                  server_names[i], ready, stats);
    json_t *told = ready_wait(ready);
    if (i == 0) {
        w->port = (int)number_of(told, "port");
        snprintf(w->fingerprint, sizeof w->fingerprint, "%s", json_string_value(json_object_get(told, "fingerprint")));
    }
    json_decref(told);
}

static void start_rider(world *w, int i)
{
    char log[2 * PROGRAM_PATH_BYTES], stats[2 * PROGRAM_PATH_BYTES];
    path_of(w, log, rider_names[i], "log");
    path_of(w, stats, rider_names[i], "stats");
    w->riders[i] = program_start(log, "ride --server 127.0.0.1:%d --fingerprint %s --name %s --rider %d --riders %d --entities %d "
                                 "--stats %s --quiet", w->port, w->fingerprint, rider_names[i], i, RIDERS, ENTITIES, stats);
}

// Groups that server `i` owns; `all` gets how many there are, as it knows.
static double owned_by(const world *w, int i, double *all)
{
    char stats[2 * PROGRAM_PATH_BYTES];
    path_of(w, stats, server_names[i], "stats");
    json_t *line = lines_last(stats);
    double owned = number_of(line, "groups_owned");
    *all = number_of(line, "groups");
    json_decref(line);
    return owned;
}

// Waits until the servers of a mask own all groups, and each at least one. CHECKs that it does not take longer.
static void wait_for_owners(const world *w, int mask, double seconds_max)
{
    double until_s = now_s() + seconds_max;
    for (;;) {
        double owned = 0, all = 0;
        bool each = true;
        for (int i = 0; i < SERVERS; i++) {
            if (mask >> i & 1) {
                double own = owned_by(w, i, &all);
                owned += own;
                each = each && own > 0;
            }
        }
        if (each && all > 0 && owned == all) {
            return;
        }
        CHECK(now_s() < until_s);
        sleep_s(0.05);
    }
}

static size_t line_count(const world *w, int rider)
{
    char stats[2 * PROGRAM_PATH_BYTES];
    path_of(w, stats, rider_names[rider], "stats");
    json_t *lines = lines_read(stats);
    size_t count = json_array_size(lines);
    json_decref(lines);
    return count;
}

static void wait_for_riders(const world *w)
{
    for (int i = 0; i < RIDERS; i++) {
        char stats[2 * PROGRAM_PATH_BYTES];
        path_of(w, stats, rider_names[i], "stats");
        double until_s = now_s() + 20;
        for (bool joined = false; !joined;) {
            json_t *line = lines_last(stats);
            joined = json_is_true(json_object_get(line, "joined"));
            json_decref(line);
            CHECK(now_s() < until_s);
            sleep_s(0.05);
        }
    }
}

static void check_line(const char *rider, const json_t *line)
{
    bool right = number_of(line, "missing") == 0 && number_of(line, "doubled") == 0 && number_of(line, "surplus") == 0 &&
                 number_of(line, "wrong_carrier") == 0 && number_of(line, "over_twice") == 0 &&
                 number_of(line, "over") <= OVER_SHARE_MAX * ENTITIES;
    if (!right) {
        char *text = json_dumps(line, 0);
        fprintf(stderr, "%s: %s\n", rider, text);
        free(text);
    }
    CHECK(right);
}

// For some seconds from now on, every check of every rider finds everything right.
static void check_riders(const world *w, double seconds)
{
    size_t before[RIDERS];
    for (int i = 0; i < RIDERS; i++) {
        before[i] = line_count(w, i);
    }
    sleep_s(seconds);
    for (int i = 0; i < RIDERS; i++) {
        char stats[2 * PROGRAM_PATH_BYTES];
        path_of(w, stats, rider_names[i], "stats");
        json_t *lines = lines_read(stats);
        CHECK(json_array_size(lines) > before[i] + (size_t)seconds);
        // The first one may tell of a frame before.
        for (size_t n = before[i] + 1; n < json_array_size(lines); n++) {
            check_line(rider_names[i], json_array_get(lines, n));
        }
        json_decref(lines);
        CHECK(program_runs(w->riders[i]));
    }
}

static void world_start(world *w)
{
    static char output[PROGRAM_OUTPUT_BYTES];
    folder_make(w->folder);
    CHECK_EQUAL(program_run(output, "city --store %s/store --entities %d --quiet", w->folder, ENTITIES), 0);
    for (int i = 0; i < SERVERS; i++) {
        start_server(w, i);
    }
    wait_for_owners(w, 7, 20);
    for (int i = 0; i < RIDERS; i++) {
        start_rider(w, i);
    }
    wait_for_riders(w);
    check_riders(w, 3);
}

static void world_stop(world *w, int mask)
{
    for (int i = 0; i < RIDERS; i++) {
        int status = program_stop(w->riders[i], SIGTERM);
        CHECK(WIFEXITED(status));
    }
    for (int i = 0; i < SERVERS; i++) {
        if (mask >> i & 1) {
            CHECK_EQUAL(program_stop(w->servers[i], SIGTERM), 0);
        }
    }
    static char output[PROGRAM_OUTPUT_BYTES];
    CHECK_EQUAL(program_run(output, "inspect %s/store", w->folder), 0);
    folder_remove(w->folder);
}

// Nobody notices: its groups are handed over.
TEST(a_server_that_is_terminated_hands_over)
{
    world w = {.port = 0};
    world_start(&w);
    CHECK_EQUAL(program_stop(w.servers[2], SIGTERM), 0);
    wait_for_owners(&w, 3, OWNER_WITHIN_S + LINE_EVERY_S);
    check_riders(&w, 4);
    world_stop(&w, 3);
}

TEST(a_server_that_is_killed_is_inherited)
{
    world w = {.port = 0};
    world_start(&w);
    int status = program_stop(w.servers[2], SIGKILL);
    CHECK(WIFSIGNALED(status));
    wait_for_owners(&w, 3, OWNER_WITHIN_S + LINE_EVERY_S);
    sleep_s(RIGHT_WITHIN_S);
    check_riders(&w, 4);
    // It comes back under its name, and gets its share.
    start_server(&w, 2);
    wait_for_owners(&w, 7, 20);
    sleep_s(RIGHT_WITHIN_S);
    check_riders(&w, 3);
    world_stop(&w, 7);
}

int main(void)
{
    RUN(a_server_that_is_terminated_hands_over);
    RUN(a_server_that_is_killed_is_inherited);
}
