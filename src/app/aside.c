#include "app/aside.h"

#include "app/number.h"
#include "base/os/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATH_BYTES_MAX = 512,
    NAME_BYTES_MAX = 160,
    BUSY_US_MAX = 1000000, // a lock is waited for so long: a server that makes its log holds it for a moment
    BUSY_PAUSE_US = 10000,
};

bool aside_write_file(const char *folder, const char *name, const tl_store_event *event, char *text, size_t text_bytes)
{
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wbx");
    bool written = file && fwrite(event->data, 1, event->size, file) == event->size;
    if (file) {
        written = fclose(file) == 0 && written;
    }
    if (!written) {
        snprintf(text, text_bytes, "'%.300s' cannot be written: %s", path, strerror(errno));
    }
    return written;
}

// The entry of the event's epoch, which is the last one or a new one. NULL: out of memory.
static aside_epoch *entry_of(aside_list *list, const tl_store_event *event)
{
    aside_epoch *last = list->count ? &list->epochs[list->count - 1] : NULL;
    if (last && last->server == event->server && last->epoch == event->epoch) {
        return last;
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        aside_epoch *epochs = realloc(list->epochs, capacity * sizeof *epochs);
        if (!epochs) {
            return NULL;
        }
        list->epochs = epochs;
        list->capacity = capacity;
    }
    last = &list->epochs[list->count++];
    *last = (aside_epoch){.server = event->server, .epoch = event->epoch, .first_tick = event->tick};
    memcpy(last->name, event->name, sizeof last->name);
    return last;
}

static bool take(aside_list *list, const tl_store_event *event, const char *folder)
{
    char name[NAME_BYTES_MAX];
    aside_epoch *entry = entry_of(list, event);
    if (!entry) {
        snprintf(list->text, sizeof list->text, "out of memory");
        return false;
    }
    entry->last_tick = event->tick;
    entry->records++;
    entry->bytes += event->size;
    entry->damaged += event->result != TL_OK;
    list->records++;
    list->damaged += event->result != TL_OK;
    snprintf(name, sizeof name, "%s.epoch-%u.tick-%" PRId64 ".aside", event->name, event->epoch, event->tick);
    return !folder || aside_write_file(folder, name, event, list->text, sizeof list->text);
}

// As next_aside(), but waits for a lock.
static tl_result read_next(tl_store *store, tl_store_event *event, char *text, size_t text_bytes)
{
    uint64_t until_us = tl_os_monotonic_us() + BUSY_US_MAX;
    for (;; tl_os_sleep_us(BUSY_PAUSE_US)) {
        tl_result result = tl_store_next_set_aside(store, event, text, text_bytes);
        if (result != TL_ERR_BUSY || tl_os_monotonic_us() >= until_us) {
            return result;
        }
    }
}

bool aside_read(aside_list *list, tl_store *store, const char *folder)
{
    tl_store_event event = {0};
    char text[256] = "";
    tl_result result = TL_OK;
    while (result == TL_OK) {
        result = read_next(store, &event, text, sizeof text);
        if (result == TL_OK && !take(list, &event, folder)) {
            return false;
        }
    }
    list->busy = result == TL_ERR_BUSY;
    if (result != TL_AGAIN) {
        snprintf(list->text, sizeof list->text, "%s", text[0] ? text : tl_result_text(result));
    }
    return result == TL_AGAIN;
}

void aside_free(aside_list *list)
{
    free(list->epochs);
    *list = (aside_list){0};
}

json_t *aside_json(const aside_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const aside_epoch *e = &list->epochs[i];
        json_array_append_new(array,
                              json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "server", (int)e->server, "name",
                                        e->name, "epoch", (json_int_t)e->epoch, "first_tick", (json_int_t)e->first_tick,
                                        "last_tick", (json_int_t)e->last_tick, "records", (json_int_t)e->records,
                                        "bytes", (json_int_t)e->bytes, "damaged", (json_int_t)e->damaged));
    }
    return array;
}

void aside_print(const aside_list *list, const char *before)
{
    char records[NUMBER_TEXT_BYTES], bytes[NUMBER_TEXT_BYTES];
    for (size_t i = 0; i < list->count; i++) {
        const aside_epoch *e = &list->epochs[i];
        printf("%s%s record%s of server %s in epoch %u, ticks %" PRId64 " to %" PRId64 ", %s bytes", before,
               number_text(e->records, records), e->records == 1 ? "" : "s", e->name, e->epoch, e->first_tick,
               e->last_tick, number_text(e->bytes, bytes));
        if (e->damaged) {
            printf(", %" PRIu64 " of them incomplete", e->damaged);
        }
        printf("\n");
    }
}
