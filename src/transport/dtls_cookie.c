#include "transport/dtls_cookie.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

bool tl_cookie_jar_init(cookie_jar *jar)
{
    jar->rotate_due_us = 0;
    return RAND_bytes(jar->secrets[0], sizeof jar->secrets) == 1;
}

void tl_cookie_jar_rotate(cookie_jar *jar, uint64_t now_us)
{
    if (jar->rotate_due_us == 0) {
        jar->rotate_due_us = now_us + COOKIE_ROTATE_US;
    }
    if (now_us < jar->rotate_due_us) {
        return;
    }
    uint8_t fresh[COOKIE_SECRET_BYTES];
    if (RAND_bytes(fresh, sizeof fresh) != 1) {
        return; // try again at the next poll
    }
    jar->rotate_due_us = now_us + COOKIE_ROTATE_US;
    memcpy(jar->secrets[1], jar->secrets[0], sizeof jar->secrets[1]);
    memcpy(jar->secrets[0], fresh, sizeof fresh);
}

static bool cookie_of(const uint8_t secret[COOKIE_SECRET_BYTES], const tl_os_address *address,
                      uint8_t out[COOKIE_BYTES])
{
    uint64_t key[ADDRESS_KEY_WORDS];
    uint8_t digest[EVP_MAX_MD_SIZE];
    tl_address_key(address, key);
    if (!HMAC(EVP_sha256(), secret, COOKIE_SECRET_BYTES, (const uint8_t *)key, sizeof key, digest, NULL)) {
        return false;
    }
    memcpy(out, digest, COOKIE_BYTES);
    return true;
}

bool tl_cookie_make(const cookie_jar *jar, const tl_os_address *address, uint8_t out[COOKIE_BYTES])
{
    return cookie_of(jar->secrets[0], address, out);
}

bool tl_cookie_valid(const cookie_jar *jar, const tl_os_address *address, const uint8_t *cookie, size_t cookie_bytes)
{
    uint8_t good[COOKIE_BYTES];
    if (cookie_bytes != COOKIE_BYTES) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (cookie_of(jar->secrets[i], address, good) && CRYPTO_memcmp(good, cookie, COOKIE_BYTES) == 0) {
            return true;
        }
    }
    return false;
}
