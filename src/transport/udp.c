#define _GNU_SOURCE // recvmmsg, sendmmsg
#include "transport/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { SERVER_BUFFER_BYTES = 16 << 20, CLIENT_BUFFER_BYTES = 2 << 20 };

struct udp_incoming {
    net_address from;
    struct iovec part;
    size_t size;
    uint8_t data[UDP_RECEIVE_BYTES_MAX];
};

static void incoming_prepare(udp_socket *udp, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        udp_incoming *in = &udp->incoming[i];
        in->part = (struct iovec){in->data, sizeof in->data};
        udp->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &in->from, .msg_namelen = sizeof in->from, .msg_iov = &in->part, .msg_iovlen = 1};
    }
}

// Without the privilege the system grants at most net.core.rmem_max and wmem_max.
static void set_buffers(int fd, int bytes)
{
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
}

static tl_result open_socket(udp_socket *udp, const net_address *address, uint32_t batch, uint32_t queue,
                             tl_transport_stats *stats, char *text, size_t text_bytes)
{
    *udp = (udp_socket){.stats = stats, .incoming_capacity = batch, .queue_capacity = queue};
    udp->fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp->fd < 0) {
        return fail(TL_ERR_IO, text, text_bytes,
                    "no %s socket (%s); use an address of the other family, or enable this one",
                    address->any.sa_family == AF_INET ? "IPv4" : "IPv6", strerror(errno));
    }
    udp->incoming = calloc(batch, sizeof *udp->incoming);
    udp->messages = calloc(batch, sizeof *udp->messages);
    udp->queue = malloc(queue * sizeof *udp->queue);
    if (!udp->incoming || !udp->messages || !udp->queue) {
        return fail(TL_ERR_MEMORY, text, text_bytes, "out of memory for the socket's queues");
    }
    incoming_prepare(udp, batch);
    return TL_OK;
}

static tl_result bind_error(int error, const net_address *address, char *text, size_t text_bytes)
{
    char name[64];
    address_text(address, name);
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

tl_result udp_open_server(udp_socket *udp, const net_address *address, tl_transport_stats *stats, char *text,
                          size_t text_bytes)
{
    tl_result result = open_socket(udp, address, UDP_BATCH, UDP_SERVER_QUEUE, stats, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    set_buffers(udp->fd, SERVER_BUFFER_BYTES);
    int off = 0; // [::] is for IPv4 too
    if (address->any.sa_family == AF_INET6) {
        setsockopt(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (bind(udp->fd, &address->any, address_bytes(address)) == 0) {
        return TL_OK;
    }
    return bind_error(errno, address, text, text_bytes);
}

tl_result udp_open_client(udp_socket *udp, const net_address *address, tl_transport_stats *stats, char *text,
                          size_t text_bytes)
{
    tl_result result = open_socket(udp, address, UDP_CLIENT_BATCH, UDP_CLIENT_QUEUE, stats, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    set_buffers(udp->fd, CLIENT_BUFFER_BYTES);
    udp->connected = true;
    if (connect(udp->fd, &address->any, address_bytes(address)) == 0) {
        return TL_OK;
    }
    char name[64];
    address_text(address, name);
    return fail(TL_ERR_UNAVAILABLE, text, text_bytes, "there is no way to %s (%s); check the network", name,
                strerror(errno));
}

void udp_close(udp_socket *udp)
{
    if (udp->fd >= 0) {
        close(udp->fd);
    }
    free(udp->incoming);
    free(udp->messages);
    free(udp->queue);
    *udp = (udp_socket){.fd = -1};
}

net_address udp_local_address(const udp_socket *udp)
{
    net_address address = {0};
    socklen_t bytes = sizeof address;
    getsockname(udp->fd, &address.any, &bytes);
    return address;
}

// ---- receiving ------------------------------------------------------------------------------------------------------

bool udp_receive(udp_socket *udp)
{
    ENSURE(udp->incoming_next == udp->incoming_count);
    incoming_prepare(udp, udp->incoming_count); // the system has written over those it used
    udp->incoming_next = udp->incoming_count = 0;
    int count = recvmmsg(udp->fd, udp->messages, udp->incoming_capacity, MSG_DONTWAIT, NULL);
    if (count <= 0) {
        if (count < 0 && errno == ECONNREFUSED) {
            udp->refused = true;
        }
        return false;
    }
    for (int i = 0; i < count; i++) {
        udp_incoming *in = &udp->incoming[i];
        bool whole = !(udp->messages[i].msg_hdr.msg_flags & MSG_TRUNC);
        in->size = whole ? udp->messages[i].msg_len : 0;
        udp->stats->wire_bytes_received += udp->messages[i].msg_len + address_wire_bytes(&in->from);
    }
    udp->incoming_count = (uint32_t)count;
    return true;
}

bool udp_more(const udp_socket *udp)
{
    return udp->incoming_count == udp->incoming_capacity;
}

bool udp_next(udp_socket *udp, udp_datagram *out)
{
    while (udp->incoming_next < udp->incoming_count) {
        udp_incoming *in = &udp->incoming[udp->incoming_next++];
        *out = (udp_datagram){in->from, in->data, in->size};
        if (in->size > 0) {
            return true;
        }
        udp->stats->dropped_malformed++; // empty, or too long
    }
    return false;
}

// ---- sending --------------------------------------------------------------------------------------------------------

void udp_queue(udp_socket *udp, const net_address *to, const void *data, size_t size)
{
    ENSURE(size >= 1 && size <= UDP_PAYLOAD_BYTES_MAX);
    // By batches, so that the slots in use stay few and in the processor's cache.
    if (udp->queue_count > 0 && udp->queue_count % UDP_BATCH == 0) {
        udp_flush(udp);
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
    struct mmsghdr messages[UDP_BATCH];
    struct iovec parts[UDP_BATCH];
    uint32_t count = udp->queue_count < UDP_BATCH ? udp->queue_count : UDP_BATCH;
    for (uint32_t i = 0; i < count; i++) {
        udp_outgoing *slot = &udp->queue[(udp->queue_first + i) % udp->queue_capacity];
        parts[i] = (struct iovec){slot->data, slot->size};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        if (udp->connected) {
            continue;
        }
        messages[i].msg_hdr.msg_name = &slot->to;
        messages[i].msg_hdr.msg_namelen = address_bytes(&slot->to);
    }
    int sent = sendmmsg(udp->fd, messages, count, MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) {
        return -1;
    }
    if (sent < 0 && errno == EINTR) {
        return 0;
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
        udp->stats->wire_bytes_sent += slot->size + address_wire_bytes(&slot->to);
    }
    return sent;
}

void udp_flush(udp_socket *udp)
{
    // Each round but those that only fetch an error takes something off the queue; the bound is for the latter.
    for (uint32_t rounds = 2 * udp->queue_capacity; udp->queue_count > 0 && rounds > 0; rounds--) {
        int sent = send_batch(udp);
        if (sent < 0) {
            return;
        }
        udp->queue_first = (udp->queue_first + (uint32_t)sent) % udp->queue_capacity;
        udp->queue_count -= (uint32_t)sent;
    }
}
