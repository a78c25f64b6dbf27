#include "store/sqlite/logs.h"
#include "base/memory.h"

#include "store/sqlite/unlisted.h"

#include <stdarg.h>
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

static tl_result read_record(void *backend, tl_server_number server, int64_t tick, tl_note **out,
                             int64_t *previous_tick, tl_fault *fault)
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
    tl_result result = first ? tl_sqlite_world_list(logs->world, fault) : TL_OK;
    return result == TL_OK ? tl_sqlite_world_next_listed(logs->world, first, group, out, fault) : result;
}

static const tl_follow_source source = {
    .epoch = read_epoch,
    .next_record = read_record,
    .start = read_start,
    .next_checkpoint = read_checkpoint,
};

// ---- opening -------------------------------------------------------------------------------------------------------

void tl_sqlite_logs_init(tl_sqlite_logs *logs, tl_sqlite_world *world, const char *directory, uint64_t world_us,
                         const char *own_name, tl_sqlite_mode mode, bool durable_full)
{
    memset(logs, 0, sizeof(*logs));
    logs->world = world;
    logs->directory = directory;
    logs->world_us = world_us;
    logs->own_name = own_name;
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
        tl_free(peer);
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
        peer = tl_alloc(sizeof(*peer));
        if (!peer) {
            return tl_fault_set(fault, TL_ERR_MEMORY, logs->directory, "out of memory");
        }
        logs->peers[number] = peer;
    }
    // An inspection looks at every page, and each server at those that it goes on to write.
    bool whole = mode != TL_SQLITE_WRITE || strcmp(name, logs->own_name) == 0;
    tl_result result = tl_sqlite_log_open(&peer->log, logs->directory, name, number, logs->world_us, mode,
                                          logs->durable_full, whole, fault);
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
            tl_manifest manifest; // its serial is to be known
            logs->world_version = version;
            return tl_sqlite_world_manifest(logs->world, &manifest, fault);
        }
        if (result != TL_OK) {
            logs->unopened = true; // one was locked by the server that just makes it, say
            return result;
        }
    }
}

// ---- what the files have seen of each other ------------------------------------------------------------------------

enum { WITNESS_WORLD = TL_SERVERS_MAX + 1 };

typedef struct evidence {
    tl_heads heads;
    int witness[TL_SERVERS_MAX + 1]; // whose log shows it, or WITNESS_WORLD; 0: of world.db's serial
} evidence;

static void take_evidence(evidence *e, const tl_heads *seen, int witness)
{
    if (seen->world_serial > e->heads.world_serial) {
        e->heads.world_serial = seen->world_serial;
        e->witness[0] = witness;
    }
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        if (seen->logs[number].epoch > 0 && tl_log_head_is_behind(&e->heads.logs[number], &seen->logs[number])) {
            e->heads.logs[number] = seen->logs[number];
            e->witness[number] = witness;
        }
    }
}

static tl_result gather(tl_sqlite_logs *logs, evidence *e, tl_fault *fault)
{
    tl_manifest manifest;
    tl_result result = tl_sqlite_world_manifest(logs->world, &manifest, fault);
    if (result != TL_OK) {
        return result;
    }
    take_evidence(e, &manifest.heads, WITNESS_WORLD);
    tl_server_number number = 0;
    for (tl_sqlite_peer *peer = next_peer(logs, &number); peer; peer = next_peer(logs, &number)) {
        tl_heads seen;
        result = tl_sqlite_log_seen(&peer->log, &seen, fault);
        if (result != TL_OK) {
            return result;
        }
        take_evidence(e, &seen, number);
    }
    return TL_OK;
}

static void witness_name(const tl_sqlite_logs *logs, int witness, char *out, size_t bytes)
{
    bool of_log = witness != WITNESS_WORLD && logs->follow.peers[witness].known;
    snprintf(out, bytes, "%s%s", of_log ? logs->follow.peers[witness].name : "world", of_log ? ".log.db" : ".db");
}

