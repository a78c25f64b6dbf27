// What clients own, across their connections. It lies in a group of the client's own; the log says to which identity
// the group belongs. While the client is away the group is kept for a grace period, whichever server owns it. When a
// client of that identity connects, to whichever server, that server claims the group from the one that owns it.
//
// Of several connections of one identity the latest one has the group: each connection has a claim, a number greater
// than those of all connections that its server has heard of. Two claims made at nearly the same time may come out in
// the wrong order, because one server has not heard of the other's yet, or because clocks differ. So a connection that
// has become silent yields to one that has not.
//
// A group that nobody comes back to is emptied, and becomes the next client's: a group that is deleted costs the store
// a row for ever, and clients come and go.
#include "server/state.h"
#include "world/lack.h"

enum {
    CLIENT_GROUPS_SHARE = 2, // at most one in so many of groups_max may hold what a client owns,
    SPARE_GROUPS_SHARE = 16, // and one in so many may be spare: empty and nobody's
    // in a group of entities that no client owns, about: if it outgrew a checkpoint, the log could not be cut
    NOBODYS_ENTITIES_MAX = 4096,
    CLAIMS_PER_TICK = 256, // so that those of different servers compare by their ticks
    ASK_PER_S = 2,         // a claim is repeated: the server that has the group may change, or be about to fall
    EXPIRE_PER_S = 4,
    CROWDED_PERCENT = 75, // of what clients may create, and of their groups: beyond it the vanished give way
    GIVEN_UP_MAX = 64,    // groups, each time that the grace periods are looked at
    // of a client: longer silence is recorded in the log, so that an heir counts from its beginning
    SILENT_US = 2000000,
    // after so much silence another connection of the same identity takes the group, whatever its claim
    YIELD_US = 1000000,
    OUTCLAIMED_S = 2,   // how long a connection with the lesser claim waits for that before it ends
    LIST_ENTITIES = 40, // in one message: each up to 22 bytes
    // a client's list stays open for 1 s / this after its HELLO: what it owns may be in a record on its way
    LIST_ENDS_PER_S = 2,
};
#define CLIENT_GROUP_BIT ((uint64_t)1 << 47) // in the id of a group of what a client owns

bool tl_claims_is_group(tl_group_id id)
{
    return id & CLIENT_GROUP_BIT && id >> 48 != 65534;
}

// Whether a group holds what some client owns, even one that cannot come back. If its checkpoint cannot be read, its
// identity is not known.
bool tl_claims_is_clients(const tl_group *group)
{
    if (!group->used || !tl_claims_is_group(group->id) || group->lack_unread) {
        return false;
    }
    tl_identity nobodys = tl_identity_nobodys();
    return !tl_identity_equal(&group->identity, &nobodys);
}

// The next group of an identity, from `from` on, or TL_NONE. There is hardly ever a second one.
static int32_t next_of(const tl_server *s, const tl_identity *identity, int32_t from)
{
    for (int32_t g = from; identity->size && g < s->mirror.group_top; g++) {
        if (tl_claims_is_clients(&s->mirror.groups[g]) && tl_identity_equal(&s->mirror.groups[g].identity, identity)) {
            return g;
        }
    }
    return TL_NONE;
}

static void note(tl_server *s, tl_group *group)
{
    group->unsent_claim = s->claims_unsent = true;
}

// Whether a group is empty and nobody's, so that the next client of its owner can have it.
static bool is_spare(const tl_group *group)
{
    return tl_claims_is_clients(group) && group->identity.size == 0 && group->vanished_tick >= 0 &&
           group->holder == 0 && group->entity_count == 0;
}

bool tl_claims_record(tl_server *s, tl_record_writer *r)
{
    if (!s->claims_unsent) {
        return true;
    }
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        if (!group->used || !group->unsent_claim) {
            continue;
        }
        tl_record_mark mark = tl_record_here(r);
        if (tl_own_owns(s, g)) {
            tl_record_group_client(r, group);
        }
        if (tl_record_check(r, mark) != TL_OK) {
            return false;
        }
        group->unsent_claim = false;
    }
    s->claims_unsent = false;
    return true;
}

// ---- coming ----

static bool known_seed(const tl_server *s)
{
    static const unsigned char none[TL_SECRET_BYTES];
    return memcmp(s->def.secret_seed, none, sizeof none) != 0;
}

