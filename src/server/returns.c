// Returns what a client owns to it. When a client of an identity connects, to whichever server, that server claims the
// group from the server that owns it.
//
// If an identity has several connections, the latest one holds the group: each connection has a claim, a number greater
// than those of all connections its server knows of. Two claims made at nearly the same time may be in the wrong order,
// because one server does not know of the other's yet, or because clocks differ. So a silent connection yields to one
// that is not.
#include "server/returns.h"
#include "server/claims.h"
#include "server/client_groups.h"
#include "server/client_table.h"
#include "server/created.h"
#include "server/disconnect.h"
#include "server/ownership.h"
#include "server/peers.h"
#include "server/state.h"
#include "server/tick_record.h"

enum {
    ASK_PER_S = 2, // claims are repeated: the group's server may change, or be about to fail
    // after this much silence another connection of the same identity takes the group, whatever its claim
    YIELD_US = 1000000,
    OUTCLAIMED_S = 2, // how long a connection with the lower claim waits for that before it ends
};

static void end_outclaimed(tl_server *s, tl_server_client *client)
{
    tl_disconnect_client(s, client, TL_ERR_EXISTS, "somebody of the same name has connected since");
}

// A group that was handed over and has returned may already be listed.
static void list_owned(const tl_server *s, tl_server_client *client, tl_entity_id id)
{
    TL_ASSERT(id != 0);
    for (uint32_t i = 0; i < client->owned_count; i++) {
        if (client->owned[i].id == id) {
            return;
        }
    }
    if (client->owned_count < TL_OWNED_MAX) {
        client->owned[client->owned_count++] = (tl_owned){.id = id, .travelled_tick = s->tick};
    }
}

static void attach(tl_server *s, tl_server_client *client, int32_t g)
{
    tl_group *group = &s->mirror.groups[g];
    TL_ASSERT(group->used && group->owner == s->number && client->used && !client->drop_due);
    tl_server_client *former = group->holder && group->holder != client->number
                                   ? tl_client_table_by_number(s, group->holder)
                                   : NULL;
    group->holder = client->number;
    group->vanished_tick = -1;
    group->doomed = false;
    group->claim = client->claim;
    tl_client_groups_note(s, group);
    if (client->group == 0) {
        client->group = group->id;
    }
    for (int32_t i = group->entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        list_owned(s, client, s->mirror.entities[i].id);
    }
    tl_created_take_group(s, g, client);
    client->own_reported = false;
    if (former) {
        end_outclaimed(s, former);
    }
}

static bool speaks(const tl_server *s, const tl_server_client *client)
{
    return tl_claims_silent_us(s, client) < YIELD_US;
}

// Whether a claim takes a group from the client that holds it here.
static bool yields(tl_server *s, const tl_group *group, int64_t claim)
{
    const tl_server_client *holder = group->holder ? tl_client_table_by_number(s, group->holder) : NULL;
    return holder == NULL || claim > group->claim || !speaks(s, holder);
}

static void ask_for(tl_server *s, tl_server_client *client, const tl_group *group)
{
    unsigned char data[TL_IDENTITY_BYTES_MAX + 16];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_identity_write(&w, &client->identity);
    tl_write_varint(&w, (uint64_t)client->claim);
    TL_ASSERT(!w.bad);
    tl_tick_record_post(s, TL_OP_CLAIM, group->owner, data, w.size);
}

static bool outclaimed_long_since(const tl_server *s, const tl_server_client *client)
{
    return client->outclaimed_tick && s->tick - client->outclaimed_tick > OUTCLAIMED_S * (int64_t)s->world.tick_hz;
}

// Whether the client has lost to another connection for good. If that connection were silent, its server would have
// recorded it by now, unless the server itself is silent.
static bool is_outclaimed(tl_server *s, tl_server_client *client, const tl_group *group)
{
    int64_t hz = s->world.tick_hz;
    bool claimed = group->vanished_tick < 0 && group->claim >= client->claim;
    bool heard = group->owner == s->number ||
                 (group->owner <= TL_SERVERS_MAX && s->peers.servers[group->owner].head_tick > s->tick - hz);
    if (!claimed || !heard || client->outclaimed_tick == 0) {
        client->outclaimed_tick = claimed ? s->tick : 0;
    }
    return outclaimed_long_since(s, client);
}

