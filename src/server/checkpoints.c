// Decides which groups are checkpointed and when, and how far the log can be truncated.
#include "server/checkpoints.h"
#include "server/held_checkpoints.h"
#include "server/ownership.h"
#include "server/state.h"
#include "server/time.h"
#include "world/checkpoint.h"
#include "world/missing.h"

enum { CHECKPOINT_SECONDS = 10, CUT_SECONDS = 5, OWED_A_TICK = 4, LOOKS_A_TICK = 64 };

// Whether the mirror has everything of a group up to its tick, so that a checkpoint may replace the log. A group that
// is being handed over or deleted is not there yet.
static bool is_whole(const tl_server *s, int32_t group)
{
    TL_ASSERT(group >= 0 && group < s->mirror.group_top);
    const tl_group *g = &s->mirror.groups[group];
    if (g->giving || tl_missing_any(g->missing)) {
        return false;
    }
    return g->owner == s->number ||
           (g->owner <= TL_SERVERS_MAX && s->peers.servers[g->owner].applied_tick >= s->mirror.tick);
}

static void say_failed(tl_server *s, tl_group_id id, tl_result result)
{
    if (s->stats.checkpoints_refused++) {
        return;
    }
    if (result == TL_ERR_FULL) {
        tl_server_say(s,
                      "group %llx is larger than a checkpoint may be (%d MiB): it is not stored, and the log stays and "
                      "grows; spread its entities over "
                      "more groups",
                      (unsigned long long)id, TL_RECORD_BYTES_MAX >> 20);
    } else {
        tl_server_say(s, "the checkpoint of group %llx cannot be read back: it is not stored, and the log stays",
                      (unsigned long long)id);
    }
}

// Returns false if the group cannot be checkpointed now.
static bool checkpoint(tl_server *s, tl_group_id id)
{
    int32_t group = tl_mirror_find_group(&s->mirror, id);
    size_t size = 0;
    tl_result result = TL_OK;
    if (group != TL_NONE) {
        result = tl_checkpoint_write(&s->mirror, group, s->mirror.tick, s->records.scratch, TL_RECORD_BYTES_MAX, &size);
    }
    if (result != TL_OK) {
        TL_ASSERT(group != TL_NONE);
        say_failed(s, id, result);
        s->mirror.groups[group].retry_tick = s->mirror.tick + CHECKPOINT_SECONDS * (int64_t)s->world.tick_hz;
        return false;
    }
    if (!tl_held_add_checkpoint(s, id, s->records.scratch, size)) {
        return false;
    }
    if (group == TL_NONE) {
        return true;
    }
    s->mirror.groups[group].checkpoint_tick = s->mirror.tick;
    s->mirror.groups[group].owed = false;
    return true;
}

// Writes the checkpoints that record deletions of groups.
static void checkpoint_due(tl_server *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->checkpoints.due_count; i++) {
        tl_group_id id = s->checkpoints.due[i];
        int32_t group = tl_mirror_find_group(&s->mirror, id);
        bool whole = group == TL_NONE || (is_whole(s, group) && s->mirror.groups[group].retry_tick <= s->mirror.tick);
        if (!whole || !checkpoint(s, id)) {
            s->checkpoints.due[kept++] = id;
        }
    }
    s->checkpoints.due_count = kept;
}

void tl_checkpoints_owe_end(void *server, tl_group_id deleted)
{
    tl_server *s = server;
    if (s->checkpoints.due_count < TL_GIVES_MAX) {
        s->checkpoints.due[s->checkpoints.due_count++] = deleted;
    } else {
        s->checkpoints.truncation_blocked = true;
    }
}

// Writes checkpoints of others' groups that the own log has changes of. Groups that have become this server's have
// their turn among its own.
static void checkpoint_owed(tl_server *s)
{
    int left = OWED_A_TICK;
    bool any = false;
    for (int32_t g = 0; s->checkpoints.owes && g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        if (!group->used || !group->owed) {
            continue;
        }
        if (group->owner == s->number && !group->giving) {
            group->owed = false;
            continue;
        }
        any = true;
        if (left == 0 || !group->live || group->retry_tick > s->mirror.tick || !is_whole(s, g)) {
            continue;
        }
        checkpoint(s, group->id);
        left--;
    }
    s->checkpoints.owes = any;
}

// The log must stay as long as it contains anything that no stored checkpoint contains. Only its author truncates a
// log, and no server knows what others have stored. So a server relies on its own checkpoints alone: it writes one of
// each group that its log has changed since the group's last checkpoint, even if the group is another server's by now.
// It knows what it owns and what it hands over. For the records of its former epochs, which it reads when it restarts,
// it notes which groups they change beyond the checkpoints it has read (`owed`), and which they delete. So it does not
// matter whether an heir or a receiver has written its own checkpoints yet, or whether a giver survived to write its
// own: until it returns, its log stays whole. Checkpoints and truncations go to the store in order
// (server/held_checkpoints.c).
// If a group has no checkpoint here yet, the log contains nothing of it from before it was known here. Without this
// rule the new groups of clients that come and go would keep the log from ever being truncated.
static void truncate_log(tl_server *s)
{
    int64_t hz = s->world.tick_hz, tick = s->mirror.tick - (int64_t)s->def.log_keep_s * hz;
    if (s->checkpoints.truncation_blocked || s->mirror.owes_unknown || s->checkpoints.due_count) {
        return;
    }
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        const tl_group *group = &s->mirror.groups[g];
        bool unstored = group->owed || (group->owner == s->number && group->changed_tick > group->checkpoint_tick);
        if (group->used && unstored) {
            tick = tl_min_i64(tick, group->checkpoint_tick >= 0 ? group->checkpoint_tick : group->known_tick);
        }
    }
    if (tick <= s->checkpoints.truncated_tick + CUT_SECONDS * hz) {
        return;
    }
    TL_ASSERT(s->checkpoints.due_count == 0 && tick <= s->mirror.tick);
    if (tl_held_add_truncation(s, tick)) {
        s->checkpoints.truncated_tick = tick;
    }
}

// Checkpoints one group per tick, each every ten seconds if it changes. Checkpoints contain committed state only.
void tl_checkpoints_tick(tl_server *s)
{
    tl_held_release(s);
    if (s->records.count && s->records.waiting[s->records.first].tick <= s->mirror.tick) {
        return; // mirrored, but not committed yet
    }
    if (!tl_time_sure(s)) {
        return;
    }
    checkpoint_due(s);
    checkpoint_owed(s);
    int64_t hz = s->world.tick_hz;
    for (int looked = 0; looked < LOOKS_A_TICK && s->mirror.group_top; looked++) {
        s->checkpoints.looked_at = (s->checkpoints.looked_at + 1) % s->mirror.group_top;
        const tl_group *g = &s->mirror.groups[s->checkpoints.looked_at];
        if (!tl_own_owns(s, s->checkpoints.looked_at) || !g->live || g->changed_tick <= g->checkpoint_tick ||
            tl_missing_any(g->missing)) {
            continue;
        }
        if (g->retry_tick > s->mirror.tick) {
            continue;
        }
        if (g->checkpoint_tick >= 0 && s->mirror.tick - g->checkpoint_tick < CHECKPOINT_SECONDS * hz) {
            continue;
        }
        checkpoint(s, g->id);
        break;
    }
    if (s->mirror.tick % (CUT_SECONDS * hz) == 0) {
        truncate_log(s);
    }
}
