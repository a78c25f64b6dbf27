// A client's end of UDP with DTLS: one socket, one server, whose certificate is pinned or checked against an authority.
#include "transport/dtls_client.h"
#include "base/memory.h"
#include "transport/certificate.h"
#include "transport/dtls_context.h"
#include "transport/fail.h"
#include "transport/pem_file.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

enum {
    SERVER_PEER = 1,
    REFUSED_US_MAX = 5000000, // nothing listens there, says the network; but it may be about to start
    TIME_MS_LIMIT = 24 * 3600 * 1000,
    JUNK_PER_STEP = 1024, // datagrams that say nothing, of one time of poll(): what is behind them waits
    STALL_US = 1000000,   // no poll() for so long: the silence was ours
};

typedef enum client_state { CLIENT_NEW, CLIENT_HANDSHAKING, CLIENT_CONNECTED, CLIENT_CLOSED } client_state;

typedef struct dtls_client {
    tl_transport transport;
    udp_socket udp;
    datagram_pipe pipe;
    SSL_CTX *context;
    SSL *ssl;
    client_state state;
    bool pinned, checked; // by fingerprint, by an authority
    bool reading;         // the last datagram may hold more
    uint8_t fingerprint[FINGERPRINT_BYTES];
    char host[HOST_BYTES_MAX + 1]; // whom the certificate must name
    uint64_t handshake_us_max, silence_us_max;
    uint32_t junk; // since now_us last moved
    uint64_t now_us, started_us, heard_us, silence_from_us;
    char refusal[192]; // why the certificate was refused
    uint8_t plain[DTLS_PLAIN_BYTES_MAX];
} dtls_client;

// ---- the server's certificate ---------------------------------------------------------------------------------------

static bool pin_holds(dtls_client *client, const X509 *certificate)
{
    uint8_t fingerprint[FINGERPRINT_BYTES];
    if (certificate && tl_certificate_fingerprint(certificate, fingerprint)) {
        if (CRYPTO_memcmp(fingerprint, client->fingerprint, FINGERPRINT_BYTES) == 0) {
            return true;
        }
        char name[FINGERPRINT_TEXT_BYTES];
        tl_fingerprint_text(fingerprint, name);
        fail(TL_ERR_DENIED, client->refusal, sizeof client->refusal,
             "the server's certificate has another fingerprint, %s; compare it with the server's log, it may be an "
             "impostor",
             name);
        return false;
    }
    fail(TL_ERR_DENIED, client->refusal, sizeof client->refusal, "the server's certificate cannot be read");
    return false;
}

static int verify_server(X509_STORE_CTX *store, void *argument)
{
    dtls_client *client = argument;
    if (client->pinned && !pin_holds(client, X509_STORE_CTX_get0_cert(store))) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    if (!client->checked) {
        return 1;
    }
    if (X509_verify_cert(store) == 1) {
        return 1;
    }
    fail(TL_ERR_DENIED, client->refusal, sizeof client->refusal,
         "the server's certificate is refused (%s); check ca_file, the host's name and the clock",
         X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    return 0;
}

// ---- events ---------------------------------------------------------------------------------------------------------

static tl_result event(tl_transport_event *out, tl_transport_event_type type)
{
    out->type = type;
    out->peer = SERVER_PEER;
    return TL_OK;
}

__attribute__((format(printf, 4, 5))) static tl_result event_closed(dtls_client *client, tl_transport_event *out,
                                                                    tl_result result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out->text, sizeof out->text, format, arguments);
    va_end(arguments);
    out->result = result;
    client->state = CLIENT_CLOSED;
    tl_udp_flush(&client->udp); // an alert may wait in it
    return event(out, TL_TRANSPORT_CLOSED);
}

static tl_result handshake_failed(dtls_client *client, tl_transport_event *out)
{
    unsigned long error = ERR_peek_error();
    client->transport.stats.handshakes_failed++;
    if (client->refusal[0]) {
        return event_closed(client, out, TL_ERR_DENIED, "%s", client->refusal);
    }
    if (ERR_GET_REASON(error) == SSL_R_TLSV1_ALERT_ACCESS_DENIED) {
        return event_closed(client, out, TL_ERR_FULL, "the server is full; try again later, or raise its peers_max");
    }
    return event_closed(client, out, TL_ERR_VERSION, "the handshake failed (%s); are both sides of the same release?",
                        tl_dtls_error_text());
}

