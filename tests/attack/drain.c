#include "drain.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4096 };

static void copy(const char *pipe, const char *file)
{
    char block[BLOCK_BYTES];
    int in = open(pipe, O_RDWR | O_CLOEXEC); // so that it does not end between two writers
    int out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    for (ssize_t bytes; (bytes = read(in, block, sizeof block)) > 0;) {
        if (write(out, block, (size_t)bytes) != bytes) {
            break;
        }
    }
}

pid_t drain_start(const char *pipe, const char *file)
{
    CHECK(mkfifo(pipe, 0600) == 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid > 0) {
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    copy(pipe, file);
    _exit(0);
}

void drain_hold(pid_t drain, const char *pipe)
{
    char block[BLOCK_BYTES];
    memset(block, '\n', sizeof block);
    int status;
    CHECK_EQUAL(kill(drain, SIGSTOP), 0);
    CHECK(waitpid(drain, &status, WUNTRACED) == drain && WIFSTOPPED(status));
    int fd = open(pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(fd >= 0);
    while (write(fd, block, sizeof block) > 0) {
        continue;
    }
    while (write(fd, block, 1) > 0) {
        continue;
    }
    CHECK_EQUAL(errno, EAGAIN);
    close(fd);
}

void drain_release(pid_t drain)
{
    CHECK_EQUAL(kill(drain, SIGCONT), 0);
}

void drain_stop(pid_t drain)
{
    int status;
    CHECK_EQUAL(kill(drain, SIGKILL), 0);
    CHECK(waitpid(drain, &status, 0) == drain);
}
