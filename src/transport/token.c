// Tokens: JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037). One algorithm, one shape: a verifier that lets the
// token choose has been the undoing of many.
#include "tramline/token.h"
#include "base/memory.h"

#include "base/base.h"
#include "base/os/file.h"
#include "transport/base64url.h"
#include "transport/pem_file.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIGNATURE_BYTES = 64,
    SIGNATURE_TEXT_BYTES = 86,
    LEEWAY_S = 30,
};

// {"alg":"EdDSA","typ":"JWT"}
static const char header_text[] = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9";
static const int64_t time_s_max = 253402300799; // the end of the year 9999

struct tl_token_verifier {
    EVP_PKEY *key;
};

tl_grant tl_grant_default(void)
{
    return (tl_grant){.write = true, .kbit_s_max = 8000, .entities_max = 16, .created_max = 64};
}

// ---- keys -----------------------------------------------------------------------------------------------------------

tl_result tl_token_keys_create(const char *private_file, const char *public_file)
{
    if (!private_file || !public_file) {
        return TL_ERR_INVALID;
    }
    if (tl_os_file_exists(public_file)) {
        return TL_ERR_EXISTS;
    }
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (!key) {
        return TL_ERR_MEMORY;
    }
    tl_result result = tl_pem_file_create(private_file, (pem_content){.private_key = key}, NULL, 0);
    if (result == TL_OK) {
        result = tl_pem_file_create(public_file, (pem_content){.public_key = key}, NULL, 0);
        if (result != TL_OK) {
            remove(private_file); // ours, made a moment ago
        }
    }
    EVP_PKEY_free(key);
    return result;
}

static tl_result ed25519_only(EVP_PKEY **key)
{
    if (EVP_PKEY_is_a(*key, "ED25519")) {
        return TL_OK;
    }
    EVP_PKEY_free(*key);
    *key = NULL;
    return TL_ERR_MALFORMED;
}

// ---- a grant's limits -----------------------------------------------------------------------------------------------