static int64_t next_claim(tl_server *s, const tl_identity *identity)
{
    int64_t claim = tl_max_i64(s->last_claim + 1, s->tick * CLAIMS_PER_TICK);
    for (int32_t g = next_of(s, identity, 0); g != TL_NONE; g = next_of(s, identity, g + 1)) {
        claim = tl_max_i64(claim, s->mirror.groups[g].claim + 1);
    }
    return s->last_claim = claim;
}

// A program that reconnects has one connection: what is left of its former one ends.
static void end_former(tl_server *s, const tl_server_client *client)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        tl_server_client *other = &s->clients[i];
        if (other->used && other != client && tl_identity_equal(&other->identity, &client->identity)) {
            tl_clients_drop(s, other, TL_ERR_EXISTS, "this client has connected anew");
        }
    }
}

void tl_claims_hello(tl_server *s, tl_server_client *client, const unsigned char *secret)
{
    client->claimed = true;
    if (!client->grant.write) {
        return;
    }
    // not of who can own nothing yet
    if (client->grant.proven || secret) {
        client->list_tick = s->tick + s->world.tick_hz / LIST_ENDS_PER_S;
    }
    if (client->grant.proven) {
        client->identity = tl_identity_of_name(client->grant.name);
        client->claimed = next_of(s, &client->identity, 0) == TL_NONE;
    } else if (known_seed(s)) {
        client->has_secret = true;
        if (secret) {
            memcpy(client->secret, secret, TL_SECRET_BYTES);
        } else {
            tl_secret_make(s->def.secret_seed, s->epoch, client->number, client->secret);
        }
        client->identity = tl_identity_of_secret(client->secret);
        if (secret) {
            end_former(s, client);
        }
        client->claimed = !secret;
    }
    client->claim = next_claim(s, &client->identity);
}

// ---- giving back ----

static void end_outclaimed(tl_server *s, tl_server_client *client)
{
    tl_clients_drop(s, client, TL_ERR_EXISTS, "somebody of the same name has connected since");
}

// A group that was given away and has come back may be listed already.
static void list_owned(const tl_server *s, tl_server_client *client, tl_entity_id id)
{
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
    tl_server_client *former = group->holder && group->holder != client->number ? tl_clients_by_number(s, group->holder)
                                                                                : NULL;
    group->holder = client->number;
    group->vanished_tick = -1;
    group->doomed = false;
    group->claim = client->claim;
    note(s, group);
    if (client->group == 0) {
        client->group = group->id;
    }
    for (int32_t i = group->entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        list_owned(s, client, s->mirror.entities[i].id);
    }
    tl_created_take_group(s, g, client);
    client->own_told = false;
    if (former) {
        end_outclaimed(s, former);
    }
}

static int64_t silent_us(const tl_server *s, const tl_server_client *client)
{
    return s->now_us > client->session->report_time_us ? (int64_t)(s->now_us - client->session->report_time_us) : 0;
}

static bool speaks(const tl_server *s, const tl_server_client *client)
{
    return silent_us(s, client) < YIELD_US;
}

// Whether a claim takes a group from the client that has it here.
static bool yields(tl_server *s, const tl_group *group, int64_t claim)
{
    const tl_server_client *holder = group->holder ? tl_clients_by_number(s, group->holder) : NULL;
    return holder == NULL || claim > group->claim || !speaks(s, holder);
}

static void ask_for(tl_server *s, tl_server_client *client, const tl_group *group)
{
    unsigned char data[TL_IDENTITY_BYTES_MAX + 16];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_identity_write(&w, &client->identity);
    tl_write_varint(&w, (uint64_t)client->claim);
    TL_ASSERT(!w.bad);
    tl_own_post(s, TL_OP_CLAIM, group->owner, data, w.size);
}

static bool outclaimed_long_since(const tl_server *s, const tl_server_client *client)
{
    return client->outclaimed_tick && s->tick - client->outclaimed_tick > OUTCLAIMED_S * (int64_t)s->world.tick_hz;
}

// Whether the client has lost to another connection for good. If that were silent, its server would have recorded it by
// now, unless the server itself is silent.
static bool is_outclaimed(tl_server *s, tl_server_client *client, const tl_group *group)
{
    int64_t hz = s->world.tick_hz;
    bool claimed = group->vanished_tick < 0 && group->claim >= client->claim;
    bool heard = group->owner == s->number ||
                 (group->owner <= TL_SERVERS_MAX && s->servers[group->owner].head_tick > s->tick - hz);
    if (!claimed || !heard || client->outclaimed_tick == 0) {
        client->outclaimed_tick = claimed ? s->tick : 0;
    }
    return outclaimed_long_since(s, client);
}