static tl_result check_world(tl_sqlite_logs *logs, const evidence *e, tl_fault *fault)
{
    tl_manifest manifest;
    tl_result result = tl_sqlite_world_manifest(logs->world, &manifest, fault);
    if (result != TL_OK || manifest.serial >= e->heads.world_serial) {
        return result;
    }
    char witness[TL_NAME_BYTES_MAX + 16], text[200];
    witness_name(logs, e->witness[0], witness, sizeof(witness));
    snprintf(text, sizeof(text),
             "table manifest: ends at change %llu, but %s has seen change %llu; stop all servers and restore it from a "
             "copy (or "
             "inspect --accept-loss)",
             (unsigned long long)manifest.serial, witness, (unsigned long long)e->heads.world_serial);
    return tl_fault_set(fault, TL_ERR_CORRUPT, logs->world->file.path, text);
}

// TL_AGAIN: the log of a server that has been seen is not there, or the server not in the table.
static tl_result check_logs(tl_sqlite_logs *logs, const evidence *e, tl_fault *fault)
{
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        const tl_log_head *seen = &e->heads.logs[number];
        tl_log_head head = {.tick = -1, .heir = TL_HEIR_NONE};
        char witness[TL_NAME_BYTES_MAX + 16];
        tl_sqlite_peer *peer = tl_sqlite_logs_peer(logs, (tl_server_number)number);
        if (seen->epoch == 0) {
            continue;
        }
        witness_name(logs, e->witness[number], witness, sizeof(witness));
        if (!peer) {
            char text[160];
            snprintf(text, sizeof(text),
                     "the log of server %d, which %s has seen, is missing; stop all servers and put it back", number,
                     witness);
            tl_fault_set(fault, TL_ERR_CORRUPT, logs->directory, text);
            return TL_AGAIN;
        }
        tl_result result = tl_sqlite_log_head(&peer->log, &head, fault);
        if (result == TL_OK && tl_log_head_is_behind(&head, seen)) {
            result = tl_heads_fault(peer->log.file.path, &head, seen, witness, fault);
        }
        if (result != TL_OK) {
            return result;
        }
    }
    return TL_OK;
}

static tl_result check_folder(tl_sqlite_logs *logs, tl_fault *fault)
{
    tl_sqlite_unlisted log;
    tl_result result = tl_sqlite_unlisted_find(logs->world, logs->directory, logs->world_us, &log, fault);
    if (result != TL_OK) {
        return result == TL_AGAIN ? TL_OK : result;
    }
    return tl_sqlite_unlisted_fault(logs->directory, &log, fault);
}

// Whether the heirs of that log's epochs have logs of their own. TL_AGAIN: one has not.
static tl_result check_heirs(tl_sqlite_logs *logs, tl_sqlite_log *log, tl_fault *fault)
{
    tl_log_head head;
    tl_result result = tl_sqlite_log_head(log, &head, fault);
    for (uint32_t epoch = 1; result == TL_OK && epoch <= head.epoch; epoch++) {
        tl_log_epoch row;
        result = tl_sqlite_log_epoch(log, epoch, &row, fault);
        if (result == TL_OK && row.heir > TL_HEIR_LEFT && !tl_sqlite_logs_peer(logs, (tl_server_number)row.heir)) {
            char text[160];
            snprintf(text, sizeof(text),
                     "the heir of epoch %u is server %d, whose log is missing, or which world.db has lost; stop all "
                     "servers and put "
                     "back what is missing",
                     epoch, row.heir);
            tl_fault_set(fault, TL_ERR_CORRUPT, log->file.path, text);
            return TL_AGAIN;
        }
    }
    return result;
}

static tl_result check_all_heirs(tl_sqlite_logs *logs, tl_fault *fault)
{
    tl_result result = TL_OK;
    tl_server_number number = 0;
    for (tl_sqlite_peer *peer = next_peer(logs, &number); peer && result == TL_OK; peer = next_peer(logs, &number)) {
        result = check_heirs(logs, &peer->log, fault);
    }
    return result;
}

