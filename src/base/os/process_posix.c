#define _GNU_SOURCE // pipe2, prctl
#include "base/os/process.h"

#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- this process ---------------------------------------------------------------------------------------------------

static volatile sig_atomic_t stop_requested;

static void on_signal(int number)
{
    stop_requested = 1;
}

void tl_os_stop_watch(void)
{
    struct sigaction action = {.sa_handler = on_signal}; // without SA_RESTART
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

bool tl_os_stop_requested(void)
{
    return stop_requested != 0;
}

uint32_t tl_os_process_id(void)
{
    return (uint32_t)getpid();
}

uint64_t tl_os_process_rss_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%lu %lu", &total, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint32_t tl_os_processor_count(void)
{
    return (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
}

// ---- children -------------------------------------------------------------------------------------------------------

enum {
    LINES_FD = 3, // in the child: TL_OS_CHILD_LINES_FILE
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

static _Noreturn void become(const char *const *arguments, int log_file, int lines, int niceness)
{
    const char *argv[TL_OS_CHILD_ARGUMENTS_MAX + 2] = {"tramline"};
    for (int i = 0; i < TL_OS_CHILD_ARGUMENTS_MAX && arguments[i]; i++) {
        argv[i + 1] = arguments[i];
    }
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (niceness != 0) {
        setpriority(PRIO_PROCESS, 0, niceness);
    }
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    int null_file = open("/dev/null", O_RDONLY);
    dup2(null_file, STDIN_FILENO);
    dup2(log_file, STDOUT_FILENO);
    dup2(log_file, STDERR_FILENO);
    copy_fd(lines, LINES_FD);
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    execv(program, (char *const *)argv);
    fprintf(stderr, "tramline: cannot start: %s\n", strerror(errno));
    _exit(EXIT_NO_PROGRAM);
}

bool tl_os_child_start(tl_os_child *child, const char *const *arguments, int log_file, int niceness)
{
    TL_ASSERT(child->id == 0 && log_file >= 0);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return false;
    }
    fcntl(ends[1], F_SETFL, 0); // only the reader must not wait
    fflush(NULL);
    pid_t id = fork();
    if (id == 0) {
        become(arguments, log_file, ends[1], niceness);
    }
    close(ends[1]);
    if (id < 0) {
        close(ends[0]);
        return false;
    }
    *child = (tl_os_child){.id = id, .lines = ends[0]};
    return true;
}

size_t tl_os_child_read(tl_os_child *child, char *out, size_t bytes_max)
{
    TL_ASSERT(child->id > 0);
    ssize_t got = read(child->lines, out, bytes_max);
    return got > 0 ? (size_t)got : 0;
}

bool tl_os_child_has_ended(tl_os_child *child)
{
    if (child->id && !child->ended && waitpid((pid_t)child->id, &child->status, WNOHANG) == (pid_t)child->id) {
        child->ended = true;
    }
    return child->ended;
}

void tl_os_child_stop(tl_os_child *child)
{
    if (child->id && !tl_os_child_has_ended(child)) {
        kill((pid_t)child->id, SIGTERM);
    }
}

void tl_os_child_kill(tl_os_child *child)
{
    if (child->id && !tl_os_child_has_ended(child)) {
        kill((pid_t)child->id, SIGKILL);
        waitpid((pid_t)child->id, &child->status, 0);
        child->ended = true;
    }
}

int tl_os_child_exit_status(const tl_os_child *child)
{
    TL_ASSERT(child->ended);
    return WIFEXITED(child->status) ? WEXITSTATUS(child->status) : -1;
}

void tl_os_child_describe_end(const tl_os_child *child, char *text, size_t text_bytes)
{
    TL_ASSERT(child->ended);
    if (WIFSIGNALED(child->status)) {
        int number = WTERMSIG(child->status);
        snprintf(text, text_bytes, "killed by signal %d (%s)", number, strsignal(number));
    } else {
        snprintf(text, text_bytes, "exit status %d", WEXITSTATUS(child->status));
    }
}

void tl_os_child_close(tl_os_child *child)
{
    if (child->id) {
        close(child->lines);
    }
}
