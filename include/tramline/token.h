/// @file
/// Tokens: how a client proves its identity. A token is a JWT (RFC 7519), signed with EdDSA over Ed25519 (RFC 8037),
/// that expires.
#ifndef TRAMLINE_TOKEN_H
#define TRAMLINE_TOKEN_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { TL_TOKEN_BYTES_MAX = 768 }; ///< with the closing zero

/// What a token grants. Its claims in a token: "sub" `name`, "exp" `expires_s`, "nbf" `not_before_s`, "aud" `world`,
/// "tl"
/// {"level": …, "write": …, "kbps": …, "entities": …, "created": …}.
typedef struct tl_grant {
    char name[TL_NAME_BYTES_MAX + 1]; ///< the client's
    char world[64];                   ///< the world's or scenario's name that it is good for, "": any
    int64_t not_before_s;             ///< seconds since 1970
    int64_t expires_s;                ///< seconds since 1970
    int level_finest;                 ///< the finest level of the pyramid that it may see, default 0
    bool write;                       ///< may own entities and send requests, default true
    uint32_t kbit_s_max;              ///< what it may be sent, default 8'000
    uint32_t entities_max;            ///< that it may own at a time, default 16
    uint32_t created_max;             ///< that it has created, its own or not, and that exist at a time; default 64
    /// The name is proven: tl_token_verify() sets it. The client's entities are then returned to a client that
    /// proves the same name, otherwise to one that knows the client's secret.
    bool proven;
} tl_grant;

/// A grant without name, world or expiry, and with the defaults above.
TL_API tl_grant tl_grant_default(void);

/// Makes an Ed25519 key pair as two PEM files, the private one with mode 0600. TL_ERR_EXISTS: one of the files exists;
/// none is overwritten. TL_ERR_IO, TL_ERR_NO_SPACE, TL_ERR_READ_ONLY. Blocks.
TL_API tl_result tl_token_keys_create(const char *private_file, const char *public_file);
/// Signs a grant. `out` receives a token with a closing zero, of at most TL_TOKEN_BYTES_MAX bytes. TL_ERR_INVALID: a
/// member of the grant is out of its range, or `out_bytes` is too small. TL_ERR_NOT_FOUND, TL_ERR_DENIED,
/// TL_ERR_MALFORMED: the file. Blocks.
TL_API tl_result tl_token_sign(const char *private_file, const tl_grant *grant, char *out, size_t out_bytes);

/// A public key, read and ready.
typedef struct tl_token_verifier tl_token_verifier;
/// Reads a public key once, for any number of calls of tl_token_verify(). A verifier belongs to one thread at a time.
/// Allocates. TL_ERR_NOT_FOUND, TL_ERR_MALFORMED: the file. Blocks.
TL_API tl_result tl_token_verifier_create(const char *public_file, tl_token_verifier **out);
/// NULL is ignored.
TL_API void tl_token_verifier_destroy(tl_token_verifier *verifier);
/// Checks a token and fills in its grant. Times have 30 s of leeway. TL_ERR_MALFORMED: not a token. TL_ERR_DENIED:
/// another key's signature, or not valid yet. TL_ERR_EXPIRED.
TL_API tl_result tl_token_verify(tl_token_verifier *verifier, const char *token, size_t token_bytes, int64_t now_s,
                                 tl_grant *out);

#ifdef __cplusplus
}
#endif
#endif
