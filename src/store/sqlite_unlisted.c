#include "sqlite_unlisted.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

// The server's name, from a file name: "alpha.log.db" is the log of alpha. False if it is not that of a log.
static bool name_of(const char *file, char name[TL_NAME_BYTES_MAX + 1])
{
    static const char end[] = ".log.db";
    size_t length = strlen(file), end_length = sizeof(end) - 1;
    bool fits = length > end_length && length - end_length <= TL_NAME_BYTES_MAX;
    if (!fits || strcmp(file + length - end_length, end) != 0) {
        return false;
    }
    memcpy(name, file, length - end_length);
    name[length - end_length] = 0;
    return tl_store_name_is_valid(name);
}

tl_result tl_sqlite_each_log(const char *directory, tl_sqlite_look *look, void *context, tl_fault *fault)
{
    DIR *folder = opendir(directory);
    if (!folder) {
        return tl_fault_set(fault, TL_ERR_UNAVAILABLE, directory, strerror(errno));
    }
    tl_result result = TL_OK;
    while (result == TL_OK) {
        char name[TL_NAME_BYTES_MAX + 1];
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry) {
            result = errno == 0 ? TL_OK : tl_fault_set(fault, TL_ERR_IO, directory, strerror(errno));
            break;
        }
        if (name_of(entry->d_name, name)) {
            result = look(context, name, fault);
        }
    }
    closedir(folder);
    return result;
}

bool tl_sqlite_is_foreign(tl_result result)
{
    return result == TL_AGAIN || result == TL_ERR_CORRUPT || result == TL_ERR_VERSION || result == TL_ERR_INVALID;
}

typedef struct search {
    tl_sqlite_world *world;
    const char *directory;
    uint64_t world_us;
    tl_sqlite_unlisted *out;
    bool found;
} search;

// Reads the table only after the folder: a log that is just being made is listed by then.
static tl_result look(void *context, const char *name, tl_fault *fault)
{
    search *s = context;
    tl_server_number number = 0;
    tl_result result = tl_sqlite_world_find_server(s->world, name, &number, fault);
    if (result != TL_AGAIN) {
        return result;
    }
    tl_sqlite_log log;
    result = tl_sqlite_log_open(&log, s->directory, name, 0, 0, TL_SQLITE_READ_ONLY, false, false, fault);
    if (result != TL_OK) {
        return tl_sqlite_is_foreign(result) ? TL_OK : result;
    }
    if (s->world_us == 0 || log.world_us == s->world_us) {
        s->found = true;
        s->out->number = log.number;
        snprintf(s->out->name, sizeof(s->out->name), "%s", name);
    }
    tl_sqlite_log_close(&log);
    return s->found ? TL_AGAIN : TL_OK; // ends the walk
}

tl_result tl_sqlite_unlisted_find(tl_sqlite_world *world, const char *directory, uint64_t world_us,
                                  tl_sqlite_unlisted *out, tl_fault *fault)
{
    search s = {.world = world, .directory = directory, .world_us = world_us, .out = out};
    tl_result result = tl_sqlite_each_log(directory, look, &s, fault);
    return s.found ? TL_OK : result == TL_OK ? TL_AGAIN : result;
}

tl_result tl_sqlite_unlisted_fault(const char *directory, const tl_sqlite_unlisted *log, tl_fault *fault)
{
    char path[TL_PATH_BYTES_MAX + TL_NAME_BYTES_MAX + 16], text[200];
    snprintf(path, sizeof(path), "%s/%s.log.db", directory, log->name);
    snprintf(text, sizeof(text),
             "of this world, but world.db does not list its server (number %d): world.db has lost it; stop all servers and "
             "restore all files from the same copy (or inspect --accept-loss)",
             log->number);
    return tl_fault_set(fault, TL_ERR_CORRUPT, path, text);
}
