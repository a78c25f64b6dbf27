#include "transport/certificate.h"

#include "base/base.h"
#include "transport/fail.h"
#include "transport/pem_file.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum {
    DAY_S = 86400,
    VALID_DAYS = 3650,
    SERIAL_BYTES = 16, // CA/Browser baseline: at least 64 random bits
};

static bool extension_add(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool good = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool serial_set(X509 *certificate)
{
    uint8_t bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return false;
    }
    bytes[0] = (bytes[0] & 0x7f) | 0x40; // positive, and always of the same length
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return good;
}

static bool fill(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_set_version(certificate, X509_VERSION_3) && serial_set(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) && // the other side's clock may be behind
           X509_gmtime_adj(X509_getm_notAfter(certificate), (long)VALID_DAYS * DAY_S) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"tramline", -1, -1, 0) &&
           X509_set_issuer_name(certificate, name) && X509_set_pubkey(certificate, key) &&
           extension_add(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           extension_add(certificate, NID_key_usage, "critical,digitalSignature") &&
           extension_add(certificate, NID_ext_key_usage, "serverAuth") &&
           extension_add(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

tl_result tl_certificate_create(const char *certificate_file, const char *key_file, char *text, size_t text_bytes)
{
    TL_ASSERT(certificate_file && key_file);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    tl_result result = TL_OK;
    if (!key || !certificate || !fill(certificate, key)) {
        result = fail(TL_ERR_MEMORY, text, text_bytes, "no certificate could be made (%s)",
                      ERR_reason_error_string(ERR_peek_error()));
    }
    if (result == TL_OK) {
        result = tl_pem_file_create(key_file, (pem_content){.private_key = key}, text, text_bytes);
    }
    if (result == TL_OK) {
        result = tl_pem_file_create(certificate_file, (pem_content){.certificate = certificate}, text, text_bytes);
        if (result != TL_OK) {
            remove(key_file); // ours, made a moment ago
        }
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return result;
}

tl_result tl_certificate_load(SSL_CTX *context, const char *certificate_file, const char *key_file, char *text,
                              size_t text_bytes)
{
    TL_ASSERT(context && certificate_file && key_file);
    EVP_PKEY *key = NULL;
    tl_result result = tl_pem_file_readable(certificate_file, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1) {
        return fail(TL_ERR_MALFORMED, text, text_bytes, "'%s' is no usable certificate in PEM (%s)", certificate_file,
                    ERR_reason_error_string(ERR_peek_last_error()));
    }
    result = tl_pem_file_private_key(key_file, &key, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    bool matches = SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (matches) {
        return TL_OK;
    }
    return fail(TL_ERR_MALFORMED, text, text_bytes,
                "the key in '%s' does not belong to the certificate in '%s'; put the pair together", key_file,
                certificate_file);
}

bool tl_certificate_fingerprint(const X509 *certificate, uint8_t out[FINGERPRINT_BYTES])
{
    unsigned int bytes = FINGERPRINT_BYTES;
    return X509_digest(certificate, EVP_sha256(), out, &bytes) == 1 && bytes == FINGERPRINT_BYTES;
}

void tl_fingerprint_text(const uint8_t fingerprint[FINGERPRINT_BYTES], char out[FINGERPRINT_TEXT_BYTES])
{
    for (int i = 0; i < FINGERPRINT_BYTES; i++) {
        snprintf(out + 2 * i, 3, "%02x", fingerprint[i]);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool tl_fingerprint_parse(const char *text, uint8_t out[FINGERPRINT_BYTES])
{
    for (int i = 0; i < FINGERPRINT_BYTES; i++) {
        if (i > 0 && *text == ':') {
            text++;
        }
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return *text == 0;
}
