#include "transport/dtls_hello.h"

#include "transport/dtls_context.h"
#include "transport/keyed_hash.h"

// Records (RFC 6347, 4.1), and offsets in one that begins a ClientHello (4.2.2).
enum {
    RECORD_CHANGE_CIPHER = 20,
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    HELLO_RANDOM = RECORD_HEADER_BYTES + 12 + 2,
    HELLO_RANDOM_BYTES = 32,
    HELLO_SESSION = HELLO_RANDOM + HELLO_RANDOM_BYTES, // its length, it, the cookie's length, it
    MESSAGE_CLIENT_HELLO = 1,
};

bool tl_hello_is(const udp_datagram *datagram)
{
    const uint8_t *d = datagram->data;
    return datagram->size >= HELLO_RANDOM + HELLO_RANDOM_BYTES && d[0] == RECORD_HANDSHAKE && d[RECORD_EPOCH] == 0 &&
           d[RECORD_EPOCH + 1] == 0 && d[RECORD_HEADER_BYTES] == MESSAGE_CLIENT_HELLO;
}

uint64_t tl_hello_hash(const uint64_t key[2], const udp_datagram *datagram)
{
    uint64_t random[HELLO_RANDOM_BYTES / 8];
    memcpy(random, datagram->data + HELLO_RANDOM, sizeof random);
    return tl_keyed_hash(key, random, HELLO_RANDOM_BYTES / 8);
}

bool tl_hello_has_cookie(const udp_datagram *datagram, const cookie_jar *cookies)
{
    const uint8_t *d = datagram->data;
    size_t at = HELLO_SESSION;
    if (at >= datagram->size) {
        return false;
    }
    at += 1 + d[at];
    if (at >= datagram->size) {
        return false;
    }
    size_t bytes = d[at++];
    return at + bytes <= datagram->size && tl_cookie_valid(cookies, &datagram->from, d + at, bytes);
}

bool tl_record_of_handshake(const udp_datagram *datagram)
{
    const uint8_t *d = datagram->data;
    bool first_epoch = datagram->size > RECORD_EPOCH + 1 && d[RECORD_EPOCH] == 0 && d[RECORD_EPOCH + 1] == 0;
    return d[0] == RECORD_HANDSHAKE || d[0] == RECORD_CHANGE_CIPHER || (d[0] == RECORD_ALERT && first_epoch);
}
