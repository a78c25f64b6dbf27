// What clients own, across connections. It is in a group of the client's own; the log records which identity the group
// belongs to. While the client is away the group is kept for a grace period, whichever server owns it.
#include "server/claims.h"
#include "server/client_groups.h"
#include "server/groups.h"
#include "server/ownership.h"
#include "server/state.h"

enum {
    CLIENT_GROUPS_SHARE = 2, // at most one in this many of groups_max may hold what a client owns
    // about, in a group of entities that no client owns: if it outgrew a checkpoint, the log could not be truncated
    NOBODYS_ENTITIES_MAX = 4096,
    LIST_ENTITIES = 40, // per message; each takes up to 22 bytes
    // a client's list stays open for 1 s / this after its HELLO: records about what it owns may still be on their way
    LIST_ENDS_PER_S = 2,
};

// ---- connecting ----

static bool known_seed(const tl_server *s)
{
    static const unsigned char none[TL_SECRET_BYTES];
    return memcmp(s->def.secret_seed, none, sizeof none) != 0;
}

static int64_t next_claim(tl_server *s, const tl_identity *identity)
{
    int64_t claim = tl_max_i64(s->clients.last_claim + 1, s->tick * TL_CLAIMS_PER_TICK);
    for (int32_t g = tl_client_groups_next(s, identity, 0); g != TL_NONE;
         g = tl_client_groups_next(s, identity, g + 1)) {
        claim = tl_max_i64(claim, s->mirror.groups[g].claim + 1);
    }
    return s->clients.last_claim = claim;
}

void tl_claims_hello(tl_server *s, tl_server_client *client, const unsigned char *secret)
{
    TL_ASSERT(client->used && client->number != 0 && client->group == 0);
    client->claimed = true;
    if (!client->grant.write) {
        return;
    }
    // clients that can own nothing yet have no claim
    if (client->grant.proven || secret) {
        client->list_tick = s->tick + s->world.tick_hz / LIST_ENDS_PER_S;
    }
    if (client->grant.proven) {
        client->identity = tl_identity_of_name(client->grant.name);
        client->claimed = tl_client_groups_next(s, &client->identity, 0) == TL_NONE;
    } else if (known_seed(s)) {
        client->has_secret = true;
        if (secret) {
            memcpy(client->secret, secret, TL_SECRET_BYTES);
        } else {
            tl_secret_make(s->def.secret_seed, s->epoch, client->number, client->secret);
        }
        client->identity = tl_identity_of_secret(client->secret);
        client->claimed = !secret;
    }
    client->claim = next_claim(s, &client->identity);
}

// ---- reporting what a client owns ----

// Writes the owned entities that have not been reported to the client yet, as many as fit in a message; returns the
// count.
static uint32_t write_unreported(const tl_server *s, tl_server_client *client, tl_writer *w)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < client->owned_count && count < LIST_ENTITIES; i++) {
        tl_owned *owned = &client->owned[i];
        if (owned->reported) {
            continue;
        }
        int32_t index = tl_mirror_find(&s->mirror, owned->id);
        tl_write_varint(w, owned->id);
        tl_write_varint(w, index == TL_NONE ? 0 : s->mirror.entities[index].kind);
        tl_write_varint(w, index == TL_NONE ? 0 : s->mirror.entities[index].carrier_id);
        count++;
    }
    return count;
}

static void mark_reported(tl_server_client *client, uint32_t count)
{
    for (uint32_t i = 0; i < client->owned_count && count; i++) {
        count -= !client->owned[i].reported;
        client->owned[i].reported = true;
    }
}

void tl_claims_report(tl_server *s, tl_server_client *client)
{
    while (client->claimed && !client->own_reported) {
        unsigned char data[TL_MESSAGE_BYTES_MAX], entries[TL_MESSAGE_BYTES_MAX];
        tl_writer w = tl_writer_make(data, sizeof data), listed = tl_writer_make(entries, sizeof entries);
        uint32_t count = write_unreported(s, client, &listed);
        bool ends = count < LIST_ENTITIES && s->mirror.tick >= client->list_tick;
        if (count == 0 && !ends) {
            return;
        }
        tl_write_varint(&w, !ends);
        tl_write_varint(&w, count);
        tl_write_bytes(&w, entries, listed.size);
        TL_ASSERT(!w.bad && !listed.bad);
        if (tl_channel_send(&client->session->channel, TL_MESSAGE_OWN, data, w.size) != TL_OK) {
            return;
        }
        mark_reported(client, count);
        client->own_reported = ends;
    }
}

// ---- creating ----

uint32_t tl_claims_groups_max(const tl_server *s)
{
    return (s->def.groups_max + CLIENT_GROUPS_SHARE - 1) / CLIENT_GROUPS_SHARE;
}

// Whether one more client may have a group: clients must not use up what the game needs.
static bool has_room(const tl_server *s)
{
    uint32_t count = 0;
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        count += tl_client_groups_is_owned(&s->mirror.groups[g]) && !tl_client_groups_is_spare(&s->mirror.groups[g]);
    }
    return count < tl_claims_groups_max(s);
}

