// Handles the store's events: dispatches each to the module that acts on it.
#include "server/store_events.h"
#include "server/apply.h"
#include "server/fencing.h"
#include "server/load.h"
#include "server/own_records.h"
#include "server/peers.h"
#include "server/quarantine.h"
#include "server/records.h"
#include "server/state.h"
#include "server/time.h"

// Whether a record is early enough that world ticks can wait for it. Lagging servers are not waited for; a server whose
// records always arrive slightly later than the own commits would otherwise lag for ever, since its tick has always
// passed.
static bool is_in_time(const tl_server *s, int64_t tick)
{
    return s->time.clock.set && !tl_world_clock_too_far(&s->time.clock, tick) &&
           s->time.clock.world_us <= tl_world_clock_tick_us(&s->time.clock, tick) + s->def.patience_ms * 1000ull;
}

static void on_record(tl_server *s, const tl_store_event *event)
{
    tl_peer_server *p = tl_peers_find(s, event->server);
    if (p == NULL) {
        return;
    }
    if (event->server != s->number) {
        p->head_tick = event->tick;
        if (s->state != TL_SERVER_JOINING || s->time.loaded) {
            tl_time_hear(s, event);
        }
        if (!tl_world_clock_too_far(&s->time.clock, event->tick)) {
            p->silent_us = 0;
            p->fence_asked = false;
        }
        if (p->lagging && is_in_time(s, event->tick)) {
            p->lagging = false;
        }
    }
    if (s->state == TL_SERVER_JOINING) {
        if (!tl_load_record(s, event)) {
            return;
        }
        p->applied_tick = event->tick;
        p->applied_epoch = event->epoch;
    } else if (event->server != s->number && !tl_quarantine_takes(s, event)) {
        tl_records_queue(s, p, event, false);
    }
}

static void on_fenced(tl_server *s, const tl_store_event *event)
{
    tl_peer_server *p = tl_peers_find(s, event->server);
    if (p == NULL) {
        return;
    }
    tl_quarantine_end(s, event);
    if (s->state >= TL_SERVER_LEFT) {
        return;
    }
    if (s->state == TL_SERVER_JOINING) {
        tl_followed_record end = {.tick = event->tick, .epoch = event->epoch, .heir = event->heir};
        tl_apply_end(s, event->server, &end);
    } else if (event->server != s->number) {
        tl_records_queue(s, p, event, true);
    }
}

static void on_committed(tl_server *s, const tl_store_event *event)
{
    TL_ASSERT(s->time.now_us >= s->peers.last_commit_us);
    uint64_t since = s->time.now_us - s->peers.last_commit_us, tick_us = 1000000u / s->world.tick_hz;
    // In the store's time: the time between own commits, not counting a stall's length.
    if (s->state != TL_SERVER_JOINING) {
        tl_fencing_watch(s, since < 2 * tick_us ? since : 2 * tick_us);
    }
    s->peers.last_commit_us = s->time.now_us;
    s->stats.committed_tick = event->tick;
    uint64_t took_us = tl_own_records_committed(s, event->tick), reported_us = event->done_us - event->begun_us;
    // The store saw it earlier than this, but by a clock that may have jumped.
    if (event->done_us >= event->begun_us && reported_us < took_us) {
        took_us = reported_us;
    }
    if (s->def.callbacks.committed) {
        s->def.callbacks.committed(s->def.callbacks.user, event->tick, took_us);
    }
}

void tl_store_events_take(tl_server *s, const tl_store_event *event)
{
    switch (event->type) {
    case TL_STORE_JOINED:
        s->number = event->server;
        s->epoch = event->epoch;
        s->tick = s->stats.committed_tick = event->tick;
        tl_server_say(s, "joined as server %u, epoch %u", event->server, event->epoch);
        break;
    case TL_STORE_SERVER: tl_peers_on_server(s, event); break;
    case TL_STORE_CHECKPOINT: tl_load_checkpoint(s, event); break;
    case TL_STORE_RECORD: on_record(s, event); break;
    case TL_STORE_LOADED: tl_load_all_here(s); break;
    case TL_STORE_COMMITTED: on_committed(s, event); break;
    case TL_STORE_FENCED: on_fenced(s, event); break;
    case TL_STORE_LOST:
        tl_server_fail(s, TL_SERVER_FENCED, "the lease of %s was taken at tick %lld; its groups are server %u's",
                       s->name, (long long)event->tick, event->heir);
        break;
    case TL_STORE_STALLED:
        s->stats.store_stalled = true;
        s->stats.store_stalls++;
        tl_server_say(s, "the store stalls: %s", event->text);
        break;
    case TL_STORE_RECOVERED:
        s->stats.store_stalled = false;
        tl_server_say(s, "the store goes on");
        break;
    case TL_STORE_FAILED: tl_server_fail(s, TL_SERVER_FAILED, "the store failed: %s", event->text); break;
    case TL_STORE_NOTICE: tl_server_say(s, "the store goes on, but: %s", event->text); break;
    }
}
