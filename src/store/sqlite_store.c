#include "sqlite_store.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static tl_sqlite_store *self_of(tl_store *base)
{
    return (tl_sqlite_store *)base;
}

// ---- the world -----------------------------------------------------------------------------------------------------

static tl_result sqlite_world(tl_store *base, tl_world_info *out)
{
    tl_sqlite_store *store = self_of(base);
    if (store->started) {
        *out = store->info;
        return TL_OK;
    }
    tl_fault fault;
    return tl_sqlite_world_info(&store->world, out, &fault);
}

static tl_result sqlite_create_world(tl_store *base, const tl_world_info *info)
{
    tl_sqlite_store *store = self_of(base);
    tl_result result = tl_world_info_check(info);
    if (result != TL_OK) {
        return result;
    }
    if (store->mode == TL_SQLITE_READ_ONLY) {
        return TL_ERR_READ_ONLY;
    }
    if (store->started) {
        return TL_ERR_EXISTS;
    }
    tl_fault fault;
    return tl_sqlite_world_create(&store->world, info, &fault);
}

// Signals are for the caller's threads; and a file that may not grow must give an error, not SIGXFSZ.
static tl_result start_thread(tl_sqlite_store *store)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    store->started = pthread_create(&store->thread, NULL, tl_sqlite_thread, store) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return store->started ? TL_OK : TL_ERR_MEMORY;
}

static tl_result sqlite_join(tl_store *base, const char *name)
{
    tl_sqlite_store *store = self_of(base);
    if (name && !tl_store_name_is_valid(name)) {
        return TL_ERR_INVALID;
    }
    if (store->started) {
        return TL_ERR_STATE;
    }
    if (name && store->mode == TL_SQLITE_READ_ONLY) {
        return TL_ERR_READ_ONLY;
    }
    tl_fault fault;
    tl_result result = tl_sqlite_world_info(&store->world, &store->info, &fault);
    if (result != TL_OK) {
        return result;
    }
    if (name) {
        memcpy(store->name, name, strlen(name) + 1);
    }
    tl_sqlite_mode mode = store->mode == TL_SQLITE_READ_ONLY ? TL_SQLITE_READ_ONLY : TL_SQLITE_WRITE;
    tl_sqlite_follow_init(&store->follow, &store->world, store->directory, store->info.created_us, mode,
                          store->durable_full);
    return start_thread(store);
}

// ---- work in -------------------------------------------------------------------------------------------------------

static tl_result check_writable_locked(const tl_sqlite_store *store)
{
    if (store->lost) {
        return TL_ERR_FENCED;
    }
    return store->joined && !store->failed ? TL_OK : TL_ERR_STATE;
}

static void kick_locked(tl_sqlite_store *store)
{
    store->kicked = true;
    pthread_cond_signal(&store->work_cond);
}

static tl_result submit_locked(tl_sqlite_store *store, tl_work *work)
{
    tl_result result = check_writable_locked(store);
    if (result != TL_OK) {
        return result;
    }
    if (work->tick <= store->submitted_tick) {
        return TL_ERR_INVALID;
    }
    if (tl_work_queue_is_full(&store->records, work->size, TL_STORE_RECORDS_MAX) ||
        store->own_notes >= TL_STORE_UNPOLLED_MAX) {
        return TL_ERR_FULL;
    }
    store->submitted_tick = work->tick;
    tl_work_queue_push(&store->records, work);
    kick_locked(store);
    return TL_OK;
}

// The caller's time is that of its step's beginning; a commit begins when it is handed over.
static uint64_t begin_us(uint64_t caller_us)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
    return now_us > caller_us && now_us - caller_us < 1000000u ? now_us : caller_us;
}

