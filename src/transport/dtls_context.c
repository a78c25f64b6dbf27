#include "transport/dtls_context.h"

#include "transport/fail.h"

#include <openssl/err.h>

enum {
    // RFC 6347 says 1 s, then twice as long each time; but a player waits, a handshake is three round trips, and where
    // six of ten datagrams are lost each of them takes six tries.
    RETRANSMIT_US_MIN = 200000,
    RETRANSMIT_US_MAX = 300000,
    CERTIFICATES_BYTES_MAX = 16 << 10, // of a server's whole chain
    RECORD_OVERHEAD_MAX = 13 + 8 + 16, // header, explicit nonce (AES-GCM only), tag
};

_Static_assert(TL_DATAGRAM_BYTES_MAX + RECORD_OVERHEAD_MAX <= UDP_PAYLOAD_BYTES_MAX, "a datagram fits its payload");

static const char ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
                              "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305";
// X25519 for the key exchange; P-256 must be named too, because the certificates' keys lie on it (RFC 8422, 5.1.1).
static const char groups[] = "X25519:P-256";

const char *tl_dtls_error_text(void)
{
    const char *reason = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return reason ? reason : "no reason given";
}

SSL_CTX *tl_dtls_context_create(const SSL_METHOD *method, char *text, size_t text_bytes)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(method);
    if (!context || !SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) ||
        !SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) || !SSL_CTX_set_cipher_list(context, ciphers) ||
        !SSL_CTX_set1_groups_list(context, groups) || !SSL_CTX_set_max_send_fragment(context, UDP_PAYLOAD_BYTES_MAX)) {
        SSL_CTX_free(context);
        fail(TL_ERR_STATE, text, text_bytes,
             "OpenSSL refuses DTLS 1.2 with AEAD ciphers (%s); check its configuration file ('openssl version -d')",
             tl_dtls_error_text());
        return NULL;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, CERTIFICATES_BYTES_MAX);
    return context;
}

enum { TAG_BYTES = 16, NONCE_BYTES = 8 }; // the explicit nonce is sent by AES-GCM only

static size_t ciphertext_bytes_min(const SSL *ssl)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl) ? SSL_get_current_cipher(ssl) : SSL_get_pending_cipher(ssl);
    bool has_nonce = !cipher || SSL_CIPHER_get_cipher_nid(cipher) != NID_chacha20_poly1305;
    return TAG_BYTES + (has_nonce ? NONCE_BYTES : 0);
}

bool tl_dtls_records_sound(const SSL *ssl, const uint8_t *data, size_t size)
{
    size_t bytes_min = ciphertext_bytes_min(ssl), at = 0;
    while (size - at >= RECORD_HEADER_BYTES) {
        const uint8_t *record = data + at;
        bool encrypted = record[RECORD_EPOCH] || record[RECORD_EPOCH + 1];
        size_t length = (size_t)record[RECORD_LENGTH] << 8 | record[RECORD_LENGTH + 1];
        if (encrypted && length < bytes_min) {
            return false;
        }
        at += RECORD_HEADER_BYTES + length;
        if (at > size) {
            return false;
        }
    }
    return at == size;
}

bool tl_dtls_records_encrypted(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        const uint8_t *record = data + at;
        if (record[RECORD_EPOCH] || record[RECORD_EPOCH + 1]) {
            return true;
        }
        at += RECORD_HEADER_BYTES + ((size_t)record[RECORD_LENGTH] << 8 | record[RECORD_LENGTH + 1]);
    }
    return false;
}

static unsigned int retransmit_us(SSL *ssl, unsigned int last_us)
{
    if (last_us == 0) {
        return RETRANSMIT_US_MIN;
    }
    return last_us * 2 < RETRANSMIT_US_MAX ? last_us * 2 : RETRANSMIT_US_MAX;
}

SSL *tl_dtls_session_create(SSL_CTX *context, datagram_pipe *pipe)
{
    SSL *ssl = SSL_new(context);
    BIO *bio = tl_dtls_bio_create(pipe);
    if (!ssl || !bio) {
        SSL_free(ssl);
        BIO_free(bio);
        return NULL;
    }
    SSL_set_bio(ssl, bio, bio);
    SSL_set_mtu(ssl, UDP_PAYLOAD_BYTES_MAX);
    DTLS_set_timer_cb(ssl, retransmit_us);
    return ssl;
}
