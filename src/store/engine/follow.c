#include "store/engine/follow.h"
#include "base/memory.h"

#include <string.h>

void tl_follow_init(tl_follow *follow, const tl_follow_source *source, void *backend)
{
    memset(follow, 0, sizeof(*follow));
    follow->source = source;
    follow->backend = backend;
}

void tl_follow_free(tl_follow *follow)
{
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        tl_free(follow->peers[number].pending);
        follow->peers[number].pending = NULL;
    }
}

void tl_follow_add(tl_follow *follow, tl_server_number server, const char *name, const char *place)
{
    TL_ASSERT(server >= 1 && server <= TL_SERVERS_MAX);
    tl_follow_peer *peer = &follow->peers[server];
    TL_ASSERT(!peer->known);
    *peer = (tl_follow_peer){.number = server,
                             .place = place,
                             .known = true,
                             .target = {.tick = -1, .heir = TL_HEIR_NONE},
                             .ended = true,
                             .heir = TL_HEIR_NONE,
                             .tick = -1};
    snprintf(peer->name, sizeof(peer->name), "%s", name);
}

// The next known peer with a number above *number, or NULL.
static tl_follow_peer *next_peer(tl_follow *follow, tl_server_number *number)
{
    while (*number < TL_SERVERS_MAX) {
        tl_follow_peer *peer = &follow->peers[++*number];
        if (peer->known) {
            return peer;
        }
    }
    return NULL;
}

tl_result tl_follow_begin(tl_follow *follow, tl_server_number own, const tl_log_head *head, tl_fault *fault)
{
    TL_ASSERT(own <= TL_SERVERS_MAX && (own == 0 || head->epoch > 0));
    follow->own = own;
    follow->joined = own;
    follow->own_epoch = own ? head->epoch : 0;
    follow->phase = TL_FOLLOW_SERVERS;
    tl_server_number number = 0;
    for (tl_follow_peer *peer = next_peer(follow, &number); peer; peer = next_peer(follow, &number)) {
        // Where each log begins is read before the checkpoints: what is truncated later shows as a gap.
        tl_result result = follow->source->start(follow->backend, number, &peer->tick, fault);
        if (result != TL_OK) {
            return result;
        }
        peer->chained = false;
        if (number == own) {
            peer->target = *head;
        }
    }
    return TL_OK;
}

bool tl_follow_set_target(tl_follow *follow, tl_server_number server, const tl_log_head *head)
{
    TL_ASSERT(server >= 1 && server <= TL_SERVERS_MAX);
    TL_ASSERT(follow->peers[server].known);
    if (server == follow->joined && (follow->own != 0 || follow->phase != TL_FOLLOW_LIVE)) {
        return false;
    }
    follow->peers[server].target = *head;
    return true;
}

// ---- one log's next note -------------------------------------------------------------------------------------------

static tl_result pend_epoch(tl_follow_peer *peer, tl_store_event_type type, uint32_t epoch, const tl_log_epoch *row,
                            tl_fault *fault)
{
    TL_ASSERT(!peer->pending);
    TL_ASSERT(type == TL_STORE_SERVER || type == TL_STORE_FENCED);
    tl_note *note = tl_note_create(type, 0);
    if (!note) {
        return tl_fault_set(fault, TL_ERR_MEMORY, peer->place, "out of memory");
    }
    bool begins = type == TL_STORE_SERVER;
    note->order = begins ? row->began_order : row->ended_order;
    note->event.server = peer->number;
    note->event.epoch = epoch;
    note->event.tick = begins ? row->began_tick : row->last_tick;
    note->event.begun_us = begins ? row->began_us : row->ended_us;
    note->event.heir = (tl_server_number)(!begins && row->heir > 0 ? row->heir : 0);
    if (begins) {
        memcpy(note->event.name, peer->name, sizeof(note->event.name));
    }
    peer->pending = note;
    return TL_OK;
}

