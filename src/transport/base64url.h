// base64url without padding (RFC 4648, 5), as JWTs use it.
#ifndef TRAMLINE_TRANSPORT_BASE64URL_H
#define TRAMLINE_TRANSPORT_BASE64URL_H

#include "tramline/types.h"

// Characters that `bytes` bytes take.
static inline size_t base64url_length(size_t bytes)
{
    return (bytes * 4 + 2) / 3;
}

// `out` gets base64url_length(bytes) characters and no zero.
void tl_base64url_encode(const uint8_t *data, size_t bytes, char *out);

// False if the text is not exactly what base64url_encode makes of some bytes, or if they are more than bytes_max.
// Exactly: each value has one text only, so that nobody can alter a token that stays good.
bool tl_base64url_decode(const char *text, size_t length, uint8_t *out, size_t bytes_max, size_t *bytes);

#endif
