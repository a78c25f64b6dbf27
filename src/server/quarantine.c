// Quarantine: sets aside records of other servers that no server can read, and the records that follow them in their
// epoch. The world continues from the record before, and all servers reach the same conclusion, because whether a
// record can be read depends only on its bytes and the kinds. If the epoch is still running, the first server that asks
// ends it there and is the heir. The store reads the record again in that transaction: if it holds other bytes than
// were read here, this server is at fault.
#include "server/quarantine.h"
#include "server/records.h"
#include "server/state.h"

enum { ASKS_MAX = 3 };

static void drop_first(tl_server *s, tl_followed_record **link)
{
    tl_followed_record *record = *link;
    *link = record->next;
    tl_records_release(s, record);
}

// Removes that epoch's records after `tick` from the queue, except the epoch's end.
static void drop_after(tl_server *s, tl_peer_server *p, uint32_t epoch, int64_t tick)
{
    TL_ASSERT((p->first == NULL) == (p->last == NULL));
    p->last = NULL;
    for (tl_followed_record **link = &p->first; *link != NULL;) {
        tl_followed_record *record = *link;
        if (!record->is_end && record->epoch == epoch && record->tick > tick) {
            s->stats.records_set_aside++;
            drop_first(s, link);
            continue;
        }
        p->last = record;
        link = &record->next;
    }
}

static bool has_ended(const tl_peer_server *p, uint32_t epoch)
{
    if (p->epoch > epoch || p->ended_epoch >= epoch) {
        return true;
    }
    for (const tl_followed_record *record = p->first; record != NULL; record = record->next) {
        if (record->is_end && record->epoch == epoch) {
            return true;
        }
    }
    return false;
}

static void ask(tl_server *s, tl_server_number number)
{
    tl_peer_server *p = &s->peers.servers[number];
    const tl_followed_record *bad = p->first;
    TL_ASSERT(bad != NULL && bad->tick == p->bad_tick && bad->epoch == p->bad_epoch);
    p->bad_us = 0;
    p->bad_asks++;
    s->stats.servers_quarantined++;
    tl_store_quarantine(s->def.store, number, bad->epoch, bad->tick - 1, bad->data, bad->size);
}

void tl_quarantine_begin(tl_server *s, tl_server_number number, uint32_t epoch, int64_t tick)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX);
    tl_peer_server *p = &s->peers.servers[number];
    bool joining = s->state == TL_SERVER_JOINING;
    tl_server_say(s,
                  "server %s's record of tick %lld cannot be read: it is set aside, and all that follows it in epoch "
                  "%u ('tramline inspect' exports it)",
                  number == s->number ? s->name : p->name, (long long)tick, epoch);
    if (!joining && has_ended(p, epoch)) {
        drop_after(s, p, epoch, tick - 1);
        return;
    }
    p->bad = true;
    p->bad_epoch = epoch;
    p->bad_tick = tick;
    p->bad_asks = 0;
    p->bad_us = 0;
    if (!joining) {
        ask(s, number); // while loading, the end may still arrive
    }
}

bool tl_quarantine_takes(tl_server *s, const tl_store_event *record)
{
    const tl_peer_server *p = &s->peers.servers[record->server];
    if (!p->bad || p->bad_epoch != record->epoch) {
        return false;
    }
    s->stats.records_set_aside++;
    return true;
}

void tl_quarantine_loaded(tl_server *s)
{
    TL_ASSERT(s->state == TL_SERVER_RUNNING);
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        if (s->peers.servers[n].bad && n != s->number) {
            ask(s, n);
        }
    }
}

void tl_quarantine_end(tl_server *s, const tl_store_event *end)
{
    tl_peer_server *p = &s->peers.servers[end->server];
    bool bad = p->bad && p->bad_epoch == end->epoch;
    int64_t tick = bad ? tl_min_i64(end->tick, p->bad_tick - 1) : end->tick;
    if (p->epoch == end->epoch && p->head_tick > tick) {
        p->head_tick = tick;
    }
    drop_after(s, p, end->epoch, tick);
    if (bad) {
        p->bad = false;
    }
    // What was applied cannot be undone: the world has to be reloaded, as after a fence.
    if (p->applied_epoch == end->epoch && p->applied_tick > tick) {
        tl_server_fail(
            s, TL_SERVER_FENCED,
            "what server %s committed after tick %lld was set aside, but is shown here: the world is to be loaded anew",
            p->name, (long long)tick);
    }
}

void tl_quarantine_watch(tl_server *s, uint64_t store_us)
{
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX && s->state == TL_SERVER_RUNNING; n++) {
        tl_peer_server *p = &s->peers.servers[n];
        if (!p->bad) {
            continue;
        }
        p->bad_us += store_us;
        if (p->bad_us < s->def.lease_ms * 1000ull) {
            continue;
        }
        if (p->bad_asks < ASKS_MAX) {
            ask(s, n);
        } else {
            tl_server_fail(s, TL_SERVER_FENCED,
                           "server %s's record of tick %lld was read otherwise than the store holds it: the world is "
                           "to be loaded anew; if "
                           "that happens again, look after this machine's memory",
                           p->name, (long long)p->bad_tick);
        }
    }
}
