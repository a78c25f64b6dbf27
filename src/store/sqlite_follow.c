#include "sqlite_follow.h"

#include <string.h>

void tl_sqlite_follow_init(tl_sqlite_follow *follow, tl_sqlite_world *world, const char *directory, uint64_t world_us,
                           tl_sqlite_mode mode, bool durable_full)
{
    memset(follow, 0, sizeof(*follow));
    follow->world = world;
    follow->directory = directory;
    follow->world_us = world_us;
    follow->mode = mode;
    follow->durable_full = durable_full;
}

void tl_sqlite_follow_close(tl_sqlite_follow *follow)
{
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        tl_sqlite_peer *peer = follow->peers[number];
        if (peer && peer->open) {
            tl_sqlite_log_close(&peer->log);
        }
        if (peer) {
            free(peer->pending);
        }
        free(peer);
        follow->peers[number] = NULL;
    }
}

tl_sqlite_peer *tl_sqlite_follow_peer(tl_sqlite_follow *follow, tl_server_number number)
{
    tl_sqlite_peer *peer = number <= TL_SERVERS_MAX ? follow->peers[number] : NULL;
    return peer && peer->open ? peer : NULL;
}

// The next open peer with a number above *number, or NULL.
static tl_sqlite_peer *next_peer(tl_sqlite_follow *follow, tl_server_number *number)
{
    while (*number < TL_SERVERS_MAX) {
        tl_sqlite_peer *peer = tl_sqlite_follow_peer(follow, ++*number);
        if (peer) {
            return peer;
        }
    }
    return NULL;
}

tl_result tl_sqlite_follow_open(tl_sqlite_follow *follow, tl_server_number number, const char *name,
                                tl_sqlite_mode mode, tl_fault *fault)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX);
    tl_sqlite_peer *peer = follow->peers[number];
    if (peer && peer->open) {
        return TL_OK;
    }
    if (!peer) {
        peer = calloc(1, sizeof(*peer));
        if (!peer) {
            return tl_fault_set(fault, TL_ERR_MEMORY, follow->directory, "out of memory");
        }
        follow->peers[number] = peer;
        snprintf(peer->name, sizeof(peer->name), "%s", name);
    }
    tl_result result = tl_sqlite_log_open(&peer->log, follow->directory, name, number, follow->world_us, mode,
                                          follow->durable_full, mode == TL_SQLITE_CREATE, fault);
    if (result != TL_OK) {
        return result;
    }
    peer->open = true;
    peer->dirty = true;
    peer->ended = true;
    peer->heir = TL_HEIR_NONE;
    peer->tick = -1;
    peer->target = (tl_sqlite_head){.tick = -1, .heir = TL_HEIR_NONE};
    return TL_OK;
}

tl_result tl_sqlite_follow_discover(tl_sqlite_follow *follow, tl_fault *fault)
{
    int64_t version = 0;
    tl_result result = tl_sqlite_file_version(&follow->world->file, &version, fault);
    if (result != TL_OK || (version == follow->world_version && !follow->unopened)) {
        return result;
    }
    follow->unopened = false;
    tl_server_number number = 0;
    char name[TL_NAME_BYTES_MAX + 1];
    for (;;) {
        result = tl_sqlite_world_next_server(follow->world, &number, name, fault);
        if (result == TL_OK) {
            result = tl_sqlite_follow_open(follow, number, name, follow->mode, fault);
            follow->unopened |= result == TL_AGAIN;
            result = result == TL_AGAIN ? TL_OK : result;
        }
        if (result == TL_AGAIN) {
            follow->world_version = version;
            return TL_OK;
        }
        if (result != TL_OK) {
            return result;
        }
    }
}

