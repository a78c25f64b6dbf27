#include "app/repair.h"

#include "app/aside.h"
#include "base/os/clock.h"
#include "base/os/file.h"
#include "base/os/process.h"
#include "base/os/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SILENT_S_MAX = 120, WAIT_US = 20000 };

typedef struct repairing {
    const repair_def *def;
    tl_store *from, *to;
    tl_world_info world;
    tl_inspect *inspect;
    char names[TL_SERVERS_MAX + 1][TL_NAME_BYTES_MAX + 1];
    uint64_t dropped, aside;
    char text[512];
} repairing;

static bool fail(repairing *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(repairing *r, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(r->text, sizeof r->text, format, list);
    va_end(list);
    return false;
}

// What is omitted goes into a separate file, byte for byte.
static bool export_bytes(repairing *r, const char *name, const tl_store_event *event)
{
    return !r->def->export_folder || aside_write_file(r->def->export_folder, name, event, r->text, sizeof r->text);
}

static bool leave_out(repairing *r, const tl_store_event *event)
{
    char name[160];
    if (event->type == TL_STORE_CHECKPOINT) {
        snprintf(name, sizeof name, "group-%" PRIx64 ".tick-%" PRId64 ".checkpoint", event->group, event->tick);
        printf("omitted: the checkpoint of group %" PRIx64 " as of tick %" PRId64
               ", %zu bytes; of its entities, only later changes in the logs are kept\n",
               event->group, event->tick, event->size);
    } else {
        snprintf(name, sizeof name, "%s.epoch-%u.tick-%" PRId64 ".record", r->names[event->server], event->epoch,
                 event->tick);
        printf("omitted: server %s's record of tick %" PRId64 " in epoch %u, %zu bytes\n", r->names[event->server],
               event->tick, event->epoch, event->size);
    }
    r->dropped++;
    return export_bytes(r, name, event);
}

static bool take(repairing *r, tl_store_event *event)
{
    char text[256] = "";
    if (event->type == TL_STORE_FAILED) {
        return fail(r, "'%s' cannot be read: %s", r->def->from, event->text);
    }
    if (event->type == TL_STORE_STALLED || event->type == TL_STORE_RECOVERED) {
        return true;
    }
    if (event->type == TL_STORE_SERVER) {
        memcpy(r->names[event->server], event->name, sizeof r->names[0]);
    }
    tl_inspect_add(r->inspect, event);
    if (tl_inspect_is_set_aside(r->inspect)) {
        if (!leave_out(r, event)) {
            return false;
        }
        event->size = tl_inspect_get_replacement(r->inspect, &event->data);
        if (event->type != TL_STORE_CHECKPOINT || event->size == 0) {
            return true;
        }
    }
    event->tick = tl_inspect_get_last_tick(r->inspect);
    return !r->to || tl_store_restore(r->to, &r->world, event, text, sizeof text) == TL_OK ||
           fail(r, "'%s' cannot be written: %s", r->def->to, text);
}

static bool transfer(repairing *r)
{
    tl_store_event event = {.type = TL_STORE_JOINED};
    uint64_t since_us = tl_os_monotonic_us();
    while (event.type != TL_STORE_LOADED) {
        if (tl_os_stop_requested()) {
            return fail(r, "stopped");
        }
        if (tl_store_poll(r->from, &event) == TL_OK) {
            since_us = tl_os_monotonic_us();
            if (!take(r, &event)) {
                return false;
            }
            continue;
        }
        event.type = TL_STORE_JOINED;
        if (tl_os_monotonic_us() - since_us > SILENT_S_MAX * 1000000ull) {
            return fail(r, "'%s' does not answer; look for a full or a very slow disk", r->def->from);
        }
        tl_os_wait_readable(&(int){tl_store_wait_fd(r->from)}, 1, WAIT_US);
    }
    return true;
}

// What servers have set aside before is no part of the world any more: it goes into files, but not into the copy.
static bool show_aside(repairing *r)
{
    aside_list list = {0};
    bool read = aside_read(&list, r->from, r->def->export_folder);
    aside_print(&list, r->def->export_folder ? "set aside before, exported: " : "set aside before, not in the copy: ");
    r->aside = list.records;
    snprintf(r->text, sizeof r->text, "%s", list.text);
    aside_free(&list);
    return read;
}

static bool open_stores(repairing *r)
{
    char text[512];
    if (r->def->export_folder && !tl_os_folder_create(r->def->export_folder) && errno != EEXIST) {
        return fail(r, "cannot create '%s': %s", r->def->export_folder, strerror(errno));
    }
    if (tl_store_open(r->def->from, false, true, &r->from, text, sizeof text) != TL_OK) {
        return fail(r, "%s", text);
    }
    tl_result result = tl_store_get_world(r->from, &r->world);
    if (result != TL_OK) {
        return fail(r, "'%s' cannot be read: %s", r->def->from, tl_result_text(result));
    }
    r->world.format = TL_STORE_FORMAT; // of the copy: a former one is converted
    if (!show_aside(r)) {
        return false;
    }
    if (r->def->to && tl_store_open(r->def->to, true, false, &r->to, text, sizeof text) != TL_OK) {
        return fail(r, "%s", text);
    }
    tl_world_info there;
    if (r->to && (!tl_store_can_restore(r->to) || tl_store_get_world(r->to, &there) != TL_ERR_NOT_FOUND)) {
        return fail(r, "'%s' holds a world already, or cannot be copied into; name another store", r->def->to);
    }
    result = tl_store_join(r->from, NULL);
    return result == TL_OK || fail(r, "'%s' cannot be read: %s", r->def->from, tl_result_text(result));
}

bool repair(const repair_def *def, tl_inspect *inspect, repair_result *out)
{
    static repairing r; // large
    memset(&r, 0, sizeof r);
    r.def = def;
    r.inspect = inspect;
    bool done = open_stores(&r) && transfer(&r);
    if (r.from) {
        tl_store_close(r.from, false);
    }
    if (r.to) {
        tl_store_close(r.to, false);
    }
    *out = (repair_result){.dropped = r.dropped, .aside = r.aside};
    snprintf(out->text, sizeof out->text, "%s", r.text);
    return done;
}