// Returns one of this server's spare groups that nothing is about to enter, or TL_NONE.
static int32_t find_spare(const tl_server *s)
{
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        const tl_group *group = &s->mirror.groups[g];
        if (tl_client_groups_is_spare(group) && group->live && tl_own_owns(s, g) && group->spare_tick >= 0 &&
            s->mirror.tick >= group->spare_tick) {
            return g;
        }
    }
    return TL_NONE;
}

// Assigns a group to a connected client, or to nobody.
static void assign(tl_server *s, tl_group *group, const tl_identity *identity, int64_t claim, tl_client_number holder)
{
    TL_ASSERT(group->used && group->entity_count == 0);
    group->identity = *identity;
    group->holder = holder;
    group->claim = claim;
    group->vanished_tick = group->spare_tick = -1;
    group->doomed = false;
    tl_client_groups_note(s, group);
}

static tl_result create_group(tl_server *s, const tl_identity *identity, int64_t claim, tl_client_number holder,
                              tl_group_id *out)
{
    tl_group_id id = tl_groups_next_client_id(s);
    tl_result result = tl_server_create_group(s, id, NULL);
    if (result != TL_OK) {
        return result;
    }
    assign(s, &s->mirror.groups[tl_mirror_find_group(&s->mirror, id)], identity, claim, holder);
    *out = id;
    return TL_OK;
}

tl_result tl_claims_nobodys_group(tl_server *s, tl_group_id *out)
{
    tl_result result = TL_OK;
    tl_identity nobodys = tl_identity_nobodys();
    if (s->state != TL_SERVER_RUNNING) {
        return TL_ERR_UNAVAILABLE; // a leaving server would never finish
    }
    int32_t group = tl_mirror_find_group(&s->mirror, s->clients.nobodys_group);
    bool full = group != TL_NONE && s->mirror.groups[group].entity_count >= NOBODYS_ENTITIES_MAX;
    if (full || !s->clients.nobodys_group || !tl_server_owns_group(s, s->clients.nobodys_group)) {
        result = create_group(s, &nobodys, 0, 0, &s->clients.nobodys_group);
    }
    *out = s->clients.nobodys_group;
    return result;
}

tl_result tl_claims_group(tl_server *s, tl_server_client *client, tl_group_id *out)
{
    *out = client->group;
    if (s->state != TL_SERVER_RUNNING) {
        return TL_ERR_UNAVAILABLE;
    }
    if (!client->claimed) {
        return TL_AGAIN;
    }
    if (client->group && tl_server_owns_group(s, client->group)) {
        return TL_OK;
    }
    if (tl_client_groups_next(s, &client->identity, 0) != TL_NONE) {
        return TL_ERR_EXISTS;
    }
    if (!has_room(s)) {
        return TL_ERR_FULL;
    }
    int32_t spare = find_spare(s);
    tl_result result = TL_OK;
    if (spare == TL_NONE) {
        result = create_group(s, &client->identity, client->claim, client->number, &client->group);
    } else {
        assign(s, &s->mirror.groups[spare], &client->identity, client->claim, client->number);
        client->group = s->mirror.groups[spare].id;
    }
    *out = client->group;
    return result;
}

// ---- disconnecting ----

int64_t tl_claims_silent_us(const tl_server *s, const tl_server_client *client)
{
    return s->time.now_us > client->session->report_time_us
               ? (int64_t)(s->time.now_us - client->session->report_time_us)
               : 0;
}

int64_t tl_claims_heard_tick(const tl_server *s, const tl_server_client *client)
{
    return tl_max_i64(0, s->tick - tl_claims_silent_us(s, client) * s->world.tick_hz / 1000000);
}

// The client is away since `tick`.
void tl_claims_vanish(tl_server *s, tl_group *group, int64_t tick)
{
    TL_ASSERT(group->used);
    group->holder = 0;
    group->vanished_tick = tl_max_i64(tick, 0);
    tl_client_groups_note(s, group);
}

void tl_claims_goodbye(tl_server *s, tl_server_client *client, bool keep)
{
    TL_ASSERT(client->used && client->owned_count <= TL_OWNED_MAX);
    if (client->group == 0) {
        return;
    }
    keep = keep && client->identity.size;
    for (uint32_t i = 0; !keep && i < client->owned_count; i++) {
        tl_entity_ref ref = tl_server_find(s, client->owned[i].id);
        if (ref != TL_REF_NONE) {
            tl_server_delete_entity(s, ref);
        }
    }
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        if (!tl_client_groups_is_owned(group) || group->holder != client->number || !tl_own_owns(s, g)) {
            continue;
        }
        tl_claims_vanish(s, group, tl_claims_heard_tick(s, client));
        group->doomed = !keep; // nothing is kept in it for a returning client
    }
}

void tl_claims_ended(tl_server *s, tl_server_number owner, int64_t tick)
{
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        if (!tl_client_groups_is_owned(group) || group->owner != owner || group->vanished_tick >= 0) {
            continue;
        }
        if (s->state == TL_SERVER_JOINING && group->checkpoint_tick > tick) {
            continue; // it already shows a later state
        }
        group->vanished_tick = tl_max_i64(tick, 0);
    }
}
