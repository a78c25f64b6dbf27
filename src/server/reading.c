// The queries of the game and the operator; nothing here changes any state.
#include "server/created.h"
#include "server/missing.h"
#include "server/ownership.h"
#include "server/peers.h"
#include "server/state.h"
#include "world/missing.h"

// ---- time ----

double tl_server_get_tick_at(const tl_server *s, uint64_t monotonic_us)
{
    return (double)tl_world_clock_at(&s->time.clock, monotonic_us) * 1e-6 * s->world.tick_hz;
}

uint64_t tl_server_get_next_tick_us(const tl_server *s)
{
    int64_t tick = tl_max_i64(s->tick, tl_world_clock_tick(&s->time.clock)) + 1;
    uint64_t tick_us = tl_world_clock_tick_us(&s->time.clock, tick);
    return s->time.now_us + (tick_us > s->time.clock.world_us ? tick_us - s->time.clock.world_us : 0);
}

// ---- the server ----

tl_server_state tl_server_get_state(const tl_server *s)
{
    return s->state;
}

const char *tl_server_get_text(const tl_server *s)
{
    return s->text;
}

tl_server_number tl_server_get_number(const tl_server *s)
{
    return s->number;
}

tl_server_stats tl_server_get_stats(const tl_server *s)
{
    tl_server_stats stats = s->stats;
    stats.tick = s->tick;
    stats.world_tick = s->mirror.tick;
    stats.entities = s->mirror.live_count;
    stats.work_slots = s->pyramid.streams.work_count;
    stats.entities_missing = s->mirror.missing.entities.count;
    stats.groups_missing = tl_missing_group_count(&s->mirror.missing);
    stats.groups_unread = tl_server_missing_unread_count(s);
    stats.created = s->created.count + tl_created_elsewhere(s);
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        stats.groups += s->mirror.groups[g].used && s->mirror.groups[g].live;
        stats.groups_owned += tl_own_owns(s, g);
    }
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        const tl_server_client *client = &s->clients.all[i];
        if (!client->used || client->session == NULL) {
            continue;
        }
        stats.clients++;
        stats.work_waits += client->session->work.waits;
        stats.streams_kept_waits += client->session->kept_waits;
        stats.frames += client->session->frames;
        stats.frame_bytes += client->session->bytes_sent;
        stats.datagrams += client->session->datagrams_sent;
        stats.datagrams_lost += client->session->datagrams_lost;
    }
    stats.servers_alive = tl_peers_alive_count(s) + (s->state == TL_SERVER_RUNNING);
    stats.streams = s->pyramid.streams.top - s->pyramid.streams.free_count;
    stats.tiles = s->pyramid.tiles.top - s->pyramid.tiles.free_count;
    memcpy(stats.published, s->pyramid.streams.published_count, sizeof stats.published);
    stats.limits_reached += s->pyramid.streams.full_count + s->pyramid.streams.history_lost_count;
    stats.memory_used_bytes = s->heap.used_bytes + s->records.data.used_bytes + s->peers.heap.used_bytes;
    stats.memory_bytes = s->heap.bytes + s->records.data.bytes + s->peers.heap.bytes;
    return stats;
}

// ---- the world ----

static bool is_live(const tl_server *s, tl_entity_ref entity)
{
    return entity < (uint32_t)s->mirror.entity_top && s->mirror.entities[entity].used;
}

tl_entity_ref tl_server_find(const tl_server *s, tl_entity_id id)
{
    int32_t index = tl_mirror_find(&s->mirror, id);
    return index == TL_NONE ? TL_REF_NONE : (tl_entity_ref)index;
}

uint64_t tl_server_get_release_count(const tl_server *s)
{
    return s->mirror.releases;
}

static bool has_id(const tl_server *s, tl_entity_ref entity, tl_entity_id id)
{
    return is_live(s, entity) && s->mirror.entities[entity].id == id;
}

uint32_t tl_server_find_all(const tl_server *s, const tl_entity_id *ids, uint32_t count, tl_entity_ref *refs)
{
    enum { AHEAD = 16 };
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD < count && refs[i + AHEAD] < (uint32_t)s->mirror.entity_top) {
            tl_prefetch(&s->mirror.entities[refs[i + AHEAD]], TL_CACHE_LINE_BYTES);
        }
        if (!has_id(s, refs[i], ids[i])) { // entities that were created one after another are often adjacent
            bool next = i && refs[i - 1] != TL_REF_NONE && has_id(s, refs[i - 1] + 1, ids[i]);
            refs[i] = next ? refs[i - 1] + 1 : tl_server_find(s, ids[i]);
        }
        found += refs[i] != TL_REF_NONE;
    }
    return found;
}

uint32_t tl_server_get_entities(const tl_server *s, tl_entity_ref *out, uint32_t capacity)
{
    uint32_t count = 0;
    for (int32_t i = 0; i < s->mirror.entity_top; i++) {
        if (!s->mirror.entities[i].used) {
            continue;
        }
        if (count < capacity) {
            out[count] = (tl_entity_ref)i;
        }
        count++;
    }
    return count;
}

tl_result tl_server_get_entity_info(const tl_server *s, tl_entity_ref entity, tl_entity_info *out)
{
    if (!is_live(s, entity)) {
        return TL_ERR_NOT_FOUND;
    }
    const tl_entity *e = &s->mirror.entities[entity];
    const tl_group *group = e->group == TL_NONE ? NULL : &s->mirror.groups[e->group];
    *out = (tl_entity_info){.id = e->id,
                            .carrier = e->carrier_id,
                            .group = group ? group->id : 0,
                            .owner = group ? group->owner : s->number,
                            .kind = e->kind,
                            .owned = e->published != NULL};
    return TL_OK;
}

tl_result tl_server_get_values(const tl_server *s, tl_entity_ref entity, tl_values *out)
{
    if (!is_live(s, entity)) {
        return TL_ERR_NOT_FOUND;
    }
    const tl_entity *e = &s->mirror.entities[entity];
    tl_values_get(e->live ? e->state : e->published, &s->kinds.kinds[e->kind], &s->kinds, 0, (double)s->mirror.tick,
                  out);
    return TL_OK;
}

tl_result tl_server_get_pose(const tl_server *s, tl_entity_ref entity, double tick, tl_vec3 *position,
                             tl_quat *rotation)
{
    if (!is_live(s, entity) || !s->mirror.entities[entity].live) {
        return TL_ERR_NOT_FOUND;
    }
    return tl_mirror_pose(&s->mirror, (int32_t)entity, tick, position, rotation) ? TL_OK : TL_ERR_NOT_FOUND;
}

uint32_t tl_server_get_group_entities(const tl_server *s, tl_group_id group, tl_entity_ref *out, uint32_t capacity)
{
    int32_t index = tl_mirror_find_group(&s->mirror, group);
    uint32_t count = 0;
    if (index == TL_NONE) {
        return 0;
    }
    for (int32_t i = s->mirror.groups[index].entity_first; i != TL_NONE;
         i = s->mirror.entities[i].group_next, count++) {
        if (count < capacity) {
            out[count] = (tl_entity_ref)i;
        }
    }
    return count;
}

void tl_server_validate(const tl_server *s)
{
    tl_mirror_validate(&s->mirror);
    tl_pyramid_validate(&s->pyramid);
}
