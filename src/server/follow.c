#include "server/state.h"
#include "world/lack.h"

enum { ALIVE_US = 1000000 }; // who was silent for longer, in the store's time, is given nothing

static tl_peer_server *peer(tl_server *s, tl_server_number number)
{
    return number >= 1 && number <= TL_SERVERS_MAX ? &s->servers[number] : NULL;
}

bool tl_follow_heard(const tl_server *s, tl_server_number number)
{
    const tl_peer_server *p = &s->servers[number];
    return number != s->number && p->known && !p->ended && !p->bad && !p->leaving && p->head_tick >= 0 &&
           p->silent_us < ALIVE_US && !tl_world_clock_too_far(&s->clock, p->head_tick);
}

bool tl_follow_alive(const tl_server *s, tl_server_number number)
{
    return tl_follow_heard(s, number) && !s->servers[number].lagging;
}

uint32_t tl_follow_alive_count(const tl_server *s)
{
    uint32_t count = 0;
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX && s->servers; n++) {
        count += tl_follow_alive(s, n);
    }
    return count;
}

// ---- store events ----

static void on_server(tl_server *s, const tl_store_event *event)
{
    tl_peer_server *p = peer(s, event->server);
    if (p == NULL || event->server == s->number) {
        return;
    }
    if (!p->known) {
        p->head_tick = p->applied_tick = event->tick;
    }
    if (p->known && p->epoch != event->epoch && s->state != TL_SERVER_JOINING) {
        tl_server_say(s, "server %s is back (epoch %u)", event->name, event->epoch);
    }
    // that was told, or is cut
    if (s->state == TL_SERVER_JOINING && event->epoch > p->ended_epoch + 1) {
        p->ended_epoch = event->epoch - 1;
    }
    p->known = true;
    p->ended = p->leaving = false;
    p->epoch = event->epoch;
    p->silent_us = 0;
    p->fence_asked = false;
    tl_world_clock_forget(&s->clock, event->server);
    s->report_due = true; // it wants to know the time
    p->lagging = true;    // until its records come in
    memcpy(p->name, event->name, sizeof p->name);
}

static tl_followed_record *alloc_record(tl_server *s, size_t size)
{
    tl_followed_record *record = tl_heap_alloc(&s->follow_heap, sizeof *record + size);
    return record ? record : tl_heap_alloc(&s->heap, sizeof *record + size);
}

void tl_follow_release(tl_server *s, tl_followed_record *record)
{
    uintptr_t at = (uintptr_t)record, begin = (uintptr_t)s->follow_heap.memory;
    tl_heap *heap = at >= begin && at < begin + s->follow_heap.bytes ? &s->follow_heap : &s->heap;
    tl_heap_free(heap, record, sizeof *record + record->size);
}

static void queue(tl_server *s, tl_peer_server *p, const tl_store_event *event, bool is_end)
{
    size_t size = is_end ? 0 : event->size;
    tl_followed_record *record = alloc_record(s, size);
    if (record == NULL) {
        tl_server_fail(s, TL_SERVER_FAILED, "no memory is left to follow the other servers; raise memory_bytes");
        return;
    }
    *record = (tl_followed_record){.tick = event->tick,
                                   .epoch = event->epoch,
                                   .begun_us = event->begun_us,
                                   .is_end = is_end,
                                   .heir = event->heir,
                                   .size = size};
    if (is_end) {
        record->end_serial = s->ends_queued++;
    }
    if (is_end && event->epoch > p->end_told_epoch) {
        p->end_told_epoch = event->epoch;
    }
    if (size) {
        memcpy(record->data, event->data, size);
    }
    if (p->last) {
        p->last->next = record;
    } else {
        p->first = record;
    }
    p->last = record;
}

static void end_of_epoch(tl_server *s, tl_server_number number, const tl_followed_record *end);
static void need_all_seen(tl_server *s);

// Each event is a world of its own while loading: what it changed is settled before the next.
static void settle_loaded(tl_server *s)
{
    tl_mirror_resolve(&s->mirror);
    tl_mirror_settle(&s->mirror);
}