// Finds what the client owns: groups of this server are attached, those of others are asked for.
static void seek(tl_server *s, tl_server_client *client)
{
    bool all_here = true;
    for (int32_t g = next_of(s, &client->identity, 0); g != TL_NONE; g = next_of(s, &client->identity, g + 1)) {
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

// When a client said HELLO, the record about what it owns at another server may not have come in yet; it is claimed
// now. Claims of one second may be in the wrong order.
static void look_at_news(tl_server *s)
{
    if (!s->mirror.client_news) {
        return;
    }
    const int64_t second = (int64_t)CLAIMS_PER_TICK * s->world.tick_hz;
    s->mirror.client_news = false;
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        bool elsewhere = group->client_news && tl_claims_is_clients(group) && !tl_own_owns(s, g);
        group->client_news = false;
        for (uint32_t i = 0; elsewhere && i < s->def.clients_max; i++) {
            tl_server_client *client = &s->clients[i];
            bool later = client->used && client->claimed && !client->drop_due && client->claim > group->claim - second;
            if (!later || !tl_identity_equal(&client->identity, &group->identity)) {
                continue;
            }
            client->claimed = false;
            client->claim_tick = s->tick;
        }
    }
}

void tl_claims_taken(tl_server *s, int32_t g)
{
    tl_group *group = &s->mirror.groups[g];
    tl_server_client *latest = NULL;
    group->holder = 0;
    tl_created_take_group(s, g, NULL);
    if (!tl_claims_is_clients(group)) {
        return;
    }
    for (uint32_t i = 0; i < s->def.clients_max && group->identity.size; i++) {
        tl_server_client *client = &s->clients[i];
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
    note(s, group);
}

// What the client owned now belongs to another connection, unless that turns out to be silent.
static void lose(tl_server *s, tl_server_client *client)
{
    client->owned_count = 0;
    client->group = 0;
    client->claimed = client->own_told = false;
    client->outclaimed_tick = s->tick;
    client->claim_tick = s->tick + tl_max_i64(1, s->world.tick_hz / ASK_PER_S);
}

// Another server has a client of that identity, and claims its groups.
void tl_claims_post(tl_server *s, tl_server_number from, const void *data, size_t size)
{
    tl_reader r = tl_reader_make(data, size);
    tl_identity identity = tl_identity_read(&r);
    int64_t claim = (int64_t)tl_read_limited(&r, TL_CLAIM_MAX);
    if (r.bad || from == s->number || from > TL_SERVERS_MAX || !tl_follow_heard(s, from)) {
        return; // it is repeated
    }
    for (int32_t g = next_of(s, &identity, 0); g != TL_NONE; g = next_of(s, &identity, g + 1)) {
        tl_group *group = &s->mirror.groups[g];
        if (!tl_own_owns(s, g) || !group->live || !yields(s, group, claim)) {
            continue;
        }
        if (tl_server_give_group(s, group->id, from) != TL_OK) {
            continue;
        }
        tl_server_client *holder = group->holder ? tl_clients_by_number(s, group->holder) : NULL;
        group->holder = 0;
        group->claim = claim;
        if (holder) {
            lose(s, holder);
        }
    }
}

// Writes the owned entities that the client has not been told of yet, as many as a message takes; returns how many.
static uint32_t write_untold(const tl_server *s, tl_server_client *client, tl_writer *w)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < client->owned_count && count < LIST_ENTITIES; i++) {
        tl_owned *owned = &client->owned[i];
        if (owned->told) {
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

static void mark_told(tl_server_client *client, uint32_t count)
{
    for (uint32_t i = 0; i < client->owned_count && count; i++) {
        count -= !client->owned[i].told;
        client->owned[i].told = true;
    }
}

void tl_claims_tell(tl_server *s, tl_server_client *client)
{
    while (client->claimed && !client->own_told) {
        unsigned char data[TL_MESSAGE_BYTES_MAX], entries[TL_MESSAGE_BYTES_MAX];
        tl_writer w = tl_writer_make(data, sizeof data), listed = tl_writer_make(entries, sizeof entries);
        uint32_t count = write_untold(s, client, &listed);
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
        mark_told(client, count);
        client->own_told = ends;
    }
}

// ---- making ----

static uint32_t client_groups_max(const tl_server *s)
{
    return (s->def.groups_max + CLIENT_GROUPS_SHARE - 1) / CLIENT_GROUPS_SHARE;
}

// Whether one more client may have a group: clients must not use up what the game needs.
static bool has_room(const tl_server *s)
{
    uint32_t count = 0;
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        count += tl_claims_is_clients(&s->mirror.groups[g]) && !is_spare(&s->mirror.groups[g]);
    }
    return count < client_groups_max(s);
}

// A spare group of this server's that nothing more can come into, or TL_NONE.
static int32_t find_spare(const tl_server *s)
{
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        const tl_group *group = &s->mirror.groups[g];
        if (is_spare(group) && group->live && tl_own_owns(s, g) && group->spare_tick >= 0 &&
            s->mirror.tick >= group->spare_tick) {
            return g;
        }
    }
    return TL_NONE;
}

// Assigns a group to a client that is here, or to nobody.
static void assign(tl_server *s, tl_group *group, const tl_identity *identity, int64_t claim, tl_client_number holder)
{
    group->identity = *identity;
    group->holder = holder;
    group->claim = claim;
    group->vanished_tick = group->spare_tick = -1;
    group->doomed = false;
    note(s, group);
}

static tl_result create_group(tl_server *s, const tl_identity *identity, int64_t claim, tl_client_number holder,
                              tl_group_id *out)
{
    tl_group_id id = tl_own_next_group_id(s, CLIENT_GROUP_BIT);
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
        return TL_ERR_UNAVAILABLE; // one that leaves would never be done
    }
    int32_t group = tl_mirror_find_group(&s->mirror, s->client_group);
    bool full = group != TL_NONE && s->mirror.groups[group].entity_count >= NOBODYS_ENTITIES_MAX;
    if (full || !s->client_group || !tl_server_owns_group(s, s->client_group)) {
        result = create_group(s, &nobodys, 0, 0, &s->client_group);
    }
    *out = s->client_group;
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
    if (next_of(s, &client->identity, 0) != TL_NONE) {
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

// ---- going ----

static int64_t heard_tick(const tl_server *s, const tl_server_client *client)
{
    return tl_max_i64(0, s->tick - silent_us(s, client) * s->world.tick_hz / 1000000);
}

// The client is away since that tick.
static void vanish(tl_server *s, tl_group *group, int64_t tick)
{
    group->holder = 0;
    group->vanished_tick = tl_max_i64(tick, 0);
    note(s, group);
}

void tl_claims_goodbye(tl_server *s, tl_server_client *client, bool keep)
{
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
        if (!tl_claims_is_clients(group) || group->holder != client->number || !tl_own_owns(s, g)) {
            continue;
        }
        vanish(s, group, heard_tick(s, client));
        group->doomed = !keep; // there is nothing in it to come back to
    }
}

void tl_claims_ended(tl_server *s, tl_server_number owner, int64_t tick)
{
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        if (!tl_claims_is_clients(group) || group->owner != owner || group->vanished_tick >= 0) {
            continue;
        }
        if (s->state == TL_SERVER_JOINING && group->checkpoint_tick > tick) {
            continue; // it shows what came later
        }
        group->vanished_tick = tl_max_i64(tick, 0);
    }
}

