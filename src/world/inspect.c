// Follows server/load.c: applies checkpoints, then the logs in order, and the ends of epochs, which move groups to
// other servers.
#include "tramline/inspect.h"
#include "base/memory.h"

#include "world/unread.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENTITIES_LIMIT = 1 << 26, GROUPS_LIMIT = 1 << 24, TOMB_BYTES_A_GROUP = 1024, TOMB_BYTES_MAX = 256 << 20 };

typedef struct end_of_epoch {
    uint32_t epoch, heir_epoch; // the last epoch that ended, and its heir
    tl_server_number heir;
} end_of_epoch;

typedef struct unreadable { // the last epoch with an unreadable record
    uint32_t epoch;
    int64_t last_tick; // the tick that servers take as that epoch's last
    bool open;         // no record of that server was applied since: its log ends there so far
} unreadable;

struct tl_inspect {
    tl_heap heap;
    tl_kinds kinds;
    tl_mirror mirror;
    end_of_epoch ends[TL_SERVERS_MAX + 1];
    unreadable bad[TL_SERVERS_MAX + 1];
    int64_t applied_tick[TL_SERVERS_MAX + 1];      // of the last applied record, or at which an epoch began
    bool sets_aside;                               // by the last event
    unsigned char stand_in[TL_STAND_IN_BYTES_MAX]; // for the last event: a checkpoint
    size_t stand_in_bytes;
    int64_t last_tick;        // for the last event, too
    tl_inspect_report report; // so far; totals computed at the end are 0 until then
};

static size_t memory_bytes(const tl_kinds *kinds, uint32_t entities_max, uint32_t groups_max)
{
    size_t words_max = 0;
    for (int i = 0; i < kinds->count; i++) {
        words_max = (size_t)tl_max_i64((int64_t)words_max, kinds->kinds[i].word_count);
    }
    // unused pages stay untouched
    size_t tombs = (size_t)tl_min_i64((int64_t)groups_max * TOMB_BYTES_A_GROUP, TOMB_BYTES_MAX);
    return tl_mirror_bytes(entities_max, groups_max) + tombs +
           entities_max * (words_max * sizeof(int64_t) * 5 / 4 + 16);
}

static tl_result init_mirror(tl_inspect *n, const tl_kind_def *kinds, int kind_count, uint32_t tick_hz,
                             uint32_t entities_max, uint32_t groups_max)
{
    tl_result result = tl_kinds_init(&n->kinds, kinds, kind_count, tick_hz, NULL, 0);
    if (result != TL_OK) {
        return result;
    }
    size_t bytes = memory_bytes(&n->kinds, entities_max, groups_max);
    void *memory = tl_alloc(bytes);
    if (memory == NULL) {
        return TL_ERR_MEMORY;
    }
    tl_heap_init(&n->heap, memory, bytes);
    n->report.decoded = true;
    return tl_mirror_init(&n->mirror, &n->heap, &n->kinds, entities_max, groups_max);
}

tl_result tl_inspect_create(const tl_kind_def *kinds, int kind_count, uint32_t tick_hz, uint32_t entities_max,
                            uint32_t groups_max, tl_inspect **out)
{
    *out = NULL;
    if (entities_max < 1 || entities_max > ENTITIES_LIMIT || groups_max < 1 || groups_max > GROUPS_LIMIT) {
        return TL_ERR_INVALID;
    }
    tl_inspect *n = tl_alloc(sizeof *n);
    if (n == NULL) {
        return TL_ERR_MEMORY;
    }
    tl_inspect_report *r = &n->report;
    r->checkpoint_first_tick = r->checkpoint_last_tick = r->log_first_tick = r->log_last_tick = r->fault_tick = -1;
    for (int i = 0; i <= TL_SERVERS_MAX; i++) {
        r->servers[i].tick = r->servers[i].log_first_tick = r->servers[i].log_last_tick = n->applied_tick[i] = -1;
    }
    tl_result result = kind_count == 0 ? TL_OK : init_mirror(n, kinds, kind_count, tick_hz, entities_max, groups_max);
    if (result != TL_OK) {
        tl_inspect_destroy(n);
        return result;
    }
    *out = n;
    return TL_OK;
}

