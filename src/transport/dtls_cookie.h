// Cookies prove that a client receives what is sent to its address, before the server keeps anything about it (RFC
// 6347, 4.2.1): a keyed hash of the address, with a random secret that is changed from time to time.
#ifndef TRAMLINE_TRANSPORT_DTLS_COOKIE_H
#define TRAMLINE_TRANSPORT_DTLS_COOKIE_H

#include "transport/address.h"

enum {
    COOKIE_BYTES = 16, // short, so that the answer to a ClientHello is smaller than the ClientHello
    COOKIE_SECRET_BYTES = 32,
    COOKIE_ROTATE_US = 30000000, // a cookie is good for one to two of these
};

typedef struct cookie_jar {
    uint8_t secrets[2][COOKIE_SECRET_BYTES]; // the present one and the one before
    uint64_t rotate_due_us;                  // 0: no time is known yet
} cookie_jar;

// False: the system has no random bytes.
bool tl_cookie_jar_init(cookie_jar *jar);
void tl_cookie_jar_rotate(cookie_jar *jar, uint64_t now_us);
bool tl_cookie_make(const cookie_jar *jar, const tl_os_address *address, uint8_t out[COOKIE_BYTES]);
bool tl_cookie_valid(const cookie_jar *jar, const tl_os_address *address, const uint8_t *cookie, size_t cookie_bytes);

#endif
