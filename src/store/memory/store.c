// One attachment to a world in memory. It keeps a place in the world's one sequence of items and reports them from
// there; its own work lies in two queues (records and fences, checkpoints and truncations) with the time at which each
// is done.
#include "base/memory.h"
#include "store/memory/events.h"

#include <string.h>

static tl_memory_store *self_of(tl_store *base)
{
    return (tl_memory_store *)base;
}

// ---- the world's worlds --------------------------------------------------------------------------------------------

static tl_result memory_world(tl_store *base, tl_world_info *out)
{
    const tl_memory_world *world = self_of(base)->world;
    if (!world->has_info) {
        return TL_ERR_NOT_FOUND;
    }
    *out = world->info;
    return TL_OK;
}

static tl_result memory_create_world(tl_store *base, const tl_world_info *info)
{
    tl_memory_world *world = self_of(base)->world;
    tl_result result = tl_world_info_check(info);
    if (result != TL_OK) {
        return result;
    }
    if (world->has_info) {
        return TL_ERR_EXISTS;
    }
    world->info = *info;
    world->has_info = true;
    return TL_OK;
}

// ---- work in -------------------------------------------------------------------------------------------------------

static uint64_t draw_commit_us(tl_memory_store *store)
{
    const tl_memory_world_def *def = &store->world->def;
    return tl_memory_draw(store->world, store->ordinal, ++store->work_serial, def->commit_us_min, def->commit_us_max);
}

static void queue_work(tl_memory_store *store, tl_work_queue *queue, uint64_t *queue_due_us, tl_work *work)
{
    TL_ASSERT(store->server != 0);
    uint64_t due_us = store->world->now_us + draw_commit_us(store);
    work->due_us = due_us > *queue_due_us ? due_us : *queue_due_us;
    *queue_due_us = work->due_us;
    tl_work_queue_push(queue, work);
}

static bool is_joined(const tl_memory_store *store)
{
    return store->server != 0 && store->phase != TL_MEMORY_FAILED;
}

static tl_result memory_join(tl_store *base, const char *name)
{
    tl_memory_store *store = self_of(base);
    if (name && !tl_name_valid(name)) {
        return TL_ERR_INVALID;
    }
    if (store->phase != TL_MEMORY_IDLE) {
        return TL_ERR_STATE;
    }
    if (!store->world->has_info) {
        return TL_ERR_NOT_FOUND;
    }
    if (name) {
        memcpy(store->name, name, strlen(name) + 1);
    }
    store->phase = TL_MEMORY_JOINING;
    store->join_due_us = store->world->now_us + draw_commit_us(store);
    return TL_OK;
}

static tl_result memory_submit(tl_store *base, int64_t tick, const void *data, size_t size, uint64_t now_us)
{
    tl_memory_store *store = self_of(base);
    if (store->lost) {
        return TL_ERR_FENCED;
    }
    if (!is_joined(store)) {
        return TL_ERR_STATE;
    }
    if (tick <= store->submitted_tick || size > TL_RECORD_BYTES_MAX) {
        return TL_ERR_INVALID;
    }
    if (tl_work_queue_is_full(&store->records, size, TL_STORE_RECORDS_MAX) ||
        store->notes.count >= TL_STORE_UNPOLLED_MAX) {
        return TL_ERR_FULL;
    }
    tl_work *work = tl_work_create(TL_WORK_RECORD, data, size);
    if (!work) {
        return TL_ERR_MEMORY;
    }
    work->tick = tick;
    work->begun_us = now_us;
    store->submitted_tick = tick;
    queue_work(store, &store->records, &store->records_due_us, work);
    return TL_OK;
}

static tl_result queue_maintenance(tl_memory_store *store, tl_work_type type, tl_group_id group, int64_t tick,
                                   const void *data, size_t size)
{
    if (store->lost) {
        return TL_ERR_FENCED;
    }
    if (!is_joined(store)) {
        return TL_ERR_STATE;
    }
    if (tl_work_queue_is_full(&store->maintenance, size, TL_STORE_MAINTENANCE_MAX)) {
        return TL_ERR_FULL;
    }
    tl_work *work = tl_work_create(type, data, size);
    if (!work) {
        return TL_ERR_MEMORY;
    }
    work->tick = tick;
    work->group = group;
    queue_work(store, &store->maintenance, &store->maintenance_due_us, work);
    return TL_OK;
}

