#include "wire/identity.h"

// The first byte states what an identity was made from, so a name can never pass for a secret or vice versa.
enum { OF_NAME = 'n', OF_SECRET = 's', OF_NOBODY = 'u' };

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

// SipHash-2-4 (Aumasson and Bernstein, 2012) of two words: a keyed function with no known way to recover the key from
// its values.
static uint64_t keyed(const uint64_t key[2], uint64_t first, uint64_t second)
{
    const uint64_t words[3] = {first, second, (uint64_t)16 << 56};
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                     key[1] ^ 0x7465646279746573u};
    for (int i = 0; i < 3; i++) {
        v[3] ^= words[i];
        sip_round(v);
        sip_round(v);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void key_of(const unsigned char bytes[TL_SECRET_BYTES], uint64_t key[2])
{
    tl_reader r = tl_reader_make(bytes, TL_SECRET_BYTES);
    key[0] = tl_read_fixed(&r, 8);
    key[1] = tl_read_fixed(&r, 8);
}

// Two values under one key, as bytes.
static void keyed_bytes(const unsigned char key_bytes[TL_SECRET_BYTES], uint64_t first, uint64_t second,
                        unsigned char out[16])
{
    uint64_t key[2];
    key_of(key_bytes, key);
    tl_writer w = tl_writer_make(out, 16);
    tl_write_fixed(&w, keyed(key, first, second), 8);
    tl_write_fixed(&w, keyed(key, ~first, second), 8);
}

tl_identity tl_identity_of_name(const char *name)
{
    tl_identity identity = {.size = 1, .bytes = {OF_NAME}};
    while (identity.size <= TL_NAME_BYTES_MAX && name[identity.size - 1]) {
        identity.bytes[identity.size] = (unsigned char)name[identity.size - 1];
        identity.size++;
    }
    return identity;
}

tl_identity tl_identity_nobodys(void)
{
    return (tl_identity){.size = 1, .bytes = {OF_NOBODY}};
}

tl_identity tl_identity_of_secret(const unsigned char secret[TL_SECRET_BYTES])
{
    tl_identity identity = {.size = 1 + 16, .bytes = {OF_SECRET}};
    keyed_bytes(secret, 0x6964656e74697479u, 1, identity.bytes + 1); // "identity"
    return identity;
}

bool tl_identity_is_of_secret(const tl_identity *identity)
{
    return identity->size > 0 && identity->bytes[0] == OF_SECRET;
}

bool tl_identity_equal(const tl_identity *a, const tl_identity *b)
{
    TL_ASSERT(a->size <= TL_IDENTITY_BYTES_MAX && b->size <= TL_IDENTITY_BYTES_MAX);
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

void tl_secret_make(const unsigned char seed[TL_SECRET_BYTES], uint64_t epoch, uint64_t client,
                    unsigned char out[TL_SECRET_BYTES])
{
    keyed_bytes(seed, epoch, client, out);
}

void tl_identity_write(tl_writer *w, const tl_identity *identity)
{
    TL_ASSERT(identity->size <= TL_IDENTITY_BYTES_MAX);
    tl_write_varint(w, identity->size);
    tl_write_bytes(w, identity->bytes, identity->size);
}

tl_identity tl_identity_read(tl_reader *r)
{
    tl_identity identity = {.size = (uint8_t)tl_read_limited(r, TL_IDENTITY_BYTES_MAX)};
    const unsigned char *bytes = tl_read_bytes(r, identity.size);
    if (bytes == NULL || r->bad) {
        return (tl_identity){0};
    }
    memcpy(identity.bytes, bytes, identity.size);
    return identity;
}
