// Parts of the world that are missing here: for lack of capacity, or because a checkpoint could not be read. The server
// continues without them and reports it. It owns no incomplete group while another server can own it, writes no
// checkpoints of such groups, and asks their owners to publish them again: once there is capacity, or at once.
#include "server/missing.h"
#include "server/peers.h"
#include "server/state.h"
#include "server/tick_record.h"
#include "world/missing.h"
#include "world/unread.h"

enum { SAY_EVERY_SECONDS = 10, SAY_UNREAD_MAX = 8, ASKED_MAX = 8 };

uint32_t tl_server_missing_room(const tl_server *s)
{
    uint32_t used = (uint32_t)s->mirror.entity_top - s->mirror.entity_free_count;
    return used < s->mirror.entities_max ? s->mirror.entities_max - used : 0;
}

bool tl_server_missing_any(const tl_server *s)
{
    if (s->mirror.missing.entities.count || tl_missing_group_count(&s->mirror.missing)) {
        return true;
    }
    for (int32_t g = 0; s->mirror.missing.any && g < s->mirror.group_top; g++) {
        if (s->mirror.groups[g].used && tl_missing_any(s->mirror.groups[g].missing)) {
            return true;
        }
    }
    return false;
}

uint32_t tl_server_missing_unread_count(const tl_server *s)
{
    uint32_t count = 0;
    for (int32_t g = 0; s->mirror.missing.any && g < s->mirror.group_top; g++) {
        count += s->mirror.groups[g].used && s->mirror.groups[g].missing->unread;
    }
    return count;
}

// Returns an incomplete group that would be whole if it were published again now; takes turns.
static int32_t group_to_ask_for(tl_server *s)
{
    uint32_t left = tl_server_missing_room(s);
    for (int32_t i = 0; i < s->mirror.group_top; i++) {
        s->missing.group_asked = (s->missing.group_asked + 1) % s->mirror.group_top;
        const tl_group *group = &s->mirror.groups[s->missing.group_asked];
        if (!group->used || !group->live || !tl_missing_any(group->missing)) {
            continue;
        }
        if (!group->missing->unlisted && left >= group->missing->count && group->owner != s->number) {
            return s->missing.group_asked;
        }
    }
    return TL_NONE;
}

static void say(tl_server *s)
{
    if (s->missing.said_tick >= 0 &&
        s->mirror.tick - s->missing.said_tick < SAY_EVERY_SECONDS * (int64_t)s->world.tick_hz) {
        return;
    }
    s->missing.said_tick = s->mirror.tick;
    uint32_t unread = tl_server_missing_unread_count(s);
    if (s->mirror.missing.entities.count || tl_missing_group_count(&s->mirror.missing) || !unread) {
        tl_server_say(s,
                      "DEGRADED: the world is larger than this server's limits: %u entities and %u groups found no "
                      "room and are not shown here. Raise "
                      "entities_max and groups_max ('tramline serve --entities-max', '--groups-max')",
                      s->mirror.missing.entities.count, tl_missing_group_count(&s->mirror.missing));
    }
    if (unread) {
        tl_server_say(
            s,
            "DEGRADED: the checkpoints of %u groups cannot be read: they are incomplete here until a server that has "
            "them whole tells them anew. "
            "If no running server has: stop all, 'tramline inspect STORE --export DIR --repair NEW', and start on NEW",
            unread);
    }
}

tl_result tl_server_missing_take_unread(tl_server *s, const tl_store_event *checkpoint)
{
    s->stats.checkpoints_unread++;
    if (s->stats.checkpoints_unread <= SAY_UNREAD_MAX) {
        tl_server_say(s,
                      "the checkpoint of group %llx as of tick %lld cannot be read; this server goes on without it "
                      "('tramline inspect STORE --export DIR' "
                      "exports it)",
                      (unsigned long long)checkpoint->group, (long long)checkpoint->tick);
    }
    return tl_unread_take(&s->mirror, checkpoint->group, checkpoint->tick, checkpoint->data, checkpoint->size);
}

static void ask_for(tl_server *s, tl_group_id id, tl_server_number owner)
{
    unsigned char data[10];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_varint(&w, id);
    tl_tick_record_post(s, TL_OP_RETELL, owner, data, w.size);
}

// Asks for groups that were missing for lack of capacity, once there is some: such a group is published again, at first
// as an empty one, and then asked for like other incomplete groups.
static void ask_for_groups(tl_server *s)
{
    const tl_map *lacking = &s->mirror.missing.groups;
    uint32_t places = s->mirror.groups_max - (uint32_t)s->mirror.group_top + s->mirror.group_free_count;
    for (uint32_t i = 0, asked = 0; lacking->count && i <= lacking->mask && asked < ASKED_MAX && asked < places; i++) {
        s->missing.place_asked = (s->missing.place_asked + 1) & lacking->mask;
        const tl_map_entry *entry = &lacking->entries[s->missing.place_asked];
        if (entry->key == 0 || entry->value == s->number) {
            continue;
        }
        ask_for(s, entry->key, (tl_server_number)entry->value);
        asked++;
    }
}

// Once a second, while something is missing: reports that to the others, and asks one group's owner to publish it
// again, or several groups' owners if the groups only could not be read.
void tl_server_missing_tick(tl_server *s)
{
    if (!s->mirror.missing.any) {
        return;
    }
    if (!tl_server_missing_any(s)) {
        s->mirror.missing.any = false;
        s->missing.said_tick = -1;
        tl_server_say(s, "all of the world is here; no longer degraded");
        return;
    }
    say(s);
    if (s->mirror.tick % s->world.tick_hz != 0 || tl_peers_alive_count(s) == 0) {
        return;
    }
    ask_for_groups(s);
    for (int asked = 0, first = TL_NONE; asked < ASKED_MAX; asked++) {
        int32_t index = group_to_ask_for(s);
        if (index == first && index != TL_NONE) {
            return; // all of them have been asked for
        }
        const tl_group *group = index == TL_NONE ? NULL : &s->mirror.groups[index];
        if (asked == 0 || group) {
            ask_for(s, group ? group->id : 0, group ? group->owner : 0);
        }
        if (asked == 0) {
            first = index;
        }
        if (group == NULL || !group->missing->unread) {
            return;
        }
    }
}
