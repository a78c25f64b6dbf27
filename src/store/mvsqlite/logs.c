#include "store/mvsqlite/logs.h"
#include "base/memory.h"

#include "store/engine/attachment.h"

#include <string.h>

enum {
    LOOK_US = 1000,        // between looks at a log of which news are due, and so long before they are
    EARLIER_US = 2000,     // they are expected so much earlier, where the first look finds them
    REST_US_MAX = 50000,   // the longest time between two looks
    IDLE_LOOK_US = 5000,   // when nothing has come for two ticks
    ENDED_LOOK_US = 50000, // when its epoch has ended
    POSITION_PASSES_MAX = 4,
};

// ---- as a source ---------------------------------------------------------------------------------------------------

static tl_mvsqlite_peer *peer_of(const tl_mvsqlite_logs *logs, tl_server_number number)
{
    tl_mvsqlite_peer *peer = number <= TL_SERVERS_MAX ? logs->peers[number] : NULL;
    return peer && peer->open ? peer : NULL;
}

static tl_mvsqlite_log *log_of(void *backend, tl_server_number server)
{
    tl_mvsqlite_peer *peer = peer_of(backend, server);
    TL_ASSERT(peer);
    return &peer->log;
}

// The next open peer with a number above *number, or NULL.
static tl_mvsqlite_peer *next_peer(const tl_mvsqlite_logs *logs, tl_server_number *number)
{
    while (*number < TL_SERVERS_MAX) {
        tl_mvsqlite_peer *peer = peer_of(logs, ++*number);
        if (peer) {
            return peer;
        }
    }
    return NULL;
}

static tl_result read_epoch(void *backend, tl_server_number server, uint32_t epoch, tl_log_epoch *out, tl_fault *fault)
{
    return tl_mvsqlite_log_epoch(log_of(backend, server), epoch, out, fault);
}

static tl_result read_record(void *backend, tl_server_number server, int64_t tick, tl_note **out,
                             int64_t *previous_tick, tl_fault *fault)
{
    return tl_mvsqlite_log_next(log_of(backend, server), tick, out, previous_tick, fault);
}

static tl_result read_start(void *backend, tl_server_number server, int64_t *previous_tick, tl_fault *fault)
{
    return tl_mvsqlite_log_start(log_of(backend, server), previous_tick, fault);
}

static void drop_ahead(tl_mvsqlite_ahead *ahead)
{
    tl_free(ahead->note);
    ahead->note = NULL;
}

// Reads the next checkpoint above `group` of a log, or of the world's namespace (0), unless that was done already.
static tl_result read_ahead(tl_mvsqlite_logs *logs, tl_server_number number, bool first, tl_group_id group,
                            tl_fault *fault)
{
    tl_mvsqlite_ahead *ahead = &logs->ahead[number];
    if (first) {
        drop_ahead(ahead);
        ahead->end = number != 0 && !peer_of(logs, number);
    }
    if (ahead->note || ahead->end) {
        return TL_OK;
    }
    group = first ? (tl_group_id)INT64_MIN : group;
    tl_result result = TL_OK;
    if (first) {
        result = number == 0 ? tl_sqlite_world_list(&logs->world, fault)
                             : tl_mvsqlite_log_check_checkpoints(&logs->peers[number]->log, fault);
    }
    if (result != TL_OK) {
        return result;
    }
    result = number == 0 ? tl_sqlite_world_next_checkpoint(&logs->world, group, &ahead->note, fault)
                         : tl_mvsqlite_log_checkpoint(&logs->peers[number]->log, group, &ahead->note, fault);
    ahead->end = result == TL_AGAIN;
    return result == TL_AGAIN ? TL_OK : result;
}

// Of all the lowest group; where several have it, the newest.
static bool goes_first(const tl_note *a, const tl_note *b)
{
    int64_t left = (int64_t)a->event.group, right = (int64_t)b->event.group;
    return left != right ? left < right : a->event.tick > b->event.tick;
}

static tl_result read_checkpoint(void *backend, bool first, tl_group_id group, tl_note **out, tl_fault *fault)
{
    tl_mvsqlite_logs *logs = backend;
    tl_mvsqlite_ahead *best = NULL;
    for (int number = 0; number <= TL_SERVERS_MAX; number++) {
        tl_result result = read_ahead(logs, (tl_server_number)number, first, group, fault);
        if (result != TL_OK) {
            return result;
        }
        tl_mvsqlite_ahead *ahead = &logs->ahead[number];
        if (ahead->note && (!best || goes_first(ahead->note, best->note))) {
            best = ahead;
        }
    }
    if (!best) {
        return TL_AGAIN;
    }
    *out = best->note;
    best->note = NULL;
    for (int number = 0; number <= TL_SERVERS_MAX; number++) {
        tl_mvsqlite_ahead *ahead = &logs->ahead[number];
        if (ahead->note && ahead->note->event.group == (*out)->event.group) {
            drop_ahead(ahead); // an older one, of a former owner
        }
    }
    return TL_OK;
}

