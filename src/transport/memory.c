// The in-memory network: one server end and any number of client ends, with seeded loss, copies, re-ordering, delay and
// jitter. Time comes from poll(). The same seed and the same calls produce the same run.
//
// A client says HELLO until the server's ACCEPT; CLOSE ends a link. These travel as datagrams do, and are lost as they
// are; silence ends what a lost CLOSE did not, as over UDP.
#include "base/memory.h"
#include "base/base.h"
#include "transport/address.h"
#include "transport/fail.h"
#include "transport/packet_heap.h"

#include "tramline/transport.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

enum {
    HELLO_EVERY_US = 100000, // 50 of them until it gives up: two of three may be lost, each way
    HELLO_US_MAX = 5000000,
    SILENCE_US_MAX = 10000000,
    LINK_BUCKETS = 4096,
    CLIENT_INBOX_MAX = 4096, // datagrams under way to one end
    SERVER_INBOX_MAX = 262144,
    WIRE_BYTES = WIRE_IPV4_BYTES + 37, // what UDP over IPv4 and a DTLS record with AES-GCM would add
};

typedef enum link_state { LINK_NEW, LINK_CONNECTED, LINK_ENDED } link_state;

typedef struct end end;

// A client end as the server knows it; its number is the server's tl_peer. It lives until both sides are done with it.
typedef struct peer_link {
    uint32_t number;
    link_state state;
    end *client;                     // NULL once closed
    uint64_t heard_us;               // by the server
    struct peer_link *older, *newer; // connected ones, by heard_us
    struct peer_link *bucket_next;
} peer_link;

struct end {
    tl_transport transport;
    tl_memory_network *network;
    packet_heap inbox;
    packet *delivered; // the last event's data
    // of a client
    uint32_t link; // 0: the server
    bool connected, ended;
    uint64_t started_us, hello_due_us, heard_us; // started_us 0: not yet polled
};

struct tl_memory_network {
    uint64_t random, now_us, order;
    bool own_time; // what poll() is passed does not count
    tl_link_faults faults;
    bool cut;
    uint32_t ends, link_last;
    end *server;
    peer_link *oldest, *newest;
    peer_link *buckets[LINK_BUCKETS];
};

// ---- packets --------------------------------------------------------------------------------------------------------

// splitmix64, as a number in 0..1.
static double random_unit(tl_memory_network *network)
{
    enum { UNUSED_BITS = 64 - DBL_MANT_DIG };
    network->random += TL_SPLITMIX_STEP;
    return (double)(tl_mix(network->random) >> UNUSED_BITS) * 0x1p-53;
}

static uint64_t one_way_us(tl_memory_network *network)
{
    return network->faults.delay_us + (uint64_t)(random_unit(network) * ((double)network->faults.jitter_us + 1));
}

static void deliver(tl_memory_network *network, end *to, packet_type type, uint32_t link, const void *data, size_t size)
{
    uint64_t due_us = network->now_us + one_way_us(network);
    if (random_unit(network) < network->faults.reorder) {
        due_us += one_way_us(network);
    }
    packet *p = tl_alloc(sizeof *p + size);
    if (!p) {
        to->transport.stats.dropped_full++;
        return;
    }
    *p = (packet){
        .due_us = due_us, .order = network->order++, .link = link, .size = (uint16_t)size, .type = (uint8_t)type};
    if (size > 0) {
        memcpy(p->data, data, size);
    }
    if (tl_packet_heap_push(&to->inbox, p)) {
        return;
    }
    to->transport.stats.dropped_full++;
    tl_free(p);
}

// Sends through the faults. `to` may be NULL: nobody is there.
static void transmit(end *from, end *to, packet_type type, uint32_t link, const void *data, size_t size)
{
    tl_memory_network *network = from->network;
    from->transport.stats.wire_bytes_sent += size + WIRE_BYTES;
    bool lost = random_unit(network) < network->faults.loss;
    bool copied = random_unit(network) < network->faults.copy;
    if (lost || network->cut || !to) {
        return;
    }
    deliver(network, to, type, link, data, size);
    if (copied) {
        deliver(network, to, type, link, data, size);
    }
}

// The next packet that is due at this end, owned by the caller; NULL: none.
static packet *receive(end *self, uint64_t now_us)
{
    while (self->inbox.count > 0 && self->inbox.packets[0]->due_us <= now_us) {
        packet *p = tl_packet_heap_pop(&self->inbox);
        if (!self->network->cut) {
            self->transport.stats.wire_bytes_received += p->size + WIRE_BYTES;
            return p;
        }
        tl_free(p);
    }
    return NULL;
}

