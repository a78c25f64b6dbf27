// Joining: loads the checkpoints from the store, then the records since, and starts the server.
#include "server/load.h"
#include "server/apply.h"
#include "server/checkpoints.h"
#include "server/claims.h"
#include "server/missing.h"
#include "server/peers.h"
#include "server/quarantine.h"
#include "server/records.h"
#include "server/state.h"
#include "world/checkpoint.h"
#include "world/record_apply.h"

// While loading, each event is settled before the next is applied.
static void settle_loaded(tl_server *s)
{
    tl_mirror_resolve(&s->mirror);
    tl_mirror_settle(&s->mirror);
}

// Returns whether it was applied.
bool tl_load_record(tl_server *s, const tl_store_event *event)
{
    if (tl_quarantine_takes(s, event)) {
        return false;
    }
    s->mirror.tick = event->tick;
    bool own = event->server == s->number;
    const tl_record_events events = {
        .user = s, .own = own, .receiver = tl_peers_receiver, .group_deleted = own ? tl_checkpoints_owe_end : NULL};
    tl_result result = tl_record_apply(&s->mirror, event->server, event->tick, event->data, event->size, true, &events);
    settle_loaded(s);
    if (result == TL_ERR_MALFORMED) {
        // kept, for the store to compare
        if (event->server != s->number) {
            tl_records_queue(s, tl_peers_find(s, event->server), event, false);
        }
        tl_quarantine_begin(s, event->server, event->epoch, event->tick);
    }
    if (result == TL_ERR_VERSION) {
        tl_apply_fail_version(s, event->server, event->tick);
    }
    if (result == TL_ERR_FULL) {
        s->stats.limits_reached++; // what is missing is noted, see server/missing.c
    }
    return result == TL_OK || result == TL_ERR_FULL;
}

void tl_load_checkpoint(tl_server *s, const tl_store_event *event)
{
    tl_result result;
    s->mirror.tick = event->tick;
    if (event->group == 0) { // no group has this id
        s->stats.checkpoints_unread++;
        tl_server_say(s, "a checkpoint of tick %lld is of no group; it is passed over", (long long)event->tick);
        return;
    }
    if (event->size == 0) {
        result = tl_mirror_bury_group(&s->mirror, event->group, event->tick);
    } else {
        result = tl_checkpoint_apply(&s->mirror, event->group, event->tick, event->data, event->size);
    }
    if (result == TL_ERR_MALFORMED) {
        result = tl_server_missing_take_unread(s, event);
    }
    settle_loaded(s);
    if (result == TL_ERR_FULL) {
        s->stats.limits_reached++;
    }
    if (result == TL_ERR_MEMORY) {
        tl_server_fail(s, TL_SERVER_FAILED,
                       "no memory is left to remember which groups were deleted; raise memory_bytes");
    }
    if (result == TL_ERR_VERSION) {
        tl_server_fail(s, TL_SERVER_FAILED,
                       "the checkpoint of group %llx is of another version; bring all servers to the same release",
                       (unsigned long long)event->group);
    }
}

void tl_load_all_here(tl_server *s)
{
    if (s->number == 0) {
        return;
    }
    s->time.loaded = true;
    s->time.loaded_us = s->time.now_us;
    s->time.stood_still = 0;
}

void tl_load_start(tl_server *s)
{
    TL_ASSERT(s->state == TL_SERVER_JOINING && s->time.loaded && s->time.clock.set);
    s->mirror.tick = s->tick = tl_max_i64(tl_max_i64(s->tick, 0), tl_world_clock_tick(&s->time.clock) - 1);
    tl_tombs_clear(&s->mirror.tombs, &s->heap);
    s->checkpoints.owes = true;
    tl_mirror_resolve(&s->mirror);
    for (int32_t i = 0; i < s->mirror.entity_top; i++) {
        if (s->mirror.entities[i].live) {
            tl_mirror_touch(&s->mirror, i, TL_CHANGE_ENTERED | TL_CHANGE_STATE);
        }
    }
    tl_pyramid_tick(&s->pyramid, s->mirror.tick);
    tl_mirror_settle(&s->mirror);
    s->state = TL_SERVER_RUNNING;
    tl_peers_need_all_seen(s); // what it publishes from now on depends on all that it has loaded
    s->peers.last_commit_us = s->time.now_us;
    tl_server_say(s, "loaded: %u entities", s->mirror.live_count);
    tl_claims_ended(s, s->number, s->stats.committed_tick);
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        s->mirror.groups[g].known_tick = -1;
        if (s->mirror.groups[g].used && s->mirror.groups[g].owner == s->number) {
            tl_apply_take_group(s, g);
        }
    }
    tl_quarantine_loaded(s);
}
