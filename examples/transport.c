// A custom transport: two queues in this process, one in each direction, that carry datagrams between a server and its
// one client. Anything that moves datagrams can replace them: a WebSocket, shared memory, a game engine's peers.
//
//   transport
#include <tramline/tramline.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE_MAX = 256, PEER = 1, STEP_US = 1000, SECONDS = 5, CRATES = 50 };

typedef struct datagram {
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    size_t size;
} datagram;

// One end. `transport` comes first: a tl_transport * is a pointer to the whole.
typedef struct end {
    tl_transport transport;
    struct end *other;
    datagram inbox[QUEUE_MAX]; // a ring
    unsigned first, count;
    datagram current; // what poll() has returned last
    bool connected;   // TL_TRANSPORT_CONNECTED was reported
    bool gone;        // the other side has dropped the connection
} end;

static tl_result queue_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    end *e = (end *)self;
    *out = (tl_transport_event){.peer = PEER};
    if (!e->connected) {
        e->connected = true;
        out->type = TL_TRANSPORT_CONNECTED;
        return TL_OK;
    }
    if (e->count > 0) {
        e->current = e->inbox[e->first];
        e->first = (e->first + 1) % QUEUE_MAX;
        e->count--;
        out->type = TL_TRANSPORT_DATAGRAM, out->data = e->current.data, out->size = e->current.size;
        return TL_OK;
    }
    if (e->gone) {
        e->gone = false;
        out->type = TL_TRANSPORT_CLOSED, out->result = TL_ERR_UNAVAILABLE;
        return TL_OK;
    }
    return TL_AGAIN;
}

static tl_result queue_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    end *to = ((end *)self)->other;
    if (peer != PEER) {
        return TL_ERR_NOT_FOUND;
    }
    if (to->count < QUEUE_MAX) { // else it is lost, as datagrams may be
        datagram *d = &to->inbox[(to->first + to->count++) % QUEUE_MAX];
        memcpy(d->data, data, size);
        d->size = size;
    }
    return TL_OK;
}

static void queue_flush(tl_transport *self)
{
}

static void queue_drop(tl_transport *self, tl_peer peer)
{
    ((end *)self)->other->gone = true;
}

static int queue_wait_fd(tl_transport *self)
{
    return -1; // there is nothing to wait for: call step() in a loop
}

static void queue_close(tl_transport *self)
{
}

static const tl_transport_ops queue_ops = {.poll = queue_poll,
                                           .send = queue_send,
                                           .flush = queue_flush,
                                           .drop = queue_drop,
                                           .wait_fd = queue_wait_fd,
                                           .close = queue_close};

static void require(tl_result result, const char *what)
{
    if (result != TL_OK) {
        fprintf(stderr, "transport: %s: %s\n", what, tl_result_text(result));
        exit(1);
    }
}

int main(void)
{
    static end server_end = {.transport.ops = &queue_ops}, client_end = {.transport.ops = &queue_ops};
    server_end.other = &client_end, client_end.other = &server_end;

    tl_memory_world_def world_def = tl_memory_world_def_default();
    tl_memory_world *world = tl_memory_world_create(&world_def);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = 20};
    tl_kind_def kind = tl_kind_def_default("crate");
    tl_store *store;
    tl_server *server;
    tl_client *client;
    require(tl_memory_store_open(world, &store), "store");
    require(tl_store_create_world(store, &info), "world");
    tl_server_def def = tl_server_def_default();
    def.name = "alpha", def.kinds = &kind, def.kind_count = 1, def.store = store, def.transport = &server_end.transport;
    require(tl_server_create(&def, &server, NULL, 0), "server");
    tl_client_def client_def = tl_client_def_default();
    client_def.transport = &client_end.transport;
    require(tl_client_create(&client_def, &client, NULL, 0), "client");

    bool populated = false;
    for (uint64_t now_us = STEP_US; now_us < SECONDS * 1000000ull; now_us += STEP_US) {
        tl_memory_world_advance(world, now_us);
        tl_server_step(server, (tl_time){.wall_us = now_us, .monotonic_us = now_us});
        if (populated) { // a server that has not joined yet would refuse it
            tl_client_step(client, now_us);
        }
        if (!populated && tl_server_get_state(server) == TL_SERVER_RUNNING) {
            tl_group_id group;
            require(tl_server_create_group(server, 0, &group), "group");
            for (int i = 0; i < CRATES; i++) {
                tl_entity_def crate = {.group = group, .values.mask = 1};
                crate.values.fields[0].position = (tl_vec3){2.0 * i, 0, 0};
                require(tl_server_create_entity(server, &crate, NULL), "crate");
            }
            populated = true;
        }
    }
    uint32_t seen = tl_client_get_stats(client).entities;
    printf("the client sees %u of %d crates\n", seen, CRATES);
    tl_client_destroy(client);
    tl_server_destroy(server);
    tl_store_close(store, false);
    tl_memory_world_destroy(world);
    return seen == CRATES ? 0 : 1;
}