static tl_result sqlite_submit(tl_store *base, int64_t tick, const void *data, size_t size, uint64_t now_us)
{
    tl_sqlite_store *store = self_of(base);
    if (size > TL_RECORD_BYTES_MAX || tick < 0) {
        return TL_ERR_INVALID;
    }
    tl_work *work = tl_work_create(TL_WORK_RECORD, data, size);
    if (!work) {
        return TL_ERR_MEMORY;
    }
    work->tick = tick;
    work->begun_us = begin_us(now_us);
    pthread_mutex_lock(&store->mutex);
    tl_result result = submit_locked(store, work);
    pthread_mutex_unlock(&store->mutex);
    if (result != TL_OK) {
        free(work);
    }
    return result;
}

static tl_result queue_locked(tl_sqlite_store *store, tl_work_queue *queue, tl_work *work, size_t count_max)
{
    tl_result result = check_writable_locked(store);
    if (result != TL_OK) {
        return result;
    }
    if (work->type == TL_WORK_CHECKPOINT && work->tick > store->submitted_tick) {
        return TL_ERR_INVALID;
    }
    if (work->type == TL_WORK_FENCE && work->server == store->number) {
        return TL_ERR_INVALID;
    }
    if (tl_work_queue_is_full(queue, work->size, count_max)) {
        return TL_ERR_FULL;
    }
    tl_work_queue_push(queue, work);
    kick_locked(store);
    return TL_OK;
}

static tl_result queue_work(tl_sqlite_store *store, tl_work_queue *queue, tl_work *work, size_t count_max)
{
    if (!work) {
        return TL_ERR_MEMORY;
    }
    pthread_mutex_lock(&store->mutex);
    tl_result result = queue_locked(store, queue, work, count_max);
    pthread_mutex_unlock(&store->mutex);
    if (result != TL_OK) {
        free(work);
    }
    return result;
}

static tl_result sqlite_checkpoint(tl_store *base, tl_group_id group, int64_t tick, const void *data, size_t size)
{
    tl_sqlite_store *store = self_of(base);
    if (group == 0 || tick < 0 || size > TL_RECORD_BYTES_MAX) {
        return TL_ERR_INVALID;
    }
    tl_work *work = tl_work_create(TL_WORK_CHECKPOINT, data, size);
    if (work) {
        work->group = group;
        work->tick = tick;
    }
    return queue_work(store, &store->chores, work, TL_STORE_CHORES_MAX);
}

static tl_result sqlite_cut(tl_store *base, int64_t tick)
{
    tl_sqlite_store *store = self_of(base);
    tl_work *work = tl_work_create(TL_WORK_CUT, NULL, 0);
    if (work) {
        work->tick = tick;
    }
    return queue_work(store, &store->chores, work, TL_STORE_CHORES_MAX);
}

static tl_result sqlite_fence(tl_store *base, tl_server_number server, uint32_t epoch, int64_t tick)
{
    tl_sqlite_store *store = self_of(base);
    if (server < 1 || server > TL_SERVERS_MAX || epoch < 1) {
        return TL_ERR_INVALID;
    }
    tl_work *work = tl_work_create(TL_WORK_FENCE, NULL, 0);
    if (work) {
        work->server = server;
        work->epoch = epoch;
        work->tick = tick;
    }
    return queue_work(store, &store->fences, work, TL_STORE_FENCES_MAX);
}

// ---- events out ----------------------------------------------------------------------------------------------------

static bool is_own_note(tl_store_event_type type)
{
    return type == TL_STORE_JOINED || type == TL_STORE_COMMITTED || type == TL_STORE_LOST ||
           type == TL_STORE_STALLED || type == TL_STORE_RECOVERED;
}

