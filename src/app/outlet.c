#include "app/outlet.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_BYTES = 16384, NOTICE_BYTES = 128 };

struct outlet {
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
    pthread_t thread;
    int fd;
    const char *notice;
    char *ring;
    size_t capacity, first, count; // bytes
    uint64_t dropped, noticed;     // lines
    bool writing, closing, abandoned;
};

// On its thread. False: nothing can be written there any more.
static bool write_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, data, bytes);
        if (written > 0) {
            data += written;
            bytes -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) { // somebody has made it not wait: this thread may
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, -1);
        } else if (written == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

// The next bytes to write. With the lock.
static size_t take(outlet *o, char out[WRITE_BYTES + NOTICE_BYTES])
{
    size_t bytes = o->count < WRITE_BYTES ? o->count : WRITE_BYTES;
    size_t head = o->capacity - o->first < bytes ? o->capacity - o->first : bytes;
    memcpy(out, o->ring + o->first, head);
    memcpy(out + head, o->ring, bytes - head);
    o->first = (o->first + bytes) % o->capacity;
    o->count -= bytes;
    if (o->count == 0 && o->dropped > o->noticed && o->notice) {
        int length = snprintf(out + bytes, NOTICE_BYTES, o->notice, (unsigned long long)(o->dropped - o->noticed));
        bytes += length > 0 && length < NOTICE_BYTES ? (size_t)length : 0;
        o->noticed = o->dropped;
    }
    return bytes;
}

static void destroy(outlet *o)
{
    pthread_mutex_destroy(&o->lock);
    pthread_cond_destroy(&o->filled);
    pthread_cond_destroy(&o->emptied);
    free(o->ring);
    free(o);
}

static void *run(void *user)
{
    outlet *o = user;
    static _Thread_local char out[WRITE_BYTES + NOTICE_BYTES];
    pthread_mutex_lock(&o->lock);
    for (bool open = true;;) {
        while (o->count == 0 && !o->closing) {
            pthread_cond_wait(&o->filled, &o->lock);
        }
        if (o->count == 0) {
            break;
        }
        size_t bytes = take(o, out);
        o->writing = true;
        pthread_mutex_unlock(&o->lock);
        open = open && write_all(o->fd, out, bytes);
        pthread_mutex_lock(&o->lock);
        o->writing = false;
        pthread_cond_signal(&o->emptied);
    }
    bool abandoned = o->abandoned;
    pthread_mutex_unlock(&o->lock);
    if (abandoned) {
        destroy(o);
    }
    return NULL;
}

outlet *outlet_open(int fd, size_t queue_bytes, const char *notice)
{
    outlet *o = calloc(1, sizeof *o);
    char *ring = malloc(queue_bytes);
    if (!o || !ring) {
        free(o);
        free(ring);
        return NULL;
    }
    o->fd = fd;
    o->notice = notice;
    o->ring = ring;
    o->capacity = queue_bytes;
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->filled, &steady);
    pthread_cond_init(&o->emptied, &steady);
    pthread_condattr_destroy(&steady);
    sigset_t all, before; // signals are the main thread's
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&o->thread, NULL, run, o);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        destroy(o);
        return NULL;
    }
    return o;
}

static void append(outlet *o, const char *text, size_t bytes)
{
    size_t at = (o->first + o->count) % o->capacity;
    size_t head = o->capacity - at < bytes ? o->capacity - at : bytes;
    memcpy(o->ring + at, text, head);
    memcpy(o->ring, text + head, bytes - head);
    o->count += bytes;
}

void outlet_line(outlet *o, const char *text, size_t bytes)
{
    if (!o) {
        return;
    }
    pthread_mutex_lock(&o->lock);
    if (bytes + 1 > o->capacity - o->count) {
        o->dropped++;
    } else {
        append(o, text, bytes);
        append(o, "\n", 1);
        pthread_cond_signal(&o->filled);
    }
    pthread_mutex_unlock(&o->lock);
}

uint64_t outlet_dropped(outlet *o)
{
    if (!o) {
        return 0;
    }
    pthread_mutex_lock(&o->lock);
    uint64_t dropped = o->dropped;
    pthread_mutex_unlock(&o->lock);
    return dropped;
}

void outlet_close(outlet *o, int ms_max)
{
    if (!o) {
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms_max / 1000;
    until.tv_nsec += ms_max % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&o->lock);
    o->closing = true;
    pthread_cond_signal(&o->filled);
    int error = 0;
    while ((o->count > 0 || o->writing) && error == 0) {
        error = pthread_cond_timedwait(&o->emptied, &o->lock, &until);
    }
    bool stuck = o->count > 0 || o->writing;
    o->abandoned = stuck; // the thread ends with the process, or once somebody reads
    pthread_mutex_unlock(&o->lock);
    if (stuck) {
        pthread_detach(o->thread);
        return;
    }
    pthread_join(o->thread, NULL);
    destroy(o);
}

// A pipe says so only while it has room for 4 kB.
bool outlet_has_room(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    return poll(&wait, 1, 0) == 1 && (wait.revents & POLLOUT);
}
