#include "dtls_record.h"

#include <openssl/crypto.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

enum {
    EPOCH = 1, // the only one with keys: there is no renegotiation
    MASTER_BYTES = 48,
    RANDOM_BYTES = 32,
    KEY_BYTES_MAX = 32,
    AAD_BYTES = 13,
    GCM_SALT_BYTES = 4,
    WINDOW_BITS = 64,
};

static const uint64_t sequence_max = (1ull << 48) - 1;

struct dtls_record {
    EVP_CIPHER_CTX *seal, *open;
    bool explicit_nonce; // AES-GCM; with ChaCha20 the nonce comes from the sequence number
    uint8_t seal_iv[RECORD_IV_BYTES], open_iv[RECORD_IV_BYTES];
    uint64_t sequence, nonce; // the next ones to write
    uint64_t newest, window;  // of those accepted; bit i: newest - i was
};

// ---- headers --------------------------------------------------------------------------------------------------------

static uint64_t get_be(const uint8_t *data, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | data[i];
    return value;
}

static void put_be(uint8_t *out, int bytes, uint64_t value)
{
    for (int i = bytes - 1; i >= 0; i--, value >>= 8) out[i] = (uint8_t)value;
}

bool record_header_read(const uint8_t *data, size_t size, record_header *out)
{
    if (size < RECORD_HEADER_BYTES || data[1] != 0xfe || data[2] != 0xfd) return false;
    *out = (record_header){data[0], (uint16_t)get_be(data + 3, 2), get_be(data + 5, 6), (size_t)get_be(data + 11, 2)};
    return out->size <= size - RECORD_HEADER_BYTES;
}

void record_trace_written(record_trace *trace, const uint8_t *datagram, size_t size)
{
    record_header header;
    while (record_header_read(datagram, size, &header)) {
        bool newer = !trace->written || header.sequence > trace->sequence;
        if (header.epoch == EPOCH && header.size >= RECORD_NONCE_BYTES && newer) {
            trace->written = true;
            trace->sequence = header.sequence;
            trace->nonce = get_be(datagram + RECORD_HEADER_BYTES, RECORD_NONCE_BYTES);
        }
        datagram += RECORD_HEADER_BYTES + header.size;
        size -= RECORD_HEADER_BYTES + header.size;
    }
}

// ---- keys -----------------------------------------------------------------------------------------------------------

// key_block of RFC 5246, 6.3. All our cipher suites use the PRF with SHA-256.
static bool derive(SSL *ssl, uint8_t *out, size_t bytes)
{
    static const char label[] = "key expansion";
    uint8_t master[MASTER_BYTES], seed[sizeof label - 1 + 2 * RANDOM_BYTES];
    memcpy(seed, label, sizeof label - 1);
    size_t got = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof master);
    got += SSL_get_server_random(ssl, seed + sizeof label - 1, RANDOM_BYTES);
    got += SSL_get_client_random(ssl, seed + sizeof label - 1 + RANDOM_BYTES, RANDOM_BYTES);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, sizeof master),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_PRF, NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool good = context && got == MASTER_BYTES + 2 * RANDOM_BYTES &&
                EVP_KDF_derive(context, out, bytes, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    OPENSSL_cleanse(master, sizeof master);
    return good;
}

static bool set_keys(dtls_record *record, SSL *ssl, const EVP_CIPHER *cipher, size_t key_bytes, size_t iv_bytes)
{
    uint8_t block[2 * KEY_BYTES_MAX + 2 * RECORD_IV_BYTES];
    const uint8_t *client_key = block, *server_key = client_key + key_bytes;
    const uint8_t *client_iv = server_key + key_bytes, *server_iv = client_iv + iv_bytes;
    record->seal = EVP_CIPHER_CTX_new();
    record->open = EVP_CIPHER_CTX_new();
    bool good = record->seal && record->open && derive(ssl, block, 2 * key_bytes + 2 * iv_bytes) &&
                EVP_EncryptInit_ex(record->seal, cipher, NULL, server_key, NULL) == 1 &&
                EVP_DecryptInit_ex(record->open, cipher, NULL, client_key, NULL) == 1;
    memcpy(record->open_iv, client_iv, iv_bytes);
    memcpy(record->seal_iv, server_iv, iv_bytes);
    OPENSSL_cleanse(block, sizeof block);
    return good;
}

dtls_record *dtls_record_create(SSL *ssl, const record_trace *written, uint64_t heard)
{
    const SSL_CIPHER *suite = SSL_get_current_cipher(ssl);
    int nid = suite ? SSL_CIPHER_get_cipher_nid(suite) : NID_undef;
    bool gcm = nid == NID_aes_128_gcm;
    if (!written->written || (!gcm && nid != NID_chacha20_poly1305)) return NULL;
    if (!EVP_MD_is_a(SSL_CIPHER_get_handshake_digest(suite), "SHA256")) return NULL;
    dtls_record *record = calloc(1, sizeof *record);
    if (!record) return NULL;
    record->explicit_nonce = gcm;
    record->sequence = written->sequence + 1;
    record->nonce = written->nonce + 1; // OpenSSL counts on from a random number; so no nonce is used twice
    record->newest = heard;
    record->window = UINT64_MAX;
    bool good = gcm ? set_keys(record, ssl, EVP_aes_128_gcm(), 16, GCM_SALT_BYTES)
                    : set_keys(record, ssl, EVP_chacha20_poly1305(), 32, RECORD_IV_BYTES);
    if (good) return record;
    dtls_record_destroy(record);
    return NULL;
}

