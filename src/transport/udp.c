#include "transport/udp.h"
#include "base/memory.h"

#include "base/base.h"
#include "transport/fail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SERVER_BUFFER_BYTES = 16 << 20, CLIENT_BUFFER_BYTES = 2 << 20 };

_Static_assert((int)UDP_BATCH <= (int)TL_OS_DATAGRAMS_MAX, "a batch is one call");

// Where the system puts the next datagrams: batch[0..count-1] are to be written again.
static void incoming_prepare(udp_socket *udp, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        udp->incoming[i].data = udp->received + (size_t)i * UDP_RECEIVE_BYTES_MAX;
        udp->incoming[i].bytes = UDP_RECEIVE_BYTES_MAX;
    }
}

static tl_result open_socket(udp_socket *udp, const tl_os_address *address, uint32_t batch, uint32_t queue,
                             tl_transport_stats *stats, char *text, size_t text_bytes)
{
    TL_ASSERT(batch >= 1 && batch <= UDP_BATCH && queue >= 1);
    *udp = (udp_socket){.stats = stats, .incoming_capacity = batch, .queue_capacity = queue};
    udp->fd = tl_os_udp_open(address);
    if (udp->fd < 0) {
        return fail(TL_ERR_IO, text, text_bytes,
                    "no %s socket (%s); use an address of the other family, or enable this one",
                    address->family == TL_OS_IPV4 ? "IPv4" : "IPv6", strerror(errno));
    }
    udp->incoming = tl_alloc_array(batch, sizeof *udp->incoming);
    udp->received = tl_alloc((size_t)batch * UDP_RECEIVE_BYTES_MAX);
    udp->queue = tl_alloc(queue * sizeof *udp->queue);
    if (!udp->incoming || !udp->received || !udp->queue) {
        return fail(TL_ERR_MEMORY, text, text_bytes, "out of memory for the socket's queues");
    }
    incoming_prepare(udp, batch);
    return TL_OK;
}

static tl_result bind_error(int error, const tl_os_address *address, char *text, size_t text_bytes)
{
    char name[ADDRESS_TEXT_BYTES];
    tl_address_text(address, name);
    switch (error) {
    case EADDRINUSE:
        return fail(TL_ERR_EXISTS, text, text_bytes,
                    "the UDP address %s is in use; stop the other program ('ss -ulpn' shows it) or choose another port",
                    name);
    case EADDRNOTAVAIL:
        return fail(TL_ERR_INVALID, text, text_bytes,
                    "%s is not an address of this machine; 'ip address' lists them, 0.0.0.0 and [::] mean all", name);
    case EACCES:
        return fail(TL_ERR_DENIED, text, text_bytes, "not permitted to use %s; choose a port above 1023", name);
    default: return fail(TL_ERR_IO, text, text_bytes, "the UDP address %s cannot be used (%s)", name, strerror(error));
    }
}