static const tl_follow_source source = {
    .epoch = read_epoch,
    .next_record = read_record,
    .start = read_start,
    .next_checkpoint = read_checkpoint,
};

// ---- opening -------------------------------------------------------------------------------------------------------

void tl_mvsqlite_logs_init(tl_mvsqlite_logs *logs, const tl_mvsqlite_place *place, const tl_world_info *info)
{
    TL_ASSERT(info->tick_hz > 0);
    memset(logs, 0, sizeof(*logs));
    logs->place = place;
    logs->world_us = info->created_us;
    logs->tick_us = 1000000u / info->tick_hz;
    tl_follow_init(&logs->follow, &source, logs);
}

void tl_mvsqlite_logs_close(tl_mvsqlite_logs *logs)
{
    tl_follow_free(&logs->follow);
    drop_ahead(&logs->ahead[0]);
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        tl_mvsqlite_peer *peer = logs->peers[number];
        drop_ahead(&logs->ahead[number]);
        if (peer && peer->open) {
            tl_mvsqlite_log_close(&peer->log);
        }
        tl_free(peer);
        logs->peers[number] = NULL;
    }
    tl_sqlite_world_close(&logs->world);
}

static tl_result open_log(tl_mvsqlite_logs *logs, tl_server_number number, const char *name, tl_fault *fault)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX);
    tl_mvsqlite_peer *peer = logs->peers[number];
    if (peer && peer->open) {
        return TL_OK;
    }
    if (!peer) {
        peer = tl_alloc(sizeof(*peer));
        if (!peer) {
            return tl_fault_set(fault, TL_ERR_MEMORY, logs->place->uri, "out of memory");
        }
        logs->peers[number] = peer;
    }
    char path[TL_NAMESPACE_BYTES_MAX];
    tl_mvsqlite_place_log(logs->place, name, path);
    tl_result result = tl_mvsqlite_log_open(&peer->log, path, number, logs->world_us, TL_SQLITE_READ_ONLY, fault);
    if (result != TL_OK) {
        return result == TL_ERR_NOT_FOUND ? TL_AGAIN : result; // its server says what to do
    }
    peer->open = true;
    peer->head = (tl_log_head){.tick = -1, .heir = TL_HEIR_NONE};
    tl_follow_add(&logs->follow, number, name, peer->log.file.path);
    return TL_OK;
}

static tl_result open_logs(tl_mvsqlite_logs *logs, tl_fault *fault)
{
    tl_server_number number = 0;
    char name[TL_NAME_BYTES_MAX + 1];
    logs->unopened = false;
    for (;;) {
        tl_result result = tl_sqlite_world_next_server(&logs->world, &number, name, fault);
        if (result == TL_OK) {
            result = open_log(logs, number, name, fault);
            logs->unopened |= result == TL_AGAIN;
            result = result == TL_AGAIN ? TL_OK : result;
        } else if (result == TL_AGAIN) {
            return TL_OK;
        }
        if (result != TL_OK) {
            logs->unopened = true;
            return result;
        }
    }
}

tl_result tl_mvsqlite_logs_discover(tl_mvsqlite_logs *logs, tl_fault *fault)
{
    tl_result result = TL_OK;
    if (!logs->world_open) {
        char path[TL_NAMESPACE_BYTES_MAX];
        tl_mvsqlite_place_world(logs->place, path);
        result = tl_sqlite_world_open_namespace(&logs->world, path, TL_SQLITE_READ_ONLY, fault);
        logs->world_open = result == TL_OK;
    }
    // One snapshot, so one request, while nothing is new.
    if (result == TL_OK) {
        result = tl_sqlite_file_begin(&logs->world.file, false, fault);
    }
    if (result != TL_OK) {
        return result;
    }
    int last = 0;
    result = tl_sqlite_world_last_server(&logs->world, &last, fault);
    if (result == TL_OK && (last != logs->last_server || logs->unopened)) {
        result = open_logs(logs, fault);
        logs->last_server = last;
    }
    tl_sqlite_file_rollback(&logs->world.file);
    return result;
}

tl_result tl_mvsqlite_logs_start(tl_mvsqlite_logs *logs, tl_server_number own, const tl_log_head *head, tl_fault *fault)
{
    bool changed = false;
    logs->unopened = true;
    tl_result result = tl_mvsqlite_logs_discover(logs, fault);
    if (result == TL_OK && own && !peer_of(logs, own)) {
        result = tl_fault_set(fault, TL_ERR_BUSY, logs->place->uri, "the own log does not show yet; it is tried again");
    }
    if (result == TL_OK) {
        result = tl_follow_begin(&logs->follow, own, head, fault);
    }
    tl_server_number number = 0;
    for (tl_mvsqlite_peer *peer = next_peer(logs, &number); peer; peer = next_peer(logs, &number)) {
        peer->targeted = false;
        peer->head = (tl_log_head){.tick = -1, .heir = TL_HEIR_NONE};
        peer->due_us = 0;
    }
    return result == TL_OK ? tl_mvsqlite_logs_position(logs, &changed, fault) : result;
}

