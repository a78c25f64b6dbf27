#include "store/mvsqlite/store.h"
#include "base/memory.h"

#include <string.h>
#include <time.h>

static tl_mvsqlite_store *self_of(tl_store *base)
{
    return (tl_mvsqlite_store *)base;
}

// ---- the threads ---------------------------------------------------------------------------------------------------

void tl_mvsqlite_release(tl_mvsqlite_store *store, int thread)
{
    TL_ASSERT(thread < TL_ATTACHMENT_THREADS_MAX);
    pthread_mutex_lock(&store->attachment.mutex);
    if (thread >= 0) {
        store->ended[thread] = true;
        pthread_cond_broadcast(&store->attachment.idle_cond);
    }
    bool last = --store->users == 0;
    pthread_mutex_unlock(&store->attachment.mutex);
    if (last) {
        tl_attachment_free(&store->attachment);
        tl_free(store->restored);
        tl_free(store->aside);
        tl_free(store->polled_aside);
        tl_free(store);
    }
}

static bool spawn(tl_mvsqlite_store *store, int thread, void *(*run)(void *))
{
    store->users++; // nobody else counts yet, or the mutex is held
    store->spawned[thread] = tl_attachment_spawn(&store->threads[thread], run, store);
    store->users -= !store->spawned[thread];
    return store->spawned[thread];
}

// A thread that does not come back from mvsqlite's library is left behind; it frees what it uses if ever it does.
static void await_end(tl_mvsqlite_store *store, int thread, const struct timespec *until)
{
    tl_attachment *attachment = &store->attachment;
    int waited = 0;
    if (!store->spawned[thread]) {
        return;
    }
    pthread_mutex_lock(&attachment->mutex);
    while (!store->ended[thread] && waited == 0) {
        waited = pthread_cond_timedwait(&attachment->idle_cond, &attachment->mutex, until);
    }
    bool ended = store->ended[thread];
    pthread_mutex_unlock(&attachment->mutex);
    if (ended) {
        pthread_join(store->threads[thread], NULL);
    } else {
        pthread_detach(store->threads[thread]);
    }
}

// ---- asking the writing thread ----------------------------------------------------------------------------------

static tl_result ask(tl_mvsqlite_store *store, tl_mvsqlite_request request, tl_world_info *info, tl_fault *fault)
{
    TL_ASSERT(request != TL_REQUEST_NONE);
    tl_attachment *attachment = &store->attachment;
    struct timespec until = tl_clock_timespec(tl_clock_steady_us() + TL_REQUEST_US_MAX);
    int waited = 0;
    pthread_mutex_lock(&attachment->mutex);
    if (store->request == TL_REQUEST_NONE) {
        store->request = request;
        store->info = info ? *info : (tl_world_info){0};
        tl_attachment_wake_locked(&store->attachment);
        while (store->request != TL_REQUEST_NONE && waited == 0) {
            waited = pthread_cond_timedwait(&attachment->idle_cond, &attachment->mutex, &until);
        }
    }
    bool answered = store->request == TL_REQUEST_NONE;
    tl_result result = store->answer;
    *fault = store->fault;
    if (answered && info) {
        *info = store->info;
    }
    pthread_mutex_unlock(&attachment->mutex);
    return answered
               ? result
               : tl_fault_set(fault, TL_ERR_UNAVAILABLE, store->place.uri,
                              "mvstore takes connections but gives no answer; look whether the FoundationDB below it "
                              "runs (fdbcli --exec status)");
}

static tl_result mvsqlite_world(tl_store *base, tl_world_info *out)
{
    tl_mvsqlite_store *store = self_of(base);
    tl_fault fault;
    if (store->attachment.started) {
        *out = store->attachment.info;
        return TL_OK;
    }
    return ask(store, TL_REQUEST_WORLD, out, &fault);
}

static tl_result mvsqlite_create_world(tl_store *base, const tl_world_info *info)
{
    tl_mvsqlite_store *store = self_of(base);
    tl_fault fault;
    tl_world_info copy = *info;
    tl_result result = tl_attachment_check_create(&store->attachment, info);
    return result == TL_OK ? ask(store, TL_REQUEST_CREATE, &copy, &fault) : result;
}

