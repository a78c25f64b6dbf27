// What of the world finds no room on this server. It goes on without it, says so, owns no group that it holds incompletely
// while another server can, leaves such groups' checkpoints alone, and has them told anew once there is room.
#include "lack.h"
#include "server_internal.h"

enum { SAY_EVERY_SECONDS = 10, DEGRADED_SECONDS = 5 };

uint32_t tl_room_left(const tl_server *s)
{
    uint32_t used = (uint32_t)s->mirror.entity_top - s->mirror.entity_free_count;
    return used < s->mirror.entities_max ? s->mirror.entities_max - used : 0;
}

bool tl_room_lacks(const tl_server *s)
{
    if (s->mirror.lack_map.count || s->mirror.groups_lacking) return true;
    for (int32_t g = 0; s->mirror.lacked && g < s->mirror.group_top; g++)
        if (s->mirror.groups[g].used && tl_lack_any(&s->mirror.groups[g])) return true;
    return false;
}

bool tl_room_degraded(const tl_server *s, tl_server_number number)
{
    int64_t tick = s->servers[number].degraded_tick;
    return tick > 0 && s->mirror.tick - tick < DEGRADED_SECONDS * (int64_t)s->world.tick_hz;
}

// An incomplete group that would be whole if it was told anew now.
static int32_t group_to_ask_for(const tl_server *s)
{
    uint32_t left = tl_room_left(s);
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        const tl_group *group = &s->mirror.groups[g];
        if (!group->used || !group->live || !tl_lack_any(group)) continue;
        if (!group->lack_unlisted && left >= group->lack_count && group->owner != s->number) return g;
    }
    return TL_NONE;
}

static void say(tl_server *s)
{
    if (s->said_lack_tick >= 0 && s->mirror.tick - s->said_lack_tick < SAY_EVERY_SECONDS * (int64_t)s->world.tick_hz) return;
    s->said_lack_tick = s->mirror.tick;
    tl_server_say(s, "DEGRADED: the world is larger than this server's limits: %u entities and %u groups found no room and are not shown here. Raise "
                     "entities_max and groups_max ('tramline serve --entities-max', '--groups-max')",
                  s->mirror.lack_map.count, s->mirror.groups_lacking);
}

// Once a second, as long as something is lacking: the others hear of it, and one group's owner is asked to tell it anew.
void tl_room_tick(tl_server *s)
{
    if (!s->mirror.lacked) return;
    if (!tl_room_lacks(s)) {
        s->mirror.lacked = false;
        s->said_lack_tick = -1;
        tl_server_say(s, "all of the world has found room; no longer degraded");
        return;
    }
    say(s);
    if (s->mirror.tick % s->world.tick_hz != 0 || tl_follow_alive_count(s) == 0) return;
    int32_t group = group_to_ask_for(s);
    unsigned char data[10];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_varint(&w, group != TL_NONE ? s->mirror.groups[group].id : 0);
    tl_own_post(s, TL_OP_RETELL, group != TL_NONE ? s->mirror.groups[group].owner : 0, data, w.size);
}

// Another server is degraded; it may ask for a group of ours.
void tl_room_post(tl_server *s, tl_server_number from, tl_server_number to, const void *data, size_t size)
{
    if (from >= 1 && from <= TL_SERVERS_MAX) s->servers[from].degraded_tick = s->mirror.tick;
    tl_reader r = tl_reader_make(data, size);
    tl_group_id id = tl_read_varint(&r);
    int32_t group = r.bad || to != s->number ? TL_NONE : tl_mirror_find_group(&s->mirror, id);
    if (group == TL_NONE || !tl_own_owns(s, group)) return;
    for (int32_t i = s->mirror.groups[group].entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        tl_entity *e = &s->mirror.entities[i];
        if (e->published == NULL) continue;
        e->unsent_retell = true;
        tl_own_mark(s, i);
    }
}
