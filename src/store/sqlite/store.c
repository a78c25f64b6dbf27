#include "store/sqlite/store.h"
#include "base/memory.h"

#include "store/sqlite/former.h"
#include "store/sqlite/unlisted.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static tl_sqlite_store *self_of(tl_store *base)
{
    return (tl_sqlite_store *)base;
}

// ---- the world -----------------------------------------------------------------------------------------------------

static tl_result sqlite_world(tl_store *base, tl_world_info *out)
{
    tl_sqlite_store *store = self_of(base);
    if (store->attachment.started) {
        *out = store->attachment.info;
        return TL_OK;
    }
    tl_fault fault;
    return tl_sqlite_world_info(&store->world, out, &fault);
}

static tl_result sqlite_create_world(tl_store *base, const tl_world_info *info)
{
    tl_sqlite_store *store = self_of(base);
    tl_result result = tl_attachment_check_create(&store->attachment, info);
    if (result != TL_OK) {
        return result;
    }
    tl_fault fault;
    if (store->restore || tl_sqlite_restore_check_whole(&store->world, &fault) != TL_OK) {
        return TL_ERR_EXISTS; // of a copy
    }
    result = tl_sqlite_world_create(&store->world, info, &fault);
    if (result == TL_OK) {
        (void)tl_sqlite_wal_settle(&store->world.file); // else the first server's registration brings it along
    }
    return result;
}

static tl_result copy_open(void *backend, tl_server_number number, const char *name, uint64_t world_us, void **out,
                           tl_sqlite_file **file, tl_fault *fault)
{
    tl_sqlite_store *store = backend;
    tl_sqlite_log *log = tl_alloc(sizeof(*log));
    if (!log) {
        return tl_fault_set(fault, TL_ERR_MEMORY, store->directory, "out of memory");
    }
    tl_result result = tl_sqlite_log_open(log, store->directory, name, number, world_us, TL_SQLITE_CREATE,
                                          store->durable_full, true, fault);
    if (result != TL_OK) {
        tl_free(log);
        return result;
    }
    *out = log;
    *file = &log->file;
    return TL_OK;
}

static void copy_close(void *log)
{
    tl_sqlite_log_close(log);
    tl_free(log);
}

static tl_result copy_head(void *log, tl_log_head *out, tl_fault *fault)
{
    return tl_sqlite_log_head(log, out, fault);
}

static tl_result copy_skip(void *log, int64_t tick, tl_fault *fault)
{
    return tl_sqlite_log_skip(log, tick, fault);
}

static tl_result copy_join(void *log, uint64_t now_us, tl_log_head *out, tl_fault *fault)
{
    return tl_sqlite_log_join(log, now_us, out, fault);
}

static tl_result copy_append(void *log, uint32_t epoch, tl_work *const *records, size_t count, tl_fault *fault)
{
    return tl_sqlite_log_append(log, epoch, records, count, NULL, fault);
}

static tl_result copy_end(void *log, uint32_t epoch, int64_t tick, int heir, uint64_t now_us, tl_fault *fault)
{
    return tl_sqlite_log_end(log, epoch, tick, heir, now_us, NULL, fault);
}

static const tl_sqlite_restore_logs copied_logs = {copy_open, copy_close,  copy_head, copy_skip,
                                                   copy_join, copy_append, copy_end};

static tl_result restore(tl_sqlite_store *store, const tl_world_info *info, const tl_store_event *event,
                         tl_fault *fault)
{
    tl_result result = tl_attachment_check_restore(&store->attachment, fault);
    if (result != TL_OK) {
        return result;
    }
    if (!store->restore) {
        store->restore = tl_sqlite_restore_create(&store->world, store->directory, &copied_logs, store);
    }
    return store->restore ? tl_sqlite_restore_event(store->restore, info, event, fault)
                          : tl_fault_set(fault, TL_ERR_MEMORY, store->directory, "out of memory");
}

static tl_result sqlite_restore(tl_store *base, const tl_world_info *info, const tl_store_event *event, char *text,
                                size_t text_bytes)
{
    tl_fault fault = {0};
    return tl_fault_report(restore(self_of(base), info, event, &fault), &fault, text, text_bytes);
}

static tl_result sqlite_next_aside(tl_store *base, tl_store_event *event, char *text, size_t text_bytes)
{
    tl_sqlite_store *store = self_of(base);
    tl_fault fault = {0};
    tl_result result = tl_attachment_check_aside(&store->attachment, &fault);
    if (result == TL_OK) {
        result = tl_sqlite_aside_next(&store->aside, &store->world, store->directory, event, &fault);
    }
    return tl_fault_report(result, &fault, text, text_bytes);
}

