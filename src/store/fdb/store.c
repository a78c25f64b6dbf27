#include "store/fdb/store.h"
#include "base/memory.h"

#include "store/fdb/aside.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static tl_fdb_store *self_of(tl_store *base)
{
    return (tl_fdb_store *)base;
}

// Draws one if there is none yet; 0 is nobody's.
static bool make_nonce(uint64_t *nonce)
{
    return *nonce != 0 || (getrandom(nonce, sizeof(*nonce), 0) == sizeof(*nonce) && (*nonce |= 1) != 0);
}

// ---- the world -----------------------------------------------------------------------------------------------------

typedef struct world_question {
    tl_world_info info;
    bool exists, create;
    bool tried;     // to make it, in an earlier run
    uint64_t claim; // of a copy that goes on, or was broken off
} world_question;

static int world_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    world_question *q = context;
    uint8_t bytes[TL_FDB_ROW_BYTES_MAX];
    int size = 0;
    tl_world_info found;
    tl_fdb_key key = TL_FDB_KEY(worker->prefix, TL_FDB_WORLD);
    int code = tl_fdb_get(worker, transaction, &key, false, bytes, &size);
    if (code != 0) {
        return code;
    }
    q->exists = size >= 0;
    if (!q->exists) {
        code = tl_fdb_restore_is_claimed(worker, transaction, &q->claim, fault);
    }
    if (code != 0 || (!q->exists && q->claim != 0)) {
        return code != 0 ? code : TL_FDB_DONE;
    }
    if (q->exists && q->tried && tl_fdb_get_world(bytes, size, &found) &&
        memcmp(&found, &q->info, sizeof(found)) == 0) {
        q->exists = false; // it is what that run has made
        return TL_FDB_DONE;
    }
    if (!q->exists && q->create) {
        q->tried = true;
        tl_fdb_row row = tl_fdb_put_world(&q->info);
        tl_fdb_set(worker, transaction, &key, &row);
        return 0;
    }
    if (q->exists && tl_fdb_is_former_world(bytes, size)) {
        tl_fault_format(fault, worker->place, TL_STORE_FORMAT_FORMER);
        return TL_FDB_FAULT;
    }
    if (q->exists && !tl_fdb_get_world(bytes, size, &found)) {
        return tl_fdb_damaged(worker, "what the world is", fault);
    }
    if (q->exists && found.format != TL_STORE_FORMAT) {
        tl_fault_format(fault, worker->place, found.format);
        return TL_FDB_FAULT;
    }
    if (q->exists && !q->create) {
        q->info = found;
    }
    return TL_FDB_DONE;
}

// TL_ERR_NOT_FOUND if there is none. *broken: and a copy into it goes on, or was broken off.
static tl_result read_world(tl_fdb_store *store, tl_world_info *out, bool *broken, tl_fault *fault)
{
    world_question q = {.exists = false};
    tl_result result = tl_fdb_run(&store->worker, TL_ACTIVITY_JOIN, world_body, &q, NULL, fault);
    *out = q.info;
    *broken = result == TL_OK && !q.exists && q.claim != 0;
    if (result != TL_OK || q.exists) {
        return result;
    }
    char place[600];
    snprintf(place, sizeof(place), "%s?prefix=%s", store->cluster_file, store->prefix);
    return tl_fault_set(
        fault, TL_ERR_NOT_FOUND, place,
        *broken ? "holds no world: a copy into it goes on, or was broken off; then copy to another prefix, or "
                  "clear this one's keys"
                : "holds no world; check the prefix, or create the world first");
}

static tl_result fdb_world(tl_store *base, tl_world_info *out)
{
    tl_fdb_store *store = self_of(base);
    if (store->attachment.started) {
        *out = store->attachment.info;
        return TL_OK;
    }
    tl_fault fault;
    bool broken = false;
    return read_world(store, out, &broken, &fault);
}

static tl_result fdb_create_world(tl_store *base, const tl_world_info *info)
{
    tl_fdb_store *store = self_of(base);
    tl_result result = tl_attachment_check_create(&store->attachment, info);
    if (result != TL_OK) {
        return result;
    }
    tl_fault fault;
    world_question q = {.info = *info, .create = true};
    result = tl_fdb_run(&store->worker, TL_ACTIVITY_JOIN, world_body, &q, NULL, &fault);
    return result == TL_OK && (q.exists || q.claim != 0) ? TL_ERR_EXISTS : result;
}

