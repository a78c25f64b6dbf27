// Tokens: what is signed is what is granted, and nothing else is.
#include "fixture.h"
#include "tramline/token.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

enum { NOW_S = 1800000000 };

static char private_file[160], public_file[160];
static tl_token_verifier *verifier;

static tl_grant some_grant(void)
{
    tl_grant grant = tl_grant_default();
    strcpy(grant.name, "alice");
    strcpy(grant.world, "city");
    grant.not_before_s = NOW_S - 100;
    grant.expires_s = NOW_S + 3600;
    grant.level_finest = 2;
    grant.write = false;
    grant.kbit_s_max = 500;
    grant.entities_max = 3;
    return grant;
}

static tl_result verify(const char *token, tl_grant *out)
{
    return tl_token_verify(verifier, token, strlen(token), NOW_S, out);
}

// An independent maker of tokens: any header and claims, with a good signature.
static void forge(const char *header, const char *claims, char *out, size_t out_bytes)
{
    char parts[3][1500];
    uint8_t signature[64];
    size_t signature_bytes = sizeof signature;
    const char *texts[2] = {header, claims};
    for (int i = 0; i < 2; i++) {
        EVP_EncodeBlock((uint8_t *)parts[i], (const uint8_t *)texts[i], (int)strlen(texts[i]));
    }
    for (int i = 0; i < 2; i++) {
        for (char *c = parts[i]; *c; c++) {
            *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
        }
        parts[i][strcspn(parts[i], "=")] = 0;
    }
    char message[3100];
    int bytes = snprintf(message, sizeof message, "%s.%s", parts[0], parts[1]);
    FILE *file = fopen(private_file, "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CHECK(EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1);
    CHECK(EVP_DigestSign(context, signature, &signature_bytes, (uint8_t *)message, (size_t)bytes) == 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    fclose(file);
    EVP_EncodeBlock((uint8_t *)parts[2], signature, sizeof signature);
    for (char *c = parts[2]; *c; c++) {
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    }
    parts[2][strcspn(parts[2], "=")] = 0;
    CHECK((size_t)snprintf(out, out_bytes, "%s.%s", message, parts[2]) < out_bytes);
}

static tl_result verify_forged(const char *header, const char *claims)
{
    char token[4000];
    tl_grant grant;
    forge(header, claims, token, sizeof token);
    return verify(token, &grant);
}

TEST(keys)
{
    struct stat status;
    CHECK_EQUAL(tl_token_keys_create(private_file, public_file), TL_OK);
    CHECK(stat(private_file, &status) == 0 && (status.st_mode & 0777) == 0600);
    CHECK_EQUAL(tl_token_keys_create(private_file, public_file), TL_ERR_EXISTS);
    CHECK_EQUAL(tl_token_keys_create(path_in_folder("a"), public_file), TL_ERR_EXISTS);
    CHECK_EQUAL(tl_token_keys_create(private_file, path_in_folder("a")), TL_ERR_EXISTS);
    CHECK(access(path_in_folder("a"), F_OK) != 0);
    CHECK_EQUAL(tl_token_keys_create("/nonexistent/a", "/nonexistent/b"), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_token_verifier_create(public_file, &verifier), TL_OK);
    tl_token_verifier *other;
    CHECK_EQUAL(tl_token_verifier_create(private_file, &other), TL_ERR_MALFORMED);
    CHECK_EQUAL(tl_token_verifier_create(path_in_folder("none"), &other), TL_ERR_NOT_FOUND);
    EVP_PKEY *p256 = EVP_EC_gen("P-256");
    FILE *file = fopen(path_in_folder("p256"), "w");
    CHECK(PEM_write_PUBKEY(file, p256) == 1);
    fclose(file);
    EVP_PKEY_free(p256);
    CHECK_EQUAL(tl_token_verifier_create(path_in_folder("p256"), &other), TL_ERR_MALFORMED);
    CHECK(other == NULL);
}

TEST(round_trip)
{
    char token[TL_TOKEN_BYTES_MAX + 1];
    tl_grant grant = some_grant(), got;
    CHECK_EQUAL(tl_token_sign(private_file, &grant, token, sizeof token), TL_OK);
    CHECK_EQUAL(verify(token, &got), TL_OK);
    CHECK(strcmp(got.name, "alice") == 0 && strcmp(got.world, "city") == 0);
    CHECK_EQUAL(got.not_before_s, grant.not_before_s);
    CHECK_EQUAL(got.expires_s, grant.expires_s);
    CHECK_EQUAL(got.level_finest, 2);
    CHECK(!got.write);
    CHECK_EQUAL(got.kbit_s_max, 500);
    CHECK_EQUAL(got.entities_max, 3);
    CHECK_EQUAL(tl_token_sign(private_file, &grant, token, strlen(token)), TL_ERR_INVALID);
    CHECK_EQUAL(token[0], 0);
    CHECK_EQUAL(tl_token_sign(path_in_folder("none"), &grant, token, sizeof token), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_token_sign(public_file, &grant, token, sizeof token), TL_ERR_MALFORMED);
}

TEST(longest_names)
{
    char token[TL_TOKEN_BYTES_MAX + 1];
    tl_grant grant = some_grant(), got;
    memset(grant.name, 'n', TL_NAME_BYTES_MAX);
    for (size_t i = 0; i + 1 < sizeof grant.world; i += 3) {
        memcpy(grant.world + i, "\xe2\x82\xac", 3); // euro signs
    }
    grant.kbit_s_max = grant.entities_max = UINT32_MAX;
    grant.expires_s = 253402300799;
    CHECK_EQUAL(tl_token_sign(private_file, &grant, token, sizeof token), TL_OK);
    CHECK(strlen(token) <= TL_TOKEN_BYTES_MAX);
    CHECK_EQUAL(verify(token, &got), TL_OK);
    CHECK(strcmp(got.world, grant.world) == 0);
    CHECK_EQUAL(got.kbit_s_max, UINT32_MAX);
}

TEST(grants_out_of_range)
{
    char token[TL_TOKEN_BYTES_MAX + 1];
    tl_grant bad[8];
    for (int i = 0; i < 8; i++) {
        bad[i] = some_grant();
    }
    bad[0].name[0] = 0;
    strcpy(bad[1].name, "al ice");
    bad[2].expires_s = bad[2].not_before_s - 1;
    bad[3].level_finest = TL_LEVELS_MAX;
    bad[4].level_finest = -1;
    bad[5].kbit_s_max = 0;
    strcpy(bad[6].world, "a\nb");
    memset(bad[7].name, 'n', sizeof bad[7].name); // no closing zero
    for (int i = 0; i < 8; i++) {
        CHECK_EQUAL(tl_token_sign(private_file, &bad[i], token, sizeof token), TL_ERR_INVALID);
    }
}

TEST(times)
{
    char token[TL_TOKEN_BYTES_MAX + 1];
    tl_grant grant = some_grant(), got;
    CHECK_EQUAL(tl_token_sign(private_file, &grant, token, sizeof token), TL_OK);
    size_t bytes = strlen(token);
    CHECK_EQUAL(tl_token_verify(verifier, token, bytes, grant.expires_s + 30, &got), TL_OK);
    CHECK_EQUAL(tl_token_verify(verifier, token, bytes, grant.expires_s + 31, &got), TL_ERR_EXPIRED);
    CHECK_EQUAL(tl_token_verify(verifier, token, bytes, grant.not_before_s - 30, &got), TL_OK);
    CHECK_EQUAL(tl_token_verify(verifier, token, bytes, grant.not_before_s - 31, &got), TL_ERR_DENIED);
}

TEST(wrong_key)
{
    char token[TL_TOKEN_BYTES_MAX + 1];
    tl_grant grant = some_grant(), got;
    CHECK_EQUAL(tl_token_keys_create(path_in_folder("other.key"), path_in_folder("other.pub")), TL_OK);
    CHECK_EQUAL(tl_token_sign(path_in_folder("other.key"), &grant, token, sizeof token), TL_OK);
    CHECK_EQUAL(verify(token, &got), TL_ERR_DENIED);
}

// Each byte replaced by each of several others: never good, and never another's grant.
TEST(tampered)
{
    static const char replacements[] = "Aa0-_.=+ \"\n\x01\xff";
    char token[TL_TOKEN_BYTES_MAX + 1];
    tl_grant grant = some_grant(), got;
    CHECK_EQUAL(tl_token_sign(private_file, &grant, token, sizeof token), TL_OK);
    size_t bytes = strlen(token);
    for (size_t i = 0; i < bytes; i++) {
        char kept = token[i];
        for (const char *r = replacements; *r; r++) {
            if (*r == kept) {
                continue;
            }
            token[i] = *r;
            tl_result result = tl_token_verify(verifier, token, bytes, NOW_S, &got);
            CHECK(result == TL_ERR_MALFORMED || result == TL_ERR_DENIED);
        }
        for (int bit = 0; bit < 8; bit++) {
            token[i] = (char)(kept ^ 1 << bit);
            CHECK(tl_token_verify(verifier, token, bytes, NOW_S, &got) != TL_OK);
        }
        token[i] = kept;
    }
    CHECK_EQUAL(verify(token, &got), TL_OK);
}

TEST(truncated_and_huge)
{
    static char huge[100000];
    char token[TL_TOKEN_BYTES_MAX + 2];
    tl_grant grant = some_grant(), got;
    CHECK_EQUAL(tl_token_sign(private_file, &grant, token, sizeof token), TL_OK);
    size_t bytes = strlen(token);
    for (size_t i = 0; i < bytes; i++) {
        char *exact = malloc(i + 1); // so that a read past the end is seen
        memcpy(exact, token, i);
        CHECK_EQUAL(tl_token_verify(verifier, exact, i, NOW_S, &got), TL_ERR_MALFORMED);
        free(exact);
    }
    CHECK_EQUAL(tl_token_verify(verifier, token, bytes + 1, NOW_S, &got), TL_ERR_MALFORMED); // the closing zero too
    memset(huge, 'A', sizeof huge);
    CHECK_EQUAL(tl_token_verify(verifier, huge, sizeof huge, NOW_S, &got), TL_ERR_MALFORMED);
    memset(huge, '.', sizeof huge);
    CHECK_EQUAL(tl_token_verify(verifier, huge, TL_TOKEN_BYTES_MAX, NOW_S, &got), TL_ERR_MALFORMED);
}

#define HEADER "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}"
#define CLAIMS "{\"sub\":\"alice\",\"exp\":1800003600}"

TEST(headers)
{
    CHECK_EQUAL(verify_forged(HEADER, CLAIMS), TL_OK);
    CHECK_EQUAL(verify_forged("{\"alg\":\"EdDSA\"}", CLAIMS), TL_OK);
    static const char *const denied[] = {"{\"alg\":\"none\"}",
                                         "{\"alg\":\"None\"}",
                                         "{\"alg\":\"HS256\"}",
                                         "{\"alg\":\"ES256\"}",
                                         "{\"alg\":\"eddsa\"}",
                                         "{\"alg\":\"EdDSA \"}",
                                         "{\"alg\":\"\"}",
                                         "{\"alg\":\"EdDSA\",\"crit\":[\"x\"]}",
                                         "{\"alg\":\"EdDSA\",\"typ\":\"JWE\"}"};
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        CHECK_EQUAL(verify_forged(denied[i], CLAIMS), TL_ERR_DENIED);
    }
    static const char *const malformed[] = {"{}",
                                            "[]",
                                            "{\"alg\":1}",
                                            "{\"alg\":null}",
                                            "{\"alg\":[\"EdDSA\"]}",
                                            "EdDSA",
                                            "{\"alg\":\"none\",\"alg\":\"EdDSA\"}",
                                            "{\"alg\":\"EdDSA\",\"typ\":7}",
                                            "{\"alg\":\"EdDSA\\u0000\"}",
                                            "{\"alg\":\"EdDSA\"} x"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        CHECK_EQUAL(verify_forged(malformed[i], CLAIMS), TL_ERR_MALFORMED);
    }
}

// alg none, without a signature and with one of zeros.
TEST(unsigned_tokens)
{
    tl_grant got;
    char token[600];
    snprintf(token, sizeof token, "%s", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6MTgwMDAwMzYwMH0.");
    CHECK_EQUAL(verify(token, &got), TL_ERR_MALFORMED);
    memset(token + strlen(token), 'A', 86);
    token[64 + 86] = 0;
    CHECK(verify(token, &got) != TL_OK);
}

TEST(claims)
{
    static const char *const malformed[] = {"{}",
                                            "[]",
                                            "null",
                                            "{\"sub\":\"alice\"}",
                                            "{\"exp\":1800003600}",
                                            "{\"sub\":1,\"exp\":1800003600}",
                                            "{\"sub\":\"\",\"exp\":1800003600}",
                                            "{\"sub\":\"a b\",\"exp\":1800003600}",
                                            "{\"sub\":\"0123456789012345678901234567890x\",\"exp\":1800003600}",
                                            "{\"sub\":\"a\\u0000b\",\"exp\":1800003600}",
                                            "{\"sub\":\"alice\",\"exp\":\"1800003600\"}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600.5}",
                                            "{\"sub\":\"alice\",\"exp\":-1}",
                                            "{\"sub\":\"alice\",\"exp\":9223372036854775807}",
                                            "{\"sub\":\"alice\",\"exp\":92233720368547758070}",
                                            "{\"sub\":\"alice\",\"exp\":null}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"nbf\":\"now\"}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"nbf\":1800003601}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"aud\":[\"city\"]}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"aud\":\"a\\nb\"}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"tl\":1}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"tl\":{\"level\":12}}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"tl\":{\"level\":-1}}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"tl\":{\"level\":true}}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"tl\":{\"write\":1}}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"tl\":{\"write\":\"false\"}}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"tl\":{\"kbps\":0}}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"tl\":{\"kbps\":4294967296}}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600,\"tl\":{\"entities\":-1}}",
                                            "{\"sub\":\"alice\",\"sub\":\"bob\",\"exp\":1800003600}",
                                            "{\"sub\":\"\xff\",\"exp\":1800003600}",
                                            "{\"sub\":\"alice\",\"exp\":1800003600"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        CHECK_EQUAL(verify_forged(HEADER, malformed[i]), TL_ERR_MALFORMED);
    }
    static const char more[] = "{\"sub\":\"alice\",\"exp\":1800003600,\"iss\":[1,{}],\"tl\":{\"more\":1}}";
    CHECK_EQUAL(verify_forged(HEADER, more), TL_OK);
    CHECK_EQUAL(verify_forged(HEADER, "{\"sub\":\"alice\",\"exp\":1}"), TL_ERR_EXPIRED);
    char deep[700] = "";
    memset(deep, '[', 400);
    CHECK(verify_forged(HEADER, deep) == TL_ERR_MALFORMED);
}

TEST(failure_leaves_the_grant)
{
    tl_grant got = some_grant(), before = got;
    CHECK_EQUAL(verify("a.b.c", &got), TL_ERR_MALFORMED);
    CHECK(memcmp(&got, &before, sizeof got) == 0);
}

int main(void)
{
    folder_create();
    strcpy(private_file, path_in_folder("token.key"));
    strcpy(public_file, path_in_folder("token.pub"));
    RUN(keys);
    RUN(round_trip);
    RUN(longest_names);
    RUN(grants_out_of_range);
    RUN(times);
    RUN(wrong_key);
    RUN(tampered);
    RUN(truncated_and_huge);
    RUN(headers);
    RUN(unsigned_tokens);
    RUN(claims);
    RUN(failure_leaves_the_grant);
    tl_token_verifier_destroy(verifier);
    folder_remove();
    return 0;
}
