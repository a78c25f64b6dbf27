#include "store/memory/world.h"
#include "base/memory.h"

#include <string.h>

tl_memory_world_def tl_memory_world_def_default(void)
{
    return (tl_memory_world_def){
        .seed = 1,
        .commit_us_min = 500,
        .commit_us_max = 3000,
        .follow_us_min = 200,
        .follow_us_max = 2000,
        .cookie = TL_DEF_COOKIE,
    };
}

tl_memory_world *tl_memory_world_create(const tl_memory_world_def *def)
{
    if (def->cookie != TL_DEF_COOKIE) {
        return NULL;
    }
    TL_ASSERT(def->commit_us_min <= def->commit_us_max);
    TL_ASSERT(def->follow_us_min <= def->follow_us_max);
    tl_memory_world *world = tl_alloc(sizeof(*world));
    if (world) {
        world->def = *def;
    }
    return world;
}

void tl_memory_world_destroy(tl_memory_world *world)
{
    if (!world) {
        return;
    }
    TL_ASSERT(!world->stores);
    for (size_t i = 0; i < world->item_count; i++) {
        tl_free(world->items[i]);
    }
    for (size_t i = 0; i < world->checkpoint_count; i++) {
        tl_free(world->checkpoints[i].data);
    }
    tl_free(world->items);
    tl_free(world->checkpoints);
    tl_free(world);
}

uint64_t tl_memory_draw(const tl_memory_world *world, uint64_t a, uint64_t b, uint32_t min, uint32_t max)
{
    TL_ASSERT(min <= max);
    uint64_t random = tl_mix(tl_mix(tl_mix(world->def.seed) + a) + b);
    return min + random % ((uint64_t)max - min + 1);
}

