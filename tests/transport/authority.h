// A certificate authority for tests, and servers' certificates that it signs. RSA, so that the chain is long and comes
// in several fragments.
#ifndef TRAMLINE_TESTS_TRANSPORT_AUTHORITY_H
#define TRAMLINE_TESTS_TRANSPORT_AUTHORITY_H

#include "fixture.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

static inline void authority_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    CHECK(extension && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static inline X509 *authority_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                                          long from_s, long to_s)
{
    static long serial;
    X509 *c = X509_new();
    X509_set_version(c, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(c), from_s);
    X509_gmtime_adj(X509_getm_notAfter(c), to_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
    X509_set_issuer_name(c, X509_get_subject_name(issuer ? issuer : c));
    X509_set_pubkey(c, key);
    if (!issuer) {
        authority_extend(c, c, NID_basic_constraints, "critical,CA:TRUE");
    }
    if (issuer) {
        authority_extend(c, issuer, NID_subject_alt_name, name);
    }
    CHECK(X509_sign(c, issuer_key, EVP_sha256()) > 0);
    return c;
}

static inline void authority_write(const char *file, X509 *first, X509 *second, EVP_PKEY *key)
{
    FILE *f = fopen(path_in_folder(file), "w");
    CHECK(f);
    if (first) {
        CHECK(PEM_write_X509(f, first) == 1);
    }
    if (second) {
        CHECK(PEM_write_X509(f, second) == 1);
    }
    if (key) {
        CHECK(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    }
    fclose(f);
}

// Makes <prefix>ca.crt, <prefix>.crt (server and authority) and <prefix>.key, for an alternative name such as
// "DNS:localhost".
static inline void authority_create(const char *prefix, const char *name, long from_s, long to_s)
{
    char file[64];
    EVP_PKEY *ca_key = EVP_RSA_gen(3072), *key = EVP_RSA_gen(3072);
    X509 *ca = authority_certificate("Test authority", ca_key, NULL, ca_key, -86400, 86400);
    X509 *server = authority_certificate(name, key, ca, ca_key, from_s, to_s);
    snprintf(file, sizeof file, "%sca.crt", prefix);
    authority_write(file, ca, NULL, NULL);
    snprintf(file, sizeof file, "%s.crt", prefix);
    authority_write(file, server, ca, NULL);
    snprintf(file, sizeof file, "%s.key", prefix);
    authority_write(file, NULL, NULL, key);
    X509_free(ca);
    X509_free(server);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
}

#endif