tl_result tl_sqlite_logs_check(tl_sqlite_logs *logs, tl_fault *fault)
{
    evidence e = {0};
    tl_result result = tl_sqlite_world_check_servers(logs->world, fault);
    // What was seen is read first, and then what there is: all of it only grows. A server may be made in between.
    for (int tries = 0; tries < 2; tries++) {
        logs->unopened = true;
        if (result == TL_OK || result == TL_AGAIN) {
            result = tl_sqlite_logs_discover(logs, fault);
        }
        if (result == TL_OK) {
            result = check_folder(logs, fault);
        }
        if (result == TL_OK) {
            result = gather(logs, &e, fault);
        }
        if (result == TL_OK) {
            result = check_world(logs, &e, fault);
        }
        if (result == TL_OK) {
            result = check_logs(logs, &e, fault);
        }
        if (result == TL_OK) {
            result = check_all_heirs(logs, fault);
        }
        if (result != TL_AGAIN) {
            break;
        }
    }
    (void)tl_heads_merge(&logs->known, &e.heads);
    logs->follow.confirmed = logs->known;
    return result == TL_AGAIN ? TL_ERR_CORRUPT : result;
}

__attribute__((format(printf, 3, 4))) static void append(char *out, size_t bytes, const char *format, ...)
{
    size_t length = strlen(out);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out + length, bytes - length, format, arguments);
    va_end(arguments);
}

// Lists the servers again that world.db has lost and whose logs are there.
static tl_result list_again(tl_sqlite_logs *logs, char *lost, size_t bytes, tl_fault *fault)
{
    tl_sqlite_world *world = logs->world;
    for (;;) {
        tl_sqlite_unlisted log;
        tl_result result = tl_sqlite_unlisted_find(world, logs->directory, logs->world_us, &log, fault);
        if (result != TL_OK) {
            return result == TL_AGAIN ? TL_OK : result;
        }
        result = tl_sqlite_file_begin(&world->file, true, fault);
        if (result != TL_OK) {
            return result;
        }
        result = tl_sqlite_world_add_server(world, log.number, log.name, fault);
        result = result == TL_OK ? tl_sqlite_file_commit(&world->file, fault) : result;
        tl_sqlite_file_rollback(&world->file);
        if (result == TL_ERR_CORRUPT) { // the number is taken
            return tl_sqlite_unlisted_fault(logs->directory, &log, fault);
        }
        if (result != TL_OK) {
            return result;
        }
        append(lost, bytes, "world.db had lost server %d, %s: it is listed again. ", log.number, log.name);
    }
}

// Where the logs really end. What is behind the evidence is named in `lost`.
static tl_result survey(tl_sqlite_logs *logs, const evidence *e, tl_heads *found, char *lost, size_t bytes,
                        tl_fault *fault)
{
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        const tl_log_head *seen = &e->heads.logs[number];
        tl_sqlite_peer *peer = tl_sqlite_logs_peer(logs, (tl_server_number)number);
        if (!peer && seen->epoch > 0) {
            return tl_fault_set(fault, TL_ERR_CORRUPT, logs->directory, "the log of a server is missing; put it back");
        }
        if (!peer) {
            continue;
        }
        tl_log_head *head = &found->logs[number];
        tl_result result = tl_sqlite_log_head(&peer->log, head, fault);
        if (result != TL_OK) {
            return result;
        }
        if (tl_log_head_is_behind(head, seen)) {
            append(lost, bytes,
                   "%s.log.db ends at epoch %u, tick %lld: what came after that, up to epoch %u, tick %lld, is lost. ",
                   logs->follow.peers[number].name, head->epoch, (long long)head->tick, seen->epoch,
                   (long long)seen->tick);
        }
    }
    return TL_OK;
}

static tl_result keep_seen(tl_sqlite_log *log, const tl_heads *seen, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_begin(&log->file, true, fault);
    if (result == TL_OK) {
        result = tl_sqlite_log_keep_seen(log, seen, fault);
    }
    if (result == TL_OK) {
        return tl_sqlite_file_commit(&log->file, fault);
    }
    tl_sqlite_file_rollback(&log->file);
    return result;
}