static tl_result restore(tl_fdb_store *store, const tl_world_info *info, const tl_store_event *event, tl_fault *fault)
{
    tl_result result = tl_attachment_check_restore(&store->attachment, fault);
    if (result != TL_OK) {
        return result;
    }
    if (!store->restore) {
        store->restore = tl_alloc(sizeof(*store->restore));
    }
    if (!store->restore || !make_nonce(&store->restore->nonce)) {
        return tl_fault_set(fault, TL_ERR_MEMORY, store->cluster_file, "out of memory, or of random numbers");
    }
    return tl_fdb_restore_take(store->restore, &store->worker, info, event, fault);
}

static tl_result fdb_restore(tl_store *base, const tl_world_info *info, const tl_store_event *event, char *text,
                             size_t text_bytes)
{
    tl_fault fault = {0};
    return tl_fault_report(restore(self_of(base), info, event, &fault), &fault, text, text_bytes);
}

static tl_result fdb_next_aside(tl_store *base, tl_store_event *event, char *text, size_t text_bytes)
{
    tl_fdb_store *store = self_of(base);
    tl_fault fault = {0};
    tl_result result = tl_attachment_check_aside(&store->attachment, &fault);
    if (result == TL_OK) {
        result = tl_fdb_next_aside(&store->worker, event, &store->polled_aside, &fault);
    }
    return tl_fault_report(result, &fault, text, text_bytes);
}

// ---- life ----------------------------------------------------------------------------------------------------------

static void *write_thread(void *argument)
{
    tl_fdb_store *store = argument;
    tl_writer_run(&store->writer);
    return NULL;
}

static void *read_thread(void *argument)
{
    tl_fdb_store *store = argument;
    tl_follower_run(&store->follower);
    return NULL;
}

static tl_result start_threads(tl_fdb_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_writer_init(&store->writer, attachment, &tl_fdb_writer_ops, store);
    tl_follower_init(&store->follower, attachment, &store->reader.follow, &tl_fdb_follower_ops, store,
                     TL_THREAD_FOLLOWS);
    attachment->started = true;
    if (!tl_attachment_spawn(&store->read_thread, read_thread, store)) {
        attachment->started = false;
        return TL_ERR_MEMORY;
    }
    store->writes = attachment->name[0] && tl_attachment_spawn(&store->write_thread, write_thread, store);
    if (attachment->name[0] && !store->writes) {
        tl_attachment_stop(attachment, false);
        pthread_join(store->read_thread, NULL);
        attachment->started = false;
        return TL_ERR_MEMORY;
    }
    return TL_OK;
}

static tl_result fdb_join(tl_store *base, const char *name)
{
    tl_fdb_store *store = self_of(base);
    tl_result result = store->restore ? TL_ERR_STATE : tl_attachment_begin(&store->attachment, name);
    if (result != TL_OK) {
        return result;
    }
    tl_fault fault;
    bool broken = false;
    result = read_world(store, &store->attachment.info, &broken, &fault);
    if (result != TL_OK) {
        return result;
    }
    if (!make_nonce(&store->nonce)) {
        return TL_ERR_IO;
    }
    store->worker.patience_us = 0;
    return start_threads(store);
}

static void destroy_store(tl_fdb_store *store)
{
    tl_fdb_restore_free(store->restore);
    tl_free(store->polled_aside);
    tl_follower_free(&store->follower);
    tl_fdb_reader_free(&store->reader);
    tl_fdb_worker_free(&store->reader.worker);
    tl_fdb_worker_free(&store->worker);
    if (store->database) {
        store->fdb->database_destroy(store->database);
    }
    tl_fdb_library_release();
    tl_attachment_free(&store->attachment);
    tl_free(store);
}

static void fdb_close(tl_store *base, bool leave)
{
    tl_fdb_store *store = self_of(base);
    if (store->attachment.started) {
        tl_attachment_stop(&store->attachment, leave);
        if (store->writes) {
            pthread_join(store->write_thread, NULL);
        }
        pthread_join(store->read_thread, NULL);
    }
    destroy_store(store);
}

static const tl_store_ops fdb_ops = {
    .get_world = fdb_world,
    .create_world = fdb_create_world,
    .restore = fdb_restore,
    .join = fdb_join,
    .submit = tl_attachment_submit,
    .checkpoint = tl_attachment_checkpoint,
    .truncate = tl_attachment_truncate,
    .fence = tl_attachment_fence,
    .quarantine = tl_attachment_quarantine,
    .next_set_aside = fdb_next_aside,
    .poll = tl_attachment_poll,
    .wait_fd = tl_attachment_wait_fd,
    .drain = tl_attachment_drain,
    .close = fdb_close,
};

