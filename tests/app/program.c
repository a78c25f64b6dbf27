#include "program.h"

#include "check.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMAND_BYTES = 4096, WAIT_S_MAX = 30 };

static void command_make(char command[COMMAND_BYTES], const char *ending, const char *arguments, va_list list)
{
    int length = snprintf(command, COMMAND_BYTES, "exec '%s' ", TRAMLINE_PROGRAM);
    length += vsnprintf(command + length, (size_t)(COMMAND_BYTES - length), arguments, list);
    CHECK(length < COMMAND_BYTES);
    length += snprintf(command + length, (size_t)(COMMAND_BYTES - length), "%s", ending);
    CHECK(length < COMMAND_BYTES);
}

int program_run(char *output, const char *arguments, ...)
{
    char command[COMMAND_BYTES];
    va_list list;
    va_start(list, arguments);
    command_make(command, " 2>&1", arguments, list);
    va_end(list);
    FILE *pipe = popen(command, "r");
    CHECK(pipe);
    size_t count = fread(output, 1, PROGRAM_OUTPUT_BYTES - 1, pipe);
    output[count] = 0;
    int status = pclose(pipe);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

pid_t program_start(const char *log_file, const char *arguments, ...)
{
    char command[COMMAND_BYTES];
    va_list list;
    va_start(list, arguments);
    command_make(command, "", arguments, list);
    va_end(list);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that fails leaves nothing behind
        int log_fd = open(log_file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        dup2(log_fd, STDOUT_FILENO);
        dup2(log_fd, STDERR_FILENO);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid;
}

int program_stop(pid_t pid, int signal)
{
    int status = 0;
    double until_s = now_s() + WAIT_S_MAX;
    CHECK_EQUAL(kill(pid, signal), 0);
    while (waitpid(pid, &status, WNOHANG) != pid) {
        CHECK(now_s() < until_s);
        sleep_s(0.01);
    }
    return status;
}

bool program_runs(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

void folder_make(char path[PROGRAM_PATH_BYTES])
{
    snprintf(path, PROGRAM_PATH_BYTES, "/tmp/tramline-test-XXXXXX");
    CHECK(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

void folder_remove(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

json_t *ready_wait(const char *file)
{
    double until_s = now_s() + WAIT_S_MAX;
    for (;;) {
        json_t *ready = json_load_file(file, 0, NULL);
        if (ready) {
            return ready;
        }
        CHECK(now_s() < until_s);
        sleep_s(0.02);
    }
}

json_t *lines_read(const char *file)
{
    json_t *lines = json_array();
    FILE *in = fopen(file, "r");
    char *text = NULL;
    size_t capacity = 0;
    while (in && getline(&text, &capacity, in) > 0) {
        json_t *line = json_loads(text, 0, NULL); // the last one may not be whole yet
        if (line) {
            json_array_append_new(lines, line);
        }
    }
    free(text);
    if (in) {
        fclose(in);
    }
    return lines;
}

json_t *lines_last(const char *file)
{
    json_t *lines = lines_read(file);
    size_t count = json_array_size(lines);
    json_t *last = count ? json_incref(json_array_get(lines, count - 1)) : NULL;
    json_decref(lines);
    return last;
}

double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void sleep_s(double seconds)
{
    struct timespec length = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&length, NULL);
}