void dtls_record_destroy(dtls_record *record)
{
    if (!record) return;
    EVP_CIPHER_CTX_free(record->seal); // wipes its key
    EVP_CIPHER_CTX_free(record->open);
    OPENSSL_cleanse(record, sizeof *record);
    free(record);
}

// ---- one record -----------------------------------------------------------------------------------------------------

// RFC 5288, 3 (salt and explicit nonce), and RFC 7905, 2 (the padded sequence number XOR the IV).
static void make_nonce(const dtls_record *record, const uint8_t iv[RECORD_IV_BYTES], const uint8_t number[8],
                       uint8_t out[RECORD_IV_BYTES])
{
    memcpy(out, iv, RECORD_IV_BYTES);
    for (int i = 0; i < 8; i++)
        out[GCM_SALT_BYTES + i] = record->explicit_nonce ? number[i] : iv[GCM_SALT_BYTES + i] ^ number[i];
}

// epoch and sequence number, type, version, length (RFC 5246, 6.2.3.3).
static void make_aad(const uint8_t *header, size_t plain_bytes, uint8_t out[AAD_BYTES])
{
    memcpy(out, header + 3, 8);
    memcpy(out + 8, header, 3);
    put_be(out + 11, 2, plain_bytes);
}

size_t dtls_record_seal(dtls_record *record, uint8_t type, const void *data, size_t size, uint8_t *out)
{
    if (record->sequence > sequence_max) return 0;
    size_t nonce_bytes = record->explicit_nonce ? RECORD_NONCE_BYTES : 0;
    uint8_t nonce[RECORD_IV_BYTES], aad[AAD_BYTES], *body = out + RECORD_HEADER_BYTES;
    int done = 0, rest = 0;
    out[0] = type;
    put_be(out + 1, 2, DTLS1_2_VERSION);
    put_be(out + 3, 2, EPOCH);
    put_be(out + 5, 6, record->sequence++);
    put_be(out + 11, 2, nonce_bytes + size + RECORD_TAG_BYTES);
    if (nonce_bytes) put_be(body, RECORD_NONCE_BYTES, record->nonce++);
    make_nonce(record, record->seal_iv, nonce_bytes ? body : out + 3, nonce);
    make_aad(out, size, aad);
    body += nonce_bytes;
    bool good = EVP_EncryptInit_ex(record->seal, NULL, NULL, NULL, nonce) == 1 &&
                EVP_EncryptUpdate(record->seal, NULL, &done, aad, AAD_BYTES) == 1 &&
                EVP_EncryptUpdate(record->seal, body, &done, data, (int)size) == 1 &&
                EVP_EncryptFinal_ex(record->seal, body + done, &rest) == 1 &&
                EVP_CIPHER_CTX_ctrl(record->seal, EVP_CTRL_AEAD_GET_TAG, RECORD_TAG_BYTES, body + size) == 1;
    return good ? RECORD_HEADER_BYTES + nonce_bytes + size + RECORD_TAG_BYTES : 0;
}

static bool fresh(const dtls_record *record, uint64_t sequence)
{
    if (sequence > record->newest) return true;
    uint64_t age = record->newest - sequence;
    return age < WINDOW_BITS && !(record->window >> age & 1);
}

static void accept(dtls_record *record, uint64_t sequence)
{
    if (sequence <= record->newest) {
        record->window |= 1ull << (record->newest - sequence);
        return;
    }
    uint64_t ahead = sequence - record->newest;
    record->window = (ahead < WINDOW_BITS ? record->window << ahead : 0) | 1;
    record->newest = sequence;
}

int dtls_record_open(dtls_record *record, const record_header *header, const uint8_t *data, uint8_t *out)
{
    size_t nonce_bytes = record->explicit_nonce ? RECORD_NONCE_BYTES : 0;
    if (header->epoch != EPOCH || header->size < nonce_bytes + RECORD_TAG_BYTES) return -1;
    if (!fresh(record, header->sequence)) return -1;
    uint8_t nonce[RECORD_IV_BYTES], aad[AAD_BYTES], tag[RECORD_TAG_BYTES];
    const uint8_t *body = data + RECORD_HEADER_BYTES;
    size_t size = header->size - nonce_bytes - RECORD_TAG_BYTES;
    int done = 0, rest = 0;
    make_nonce(record, record->open_iv, nonce_bytes ? body : data + 3, nonce);
    make_aad(data, size, aad);
    body += nonce_bytes;
    memcpy(tag, body + size, sizeof tag);
    bool good = EVP_DecryptInit_ex(record->open, NULL, NULL, NULL, nonce) == 1 &&
                EVP_CIPHER_CTX_ctrl(record->open, EVP_CTRL_AEAD_SET_TAG, RECORD_TAG_BYTES, tag) == 1 &&
                EVP_DecryptUpdate(record->open, NULL, &done, aad, AAD_BYTES) == 1 &&
                EVP_DecryptUpdate(record->open, out, &done, body, (int)size) == 1 &&
                EVP_DecryptFinal_ex(record->open, out + done, &rest) == 1;
    if (!good) return -1;
    accept(record, header->sequence);
    return (int)size;
}