static tl_result memory_checkpoint(tl_store *base, tl_group_id group, int64_t tick, const void *data, size_t size)
{
    tl_memory_store *store = self_of(base);
    if (group == 0 || tick < 0 || tick > store->submitted_tick || size > TL_RECORD_BYTES_MAX) {
        return is_joined(store) ? TL_ERR_INVALID : TL_ERR_STATE;
    }
    return queue_maintenance(store, TL_WORK_CHECKPOINT, group, tick, data, size);
}

static tl_result memory_truncate(tl_store *base, int64_t tick)
{
    return queue_maintenance(self_of(base), TL_WORK_TRUNCATE, 0, tick, NULL, 0);
}

static tl_result check_fence(const tl_memory_store *store, tl_server_number server, uint32_t epoch, size_t size)
{
    if (store->lost) {
        return TL_ERR_FENCED;
    }
    if (!is_joined(store)) {
        return TL_ERR_STATE;
    }
    if (server == store->server || server < 1 || server > store->world->server_count || epoch < 1) {
        return TL_ERR_INVALID;
    }
    bool full = tl_work_queue_is_full(&store->records, size, TL_STORE_RECORDS_MAX + TL_STORE_FENCES_MAX);
    return full ? TL_ERR_FULL : TL_OK;
}

static tl_result queue_fence(tl_memory_store *store, tl_work *work)
{
    if (!work) {
        return TL_ERR_MEMORY;
    }
    queue_work(store, &store->records, &store->records_due_us, work);
    return TL_OK;
}

static tl_result memory_fence(tl_store *base, tl_server_number server, uint32_t epoch, int64_t tick)
{
    tl_memory_store *store = self_of(base);
    tl_result result = check_fence(store, server, epoch, 0);
    return result == TL_OK ? queue_fence(store, tl_work_create_fence(server, epoch, tick)) : result;
}

static tl_result memory_quarantine(tl_store *base, tl_server_number server, uint32_t epoch, int64_t tick,
                                   const void *bad, size_t bad_bytes)
{
    tl_memory_store *store = self_of(base);
    tl_result result = check_fence(store, server, epoch, bad_bytes);
    if (result == TL_OK && (tick < -1 || bad_bytes > TL_RECORD_BYTES_MAX)) {
        result = TL_ERR_INVALID;
    }
    return result == TL_OK ? queue_fence(store, tl_work_create_quarantine(server, epoch, tick, bad, bad_bytes))
                           : result;
}

// ---- work done -----------------------------------------------------------------------------------------------------

static void do_join(tl_memory_store *store)
{
    TL_ASSERT(store->phase == TL_MEMORY_JOINING);
    tl_memory_world *world = store->world;
    if (store->name[0]) {
        tl_result result = tl_memory_commit_join(world, store->name, &store->server);
        if (result != TL_OK) {
            tl_memory_report_fault(store, TL_STORE_FAILED, result,
                                   result == TL_ERR_FULL
                                       ? "the world has as many servers as it can have; use one of their names"
                                       : tl_result_text(result));
            return;
        }
        const tl_memory_server *log = &world->servers[store->server - 1];
        store->epoch = log->epoch;
        store->committed_tick = store->submitted_tick = log->tick;
        tl_memory_report(
            store, &(tl_store_event){
                       .type = TL_STORE_JOINED, .server = store->server, .epoch = store->epoch, .tick = log->tick});
    }
    store->phase = TL_MEMORY_LOADING_SERVERS;
    store->server_target = world->server_count;
    store->load_target = world->item_count;
    store->load_serial = world->serial;
    store->cursor = 0;
}

static void do_record(tl_memory_store *store, const tl_work *work)
{
    TL_ASSERT(work->type == TL_WORK_RECORD && work->tick > store->committed_tick);
    tl_result result = tl_memory_commit_record(store->world, store->server, store->epoch, work);
    if (result == TL_ERR_FENCED) {
        tl_memory_lose_lease(store);
        return;
    }
    if (result != TL_OK) {
        tl_memory_report_fault(store, TL_STORE_FAILED, result, tl_result_text(result));
        return;
    }
    store->committed_tick = work->tick;
    tl_memory_report(store, &(tl_store_event){.type = TL_STORE_COMMITTED,
                                              .server = store->server,
                                              .epoch = store->epoch,
                                              .tick = work->tick,
                                              .begun_us = work->begun_us,
                                              .done_us = store->world->now_us});
}

