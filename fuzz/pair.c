#include "pair.h"

#include <stdlib.h>
#include <string.h>

enum { STEP_US = 10000, TICK_HZ = 20 };

// ---- the server's transport ----

static pair *pair_of(tl_transport *transport)
{
    return (pair *)((char *)transport - offsetof(pair, transport));
}

static tl_result transport_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    pair *p = pair_of(self);
    *out = (tl_transport_event){.type = TL_TRANSPORT_CONNECTED, .peer = 1};
    if (!p->connected) {
        p->connected = true;
        return TL_OK;
    }
    if (p->to_server_read == p->to_server_count) {
        p->to_server_read = p->to_server_count = 0;
        return TL_AGAIN;
    }
    p->taken = p->to_server[p->to_server_read++];
    *out = (tl_transport_event){.type = TL_TRANSPORT_DATAGRAM, .peer = 1, .data = p->taken.data, .size = p->taken.size};
    return TL_OK;
}

static void put(pair_datagram *queue, uint32_t *count, const void *data, size_t size)
{
    if (*count == PAIR_QUEUE_MAX || size > TL_DATAGRAM_BYTES_MAX) {
        return;
    }
    memcpy(queue[*count].data, data, size);
    queue[(*count)++].size = size;
}

static tl_result transport_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    enum { TYPE_FRAME = 0x82 };
    pair *p = pair_of(self);
    if (!p->by_frames || *(const unsigned char *)data != TYPE_FRAME) {
        put(p->to_client, &p->to_client_count, data, size);
    }
    return TL_OK;
}

static void transport_nothing(tl_transport *self)
{
}

static void transport_drop(tl_transport *self, tl_peer peer)
{
}

static int transport_wait_fd(tl_transport *self)
{
    return -1;
}

static const tl_transport_ops transport_ops = {
    transport_poll, transport_send, transport_nothing, transport_drop, transport_wait_fd, transport_nothing, NULL};

static void client_send(void *user, const void *data, size_t size)
{
    pair *p = user;
    if (p->seen) {
        p->seen(p->seen_user, true, data, size);
    }
    put(p->to_server, &p->to_server_count, data, size);
}

void pair_send_to_server(pair *p, const void *data, size_t size)
{
    put(p->to_server, &p->to_server_count, data, size);
}

// ---- the world: things on a line of ten kilometres, some of them in a carrier ----

static tl_values values_at(uint32_t index, double time_s, bool carried)
{
    tl_values values = {.mask = 3};
    double speed = index % 3 ? (double)(index % 7) : 0, turn = (double)((int)(time_s / 3) % 2 ? -1 : 1);
    double x = carried ? (double)(index % 5) - 2 : (double)index * 83;
    values.fields[0].position = (tl_vec3){
        x + (carried ? 0
                     : speed * 3 * (turn > 0 ? time_s / 3 - (int)(time_s / 3) : 1 - (time_s / 3 - (int)(time_s / 3)))),
        0, carried && index % 11 > 9 ? 9 : (double)(index % 11)}; // within its reach
    values.fields[0].velocity = (tl_vec3){carried ? 0 : speed * turn, 0, 0};
    values.fields[1].integer = (int64_t)(time_s / 5) + index;
    return values;
}

static bool is_carried(const pair *p, uint32_t index)
{
    return p->carrier && index % 10 == 9;
}

static void create_all(pair *p, tl_server *server, double time_s)
{
    tl_group_id group;
    if (tl_server_create_group(server, 0, &group) != TL_OK) {
        abort();
    }
    for (uint32_t i = 0; i < PAIR_ENTITIES; i++) {
        tl_entity_def def = {.group = group,
                             .kind = i == 0,
                             .carrier = is_carried(p, i) ? p->carrier : 0,
                             .values = values_at(i, time_s, is_carried(p, i))};
        if (i == 0) {
            def.values.mask = 1;
        }
        if (tl_server_create_entity(server, &def, &p->refs[i]) != TL_OK) {
            abort();
        }
        tl_entity_info info;
        if (i == 0 && tl_server_get_entity_info(server, p->refs[0], &info) == TL_OK) {
            p->carrier = info.id;
        }
    }
    p->count = PAIR_ENTITIES;
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    pair *p = user;
    if (p->count == 0) {
        create_all(p, server, time_s);
    }
    for (uint32_t i = 0; i < p->count; i++) {
        tl_values values = values_at(i, time_s, is_carried(p, i));
        if (i == 0) {
            values.mask = 1;
        }
        tl_server_set_values(server, p->refs[i], &values);
    }
}

