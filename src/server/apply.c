// Applies a tick's records, this server's and others', to the mirror in the order of their dependencies, and carries
// out what they say: groups change owners, posts are delivered, and servers' epochs end.
#include "server/apply.h"
#include "server/claims.h"
#include "server/client_groups.h"
#include "server/groups.h"
#include "server/own_records.h"
#include "server/peers.h"
#include "server/quarantine.h"
#include "server/records.h"
#include "server/requests.h"
#include "server/retell.h"
#include "server/returns.h"
#include "server/state.h"
#include "world/missing.h"
#include "world/record_apply.h"

// An unknown format is no fault of the writer, which may be newer than this server.
void tl_apply_fail_version(tl_server *s, tl_server_number server, int64_t tick)
{
    tl_server_fail(s, TL_SERVER_FAILED,
                   "server %u's record of tick %lld is of another version; bring all servers to the same release",
                   server, (long long)tick);
}

// ---- taking over ----

void tl_apply_take_group(tl_server *s, int32_t group)
{
    TL_ASSERT(group >= 0 && group < s->mirror.group_top);
    tl_groups_take(s, group);
    if (tl_client_groups_is_id(s->mirror.groups[group].id)) {
        tl_returns_taken(s, group);
    }
}

// This server's next epoch is only beginning and has no checkpoint yet, so checkpoints newer than the end of its former
// epoch show state that was set aside. The store reports other servers' next epochs only as their logs are read.
static bool has_lived_since(const tl_server *s, tl_server_number number, uint32_t epoch)
{
    return number != s->number || s->epoch > epoch + 1;
}

static void inherit(tl_server *s, tl_server_number from, tl_server_number heir, const tl_followed_record *end)
{
    bool joining = s->state == TL_SERVER_JOINING, lived = has_lived_since(s, from, end->epoch);
    uint32_t count = 0;
    tl_missing_inherit_groups(&s->mirror.missing, from, heir);
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        if (!group->used || !group->live || group->owner != from) {
            continue;
        }
        if (joining && lived && group->checkpoint_tick > end->tick) {
            continue; // it already shows a later state
        }
        group->owner = heir;
        count++;
        if (heir != s->number || joining) {
            continue;
        }
        group->changed_tick = s->mirror.tick; // so that a checkpoint that shows the new owner is written soon
        tl_apply_take_group(s, g);
    }
    if (heir == s->number && !joining) {
        tl_server_say(s, "took over %u groups of server %s", count, s->peers.servers[from].name);
    }
}

void tl_apply_end(tl_server *s, tl_server_number number, const tl_followed_record *end)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX);
    tl_peer_server *p = &s->peers.servers[number];
    if (end->epoch >= p->ended_epoch) {
        p->ended_epoch = end->epoch;
        p->ended_heir = end->heir;
        p->ended_heir_epoch = end->heir <= TL_SERVERS_MAX ? s->peers.servers[end->heir].ended_epoch + 1
                                                          : 0; // it was alive then
        p->ended_tick = end->tick;
    }
    tl_claims_ended(s, number, end->tick);
    if (end->heir == number) {
        return; // it returned under a new epoch and kept its groups
    }
    if (p->epoch <= end->epoch) {
        p->ended = true;
    }
    if (end->heir == 0) {
        return; // it left in order; a later event says who takes over what it left
    }
    inherit(s, number, end->heir, end);
    if (end->heir != s->number || s->state == TL_SERVER_JOINING) {
        return;
    }
    tl_peers_need_all_seen(s);
    tl_peers_need(s, number, end->epoch, -1);
}

// ---- others' records ----

static void on_given(void *user, int32_t group, tl_server_number from, tl_server_number to)
{
    tl_server *s = user;
    (void)from;
    s->mirror.groups[group].giving = false;
    if (to != s->number) {
        return;
    }
    tl_apply_take_group(s, group);
    tl_peers_need(s, s->peers.applying, s->peers.applying_epoch, s->peers.applying_tick);
}

// The group is handed on to another server, see tl_balance_tick().
static void on_lacking_given(void *user, tl_server_number to)
{
    tl_server *s = user;
    if (to == s->number) {
        tl_peers_need(s, s->peers.applying, s->peers.applying_epoch, s->peers.applying_tick);
    }
}

static void on_leaving(void *user, tl_server_number from)
{
    tl_server *s = user;
    s->peers.servers[from].leaving = true;
}

static void on_post(void *user, tl_op op, tl_server_number from, tl_server_number to, const void *data, size_t size)
{
    tl_server *s = user;
    if (op == TL_OP_RETELL) {
        tl_retell_take(s, from, to, data, size);
    } else if (to == s->number) {
        tl_requests_post(s, op, from, data, size);
    }
}