// Another format says nothing about the writer: it may be newer than this server.
static void fail_version(tl_server *s, tl_server_number server, int64_t tick)
{
    tl_server_fail(s, TL_SERVER_FAILED,
                   "server %u's record of tick %lld is of another version; bring all servers to the same release",
                   server, (long long)tick);
}

// Returns whether it was applied.
static bool apply_loaded(tl_server *s, const tl_store_event *event)
{
    if (tl_aside_takes(s, event)) {
        return false;
    }
    s->mirror.tick = event->tick;
    bool own = event->server == s->number;
    const tl_record_events events = {
        .user = s, .own = own, .receiver = tl_follow_receiver, .group_deleted = own ? tl_own_owe_end : NULL};
    tl_result result = tl_record_apply(&s->mirror, event->server, event->tick, event->data, event->size, true, &events);
    settle_loaded(s);
    if (result == TL_ERR_MALFORMED) {
        // kept, for the store to compare
        if (event->server != s->number) {
            queue(s, peer(s, event->server), event, false);
        }
        tl_aside_begin(s, event->server, event->epoch, event->tick);
    }
    if (result == TL_ERR_VERSION) {
        fail_version(s, event->server, event->tick);
    }
    if (result == TL_ERR_FULL) {
        s->stats.limits_reached++; // it is known what is lacking, see server/capacity.c
    }
    return result == TL_OK || result == TL_ERR_FULL;
}

static void on_checkpoint(tl_server *s, const tl_store_event *event)
{
    tl_result result;
    s->mirror.tick = event->tick;
    if (event->group == 0) { // no group is called that
        s->stats.checkpoints_unread++;
        tl_server_say(s, "a checkpoint of tick %lld is of no group; it is passed over", (long long)event->tick);
        return;
    }
    if (event->size == 0) {
        result = tl_mirror_bury_group(&s->mirror, event->group, event->tick);
    } else {
        result = tl_checkpoint_apply(&s->mirror, event->group, event->tick, event->data, event->size);
    }
    if (result == TL_ERR_MALFORMED) {
        result = tl_room_unread(s, event);
    }
    settle_loaded(s);
    if (result == TL_ERR_FULL) {
        s->stats.limits_reached++;
    }
    if (result == TL_ERR_MEMORY) {
        tl_server_fail(s, TL_SERVER_FAILED,
                       "no memory is left to remember which groups were deleted; raise memory_bytes");
    }
    if (result == TL_ERR_VERSION) {
        tl_server_fail(s, TL_SERVER_FAILED,
                       "the checkpoint of group %llx is of another version; bring all servers to the same release",
                       (unsigned long long)event->group);
    }
}

// A record that world ticks can be kept waiting for. Who lags is not waited for, and so, if its records come only a
// little later than the own commits, would lag for ever: its tick is always gone by.
static bool is_in_time(const tl_server *s, int64_t tick)
{
    return s->clock.set && !tl_world_clock_too_far(&s->clock, tick) &&
           s->clock.world_us <= tl_world_clock_tick_us(&s->clock, tick) + s->def.patience_ms * 1000ull;
}

static void on_record(tl_server *s, const tl_store_event *event)
{
    tl_peer_server *p = peer(s, event->server);
    if (p == NULL) {
        return;
    }
    if (event->server != s->number) {
        p->head_tick = event->tick;
        if (s->state != TL_SERVER_JOINING || s->loaded) {
            tl_time_hear(s, event);
        }
        if (!tl_world_clock_too_far(&s->clock, event->tick)) {
            p->silent_us = 0;
            p->fence_asked = false;
        }
        if (p->lagging && is_in_time(s, event->tick)) {
            p->lagging = false;
        }
    }
    if (s->state == TL_SERVER_JOINING) {
        if (!apply_loaded(s, event)) {
            return;
        }
        p->applied_tick = event->tick;
        p->applied_epoch = event->epoch;
    } else if (event->server != s->number && !tl_aside_takes(s, event)) {
        queue(s, p, event, false);
    }
}

