// One attachment to a world in memory. It keeps a place in the world's one sequence of items and tells them from there;
// its own work lies in two queues (records and fences, checkpoints and cuts) with the time at which each is done.
#include "store/memory/world.h"

#include <string.h>

static tl_memory_store *self_of(tl_store *base)
{
    return (tl_memory_store *)base;
}

static void report(tl_memory_store *store, const tl_store_event *event)
{
    tl_note *note = tl_note_create(event->type, 0);
    if (!note) {
        store->world->failed = true;
        return;
    }
    note->event = *event;
    note->event.data = NULL;
    note->event.size = 0;
    tl_note_queue_push(&store->notes, note);
}

static void report_fault(tl_memory_store *store, tl_store_event_type type, tl_result result, const char *text)
{
    tl_store_event event = {.type = type, .result = result};
    snprintf(event.text, sizeof(event.text), "%s", text);
    report(store, &event);
    if (type == TL_STORE_FAILED) {
        store->phase = TL_MEMORY_FAILED;
    }
}

void tl_memory_store_report_stall(tl_memory_store *store, bool stalled)
{
    if (stalled) {
        report_fault(store, TL_STORE_STALLED, TL_ERR_UNAVAILABLE,
                     "the memory world is stalled; it goes on when un-stalled");
    } else {
        report(store, &(tl_store_event){.type = TL_STORE_RECOVERED});
    }
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
    if (name && !tl_store_name_is_valid(name)) {
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

static void lose_lease(tl_memory_store *store)
{
    if (store->lost) {
        return;
    }
    store->lost = true;
    tl_work_queue_clear(&store->records);
    tl_work_queue_clear(&store->maintenance);
    const tl_memory_item *end = NULL;
    for (size_t i = store->world->item_count; i > 0 && !end; i--) {
        const tl_memory_item *item = store->world->items[i - 1];
        bool ours = item->server == store->server && item->epoch == store->epoch;
        end = item->type == TL_MEMORY_ENDED && ours ? item : NULL;
    }
    TL_ASSERT(end); // ends are never cut
    report(store, &(tl_store_event){.type = TL_STORE_LOST,
                                    .server = store->server,
                                    .heir = end->heir,
                                    .epoch = store->epoch,
                                    .tick = end->tick});
}

static void do_join(tl_memory_store *store)
{
    tl_memory_world *world = store->world;
    if (store->name[0]) {
        tl_result result = tl_memory_commit_join(world, store->name, &store->server);
        if (result != TL_OK) {
            report_fault(store, TL_STORE_FAILED, result,
                         result == TL_ERR_FULL ? "the world has as many servers as it can have; use one of their names"
                                               : tl_result_text(result));
            return;
        }
        const tl_memory_server *log = &world->servers[store->server - 1];
        store->epoch = log->epoch;
        store->committed_tick = store->submitted_tick = log->tick;
        report(store, &(tl_store_event){
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
    tl_result result = tl_memory_commit_record(store->world, store->server, store->epoch, work);
    if (result == TL_ERR_FENCED) {
        lose_lease(store);
        return;
    }
    if (result != TL_OK) {
        report_fault(store, TL_STORE_FAILED, result, tl_result_text(result));
        return;
    }
    store->committed_tick = work->tick;
    report(store, &(tl_store_event){.type = TL_STORE_COMMITTED,
                                    .server = store->server,
                                    .epoch = store->epoch,
                                    .tick = work->tick,
                                    .begun_us = work->begun_us,
                                    .done_us = store->world->now_us});
}

static void do_fence(tl_memory_store *store, const tl_work *work)
{
    tl_memory_world *world = store->world;
    if (!tl_memory_epoch_is_current(world, store->server, store->epoch)) {
        lose_lease(store);
        return;
    }
    const tl_memory_server *log = &world->servers[work->server - 1];
    bool open = log->heir == TL_MEMORY_HEIR_NONE || log->heir == TL_MEMORY_HEIR_LEFT;
    tl_result result = TL_ERR_FENCED;
    if (work->quarantine) {
        result = tl_memory_commit_quarantine(world, work, store->server);
    } else if (open && log->epoch == work->epoch && log->tick == work->tick) {
        result = tl_memory_commit_end(world, work->server, store->server);
    }
    if (result != TL_OK && result != TL_ERR_FENCED) { // FENCED: it goes on after all, or somebody else was faster
        report_fault(store, TL_STORE_FAILED, result, tl_result_text(result));
    }
}

static void do_maintenance(tl_memory_store *store, const tl_work *work)
{
    if (work->type == TL_WORK_TRUNCATE) {
        if (tl_memory_epoch_is_current(store->world, store->server, store->epoch)) {
            tl_memory_commit_truncate(store->world, store->server, work->tick);
        }
        return;
    }
    tl_result result = tl_memory_commit_checkpoint(store->world, work);
    if (result != TL_OK) {
        report_fault(store, TL_STORE_FAILED, result, tl_result_text(result));
    }
}

// A checkpoint waits for the commit of the tick that it shows.
static bool maintenance_is_ready(const tl_memory_store *store)
{
    const tl_work *work = store->maintenance.first;
    return work && (work->type != TL_WORK_CHECKPOINT || work->tick <= store->committed_tick);
}

uint64_t tl_memory_store_due(const tl_memory_store *store)
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

void tl_memory_store_step(tl_memory_store *store)
{
    if (store->phase == TL_MEMORY_JOINING) {
        do_join(store);
        return;
    }
    uint64_t due_us = tl_memory_store_due(store);
    bool record_first = store->records.first && store->records.first->due_us == due_us;
    tl_work *work = tl_work_queue_pop(record_first ? &store->records : &store->maintenance);
    switch (work->type) {
    case TL_WORK_RECORD: do_record(store, work); break;
    case TL_WORK_FENCE: do_fence(store, work); break;
    case TL_WORK_CHECKPOINT:
    case TL_WORK_TRUNCATE: do_maintenance(store, work); break;
    }
    free(work);
}

// ---- events out ----------------------------------------------------------------------------------------------------

// The data of `out` are copied, for the world may drop them before the next poll.
static tl_result keep_data(tl_memory_store *store, const void *data, size_t size, tl_store_event *out)
{
    if (size > store->scratch_capacity) {
        unsigned char *grown = realloc(store->scratch, size);
        if (!grown) {
            return TL_ERR_MEMORY;
        }
        store->scratch = grown;
        store->scratch_capacity = size;
    }
    if (size > 0) {
        memcpy(store->scratch, data, size);
    }
    out->data = store->scratch;
    out->size = size;
    return TL_OK;
}

static tl_result poll_loading_servers(tl_memory_store *store, tl_store_event *out)
{
    while (store->loaded_server < store->server_target) {
        int index = store->loaded_server++;
        if (index + 1 != store->server) {
            *out = (tl_store_event){.type = TL_STORE_SERVER,
                                    .server = (tl_server_number)(index + 1),
                                    .epoch = 1,
                                    .tick = -1,
                                    .begun_us = store->world->servers[index].began_us};
            memcpy(out->name, store->world->servers[index].name, sizeof(out->name));
            return TL_OK;
        }
    }
    store->phase = TL_MEMORY_LOADING_CHECKPOINTS;
    return TL_AGAIN;
}

static tl_result poll_loading_checkpoints(tl_memory_store *store, tl_store_event *out)
{
    size_t index = tl_memory_checkpoint_find(store->world, store->loaded_group + 1);
    if (index == store->world->checkpoint_count) {
        store->phase = TL_MEMORY_LOADING_ITEMS;
        return TL_AGAIN;
    }
    const tl_memory_checkpoint *checkpoint = &store->world->checkpoints[index];
    *out = (tl_store_event){.type = TL_STORE_CHECKPOINT, .group = checkpoint->group, .tick = checkpoint->tick};
    tl_result result = keep_data(store, checkpoint->data, checkpoint->size, out);
    if (result == TL_OK) {
        store->loaded_group = checkpoint->group;
    }
    return result;
}

// What an item says to this attachment: TL_AGAIN if nothing.
static tl_result describe_item(tl_memory_store *store, const tl_memory_item *item, bool loading, tl_store_event *out)
{
    bool own = item->server == store->server && store->server != 0;
    *out = (tl_store_event){
        .server = item->server, .epoch = item->epoch, .tick = item->tick, .begun_us = item->begun_us};
    switch (item->type) {
    case TL_MEMORY_BEGAN:
        // While loading, the first epochs have been told already.
        if ((own && item->epoch <= store->epoch) || (loading && item->epoch == 1)) {
            return TL_AGAIN;
        }
        out->type = TL_STORE_SERVER;
        memcpy(out->name, store->world->servers[item->server - 1].name, sizeof(out->name));
        return TL_OK;
    case TL_MEMORY_RECORD:
        if (own && item->epoch == store->epoch) {
            return TL_AGAIN;
        }
        if (item->set_aside || (item->truncated_serial != 0 && item->truncated_serial <= store->load_serial)) {
            return TL_AGAIN;
        }
        out->type = TL_STORE_RECORD;
        out->done_us = store->world->now_us;
        return keep_data(store, item->data, item->size, out);
    case TL_MEMORY_ENDED:
        if (own && item->epoch == store->epoch) {
            lose_lease(store);
            return TL_AGAIN;
        }
        out->type = TL_STORE_FENCED;
        out->heir = item->heir;
        return TL_OK;
    }
    return TL_AGAIN;
}

static tl_result poll_loading_items(tl_memory_store *store, tl_store_event *out)
{
    while (store->cursor < store->load_target) {
        const tl_memory_item *item = store->world->items[store->cursor];
        tl_result result = describe_item(store, item, true, out);
        if (result == TL_ERR_MEMORY) {
            return result;
        }
        store->cursor++;
        if (result == TL_OK) {
            return TL_OK;
        }
    }
    store->phase = TL_MEMORY_FOLLOWING;
    *out = (tl_store_event){.type = TL_STORE_LOADED};
    return TL_OK;
}

static tl_result poll_following(tl_memory_store *store, tl_store_event *out)
{
    tl_memory_world *world = store->world;
    while (store->cursor < world->item_count && !world->stalled) {
        const tl_memory_item *item = world->items[store->cursor];
        uint64_t delay_us = tl_memory_draw(world, store->ordinal, ~item->serial, world->def.follow_us_min,
                                           world->def.follow_us_max);
        uint64_t visible_us = item->committed_us + delay_us;
        if (visible_us < store->visible_us) {
            visible_us = store->visible_us;
        }
        if (visible_us > world->now_us) {
            return TL_AGAIN;
        }
        tl_result result = describe_item(store, item, false, out);
        if (result == TL_ERR_MEMORY) {
            return result;
        }
        store->visible_us = visible_us;
        store->cursor++;
        if (result == TL_OK || store->notes.count > 0) {
            return result;
        }
    }
    return TL_AGAIN;
}

static tl_result poll_phase(tl_memory_store *store, tl_store_event *out)
{
    if (store->phase == TL_MEMORY_LOADING_SERVERS) {
        tl_result result = poll_loading_servers(store, out);
        if (result != TL_AGAIN) {
            return result;
        }
    }
    if (store->phase == TL_MEMORY_LOADING_CHECKPOINTS) {
        tl_result result = poll_loading_checkpoints(store, out);
        if (result != TL_AGAIN) {
            return result;
        }
    }
    if (store->phase == TL_MEMORY_LOADING_ITEMS) {
        return poll_loading_items(store, out);
    }
    return store->phase == TL_MEMORY_FOLLOWING ? poll_following(store, out) : TL_AGAIN;
}

static bool poll_note(tl_memory_store *store, tl_store_event *out)
{
    if (!store->notes.first) {
        return false;
    }
    store->told = tl_note_queue_pop(&store->notes);
    *out = store->told->event;
    return true;
}

static tl_result memory_poll(tl_store *base, tl_store_event *out)
{
    tl_memory_store *store = self_of(base);
    free(store->told);
    store->told = NULL;
    if (poll_note(store, out)) {
        return TL_OK;
    }
    if (store->world->stalled && store->phase != TL_MEMORY_FAILED) {
        return TL_AGAIN;
    }
    tl_result result = poll_phase(store, out);
    if (result == TL_ERR_MEMORY) {
        report_fault(store, TL_STORE_FAILED, result, tl_result_text(result));
    }
    if (result == TL_OK) {
        return TL_OK;
    }
    return poll_note(store, out) ? TL_OK : TL_AGAIN;
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
        (void)tl_memory_commit_end(world, store->server, TL_MEMORY_HEIR_LEFT);
    }
    tl_memory_store **link = &world->stores;
    while (*link != store) {
        link = &(*link)->next;
    }
    *link = store->next;
    tl_work_queue_clear(&store->records);
    tl_work_queue_clear(&store->maintenance);
    tl_note_queue_clear(&store->notes);
    free(store->told);
    free(store->scratch);
    free(store);
}

static const tl_store_ops memory_ops = {
    .world = memory_world,
    .create_world = memory_create_world,
    .join = memory_join,
    .submit = memory_submit,
    .checkpoint = memory_checkpoint,
    .cut = memory_truncate,
    .fence = memory_fence,
    .quarantine = memory_quarantine,
    .next_aside = memory_next_aside,
    .poll = memory_poll,
    .wait_fd = memory_wait_fd,
    .drain = memory_drain,
    .close = memory_close,
};

tl_result tl_memory_store_open(tl_memory_world *world, tl_store **out)
{
    tl_memory_store *store = calloc(1, sizeof(*store));
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
        tl_memory_store_report_stall(store, true);
    }
    *out = &store->base;
    return TL_OK;
}