static void do_fence(tl_memory_store *store, const tl_work *work)
{
    TL_ASSERT(work->type == TL_WORK_FENCE && work->server != store->server);
    tl_memory_world *world = store->world;
    if (!tl_memory_epoch_is_current(world, store->server, store->epoch)) {
        tl_memory_lose_lease(store);
        return;
    }
    const tl_memory_server *log = &world->servers[work->server - 1];
    bool open = log->heir == TL_HEIR_NONE || log->heir == TL_HEIR_LEFT;
    tl_result result = TL_ERR_FENCED;
    if (work->quarantine) {
        result = tl_memory_commit_quarantine(world, work, store->server);
    } else if (open && log->epoch == work->epoch && log->tick == work->tick) {
        result = tl_memory_commit_end(world, work->server, store->server);
    }
    if (result != TL_OK && result != TL_ERR_FENCED) { // FENCED: it goes on after all, or somebody else was faster
        tl_memory_report_fault(store, TL_STORE_FAILED, result, tl_result_text(result));
    }
}

// Frees truncated items that every attachment has passed.
static void sweep_items(tl_memory_world *world)
{
    size_t passed = world->item_count;
    for (const tl_memory_store *store = world->stores; store; store = store->next) {
        if (store->phase > TL_MEMORY_JOINING && store->cursor < passed) {
            passed = store->cursor;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < world->item_count; i++) {
        if (i < passed && world->items[i]->truncated_serial != 0) {
            tl_free(world->items[i]);
        } else {
            world->items[kept++] = world->items[i];
        }
    }
    size_t removed = world->item_count - kept;
    for (tl_memory_store *store = world->stores; store; store = store->next) {
        if (store->phase > TL_MEMORY_JOINING) {
            store->cursor -= removed; // all that was removed lay before every cursor
            store->load_target -= store->load_target >= passed ? removed : 0;
        }
    }
    world->item_count = kept;
}

static void do_maintenance(tl_memory_store *store, const tl_work *work)
{
    if (work->type == TL_WORK_TRUNCATE) {
        if (tl_memory_epoch_is_current(store->world, store->server, store->epoch)) {
            tl_memory_commit_truncate(store->world, store->server, work->tick);
            sweep_items(store->world);
        }
        return;
    }
    tl_result result = tl_memory_commit_checkpoint(store->world, work);
    if (result != TL_OK) {
        tl_memory_report_fault(store, TL_STORE_FAILED, result, tl_result_text(result));
    }
}

// A checkpoint waits for the commit of the tick that it shows.
static bool maintenance_is_ready(const tl_memory_store *store)
{
    const tl_work *work = store->maintenance.first;
    return work && (work->type != TL_WORK_CHECKPOINT || work->tick <= store->committed_tick);
}

static uint64_t due_us_of(const tl_memory_store *store)
{
    if (store->phase == TL_MEMORY_JOINING) {
        return store->join_due_us;
    }
    if (store->phase == TL_MEMORY_FAILED) {
        return UINT64_MAX;
    }
    uint64_t due_us = store->records.first ? store->records.first->due_us : UINT64_MAX;
    if (maintenance_is_ready(store) && store->maintenance.first->due_us < due_us) {
        due_us = store->maintenance.first->due_us;
    }
    return due_us;
}

static void step(tl_memory_store *store)
{
    if (store->phase == TL_MEMORY_JOINING) {
        do_join(store);
        return;
    }
    uint64_t due_us = due_us_of(store);
    bool record_first = store->records.first && store->records.first->due_us == due_us;
    tl_work *work = tl_work_queue_pop(record_first ? &store->records : &store->maintenance);
    switch (work->type) {
    case TL_WORK_RECORD: do_record(store, work); break;
    case TL_WORK_FENCE: do_fence(store, work); break;
    case TL_WORK_CHECKPOINT:
    case TL_WORK_TRUNCATE: do_maintenance(store, work); break;
    }
    tl_free(work);
}

// ---- the world's time ----------------------------------------------------------------------------------------------

static void report_stall(tl_memory_store *store, bool stalled)
{
    if (stalled) {
        tl_memory_report_fault(store, TL_STORE_STALLED, TL_ERR_UNAVAILABLE,
                               "the memory world is stalled; it goes on when un-stalled");
    } else {
        tl_memory_report(store, &(tl_store_event){.type = TL_STORE_RECOVERED});
    }
}

void tl_memory_world_advance(tl_memory_world *world, uint64_t now_us)
{
    TL_ASSERT(now_us >= world->now_us);
    while (!world->stalled) {
        tl_memory_store *next = NULL;
        uint64_t due_us = UINT64_MAX;
        for (tl_memory_store *store = world->stores; store; store = store->next) {
            uint64_t store_due_us = due_us_of(store);
            if (store_due_us < due_us) {
                due_us = store_due_us;
                next = store;
            }
        }
        if (!next || due_us > now_us) {
            break;
        }
        if (due_us > world->now_us) {
            world->now_us = due_us;
        }
        step(next);
    }
    world->now_us = now_us;
}

void tl_memory_world_stall(tl_memory_world *world, bool stalled)
{
    if (world->stalled == stalled) {
        return;
    }
    world->stalled = stalled;
    for (tl_memory_store *store = world->stores; store; store = store->next) {
        report_stall(store, stalled);
    }
}

// ---- events out ----------------------------------------------------------------------------------------------------

static tl_result memory_poll(tl_store *base, tl_store_event *out)
{
    tl_memory_store *store = self_of(base);
    tl_free(store->polled);
    store->polled = NULL;
    if (tl_memory_poll_note(store, out)) {
        return TL_OK;
    }
    if (store->world->stalled && store->phase != TL_MEMORY_FAILED) {
        return TL_AGAIN;
    }
    tl_result result = tl_memory_poll_world(store, out);
    if (result == TL_ERR_MEMORY) {
        tl_memory_report_fault(store, TL_STORE_FAILED, result, tl_result_text(result));
    }
    if (result == TL_OK) {
        return TL_OK;
    }
    return tl_memory_poll_note(store, out) ? TL_OK : TL_AGAIN;
}

static int memory_wait_fd(tl_store *base)
{
    return -1;
}

static tl_result memory_drain(tl_store *base, int timeout_ms)
{
    const tl_memory_store *store = self_of(base); // time is passed in: waiting would change nothing
    return store->records.count == 0 && store->maintenance.count == 0 ? TL_OK : TL_AGAIN;
}

static tl_result memory_next_aside(tl_store *base, tl_store_event *event, char *text, size_t text_bytes)
{
    if (text && text_bytes > 0) {
        text[0] = 0;
    }
    tl_memory_store *store = self_of(base);
    return store->phase == TL_MEMORY_IDLE ? tl_memory_next_aside(store->world, event) : TL_ERR_STATE;
}

static void memory_close(tl_store *base, bool leave)
{
    tl_memory_store *store = self_of(base);
    tl_memory_world *world = store->world;
    if (leave && is_joined(store) && tl_memory_epoch_is_current(world, store->server, store->epoch)) {
        (void)tl_memory_commit_end(world, store->server, TL_HEIR_LEFT);
    }
    tl_memory_store **link = &world->stores;
    while (*link != store) {
        link = &(*link)->next;
    }
    *link = store->next;
    tl_work_queue_clear(&store->records);
    tl_work_queue_clear(&store->maintenance);
    tl_note_queue_clear(&store->notes);
    tl_free(store->polled);
    tl_free(store->scratch);
    tl_free(store);
}

static const tl_store_ops memory_ops = {
    .get_world = memory_world,
    .create_world = memory_create_world,
    .join = memory_join,
    .submit = memory_submit,
    .checkpoint = memory_checkpoint,
    .truncate = memory_truncate,
    .fence = memory_fence,
    .quarantine = memory_quarantine,
    .next_set_aside = memory_next_aside,
    .poll = memory_poll,
    .wait_fd = memory_wait_fd,
    .drain = memory_drain,
    .close = memory_close,
};

tl_result tl_memory_store_open(tl_memory_world *world, tl_store **out)
{
    tl_memory_store *store = tl_alloc(sizeof(*store));
    if (!store) {
        return TL_ERR_MEMORY;
    }
    store->base.ops = &memory_ops;
    store->world = world;
    store->ordinal = ++world->store_count;
    store->committed_tick = store->submitted_tick = -1;
    tl_memory_store **link = &world->stores; // at the end: ties are in the order of attaching
    while (*link) {
        link = &(*link)->next;
    }
    *link = store;
    if (world->stalled) {
        report_stall(store, true);
    }
    *out = &store->base;
    return TL_OK;
}