static void on_fenced(tl_server *s, const tl_store_event *event)
{
    tl_peer_server *p = peer(s, event->server);
    if (p == NULL) {
        return;
    }
    tl_aside_end(s, event);
    if (s->state >= TL_SERVER_LEFT) {
        return;
    }
    if (s->state == TL_SERVER_JOINING) {
        tl_followed_record end = {.tick = event->tick, .epoch = event->epoch, .heir = event->heir};
        end_of_epoch(s, event->server, &end);
    } else if (event->server != s->number) {
        queue(s, p, event, true);
    }
}

static void on_loaded(tl_server *s)
{
    if (s->number == 0) {
        return;
    }
    s->loaded = true;
    s->loaded_us = s->now_us;
    s->stood_still = 0;
}

void tl_follow_start(tl_server *s)
{
    s->mirror.tick = s->tick = tl_max_i64(tl_max_i64(s->tick, 0), tl_world_clock_tick(&s->clock) - 1);
    tl_tombs_clear(&s->mirror.tombs, &s->heap);
    s->owes = true;
    tl_mirror_resolve(&s->mirror);
    for (int32_t i = 0; i < s->mirror.entity_top; i++) {
        if (s->mirror.entities[i].live) {
            tl_mirror_touch(&s->mirror, i, TL_CHANGE_ENTERED | TL_CHANGE_STATE);
        }
    }
    tl_pyramid_tick(&s->pyramid, s->mirror.tick);
    tl_mirror_settle(&s->mirror);
    s->state = TL_SERVER_RUNNING;
    need_all_seen(s); // what it says from now on comes after all that it has loaded
    s->last_commit_us = s->now_us;
    tl_server_say(s, "loaded: %u entities", s->mirror.live_count);
    tl_claims_ended(s, s->number, s->stats.committed_tick);
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        s->mirror.groups[g].known_tick = -1;
        if (s->mirror.groups[g].used && s->mirror.groups[g].owner == s->number) {
            tl_own_take_group(s, g);
        }
    }
    tl_aside_loaded(s);
}

static void on_committed(tl_server *s, const tl_store_event *event)
{
    uint64_t since = s->now_us - s->last_commit_us, tick_us = 1000000u / s->world.tick_hz;
    // The store's time: what passes between own commits, but a stall's length does not count.
    if (s->state != TL_SERVER_JOINING) {
        tl_follow_watch(s, since < 2 * tick_us ? since : 2 * tick_us);
    }
    s->last_commit_us = s->now_us;
    s->stats.committed_tick = event->tick;
    uint64_t took_us = tl_own_committed(s, event->tick), told_us = event->done_us - event->begun_us;
    // The store saw it earlier than this, but by a clock that may have jumped.
    if (event->done_us >= event->begun_us && told_us < took_us) {
        took_us = told_us;
    }
    if (s->def.callbacks.committed) {
        s->def.callbacks.committed(s->def.callbacks.user, event->tick, took_us);
    }
}

void tl_follow_event(tl_server *s, const tl_store_event *event)
{
    switch (event->type) {
    case TL_STORE_JOINED:
        s->number = event->server;
        s->epoch = event->epoch;
        s->tick = s->stats.committed_tick = event->tick;
        tl_server_say(s, "joined as server %u, epoch %u", event->server, event->epoch);
        break;
    case TL_STORE_SERVER: on_server(s, event); break;
    case TL_STORE_CHECKPOINT: on_checkpoint(s, event); break;
    case TL_STORE_RECORD: on_record(s, event); break;
    case TL_STORE_LOADED: on_loaded(s); break;
    case TL_STORE_COMMITTED: on_committed(s, event); break;
    case TL_STORE_FENCED: on_fenced(s, event); break;
    case TL_STORE_LOST:
        tl_server_fail(s, TL_SERVER_FENCED, "the lease of %s was taken at tick %lld; its groups are server %u's",
                       s->name, (long long)event->tick, event->heir);
        break;
    case TL_STORE_STALLED:
        s->stats.store_stalled = true;
        s->stats.store_stalls++;
        tl_server_say(s, "the store stalls: %s", event->text);
        break;
    case TL_STORE_RECOVERED:
        s->stats.store_stalled = false;
        tl_server_say(s, "the store goes on");
        break;
    case TL_STORE_FAILED: tl_server_fail(s, TL_SERVER_FAILED, "the store failed: %s", event->text); break;
    case TL_STORE_NOTICE: tl_server_say(s, "the store goes on, but: %s", event->text); break;
    }
}

