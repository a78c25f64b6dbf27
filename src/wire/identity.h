// An identity: the owner of what clients own, across connections, servers and crashes. It is either the proven name of
// a token, or derived from a secret that only the client knows. It is never the secret itself, because identities are
// stored in the log.
#ifndef TRAMLINE_WIRE_IDENTITY_H
#define TRAMLINE_WIRE_IDENTITY_H

#include "base/bytes.h"

enum { TL_SECRET_BYTES = 16, TL_IDENTITY_BYTES_MAX = TL_NAME_BYTES_MAX + 1 };

typedef struct tl_identity {
    uint8_t size; // 0: no identity; equal to any other empty one
    unsigned char bytes[TL_IDENTITY_BYTES_MAX];
} tl_identity;

tl_identity tl_identity_of_name(const char *name);
tl_identity tl_identity_nobodys(void); // owner of what clients made and nobody owns; no client has it
tl_identity tl_identity_of_secret(const unsigned char secret[TL_SECRET_BYTES]);
bool tl_identity_is_of_secret(const tl_identity *identity); // of a client without a token
bool tl_identity_equal(const tl_identity *a, const tl_identity *b);
// Makes the secret of a client: different for each pair of epoch and client, and unpredictable without the seed.
void tl_secret_make(const unsigned char seed[TL_SECRET_BYTES], uint64_t epoch, uint64_t client,
                    unsigned char out[TL_SECRET_BYTES]);

void tl_identity_write(tl_writer *w, const tl_identity *identity);
tl_identity tl_identity_read(tl_reader *r); // marks the reader bad if the identity is too long

#endif