tl_result tl_sqlite_logs_accept(tl_sqlite_logs *logs, char *lost, size_t lost_bytes, tl_fault *fault)
{
    evidence e = {0};
    tl_heads found = {0};
    lost[0] = 0;
    logs->unopened = true;
    tl_result result = tl_sqlite_world_check_servers(logs->world, fault);
    result = result == TL_OK ? list_again(logs, lost, lost_bytes, fault) : result;
    result = result == TL_OK ? tl_sqlite_logs_discover(logs, fault) : result;
    result = result == TL_OK ? gather(logs, &e, fault) : result;
    result = result == TL_OK ? survey(logs, &e, &found, lost, lost_bytes, fault) : result;
    if (result == TL_OK && logs->world->serial < e.heads.world_serial) {
        append(lost, lost_bytes,
               "world.db ends at change %llu: checkpoints up to change %llu are lost, and entities with them. ",
               (unsigned long long)logs->world->serial, (unsigned long long)e.heads.world_serial);
    }
    // The world first: until all is done, the store is not accepted, and this can be done again.
    result = result == TL_OK && lost[0] ? tl_sqlite_world_accept(logs->world, &found, e.heads.world_serial, fault)
                                        : result;
    found.world_serial = logs->world->serial;
    tl_server_number number = 0;
    for (tl_sqlite_peer *peer = next_peer(logs, &number); peer && result == TL_OK && lost[0];
         peer = next_peer(logs, &number)) {
        result = keep_seen(&peer->log, &found, fault);
    }
    return result;
}

const tl_heads *tl_sqlite_logs_known(tl_sqlite_logs *logs)
{
    tl_heads *known = &logs->known;
    known->world_serial = logs->world->serial > known->world_serial ? logs->world->serial : known->world_serial;
    tl_sqlite_peer *own = tl_sqlite_logs_peer(logs, logs->follow.joined);
    if (own && own->log.last.epoch > 0) {
        known->logs[own->log.number] = own->log.last;
    }
    return known;
}

// ---- loading -------------------------------------------------------------------------------------------------------

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
    return result == TL_OK ? tl_sqlite_logs_position(logs, &own_changed, fault) : result;
}

// ---- the position --------------------------------------------------------------------------------------------------

static tl_result position_of_one(tl_sqlite_logs *logs, tl_sqlite_peer *peer, bool *own_changed, tl_fault *fault)
{
    if (peer->log.number == logs->follow.own) {
        *own_changed = true;
        peer->dirty = false;
        return TL_OK;
    }
    tl_log_head head;
    tl_result result = tl_sqlite_log_head(&peer->log, &head, fault);
    if (result == TL_OK) {
        logs->known.logs[peer->log.number] = head;
        peer->dirty = !tl_follow_set_target(&logs->follow, peer->log.number, &head);
    }
    return result;
}

static tl_result position_pass(tl_sqlite_logs *logs, bool *changed, bool *own_changed, tl_fault *fault)
{
    tl_server_number number = 0;
    for (tl_sqlite_peer *peer = next_peer(logs, &number); peer; peer = next_peer(logs, &number)) {
        int64_t version = 0;
        tl_result result = tl_sqlite_file_version(&peer->log.file, &version, fault);
        if (result == TL_OK && (version != peer->seen_version || peer->dirty)) {
            result = position_of_one(logs, peer, own_changed, fault);
            *changed = true;
        }
        if (result != TL_OK) {
            return result;
        }
        peer->seen_version = version;
    }
    return TL_OK;
}

tl_result tl_sqlite_logs_position(tl_sqlite_logs *logs, bool *own_changed, tl_fault *fault)
{
    // Four passes: under a steady load the last one or two may still see a change; the order is then by time alone.
    for (int pass = 0; pass < 4; pass++) {
        bool changed = false;
        tl_result result = position_pass(logs, &changed, own_changed, fault);
        if (result != TL_OK || !changed) {
            return result;
        }
    }
    return TL_OK;
}