void tl_inspect_destroy(tl_inspect *n)
{
    if (n == NULL) {
        return;
    }
    tl_free(n->heap.memory);
    tl_free(n);
}

uint64_t tl_inspect_get_kinds_hash(const tl_inspect *n)
{
    return n->kinds.hash;
}

__attribute__((format(printf, 4, 5))) static void fault(tl_inspect *n, tl_server_number server, int64_t tick,
                                                        const char *format, ...)
{
    tl_inspect_report *r = &n->report;
    if (r->faults++) {
        return;
    }
    r->fault_server = server;
    r->fault_tick = tick;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->fault_text, sizeof r->fault_text, format, arguments);
    va_end(arguments);
}

// Describes the result of applying a record or checkpoint.
static const char *why(tl_result result)
{
    if (result == TL_ERR_MEMORY) {
        return "finds no memory: more groups were deleted than this inspection can remember";
    }
    if (result == TL_ERR_FULL) {
        return "does not fit: the world is larger than the limits of this inspection";
    }
    return result == TL_ERR_VERSION ? "is of another version; use its release"
                                    : "cannot be read: servers set it aside, and what follows it in its epoch; "
                                      "'tramline inspect --repair' makes a copy without";
}

// ---- store events ----

static void on_server(tl_inspect *n, const tl_store_event *event)
{
    tl_inspect_server *s = &n->report.servers[event->server];
    end_of_epoch *end = &n->ends[event->server];
    if (event->epoch > end->epoch + 1) {
        end->epoch = event->epoch - 1; // its end was reported, or is truncated
    }
    if (n->bad[event->server].open) {
        n->last_tick = tl_min_i64(event->tick, n->bad[event->server].last_tick);
    }
    n->applied_tick[event->server] = tl_max_i64(n->applied_tick[event->server], n->last_tick);
    s->known = true;
    s->epoch = event->epoch;
    s->tick = tl_max_i64(s->tick, event->tick);
    memcpy(s->name, event->name, sizeof s->name);
    s->name[TL_NAME_BYTES_MAX] = 0;
}

// The server that receives a group that was given to server `to` in one of its epochs.
static tl_server_number receiver(void *inspect, tl_server_number to, uint32_t epoch)
{
    const tl_inspect *n = inspect;
    for (int i = 0; i < TL_SERVERS_MAX && to >= 1 && to <= TL_SERVERS_MAX; i++) {
        const end_of_epoch *end = &n->ends[to];
        if (epoch > end->epoch || end->heir == 0 || end->heir == to) {
            break;
        }
        to = end->heir;
        epoch = end->heir_epoch;
    }
    return to;
}

static void on_fenced(tl_inspect *n, const tl_store_event *event)
{
    tl_inspect_server *s = &n->report.servers[event->server];
    end_of_epoch *end = &n->ends[event->server];
    s->tick = event->tick;
    if (n->bad[event->server].open) {
        n->last_tick = tl_min_i64(event->tick, n->bad[event->server].last_tick);
    }
    if (event->epoch >= end->epoch) {
        uint32_t heir_epoch = event->heir <= TL_SERVERS_MAX ? n->ends[event->heir].epoch + 1 : 0;
        *end = (end_of_epoch){.epoch = event->epoch, .heir = event->heir, .heir_epoch = heir_epoch};
    }
    if (event->heir == 0 || event->heir == event->server) {
        return;
    }
    for (int32_t g = 0; g < n->mirror.group_top; g++) {
        tl_group *group = &n->mirror.groups[g];
        bool inherited = group->used && group->live && group->owner == event->server &&
                         group->checkpoint_tick <= event->tick;
        if (inherited) {
            group->owner = event->heir;
        }
    }
}

