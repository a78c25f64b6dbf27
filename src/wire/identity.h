// An identity: who owns what clients own, across connections, servers and crashes. Either the proven name of a token,
// or what can be computed from a secret that only the client knows; never the secret itself, for identities stand in
// the log.
#ifndef TRAMLINE_WIRE_IDENTITY_H
#define TRAMLINE_WIRE_IDENTITY_H

#include "base/bytes.h"

enum { TL_SECRET_BYTES = 16, TL_IDENTITY_BYTES_MAX = TL_NAME_BYTES_MAX + 1 };

typedef struct tl_identity {
    uint8_t size; // 0: nobody, which equals nobody
    unsigned char bytes[TL_IDENTITY_BYTES_MAX];
} tl_identity;

tl_identity tl_identity_of_name(const char *name);
tl_identity tl_identity_nobodys(void); // of what clients made and nobody owns: no client has it
tl_identity tl_identity_of_secret(const unsigned char secret[TL_SECRET_BYTES]);
bool tl_identity_is_of_secret(const tl_identity *identity); // of somebody without a token
bool tl_identity_equal(const tl_identity *a, const tl_identity *b);
// The secret of a client: another for each pair of numbers, and unknown to who does not know the seed.
void tl_secret_make(const unsigned char seed[TL_SECRET_BYTES], uint64_t epoch, uint64_t client,
                    unsigned char out[TL_SECRET_BYTES]);

void tl_identity_write(tl_writer *w, const tl_identity *identity);
tl_identity tl_identity_read(tl_reader *r); // turns the reader bad if it is too long

#endif