// ---- the position --------------------------------------------------------------------------------------------------

// When the next news are to be expected: a tick after these, if these came as they were expected. News that a first
// look finds were there before; those that come late say little of the next.
static void take_note(tl_mvsqlite_peer *peer, uint64_t tick_us)
{
    uint64_t seen_us = peer->looked_us;
    uint64_t ticks = peer->expected_us < seen_us ? (seen_us - peer->expected_us) / tick_us : 0;
    uint64_t expected_us = peer->expected_us + (ticks > 0 ? ticks : 1) * tick_us;
    peer->behind = peer->fruitless == 0;
    if (peer->behind) {
        peer->expected_us = seen_us - EARLIER_US;
    } else {
        peer->expected_us = expected_us > seen_us ? seen_us : expected_us + (seen_us - expected_us) / 16;
    }
    peer->fruitless = 0;
}

static uint64_t next_look_us(const tl_mvsqlite_peer *peer, uint64_t now_us, uint64_t tick_us)
{
    uint64_t due_us = now_us + LOOK_US, expected_us = peer->expected_us + tick_us;
    if (peer->head.epoch > 0 && peer->head.heir != TL_HEIR_NONE) {
        return now_us + ENDED_LOOK_US;
    }
    if (peer->fruitless == 0 && expected_us > due_us + LOOK_US) {
        due_us = expected_us - LOOK_US;
        return due_us < now_us + REST_US_MAX ? due_us : now_us + REST_US_MAX;
    }
    return now_us < expected_us + tick_us ? due_us : now_us + IDLE_LOOK_US;
}

// Looks at one log. *news_us: when it was seen that it has changed, else as it was.
static tl_result look(tl_mvsqlite_logs *logs, tl_mvsqlite_peer *peer, uint64_t *news_us, tl_fault *fault)
{
    tl_log_head head = peer->head;
    peer->looked_us = tl_clock_steady_us();
    tl_result result = tl_mvsqlite_log_poll_head(&peer->log, !peer->behind, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    uint64_t now_us = tl_clock_steady_us();
    bool news = head.epoch != peer->head.epoch || head.tick != peer->head.tick || head.heir != peer->head.heir;
    if (news || !peer->targeted) {
        peer->head = head;
        peer->targeted = tl_follow_set_target(&logs->follow, peer->log.number, &head);
        *news_us = now_us;
    }
    if (news) {
        take_note(peer, logs->tick_us);
    } else if (peer->due_us <= now_us) {
        peer->fruitless++;
        peer->behind = false;
    }
    if (news || peer->due_us <= now_us) {
        peer->due_us = next_look_us(peer, now_us, logs->tick_us);
    }
    return TL_OK;
}

// What a server had received when it wrote the news may be in a log that was looked at before: look there once more.
tl_result tl_mvsqlite_logs_position(tl_mvsqlite_logs *logs, bool *changed, tl_fault *fault)
{
    uint64_t begin_us = tl_clock_steady_us(), news_us = 0;
    for (int pass = 0; pass < POSITION_PASSES_MAX; pass++) {
        uint64_t before_us = news_us;
        tl_server_number number = 0;
        for (tl_mvsqlite_peer *peer = next_peer(logs, &number); peer; peer = next_peer(logs, &number)) {
            uint64_t seen_us = news_us;
            bool turn = pass == 0 && peer->due_us <= begin_us;
            if (number == logs->follow.own || (!turn && peer->looked_us >= news_us)) {
                continue;
            }
            tl_result result = look(logs, peer, &news_us, fault);
            *changed |= news_us != 0; // it is a target, and reported even if another log cannot be looked at
            if (result != TL_OK) {
                return result;
            }
            if (news_us != seen_us) {
                peer->looked_us = news_us; // its own news need no second look
            }
        }
        if (news_us == before_us) {
            break;
        }
    }
    return TL_OK;
}

uint64_t tl_mvsqlite_logs_due_us(const tl_mvsqlite_logs *logs)
{
    uint64_t due_us = UINT64_MAX;
    tl_server_number number = 0;
    for (tl_mvsqlite_peer *peer = next_peer(logs, &number); peer; peer = next_peer(logs, &number)) {
        if (number != logs->follow.own && peer->due_us < due_us) {
            due_us = peer->due_us;
        }
    }
    return due_us;
}

void tl_mvsqlite_logs_look_again(tl_mvsqlite_logs *logs)
{
    tl_server_number number = 0;
    for (tl_mvsqlite_peer *peer = next_peer(logs, &number); peer; peer = next_peer(logs, &number)) {
        peer->due_us = 0;
    }
}