// Finds what the client owns: attaches this server's groups, and claims those of other servers.
static void seek(tl_server *s, tl_server_client *client)
{
    bool all_here = true;
    for (int32_t g = tl_client_groups_next(s, &client->identity, 0); g != TL_NONE;
         g = tl_client_groups_next(s, &client->identity, g + 1)) {
        tl_group *group = &s->mirror.groups[g];
        bool here = tl_own_owns(s, g) && group->live;
        if (here && group->holder == client->number) {
            continue;
        }
        if (here && yields(s, group, client->claim)) {
            attach(s, client, g);
            continue;
        }
        if (is_outclaimed(s, client, group)) {
            end_outclaimed(s, client);
            return;
        }
        all_here = false;
        if (!here && group->owner != s->number) {
            ask_for(s, client, group);
        }
    }
    client->claimed = all_here;
}

// When a client said HELLO, the record about what it owns at another server may not have arrived yet; it is claimed
// now. Claims made within a second may be in the wrong order.
static void look_at_news(tl_server *s)
{
    if (!s->mirror.client_news) {
        return;
    }
    const int64_t second = (int64_t)TL_CLAIMS_PER_TICK * s->world.tick_hz;
    s->mirror.client_news = false;
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        bool elsewhere = group->client_news && tl_client_groups_is_owned(group) && !tl_own_owns(s, g);
        group->client_news = false;
        for (uint32_t i = 0; elsewhere && i < s->def.clients_max; i++) {
            tl_server_client *client = &s->clients.all[i];
            bool later = client->used && client->claimed && !client->drop_due && client->claim > group->claim - second;
            if (!later || !tl_identity_equal(&client->identity, &group->identity)) {
                continue;
            }
            client->claimed = false;
            client->claim_tick = s->tick;
        }
    }
}

void tl_returns_taken(tl_server *s, int32_t g)
{
    tl_group *group = &s->mirror.groups[g];
    TL_ASSERT(group->used && group->owner == s->number);
    tl_server_client *latest = NULL;
    group->holder = 0;
    tl_created_take_group(s, g, NULL);
    if (!tl_client_groups_is_owned(group)) {
        return;
    }
    for (uint32_t i = 0; i < s->def.clients_max && group->identity.size; i++) {
        tl_server_client *client = &s->clients.all[i];
        if (!client->used || client->drop_due || !tl_identity_equal(&client->identity, &group->identity)) {
            continue;
        }
        if (latest == NULL || client->claim > latest->claim) {
            latest = client;
        }
    }
    if (latest && latest->claim >= group->claim) {
        attach(s, latest, g);
        return;
    }
    if (group->vanished_tick < 0) {
        group->vanished_tick = s->mirror.tick;
    }
    tl_client_groups_note(s, group);
}

// What the client owned now belongs to another connection, unless that turns out to be silent.
static void lose(tl_server *s, tl_server_client *client)
{
    TL_ASSERT(client->used);
    client->owned_count = 0;
    client->group = 0;
    client->claimed = client->own_reported = false;
    client->outclaimed_tick = s->tick;
    client->claim_tick = s->tick + tl_max_i64(1, s->world.tick_hz / ASK_PER_S);
}

// Another server has a client of that identity, and claims its groups.
void tl_returns_post(tl_server *s, tl_server_number from, const void *data, size_t size)
{
    tl_reader r = tl_reader_make(data, size);
    tl_identity identity = tl_identity_read(&r);
    int64_t claim = (int64_t)tl_read_limited(&r, TL_CLAIM_MAX);
    if (r.bad || from == s->number || from > TL_SERVERS_MAX || !tl_peers_heard(s, from)) {
        return; // the claim is repeated
    }
    for (int32_t g = tl_client_groups_next(s, &identity, 0); g != TL_NONE;
         g = tl_client_groups_next(s, &identity, g + 1)) {
        tl_group *group = &s->mirror.groups[g];
        if (!tl_own_owns(s, g) || !group->live || !yields(s, group, claim)) {
            continue;
        }
        if (tl_server_give_group(s, group->id, from) != TL_OK) {
            continue;
        }
        tl_server_client *holder = group->holder ? tl_client_table_by_number(s, group->holder) : NULL;
        group->holder = 0;
        group->claim = claim;
        if (holder) {
            lose(s, holder);
        }
    }
}

void tl_returns_step(tl_server *s)
{
    if (s->state != TL_SERVER_RUNNING) {
        return;
    }
    look_at_news(s);
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        tl_server_client *client = &s->clients.all[i];
        if (!client->used || client->claimed || client->drop_due || s->tick < client->claim_tick) {
            continue;
        }
        client->claim_tick = s->tick + tl_max_i64(1, s->world.tick_hz / ASK_PER_S);
        if (speaks(s, client)) {
            seek(s, client);
        } else if (outclaimed_long_since(s, client)) {
            end_outclaimed(s, client);
        }
    }
}