static tl_result peek_begin(tl_follow *follow, tl_follow_peer *peer, tl_fault *fault)
{
    TL_ASSERT(!peer->pending && peer->ended);
    tl_log_epoch row;
    if (peer->heir == TL_HEIR_LEFT && peer->epoch > 0) { // it left; has somebody taken over since?
        tl_result result = follow->source->epoch(follow->backend, peer->number, peer->epoch, &row, fault);
        if (result != TL_OK) {
            return result;
        }
        if (row.heir > 0) {
            return pend_epoch(peer, TL_STORE_FENCED, peer->epoch, &row, fault);
        }
    }
    if (peer->epoch >= peer->target.epoch) {
        return TL_AGAIN;
    }
    tl_result result = follow->source->epoch(follow->backend, peer->number, peer->epoch + 1, &row, fault);
    return result == TL_OK ? pend_epoch(peer, TL_STORE_SERVER, peer->epoch + 1, &row, fault) : result;
}

static tl_result peek_end(tl_follow *follow, tl_follow_peer *peer, tl_fault *fault)
{
    if (peer->target.epoch <= peer->epoch && peer->target.heir == TL_HEIR_NONE) {
        return TL_AGAIN;
    }
    tl_log_epoch row;
    tl_result result = follow->source->epoch(follow->backend, peer->number, peer->epoch, &row, fault);
    if (result == TL_OK && row.heir == TL_HEIR_NONE) {
        char text[160];
        snprintf(text, sizeof(text),
                 "epoch %u has ended, but its row does not show it; stop all servers and restore it from "
                 "a copy",
                 peer->epoch);
        return tl_fault_set(fault, TL_ERR_CORRUPT, peer->place, text);
    }
    if (peer->target.epoch == peer->epoch && peer->target.heir == TL_HEIR_LEFT) {
        row.heir = TL_HEIR_LEFT; // at that position; a later takeover is reported once the position includes it
    }
    return result == TL_OK ? pend_epoch(peer, TL_STORE_FENCED, peer->epoch, &row, fault) : result;
}

static tl_result missing(const tl_follow_peer *peer, tl_fault *fault)
{
    char text[160];
    snprintf(text, sizeof(text),
             "records that follow tick %lld are missing; stop all servers and restore it from a copy",
             (long long)peer->tick);
    return tl_fault_set(fault, TL_ERR_CORRUPT, peer->place, text);
}

// No record of the present epoch follows what was reported, though one should: the epoch was ended before records that
// were committed, and they were set aside. TL_AGAIN: it was, but the position does not show it yet. Else `otherwise`.
static tl_result peek_early_end(tl_follow *follow, tl_follow_peer *peer, tl_result otherwise, tl_fault *fault)
{
    tl_log_epoch row;
    tl_result result = follow->source->epoch(follow->backend, peer->number, peer->epoch, &row, fault);
    if (result != TL_OK) {
        return result;
    }
    bool ended = row.heir != TL_HEIR_NONE && row.last_tick <= peer->tick;
    return ended ? peek_end(follow, peer, fault) : otherwise;
}

static bool is_other(const tl_log_head *head, const tl_note *note)
{
    return head->tick == note->event.tick && head->sum != 0 && head->sum != note->sum;
}

// Whether the record is the one that the log's head, the record before it and the other logs know.
static tl_result check_chain(const tl_follow *follow, const tl_follow_peer *peer, const tl_note *note, tl_fault *fault)
{
    const tl_log_head *confirmed = &follow->confirmed.logs[peer->number];
    bool broken = peer->chained && peer->sum != note->previous_sum;
    bool other = is_other(&peer->target, note) || (confirmed->epoch == note->event.epoch && is_other(confirmed, note));
    if (!broken && !other) {
        return TL_OK;
    }
    char text[160];
    snprintf(text, sizeof(text), "the record of tick %lld %s; stop all servers and restore it from a copy",
             (long long)note->event.tick,
             broken ? "does not follow on the one before it" : "is not the one that was seen there before");
    return tl_fault_set(fault, TL_ERR_CORRUPT, peer->place, text);
}