// ---- one datagram ---------------------------------------------------------------------------------------------------

static tl_result handshake(dtls_client *client, tl_transport_event *out)
{
    ERR_clear_error();
    int done = SSL_connect(client->ssl);
    if (done == 1) {
        client->state = CLIENT_CONNECTED;
        client->heard_us = client->now_us;
        client->reading = true;
        return event(out, TL_TRANSPORT_CONNECTED);
    }
    return SSL_get_error(client->ssl, done) == SSL_ERROR_WANT_READ ? TL_AGAIN : handshake_failed(client, out);
}

static tl_result read_plain(dtls_client *client, tl_transport_event *out)
{
    for (;;) {
        ERR_clear_error();
        int size = SSL_read(client->ssl, client->plain, sizeof client->plain);
        if (size > 0) {
            client->heard_us = client->now_us;
        }
        if (size > TL_DATAGRAM_BYTES_MAX) {
            client->transport.stats.dropped_malformed++;
            continue;
        }
        if (size > 0) {
            client->reading = true;
            client->transport.stats.datagrams_received++;
            client->transport.stats.bytes_received += (uint64_t)size;
            out->data = client->plain;
            out->size = (size_t)size;
            return event(out, TL_TRANSPORT_DATAGRAM);
        }
        client->reading = false;
        int error = SSL_get_error(client->ssl, size);
        if (error == SSL_ERROR_WANT_READ) {
            return TL_AGAIN;
        }
        if (error == SSL_ERROR_ZERO_RETURN) {
            SSL_shutdown(client->ssl);
            return event_closed(client, out, TL_OK, "closed by the server");
        }
        return event_closed(client, out, TL_ERR_IO, "the connection broke (%s); connect again", tl_dtls_error_text());
    }
}

static tl_result take_datagram(dtls_client *client, const udp_datagram *datagram, tl_transport_event *out)
{
    if (!tl_dtls_records_sound(client->ssl, datagram->data, datagram->size)) {
        client->transport.stats.dropped_malformed++;
        return TL_AGAIN;
    }
    client->pipe.in = datagram->data;
    client->pipe.in_bytes = datagram->size;
    if (client->state == CLIENT_HANDSHAKING) {
        return handshake(client, out);
    }
    tl_result result = read_plain(client, out);
    if (result == TL_AGAIN) {
        client->transport.stats.dropped_malformed++; // forged, a replay, or a handshake's echo
    }
    return result;
}

