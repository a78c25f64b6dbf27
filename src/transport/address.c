#include "transport/address.h"

#include "transport/fail.h"

#include <stdio.h>
#include <string.h>

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

tl_result tl_address_split(const char *address, char host[HOST_BYTES_MAX + 1], uint16_t *port, char *text,
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

tl_result tl_address_resolve(const char *address, tl_os_address *out, char host[HOST_BYTES_MAX + 1], char *text,
                             size_t text_bytes)
{
    uint16_t port = 0;
    tl_result result = tl_address_split(address, host, &port, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    const char *why;
    if (tl_os_resolve(host, out, &why)) {
        out->port = port;
        return TL_OK;
    }
    if (why) {
        return fail(TL_ERR_NOT_FOUND, text, text_bytes,
                    "the host '%.80s' is not found (%s); check its name and the network", host, why);
    }
    return fail(TL_ERR_NOT_FOUND, text, text_bytes, "the host '%.80s' has no IPv4 or IPv6 address", host);
}

size_t tl_address_wire_bytes(const tl_os_address *address)
{
    // A socket for both families shows IPv4 addresses in IPv6's form; IPv4 is what travels.
    bool v4 = address->family == TL_OS_IPV4 || tl_os_address_is_mapped(address);
    return v4 ? WIRE_IPV4_BYTES : WIRE_IPV6_BYTES;
}

void tl_address_text(const tl_os_address *address, char out[ADDRESS_TEXT_BYTES])
{
    char host[TL_OS_HOST_TEXT_BYTES];
    tl_os_address_host_text(address, host);
    snprintf(out, ADDRESS_TEXT_BYTES, address->family == TL_OS_IPV4 ? "%s:%u" : "[%s]:%u", host, address->port);
}

void tl_address_key(const tl_os_address *address, uint64_t out[ADDRESS_KEY_WORDS])
{
    out[0] = address->family | (uint64_t)address->port << 16 | (uint64_t)address->scope << 32;
    memcpy(&out[1], address->bytes, sizeof address->bytes);
}

bool tl_address_equal(const tl_os_address *a, const tl_os_address *b)
{
    uint64_t key_a[ADDRESS_KEY_WORDS], key_b[ADDRESS_KEY_WORDS];
    tl_address_key(a, key_a);
    tl_address_key(b, key_b);
    return memcmp(key_a, key_b, sizeof key_a) == 0;
}
