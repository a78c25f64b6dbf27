// Hands groups over to other servers: those the game hands over, those missing here, and surplus groups, to even out
// the counts.
#include "server/balance.h"
#include "server/client_groups.h"
#include "server/ownership.h"
#include "server/peers.h"
#include "server/state.h"
#include "world/missing.h"

enum { GIVES_AT_ONCE = 32 };

// Hands over to the receiver's current epoch: if that ends first, the group goes where the receiver's other groups go.
static void give(tl_server *s, tl_group_id id, tl_server_number to)
{
    TL_ASSERT(to >= 1 && to <= TL_SERVERS_MAX && to != s->number && s->changes.give_count < TL_GIVES_MAX);
    uint32_t epoch = s->peers.servers[to].epoch;
    s->changes.gives[s->changes.give_count++] = (tl_own_give){.group = id, .to = to, .epoch = epoch};
    if (epoch > 1) {
        tl_peers_need(s, to, epoch - 1, -1); // so that an epoch that has already ended is not mistaken for it
    }
}

tl_result tl_server_give_group(tl_server *s, tl_group_id id, tl_server_number to)
{
    int32_t group = tl_mirror_find_group(&s->mirror, id);
    if (group == TL_NONE || to == 0 || to > TL_SERVERS_MAX || !tl_peers_heard(s, to)) {
        return TL_ERR_NOT_FOUND;
    }
    if (!tl_own_owns(s, group) || !s->mirror.groups[group].live) {
        return TL_ERR_DENIED;
    }
    if (s->changes.give_count == TL_GIVES_MAX) {
        return TL_AGAIN;
    }
    give(s, id, to);
    return TL_OK;
}

// Counts the groups of each living server, by number.
static void count_groups(const tl_server *s, uint32_t counts[TL_SERVERS_MAX + 1])
{
    memset(counts, 0, (TL_SERVERS_MAX + 1) * sizeof *counts);
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        const tl_group *group = &s->mirror.groups[g];
        if (tl_client_groups_is_id(group->id)) {
            continue; // it stays where its client is
        }
        if (group->used && group->live && !group->giving && group->owner <= TL_SERVERS_MAX) {
            counts[group->owner]++;
        }
    }
}

// Degraded servers receive nothing, except from a leaving server that has no other choice.
static tl_server_number poorest(const tl_server *s, const uint32_t *counts, bool degraded)
{
    tl_server_number best = 0;
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        if (tl_peers_alive(s, n) && (degraded || !tl_peers_degraded(s, n)) && (best == 0 || counts[n] < counts[best])) {
            best = n;
        }
    }
    return best == 0 && !degraded && s->state == TL_SERVER_LEAVING ? poorest(s, counts, true) : best;
}

// Hands on what was handed to this server, or inherited by it, and is missing here: nobody would publish its state.
static void give_on(tl_server *s)
{
    uint32_t counts[TL_SERVERS_MAX + 1];
    tl_group_id id = tl_missing_group_of(&s->mirror.missing, s->number);
    if (id) {
        count_groups(s, counts);
    }
    for (; id && s->changes.give_count < TL_GIVES_MAX; id = tl_missing_group_of(&s->mirror.missing, s->number)) {
        tl_server_number to = poorest(s, counts, false);
        if (to == 0) {
            return;
        }
        give(s, id, to);
        s->changes.gives[s->changes.give_count - 1].lacking = true;
        tl_missing_note_group(&s->mirror.missing, id, to);
        counts[to]++;
    }
}

// Hands groups to the living server that has the fewest: all of them when leaving, else until the counts are even.
void tl_balance_tick(tl_server *s)
{
    uint32_t counts[TL_SERVERS_MAX + 1];
    bool leaving = s->state == TL_SERVER_LEAVING;
    give_on(s);
    if (!leaving && s->tick % tl_max_i64(1, s->world.tick_hz / 4) != 0) {
        return;
    }
    count_groups(s, counts);
    uint32_t left = leaving ? TL_GIVES_MAX : GIVES_AT_ONCE;
    for (int32_t g = 0; g < s->mirror.group_top && left && s->changes.give_count < TL_GIVES_MAX; g++) {
        const tl_group *group = &s->mirror.groups[g];
        bool incomplete = tl_missing_any(group->missing); // a server that has the whole group should own it
        if (!tl_own_owns(s, g) || !group->live ||
            ((group->kept || group->id == s->clients.nobodys_group || tl_client_groups_is_id(group->id)) && !leaving &&
             !incomplete)) {
            continue;
        }
        tl_server_number to = poorest(s, counts, false);
        if (to == 0) {
            return;
        }
        if (!leaving && !incomplete && counts[s->number] < counts[to] + 2) {
            if (!s->mirror.missing.any) {
                return;
            }
            continue;
        }
        give(s, group->id, to);
        counts[s->number]--;
        counts[to]++;
        left--;
    }
}