static tl_result peek_record(tl_follow *follow, tl_follow_peer *peer, tl_fault *fault)
{
    TL_ASSERT(!peer->pending && !peer->ended);
    tl_note *note = NULL;
    int64_t previous_tick = 0;
    tl_result result = follow->source->next_record(follow->backend, peer->number, peer->tick, &note, &previous_tick,
                                                   fault);
    if (result == TL_AGAIN) { // truncating leaves the newest record
        result = peek_early_end(follow, peer, TL_ERR_CORRUPT, fault);
        return result == TL_ERR_CORRUPT ? missing(peer, fault) : result;
    }
    if (result != TL_OK) {
        return result;
    }
    if (previous_tick == peer->tick && note->event.epoch == peer->epoch) {
        result = check_chain(follow, peer, note, fault);
        if (result == TL_OK) {
            peer->pending = note;
        } else {
            tl_free(note);
        }
        return result;
    }
    uint32_t epoch = note->event.epoch;
    tl_free(note);
    if (previous_tick != peer->tick) {
        return epoch > peer->epoch ? peek_early_end(follow, peer, TL_ERR_NOT_FOUND, fault) : TL_ERR_NOT_FOUND;
    }
    return epoch > peer->epoch ? peek_end(follow, peer, fault)
                               : tl_fault_set(fault, TL_ERR_CORRUPT, peer->place,
                                              "a record is of a wrong epoch; restore it from a copy");
}

// Reads what is to be reported of that log next into peer->pending. TL_AGAIN: nothing. TL_ERR_NOT_FOUND: there is a
// gap.
static tl_result peek(tl_follow *follow, tl_follow_peer *peer, tl_fault *fault)
{
    if (peer->pending) {
        return TL_OK;
    }
    bool taken_over = peer->heir == TL_HEIR_LEFT && peer->target.heir > 0;
    if (peer->ended && peer->epoch == peer->target.epoch && !taken_over) {
        return TL_AGAIN;
    }
    if (peer->ended) {
        return peek_begin(follow, peer, fault);
    }
    return peer->tick >= peer->target.tick ? peek_end(follow, peer, fault) : peek_record(follow, peer, fault);
}

// The pending note is taken: the cursor moves past it. NULL if it is of no interest to this attachment.
static tl_note *take(tl_follow *follow, tl_follow_peer *peer)
{
    TL_ASSERT(peer->pending);
    tl_note *note = peer->pending;
    bool joined = follow->joined != 0 && peer->number == follow->joined;
    bool reported = false; // already, by other means
    peer->pending = NULL;
    switch (note->event.type) {
    case TL_STORE_SERVER:
        peer->epoch = note->event.epoch;
        peer->ended = false;
        peer->heir = TL_HEIR_NONE;
        reported = (joined && note->event.epoch <= follow->own_epoch) || (peer->announced && note->event.epoch == 1);
        break;
    case TL_STORE_FENCED:
        peer->ended = true;
        peer->heir = note->event.heir;
        if (peer->record_epoch == note->event.epoch && peer->tick > note->event.tick) {
            peer->tick = note->event.tick; // what was reported after that is set aside
            peer->chained = false;
        }
        reported = joined && note->event.epoch == follow->own_epoch; // as LOST
        break;
    default:
        peer->tick = note->event.tick;
        peer->sum = note->sum;
        peer->chained = true;
        peer->record_epoch = note->event.epoch;
        reported = joined && note->event.epoch == follow->own_epoch;
        break;
    }
    if (reported) {
        tl_free(note);
        return NULL;
    }
    return note;
}

// ---- the stream ----------------------------------------------------------------------------------------------------

