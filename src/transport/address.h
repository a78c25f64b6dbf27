// Internet addresses with ports: "192.0.2.1:7777", "[2001:db8::1]:7777", "example.org:7777".
#ifndef TRAMLINE_TRANSPORT_ADDRESS_H
#define TRAMLINE_TRANSPORT_ADDRESS_H

#include "tramline/types.h"

#include <netinet/in.h>
#include <sys/socket.h>

typedef union net_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} net_address;

enum {
    HOST_BYTES_MAX = 253, // RFC 1035
    ADDRESS_KEY_WORDS = 4,
};

// Splits "host:port" and resolves the host, IPv4 first. May wait for a name server. `host` gets the host's text without
// brackets. TL_ERR_INVALID, TL_ERR_NOT_FOUND; `text` says why.
tl_result address_resolve(const char *address, net_address *out, char host[HOST_BYTES_MAX + 1], char *text,
                          size_t text_bytes);

// Only splits. TL_ERR_INVALID.
tl_result address_split(const char *address, char host[HOST_BYTES_MAX + 1], uint16_t *port, char *text,
                        size_t text_bytes);
// Of what a resolver found, IPv4 first. False: there is none.
struct addrinfo;
bool address_choose(const struct addrinfo *found, uint16_t port, net_address *out);

socklen_t address_bytes(const net_address *address);
bool address_equal(const net_address *a, const net_address *b);
uint16_t address_port(const net_address *address);
// Bytes that IP and UDP add to each datagram to or from this address.
size_t address_wire_bytes(const net_address *address);
void address_text(const net_address *address, char out[64]);
// All that tells addresses apart, in a fixed form.
void address_key(const net_address *address, uint64_t out[ADDRESS_KEY_WORDS]);

#endif