// ---- applying, in an order that respects what records need ----

static bool need_met(const tl_server *s, const tl_need *need)
{
    if (need->server == s->number || need->server == 0 || need->server > TL_SERVERS_MAX) {
        return true;
    }
    const tl_peer_server *p = &s->servers[need->server];
    if (p->ended_epoch >= need->epoch || !p->known) {
        return true;
    }
    return need->tick >= 0 && p->applied_tick >= need->tick;
}

static bool can_apply(const tl_server *s, const tl_peer_server *p, const tl_followed_record *record, int64_t tick)
{
    if (record->is_end) {
        return record->end_serial == s->ends_applied;
    }
    // What is so far ahead waits to be set aside, unless its epoch has ended with it.
    bool ended_ahead = record->epoch <= p->end_told_epoch && tl_world_clock_too_far(&s->clock, record->tick);
    if ((record->tick > tick && !ended_ahead) || (p->bad && record->epoch == p->bad_epoch)) {
        return false;
    }
    tl_need needs[TL_NEEDS_MAX];
    int count = tl_record_needs(record->data, record->size, needs, TL_NEEDS_MAX);
    for (int i = 0; i < count; i++) {
        if (!need_met(s, &needs[i])) {
            return false;
        }
    }
    return true;
}

// Whether the records of all living servers are there; `without_lagging`: servers that lag are not asked.
static bool has_records(const tl_server *s, int64_t tick, bool without_lagging)
{
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        const tl_peer_server *p = &s->servers[n];
        if (n != s->number && p->known && !p->ended && !p->bad && !(without_lagging && p->lagging) &&
            p->head_tick < tick) {
            return false;
        }
    }
    return true;
}

bool tl_follow_ready(const tl_server *s, int64_t tick)
{
    return has_records(s, tick, true);
}

bool tl_follow_complete(const tl_server *s, int64_t tick)
{
    return has_records(s, tick, false);
}

void tl_follow_mark_lagging(tl_server *s, int64_t tick)
{
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        tl_peer_server *p = &s->servers[n];
        if (n != s->number && p->known && p->head_tick < tick) {
            p->lagging = true;
        }
    }
}

// Of one server the latest need says it all: ends of epochs come after their ticks, and ticks rise over epochs.
static bool is_later(const tl_need *a, const tl_need *b)
{
    if (a->epoch != b->epoch) {
        return a->epoch > b->epoch;
    }
    return b->tick >= 0 && (a->tick < 0 || a->tick > b->tick);
}

void tl_follow_need(tl_server *s, tl_server_number server, uint32_t epoch, int64_t tick)
{
    tl_need need = {server, epoch, tick};
    for (uint32_t i = 0; i < s->need_count; i++) {
        if (s->needs[i].server != server) {
            continue;
        }
        if (is_later(&need, &s->needs[i])) {
            s->needs[i] = need;
        }
        return;
    }
    TL_ASSERT(s->need_count < TL_NEEDS_MAX); // one a server at most
    s->needs[s->need_count++] = need;
}

tl_server_number tl_follow_receiver(void *server, tl_server_number to, uint32_t epoch)
{
    const tl_server *s = server;
    for (int i = 0; i < TL_SERVERS_MAX && to >= 1 && to <= TL_SERVERS_MAX; i++) {
        const tl_peer_server *p = &s->servers[to];
        if (epoch > p->ended_epoch || p->ended_heir == 0 || p->ended_heir == to) {
            break;
        }
        to = p->ended_heir;
        epoch = p->ended_heir_epoch;
    }
    return to;
}

// What this server has seen of all others when it takes over: who had what before then. What it says from now on comes
// after that.
static void need_all_seen(tl_server *s)
{
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        const tl_peer_server *p = &s->servers[n];
        if (n != s->number && p->known && !p->ended && p->applied_tick >= 0) {
            tl_follow_need(s, n, p->ended_epoch + 1, p->applied_tick);
        }
    }
}