static tl_result apply_checkpoint(tl_mirror *m, const tl_store_event *event)
{
    if (event->size) {
        return tl_checkpoint_apply(m, event->group, event->tick, event->data, event->size);
    }
    return tl_mirror_bury_group(m, event->group, event->tick);
}

static void on_checkpoint(tl_inspect *n, const tl_store_event *event)
{
    tl_inspect_report *r = &n->report;
    r->checkpoints++;
    r->checkpoints_empty += event->size == 0;
    r->checkpoint_bytes += event->size;
    r->checkpoint_first_tick = r->checkpoint_first_tick < 0 ? event->tick
                                                            : tl_min_i64(r->checkpoint_first_tick, event->tick);
    r->checkpoint_last_tick = tl_max_i64(r->checkpoint_last_tick, event->tick);
    if (!r->decoded) {
        return;
    }
    if (event->group == 0) {
        fault(n, 0, event->tick, "a checkpoint of tick %" PRId64 " is of no group; restore the store from a copy",
              event->tick);
        return;
    }
    n->mirror.tick = event->tick;
    tl_result result = apply_checkpoint(&n->mirror, event);
    tl_mirror_settle(&n->mirror);
    n->sets_aside = result == TL_ERR_MALFORMED;
    if (n->sets_aside) {
        n->stand_in_bytes = tl_unread_stand_in(event->group, event->tick, event->data, event->size, n->stand_in);
        (void)tl_unread_take(&n->mirror, event->group, event->tick, event->data, event->size);
    }
    if (result != TL_OK) {
        fault(n, 0, event->tick, "the checkpoint of group %" PRIx64 " as of tick %" PRId64 " %s", event->group,
              event->tick,
              n->sets_aside ? "cannot be read: servers go on without it, and it is told anew by one that has the group "
                              "whole; if none has, "
                              "'tramline inspect --repair' makes a copy without"
                            : why(result));
    }
}

static void count_record(tl_inspect *n, const tl_store_event *event)
{
    tl_inspect_report *r = &n->report;
    tl_inspect_server *s = &r->servers[event->server];
    if (s->log_first_tick < 0) {
        s->log_first_tick = event->tick;
    }
    s->log_last_tick = tl_max_i64(s->log_last_tick, event->tick);
    s->tick = tl_max_i64(s->tick, event->tick);
    s->log_records++;
    s->log_bytes += event->size;
    r->log_first_tick = r->log_first_tick < 0 ? event->tick : tl_min_i64(r->log_first_tick, event->tick);
    r->log_last_tick = tl_max_i64(r->log_last_tick, event->tick);
    r->log_records++;
    r->log_bytes += event->size;
}

static void set_aside(tl_inspect *n)
{
    n->sets_aside = true;
    n->report.set_aside++;
}

static void on_record(tl_inspect *n, const tl_store_event *event)
{
    tl_inspect_server *s = &n->report.servers[event->server];
    if (s->log_records && event->tick <= s->log_last_tick) {
        fault(n, event->server, event->tick,
              "server %s (%u): the record of tick %" PRId64 " follows that of tick %" PRId64, s->name, event->server,
              event->tick, s->log_last_tick);
    }
    if (event->epoch <= n->ends[event->server].epoch) {
        fault(n, event->server, event->tick,
              "server %s (%u): the record of tick %" PRId64 " was committed after its epoch %u had ended", s->name,
              event->server, event->tick, event->epoch);
    }
    count_record(n, event);
    if (!n->report.decoded) {
        return;
    }
    const tl_record_events events = {.user = n, .receiver = receiver};
    if (n->bad[event->server].epoch == event->epoch && event->epoch) {
        set_aside(n);
        return;
    }
    n->mirror.tick = event->tick;
    tl_result result = tl_record_apply(&n->mirror, event->server, event->tick, event->data, event->size, true, &events);
    tl_mirror_settle(&n->mirror);
    if (result == TL_ERR_MALFORMED) {
        n->bad[event->server] = (unreadable){event->epoch, n->applied_tick[event->server], true};
        set_aside(n);
    } else {
        n->applied_tick[event->server] = event->tick;
        n->bad[event->server].open = false;
    }
    if (result != TL_OK) {
        fault(n, event->server, event->tick, "server %s (%u): the record of tick %" PRId64 " %s", s->name,
              event->server, event->tick, why(result));
    }
}