static bool world_valid(const char *world)
{
    size_t length = strnlen(world, sizeof((tl_grant *)0)->world);
    if (length >= sizeof((tl_grant *)0)->world) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)world[i] < 0x20 || world[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool grant_valid(const tl_grant *grant)
{
    return tl_name_valid(grant->name) && world_valid(grant->world) && grant->not_before_s >= 0 &&
           grant->not_before_s <= grant->expires_s && grant->expires_s <= time_s_max && grant->level_finest >= 0 &&
           grant->level_finest < TL_LEVELS_MAX && grant->kbit_s_max >= 1;
}

// ---- signing --------------------------------------------------------------------------------------------------------

// The claims as JSON, to be freed. NULL: out of memory, or the world's name is not UTF-8.
static char *claims_write(const tl_grant *grant)
{
    json_t *claims = json_pack("{s:s, s:I, s:{s:i, s:b, s:I, s:I, s:I}}", "sub", grant->name, "exp",
                               (json_int_t)grant->expires_s, "tl", "level", grant->level_finest, "write",
                               (int)grant->write, "kbps", (json_int_t)grant->kbit_s_max, "entities",
                               (json_int_t)grant->entities_max, "created", (json_int_t)grant->created_max);
    bool good = claims != NULL;
    if (good && grant->not_before_s != 0) {
        good = json_object_set_new(claims, "nbf", json_integer(grant->not_before_s)) == 0;
    }
    if (good && grant->world[0]) {
        good = json_object_set_new(claims, "aud", json_string(grant->world)) == 0;
    }
    char *text = good ? json_dumps(claims, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(claims);
    return text;
}

static bool sign(EVP_PKEY *key, const char *text, size_t bytes, uint8_t out[SIGNATURE_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t out_bytes = SIGNATURE_BYTES;
    bool good = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, out, &out_bytes, (const uint8_t *)text, bytes) == 1 &&
                out_bytes == SIGNATURE_BYTES;
    EVP_MD_CTX_free(context);
    return good;
}

static tl_result token_write(EVP_PKEY *key, const char *claims, char *out, size_t out_bytes)
{
    const size_t header_bytes = sizeof header_text - 1;
    size_t claims_bytes = strlen(claims);
    size_t signed_bytes = header_bytes + 1 + base64url_length(claims_bytes);
    size_t token_bytes = signed_bytes + 1 + SIGNATURE_TEXT_BYTES;
    uint8_t signature[SIGNATURE_BYTES];
    if (token_bytes > TL_TOKEN_BYTES_MAX || token_bytes + 1 > out_bytes) {
        return TL_ERR_INVALID;
    }
    memcpy(out, header_text, header_bytes);
    out[header_bytes] = '.';
    tl_base64url_encode((const uint8_t *)claims, claims_bytes, out + header_bytes + 1);
    if (!sign(key, out, signed_bytes, signature)) {
        return TL_ERR_MEMORY;
    }
    out[signed_bytes] = '.';
    tl_base64url_encode(signature, SIGNATURE_BYTES, out + signed_bytes + 1);
    out[token_bytes] = 0;
    return TL_OK;
}

tl_result tl_token_sign(const char *private_file, const tl_grant *grant, char *out, size_t out_bytes)
{
    if (!private_file || !grant || !out || out_bytes == 0 || !grant_valid(grant)) {
        return TL_ERR_INVALID;
    }
    EVP_PKEY *key;
    out[0] = 0;
    tl_result result = tl_pem_file_private_key(private_file, &key, NULL, 0);
    if (result == TL_OK) {
        result = ed25519_only(&key);
    }
    if (result != TL_OK) {
        return result;
    }
    char *claims = claims_write(grant);
    result = claims ? token_write(key, claims, out, out_bytes) : TL_ERR_INVALID;
    if (result != TL_OK) {
        out[0] = 0;
    }
    tl_free(claims);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return result;
}

// ---- verifying ------------------------------------------------------------------------------------------------------

tl_result tl_token_verifier_create(const char *public_file, tl_token_verifier **out)
{
    EVP_PKEY *key;
    *out = NULL;
    if (!public_file) {
        return TL_ERR_INVALID;
    }
    tl_result result = tl_pem_file_public_key(public_file, &key, NULL, 0);
    if (result == TL_OK) {
        result = ed25519_only(&key);
    }
    if (result != TL_OK) {
        return result;
    }
    *out = tl_alloc(sizeof **out);
    if (!*out) {
        EVP_PKEY_free(key);
        return TL_ERR_MEMORY;
    }
    (*out)->key = key;
    return TL_OK;
}

void tl_token_verifier_destroy(tl_token_verifier *verifier)
{
    if (!verifier) {
        return;
    }
    EVP_PKEY_free(verifier->key);
    tl_free(verifier);
}

// The three parts of a token, as text in place.
typedef struct token_parts {
    const char *header, *claims, *signature;
    size_t header_bytes, claims_bytes, signature_bytes;
} token_parts;

static bool token_split(const char *token, size_t bytes, token_parts *out)
{
    const char *first = memchr(token, '.', bytes), *end = token + bytes;
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1))) {
        return false;
    }
    *out = (token_parts){token,
                         first + 1,
                         second + 1,
                         (size_t)(first - token),
                         (size_t)(second - first - 1),
                         (size_t)(end - second - 1)};
    return out->header_bytes > 0 && out->claims_bytes > 0 && out->signature_bytes == SIGNATURE_TEXT_BYTES;
}

// An object, or NULL.
static json_t *json_part(const char *text, size_t bytes)
{
    uint8_t data[TL_TOKEN_BYTES_MAX];
    size_t data_bytes;
    if (!tl_base64url_decode(text, bytes, data, sizeof data, &data_bytes)) {
        return NULL;
    }
    json_t *json = json_loadb((const char *)data, data_bytes, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json)) {
        return json;
    }
    json_decref(json);
    return NULL;
}

static tl_result header_check(const token_parts *parts)
{
    json_t *header = json_part(parts->header, parts->header_bytes);
    if (!header) {
        return TL_ERR_MALFORMED;
    }
    const char *algorithm = json_string_value(json_object_get(header, "alg"));
    json_t *type = json_object_get(header, "typ");
    tl_result result = TL_OK;
    if (!algorithm || (type && !json_is_string(type))) {
        result = TL_ERR_MALFORMED;
    } else if (strcmp(algorithm, "EdDSA") != 0) {
        result = TL_ERR_DENIED;
    } else if (json_object_get(header, "crit")) {
        result = TL_ERR_DENIED; // demands what we do not know (RFC 7515, 4.1.11)
    } else if (type && strcmp(json_string_value(type), "JWT") != 0) {
        result = TL_ERR_DENIED;
    }
    json_decref(header);
    return result;
}