tl_result tl_sqlite_follow_start(tl_sqlite_follow *follow, tl_server_number own, const tl_sqlite_head *head,
                                 tl_fault *fault)
{
    follow->own = own;
    follow->joined = own;
    follow->own_epoch = own ? head->epoch : 0;
    follow->phase = TL_FOLLOW_SERVERS;
    follow->unopened = true;
    tl_result result = tl_sqlite_follow_discover(follow, fault);
    tl_server_number number = 0;
    for (tl_sqlite_peer *peer = next_peer(follow, &number); peer && result == TL_OK;
         peer = next_peer(follow, &number)) {
        // Where each log begins is read before the checkpoints: what is cut later shows as a gap.
        result = tl_sqlite_log_start(&peer->log, &peer->tick, fault);
        peer->dirty = true;
        if (number == own) {
            peer->target = *head;
        }
    }
    bool own_changed = false;
    return result == TL_OK ? tl_sqlite_follow_collect(follow, &own_changed, fault) : result;
}

// ---- the cut -------------------------------------------------------------------------------------------------------

static tl_result collect_pass(tl_sqlite_follow *follow, bool *changed, bool *own_changed, tl_fault *fault)
{
    tl_server_number number = 0;
    for (tl_sqlite_peer *peer = next_peer(follow, &number); peer; peer = next_peer(follow, &number)) {
        int64_t version = 0;
        tl_result result = tl_sqlite_file_version(&peer->log.file, &version, fault);
        if (result == TL_OK && (version != peer->seen_version || peer->dirty)) {
            if (number == follow->own) {
                *own_changed = true;
            } else {
                result = tl_sqlite_log_head(&peer->log, &peer->target, fault);
            }
            *changed = true;
        }
        if (result != TL_OK) {
            return result;
        }
        peer->seen_version = version;
        peer->dirty = false;
    }
    return TL_OK;
}

tl_result tl_sqlite_follow_collect(tl_sqlite_follow *follow, bool *own_changed, tl_fault *fault)
{
    // Four passes: under a steady load the last one or two may still see a change; the order is then by time alone.
    for (int pass = 0; pass < 4; pass++) {
        bool changed = false;
        tl_result result = collect_pass(follow, &changed, own_changed, fault);
        if (result != TL_OK || !changed) {
            return result;
        }
    }
    return TL_OK;
}

// ---- one log's next note -------------------------------------------------------------------------------------------

static tl_result pend(tl_sqlite_peer *peer, tl_note *note, uint64_t time_us)
{
    peer->pending = note;
    peer->pending_us = time_us;
    return TL_OK;
}

static tl_result pend_epoch(tl_sqlite_peer *peer, tl_store_event_type type, uint32_t epoch, int64_t tick, int heir,
                            uint64_t time_us, tl_fault *fault)
{
    tl_note *note = tl_note_create(type, 0);
    if (!note) {
        return tl_fault_set(fault, TL_ERR_MEMORY, peer->log.file.path, "out of memory");
    }
    note->event.server = peer->log.number;
    note->event.epoch = epoch;
    note->event.tick = tick;
    note->event.heir = (tl_server_number)(heir > 0 ? heir : 0);
    if (type == TL_STORE_SERVER) {
        memcpy(note->event.name, peer->name, sizeof(note->event.name));
    }
    return pend(peer, note, time_us);
}

static tl_result peek_begin(tl_sqlite_peer *peer, tl_fault *fault)
{
    tl_sqlite_epoch row;
    if (peer->heir == TL_HEIR_LEFT && peer->epoch > 0) { // it left; has somebody taken over since?
        tl_result result = tl_sqlite_log_epoch(&peer->log, peer->epoch, &row, fault);
        if (result != TL_OK) {
            return result;
        }
        if (row.heir > 0) {
            return pend_epoch(peer, TL_STORE_FENCED, peer->epoch, row.last_tick, row.heir, row.ended_us, fault);
        }
    }
    if (peer->epoch >= peer->target.epoch) {
        return TL_AGAIN;
    }
    tl_result result = tl_sqlite_log_epoch(&peer->log, peer->epoch + 1, &row, fault);
    if (result != TL_OK) {
        return result;
    }
    return pend_epoch(peer, TL_STORE_SERVER, peer->epoch + 1, row.began_tick, 0, row.began_us, fault);
}