void tl_inspect_add(tl_inspect *n, const tl_store_event *event)
{
    n->sets_aside = false;
    n->stand_in_bytes = 0;
    n->last_tick = event->tick;
    if (n->report.complete) {
        return;
    }
    bool of_server = event->type == TL_STORE_SERVER || event->type == TL_STORE_RECORD || event->type == TL_STORE_FENCED;
    if (of_server && (event->server < 1 || event->server > TL_SERVERS_MAX)) {
        fault(n, event->server, event->tick, "there can be no server %u; restore the store from a copy", event->server);
        return;
    }
    switch (event->type) {
    case TL_STORE_SERVER: on_server(n, event); break;
    case TL_STORE_CHECKPOINT: on_checkpoint(n, event); break;
    case TL_STORE_RECORD: on_record(n, event); break;
    case TL_STORE_FENCED: on_fenced(n, event); break;
    case TL_STORE_LOADED: n->report.complete = true; break;
    case TL_STORE_FAILED: fault(n, 0, -1, "%s", event->text); break;
    default: break; // a follower's attachment is not reported; stalls pass
    }
}

bool tl_inspect_is_set_aside(const tl_inspect *n)
{
    return n->sets_aside;
}

size_t tl_inspect_get_replacement(const tl_inspect *n, const void **out)
{
    *out = n->stand_in;
    return n->stand_in_bytes;
}

int64_t tl_inspect_get_last_tick(const tl_inspect *n)
{
    return n->last_tick;
}

// ---- counting ----

static void count_group(tl_inspect *n, const tl_group *group)
{
    tl_inspect_report *r = &n->report;
    bool known = group->owner <= TL_SERVERS_MAX && r->servers[group->owner].known;
    tl_inspect_server *owner = &r->servers[known ? group->owner : 0];
    owner->groups++;
    owner->entities += (uint32_t)group->entity_count;
    r->groups++;
    r->groups_without_heir += owner->ended && owner->heir == 0;
    if (!known && !group->missing->unread) {
        fault(n, group->owner, group->changed_tick,
              "group %" PRIx64 " belongs to server %u, which the store does not know", group->id, group->owner);
    }
}

static void count_entities(tl_inspect *n)
{
    for (int32_t i = 0; i < n->mirror.entity_top; i++) {
        const tl_entity *e = &n->mirror.entities[i];
        if (!e->used || !e->live) {
            continue;
        }
        n->report.entities++;
        n->report.entities_of_kind[e->kind]++;
        n->report.carriers_missing += e->carrier_id != 0 && e->carrier == TL_NONE;
    }
}

void tl_inspect_finish(tl_inspect *n, tl_inspect_report *report)
{
    for (int i = 1; i <= TL_SERVERS_MAX; i++) {
        tl_inspect_server *s = &n->report.servers[i];
        s->ended = s->known && n->ends[i].epoch >= s->epoch;
        s->heir = s->ended ? n->ends[i].heir : 0;
    }
    if (n->report.decoded) {
        tl_mirror_resolve(&n->mirror);
        tl_mirror_settle(&n->mirror);
        count_entities(n);
    }
    for (int32_t g = 0; g < n->mirror.group_top; g++) {
        if (n->mirror.groups[g].used && n->mirror.groups[g].live) {
            count_group(n, &n->mirror.groups[g]);
        }
    }
    *report = n->report;
}
