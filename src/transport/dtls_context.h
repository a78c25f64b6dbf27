// What servers and clients have in common: the DTLS settings. docs/SECURITY.md says why each.
#ifndef TRAMLINE_TRANSPORT_DTLS_CONTEXT_H
#define TRAMLINE_TRANSPORT_DTLS_CONTEXT_H

#include "transport/dtls_bio.h"

#include <openssl/ssl.h>

// Where what lies in a record's head (RFC 6347, 4.1): type, version, epoch, sequence, length.
enum { RECORD_EPOCH = 3, RECORD_LENGTH = 11, RECORD_HEADER_BYTES = 13 };
enum { DTLS_PLAIN_BYTES_MAX = UDP_RECEIVE_BYTES_MAX }; // of what one record can hold, so that a read is never partial

// NULL: out of memory, or OpenSSL's own settings forbid ours; `text` says why.
SSL_CTX *tl_dtls_context_create(const SSL_METHOD *method, char *text, size_t text_bytes);

// A connection that reads and writes through the pipe; the pipe must outlive it. NULL: out of memory.
SSL *tl_dtls_session_create(SSL_CTX *context, datagram_pipe *pipe);

// Whether a datagram's records may be handed to OpenSSL: it takes an encrypted record that is shorter than its cipher's
// nonce and tag for a fatal error of the connection, though anybody can send one in the peer's name.
bool tl_dtls_records_sound(const SSL *ssl, const uint8_t *data, size_t size);
// Whether one of them is encrypted. They must be sound.
bool tl_dtls_records_encrypted(const uint8_t *data, size_t size);

// The first of OpenSSL's queued errors as text, and forgets them all.
const char *tl_dtls_error_text(void);

#endif
