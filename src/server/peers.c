// The other servers: which are alive, whose records are still to arrive, and who inherits whose groups.
#include "server/peers.h"
#include "server/state.h"

enum {
    ALIVE_US = 1000000,   // servers silent for longer, in the store's time, are handed nothing
    DEGRADED_SECONDS = 5, // how long a report that something is missing stays valid
};

tl_peer_server *tl_peers_find(tl_server *s, tl_server_number number)
{
    return number >= 1 && number <= TL_SERVERS_MAX ? &s->peers.servers[number] : NULL;
}

bool tl_peers_heard(const tl_server *s, tl_server_number number)
{
    TL_ASSERT(number <= TL_SERVERS_MAX);
    const tl_peer_server *p = &s->peers.servers[number];
    return number != s->number && p->known && !p->ended && !p->bad && !p->leaving && p->head_tick >= 0 &&
           p->silent_us < ALIVE_US && !tl_world_clock_too_far(&s->time.clock, p->head_tick);
}

bool tl_peers_alive(const tl_server *s, tl_server_number number)
{
    return tl_peers_heard(s, number) && !s->peers.servers[number].lagging;
}

uint32_t tl_peers_alive_count(const tl_server *s)
{
    uint32_t count = 0;
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX && s->peers.servers; n++) {
        count += tl_peers_alive(s, n);
    }
    return count;
}

bool tl_peers_degraded(const tl_server *s, tl_server_number number)
{
    TL_ASSERT(number <= TL_SERVERS_MAX);
    int64_t tick = s->peers.servers[number].degraded_tick;
    return tick > 0 && s->mirror.tick - tick < DEGRADED_SECONDS * (int64_t)s->world.tick_hz;
}

void tl_peers_on_server(tl_server *s, const tl_store_event *event)
{
    tl_peer_server *p = tl_peers_find(s, event->server);
    if (p == NULL || event->server == s->number) {
        return;
    }
    if (!p->known) {
        p->head_tick = p->applied_tick = event->tick;
    }
    if (p->known && p->epoch != event->epoch && s->state != TL_SERVER_JOINING) {
        tl_server_say(s, "server %s is back (epoch %u)", event->name, event->epoch);
    }
    // reported earlier, or truncated
    if (s->state == TL_SERVER_JOINING && event->epoch > p->ended_epoch + 1) {
        p->ended_epoch = event->epoch - 1;
    }
    p->known = true;
    p->ended = p->leaving = false;
    p->epoch = event->epoch;
    p->silent_us = 0;
    p->fence_asked = false;
    tl_world_clock_forget(&s->time.clock, event->server);
    s->time.report_due = true; // it needs to know the time
    p->lagging = true;         // until its records arrive
    memcpy(p->name, event->name, sizeof p->name);
}

// ---- whose records have arrived ----

// Whether the records of all living servers have arrived; `without_lagging`: except those of servers that lag.
static bool has_records(const tl_server *s, int64_t tick, bool without_lagging)
{
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        const tl_peer_server *p = &s->peers.servers[n];
        if (n != s->number && p->known && !p->ended && !p->bad && !(without_lagging && p->lagging) &&
            p->head_tick < tick) {
            return false;
        }
    }
    return true;
}

bool tl_peers_ready(const tl_server *s, int64_t tick)
{
    return has_records(s, tick, true);
}

bool tl_peers_complete(const tl_server *s, int64_t tick)
{
    return has_records(s, tick, false);
}

void tl_peers_mark_lagging(tl_server *s, int64_t tick)
{
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        tl_peer_server *p = &s->peers.servers[n];
        if (n != s->number && p->known && p->head_tick < tick) {
            p->lagging = true;
        }
    }
}

// ---- what records depend on ----

bool tl_peers_need_met(const tl_server *s, const tl_need *need)
{
    if (need->server == s->number || need->server == 0 || need->server > TL_SERVERS_MAX) {
        return true;
    }
    const tl_peer_server *p = &s->peers.servers[need->server];
    if (p->ended_epoch >= need->epoch || !p->known) {
        return true;
    }
    return need->tick >= 0 && p->applied_tick >= need->tick;
}

// Only the latest need of each server matters: ends of epochs come after their ticks, and ticks rise over epochs.
static bool is_later(const tl_need *a, const tl_need *b)
{
    if (a->epoch != b->epoch) {
        return a->epoch > b->epoch;
    }
    return b->tick >= 0 && (a->tick < 0 || a->tick > b->tick);
}

void tl_peers_need(tl_server *s, tl_server_number server, uint32_t epoch, int64_t tick)
{
    TL_ASSERT(server >= 1 && server <= TL_SERVERS_MAX);
    tl_need need = {server, epoch, tick};
    for (uint32_t i = 0; i < s->changes.need_count; i++) {
        if (s->changes.needs[i].server != server) {
            continue;
        }
        if (is_later(&need, &s->changes.needs[i])) {
            s->changes.needs[i] = need;
        }
        return;
    }
    TL_ASSERT(s->changes.need_count < TL_NEEDS_MAX); // at most one per server
    s->changes.needs[s->changes.need_count++] = need;
}

// When this server takes over: its records from now on depend on all that it has seen of the others, which decided who
// had what.
void tl_peers_need_all_seen(tl_server *s)
{
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        const tl_peer_server *p = &s->peers.servers[n];
        if (n != s->number && p->known && !p->ended && p->applied_tick >= 0) {
            tl_peers_need(s, n, p->ended_epoch + 1, p->applied_tick);
        }
    }
}

// ---- who inherits ----

tl_server_number tl_peers_receiver(void *server, tl_server_number to, uint32_t epoch)
{
    const tl_server *s = server;
    for (int i = 0; i < TL_SERVERS_MAX && to >= 1 && to <= TL_SERVERS_MAX; i++) {
        const tl_peer_server *p = &s->peers.servers[to];
        if (epoch > p->ended_epoch || p->ended_heir == 0 || p->ended_heir == to) {
            break;
        }
        to = p->ended_heir;
        epoch = p->ended_heir_epoch;
    }
    return to;
}