static tl_result peek_end(tl_sqlite_peer *peer, tl_fault *fault)
{
    if (peer->target.epoch <= peer->epoch && peer->target.heir == TL_HEIR_NONE) {
        return TL_AGAIN;
    }
    tl_sqlite_epoch row;
    tl_result result = tl_sqlite_log_epoch(&peer->log, peer->epoch, &row, fault);
    if (result != TL_OK) {
        return result;
    }
    return pend_epoch(peer, TL_STORE_FENCED, peer->epoch, row.last_tick, row.heir, row.ended_us, fault);
}

// Reads what is to be told of that log next into peer->pending. TL_AGAIN: nothing. TL_ERR_NOT_FOUND: it was cut.
static tl_result peek(tl_sqlite_peer *peer, tl_fault *fault)
{
    if (peer->pending) {
        return TL_OK;
    }
    bool taken_over = peer->heir == TL_HEIR_LEFT && peer->target.heir > 0;
    if (peer->ended && peer->epoch == peer->target.epoch && !taken_over) {
        return TL_AGAIN;
    }
    if (peer->ended) {
        return peek_begin(peer, fault);
    }
    if (peer->tick >= peer->target.tick) {
        return peek_end(peer, fault);
    }
    tl_note *note = NULL;
    int64_t previous_tick = 0;
    tl_result result = tl_sqlite_log_next(&peer->log, peer->tick, &note, &previous_tick, fault);
    if (result == TL_AGAIN) {
        return tl_fault_set(fault, TL_ERR_CORRUPT, peer->log.file.path,
                            "committed records are missing; stop all servers and restore the file from a copy");
    }
    if (result != TL_OK) {
        return result;
    }
    if (previous_tick == peer->tick && note->event.epoch == peer->epoch) {
        return pend(peer, note, note->event.begun_us);
    }
    uint32_t epoch = note->event.epoch;
    free(note);
    if (previous_tick != peer->tick) {
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, peer->log.file.path,
                            "cut past what this follower had read, it was too slow; attach again to load anew");
    }
    return epoch > peer->epoch ? peek_end(peer, fault)
                               : tl_fault_set(fault, TL_ERR_CORRUPT, peer->log.file.path,
                                              "a record is of a wrong epoch; restore the file from a copy");
}

// The pending note is taken: the cursor moves past it. NULL if it is of no interest to this attachment.
static tl_note *take(tl_sqlite_follow *follow, tl_sqlite_peer *peer)
{
    tl_note *note = peer->pending;
    bool joined = follow->joined != 0 && peer->log.number == follow->joined;
    bool told = false; // already, by other means
    peer->pending = NULL;
    switch (note->event.type) {
    case TL_STORE_SERVER:
        peer->epoch = note->event.epoch;
        peer->ended = false;
        peer->heir = TL_HEIR_NONE;
        told = (joined && note->event.epoch <= follow->own_epoch) || (peer->announced && note->event.epoch == 1);
        break;
    case TL_STORE_FENCED:
        peer->ended = true;
        peer->heir = note->event.heir;
        told = joined && note->event.epoch == follow->own_epoch; // as LOST
        break;
    default:
        peer->tick = note->event.tick;
        told = joined && note->event.epoch == follow->own_epoch;
        break;
    }
    if (told) {
        free(note);
        return NULL;
    }
    return note;
}

// ---- the stream ----------------------------------------------------------------------------------------------------

static tl_result next_server(tl_sqlite_follow *follow, tl_note **out, tl_fault *fault)
{
    for (tl_sqlite_peer *peer = next_peer(follow, &follow->told_server); peer;
         peer = next_peer(follow, &follow->told_server)) {
        if (follow->told_server == follow->joined || peer->target.epoch == 0) {
            continue;
        }
        tl_result result = pend_epoch(peer, TL_STORE_SERVER, 1, -1, 0, 0, fault);
        *out = peer->pending;
        peer->pending = NULL;
        peer->announced = true;
        return result;
    }
    follow->phase = TL_FOLLOW_CHECKPOINTS;
    follow->told_group = (tl_group_id)INT64_MIN;
    return TL_AGAIN;
}

