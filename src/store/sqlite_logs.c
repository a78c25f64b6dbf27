#include "sqlite_logs.h"

#include <string.h>

// ---- as a source ---------------------------------------------------------------------------------------------------

static tl_sqlite_log *log_of(void *backend, tl_server_number server)
{
    tl_sqlite_peer *peer = tl_sqlite_logs_peer(backend, server);
    TL_ASSERT(peer);
    return &peer->log;
}

static tl_result read_epoch(void *backend, tl_server_number server, uint32_t epoch, tl_log_epoch *out, tl_fault *fault)
{
    return tl_sqlite_log_epoch(log_of(backend, server), epoch, out, fault);
}

static tl_result read_record(void *backend, tl_server_number server, int64_t tick, tl_note **out, int64_t *previous_tick,
                             tl_fault *fault)
{
    return tl_sqlite_log_next(log_of(backend, server), tick, out, previous_tick, fault);
}

static tl_result read_start(void *backend, tl_server_number server, int64_t *previous_tick, tl_fault *fault)
{
    return tl_sqlite_log_start(log_of(backend, server), previous_tick, fault);
}

static tl_result read_checkpoint(void *backend, bool first, tl_group_id group, tl_note **out, tl_fault *fault)
{
    tl_sqlite_logs *logs = backend;
    return tl_sqlite_world_next_checkpoint(logs->world, first ? (tl_group_id)INT64_MIN : group, out, fault);
}

static const tl_follow_source source = {
    .epoch = read_epoch,
    .next_record = read_record,
    .start = read_start,
    .next_checkpoint = read_checkpoint,
};

// ---- opening -------------------------------------------------------------------------------------------------------

void tl_sqlite_logs_init(tl_sqlite_logs *logs, tl_sqlite_world *world, const char *directory, uint64_t world_us,
                         tl_sqlite_mode mode, bool durable_full)
{
    memset(logs, 0, sizeof(*logs));
    logs->world = world;
    logs->directory = directory;
    logs->world_us = world_us;
    logs->mode = mode;
    logs->durable_full = durable_full;
    tl_follow_init(&logs->follow, &source, logs);
}

void tl_sqlite_logs_close(tl_sqlite_logs *logs)
{
    tl_follow_free(&logs->follow);
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        tl_sqlite_peer *peer = logs->peers[number];
        if (peer && peer->open) {
            tl_sqlite_log_close(&peer->log);
        }
        free(peer);
        logs->peers[number] = NULL;
    }
}

tl_sqlite_peer *tl_sqlite_logs_peer(tl_sqlite_logs *logs, tl_server_number number)
{
    tl_sqlite_peer *peer = number <= TL_SERVERS_MAX ? logs->peers[number] : NULL;
    return peer && peer->open ? peer : NULL;
}

// The next open peer with a number above *number, or NULL.
static tl_sqlite_peer *next_peer(tl_sqlite_logs *logs, tl_server_number *number)
{
    while (*number < TL_SERVERS_MAX) {
        tl_sqlite_peer *peer = tl_sqlite_logs_peer(logs, ++*number);
        if (peer) {
            return peer;
        }
    }
    return NULL;
}

tl_result tl_sqlite_logs_open(tl_sqlite_logs *logs, tl_server_number number, const char *name, tl_sqlite_mode mode,
                              tl_fault *fault)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX);
    tl_sqlite_peer *peer = logs->peers[number];
    if (peer && peer->open) {
        return TL_OK;
    }
    if (!peer) {
        peer = calloc(1, sizeof(*peer));
        if (!peer) {
            return tl_fault_set(fault, TL_ERR_MEMORY, logs->directory, "out of memory");
        }
        logs->peers[number] = peer;
    }
    tl_result result = tl_sqlite_log_open(&peer->log, logs->directory, name, number, logs->world_us, mode,
                                          logs->durable_full, mode == TL_SQLITE_CREATE, fault);
    if (result != TL_OK) {
        return result;
    }
    peer->open = true;
    peer->dirty = true;
    tl_follow_add(&logs->follow, number, name, peer->log.file.path);
    return TL_OK;
}

tl_result tl_sqlite_logs_discover(tl_sqlite_logs *logs, tl_fault *fault)
{
    int64_t version = 0;
    tl_result result = tl_sqlite_file_version(&logs->world->file, &version, fault);
    if (result != TL_OK || (version == logs->world_version && !logs->unopened)) {
        return result;
    }
    logs->unopened = false;
    tl_server_number number = 0;
    char name[TL_NAME_BYTES_MAX + 1];
    for (;;) {
        result = tl_sqlite_world_next_server(logs->world, &number, name, fault);
        if (result == TL_OK) {
            result = tl_sqlite_logs_open(logs, number, name, logs->mode, fault);
            logs->unopened |= result == TL_AGAIN;
            result = result == TL_AGAIN ? TL_OK : result;
        }
        if (result == TL_AGAIN) {
            logs->world_version = version;
            return TL_OK;
        }
        if (result != TL_OK) {
            logs->unopened = true; // one was locked by the server that just makes it, say
            return result;
        }
    }
}

tl_result tl_sqlite_logs_start(tl_sqlite_logs *logs, tl_server_number own, const tl_log_head *head, tl_fault *fault)
{
    logs->unopened = true;
    tl_result result = tl_sqlite_logs_discover(logs, fault);
    if (result == TL_OK) {
        result = tl_follow_begin(&logs->follow, own, head, fault);
    }
    tl_server_number number = 0;
    for (tl_sqlite_peer *peer = next_peer(logs, &number); peer; peer = next_peer(logs, &number)) {
        peer->dirty = true;
    }
    bool own_changed = false;
    return result == TL_OK ? tl_sqlite_logs_collect(logs, &own_changed, fault) : result;
}

// ---- the cut -------------------------------------------------------------------------------------------------------

static tl_result collect_one(tl_sqlite_logs *logs, tl_sqlite_peer *peer, bool *own_changed, tl_fault *fault)
{
    if (peer->log.number == logs->follow.own) {
        *own_changed = true;
        peer->dirty = false;
        return TL_OK;
    }
    tl_log_head head;
    tl_result result = tl_sqlite_log_head(&peer->log, &head, fault);
    if (result == TL_OK) {
        peer->dirty = !tl_follow_aim(&logs->follow, peer->log.number, &head);
    }
    return result;
}

static tl_result collect_pass(tl_sqlite_logs *logs, bool *changed, bool *own_changed, tl_fault *fault)
{
    tl_server_number number = 0;
    for (tl_sqlite_peer *peer = next_peer(logs, &number); peer; peer = next_peer(logs, &number)) {
        int64_t version = 0;
        tl_result result = tl_sqlite_file_version(&peer->log.file, &version, fault);
        if (result == TL_OK && (version != peer->seen_version || peer->dirty)) {
            result = collect_one(logs, peer, own_changed, fault);
            *changed = true;
        }
        if (result != TL_OK) {
            return result;
        }
        peer->seen_version = version;
    }
    return TL_OK;
}

tl_result tl_sqlite_logs_collect(tl_sqlite_logs *logs, bool *own_changed, tl_fault *fault)
{
    // Four passes: under a steady load the last one or two may still see a change; the order is then by time alone.
    for (int pass = 0; pass < 4; pass++) {
        bool changed = false;
        tl_result result = collect_pass(logs, &changed, own_changed, fault);
        if (result != TL_OK || !changed) {
            return result;
        }
    }
    return TL_OK;
}