// Whom the certificate must name.
static bool expect_host(SSL *ssl, const char *host)
{
    tl_os_address in_figures;
    if (tl_os_address_parse(host, &in_figures)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

// False: out of memory.
static bool begin_session(dtls_client *client)
{
    client->ssl = tl_dtls_session_create(client->context, &client->pipe);
    if (!client->ssl || !expect_host(client->ssl, client->host)) {
        return false;
    }
    SSL_set_connect_state(client->ssl);
    return true;
}

// OpenSSL abandons a flight after twelve tries, too soon for a lossy path: the handshake starts again.
static bool renew_session(dtls_client *client)
{
    SSL_free(client->ssl);
    if (!begin_session(client)) {
        return false;
    }
    ERR_clear_error();
    return SSL_connect(client->ssl) != 1;
}

// ---- timers ---------------------------------------------------------------------------------------------------------

static tl_result check_time(dtls_client *client, tl_transport_event *out)
{
    if (client->state == CLIENT_CONNECTED) {
        uint64_t silent_us = client->now_us - client->heard_us;
        if (silent_us < client->silence_us_max || client->now_us < client->silence_from_us) {
            return TL_AGAIN;
        }
        SSL_shutdown(client->ssl);
        return event_closed(client, out, TL_ERR_UNAVAILABLE,
                            "closed: nothing was heard from the server for %" PRIu64 " ms; connect again",
                            client->silence_us_max / 1000);
    }
    ERR_clear_error();
    uint64_t handshake_us_max = client->handshake_us_max;
    if (client->udp.refused && handshake_us_max > REFUSED_US_MAX) {
        handshake_us_max = REFUSED_US_MAX;
    }
    bool late = client->now_us - client->started_us >= handshake_us_max;
    if (!late && (DTLSv1_handle_timeout(client->ssl) >= 0 || renew_session(client))) {
        return TL_AGAIN;
    }
    char name[64];
    tl_address_text(&client->pipe.to, name);
    client->transport.stats.handshakes_failed++;
    return event_closed(
        client, out, TL_ERR_UNAVAILABLE, "no answer from %s within %" PRIu64 " ms (%s); is the server running?", name,
        handshake_us_max / 1000, client->udp.refused ? "nothing listens there" : "a firewall may block UDP");
}

static void begin_poll(dtls_client *client, uint64_t now_us, tl_transport_event *out)
{
    if (client->state == CLIENT_NEW) {
        client->started_us = client->now_us = now_us;
    }
    if (now_us > client->now_us + STALL_US) {
        client->silence_from_us = now_us + STALL_US;
    }
    if (now_us > client->now_us) {
        client->junk = 0;
    }
    if (now_us > client->now_us) {
        client->now_us = now_us;
    }
    out->data = NULL;
    out->size = 0;
    out->result = TL_OK;
    out->text[0] = 0;
}

// ---- the interface --------------------------------------------------------------------------------------------------

static tl_result client_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    dtls_client *client = (dtls_client *)self;
    begin_poll(client, now_us, out);
    if (client->state == CLIENT_CLOSED) {
        return TL_AGAIN;
    }
    if (client->state == CLIENT_NEW) {
        client->state = CLIENT_HANDSHAKING;
        if (handshake(client, out) == TL_OK) {
            return TL_OK;
        }
    }
    if (client->reading && read_plain(client, out) == TL_OK) {
        return TL_OK;
    }
    udp_datagram datagram;
    for (bool more = true;; more = tl_udp_more(&client->udp)) {
        for (; tl_udp_next(&client->udp, &datagram); client->junk++) {
            if (take_datagram(client, &datagram, out) == TL_OK) {
                return TL_OK;
            }
        }
        if (!more || client->junk >= JUNK_PER_STEP || !tl_udp_receive(&client->udp)) {
            break;
        }
    }
    tl_result result = check_time(client, out);
    tl_udp_flush(&client->udp);
    return result;
}

static tl_result client_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    dtls_client *client = (dtls_client *)self;
    if (!data || size < 1 || size > TL_DATAGRAM_BYTES_MAX) {
        return TL_ERR_INVALID;
    }
    if (peer != SERVER_PEER || client->state != CLIENT_CONNECTED) {
        return TL_ERR_NOT_FOUND;
    }
    ERR_clear_error();
    if (SSL_write(client->ssl, data, (int)size) != (int)size) {
        client->transport.stats.dropped_full++;
        return TL_OK; // as lost as any datagram; a broken session shows at its next read
    }
    client->transport.stats.datagrams_sent++;
    client->transport.stats.bytes_sent += size;
    return TL_OK;
}

static void client_flush(tl_transport *self)
{
    tl_udp_flush(&((dtls_client *)self)->udp);
}

static void client_drop(tl_transport *self, tl_peer peer)
{
    dtls_client *client = (dtls_client *)self;
    if (peer != SERVER_PEER || client->state == CLIENT_CLOSED) {
        return;
    }
    ERR_clear_error();
    if (client->state == CLIENT_CONNECTED) {
        SSL_shutdown(client->ssl);
    }
    client->state = CLIENT_CLOSED;
    tl_udp_flush(&client->udp);
}

static int client_wait_fd(tl_transport *self)
{
    return ((dtls_client *)self)->udp.fd;
}

static void client_close(tl_transport *self)
{
    dtls_client *client = (dtls_client *)self;
    if (client->ssl) {
        client_drop(self, SERVER_PEER);
    }
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    tl_udp_close(&client->udp);
    tl_free(client);
}

static const tl_transport_ops ops = {client_poll,    client_send,  client_flush, client_drop,
                                     client_wait_fd, client_close, NULL};

// ---- opening --------------------------------------------------------------------------------------------------------

