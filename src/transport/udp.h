// One UDP socket that never waits: a batch of received datagrams, and a queue of datagrams to send.
#ifndef TRAMLINE_TRANSPORT_UDP_H
#define TRAMLINE_TRANSPORT_UDP_H

#include "tramline/transport.h"
#include "transport/address.h"

enum {
    UDP_PAYLOAD_BYTES_MAX = 1200, // of what we send; the smallest IPv6 path carries it (RFC 8200: 1'280 with headers)
    UDP_BATCH = 64,               // datagrams per system call
    UDP_CLIENT_BATCH = 8,
    UDP_RECEIVE_BYTES_MAX = 2048, // of one datagram; longer ones are refused
    UDP_SERVER_QUEUE = 4096,      // datagrams: one tick's burst waits here when the system's buffer is full
    UDP_CLIENT_QUEUE = 64,
};

typedef struct udp_datagram {
    tl_os_address from;
    const uint8_t *data;
    size_t size;
} udp_datagram;

typedef struct udp_outgoing {
    tl_os_address to;
    uint16_t size;
    uint8_t data[UDP_PAYLOAD_BYTES_MAX];
} udp_outgoing;

typedef struct udp_socket {
    int fd;
    bool connected;            // a client's: one address only
    bool refused;              // the other machine said that nothing listens there
    tl_transport_stats *stats; // dropped_*, wire_bytes_*
    tl_os_datagram *incoming;  // the received batch
    uint8_t *received;         // its bytes, UDP_RECEIVE_BYTES_MAX for each
    uint32_t incoming_capacity, incoming_count, incoming_next;
    udp_outgoing *queue; // a ring
    uint32_t queue_capacity, queue_first, queue_count;
    uint64_t queued; // ever
} udp_socket;

// Binds to `address` (a server) or connects to it (a client). `stats` outlives the socket.
// TL_ERR_EXISTS: the port is in use; TL_ERR_INVALID: not an address of this machine; TL_ERR_DENIED, TL_ERR_MEMORY,
// TL_ERR_IO.
tl_result tl_udp_open_server(udp_socket *udp, const tl_os_address *address, tl_transport_stats *stats, char *text,
                             size_t text_bytes);
tl_result tl_udp_open_client(udp_socket *udp, const tl_os_address *address, tl_transport_stats *stats, char *text,
                             size_t text_bytes);
void tl_udp_close(udp_socket *udp); // also after a failed open

tl_os_address tl_udp_local_address(const udp_socket *udp);

// Receives one batch; the last one must have been read. False: there is nothing.
bool tl_udp_receive(udp_socket *udp);
// Whether the last batch was full, so that more may be waiting.
bool tl_udp_more(const udp_socket *udp);
// The next datagram of the batch; its data is good until tl_udp_receive(). False: no more.
bool tl_udp_next(udp_socket *udp, udp_datagram *out);

// Copies a datagram into the queue, which is sent whenever it holds a batch. Drops and counts the datagram if the queue
// is full and the system takes nothing.
void tl_udp_queue(udp_socket *udp, const tl_os_address *to, const void *data, size_t size);
void tl_udp_flush(udp_socket *udp);

#endif