// Records in the log whether a client that owns something is silent: its server may be the next to crash.
static void note_silence(tl_server *s, const tl_server_client *client)
{
    int32_t g = client->group ? tl_mirror_find_group(&s->mirror, client->group) : TL_NONE;
    if (g == TL_NONE || s->mirror.groups[g].holder != client->number) {
        return;
    }
    tl_group *group = &s->mirror.groups[g];
    bool silent = silent_us(s, client) > SILENT_US;
    if (silent == (group->vanished_tick >= 0)) {
        return;
    }
    group->vanished_tick = silent ? heard_tick(s, client) : -1;
    note(s, group);
}

// Entities that clients created and nobody owns stay within their carriers' reach as well.
static void hold_nobodys(tl_server *s, int32_t g)
{
    const tl_group *group = &s->mirror.groups[g];
    tl_identity nobodys = tl_identity_nobodys();
    if (!group->used || !tl_claims_is_group(group->id) || !tl_identity_equal(&group->identity, &nobodys)) {
        return;
    }
    for (int32_t i = group->entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        (void)tl_carriers_hold(s, i);
    }
}

// Deletes what is in a group, and what is to come into it with the next records. False: it was not empty yet.
static bool empty(tl_server *s, int32_t g)
{
    bool was_empty = true;
    for (int32_t i = s->mirror.groups[g].entity_first; i != TL_NONE;
         i = s->mirror.entities[i].group_next, was_empty = false) {
        (void)tl_server_delete_entity(s, (tl_entity_ref)i); // one that is being deleted is not found
    }
    for (uint32_t i = s->unsent_count; i-- > 0;) {
        int32_t index = s->unsent[i];
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
        count += is_spare(&s->mirror.groups[g]);
    }
    return count;
}

