// Quotas: how many entities each client, and all clients together, may have created at a time.
//
// A creation counts from the request until the entity is deleted, whoever owns it and whether or not its creator is
// still connected. It counts under the creator's identity: a client that returns finds its quota as it was, and nobody
// can use up another's by claiming that name without proof. Each server counts what was created through it; entities
// that it takes over count against their owner once the owner is connected.
#include "server/created.h"
#include "server/client_groups.h"
#include "server/peers.h"
#include "server/state.h"

// NULL: nobody. The name alone identifies a creator only if there are neither tokens nor secrets.
static uint64_t creator_key(const tl_server_client *creator)
{
    tl_identity who = {0};
    if (creator) {
        who = creator->identity.size ? creator->identity : tl_identity_of_name(creator->grant.name);
    }
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (int i = 0; i < who.size; i++) {
        hash = (hash ^ who.bytes[i]) * 0x100000001b3u;
    }
    return hash ? hash : 1;
}

size_t tl_created_bytes(const tl_server_def *def)
{
    return (size_t)def->created_max * sizeof(tl_created) * 5 / 4 + 2 * tl_map_bytes(def->created_max) + 4096;
}

bool tl_created_init(tl_server *s)
{
    s->created.entities = tl_heap_alloc(&s->heap, s->def.created_max * sizeof *s->created.entities);
    return s->created.entities && tl_map_init(&s->created.map, &s->heap, s->def.created_max) &&
           tl_map_init(&s->created.creators, &s->heap, s->def.created_max);
}

// Counts live entities in the groups of what clients created: this server's or all others'.
static uint32_t count_mirrored(const tl_server *s, bool own)
{
    uint32_t count = 0;
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        const tl_group *group = &s->mirror.groups[g];
        if (group->used && (group->owner == s->number) == own && tl_client_groups_is_id(group->id)) {
            count += (uint32_t)group->entity_count;
        }
    }
    return count;
}

uint32_t tl_created_elsewhere(const tl_server *s)
{
    return count_mirrored(s, false);
}

uint32_t tl_created_count(tl_server *s)
{
    if (s->created.elsewhere_tick != s->mirror.tick) {
        s->created.elsewhere = tl_created_elsewhere(s);
        s->created.elsewhere_tick = s->mirror.tick;
    }
    return s->created.count + s->created.elsewhere;
}

// Returns what was created here in the last one to two seconds, which a server that is slightly behind does not know
// yet.
static uint32_t *recent_now(tl_server *s)
{
    int64_t second = s->tick / s->world.tick_hz;
    if (second != s->created.second) {
        s->created.recent[1] = second == s->created.second + 1 ? s->created.recent[0] : 0;
        s->created.recent[0] = 0;
        s->created.second = second;
    }
    return s->created.recent;
}

// Each living server may use up its share of the remaining capacity before the others know of it: simultaneous
// creations on several servers stay within the limit, as long as no server is more than a second behind.
static bool world_has_room(tl_server *s)
{
    uint32_t all = tl_created_count(s);
    if (all >= s->def.created_max) {
        return false;
    }
    uint32_t mirrored = count_mirrored(s, true);
    uint32_t unheard = s->created.count > mirrored ? s->created.count - mirrored : 0;
    const uint32_t *recent = recent_now(s);
    if (unheard < recent[0] + recent[1]) {
        unheard = recent[0] + recent[1];
    }
    uint32_t servers = 1, before = 0; // living servers including this one; those with a lower number
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        if (!tl_peers_alive(s, n)) {
            continue;
        }
        servers++;
        before += n < s->number;
    }
    return unheard < (s->def.created_max - all + unheard + before) / servers;
}

// A client without a token may have a different identity with each connection. Nobody's entities that such clients
// leave behind take at most half of the capacity; otherwise nobody could create anything of their own there again.
static bool leaves_room(tl_server *s, const tl_server_client *client, bool own)
{
    return own || !client->has_secret || tl_created_count(s) < s->def.created_max / 2;
}

tl_result tl_created_allowed(tl_server *s, const tl_server_client *client, bool own)
{
    const uint32_t *count = tl_map_find(&s->created.creators, creator_key(client));
    if ((count ? *count : 0) < client->grant.created_max && world_has_room(s) && leaves_room(s, client, own)) {
        return TL_OK;
    }
    s->stats.creations_refused++;
    return TL_ERR_FULL;
}

static void add(tl_server *s, const tl_server_client *who, tl_entity_id id)
{
    if (s->created.count == s->def.created_max || tl_map_find(&s->created.map, id)) {
        return;
    }
    uint64_t creator = creator_key(who);
    uint32_t *own = tl_map_find(&s->created.creators, creator);
    if (own) {
        (*own)++;
    } else {
        TL_ASSERT(tl_map_put(&s->created.creators, creator, 1)); // there are at most as many creators as creations
    }
    TL_ASSERT(tl_map_put(&s->created.map, id, s->created.count));
    s->created.entities[s->created.count++] = (tl_created){id, creator};
}

void tl_created_new(tl_server *s, const tl_server_client *client, tl_entity_id id)
{
    TL_ASSERT(client->used && id != 0);
    add(s, client, id);
    recent_now(s)[0]++;
}

void tl_created_forget(tl_server *s, tl_entity_id id)
{
    const uint32_t *found = s->created.count ? tl_map_find(&s->created.map, id) : NULL;
    if (found == NULL) {
        return;
    }
    uint32_t at = *found;
    uint32_t *own = tl_map_find(&s->created.creators, s->created.entities[at].creator);
    TL_ASSERT(own && *own);
    if (--*own == 0) {
        tl_map_remove(&s->created.creators, s->created.entities[at].creator);
    }
    tl_map_remove(&s->created.map, id);
    s->created.entities[at] = s->created.entities[--s->created.count];
    if (at < s->created.count) {
        *tl_map_find(&s->created.map, s->created.entities[at].id) = at;
    }
}

// Entities that left with their group, which the functions above do not notice: checks a few in each tick.
void tl_created_sweep(tl_server *s)
{
    enum { LOOKS_A_TICK = 64 };
    for (uint32_t i = 0; i < LOOKS_A_TICK && s->created.count; i++) {
        s->created.swept = (s->created.swept + 1) % s->created.count;
        tl_entity_id id = s->created.entities[s->created.swept].id;
        if (tl_mirror_find(&s->mirror, id) == TL_NONE) {
            tl_created_forget(s, id);
        }
    }
}

void tl_created_take_group(tl_server *s, int32_t group, const tl_server_client *creator)
{
    TL_ASSERT(group >= 0 && group < s->mirror.group_top);
    for (int32_t i = s->mirror.groups[group].entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        tl_created_forget(s, s->mirror.entities[i].id);
        add(s, creator, s->mirror.entities[i].id);
    }
}

void tl_created_lose_group(tl_server *s, int32_t group)
{
    TL_ASSERT(group >= 0 && group < s->mirror.group_top);
    for (int32_t i = s->mirror.groups[group].entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        tl_created_forget(s, s->mirror.entities[i].id);
    }
}