// The thread gets a copy of the event, for it may be left behind with it.
static tl_result restore(tl_mvsqlite_store *store, const tl_world_info *info, const tl_store_event *event,
                         tl_fault *fault)
{
    tl_world_info copy = *info;
    tl_result result = tl_attachment_check_restore(&store->attachment, fault);
    if (result != TL_OK) {
        return result;
    }
    bool sound = event->data && event->size <= TL_RECORD_BYTES_MAX; // if not, it is refused unread
    tl_note *note = tl_note_create(event->type, sound ? event->size : 0);
    if (!note) {
        return tl_fault_set(fault, TL_ERR_MEMORY, store->place.uri, "out of memory");
    }
    note->event = *event;
    if (sound) {
        memcpy(note->data, event->data, event->size);
        note->event.data = note->data;
    }
    store->restores = true;
    pthread_mutex_lock(&store->attachment.mutex);
    store->restored = note;
    pthread_mutex_unlock(&store->attachment.mutex);
    return ask(store, TL_REQUEST_RESTORE, &copy, fault);
}

static tl_result mvsqlite_restore(tl_store *base, const tl_world_info *info, const tl_store_event *event, char *text,
                                  size_t text_bytes)
{
    tl_fault fault = {0};
    return tl_fault_report(restore(self_of(base), info, event, &fault), &fault, text, text_bytes);
}

static tl_result next_aside(tl_mvsqlite_store *store, tl_store_event *event, tl_fault *fault)
{
    tl_attachment *attachment = &store->attachment;
    tl_result result = tl_attachment_check_aside(attachment, fault);
    if (result != TL_OK) {
        return result;
    }
    pthread_mutex_lock(&attachment->mutex);
    store->aside_after = *event;
    pthread_mutex_unlock(&attachment->mutex);
    result = ask(store, TL_REQUEST_ASIDE, NULL, fault);
    if (result != TL_OK) {
        return result;
    }
    tl_free(store->polled_aside);
    pthread_mutex_lock(&attachment->mutex);
    store->polled_aside = store->aside;
    store->aside = NULL;
    pthread_mutex_unlock(&attachment->mutex);
    *event = store->polled_aside->event;
    return TL_OK;
}

static tl_result mvsqlite_next_aside(tl_store *base, tl_store_event *event, char *text, size_t text_bytes)
{
    tl_fault fault = {0};
    return tl_fault_report(next_aside(self_of(base), event, &fault), &fault, text, text_bytes);
}

static tl_result mvsqlite_join(tl_store *base, const char *name)
{
    tl_mvsqlite_store *store = self_of(base);
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_world_info info = {0};
    tl_result result = store->restores ? TL_ERR_STATE : tl_attachment_begin(attachment, name);
    if (result == TL_OK) {
        result = ask(store, TL_REQUEST_WORLD, &info, &fault);
    }
    if (result != TL_OK) {
        return result;
    }
    tl_mvsqlite_logs_init(&store->logs, &store->place, &info);
    tl_follower_init(&store->follower, attachment, &store->logs.follow, &tl_mvsqlite_follower_ops, store,
                     TL_THREAD_FOLLOWS);
    pthread_mutex_lock(&attachment->mutex);
    attachment->info = info;
    attachment->started = spawn(store, TL_THREAD_FOLLOWS, tl_mvsqlite_follows);
    tl_attachment_wake_locked(&store->attachment);
    pthread_mutex_unlock(&attachment->mutex);
    return attachment->started ? TL_OK : TL_ERR_MEMORY;
}

// ---- open and close ------------------------------------------------------------------------------------------------

static void mvsqlite_close(tl_store *base, bool leave)
{
    tl_mvsqlite_store *store = self_of(base);
    struct timespec until = tl_clock_timespec(tl_clock_steady_us() + TL_CLOSE_US_MAX);
    tl_attachment_stop(&store->attachment, leave);
    await_end(store, TL_THREAD_WRITES, &until);
    await_end(store, TL_THREAD_FOLLOWS, &until);
    tl_mvsqlite_release(store, -1);
}

