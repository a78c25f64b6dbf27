#include "app/outlet.h"

#include "base/base.h"

#include "base/os/clock.h"
#include "base/os/file.h"
#include "base/os/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITE_BYTES = 16384, NOTICE_BYTES = 128 };

struct outlet {
    tl_os_mutex lock;
    tl_os_condition filled, emptied;
    tl_os_thread thread;
    int fd;
    const char *notice;
    char *ring;
    size_t capacity, first, count; // bytes
    uint64_t dropped, noticed;     // lines
    bool writing, closing, abandoned;
};

// The next bytes to write. With the lock.
static size_t take(outlet *o, char out[WRITE_BYTES + NOTICE_BYTES])
{
    TL_ASSERT(o->first < o->capacity && o->count > 0 && o->count <= o->capacity);
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
    tl_os_mutex_destroy(&o->lock);
    tl_os_condition_destroy(&o->filled);
    tl_os_condition_destroy(&o->emptied);
    free(o->ring);
    free(o);
}

static void run(void *user)
{
    outlet *o = user;
    static _Thread_local char out[WRITE_BYTES + NOTICE_BYTES];
    tl_os_mutex_lock(&o->lock);
    for (bool open = true;;) {
        while (o->count == 0 && !o->closing) {
            tl_os_condition_wait(&o->filled, &o->lock);
        }
        if (o->count == 0) {
            break;
        }
        size_t bytes = take(o, out);
        o->writing = true;
        tl_os_mutex_unlock(&o->lock);
        open = open && tl_os_file_write(o->fd, out, bytes);
        tl_os_mutex_lock(&o->lock);
        o->writing = false;
        tl_os_condition_signal(&o->emptied);
    }
    bool abandoned = o->abandoned;
    tl_os_mutex_unlock(&o->lock);
    if (abandoned) {
        destroy(o);
    }
}

outlet *outlet_open(int fd, size_t queue_bytes, const char *notice)
{
    TL_ASSERT(fd >= 0 && queue_bytes > 0);
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
    tl_os_mutex_init(&o->lock);
    tl_os_condition_init(&o->filled);
    tl_os_condition_init(&o->emptied);
    if (!tl_os_thread_start(&o->thread, run, o)) {
        destroy(o);
        return NULL;
    }
    return o;
}

static void append(outlet *o, const char *text, size_t bytes)
{
    TL_ASSERT(bytes <= o->capacity - o->count);
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
    tl_os_mutex_lock(&o->lock);
    if (bytes + 1 > o->capacity - o->count) {
        o->dropped++;
    } else {
        append(o, text, bytes);
        append(o, "\n", 1);
        tl_os_condition_signal(&o->filled);
    }
    tl_os_mutex_unlock(&o->lock);
}

uint64_t outlet_dropped(outlet *o)
{
    if (!o) {
        return 0;
    }
    tl_os_mutex_lock(&o->lock);
    uint64_t dropped = o->dropped;
    tl_os_mutex_unlock(&o->lock);
    return dropped;
}

void outlet_close(outlet *o, int ms_max)
{
    if (!o) {
        return;
    }
    uint64_t until_us = tl_os_monotonic_us() + (uint64_t)ms_max * 1000;
    tl_os_mutex_lock(&o->lock);
    o->closing = true;
    tl_os_condition_signal(&o->filled);
    bool in_time = true;
    while ((o->count > 0 || o->writing) && in_time) {
        in_time = tl_os_condition_wait_until(&o->emptied, &o->lock, until_us);
    }
    bool stuck = o->count > 0 || o->writing;
    o->abandoned = stuck; // the thread ends with the process, or once somebody reads
    tl_os_mutex_unlock(&o->lock);
    if (stuck) {
        tl_os_thread_detach(o->thread);
        return;
    }
    tl_os_thread_join(o->thread);
    destroy(o);
}