static tl_result sqlite_join(tl_store *base, const char *name)
{
    tl_sqlite_store *store = self_of(base);
    tl_attachment *attachment = &store->attachment;
    tl_result result = store->restore ? TL_ERR_STATE : tl_attachment_begin(attachment, name);
    if (result != TL_OK) {
        return result;
    }
    tl_fault fault;
    result = tl_sqlite_world_info(&store->world, &attachment->info, &fault);
    if (result != TL_OK) {
        return result;
    }
    tl_sqlite_mode mode = attachment->read_only ? TL_SQLITE_READ_ONLY : TL_SQLITE_WRITE;
    tl_sqlite_logs_init(&store->logs, &store->world, store->directory, attachment->info.created_us, attachment->name,
                        mode, store->durable_full);
    attachment->started = true;
    if (!tl_attachment_spawn(&store->thread, tl_sqlite_thread, store)) {
        attachment->started = false;
    }
    return attachment->started ? TL_OK : TL_ERR_MEMORY;
}

// ---- open and close ------------------------------------------------------------------------------------------------

static void destroy_store(tl_sqlite_store *store)
{
    tl_sqlite_restore_destroy(store->restore);
    tl_sqlite_aside_close(&store->aside);
    tl_sqlite_world_close(&store->world);
    tl_attachment_free(&store->attachment);
    tl_free(store);
}

static void sqlite_close(tl_store *base, bool leave)
{
    tl_sqlite_store *store = self_of(base);
    if (store->attachment.started) {
        tl_attachment_stop(&store->attachment, leave);
        pthread_join(store->thread, NULL);
        tl_sqlite_logs_close(&store->logs);
    }
    destroy_store(store);
}

static const tl_store_ops sqlite_ops = {
    .get_world = sqlite_world,
    .create_world = sqlite_create_world,
    .restore = sqlite_restore,
    .join = sqlite_join,
    .submit = tl_attachment_submit,
    .checkpoint = tl_attachment_checkpoint,
    .truncate = tl_attachment_truncate,
    .fence = tl_attachment_fence,
    .quarantine = tl_attachment_quarantine,
    .next_set_aside = sqlite_next_aside,
    .poll = tl_attachment_poll,
    .wait_fd = tl_attachment_wait_fd,
    .drain = tl_attachment_drain,
    .close = sqlite_close,
};

static tl_sqlite_store *create_store(const tl_sqlite_def *def)
{
    tl_sqlite_store *store = tl_alloc(sizeof(*store));
    if (!store || !tl_attachment_init(&store->attachment, &sqlite_ops)) {
        tl_free(store);
        return NULL;
    }
    store->attachment.read_only = def->read_only;
    store->attachment.place = store->directory;
    store->attachment.silent_text =
        "the disk has not answered for 1.5 s; records wait, and it goes on by itself once the disk "
        "answers; look for a frozen, overloaded or failing disk (dmesg)";
    store->mode = def->read_only ? TL_SQLITE_READ_ONLY : def->create ? TL_SQLITE_CREATE : TL_SQLITE_WRITE;
    store->durable_full = def->durable_full;
    store->wal_bytes_max = def->wal_bytes_max ? def->wal_bytes_max : TL_WAL_BYTES_MAX_DEFAULT;
    return store;
}

static tl_result check_directory(const tl_sqlite_def *def, tl_fault *fault)
{
    struct stat status;
    if (stat(def->directory, &status) == 0) {
        return S_ISDIR(status.st_mode) ? TL_OK
                                       : tl_fault_set(fault, TL_ERR_INVALID, def->directory,
                                                      "not a directory; a store is a directory with world.db in it");
    }
    if (errno != ENOENT) {
        return tl_fault_set(fault, TL_ERR_UNAVAILABLE, def->directory, strerror(errno));
    }
    if (!def->create) {
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, def->directory,
                            "no such directory; check the path, or create the store first");
    }
    if (mkdir(def->directory, 0777) == 0 || errno == EEXIST) {
        return TL_OK;
    }
    switch (errno) {
    case ENOENT:
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, def->directory,
                            "the directory above it is missing; make that first");
    case EROFS:
    case EACCES:
    case EPERM:
        return tl_fault_set(fault, TL_ERR_READ_ONLY, def->directory,
                            "cannot be made; check the permissions and the mount of the directory above it");
    case ENOSPC:
    case EDQUOT:
        return tl_fault_set(fault, TL_ERR_NO_SPACE, def->directory, "cannot be made: no space is left; free some");
    default: return tl_fault_set(fault, TL_ERR_IO, def->directory, strerror(errno));
    }
}