static tl_result next_server(tl_follow *follow, tl_note **out, tl_fault *fault)
{
    for (tl_follow_peer *peer = next_peer(follow, &follow->reported_server); peer;
         peer = next_peer(follow, &follow->reported_server)) {
        if (follow->reported_server == follow->joined || peer->target.epoch == 0) {
            continue;
        }
        tl_log_epoch row;
        tl_result result = follow->source->epoch(follow->backend, peer->number, 1, &row, fault);
        result = result == TL_OK ? pend_epoch(peer, TL_STORE_SERVER, 1, &row, fault) : result;
        if (result != TL_OK) {
            follow->reported_server--; // again at the next try
            return result;
        }
        *out = peer->pending;
        peer->pending = NULL;
        peer->announced = true;
        return result;
    }
    follow->phase = TL_FOLLOW_CHECKPOINTS;
    follow->any_group_reported = false;
    return TL_AGAIN;
}

static tl_result next_checkpoint(tl_follow *follow, tl_note **out, tl_fault *fault)
{
    tl_result result = follow->source->next_checkpoint(follow->backend, !follow->any_group_reported,
                                                       follow->reported_group, out, fault);
    if (result == TL_OK) {
        follow->reported_group = (*out)->event.group;
        follow->any_group_reported = true;
    } else if (result == TL_AGAIN) {
        follow->phase = TL_FOLLOW_RECORDS;
    }
    return result;
}

// The record after the cursor is missing. Truncation moves the log's start past the cursor, after the checkpoints that
// stand for what is dropped were stored: while loading, they are reported once more. If the start has not moved, the
// log is damaged.
static tl_result on_gap(tl_follow *follow, tl_follow_peer *peer, tl_fault *fault)
{
    int64_t start_tick = 0;
    tl_result result = follow->source->start(follow->backend, peer->number, &start_tick, fault);
    if (result != TL_OK) {
        return result;
    }
    if (start_tick <= peer->tick) {
        return missing(peer, fault);
    }
    if (follow->phase != TL_FOLLOW_RECORDS) {
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, peer->place,
                            "truncated past what this follower had read, it was too slow; attach again to load anew");
    }
    peer->tick = start_tick;
    peer->chained = false;
    peer->record_epoch = 0;
    follow->phase = TL_FOLLOW_CHECKPOINTS;
    follow->any_group_reported = false;
    return TL_AGAIN;
}

static tl_result next_record(tl_follow *follow, tl_note **out, tl_fault *fault)
{
    for (;;) {
        tl_follow_peer *first = NULL;
        tl_server_number number = 0;
        for (tl_follow_peer *peer = next_peer(follow, &number); peer; peer = next_peer(follow, &number)) {
            tl_result result = peek(follow, peer, fault);
            if (result == TL_ERR_NOT_FOUND) {
                return on_gap(follow, peer, fault);
            }
            if (result != TL_OK && result != TL_AGAIN) {
                return result;
            }
            if (peer->pending && (!first || peer->pending->order < first->pending->order)) {
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
static void follow_own(tl_follow *follow)
{
    tl_follow_peer *peer = &follow->peers[follow->joined];
    TL_ASSERT(peer->known);
    tl_free(peer->pending);
    peer->pending = NULL;
    peer->epoch = follow->own_epoch;
    peer->ended = true;
    peer->heir = follow->lost_heir;
    peer->tick = follow->lost_tick;
    peer->chained = false;
    peer->record_epoch = 0;
}

tl_result tl_follow_next(tl_follow *follow, tl_note **out, tl_fault *fault)
{
    for (;;) {
        tl_result result = TL_AGAIN;
        tl_follow_phase phase = follow->phase;
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
            return *out ? TL_OK : tl_fault_set(fault, TL_ERR_MEMORY, "the store", "out of memory");
        }
        if (result != TL_AGAIN || follow->phase == phase) {
            return result;
        }
    }
}

void tl_follow_on_lease_lost(tl_follow *follow, int heir, int64_t last_tick)
{
    TL_ASSERT(follow->joined != 0 && follow->own == follow->joined);
    TL_ASSERT(heir != TL_HEIR_NONE);
    follow->own = 0;
    follow->lost_heir = heir;
    follow->lost_tick = last_tick;
    if (follow->phase == TL_FOLLOW_LIVE) {
        follow_own(follow);
    }
}