static tl_result sqlite_poll(tl_store *base, tl_store_event *out)
{
    tl_sqlite_store *store = self_of(base);
    free(store->told);
    pthread_mutex_lock(&store->mutex);
    store->told = tl_note_queue_pop(&store->notes);
    if (store->told && is_own_note(store->told->event.type)) {
        TL_ASSERT(store->own_notes > 0);
        store->own_notes--;
    }
    if (store->told && store->notes.count == 0) {
        uint64_t count = 0;
        ssize_t taken = read(store->event_fd, &count, sizeof(count));
        TL_ASSERT(taken == sizeof(count));
    }
    if (store->starved && store->notes.count < TL_NOTES_MAX / 2 && store->notes.bytes < TL_NOTES_BYTES_MAX / 2) {
        store->starved = false;
        kick_locked(store);
    }
    pthread_mutex_unlock(&store->mutex);
    if (!store->told) {
        return TL_AGAIN;
    }
    *out = store->told->event;
    return TL_OK;
}

static int sqlite_wait_fd(tl_store *base)
{
    return self_of(base)->event_fd;
}

static tl_result sqlite_drain(tl_store *base, int timeout_ms)
{
    tl_sqlite_store *store = self_of(base);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    int waited = 0;
    pthread_mutex_lock(&store->mutex);
    while (waited == 0 && !store->failed &&
           store->records.count + store->fences.count + store->chores.count > 0) {
        waited = pthread_cond_timedwait(&store->idle_cond, &store->mutex, &until);
    }
    bool empty = store->records.count + store->fences.count + store->chores.count == 0;
    pthread_mutex_unlock(&store->mutex);
    return empty ? TL_OK : TL_AGAIN;
}

// ---- open and close ------------------------------------------------------------------------------------------------

static void destroy_store(tl_sqlite_store *store)
{
    tl_sqlite_world_close(&store->world);
    tl_work_queue_clear(&store->records);
    tl_work_queue_clear(&store->fences);
    tl_work_queue_clear(&store->chores);
    tl_note_queue_clear(&store->notes);
    free(store->told);
    free(store->held);
    free(store->last_note);
    if (store->event_fd >= 0) {
        close(store->event_fd);
    }
    pthread_cond_destroy(&store->idle_cond);
    pthread_cond_destroy(&store->work_cond);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

static void sqlite_close(tl_store *base, bool leave)
{
    tl_sqlite_store *store = self_of(base);
    if (store->started) {
        pthread_mutex_lock(&store->mutex);
        store->stopping = true;
        store->leaving = leave;
        kick_locked(store);
        pthread_mutex_unlock(&store->mutex);
        pthread_join(store->thread, NULL);
        tl_sqlite_follow_close(&store->follow);
    }
    destroy_store(store);
}

static const tl_store_ops sqlite_ops = {
    .world = sqlite_world,
    .create_world = sqlite_create_world,
    .join = sqlite_join,
    .submit = sqlite_submit,
    .checkpoint = sqlite_checkpoint,
    .cut = sqlite_cut,
    .fence = sqlite_fence,
    .poll = sqlite_poll,
    .wait_fd = sqlite_wait_fd,
    .drain = sqlite_drain,
    .close = sqlite_close,
};

static tl_sqlite_store *create_store(const tl_sqlite_def *def)
{
    tl_sqlite_store *store = calloc(1, sizeof(*store));
    if (!store) {
        return NULL;
    }
    store->base.ops = &sqlite_ops;
    store->mode = def->read_only ? TL_SQLITE_READ_ONLY : def->create ? TL_SQLITE_CREATE : TL_SQLITE_WRITE;
    store->durable_full = def->durable_full;
    store->submitted_tick = store->committed_tick = -1;
    store->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    store->last_note = tl_note_create(TL_STORE_FAILED, 0);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&store->mutex, NULL);
    pthread_cond_init(&store->work_cond, &attributes);
    pthread_cond_init(&store->idle_cond, &attributes);
    pthread_condattr_destroy(&attributes);
    if (store->event_fd < 0 || !store->last_note) {
        destroy_store(store);
        return NULL;
    }
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
    if (!def->create || def->read_only) {
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, def->directory,
                            "no such directory; check the path, or create the store first");
    }
    if (mkdir(def->directory, 0777) == 0 || errno == EEXIST) {
        return TL_OK;
    }
    switch (errno) {
    case ENOENT:
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, def->directory, "the directory above it is missing; make that first");
    case EROFS:
    case EACCES:
    case EPERM:
        return tl_fault_set(fault, TL_ERR_READ_ONLY, def->directory,
                            "cannot be made; check the permissions and the mount of the directory above it");
    case ENOSPC:
    case EDQUOT:
        return tl_fault_set(fault, TL_ERR_NO_SPACE, def->directory, "cannot be made: no space is left; free some");
    default:
        return tl_fault_set(fault, TL_ERR_IO, def->directory, strerror(errno));
    }
}