static const tl_store_ops mvsqlite_ops = {
    .get_world = mvsqlite_world,
    .create_world = mvsqlite_create_world,
    .restore = mvsqlite_restore,
    .join = mvsqlite_join,
    .submit = tl_attachment_submit,
    .checkpoint = tl_attachment_checkpoint,
    .truncate = tl_attachment_truncate,
    .fence = tl_attachment_fence,
    .quarantine = tl_attachment_quarantine,
    .next_set_aside = mvsqlite_next_aside,
    .poll = tl_attachment_poll,
    .wait_fd = tl_attachment_wait_fd,
    .drain = tl_attachment_drain,
    .close = mvsqlite_close,
};

static tl_mvsqlite_store *create_store(const tl_mvsqlite_place *place, const tl_mvsqlite_def *def)
{
    tl_mvsqlite_store *store = tl_alloc(sizeof(*store));
    if (!store || !tl_attachment_init(&store->attachment, &mvsqlite_ops)) {
        tl_free(store);
        return NULL;
    }
    store->place = *place;
    store->attachment.place = store->place.uri;
    store->attachment.silent_text =
        "mvstore has not answered for 1.5 s; commits wait, and go on by themselves once it and "
        "the FoundationDB below it run";
    store->attachment.read_only = def->read_only;
    store->mode = def->read_only ? TL_SQLITE_READ_ONLY : def->create ? TL_SQLITE_CREATE : TL_SQLITE_WRITE;
    store->users = 1;
    store->namespaces.place = &store->place;
    tl_writer_init(&store->writer, &store->attachment, &tl_mvsqlite_writer_ops, store);
    if (!spawn(store, TL_THREAD_WRITES, tl_mvsqlite_writes)) {
        tl_mvsqlite_release(store, -1);
        return NULL;
    }
    return store;
}

tl_mvsqlite_def tl_mvsqlite_def_default(void)
{
    return (tl_mvsqlite_def){.cookie = TL_DEF_COOKIE};
}

static tl_result open_store(const tl_mvsqlite_def *def, tl_store **out, tl_fault *fault)
{
    tl_mvsqlite_place place;
    if (def->cookie != TL_DEF_COOKIE) {
        return tl_fault_set(fault, TL_ERR_INVALID, "", "the definition was not made by tl_mvsqlite_def_default()");
    }
    if (def->create && def->read_only) {
        return tl_fault_set(fault, TL_ERR_INVALID, def->address ? def->address : "", TL_CREATE_READ_ONLY_TEXT);
    }
    tl_result result = tl_mvsqlite_place_parse(&place, def->address, fault);
    if (result == TL_OK) {
        result = tl_mvsqlite_place_check(&place, fault);
    }
    if (result != TL_OK) {
        return result;
    }
    tl_mvsqlite_store *store = create_store(&place, def);
    if (!store) {
        return tl_fault_set(fault, TL_ERR_MEMORY, place.uri, "out of memory, or of open files (ulimit -n)");
    }
    do { // two processes may create a store at the same time: the slower one loses, and looks again
        result = ask(store, TL_REQUEST_OPEN, NULL, fault);
    } while (result == TL_ERR_BUSY);
    if (result == TL_OK) {
        *out = &store->attachment.base;
        return TL_OK;
    }
    mvsqlite_close(&store->attachment.base, false);
    return result == TL_AGAIN ? tl_fault_set(fault, TL_ERR_NOT_FOUND, place.uri,
                                             "holds no store; check the name, or create the store first")
                              : result;
}

tl_result tl_mvsqlite_store_open(const tl_mvsqlite_def *def, tl_store **out, char *text, size_t text_bytes)
{
    tl_fault fault = {0};
    *out = NULL;
    return tl_fault_report(open_store(def, out, &fault), &fault, text, text_bytes);
}