size_t tl_memory_checkpoint_find(const tl_memory_world *world, tl_group_id group)
{
    size_t low = 0, high = world->checkpoint_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (world->checkpoints[middle].group < group) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool tl_memory_epoch_is_current(const tl_memory_world *world, tl_server_number server, uint32_t epoch)
{
    TL_ASSERT(server >= 1 && server <= world->server_count);
    const tl_memory_server *log = &world->servers[server - 1];
    return log->epoch == epoch && log->heir == TL_HEIR_NONE;
}

static tl_result grow_items(tl_memory_world *world, size_t more)
{
    if (world->item_count + more <= world->item_capacity) {
        return TL_OK;
    }
    size_t room = world->item_capacity ? world->item_capacity * 2 : 256;
    tl_memory_item **items = tl_realloc(world->items, world->item_capacity * sizeof(*items), room * sizeof(*items));
    if (!items) {
        return TL_ERR_MEMORY;
    }
    world->items = items;
    world->item_capacity = room;
    return TL_OK;
}

static tl_result append_item(tl_memory_world *world, const tl_memory_item *value, const void *data)
{
    if (grow_items(world, 1) != TL_OK) {
        return TL_ERR_MEMORY;
    }
    tl_memory_item *item = tl_alloc(sizeof(*item) + value->size);
    if (!item) {
        return TL_ERR_MEMORY;
    }
    memcpy(item, value, sizeof(*item));
    if (value->size > 0) {
        TL_ASSERT(data);
        memcpy(item->data, data, value->size);
    }
    item->serial = ++world->serial;
    item->committed_us = world->now_us;
    world->items[world->item_count++] = item;
    return TL_OK;
}

tl_result tl_memory_commit_end(tl_memory_world *world, tl_server_number server, tl_server_number heir)
{
    TL_ASSERT(server >= 1 && server <= world->server_count);
    tl_memory_server *log = &world->servers[server - 1];
    TL_ASSERT(log->heir == TL_HEIR_NONE || (log->heir == TL_HEIR_LEFT && heir != 0));
    tl_memory_item item = {
        .type = TL_MEMORY_ENDED,
        .server = server,
        .heir = heir,
        .epoch = log->epoch,
        .tick = log->tick,
        .begun_us = world->now_us,
    };
    tl_result result = append_item(world, &item, NULL);
    if (result == TL_OK) {
        log->heir = heir;
    }
    return result;
}

static bool is_record_of(const tl_memory_item *item, tl_server_number server, uint32_t epoch)
{
    return item->type == TL_MEMORY_RECORD && item->server == server && item->epoch == epoch;
}

// Where the epoch's log is to end, and whether it can; *out: the first record after that, or NULL.
static bool find_end(const tl_memory_world *world, const tl_work *work, const tl_memory_item **out)
{
    const tl_memory_server *log = &world->servers[work->server - 1];
    int64_t tick = work->tick > log->began_tick ? work->tick : log->began_tick;
    *out = NULL;
    for (size_t i = 0; i < world->item_count && !*out; i++) {
        const tl_memory_item *item = world->items[i];
        *out = is_record_of(item, work->server, work->epoch) && item->tick > tick ? item : NULL;
    }
    if (!*out) {
        return !work->has_bad;
    }
    const tl_memory_item *first = *out;
    return first->truncated_serial == 0 && first->previous_tick <= tick &&
           tl_work_is_about(work, first->data, first->size);
}

tl_result tl_memory_commit_quarantine(tl_memory_world *world, const tl_work *work, tl_server_number heir)
{
    TL_ASSERT(work->quarantine && work->server != heir);
    tl_memory_server *log = &world->servers[work->server - 1];
    if (log->epoch != work->epoch || log->heir > TL_HEIR_LEFT) {
        return TL_ERR_FENCED;
    }
    const tl_memory_item *first = NULL;
    if (!find_end(world, work, &first)) {
        return TL_ERR_FENCED;
    }
    int64_t tick = log->tick;
    log->tick = first ? first->previous_tick : log->tick;
    tl_result result = tl_memory_commit_end(world, work->server, heir);
    if (result != TL_OK) {
        log->tick = tick;
        return result;
    }
    for (size_t i = 0; i < world->item_count; i++) {
        tl_memory_item *item = world->items[i];
        item->set_aside |= is_record_of(item, work->server, work->epoch) && item->tick > log->tick;
    }
    return TL_OK;
}

static bool is_before(const tl_memory_item *item, tl_server_number server, uint32_t epoch, int64_t tick)
{
    if (item->server != server) {
        return item->server < server;
    }
    return item->epoch != epoch ? item->epoch < epoch : item->tick < tick;
}

tl_result tl_memory_next_aside(const tl_memory_world *world, tl_store_event *event)
{
    const tl_memory_item *next = NULL;
    int64_t after = event->server == 0 ? -1 : event->tick + 1;
    for (size_t i = 0; i < world->item_count; i++) {
        const tl_memory_item *item = world->items[i];
        bool passed = !item->set_aside || is_before(item, event->server, event->epoch, after);
        if (!passed && (!next || is_before(item, next->server, next->epoch, next->tick))) {
            next = item;
        }
    }
    if (!next) {
        return TL_AGAIN;
    }
    *event = (tl_store_event){.type = TL_STORE_RECORD,
                              .server = next->server,
                              .epoch = next->epoch,
                              .tick = next->tick,
                              .begun_us = next->begun_us,
                              .data = next->data,
                              .size = next->size};
    memcpy(event->name, world->servers[next->server - 1].name, sizeof(event->name));
    return TL_OK;
}

tl_result tl_memory_commit_join(tl_memory_world *world, const char *name, tl_server_number *server)
{
    TL_ASSERT(tl_name_valid(name));
    int index = 0;
    while (index < world->server_count && strcmp(world->servers[index].name, name) != 0) {
        index++;
    }
    if (index == TL_SERVERS_MAX) {
        return TL_ERR_FULL;
    }
    if (index == world->server_count) {
        world->server_count++;
        world->servers[index] = (tl_memory_server){.began_us = world->now_us, .tick = -1, .heir = TL_HEIR_NONE};
        memcpy(world->servers[index].name, name, strlen(name) + 1);
    }
    tl_memory_server *log = &world->servers[index];
    *server = (tl_server_number)(index + 1);
    if (log->epoch > 0 && log->heir <= TL_HEIR_LEFT) {
        tl_result result = tl_memory_commit_end(world, *server, *server);
        if (result != TL_OK) {
            return result;
        }
    }
    tl_memory_item item = {
        .type = TL_MEMORY_BEGAN,
        .server = *server,
        .epoch = log->epoch + 1,
        .tick = log->tick,
        .begun_us = world->now_us,
    };
    tl_result result = append_item(world, &item, NULL);
    if (result == TL_OK) {
        log->epoch++;
        log->began_tick = log->tick;
        log->heir = TL_HEIR_NONE;
    }
    return result;
}

tl_result tl_memory_commit_record(tl_memory_world *world, tl_server_number server, uint32_t epoch, const tl_work *work)
{
    if (!tl_memory_epoch_is_current(world, server, epoch)) {
        return TL_ERR_FENCED;
    }
    tl_memory_server *log = &world->servers[server - 1];
    TL_ASSERT(work->tick > log->tick);
    tl_memory_item item = {
        .type = TL_MEMORY_RECORD,
        .server = server,
        .epoch = epoch,
        .tick = work->tick,
        .previous_tick = log->tick,
        .begun_us = work->begun_us,
        .size = work->size,
    };
    tl_result result = append_item(world, &item, work->data);
    if (result == TL_OK) {
        log->tick = work->tick;
    }
    return result;
}

tl_result tl_memory_commit_checkpoint(tl_memory_world *world, const tl_work *work)
{
    TL_ASSERT(work->type == TL_WORK_CHECKPOINT && work->group != 0);
    size_t index = tl_memory_checkpoint_find(world, work->group);
    bool known = index < world->checkpoint_count && world->checkpoints[index].group == work->group;
    if (known && world->checkpoints[index].tick >= work->tick) {
        return TL_OK;
    }
    if (!known && world->checkpoint_count == world->checkpoint_capacity) {
        size_t room = world->checkpoint_capacity ? world->checkpoint_capacity * 2 : 64;
        tl_memory_checkpoint *grown = tl_realloc(world->checkpoints, world->checkpoint_capacity * sizeof(*grown),
                                                 room * sizeof(*grown));
        if (!grown) {
            return TL_ERR_MEMORY;
        }
        world->checkpoints = grown;
        world->checkpoint_capacity = room;
    }
    unsigned char *data = tl_alloc(work->size + 1);
    if (!data) {
        return TL_ERR_MEMORY;
    }
    memcpy(data, work->data, work->size);
    tl_memory_checkpoint *place = &world->checkpoints[index];
    if (known) {
        tl_free(place->data);
    } else {
        memmove(place + 1, place, (world->checkpoint_count - index) * sizeof(*place));
        world->checkpoint_count++;
    }
    *place = (tl_memory_checkpoint){.group = work->group, .tick = work->tick, .data = data, .size = work->size};
    return TL_OK;
}

void tl_memory_commit_truncate(tl_memory_world *world, tl_server_number server, int64_t tick)
{
    TL_ASSERT(server >= 1 && server <= world->server_count);
    uint64_t serial = ++world->serial;
    for (size_t i = 0; i < world->item_count; i++) {
        tl_memory_item *item = world->items[i];
        bool old = item->type == TL_MEMORY_RECORD && item->server == server && item->tick < tick && !item->set_aside;
        // The newest record stays, so that a log's last tick can always be reported.
        if (old && item->tick < world->servers[server - 1].tick && item->truncated_serial == 0) {
            item->truncated_serial = serial;
        }
    }
}