// Two processes may create a store at the same time: the slower one finds it locked for a moment.
static tl_result open_world(tl_sqlite_store *store, tl_fault *fault)
{
    enum { TRIES_MAX = 200 };
    tl_result result = TL_ERR_BUSY;
    for (int i = 0; i < TRIES_MAX && result == TL_ERR_BUSY; i++) {
        if (i > 0) {
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        }
        result = tl_sqlite_world_open(&store->world, store->directory, store->mode, store->durable_full, fault);
    }
    if (result == TL_AGAIN) {
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, store->directory,
                            "holds no store; check the path, or create the store first");
    }
    return result;
}

static tl_result open_store(const tl_sqlite_def *def, tl_store **out, tl_fault *fault)
{
    if (!def->directory || !def->directory[0] || strlen(def->directory) + TL_NAME_BYTES_MAX + 16 > TL_PATH_BYTES_MAX) {
        return tl_fault_set(fault, TL_ERR_INVALID, def->directory ? def->directory : "",
                            "the store's directory is not named, or its path is too long");
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
    if (result != TL_OK) {
        destroy_store(store);
        return result;
    }
    *out = &store->base;
    return TL_OK;
}

static tl_result tell_fault(tl_result result, const tl_fault *fault, char *text, size_t text_bytes)
{
    if (text && text_bytes > 0) {
        snprintf(text, text_bytes, "%s", result == TL_OK ? "" : fault->text);
    }
    return result;
}

tl_result tl_sqlite_store_open(const tl_sqlite_def *def, tl_store **out, char *text, size_t text_bytes)
{
    tl_fault fault = {0};
    *out = NULL;
    return tell_fault(open_store(def, out, &fault), &fault, text, text_bytes);
}

// The length of "scheme:" at the start of a URI; 0 if it is a plain path.
static size_t scheme_bytes(const char *uri)
{
    size_t i = 0;
    while (isalnum((unsigned char)uri[i]) || (i > 0 && strchr("+-.", uri[i]) && uri[i])) {
        i++;
    }
    return i > 0 && uri[i] == ':' ? i + 1 : 0;
}

tl_result tl_store_open(const char *uri, bool create, bool read_only, tl_store **out, char *text, size_t text_bytes)
{
    tl_fault fault = {0};
    *out = NULL;
    size_t scheme = scheme_bytes(uri);
    if (scheme > 0 && strncmp(uri, "sqlite:", scheme) != 0) {
        tl_fault_set(&fault, TL_ERR_INVALID, uri,
                     "no such kind of store; supported are sqlite:DIR and a directory's plain path (./a:b if it has a colon)");
        return tell_fault(TL_ERR_INVALID, &fault, text, text_bytes);
    }
    const char *directory = uri + scheme;
    if (scheme > 0 && strncmp(directory, "//", 2) == 0) {
        directory += 2;
        if (directory[0] != '/') {
            tl_fault_set(&fault, TL_ERR_INVALID, uri,
                         "names a host, and SQLite is on this machine only; write sqlite:///DIR or sqlite:DIR");
            return tell_fault(TL_ERR_INVALID, &fault, text, text_bytes);
        }
    }
    tl_sqlite_def def = {.directory = directory, .create = create, .read_only = read_only};
    return tell_fault(open_store(&def, out, &fault), &fault, text, text_bytes);
}
