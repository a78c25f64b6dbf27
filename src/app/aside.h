// What servers have set aside in a store, one entry for each epoch; and, byte by byte, into files.
#ifndef TRAMLINE_APP_ASIDE_H
#define TRAMLINE_APP_ASIDE_H

#include "tramline/store.h"

#include <jansson.h>

typedef struct aside_epoch {
    tl_server_number server;
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t epoch;
    int64_t first_tick, last_tick;
    uint64_t records, bytes, damaged; // damaged: of which not all bytes are there any more
} aside_epoch;

typedef struct aside_list {
    aside_epoch *epochs;
    size_t count, capacity;
    uint64_t records, damaged;
    char text[256]; // why it was not read to its end; "": it was
    bool busy;      // because another process kept something locked
} aside_list;

// Reads all of it, before the store is joined, into an empty list. With `folder` each record goes into a file of its
// own there. What is locked is tried again for a second. False: text says why not.
bool aside_read(aside_list *list, tl_store *store, const char *folder);
void aside_free(aside_list *list); // it is empty then
json_t *aside_json(const aside_list *list);
// A line for each epoch, beginning with `before`.
void aside_print(const aside_list *list, const char *before);

// Writes what an event holds into FOLDER/NAME, which must not be there. False: `text` says why not.
bool aside_write_file(const char *folder, const char *name, const tl_store_event *event, char *text, size_t text_bytes);

#endif