// Its next epoch, which this server itself is just beginning, has no checkpoint yet: what is newer than the end of the
// former one shows what was set aside. Of the others' next epochs the store tells only as they come in their logs.
static bool has_lived_since(const tl_server *s, tl_server_number number, uint32_t epoch)
{
    return number != s->number || s->epoch > epoch + 1;
}

static void inherit(tl_server *s, tl_server_number from, tl_server_number heir, const tl_followed_record *end)
{
    bool joining = s->state == TL_SERVER_JOINING, lived = has_lived_since(s, from, end->epoch);
    uint32_t count = 0;
    tl_lack_inherit_groups(&s->mirror, from, heir);
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        if (!group->used || !group->live || group->owner != from) {
            continue;
        }
        if (joining && lived && group->checkpoint_tick > end->tick) {
            continue; // it shows what came later
        }
        group->owner = heir;
        count++;
        if (heir != s->number || joining) {
            continue;
        }
        group->changed_tick = s->mirror.tick; // its next checkpoint shows the new owner, and is soon written
        tl_own_take_group(s, g);
    }
    if (heir == s->number && !joining) {
        tl_server_say(s, "took over %u groups of server %s", count, s->servers[from].name);
    }
}

static void end_of_epoch(tl_server *s, tl_server_number number, const tl_followed_record *end)
{
    tl_peer_server *p = &s->servers[number];
    if (end->epoch >= p->ended_epoch) {
        p->ended_epoch = end->epoch;
        p->ended_heir = end->heir;
        p->ended_heir_epoch = end->heir <= TL_SERVERS_MAX ? s->servers[end->heir].ended_epoch + 1 : 0; // it lived then
        p->ended_tick = end->tick;
    }
    tl_claims_ended(s, number, end->tick);
    if (end->heir == number) {
        return; // it came back under a new epoch and kept its groups
    }
    if (p->epoch <= end->epoch) {
        p->ended = true;
    }
    if (end->heir == 0) {
        return; // it left in order; who takes what it has left behind will be told
    }
    inherit(s, number, end->heir, end);
    if (end->heir != s->number || s->state == TL_SERVER_JOINING) {
        return;
    }
    need_all_seen(s);
    tl_follow_need(s, number, end->epoch, -1);
}

static void on_given(void *user, int32_t group, tl_server_number from, tl_server_number to)
{
    tl_server *s = user;
    (void)from;
    s->mirror.groups[group].giving = false;
    if (to != s->number) {
        return;
    }
    tl_own_take_group(s, group);
    tl_follow_need(s, s->applying, s->applying_epoch, s->applying_tick);
}

// It goes on to somebody else, see tl_own_balance().
static void on_lacking_given(void *user, tl_server_number to)
{
    tl_server *s = user;
    if (to == s->number) {
        tl_follow_need(s, s->applying, s->applying_epoch, s->applying_tick);
    }
}

static void on_leaving(void *user, tl_server_number from)
{
    tl_server *s = user;
    s->servers[from].leaving = true;
}

static void on_post(void *user, tl_op op, tl_server_number from, tl_server_number to, const void *data, size_t size)
{
    tl_server *s = user;
    if (op == TL_OP_RETELL) {
        tl_room_post(s, from, to, data, size);
    } else if (to == s->number) {
        tl_requests_post(s, op, from, data, size);
    }
}

// False: it was not, and stays in the queue or was set aside.
static bool apply_one(tl_server *s, tl_server_number number, tl_followed_record *record)
{
    tl_peer_server *p = &s->servers[number];
    if (record->is_end) {
        s->ends_applied++;
        end_of_epoch(s, number, record);
        return true;
    }
    const tl_record_events events = {.user = s,
                                     .receiver = tl_follow_receiver,
                                     .group_given = on_given,
                                     .lacking_given = on_lacking_given,
                                     .leaving = on_leaving,
                                     .post = on_post};
    s->applying = number, s->applying_epoch = record->epoch, s->applying_tick = record->tick;
    tl_result result = tl_record_apply(&s->mirror, number, record->tick, record->data, record->size, false, &events);
    if (result == TL_ERR_MALFORMED) {
        tl_aside_begin(s, number, record->epoch, record->tick);
    }
    if (result == TL_ERR_VERSION) {
        fail_version(s, number, record->tick);
    }
    if (result == TL_ERR_MALFORMED || result == TL_ERR_VERSION) {
        return false;
    }
    if (result == TL_ERR_FULL) {
        s->stats.limits_reached++;
    }
    p->applied_tick = record->tick;
    p->applied_epoch = record->epoch;
    uint64_t begun_us = tl_world_clock_own_wall(&s->clock, number, record->begun_us);
    if (s->def.callbacks.link) {
        s->def.callbacks.link(s->def.callbacks.user, number, record->tick, begun_us);
    }
    return true;
}