// Two processes may create a store at the same time: the slower one finds it locked for a moment.
static tl_result open_world(tl_sqlite_store *store, tl_fault *fault)
{
    enum { TRIES_MAX = 200, PAUSE_NS = 5000000 };
    tl_result result = TL_ERR_BUSY;
    for (int i = 0; i < TRIES_MAX && result == TL_ERR_BUSY; i++) {
        if (i > 0) {
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        }
        result = tl_sqlite_world_open(&store->world, store->directory, store->mode, store->durable_full, fault);
    }
    if (result == TL_AGAIN) {
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, store->directory,
                            "holds no store; check the path, or create the store first");
    }
    return result;
}

// A world.db that holds no world has lost it if there are logs beside it: nobody is to make another one there.
static tl_result check_folder(tl_sqlite_store *store, tl_fault *fault)
{
    tl_world_info info;
    tl_sqlite_unlisted log;
    tl_result result = tl_sqlite_world_info(&store->world, &info, fault);
    if (result == TL_ERR_NOT_FOUND) {
        result = tl_sqlite_unlisted_find(&store->world, store->directory, 0, &log, fault);
        if (result == TL_OK) {
            char text[160];
            snprintf(text, sizeof(text),
                     "holds no world, but %s.log.db beside it is the log of one; restore all files from the same copy, "
                     "or move the "
                     "logs away",
                     log.name);
            return tl_fault_set(fault, TL_ERR_CORRUPT, store->world.file.path, text);
        }
    }
    return result == TL_AGAIN ? TL_OK : result;
}

tl_sqlite_def tl_sqlite_def_default(void)
{
    return (tl_sqlite_def){.cookie = TL_DEF_COOKIE};
}

static tl_result open_store(const tl_sqlite_def *def, tl_store **out, tl_fault *fault)
{
    if (def->cookie != TL_DEF_COOKIE) {
        return tl_fault_set(fault, TL_ERR_INVALID, "", "the definition was not made by tl_sqlite_def_default()");
    }
    if (!def->directory || !def->directory[0] || strlen(def->directory) + TL_NAME_BYTES_MAX + 16 > TL_PATH_BYTES_MAX) {
        return tl_fault_set(fault, TL_ERR_INVALID, def->directory ? def->directory : "",
                            "the store's directory is not named, or its path is too long");
    }
    if (def->create && def->read_only) {
        return tl_fault_set(fault, TL_ERR_INVALID, def->directory, TL_CREATE_READ_ONLY_TEXT);
    }
    tl_result result = check_directory(def, fault);
    if (result != TL_OK) {
        return result;
    }
    tl_sqlite_store *store = create_store(def);
    if (!store) {
        return tl_fault_set(fault, TL_ERR_MEMORY, def->directory, "out of memory, or of open files (ulimit -n)");
    }
    snprintf(store->directory, sizeof(store->directory), "%s", def->directory);
    result = open_world(store, fault);
    if (result == TL_ERR_VERSION && def->read_only) {
        destroy_store(store);
        return tl_sqlite_former_open(def->directory, out, fault);
    }
    if (result == TL_OK) {
        result = tl_sqlite_restore_check_whole(&store->world, fault);
    }
    if (result == TL_OK) {
        result = check_folder(store, fault);
    }
    if (result != TL_OK) {
        destroy_store(store);
        return result;
    }
    *out = &store->attachment.base;
    return TL_OK;
}

tl_result tl_sqlite_store_open(const tl_sqlite_def *def, tl_store **out, char *text, size_t text_bytes)
{
    tl_fault fault = {0};
    *out = NULL;
    return tl_fault_report(open_store(def, out, &fault), &fault, text, text_bytes);
}

static tl_result accept_loss(const char *directory, char *lost, size_t lost_bytes, tl_fault *fault)
{
    tl_store *base = NULL;
    tl_world_info info;
    tl_sqlite_def def = tl_sqlite_def_default();
    def.directory = directory;
    tl_result result = open_store(&def, &base, fault);
    if (result != TL_OK) {
        return result;
    }
    tl_sqlite_store *store = self_of(base);
    result = tl_sqlite_world_info(&store->world, &info, fault);
    if (result == TL_OK) {
        tl_sqlite_logs_init(&store->logs, &store->world, store->directory, info.created_us, "", TL_SQLITE_WRITE, true);
        result = tl_sqlite_logs_accept(&store->logs, lost, lost_bytes, fault);
        tl_sqlite_logs_close(&store->logs);
    }
    destroy_store(store);
    return result;
}

tl_result tl_sqlite_store_accept_loss(const char *directory, char *lost, size_t lost_bytes, char *text,
                                      size_t text_bytes)
{
    tl_fault fault = {0};
    lost[0] = 0;
    return tl_fault_report(accept_loss(directory, lost, lost_bytes, &fault), &fault, text, text_bytes);
}
