#include "store/sqlite/unlisted.h"

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
    return tl_name_valid(name);
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

// TL_AGAIN: nothing has been written into it yet.
static tl_result read_first_epoch(tl_sqlite_log *log, tl_log_epoch *out, tl_fault *fault)
{
    tl_log_head head;
    tl_result result = tl_sqlite_log_head(log, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    return head.epoch == 0 ? TL_AGAIN : tl_sqlite_log_epoch(log, 1, out, fault);
}

// Finds the listed log of which an unlisted one is a copy: they began in the same microsecond. A number alone does not
// show it, since a world.db that has lost a server assigns its number to the next one.
static tl_result find_original(const search *s, tl_sqlite_log *unlisted, char copy_of[TL_NAME_BYTES_MAX + 1],
                               tl_fault *fault)
{
    char name[TL_NAME_BYTES_MAX + 1];
    tl_log_epoch first, listed_first;
    tl_sqlite_log listed;
    copy_of[0] = 0;
    tl_result result = tl_sqlite_world_server_name(s->world, unlisted->number, name, fault);
    result = result == TL_OK ? read_first_epoch(unlisted, &first, fault) : result;
    if (result == TL_OK) {
        result = tl_sqlite_log_open(&listed, s->directory, name, unlisted->number, unlisted->world_us,
                                    TL_SQLITE_READ_ONLY, false, false, fault);
    }
    if (result != TL_OK) {
        return tl_sqlite_is_foreign(result) ? TL_OK : result;
    }
    result = read_first_epoch(&listed, &listed_first, fault);
    tl_sqlite_log_close(&listed);
    if (result == TL_OK && first.began_us == listed_first.began_us && first.began_tick == listed_first.began_tick) {
        snprintf(copy_of, TL_NAME_BYTES_MAX + 1, "%s", name);
    }
    return tl_sqlite_is_foreign(result) ? TL_OK : result;
}

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
        result = find_original(s, &log, s->out->copy_of, fault);
        s->found = result == TL_OK;
        s->out->number = log.number;
        snprintf(s->out->name, sizeof(s->out->name), "%s", name);
    }
    tl_sqlite_log_close(&log);
    return s->found ? TL_AGAIN : result; // ends the walk
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
    if (log->copy_of[0]) {
        snprintf(text, sizeof(text), "looks like a copy of %s.log.db (server number %d); move it out of the folder",
                 log->copy_of, log->number);
        return tl_fault_set(fault, TL_ERR_CORRUPT, path, text);
    }
    snprintf(
        text, sizeof(text),
        "of this world, but world.db does not list its server (number %d): world.db has lost it; stop all servers and "
        "restore all files from the same copy (or inspect --accept-loss)",
        log->number);
    return tl_fault_set(fault, TL_ERR_CORRUPT, path, text);
}
