// Internet addresses with ports: "192.0.2.1:7777", "[2001:db8::1]:7777", "example.org:7777".
#ifndef TRAMLINE_TRANSPORT_ADDRESS_H
#define TRAMLINE_TRANSPORT_ADDRESS_H

#include "base/os/socket.h"
#include "tramline/types.h"

enum {
    HOST_BYTES_MAX = 253, // RFC 1035
    WIRE_IPV4_BYTES = 28, // IPv4 and UDP headers
    WIRE_IPV6_BYTES = 48, // IPv6 and UDP headers
    ADDRESS_TEXT_BYTES = 64,
    ADDRESS_KEY_WORDS = 3,
};

// Splits "host:port" and resolves the host, IPv4 first. May wait for a name server. `host` gets the host's text without
// brackets. TL_ERR_INVALID, TL_ERR_NOT_FOUND; `text` says why.
tl_result tl_address_resolve(const char *address, tl_os_address *out, char host[HOST_BYTES_MAX + 1], char *text,
                             size_t text_bytes);

// Only splits. TL_ERR_INVALID.
tl_result tl_address_split(const char *address, char host[HOST_BYTES_MAX + 1], uint16_t *port, char *text,
                           size_t text_bytes);
bool tl_address_equal(const tl_os_address *a, const tl_os_address *b);
// Bytes that IP and UDP add to each datagram to or from this address.
size_t tl_address_wire_bytes(const tl_os_address *address);
void tl_address_text(const tl_os_address *address, char out[ADDRESS_TEXT_BYTES]);
// Everything that distinguishes addresses, in a fixed form.
void tl_address_key(const tl_os_address *address, uint64_t out[ADDRESS_KEY_WORDS]);

#endif