tl_result tl_udp_open_server(udp_socket *udp, const tl_os_address *address, tl_transport_stats *stats, char *text,
                             size_t text_bytes)
{
    TL_ASSERT(udp && address && stats);
    tl_result result = open_socket(udp, address, UDP_BATCH, UDP_SERVER_QUEUE, stats, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    tl_os_udp_set_buffers(udp->fd, SERVER_BUFFER_BYTES);
    return tl_os_udp_bind(udp->fd, address) ? TL_OK : bind_error(errno, address, text, text_bytes);
}

tl_result tl_udp_open_client(udp_socket *udp, const tl_os_address *address, tl_transport_stats *stats, char *text,
                             size_t text_bytes)
{
    TL_ASSERT(udp && address && stats);
    tl_result result = open_socket(udp, address, UDP_CLIENT_BATCH, UDP_CLIENT_QUEUE, stats, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    tl_os_udp_set_buffers(udp->fd, CLIENT_BUFFER_BYTES);
    udp->connected = true;
    if (tl_os_udp_connect(udp->fd, address)) {
        return TL_OK;
    }
    char name[ADDRESS_TEXT_BYTES];
    tl_address_text(address, name);
    return fail(TL_ERR_UNAVAILABLE, text, text_bytes, "there is no way to %s (%s); check the network", name,
                strerror(errno));
}

void tl_udp_close(udp_socket *udp)
{
    if (udp->fd >= 0) {
        tl_os_udp_close(udp->fd);
    }
    tl_free(udp->incoming);
    tl_free(udp->received);
    tl_free(udp->queue);
    *udp = (udp_socket){.fd = -1};
}

tl_os_address tl_udp_local_address(const udp_socket *udp)
{
    TL_ASSERT(udp->fd >= 0);
    return tl_os_udp_local_address(udp->fd);
}

// ---- receiving ------------------------------------------------------------------------------------------------------

bool tl_udp_receive(udp_socket *udp)
{
    TL_ASSERT(udp->incoming_next == udp->incoming_count);
    incoming_prepare(udp, udp->incoming_count); // the system has written over those it used
    udp->incoming_next = udp->incoming_count = 0;
    int count = tl_os_udp_receive(udp->fd, udp->incoming, udp->incoming_capacity);
    if (count <= 0) {
        udp->refused = udp->refused || count < 0;
        return false;
    }
    TL_ASSERT((uint32_t)count <= udp->incoming_capacity);
    for (int i = 0; i < count; i++) {
        udp->stats->wire_bytes_received += udp->incoming[i].bytes + tl_address_wire_bytes(&udp->incoming[i].peer);
    }
    udp->incoming_count = (uint32_t)count;
    return true;
}

bool tl_udp_more(const udp_socket *udp)
{
    return udp->incoming_count == udp->incoming_capacity;
}

bool tl_udp_next(udp_socket *udp, udp_datagram *out)
{
    TL_ASSERT(udp->incoming_next <= udp->incoming_count && udp->incoming_count <= udp->incoming_capacity);
    while (udp->incoming_next < udp->incoming_count) {
        const tl_os_datagram *in = &udp->incoming[udp->incoming_next++];
        *out = (udp_datagram){in->peer, in->data, in->bytes};
        if (in->bytes > 0 && !in->truncated) {
            return true;
        }
        udp->stats->dropped_malformed++; // empty, or too long
    }
    return false;
}

// ---- sending --------------------------------------------------------------------------------------------------------

void tl_udp_queue(udp_socket *udp, const tl_os_address *to, const void *data, size_t size)
{
    TL_ASSERT(size >= 1 && size <= UDP_PAYLOAD_BYTES_MAX);
    // By batches, so that the slots in use stay few and in the processor's cache.
    if (udp->queue_count > 0 && udp->queue_count % UDP_BATCH == 0) {
        tl_udp_flush(udp);
    }
    if (udp->queue_count == udp->queue_capacity) {
        udp->stats->dropped_full++;
        return;
    }
    if (udp->queue_count == 0) {
        udp->queue_first = 0;
    }
    udp_outgoing *slot = &udp->queue[(udp->queue_first + udp->queue_count++) % udp->queue_capacity];
    slot->to = *to;
    slot->size = (uint16_t)size;
    memcpy(slot->data, data, size);
    udp->queued++;
}

// One system call. Returns how many datagrams left the queue, -1: none can, for now.
static int send_batch(udp_socket *udp)
{
    tl_os_datagram batch[UDP_BATCH];
    uint32_t count = udp->queue_count < UDP_BATCH ? udp->queue_count : UDP_BATCH;
    for (uint32_t i = 0; i < count; i++) {
        udp_outgoing *slot = &udp->queue[(udp->queue_first + i) % udp->queue_capacity];
        batch[i] = (tl_os_datagram){slot->to, slot->data, slot->size, false};
    }
    TL_ASSERT(count > 0);
    int sent = tl_os_udp_send(udp->fd, udp->connected, batch, count);
    if (sent < 0 && errno == EAGAIN) {
        return -1;
    }
    if (sent < 0 && errno == ECONNREFUSED) { // of an earlier datagram; it is reported once
        udp->refused = true;
        return 0;
    }
    if (sent < 0) { // the first one cannot be sent at all: no route, or a filter
        udp->stats->dropped_full++;
        return 1;
    }
    for (int i = 0; i < sent; i++) {
        const udp_outgoing *slot = &udp->queue[(udp->queue_first + (uint32_t)i) % udp->queue_capacity];
        udp->stats->wire_bytes_sent += slot->size + tl_address_wire_bytes(&slot->to);
    }
    return sent;
}

void tl_udp_flush(udp_socket *udp)
{
    // Each round but those that only fetch an error takes something off the queue; the bound is for the latter.
    for (uint32_t rounds = 2 * udp->queue_capacity; udp->queue_count > 0 && rounds > 0; rounds--) {
        int sent = send_batch(udp);
        if (sent < 0) {
            return;
        }
        TL_ASSERT((uint32_t)sent <= udp->queue_count);
        udp->queue_first = (udp->queue_first + (uint32_t)sent) % udp->queue_capacity;
        udp->queue_count -= (uint32_t)sent;
    }
}