static tl_result on_request(void *user, tl_server *server, const tl_request *request)
{
    return TL_OK;
}

static void on_frame(void *user, tl_server *server, tl_client_number client, const void *data, size_t size)
{
    pair *p = user;
    if (!p->by_frames) {
        return;
    }
    if (size > sizeof p->frame) {
        abort();
    }
    memcpy(p->frame, data, size);
    p->frame_size = size;
}

// ---- life ----

static void create_server(pair *p)
{
    tl_kind_def kinds[2] = {tl_kind_def_default("thing"), tl_kind_def_default("carrier")};
    kinds[0].fields[kinds[0].field_count++] = tl_field_def_default("count", TL_FIELD_INTEGER, TL_PREDICT_HOLD);
    kinds[0].update = kinds[0].remove = kinds[0].create = TL_POLICY_ASK;
    kinds[1].carrier_reach_m = 10;
    tl_server_def def = tl_server_def_default();
    def.name = "alpha";
    def.kinds = kinds, def.kind_count = 2;
    def.store = p->store;
    def.transport = &p->transport;
    def.callbacks.user = p;
    def.callbacks.tick = on_tick;
    def.callbacks.request = on_request;
    def.callbacks.frame = on_frame;
    def.entities_max = 2000, def.groups_max = 64, def.clients_max = 4;
    if (tl_server_create(&def, &p->server, NULL, 0) != TL_OK) {
        abort();
    }
}

static void create_client(pair *p)
{
    tl_client_def def = tl_client_def_default();
    def.send = client_send, def.send_user = p;
    def.token = "alice", def.token_bytes = 5;
    def.entities_max = 2000;
    if (tl_client_create(&def, &p->client, NULL, 0) != TL_OK) {
        abort();
    }
    tl_client_observe_point(p->client, (tl_vec3){500, 2, 0});
}

pair *pair_create(void)
{
    pair *p = calloc(1, sizeof *p);
    tl_memory_world_def world_def = tl_memory_world_def_default();
    p->now_us = 1000000000;
    p->transport.ops = &transport_ops;
    p->world = tl_memory_world_create(&world_def);
    tl_memory_world_advance(p->world, p->now_us);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = TICK_HZ, .created_us = p->now_us};
    tl_store *store;
    if (tl_memory_store_open(p->world, &store) != TL_OK || tl_store_create_world(store, &info) != TL_OK) {
        abort();
    }
    tl_store_close(store, false);
    if (tl_memory_store_open(p->world, &p->store) != TL_OK) {
        abort();
    }
    create_server(p);
    create_client(p);
    return p;
}

void pair_destroy(pair *p)
{
    tl_client_destroy(p->client);
    tl_server_destroy(p->server);
    tl_store_close(p->store, false);
    tl_memory_world_destroy(p->world);
    free(p);
}

void pair_step(pair *p)
{
    p->now_us += STEP_US;
    tl_memory_world_advance(p->world, p->now_us);
    tl_server_step(p->server, (tl_time){.wall_us = p->now_us, .monotonic_us = p->now_us});
    for (uint32_t i = 0; i < p->to_client_count; i++) {
        if (p->seen) {
            p->seen(p->seen_user, false, p->to_client[i].data, p->to_client[i].size);
        }
        tl_client_receive(p->client, p->to_client[i].data, p->to_client[i].size, p->now_us);
    }
    p->to_client_count = 0;
    if (p->frame_size && tl_client_receive_frame(p->client, p->frame, p->frame_size, p->now_us) != TL_OK) {
        abort();
    }
    p->frame_size = 0;
    tl_client_step(p->client, p->now_us);
    tl_client_event event;
    while (tl_client_next_event(p->client, &event)) {
    }
}

void pair_run(pair *p, int steps)
{
    for (int i = 0; i < steps; i++) {
        pair_step(p);
    }
}

bool pair_join(pair *p)
{
    for (int i = 0; i < 500 && tl_server_get_state(p->server) != TL_SERVER_RUNNING; i++) {
        pair_step(p);
    }
    pair_run(p, 20);
    tl_client_connected(p->client, p->now_us);
    for (int i = 0; i < 500; i++) {
        pair_step(p);
        if (tl_client_get_state(p->client) == TL_CLIENT_LIVE &&
            tl_client_get_stats(p->client).entities == PAIR_ENTITIES) {
            return true;
        }
    }
    return false;
}