static tl_result next_checkpoint(tl_sqlite_follow *follow, tl_note **out, tl_fault *fault)
{
    tl_result result = tl_sqlite_world_next_checkpoint(follow->world, follow->told_group, out, fault);
    if (result == TL_OK) {
        follow->told_group = (*out)->event.group;
    } else if (result == TL_AGAIN) {
        follow->phase = TL_FOLLOW_RECORDS;
    }
    return result;
}

// Records were cut while we loaded. Checkpoints that stand for them were stored before, so these are told once more.
static tl_result load_again(tl_sqlite_follow *follow, tl_sqlite_peer *peer, tl_fault *fault)
{
    tl_result result = tl_sqlite_log_start(&peer->log, &peer->tick, fault);
    if (result == TL_OK) {
        follow->phase = TL_FOLLOW_CHECKPOINTS;
        follow->told_group = (tl_group_id)INT64_MIN;
        return TL_AGAIN;
    }
    return result;
}

static tl_result next_record(tl_sqlite_follow *follow, tl_note **out, tl_fault *fault)
{
    for (;;) {
        tl_sqlite_peer *first = NULL;
        tl_server_number number = 0;
        for (tl_sqlite_peer *peer = next_peer(follow, &number); peer; peer = next_peer(follow, &number)) {
            tl_result result = peek(peer, fault);
            if (result == TL_ERR_NOT_FOUND && follow->phase == TL_FOLLOW_RECORDS) {
                return load_again(follow, peer, fault);
            }
            if (result != TL_OK && result != TL_AGAIN) {
                return result;
            }
            if (peer->pending && (!first || peer->pending_us < first->pending_us)) {
                first = peer;
            }
        }
        if (!first) {
            return TL_AGAIN;
        }
        *out = take(follow, first);
        if (*out) {
            return TL_OK;
        }
    }
}

// The own log is followed from where the own epoch ended.
static void follow_own(tl_sqlite_follow *follow)
{
    tl_sqlite_peer *peer = tl_sqlite_follow_peer(follow, follow->joined);
    TL_ASSERT(peer);
    free(peer->pending);
    peer->pending = NULL;
    peer->dirty = true;
    peer->epoch = follow->own_epoch;
    peer->ended = true;
    peer->heir = follow->lost_heir;
    peer->tick = follow->lost_tick;
}

tl_result tl_sqlite_follow_next(tl_sqlite_follow *follow, tl_note **out, tl_fault *fault)
{
    for (;;) {
        tl_result result = TL_AGAIN;
        tl_sqlite_follow_phase phase = follow->phase;
        if (phase == TL_FOLLOW_SERVERS) {
            result = next_server(follow, out, fault);
        } else if (phase == TL_FOLLOW_CHECKPOINTS) {
            result = next_checkpoint(follow, out, fault);
        } else {
            result = next_record(follow, out, fault);
        }
        if (result == TL_AGAIN && phase == TL_FOLLOW_RECORDS && follow->phase == phase) {
            *out = tl_note_create(TL_STORE_LOADED, 0);
            follow->phase = TL_FOLLOW_LIVE;
            if (follow->joined != follow->own) {
                follow_own(follow);
            }
            return *out ? TL_OK : tl_fault_set(fault, TL_ERR_MEMORY, follow->directory, "out of memory");
        }
        if (result != TL_AGAIN || follow->phase == phase) {
            return result;
        }
    }
}

void tl_sqlite_follow_disown(tl_sqlite_follow *follow, int heir, int64_t last_tick)
{
    follow->own = 0;
    follow->lost_heir = heir;
    follow->lost_tick = last_tick;
    if (follow->phase == TL_FOLLOW_LIVE) {
        follow_own(follow);
    }
}