static tl_result signature_check(EVP_PKEY *key, const char *token, const token_parts *parts)
{
    uint8_t signature[SIGNATURE_BYTES];
    size_t bytes;
    if (!tl_base64url_decode(parts->signature, parts->signature_bytes, signature, sizeof signature, &bytes) ||
        bytes != SIGNATURE_BYTES) {
        return TL_ERR_MALFORMED;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t signed_bytes = parts->header_bytes + 1 + parts->claims_bytes;
    if (!context) {
        return TL_ERR_MEMORY;
    }
    bool good = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, SIGNATURE_BYTES, (const uint8_t *)token, signed_bytes) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good ? TL_OK : TL_ERR_DENIED;
}

// Claims: absent ones leave `out` as it is; false if one has another type or is out of its range.
static bool claim_integer(const json_t *claims, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const json_t *claim = json_object_get(claims, name);
    if (!claim) {
        return true;
    }
    if (!json_is_integer(claim)) {
        return false;
    }
    *out = json_integer_value(claim);
    return *out >= min && *out <= max;
}

static bool claim_text(const json_t *claims, const char *name, size_t bytes_max, char *out)
{
    const json_t *claim = json_object_get(claims, name);
    if (!claim) {
        return true;
    }
    if (!json_is_string(claim) || json_string_length(claim) > bytes_max) {
        return false;
    }
    memcpy(out, json_string_value(claim), json_string_length(claim) + 1);
    return true;
}

static bool rights_read(const json_t *claims, tl_grant *out)
{
    const json_t *rights = json_object_get(claims, "tl");
    if (!rights) {
        return true;
    }
    int64_t level = out->level_finest, kbit_s = out->kbit_s_max, entities = out->entities_max,
            created = out->created_max;
    const json_t *write = json_object_get(rights, "write");
    if (!json_is_object(rights) || (write && !json_is_boolean(write)) ||
        !claim_integer(rights, "level", 0, TL_LEVELS_MAX - 1, &level) ||
        !claim_integer(rights, "kbps", 1, UINT32_MAX, &kbit_s) ||
        !claim_integer(rights, "entities", 0, UINT32_MAX, &entities) ||
        !claim_integer(rights, "created", 0, UINT32_MAX, &created)) {
        return false;
    }
    if (write) {
        out->write = json_is_true(write);
    }
    out->level_finest = (int)level;
    out->kbit_s_max = (uint32_t)kbit_s;
    out->entities_max = (uint32_t)entities;
    out->created_max = (uint32_t)created;
    return true;
}

static tl_result claims_read(const token_parts *parts, tl_grant *out)
{
    json_t *claims = json_part(parts->claims, parts->claims_bytes);
    if (!claims) {
        return TL_ERR_MALFORMED;
    }
    *out = tl_grant_default();
    out->expires_s = -1;
    bool good = claim_text(claims, "sub", TL_NAME_BYTES_MAX, out->name) &&
                claim_text(claims, "aud", sizeof out->world - 1, out->world) &&
                claim_integer(claims, "exp", 0, time_s_max, &out->expires_s) &&
                claim_integer(claims, "nbf", 0, time_s_max, &out->not_before_s) && rights_read(claims, out);
    json_decref(claims);
    return good && grant_valid(out) ? TL_OK : TL_ERR_MALFORMED;
}

tl_result tl_token_verify(tl_token_verifier *verifier, const char *token, size_t token_bytes, int64_t now_s,
                          tl_grant *out)
{
    token_parts parts;
    tl_grant grant;
    if (!verifier || !token || !out) {
        return TL_ERR_INVALID;
    }
    if (token_bytes > TL_TOKEN_BYTES_MAX || !token_split(token, token_bytes, &parts)) {
        return TL_ERR_MALFORMED;
    }
    tl_result result = header_check(&parts);
    if (result == TL_OK) {
        result = signature_check(verifier->key, token, &parts);
    }
    if (result == TL_OK) {
        result = claims_read(&parts, &grant);
    }
    if (result != TL_OK) {
        return result;
    }
    if (now_s > grant.expires_s + LEEWAY_S) {
        return TL_ERR_EXPIRED;
    }
    if (now_s < grant.not_before_s - LEEWAY_S) {
        return TL_ERR_DENIED;
    }
    grant.proven = true;
    *out = grant;
    return TL_OK;
}
