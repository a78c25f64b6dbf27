// Tokens: how a client proves who it is. A JWT (RFC 7519) signed with EdDSA over Ed25519 (RFC 8037), that expires.
#ifndef TRAMLINE_TOKEN_H
#define TRAMLINE_TOKEN_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { TL_TOKEN_BYTES_MAX = 768 };

// What a token grants. Claims: "sub" name, "exp" expires_s, "nbf" not_before_s, "aud" world, "tl" {"level":…,
// "write":…, "kbps":…, "entities":…, "created":…}.
typedef struct tl_grant {
    char name[TL_NAME_BYTES_MAX + 1]; // the client's
    char world[64];                   // the scenario's or world's name it is for, "" any
    int64_t not_before_s, expires_s;  // seconds since 1970
    int level_finest;                 // the finest level of the pyramid that it may see, default 0
    bool write;                       // may own entities and send requests, default true
    uint32_t kbit_s_max;              // what it may get, default 8'000
    uint32_t entities_max;            // that it may own, default 16
    uint32_t created_max;             // of what it has created, its own or not, so many may exist at a time, default 64
    // the name is: tl_token_verify() sets it. What the client owns is then given back to
    // whoever proves the same name; otherwise to whoever knows the client's secret
    bool proven;
} tl_grant;

TL_API tl_grant tl_grant_default(void);

// Makes an Ed25519 key pair, PEM files (the private one with mode 0600). TL_ERR_EXISTS rather than overwrite.
TL_API tl_result tl_token_keys_create(const char *private_file, const char *public_file);
// Signs. `out` gets a zero-terminated token of at most TL_TOKEN_BYTES_MAX bytes.
TL_API tl_result tl_token_sign(const char *private_file, const tl_grant *grant, char *out, size_t out_bytes);

typedef struct tl_token_verifier tl_token_verifier;
// Reads the public key once. Any number of calls to verify; one thread at a time.
TL_API tl_result tl_token_verifier_create(const char *public_file, tl_token_verifier **out);
TL_API void tl_token_verifier_destroy(tl_token_verifier *verifier);
// TL_OK and the grant; TL_ERR_MALFORMED, TL_ERR_DENIED (signature, not yet valid), TL_ERR_EXPIRED. 30 s of leeway on
// times.
TL_API tl_result tl_token_verify(tl_token_verifier *verifier, const char *token, size_t token_bytes, int64_t now_s,
                                 tl_grant *out);

#ifdef __cplusplus
}
#endif
#endif
