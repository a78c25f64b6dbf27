// Fencing: ends the epochs of servers whose leases have expired.
#include "server/fencing.h"
#include "server/peers.h"
#include "server/quarantine.h"
#include "server/state.h"
#include "world/missing.h"

static bool owns_any(const tl_server *s, tl_server_number number)
{
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        if (s->mirror.groups[g].used && s->mirror.groups[g].live && s->mirror.groups[g].owner == number) {
            return true;
        }
    }
    return tl_missing_group_of(&s->mirror.missing, number) != 0;
}

// Its next record is further ahead than any living server's may be: its clock is wrong.
static bool is_ahead(const tl_server *s, const tl_peer_server *p)
{
    return p->first && !p->first->is_end && !p->bad && tl_world_clock_too_far(&s->time.clock, p->first->tick);
}

// Ends the epoch of a server whose lease has expired. If it is ahead of all others, the records that they cannot apply
// are set aside; if the store does not do that, its epoch ends as it is.
static void fence(tl_server *s, tl_server_number number, bool ahead, bool again)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX && number != s->number);
    tl_peer_server *p = &s->peers.servers[number];
    bool left = p->ended && p->ended_heir == 0;
    tl_store *store = s->def.store;
    if (ahead && !again) {
        tl_server_say(s, "server %s is ahead of the others' time; its lease is over, and ends at tick %lld", p->name,
                      (long long)p->applied_tick);
        if (tl_store_quarantine(store, number, p->epoch, p->applied_tick, NULL, 0) == TL_OK) {
            return;
        }
    }
    tl_store_fence(store, number, left ? p->ended_epoch : p->epoch, left ? p->ended_tick : p->head_tick);
}

void tl_fencing_watch(tl_server *s, uint64_t store_us)
{
    if (s->state != TL_SERVER_RUNNING) {
        return;
    }
    tl_quarantine_watch(s, store_us);
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        tl_peer_server *p = &s->peers.servers[n];
        bool left = p->ended && p->ended_heir == 0, ahead = is_ahead(s, p);
        if (n == s->number || !p->known || (p->ended && !left) || (p->first && !ahead)) {
            continue;
        }
        p->silent_us += store_us;
        // A degraded server leaves the fencing to one that is not, if there is one.
        uint64_t lease_us = s->def.lease_ms * 1000ull * (s->mirror.missing.any && tl_peers_alive_count(s) ? 4 : 3) / 3;
        if ((!left && p->silent_us < lease_us) || !(ahead || owns_any(s, n))) {
            continue;
        }
        // already asked; asks again if nothing happens
        if (p->fence_asked && p->silent_us < s->def.lease_ms * 1000ull) {
            continue;
        }
        // alternates between both kinds of fence: a server that goes on has another newest record by then
        fence(s, n, ahead, p->fence_asks++ % 2 == 1);
        p->fence_asked = true;
        p->silent_us = 0;
    }
}