// ---- links ----------------------------------------------------------------------------------------------------------

static peer_link *link_find(tl_memory_network *network, uint32_t number)
{
    peer_link *l = network->buckets[number % LINK_BUCKETS];
    while (l && l->number != number) {
        l = l->bucket_next;
    }
    return l;
}

static peer_link *link_create(tl_memory_network *network, end *client)
{
    peer_link *l = tl_alloc(sizeof *l);
    if (!l) {
        return NULL;
    }
    l->number = ++network->link_last;
    l->client = client;
    l->bucket_next = network->buckets[l->number % LINK_BUCKETS];
    network->buckets[l->number % LINK_BUCKETS] = l;
    return l;
}

static void link_destroy_if_unused(tl_memory_network *network, peer_link *l)
{
    if (l->client || l->state == LINK_CONNECTED) {
        return;
    }
    peer_link **place = &network->buckets[l->number % LINK_BUCKETS];
    while (*place != l) {
        place = &(*place)->bucket_next;
    }
    *place = l->bucket_next;
    tl_free(l);
}

static void heard_remove(tl_memory_network *network, peer_link *l)
{
    *(l->older ? &l->older->newer : &network->oldest) = l->newer;
    *(l->newer ? &l->newer->older : &network->newest) = l->older;
}

static void heard_append(tl_memory_network *network, peer_link *l, uint64_t now_us)
{
    l->heard_us = now_us;
    l->older = network->newest;
    l->newer = NULL;
    *(network->newest ? &network->newest->newer : &network->oldest) = l;
    network->newest = l;
}

static void link_end(tl_memory_network *network, peer_link *l)
{
    if (l->state == LINK_CONNECTED) {
        heard_remove(network, l);
    }
    l->state = LINK_ENDED;
    link_destroy_if_unused(network, l);
}

// ---- both ends ------------------------------------------------------------------------------------------------------

// Gives the time that counts.
static uint64_t begin_poll(end *self, uint64_t now_us, tl_transport_event *out)
{
    tl_memory_network *network = self->network;
    if (network->own_time) {
        now_us = network->now_us;
    }
    if (now_us > network->now_us) {
        network->now_us = now_us;
    }
    tl_free(self->delivered);
    self->delivered = NULL;
    out->data = NULL;
    out->size = 0;
    out->result = TL_OK;
    out->text[0] = 0;
    return now_us;
}

static tl_result event(tl_transport_event *out, tl_transport_event_type type, tl_peer peer)
{
    out->type = type;
    out->peer = peer;
    return TL_OK;
}

static tl_result closed_event(tl_transport_event *out, tl_peer peer, tl_result result, const char *text)
{
    out->result = result;
    fail(result, out->text, sizeof out->text, "%s", text);
    return event(out, TL_TRANSPORT_CLOSED, peer);
}

static tl_result datagram_event(end *self, packet *p, tl_transport_event *out, tl_peer peer)
{
    TL_ASSERT(!self->delivered && p->type == PACKET_DATA);
    self->delivered = p;
    self->transport.stats.datagrams_received++;
    self->transport.stats.bytes_received += p->size;
    out->data = p->data;
    out->size = p->size;
    return event(out, TL_TRANSPORT_DATAGRAM, peer);
}

static tl_result send_data(end *from, end *to, uint32_t link, const void *data, size_t size)
{
    from->transport.stats.datagrams_sent++;
    from->transport.stats.bytes_sent += size;
    transmit(from, to, PACKET_DATA, link, data, size);
    return TL_OK;
}

static void end_destroy(end *self)
{
    TL_ASSERT(self->network->ends > 0);
    self->network->ends--;
    tl_free(self->delivered);
    tl_packet_heap_release(&self->inbox);
    tl_free(self);
}

static void flush_nothing(tl_transport *transport)
{
}

static int no_fd(tl_transport *transport)
{
    return -1;
}

// ---- the server end -------------------------------------------------------------------------------------------------

static tl_result server_hello(end *self, peer_link *l, uint64_t now_us, tl_transport_event *out)
{
    transmit(self, l->client, l->state == LINK_ENDED ? PACKET_CLOSE : PACKET_ACCEPT, l->number, NULL, 0);
    if (l->state != LINK_NEW) {
        return TL_AGAIN;
    }
    l->state = LINK_CONNECTED;
    heard_append(self->network, l, now_us);
    return event(out, TL_TRANSPORT_CONNECTED, l->number);
}