static bool apply_some(tl_server *s, tl_server_number number, int64_t tick)
{
    tl_peer_server *p = &s->servers[number];
    bool any = false;
    while (p->first && s->state < TL_SERVER_LEFT && can_apply(s, p, p->first, tick)) {
        tl_followed_record *record = p->first;
        any = true;
        if (!apply_one(s, number, record)) {
            continue;
        }
        p->first = record->next;
        if (p->first == NULL) {
            p->last = NULL;
        }
        tl_follow_release(s, record);
    }
    if (p->lagging && p->head_tick >= tick) {
        p->lagging = false;
    }
    return any;
}

void tl_follow_apply(tl_server *s, int64_t tick)
{
    for (bool any = true; any;) {
        any = false;
        for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
            if (s->servers[n].first) {
                any |= apply_some(s, n, tick);
            }
        }
    }
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        if (s->servers[n].lagging && s->servers[n].head_tick >= tick) {
            s->servers[n].lagging = false;
        }
    }
}

// ---- who is alive ----

static bool owns_any(const tl_server *s, tl_server_number number)
{
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        if (s->mirror.groups[g].used && s->mirror.groups[g].live && s->mirror.groups[g].owner == number) {
            return true;
        }
    }
    return tl_lack_group_of(&s->mirror, number) != 0;
}

// Its next record is further ahead than any living server's may be: its clock is wrong.
static bool is_ahead(const tl_server *s, const tl_peer_server *p)
{
    return p->first && !p->first->is_end && !p->bad && tl_world_clock_too_far(&s->clock, p->first->tick);
}

// Ends the epoch of a server whose lease is over. Of one that is ahead of all others, what they cannot apply is set
// aside; where the store does not do that, its epoch ends as it is.
static void fence(tl_server *s, tl_server_number number, bool ahead, bool again)
{
    tl_peer_server *p = &s->servers[number];
    bool left = p->ended && p->ended_heir == 0;
    tl_store *store = s->def.store;
    if (ahead && !again) {
        tl_server_say(s, "server %s is ahead of the others' time; its lease is over, and ends at tick %lld", p->name,
                      (long long)p->applied_tick);
        if (store->ops->quarantine(store, number, p->epoch, p->applied_tick, NULL, 0) == TL_OK) {
            return;
        }
    }
    store->ops->fence(store, number, left ? p->ended_epoch : p->epoch, left ? p->ended_tick : p->head_tick);
}

void tl_follow_watch(tl_server *s, uint64_t store_us)
{
    if (s->state != TL_SERVER_RUNNING) {
        return;
    }
    tl_aside_watch(s, store_us);
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        tl_peer_server *p = &s->servers[n];
        bool left = p->ended && p->ended_heir == 0, ahead = is_ahead(s, p);
        if (n == s->number || !p->known || (p->ended && !left) || (p->first && !ahead)) {
            continue;
        }
        p->silent_us += store_us;
        // A server that lacks something leaves it to one that does not, if there is one.
        uint64_t lease_us = s->def.lease_ms * 1000ull * (s->mirror.lacked && tl_follow_alive_count(s) ? 4 : 3) / 3;
        if ((!left && p->silent_us < lease_us) || !(ahead || owns_any(s, n))) {
            continue;
        }
        // asked; and again if nothing comes of it
        if (p->fence_asked && p->silent_us < s->def.lease_ms * 1000ull) {
            continue;
        }
        // whichever does it: a server that goes on has another newest record by then
        fence(s, n, ahead, p->fence_asks++ % 2 == 1);
        p->fence_asked = true;
        p->silent_us = 0;
    }
}
