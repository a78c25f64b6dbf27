// A server's records after the handshake: DTLS 1.2's AEAD record protection (RFC 6347, 4.1; RFC 5288; RFC 7905) without
// an OpenSSL connection around it, which costs 35 kB and more time than the cipher. OpenSSL does the handshake and the
// first records; once the client has shown that it is through with the handshake too, this takes over its keys and
// counters.
#ifndef TRAMLINE_TRANSPORT_DTLS_RECORD_H
#define TRAMLINE_TRANSPORT_DTLS_RECORD_H

#include "base.h"

#include <openssl/ssl.h>

enum {
    RECORD_HEADER_BYTES = 13,
    RECORD_NONCE_BYTES = 8, // the explicit part, AES-GCM only
    RECORD_TAG_BYTES = 16,
    RECORD_OVERHEAD_MAX = RECORD_HEADER_BYTES + RECORD_NONCE_BYTES + RECORD_TAG_BYTES,
    RECORD_IV_BYTES = 12,

    RECORD_CHANGE_CIPHER = 20,
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    RECORD_DATA = 23,
};

_Static_assert(TL_DATAGRAM_BYTES_MAX + RECORD_OVERHEAD_MAX <= UDP_PAYLOAD_BYTES_MAX, "a datagram fits its payload");

// A record's head, as it travels.
typedef struct record_header {
    uint8_t type;
    uint16_t epoch;
    uint64_t sequence; // 48 bits
    size_t size;       // of what follows
} record_header;

// False if the bytes do not begin with a whole record of DTLS 1.2.
bool record_header_read(const uint8_t *data, size_t size, record_header *out);

// The last protected record that OpenSSL wrote for a connection: where its counters stand.
typedef struct record_trace {
    bool written;
    uint64_t sequence, nonce;
} record_trace;

void record_trace_written(record_trace *trace, const uint8_t *datagram, size_t size);

typedef struct dtls_record dtls_record;

// Takes over from a server's connection whose handshake is complete. `written` is where its writing stands, `heard` the
// sequence number of the newest record that it accepted; none older will be accepted. NULL: not possible, stay with
// OpenSSL.
dtls_record *dtls_record_create(SSL *ssl, const record_trace *written, uint64_t heard);
void dtls_record_destroy(dtls_record *record); // wipes the keys

// Writes one record of size + RECORD_OVERHEAD_MAX bytes at most; returns its bytes, 0: it cannot.
size_t dtls_record_seal(dtls_record *record, uint8_t type, const void *data, size_t size, uint8_t *out);

// Opens the record at the head of `data`, whose header was read. Returns its plain bytes (out has room for
// header->size); -1: forged, a replay, or too old; then nothing has changed.
int dtls_record_open(dtls_record *record, const record_header *header, const uint8_t *data, uint8_t *out);

#endif
