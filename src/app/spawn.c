#include "app/spawn.h"

#include "app/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LINES_FD = 3, // in the child
    WAIT_STEP_US = 5000,
    LOG_END_BYTES = 1200,
    EXIT_NO_PROGRAM = 127,
};

static void copy_fd(int from, int to)
{
    if (from == to) {
        fcntl(from, F_SETFD, 0); // it stays open
    } else {
        dup2(from, to);
    }
}

static _Noreturn void become(const char *const *arguments, int log_fd, int lines_fd, int niceness)
{
    const char *argv[SPAWN_ARGUMENTS_MAX + 2] = {"tramline"};
    for (int i = 0; i < SPAWN_ARGUMENTS_MAX && arguments[i]; i++) {
        argv[i + 1] = arguments[i];
    }
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (niceness != 0) { // below 0 only with the rights for it; otherwise it stays as it is
        setpriority(PRIO_PROCESS, 0, niceness);
    }
    signal(SIGPIPE, SIG_DFL);
    int null_fd = open("/dev/null", O_RDONLY);
    dup2(null_fd, STDIN_FILENO);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    copy_fd(lines_fd, LINES_FD);
    char program[1024];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    execv(program, (char *const *)argv);
    fprintf(stderr, "tramline: cannot be started: %s\n", strerror(errno));
    _exit(EXIT_NO_PROGRAM);
}

bool spawn_start(spawn *s, const char *name, const char *const *arguments, const char *log_file, int niceness)
{
    memset(s, 0, sizeof *s);
    snprintf(s->name, sizeof s->name, "%s", name);
    snprintf(s->log_file, sizeof s->log_file, "%s", log_file);
    int log_fd = open(log_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), pipe_fds[2];
    if (log_fd < 0) {
        return false;
    }
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        close(log_fd);
        return false;
    }
    fcntl(pipe_fds[1], F_SETFL, 0); // only the reader must not wait
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        become(arguments, log_fd, pipe_fds[1], niceness);
    }
    close(log_fd);
    close(pipe_fds[1]);
    if (pid < 0) {
        close(pipe_fds[0]);
        return false;
    }
    s->pid = pid;
    s->lines_fd = pipe_fds[0];
    return true;
}

// Moves what follows the line that was given last to the front.
static void drop_line(spawn *s)
{
    char *end = memchr(s->buffer, 0, s->buffered);
    if (end) {
        s->buffered -= (size_t)(end + 1 - s->buffer);
        memmove(s->buffer, end + 1, s->buffered);
    }
}

char *spawn_read_line(spawn *s)
{
    drop_line(s);
    if (!memchr(s->buffer, '\n', s->buffered) && s->pid) {
        ssize_t got = read(s->lines_fd, s->buffer + s->buffered, sizeof s->buffer - s->buffered);
        s->buffered += got > 0 ? (size_t)got : 0;
    }
    char *end = memchr(s->buffer, '\n', s->buffered);
    if (end) {
        *end = 0;
        return s->buffer;
    }
    if (s->buffered == sizeof s->buffer) { // no line of ours is so long
        s->buffered = 0;
    }
    return NULL;
}

bool spawn_has_ended(spawn *s)
{
    if (s->pid && !s->ended && waitpid(s->pid, &s->status, WNOHANG) == s->pid) {
        s->ended = true;
    }
    return s->ended;
}

void spawn_stop(spawn *s)
{
    if (s->pid && !spawn_has_ended(s)) {
        kill(s->pid, SIGTERM);
    }
}

static bool wait_for_end(spawn *s, int timeout_ms)
{
    uint64_t until_us = clock_steady_us() + (uint64_t)timeout_ms * 1000;
    while (!spawn_has_ended(s) && clock_steady_us() < until_us) {
        clock_sleep_us(WAIT_STEP_US);
    }
    return s->ended;
}

bool spawn_wait(spawn *s, int timeout_ms)
{
    if (!s->pid) {
        return false;
    }
    bool by_itself = wait_for_end(s, timeout_ms);
    if (!by_itself) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, &s->status, 0);
        s->ended = true;
    }
    return by_itself;
}

void spawn_describe_end(const spawn *s, char *text, size_t text_bytes)
{
    if (WIFSIGNALED(s->status)) {
        snprintf(text, text_bytes, "killed by signal %d (%s)", WTERMSIG(s->status), strsignal(WTERMSIG(s->status)));
    } else {
        snprintf(text, text_bytes, "exit status %d", WEXITSTATUS(s->status));
    }
}

void spawn_print_log_end(const spawn *s)
{
    char end[LOG_END_BYTES + 1];
    FILE *log = fopen(s->log_file, "r");
    if (!log) {
        return;
    }
    fseek(log, 0, SEEK_END);
    long size = ftell(log);
    fseek(log, size > LOG_END_BYTES ? size - LOG_END_BYTES : 0, SEEK_SET);
    size_t count = fread(end, 1, LOG_END_BYTES, log);
    fclose(log);
    end[count] = 0;
    char *from = size > LOG_END_BYTES && strchr(end, '\n') ? strchr(end, '\n') + 1 : end;
    fprintf(stderr, "the last lines of %s:\n%s%s", s->log_file, from, count && end[count - 1] != '\n' ? "\n" : "");
}
