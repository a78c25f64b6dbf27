#include "transport/address.h"

#include "transport/base.h"

#include <arpa/inet.h>
#include <netdb.h>

static const char shape[] = "write it as host:port or [IPv6 address]:port, such as 127.0.0.1:7777";

// Copies the host and returns where the port begins; NULL if the text has another shape.
static const char *split(const char *address, char host[HOST_BYTES_MAX + 1])
{
    bool bracketed = address[0] == '[';
    const char *begin = address + bracketed;
    const char *end = strchr(begin, bracketed ? ']' : ':');
    if (!end || end == begin || end - begin > HOST_BYTES_MAX) {
        return NULL;
    }
    const char *colon = end + bracketed;
    if (*colon != ':' || strchr(colon + 1, ':')) {
        return NULL;
    }
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = 0;
    return colon + 1;
}

static bool port_parse(const char *text, uint16_t *out)
{
    uint32_t port = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 5 || text[digits] != 0) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

tl_result address_split(const char *address, char host[HOST_BYTES_MAX + 1], uint16_t *port, char *text,
                        size_t text_bytes)
{
    if (!address) {
        return fail(TL_ERR_INVALID, text, text_bytes, "no address is given; %s", shape);
    }
    const char *port_text = split(address, host);
    if (port_text && port_parse(port_text, port)) {
        return TL_OK;
    }
    return fail(TL_ERR_INVALID, text, text_bytes, "'%.80s' is no address; %s", address, shape);
}

bool address_choose(const struct addrinfo *found, uint16_t port, net_address *out)
{
    const struct addrinfo *best = NULL;
    for (const struct addrinfo *i = found; i; i = i->ai_next) {
        if (i->ai_family != AF_INET && i->ai_family != AF_INET6) {
            continue;
        }
        if (!best || (i->ai_family == AF_INET && best->ai_family != AF_INET)) {
            best = i;
        }
    }
    if (!best) {
        return false;
    }
    *out = (net_address){0};
    memcpy(out, best->ai_addr, best->ai_addrlen < sizeof *out ? best->ai_addrlen : sizeof *out);
    if (best->ai_family == AF_INET) {
        out->v4.sin_port = htons(port);
    } else {
        out->v6.sin6_port = htons(port);
    }
    return true;
}

tl_result address_resolve(const char *address, net_address *out, char host[HOST_BYTES_MAX + 1], char *text,
                          size_t text_bytes)
{
    uint16_t port;
    tl_result result = address_split(address, host, &port, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM}, *found = NULL;
    int error = getaddrinfo(host, NULL, &hints, &found);
    if (error != 0) {
        return fail(TL_ERR_NOT_FOUND, text, text_bytes,
                    "the host '%.80s' is not found (%s); check its name and the network", host, gai_strerror(error));
    }
    bool chosen = address_choose(found, port, out);
    freeaddrinfo(found);
    if (chosen) {
        return TL_OK;
    }
    return fail(TL_ERR_NOT_FOUND, text, text_bytes, "the host '%.80s' has no IPv4 or IPv6 address", host);
}

socklen_t address_bytes(const net_address *address)
{
    return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

uint16_t address_port(const net_address *address)
{
    return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

size_t address_wire_bytes(const net_address *address)
{
    // A socket for both families shows IPv4 addresses in IPv6's form; IPv4 is what travels.
    bool v4 = address->any.sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr);
    return v4 ? WIRE_IPV4_BYTES : WIRE_IPV6_BYTES;
}

void address_text(const net_address *address, char out[64])
{
    char host[INET6_ADDRSTRLEN] = "?";
    bool v4 = address->any.sa_family == AF_INET;
    const void *bytes = v4 ? (const void *)&address->v4.sin_addr : &address->v6.sin6_addr;
    inet_ntop(address->any.sa_family, bytes, host, sizeof host);
    snprintf(out, 64, v4 ? "%s:%u" : "[%s]:%u", host, address_port(address));
}

void address_key(const net_address *address, uint64_t out[ADDRESS_KEY_WORDS])
{
    memset(out, 0, ADDRESS_KEY_WORDS * sizeof *out);
    out[0] = address->any.sa_family | (uint64_t)address_port(address) << 16;
    if (address->any.sa_family == AF_INET) {
        out[1] = address->v4.sin_addr.s_addr;
        return;
    }
    memcpy(&out[1], &address->v6.sin6_addr, sizeof address->v6.sin6_addr);
    out[3] = address->v6.sin6_scope_id;
}

bool address_equal(const net_address *a, const net_address *b)
{
    uint64_t key_a[ADDRESS_KEY_WORDS], key_b[ADDRESS_KEY_WORDS];
    address_key(a, key_a);
    address_key(b, key_b);
    return memcmp(key_a, key_b, sizeof key_a) == 0;
}
