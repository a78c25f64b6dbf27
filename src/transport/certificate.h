// The server's certificate: created, loaded, and identified by its fingerprint.
#ifndef TRAMLINE_TRANSPORT_CERTIFICATE_H
#define TRAMLINE_TRANSPORT_CERTIFICATE_H

#include "tramline/types.h"

#include <openssl/ssl.h>

enum { FINGERPRINT_BYTES = 32, FINGERPRINT_TEXT_BYTES = 65 };

// Makes a key on P-256 and a certificate for it, signed by itself and good for ten years. Neither file may exist.
tl_result tl_certificate_create(const char *certificate_file, const char *key_file, char *text, size_t text_bytes);

// Sets the context's chain and key. TL_ERR_NOT_FOUND, TL_ERR_DENIED, TL_ERR_MALFORMED (also: they do not match).
tl_result tl_certificate_load(SSL_CTX *context, const char *certificate_file, const char *key_file, char *text,
                              size_t text_bytes);

// SHA-256 of the certificate's DER form.
bool tl_certificate_fingerprint(const X509 *certificate, uint8_t out[FINGERPRINT_BYTES]);
void tl_fingerprint_text(const uint8_t fingerprint[FINGERPRINT_BYTES], char out[FINGERPRINT_TEXT_BYTES]);
// 64 hex digits, with a colon between bytes or none.
bool tl_fingerprint_parse(const char *text, uint8_t out[FINGERPRINT_BYTES]);

#endif