// Returns false if the record was not applied, and stays in the queue or was set aside.
static bool apply_one(tl_server *s, tl_server_number number, tl_followed_record *record)
{
    tl_peer_server *p = &s->peers.servers[number];
    TL_ASSERT(number != s->number && p->first == record);
    if (record->is_end) {
        TL_ASSERT(record->end_serial == s->peers.ends_applied);
        s->peers.ends_applied++;
        tl_apply_end(s, number, record);
        return true;
    }
    const tl_record_events events = {.user = s,
                                     .receiver = tl_peers_receiver,
                                     .group_given = on_given,
                                     .lacking_given = on_lacking_given,
                                     .leaving = on_leaving,
                                     .post = on_post};
    s->peers.applying = number, s->peers.applying_epoch = record->epoch, s->peers.applying_tick = record->tick;
    tl_result result = tl_record_apply(&s->mirror, number, record->tick, record->data, record->size, false, &events);
    if (result == TL_ERR_MALFORMED) {
        tl_quarantine_begin(s, number, record->epoch, record->tick);
    }
    if (result == TL_ERR_VERSION) {
        tl_apply_fail_version(s, number, record->tick);
    }
    if (result == TL_ERR_MALFORMED || result == TL_ERR_VERSION) {
        return false;
    }
    if (result == TL_ERR_FULL) {
        s->stats.limits_reached++;
    }
    p->applied_tick = record->tick;
    p->applied_epoch = record->epoch;
    uint64_t begun_us = tl_world_clock_own_wall(&s->time.clock, number, record->begun_us);
    if (s->def.callbacks.link) {
        s->def.callbacks.link(s->def.callbacks.user, number, record->tick, begun_us);
    }
    return true;
}

static bool apply_some(tl_server *s, tl_server_number number, int64_t tick)
{
    tl_peer_server *p = &s->peers.servers[number];
    bool any = false;
    while (p->first && s->state < TL_SERVER_LEFT && tl_records_can_apply(s, p, p->first, tick)) {
        tl_followed_record *record = p->first;
        any = true;
        if (!apply_one(s, number, record)) {
            continue;
        }
        p->first = record->next;
        if (p->first == NULL) {
            p->last = NULL;
        }
        tl_records_release(s, record);
    }
    if (p->lagging && p->head_tick >= tick) {
        p->lagging = false;
    }
    return any;
}

void tl_apply_others(tl_server *s, int64_t tick)
{
    for (bool any = true; any;) {
        any = false;
        for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
            if (s->peers.servers[n].first) {
                any |= apply_some(s, n, tick);
            }
        }
    }
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        if (s->peers.servers[n].lagging && s->peers.servers[n].head_tick >= tick) {
            s->peers.servers[n].lagging = false;
        }
    }
}

// ---- own records ----

static void on_own_given(void *user, int32_t group, tl_server_number from, tl_server_number to)
{
    tl_server *s = user;
    s->mirror.groups[group].giving = false;
    (void)from;
    tl_groups_lose(s, group);
    if (to == s->number) {
        tl_apply_take_group(s, group);
    } else {
        s->mirror.groups[group].owed = s->checkpoints.owes = true;
    }
}

static void on_own_post(void *user, tl_op op, tl_server_number from, tl_server_number to, const void *data, size_t size)
{
    tl_server *s = user;
    if (op == TL_OP_RETELL) {
        return; // this server's own
    }
    if (to == s->number) {
        tl_requests_post(s, op, from, data, size);
    }
}

// Prefetches the newest record's entities in parallel, as for others' records (record.c).
static void prefetch_recorded(const tl_server *s)
{
    const tl_mirror *m = &s->mirror;
    for (uint32_t i = 0; i < s->records.newest_count; i++) {
        tl_prefetch(&m->entities[s->records.newest[i]], offsetof(tl_entity, said_carrier));
    }
    for (uint32_t i = 0; i < s->records.newest_count; i++) {
        const tl_entity *e = &m->entities[s->records.newest[i]];
        if (e->used) {
            tl_prefetch(e->state, (size_t)m->kinds->kinds[e->kind].word_count * sizeof *e->state);
        }
    }
}

void tl_apply_own(tl_server *s, int64_t tick)
{
    tl_record_events events = {
        .user = s, .checked = true, .receiver = tl_peers_receiver, .group_given = on_own_given, .post = on_own_post};
    for (uint32_t i = 0; i < s->records.count; i++) {
        tl_own_record *record = &s->records.waiting[(s->records.first + i) % TL_OWN_RECORDS_MAX];
        if (record->tick > tick) {
            break;
        }
        if (record->applied) {
            continue;
        }
        record->applied = true;
        bool newest = i + 1 == s->records.count;
        if (newest) {
            prefetch_recorded(s);
        }
        events.likely = s->records.newest;
        events.likely_count = newest ? s->records.newest_count : 0;
        tl_result result = tl_record_apply(&s->mirror, s->number, record->tick, record->data, record->size, false,
                                           &events);
        TL_ASSERT(result != TL_ERR_MALFORMED);
        if (result == TL_ERR_FULL) {
            s->stats.limits_reached++;
        }
    }
    tl_own_records_drop_done(s);
}