// TL_AGAIN: the packet made no event. Frees the packet or keeps it.
static tl_result server_packet(end *self, packet *p, uint64_t now_us, tl_transport_event *out)
{
    tl_memory_network *network = self->network;
    peer_link *l = link_find(network, p->link);
    packet_type type = (packet_type)p->type;
    if (!l || (l->state != LINK_CONNECTED && type != PACKET_HELLO)) {
        if (type == PACKET_DATA) {
            self->transport.stats.dropped_malformed++;
        }
        tl_free(p);
        return TL_AGAIN;
    }
    if (l->state == LINK_CONNECTED) {
        heard_remove(network, l);
        heard_append(network, l, now_us);
    }
    if (type == PACKET_DATA) {
        return datagram_event(self, p, out, l->number);
    }
    tl_free(p);
    if (type == PACKET_HELLO) {
        return server_hello(self, l, now_us, out);
    }
    closed_event(out, l->number, TL_OK, "closed by the other side");
    link_end(network, l);
    return TL_OK;
}

static tl_result server_poll(tl_transport *transport, uint64_t now_us, tl_transport_event *out)
{
    end *self = (end *)transport;
    now_us = begin_poll(self, now_us, out);
    for (packet *p; (p = receive(self, now_us));) {
        if (server_packet(self, p, now_us, out) == TL_OK) {
            return TL_OK;
        }
    }
    peer_link *l = self->network->oldest;
    if (!l || now_us < l->heard_us + SILENCE_US_MAX) {
        return TL_AGAIN;
    }
    closed_event(out, l->number, TL_ERR_UNAVAILABLE, "closed: nothing was heard from it for 10000 ms");
    transmit(self, l->client, PACKET_CLOSE, l->number, NULL, 0);
    link_end(self->network, l);
    return TL_OK;
}

static tl_result server_send(tl_transport *transport, tl_peer peer, const void *data, size_t size)
{
    end *self = (end *)transport;
    if (!data || size < 1 || size > TL_DATAGRAM_BYTES_MAX) {
        return TL_ERR_INVALID;
    }
    peer_link *l = link_find(self->network, peer);
    if (!l || l->state != LINK_CONNECTED) {
        return TL_ERR_NOT_FOUND;
    }
    return send_data(self, l->client, peer, data, size);
}

static void server_drop(tl_transport *transport, tl_peer peer)
{
    end *self = (end *)transport;
    peer_link *l = link_find(self->network, peer);
    if (!l || l->state != LINK_CONNECTED) {
        return;
    }
    transmit(self, l->client, PACKET_CLOSE, peer, NULL, 0);
    link_end(self->network, l);
}

static void server_close(tl_transport *transport)
{
    end *self = (end *)transport;
    while (self->network->oldest) {
        server_drop(transport, self->network->oldest->number);
    }
    self->network->server = NULL;
    end_destroy(self);
}

static const tl_transport_ops server_ops = {server_poll, server_send,  flush_nothing, server_drop,
                                            no_fd,       server_close, NULL};

// ---- a client end ---------------------------------------------------------------------------------------------------

static tl_result client_packet(end *self, packet *p, uint64_t now_us, tl_transport_event *out)
{
    packet_type type = (packet_type)p->type;
    self->heard_us = now_us;
    if (type == PACKET_CLOSE) {
        tl_free(p);
        self->ended = true;
        return closed_event(out, 1, TL_OK, "closed by the other side");
    }
    if (self->connected && type == PACKET_DATA) {
        return datagram_event(self, p, out, 1);
    }
    // Data that overtook the ACCEPT is proof of it, and waits for the next poll.
    if (type == PACKET_DATA) {
        TL_ASSERT(tl_packet_heap_push(&self->inbox, p));
    } else {
        tl_free(p);
    }
    if (self->connected) {
        return TL_AGAIN;
    }
    self->connected = true;
    return event(out, TL_TRANSPORT_CONNECTED, 1);
}

