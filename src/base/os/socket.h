// Internet addresses and UDP sockets that never wait. Functions that fail set errno, in the terms of <errno.h>.
#ifndef TRAMLINE_BASE_OS_SOCKET_H
#define TRAMLINE_BASE_OS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- addresses ------------------------------------------------------------------------------------------------------

enum {
    TL_OS_IPV4 = 4,
    TL_OS_IPV6 = 6,
    TL_OS_IPV4_BYTES = 4,
    TL_OS_IPV6_BYTES = 16,
    TL_OS_HOST_TEXT_BYTES = 46, // of an address without its port
};

typedef struct tl_os_address {
    uint16_t family; // TL_OS_IPV4, TL_OS_IPV6; 0: none
    uint16_t port;
    uint32_t scope;                  // the interface of a link-local IPv6 address
    uint8_t bytes[TL_OS_IPV6_BYTES]; // in the network's order; of IPv4 the first four, the others are zero
} tl_os_address;

// An address in figures, without a port: "192.0.2.1", "2001:db8::1". False: it is none.
bool tl_os_address_parse(const char *host, tl_os_address *out);
void tl_os_address_host_text(const tl_os_address *address, char out[TL_OS_HOST_TEXT_BYTES]);
// Whether it is IPv4 in the form in which a socket of both families shows it, ::ffff:192.0.2.1.
bool tl_os_address_is_mapped(const tl_os_address *address);

// Resolves a host's name, IPv4 first; may wait for a name server. False: it has no address, and `why` says why, or is
// NULL if it has one of another kind only.
bool tl_os_resolve(const char *host, tl_os_address *out, const char **why);

// The same without waiting.
typedef struct tl_os_lookup tl_os_lookup;
tl_os_lookup *tl_os_lookup_begin(const char *host); // NULL: it cannot, for now
// Whether it is over; then `found` says whether `out` is set.
bool tl_os_lookup_is_over(tl_os_lookup *lookup, bool *found, tl_os_address *out);
void tl_os_lookup_end(tl_os_lookup *lookup); // also while it is under way; NULL is allowed

// ---- UDP ------------------------------------------------------------------------------------------------------------

enum { TL_OS_DATAGRAMS_MAX = 64 }; // in one call

typedef struct tl_os_datagram {
    tl_os_address peer; // from, or to; not used when sending on a connected socket
    uint8_t *data;
    size_t bytes; // when receiving, what there is space for, and then how many have come
    bool truncated;
} tl_os_datagram;

// A socket of the family of an address. Returns its handle, or -1.
int tl_os_udp_open(const tl_os_address *address);
void tl_os_udp_close(int handle);
// Asks for buffers of that size; the system may grant less.
void tl_os_udp_set_buffers(int handle, int bytes);
// Of [::] it is bound to IPv4's addresses, too.
bool tl_os_udp_bind(int handle, const tl_os_address *address);
bool tl_os_udp_connect(int handle, const tl_os_address *address);
tl_os_address tl_os_udp_local_address(int handle);

// Receives as many datagrams as have come, without waiting, into batch[0..count-1]. Returns how many there are, 0:
// none; -1 with errno ECONNREFUSED: an earlier datagram was refused by the other machine.
int tl_os_udp_receive(int handle, tl_os_datagram *batch, size_t count);
// Sends the first ones, without waiting. Returns how many were sent, or -1 with errno EAGAIN: none can be now;
// ECONNREFUSED: as above; otherwise the first one cannot be sent at all.
int tl_os_udp_send(int handle, bool connected, const tl_os_datagram *batch, size_t count);

#endif
