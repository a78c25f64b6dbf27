// Standard output that nobody reads: the server goes on.
#include "check.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_BYTES = 2 * PROGRAM_PATH_BYTES, TICKS = 40 };

// A pipe that has no room for one more byte.
static int full_pipe(const char *path)
{
    char bytes[512];
    memset(bytes, '.', sizeof bytes);
    CHECK(mkfifo(path, 0600) == 0);
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    CHECK(fd >= 0);
    while (write(fd, bytes, sizeof bytes) > 0) {
        continue;
    }
    CHECK_EQUAL(errno, EAGAIN);
    while (write(fd, bytes, 1) > 0) {
        continue;
    }
    return fd;
}

static double tick_of(const char *stats)
{
    json_t *line = lines_last(stats);
    double tick = number_of(line, "committed_tick");
    json_decref(line);
    return tick;
}

static void wait_for_tick(const char *stats, double tick)
{
    double until_s = now_s() + 30;
    while (tick_of(stats) < tick) {
        CHECK(now_s() < until_s);
        sleep_s(0.05);
    }
}

// What it says is lost, and told once somebody reads.
TEST(a_full_pipe_stops_no_tick)
{
    static char output[PROGRAM_OUTPUT_BYTES];
    char folder[PROGRAM_PATH_BYTES], log[PATH_BYTES], ready[PATH_BYTES], stats[PATH_BYTES];
    folder_make(folder);
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(ready, sizeof ready, "%s/ready", folder);
    snprintf(stats, sizeof stats, "%s/stats", folder);
    CHECK_EQUAL(program_run(output, "city --store %s/store --entities 500 --quiet", folder), 0);
    int pipe_fd = full_pipe(log);
    pid_t server = program_start(log, "serve --store %s/store --name alpha --listen 127.0.0.1:0 --ready %s --stats %s",
                                 folder, ready, stats);
    json_decref(ready_wait(ready));
    double from = tick_of(stats);
    wait_for_tick(stats, (from > 0 ? from : 0) + TICKS);
    // Somebody reads: what was queued comes.
    size_t kept = 0;
    double until_s = now_s() + 30;
    for (output[0] = 0; !strstr(output, "running as server");) {
        char bytes[4096];
        ssize_t count = read(pipe_fd, bytes, sizeof bytes);
        for (ssize_t i = 0; i < count && kept < PROGRAM_OUTPUT_BYTES - 1; i++) {
            if (bytes[i] != '.') {
                output[kept++] = bytes[i];
            }
        }
        output[kept] = 0;
        CHECK(now_s() < until_s);
        if (count <= 0) {
            sleep_s(0.01);
        }
    }
    CHECK_EQUAL(program_stop(server, SIGTERM), 0);
    close(pipe_fd);
    folder_remove(folder);
}

// It ends in order though nobody reads at all.
TEST(a_full_pipe_stops_no_end)
{
    static char output[PROGRAM_OUTPUT_BYTES];
    char folder[PROGRAM_PATH_BYTES], log[PATH_BYTES], ready[PATH_BYTES];
    folder_make(folder);
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(ready, sizeof ready, "%s/ready", folder);
    CHECK_EQUAL(program_run(output, "city --store %s/store --entities 500 --quiet", folder), 0);
    int pipe_fd = full_pipe(log);
    pid_t server = program_start(log, "serve --store %s/store --name alpha --listen 127.0.0.1:0 --ready %s", folder,
                                 ready);
    json_decref(ready_wait(ready));
    CHECK_EQUAL(program_stop(server, SIGTERM), 0);
    CHECK_EQUAL(program_run(output, "inspect %s/store", folder), 0);
    close(pipe_fd);
    folder_remove(folder);
}

int main(void)
{
    RUN(a_full_pipe_stops_no_tick);
    RUN(a_full_pipe_stops_no_end);
}