// Empties a group to which nobody comes back, and makes it a spare one.
static void retire(tl_server *s, int32_t g)
{
    tl_group *group = &s->mirror.groups[g];
    if (group->identity.size) {
        note(s, group);
    }
    group->identity = (tl_identity){0};
    group->doomed = true;
    if (!empty(s, g)) {
        group->spare_tick = -1;
    } else if (group->spare_tick < 0) {
        group->spare_tick = s->tick;
    }
    bool superfluous = is_spare(group) && count_spares(s) > s->def.groups_max / SPARE_GROUPS_SHARE;
    if (superfluous || tl_lack_any(group)) {
        tl_server_delete_group(s, group->id); // if not now, next time
    }
}

// How many entities and groups there are too many of; below 0: there is room.
typedef struct excess {
    int64_t entities, groups;
} excess;

// What is being emptied already is not counted.
static excess measure_excess(tl_server *s)
{
    excess e = {.entities = (int64_t)tl_created_count(s) - (int64_t)s->def.created_max * CROWDED_PERCENT / 100,
                .groups = -(int64_t)client_groups_max(s) * CROWDED_PERCENT / 100};
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        const tl_group *group = &s->mirror.groups[g];
        if (!tl_claims_is_clients(group)) {
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

// Whether a group is kept for somebody who is away and without a token, and so may never come back under that identity.
static bool waits_for_unproven(const tl_server *s, int32_t g)
{
    const tl_group *group = &s->mirror.groups[g];
    bool away = tl_claims_is_clients(group) && group->vanished_tick >= 0 && group->holder == 0 && !group->doomed;
    return away && group->live && tl_identity_is_of_secret(&group->identity) && tl_own_owns(s, g);
}

// The groups of whoever vanished longest ago without proof, in that order; returns how many.
static int find_longest_away(const tl_server *s, int32_t out[GIVEN_UP_MAX])
{
    int count = 0;
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        if (!waits_for_unproven(s, g)) {
            continue;
        }
        int at = count < GIVEN_UP_MAX ? count++ : GIVEN_UP_MAX; // one too many: the last one drops out
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

// Connections that make things of their own and vanish must not starve those who are here. When room becomes scarce,
// the grace of some unproven identities ends early: of as many as it takes.
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
        s->stats.graces_cut_short++;
    }
}

static void expire(tl_server *s)
{
    int64_t grace_ticks = (int64_t)s->def.grace_ms * s->world.tick_hz / 1000;
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        hold_nobodys(s, g);
        if (!tl_claims_is_clients(group) || group->holder || !tl_own_owns(s, g)) {
            continue;
        }
        if (group->vanished_tick < 0) {
            vanish(s, group, s->tick); // an older record of its own says that it is here
        }
        if (group->live && (group->doomed || group->vanished_tick + grace_ticks < s->tick)) {
            retire(s, g);
        }
    }
}

void tl_claims_step(tl_server *s)
{
    if (s->state != TL_SERVER_RUNNING) {
        return;
    }
    int64_t hz = s->world.tick_hz;
    look_at_news(s);
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        tl_server_client *client = &s->clients[i];
        if (!client->used || client->claimed || client->drop_due || s->tick < client->claim_tick) {
            continue;
        }
        client->claim_tick = s->tick + tl_max_i64(1, hz / ASK_PER_S);
        if (speaks(s, client)) {
            seek(s, client);
        } else if (outclaimed_long_since(s, client)) {
            end_outclaimed(s, client);
        }
    }
    if (s->tick % tl_max_i64(1, hz / EXPIRE_PER_S) != 0) {
        return;
    }
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        if (s->clients[i].used) {
            note_silence(s, &s->clients[i]);
        }
    }
    give_up_longest_away(s);
    expire(s);
}