static tl_result client_timers(end *self, uint64_t now_us, tl_transport_event *out)
{
    if (self->connected) {
        if (now_us < self->heard_us + SILENCE_US_MAX) {
            return TL_AGAIN;
        }
        self->ended = true;
        transmit(self, self->network->server, PACKET_CLOSE, self->link, NULL, 0);
        return closed_event(out, 1, TL_ERR_UNAVAILABLE, "closed: nothing was heard from the server for 10000 ms");
    }
    if (now_us >= self->started_us + HELLO_US_MAX) {
        self->ended = true;
        return closed_event(out, 1, TL_ERR_UNAVAILABLE, "no answer within 5000 ms; is the server running?");
    }
    if (now_us < self->hello_due_us) {
        return TL_AGAIN;
    }
    self->hello_due_us = now_us + HELLO_EVERY_US;
    transmit(self, self->network->server, PACKET_HELLO, self->link, NULL, 0);
    return TL_AGAIN;
}

static tl_result client_poll(tl_transport *transport, uint64_t now_us, tl_transport_event *out)
{
    end *self = (end *)transport;
    now_us = begin_poll(self, now_us, out);
    if (self->ended) {
        return TL_AGAIN;
    }
    if (self->hello_due_us == 0) {
        self->started_us = now_us;
    }
    for (packet *p; (p = receive(self, now_us));) {
        if (client_packet(self, p, now_us, out) == TL_OK) {
            return TL_OK;
        }
    }
    return client_timers(self, now_us, out);
}

static tl_result client_send(tl_transport *transport, tl_peer peer, const void *data, size_t size)
{
    end *self = (end *)transport;
    if (!data || size < 1 || size > TL_DATAGRAM_BYTES_MAX) {
        return TL_ERR_INVALID;
    }
    if (peer != 1 || !self->connected || self->ended) {
        return TL_ERR_NOT_FOUND;
    }
    return send_data(self, self->network->server, self->link, data, size);
}

static void client_drop(tl_transport *transport, tl_peer peer)
{
    end *self = (end *)transport;
    if (peer != 1 || self->ended) {
        return;
    }
    self->ended = true;
    transmit(self, self->network->server, PACKET_CLOSE, self->link, NULL, 0);
}

static void client_close(tl_transport *transport)
{
    end *self = (end *)transport;
    client_drop(transport, 1);
    peer_link *l = link_find(self->network, self->link);
    TL_ASSERT(l && l->client == self);
    l->client = NULL;
    link_destroy_if_unused(self->network, l);
    end_destroy(self);
}

static const tl_transport_ops client_ops = {client_poll, client_send,  flush_nothing, client_drop,
                                            no_fd,       client_close, NULL};

// ---- the network ----------------------------------------------------------------------------------------------------

tl_memory_network *tl_memory_network_create(uint64_t seed)
{
    tl_memory_network *network = tl_alloc(sizeof *network);
    if (network) {
        network->random = seed;
    }
    return network;
}

void tl_memory_network_destroy(tl_memory_network *network)
{
    if (!network) {
        return;
    }
    TL_ASSERT(network->ends == 0);
    tl_free(network);
}

void tl_memory_network_set_faults(tl_memory_network *network, tl_link_faults faults)
{
    network->faults = faults;
}

void tl_memory_network_advance(tl_memory_network *network, uint64_t now_us)
{
    network->own_time = true;
    if (now_us > network->now_us) {
        network->now_us = now_us;
    }
}

void tl_memory_network_partition(tl_memory_network *network, bool cut)
{
    network->cut = cut;
}

static end *end_create(tl_memory_network *network, const tl_transport_ops *ops, uint32_t inbox_max)
{
    end *self = tl_alloc(sizeof *self);
    if (!self) {
        return NULL;
    }
    self->transport.ops = ops;
    self->network = network;
    self->inbox.count_max = inbox_max;
    network->ends++;
    return self;
}

tl_result tl_memory_network_open_server(tl_memory_network *network, tl_transport **out)
{
    if (network->server) {
        return TL_ERR_EXISTS;
    }
    end *self = end_create(network, &server_ops, SERVER_INBOX_MAX);
    if (!self) {
        return TL_ERR_MEMORY;
    }
    network->server = self;
    *out = &self->transport;
    return TL_OK;
}

tl_result tl_memory_network_open_client(tl_memory_network *network, tl_transport **out)
{
    end *self = end_create(network, &client_ops, CLIENT_INBOX_MAX);
    if (!self) {
        return TL_ERR_MEMORY;
    }
    peer_link *l = link_create(network, self);
    if (!l) {
        end_destroy(self);
        return TL_ERR_MEMORY;
    }
    self->link = l->number;
    *out = &self->transport;
    return TL_OK;
}