// ---- opening -------------------------------------------------------------------------------------------------------

// FoundationDB waits for ever for coordinators that a wrong file names; a missing file is reported at once.
static tl_result check_def(const tl_fdb_def *def, tl_fault *fault)
{
    if (def->cookie != TL_DEF_COOKIE) {
        return tl_fault_set(fault, TL_ERR_INVALID, "", "the definition was not made by tl_fdb_def_default()");
    }
    if (def->create && def->read_only) {
        return tl_fault_set(fault, TL_ERR_INVALID, def->cluster_file ? def->cluster_file : "",
                            TL_CREATE_READ_ONLY_TEXT);
    }
    const char *file = def->cluster_file ? def->cluster_file : "";
    if (strlen(file) >= sizeof(((tl_fdb_store *)0)->cluster_file) || !file[0]) {
        return tl_fault_set(fault, TL_ERR_INVALID, file, "the cluster file is not named, or its path is too long");
    }
    if (!tl_name_valid(def->prefix)) {
        return tl_fault_set(fault, TL_ERR_INVALID, def->prefix ? def->prefix : "",
                            "no prefix for a world's keys: 1 to 31 letters, digits, '-', '_' or '.'");
    }
    struct stat status;
    if (stat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, file,
                            "no such cluster file; copy the one of the database's servers (fdb.cluster) there");
    }
    if (access(file, R_OK) != 0) {
        return tl_fault_set(fault, TL_ERR_READ_ONLY, file, "cannot be read; check its owner and permissions");
    }
    return TL_OK;
}

static tl_result open_database(tl_fdb_store *store, tl_fault *fault)
{
    int64_t retry_ms = 100;
    int code = store->fdb->create_database(store->cluster_file, &store->database);
    if (code == 0) {
        code = store->fdb->database_set_option(store->database, TL_FDB_DATABASE_OPTION_MAX_RETRY_DELAY,
                                               (const uint8_t *)&retry_ms, sizeof(retry_ms));
    }
    if (code != 0) {
        return tl_fdb_fault(&store->worker, code, fault);
    }
    store->worker.database = store->reader.worker.database = store->database;
    return TL_OK;
}

tl_fdb_def tl_fdb_def_default(void)
{
    return (tl_fdb_def){.cookie = TL_DEF_COOKIE};
}

static tl_result open_store(const tl_fdb_def *def, tl_store **out, tl_fault *fault)
{
    const tl_fdb_library *fdb = NULL;
    tl_result result = check_def(def, fault);
    if (result == TL_OK) {
        result = tl_fdb_library_load(&fdb, fault);
    }
    if (result != TL_OK) {
        return result;
    }
    tl_fdb_store *store = tl_alloc(sizeof(*store));
    if (!store || !tl_attachment_init(&store->attachment, &fdb_ops)) {
        tl_free(store);
        return tl_fault_set(fault, TL_ERR_MEMORY, def->cluster_file, "out of memory, or of open files (ulimit -n)");
    }
    store->fdb = fdb;
    store->attachment.read_only = def->read_only;
    store->attachment.place = store->cluster_file;
    snprintf(store->cluster_file, sizeof(store->cluster_file), "%s", def->cluster_file);
    snprintf(store->prefix, sizeof(store->prefix), "%s", def->prefix);
    tl_fdb_reader_init(&store->reader);
    tl_fdb_worker_init(&store->worker, fdb, NULL, store->cluster_file, store->prefix, &store->attachment);
    tl_fdb_worker_init(&store->reader.worker, fdb, NULL, store->cluster_file, store->prefix, &store->attachment);
    store->worker.patience_us = TL_FDB_OPEN_US;
    result = open_database(store, fault);
    tl_world_info info;
    bool broken = false;
    if (result == TL_OK) {
        result = read_world(store, &info, &broken, fault);
        result = result == TL_ERR_NOT_FOUND && def->create && !broken ? TL_OK : result;
    }
    if (result != TL_OK) {
        destroy_store(store);
        return result;
    }
    *out = &store->attachment.base;
    return TL_OK;
}

tl_result tl_fdb_store_open(const tl_fdb_def *def, tl_store **out, char *text, size_t text_bytes)
{
    tl_fault fault = {0};
    *out = NULL;
    return tl_fault_report(open_store(def, out, &fault), &fault, text, text_bytes);
}
