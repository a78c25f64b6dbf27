#include "app/spawn.h"

#include "base/base.h"

#include "base/os/clock.h"
#include "base/os/file.h"
#include "base/os/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    WAIT_STEP_US = 5000,
    LOG_END_BYTES = 1200,
};

bool spawn_start(spawn *s, const char *name, const char *const *arguments, const char *log_file, int niceness)
{
    memset(s, 0, sizeof *s);
    snprintf(s->name, sizeof s->name, "%s", name);
    snprintf(s->log_file, sizeof s->log_file, "%s", log_file);
    int log = tl_os_file_create(log_file);
    if (log < 0) {
        return false;
    }
    bool started = tl_os_child_start(&s->child, arguments, log, niceness);
    int error = errno;
    tl_os_file_close(log);
    errno = error;
    return started;
}

// Moves what follows the last returned line to the front.
static void drop_line(spawn *s)
{
    TL_ASSERT(s->buffered <= sizeof s->buffer);
    char *end = memchr(s->buffer, 0, s->buffered);
    if (end) {
        s->buffered -= (size_t)(end + 1 - s->buffer);
        memmove(s->buffer, end + 1, s->buffered);
    }
}

char *spawn_read_line(spawn *s)
{
    drop_line(s);
    if (!memchr(s->buffer, '\n', s->buffered) && s->child.id) {
        s->buffered += tl_os_child_read(&s->child, s->buffer + s->buffered, sizeof s->buffer - s->buffered);
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

static bool wait_for_end(spawn *s, int timeout_ms)
{
    uint64_t until_us = tl_os_monotonic_us() + (uint64_t)timeout_ms * 1000;
    while (!tl_os_child_has_ended(&s->child) && tl_os_monotonic_us() < until_us) {
        tl_os_sleep_us(WAIT_STEP_US);
    }
    return s->child.ended;
}

bool spawn_wait(spawn *s, int timeout_ms)
{
    TL_ASSERT(timeout_ms >= 0);
    if (!s->child.id) {
        return false;
    }
    bool by_itself = wait_for_end(s, timeout_ms);
    if (!by_itself) {
        tl_os_child_kill(&s->child);
    }
    return by_itself;
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
