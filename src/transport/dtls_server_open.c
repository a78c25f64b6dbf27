// Opening a server with DTLS: its certificate, limits and socket; and what it says about itself.
#include "base/memory.h"
#include "base/os/file.h"
#include "transport/dtls_server_def.h"
#include "transport/dtls_server_state.h"
#include "transport/fail.h"

#include <stdlib.h>
#include <string.h>

enum {
    ADDRESS_PEERS_MIN = 16,
    ROUND_DATAGRAMS_MIN = 1024,
    ROUND_DATAGRAMS_MAX = 8192,
};

static int cookie_generate(SSL *ssl, unsigned char *cookie, unsigned int *cookie_bytes)
{
    const dtls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const dtls_peer *peer = SSL_get_app_data(ssl);
    *cookie_bytes = COOKIE_BYTES;
    return tl_cookie_make(&server->cookies, &peer->pipe.to, cookie);
}

static int cookie_verify(SSL *ssl, const unsigned char *cookie, unsigned int cookie_bytes)
{
    const dtls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const dtls_peer *peer = SSL_get_app_data(ssl);
    return tl_cookie_valid(&server->cookies, &peer->pipe.to, cookie, cookie_bytes);
}

static tl_result prepare_certificate(dtls_server *server, const tl_dtls_server_def *def, char *text, size_t text_bytes)
{
    const char *certificate = def->certificate_file, *key = def->key_file;
    if (def->self_signed && tl_os_file_exists(certificate) != tl_os_file_exists(key)) {
        bool has_key = tl_os_file_exists(key);
        return fail(TL_ERR_NOT_FOUND, text, text_bytes,
                    "'%s' is there but '%s' is missing; bring it back, or move the first away and both are made anew",
                    has_key ? key : certificate, has_key ? certificate : key);
    }
    if (def->self_signed && !tl_os_file_exists(key)) {
        tl_result result = tl_certificate_create(certificate, key, text, text_bytes);
        if (result != TL_OK) {
            return result;
        }
    }
    tl_result result = tl_certificate_load(server->context, certificate, key, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    uint8_t fingerprint[FINGERPRINT_BYTES];
    if (!tl_certificate_fingerprint(SSL_CTX_get0_certificate(server->context), fingerprint)) {
        return fail(TL_ERR_MALFORMED, text, text_bytes, "'%s' has no fingerprint", certificate);
    }
    tl_fingerprint_text(fingerprint, server->fingerprint);
    return TL_OK;
}

static bool open_door(dtls_server *server, const tl_dtls_server_def *def)
{
    uint32_t half = def->peers_max / 2 < ADDRESS_PEERS_MIN ? ADDRESS_PEERS_MIN : def->peers_max / 2;
    door_limits limits = {
        .peer_datagrams_per_s = def->peer_datagrams_per_s,
        .address_datagrams_per_s = def->address_datagrams_per_s,
        .address_handshakes_per_s = def->address_handshakes_per_s,
        .address_handshakes_max = def->address_handshakes_max,
        .address_peers_max = def->address_peers_max ? def->address_peers_max : half,
        .handshakes_per_s = def->handshakes_per_s,
        .hellos_per_s = def->hellos_per_s,
    };
    uint32_t round = ROUND_DATAGRAMS_MIN + def->peers_max;
    server->round_datagrams_max = round < ROUND_DATAGRAMS_MAX ? round : ROUND_DATAGRAMS_MAX;
    return tl_door_init(&server->door, &limits, def->peers_max, def->handshakes_max, &server->transport.stats);
}

static tl_result open_parts(dtls_server *server, const tl_dtls_server_def *def, char *text, size_t text_bytes)
{
    tl_os_address address;
    char host[HOST_BYTES_MAX + 1];
    tl_result result = tl_address_resolve(def->address, &address, host, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    server->context = tl_dtls_context_create(DTLS_server_method(), text, text_bytes);
    if (!server->context) {
        return TL_ERR_STATE;
    }
    SSL_CTX_set_app_data(server->context, server);
    SSL_CTX_set_cookie_generate_cb(server->context, cookie_generate);
    SSL_CTX_set_cookie_verify_cb(server->context, cookie_verify);
    result = prepare_certificate(server, def, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    server->listen_address = BIO_ADDR_new();
    if (!server->listen_address || !tl_cookie_jar_init(&server->cookies) || !open_door(server, def) ||
        !tl_dtls_peers_init(&server->peers, def->peers_max + def->handshakes_max)) {
        return fail(TL_ERR_MEMORY, text, text_bytes, "out of memory for %u peers; lower peers_max", def->peers_max);
    }
    return tl_udp_open_server(&server->udp, &address, &server->transport.stats, text, text_bytes);
}

tl_result tl_dtls_server_open(const tl_dtls_server_def *def, tl_transport **out, char *text, size_t text_bytes)
{
    *out = NULL;
    tl_result result = tl_dtls_server_def_check(def, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    dtls_server *server = tl_alloc(sizeof *server);
    if (!server) {
        return fail(TL_ERR_MEMORY, text, text_bytes, "out of memory");
    }
    server->transport.ops = &tl_dtls_server_ops;
    server->udp.fd = -1;
    server->peers_max = def->peers_max;
    server->handshakes_max = def->handshakes_max;
    server->silence_us_max = def->silence_ms_max * 1000ull;
    result = open_parts(server, def, text, text_bytes);
    if (result == TL_OK) {
        *out = &server->transport;
    } else {
        tl_dtls_server_ops.close(&server->transport);
    }
    return result;
}

uint16_t tl_dtls_server_get_port(const tl_transport *self)
{
    tl_os_address address = tl_udp_local_address(&((const dtls_server *)self)->udp);
    return address.port;
}

void tl_dtls_server_get_fingerprint(const tl_transport *self, char out[65])
{
    memcpy(out, ((const dtls_server *)self)->fingerprint, FINGERPRINT_TEXT_BYTES);
}

void tl_dtls_server_get_peer_address(const tl_transport *self, tl_peer number, char out[64])
{
    const dtls_peer *peer = tl_dtls_peers_by_number(&((const dtls_server *)self)->peers, number);
    out[0] = 0;
    if (peer) {
        tl_address_text(&peer->pipe.to, out);
    }
}
