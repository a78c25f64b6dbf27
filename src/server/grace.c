// Grace periods: what silent or absent clients own is kept for a while. When they end, a client's group is emptied and
// reused for the next client: every deleted group leaves a row in the store for ever, and clients come and go.
#include "server/grace.h"
#include "server/carriers.h"
#include "server/claims.h"
#include "server/client_groups.h"
#include "server/created.h"
#include "server/ownership.h"
#include "server/state.h"
#include "world/missing.h"

enum {
    SPARE_GROUPS_SHARE = 16, // at most one in this many of groups_max may be spare: empty and nobody's
    EXPIRE_PER_S = 4,
    // of what clients may create, and of their groups: above it, absent clients' groups are given up
    CROWDED_PERCENT = 75,
    GIVEN_UP_MAX = 64, // groups, per examination of the grace periods
    // a client's longer silence is recorded in the log, so that an heir counts from its beginning
    SILENT_US = 2000000,
};

// Records in the log whether a client that owns something is silent, since its server may crash next.
static void note_silence(tl_server *s, const tl_server_client *client)
{
    int32_t g = client->group ? tl_mirror_find_group(&s->mirror, client->group) : TL_NONE;
    if (g == TL_NONE || s->mirror.groups[g].holder != client->number) {
        return;
    }
    tl_group *group = &s->mirror.groups[g];
    bool silent = tl_claims_silent_us(s, client) > SILENT_US;
    if (silent == (group->vanished_tick >= 0)) {
        return;
    }
    group->vanished_tick = silent ? tl_claims_heard_tick(s, client) : -1;
    tl_client_groups_note(s, group);
}

// Keeps entities that clients created and nobody owns within their carriers' reach as well.
static void hold_nobodys(tl_server *s, int32_t g)
{
    const tl_group *group = &s->mirror.groups[g];
    tl_identity nobodys = tl_identity_nobodys();
    if (!group->used || !tl_client_groups_is_id(group->id) || !tl_identity_equal(&group->identity, &nobodys)) {
        return;
    }
    for (int32_t i = group->entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        (void)tl_carriers_hold(s, i);
    }
}

// Deletes the entities in a group, and those about to enter it with the next records. Returns false if it was not empty
// yet.
static bool empty(tl_server *s, int32_t g)
{
    bool was_empty = true;
    for (int32_t i = s->mirror.groups[g].entity_first; i != TL_NONE;
         i = s->mirror.entities[i].group_next, was_empty = false) {
        (void)tl_server_delete_entity(s, (tl_entity_ref)i); // those already being deleted are not found
    }
    for (uint32_t i = s->changes.entity_count; i-- > 0;) {
        int32_t index = s->changes.entities[i];
        if (!s->mirror.entities[index].unsent_create || s->mirror.entities[index].pending_group != g) {
            continue;
        }
        (void)tl_server_delete_entity(s, (tl_entity_ref)index);
        was_empty = false;
    }
    return was_empty;
}

static uint32_t count_spares(const tl_server *s)
{
    uint32_t count = 0;
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        count += tl_client_groups_is_spare(&s->mirror.groups[g]);
    }
    return count;
}

// Empties a group whose client will not return, and makes it spare.
static void retire(tl_server *s, int32_t g)
{
    tl_group *group = &s->mirror.groups[g];
    TL_ASSERT(group->used && group->holder == 0 && group->vanished_tick >= 0);
    if (group->identity.size) {
        tl_client_groups_note(s, group);
    }
    group->identity = (tl_identity){0};
    group->doomed = true;
    if (!empty(s, g)) {
        group->spare_tick = -1;
    } else if (group->spare_tick < 0) {
        group->spare_tick = s->tick;
    }
    bool superfluous = tl_client_groups_is_spare(group) && count_spares(s) > s->def.groups_max / SPARE_GROUPS_SHARE;
    if (superfluous || tl_missing_any(group->missing)) {
        tl_server_delete_group(s, group->id); // if that fails, it is tried again next time
    }
}

// How many entities and groups are in excess; negative: there is capacity.
typedef struct excess {
    int64_t entities, groups;
} excess;

// Does not count what is already being emptied.
static excess measure_excess(tl_server *s)
{
    excess e = {.entities = (int64_t)tl_created_count(s) - (int64_t)s->def.created_max * CROWDED_PERCENT / 100,
                .groups = -(int64_t)tl_claims_groups_max(s) * CROWDED_PERCENT / 100};
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        const tl_group *group = &s->mirror.groups[g];
        if (!tl_client_groups_is_owned(group)) {
            continue;
        }
        bool goes = group->doomed || group->identity.size == 0;
        if (goes) {
            e.entities -= group->entity_count;
        }
        e.groups += !goes;
    }
    return e;
}

// Whether a group is kept for an absent client without a token, which may never return under that identity.
static bool waits_for_unproven(const tl_server *s, int32_t g)
{
    const tl_group *group = &s->mirror.groups[g];
    bool away = tl_client_groups_is_owned(group) && group->vanished_tick >= 0 && group->holder == 0 && !group->doomed;
    return away && group->live && tl_identity_is_of_secret(&group->identity) && tl_own_owns(s, g);
}

// Finds the groups of the clients without proof that have been away longest, in that order; returns the count.
static int find_longest_away(const tl_server *s, int32_t out[GIVEN_UP_MAX])
{
    int count = 0;
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        if (!waits_for_unproven(s, g)) {
            continue;
        }
        int at = count < GIVEN_UP_MAX ? count++ : GIVEN_UP_MAX; // if the list is full, its last entry drops out
        for (; at > 0 && s->mirror.groups[out[at - 1]].vanished_tick > s->mirror.groups[g].vanished_tick; at--) {
            if (at < GIVEN_UP_MAX) {
                out[at] = out[at - 1];
            }
        }
        if (at < GIVEN_UP_MAX) {
            out[at] = g;
        }
    }
    return count;
}

// Clients that create entities and vanish must not starve those who are connected. When capacity becomes scarce, the
// grace of as many unproven identities as necessary ends early.
static void give_up_longest_away(tl_server *s)
{
    excess e = measure_excess(s);
    if (e.entities <= 0 && e.groups <= 0) {
        return;
    }
    int32_t away[GIVEN_UP_MAX];
    int count = find_longest_away(s, away);
    for (int i = 0; i < count && (e.entities > 0 || e.groups > 0); i++) {
        tl_group *group = &s->mirror.groups[away[i]];
        TL_ASSERT(group->holder == 0 && !group->doomed);
        group->doomed = true;
        e.entities -= group->entity_count;
        e.groups--;
        s->stats.graces_shortened++;
    }
}

static void expire(tl_server *s)
{
    int64_t grace_ticks = (int64_t)s->def.grace_ms * s->world.tick_hz / 1000;
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        hold_nobodys(s, g);
        if (!tl_client_groups_is_owned(group) || group->holder || !tl_own_owns(s, g)) {
            continue;
        }
        if (group->vanished_tick < 0) {
            tl_claims_vanish(s, group, s->tick); // an older own record says that the client is here
        }
        if (group->live && (group->doomed || group->vanished_tick + grace_ticks < s->tick)) {
            retire(s, g);
        }
    }
}

void tl_grace_step(tl_server *s)
{
    if (s->state != TL_SERVER_RUNNING || s->tick % tl_max_i64(1, s->world.tick_hz / EXPIRE_PER_S) != 0) {
        return;
    }
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        if (s->clients.all[i].used) {
            note_silence(s, &s->clients.all[i]);
        }
    }
    give_up_longest_away(s);
    expire(s);
}
