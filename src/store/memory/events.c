#include "store/memory/events.h"
#include "base/memory.h"

#include <string.h>

// ---- own events ----------------------------------------------------------------------------------------------------

void tl_memory_report(tl_memory_store *store, const tl_store_event *event)
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

void tl_memory_report_fault(tl_memory_store *store, tl_store_event_type type, tl_result result, const char *text)
{
    tl_store_event event = {.type = type, .result = result};
    snprintf(event.text, sizeof(event.text), "%s", text);
    tl_memory_report(store, &event);
    if (type == TL_STORE_FAILED) {
        store->phase = TL_MEMORY_FAILED;
    }
}

void tl_memory_lose_lease(tl_memory_store *store)
{
    TL_ASSERT(store->server != 0);
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
    TL_ASSERT(end); // ends are never dropped
    tl_memory_report(store, &(tl_store_event){.type = TL_STORE_LOST,
                                              .server = store->server,
                                              .heir = end->heir,
                                              .epoch = store->epoch,
                                              .tick = end->tick});
}

bool tl_memory_poll_note(tl_memory_store *store, tl_store_event *out)
{
    if (!store->notes.first) {
        return false;
    }
    store->polled = tl_note_queue_pop(&store->notes);
    *out = store->polled->event;
    return true;
}

// ---- the world's
// -----------------------------------------------------------------------------------------------------

// The data of `out` are copied, for the world may drop them before the next poll.
static tl_result keep_data(tl_memory_store *store, const void *data, size_t size, tl_store_event *out)
{
    if (size > store->scratch_capacity) {
        unsigned char *grown = tl_realloc(store->scratch, store->scratch_capacity, size);
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
    TL_ASSERT(store->server_target <= store->world->server_count);
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
        // While loading, the first epochs have been reported already.
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
            tl_memory_lose_lease(store);
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
    TL_ASSERT(store->load_target <= store->world->item_count);
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
    TL_ASSERT(store->cursor <= store->world->item_count);
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

tl_result tl_memory_poll_world(tl_memory_store *store, tl_store_event *out)
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