static tl_result check_def(const tl_dtls_client_def *def, char *text, size_t text_bytes)
{
    if (def->cookie != TL_DEF_COOKIE) {
        return fail(TL_ERR_INVALID, text, text_bytes, "the definition was not made by tl_dtls_client_def_default()");
    }
    if (!def->fingerprint && !def->ca_file) {
        return fail(TL_ERR_INVALID, text, text_bytes,
                    "neither fingerprint nor ca_file is given, so anybody could pose as the server; give one (the "
                    "server's log shows its fingerprint)");
    }
    if (def->handshake_ms_max < 1 || def->handshake_ms_max > TIME_MS_LIMIT) {
        return fail(TL_ERR_INVALID, text, text_bytes, "handshake_ms_max is %u; it must be 1 to %d",
                    def->handshake_ms_max, TIME_MS_LIMIT);
    }
    if (def->silence_ms_max < 1 || def->silence_ms_max > TIME_MS_LIMIT) {
        return fail(TL_ERR_INVALID, text, text_bytes, "silence_ms_max is %u; it must be 1 to %d", def->silence_ms_max,
                    TIME_MS_LIMIT);
    }
    return TL_OK;
}

static tl_result prepare_trust(dtls_client *client, const tl_dtls_client_def *def, char *text, size_t text_bytes)
{
    client->pinned = def->fingerprint != NULL;
    client->checked = def->ca_file != NULL;
    if (client->pinned && !tl_fingerprint_parse(def->fingerprint, client->fingerprint)) {
        return fail(TL_ERR_INVALID, text, text_bytes,
                    "'%.100s' is no fingerprint; it is 64 hex digits, as the server's log shows it", def->fingerprint);
    }
    SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(client->context, verify_server, client);
    if (!client->checked) {
        return TL_OK;
    }
    tl_result result = tl_pem_file_readable(def->ca_file, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    if (SSL_CTX_load_verify_file(client->context, def->ca_file) == 1) {
        return TL_OK;
    }
    return fail(TL_ERR_MALFORMED, text, text_bytes, "'%s' has no certificate of an authority in PEM", def->ca_file);
}

// `to` NULL: the definition's host is looked up.
static tl_result find_server(dtls_client *client, const tl_dtls_client_def *def, const tl_os_address *to, char *text,
                             size_t text_bytes)
{
    uint16_t port;
    if (!to) {
        return tl_address_resolve(def->address, &client->pipe.to, client->host, text, text_bytes);
    }
    client->pipe.to = *to;
    return tl_address_split(def->address, client->host, &port, text, text_bytes);
}

static tl_result open_parts(dtls_client *client, const tl_dtls_client_def *def, const tl_os_address *to, char *text,
                            size_t text_bytes)
{
    tl_result result = find_server(client, def, to, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    if (client->pipe.to.port == 0) {
        return fail(TL_ERR_INVALID, text, text_bytes, "the port of '%.80s' is 0; give the server's", def->address);
    }
    client->context = tl_dtls_context_create(DTLS_client_method(), text, text_bytes);
    if (!client->context) {
        return TL_ERR_STATE;
    }
    result = prepare_trust(client, def, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    client->pipe.udp = &client->udp;
    if (!begin_session(client)) {
        return fail(TL_ERR_MEMORY, text, text_bytes, "out of memory for the connection");
    }
    return tl_udp_open_client(&client->udp, &client->pipe.to, &client->transport.stats, text, text_bytes);
}

tl_dtls_client_def tl_dtls_client_def_default(void)
{
    return (tl_dtls_client_def){.silence_ms_max = 10000, .handshake_ms_max = 15000, .cookie = TL_DEF_COOKIE};
}

tl_result tl_dtls_client_open(const tl_dtls_client_def *def, tl_transport **out, char *text, size_t text_bytes)
{
    return tl_dtls_client_open_at(def, NULL, out, text, text_bytes);
}

tl_result tl_dtls_client_open_at(const tl_dtls_client_def *def, const tl_os_address *to, tl_transport **out, char *text,
                                 size_t text_bytes)
{
    *out = NULL;
    tl_result result = check_def(def, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    dtls_client *client = tl_alloc(sizeof *client);
    if (!client) {
        return fail(TL_ERR_MEMORY, text, text_bytes, "out of memory");
    }
    client->transport.ops = &ops;
    client->udp.fd = -1;
    client->handshake_us_max = def->handshake_ms_max * 1000ull;
    client->silence_us_max = def->silence_ms_max * 1000ull;
    result = open_parts(client, def, to, text, text_bytes);
    ERR_clear_error();
    if (result == TL_OK) {
        *out = &client->transport;
    } else {
        client_close(&client->transport);
    }
    return result;
}
