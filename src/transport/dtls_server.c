// The server's end of UDP with DTLS: one socket, every datagram led to its peer by where it comes from.
//
// A stranger's ClientHello is answered from no state at all (DTLSv1_listen, a cookie); with a valid cookie it becomes a
// handshake, and when that is complete a peer with a number. OpenSSL does all records; between two datagrams its
// connections hold no buffers. The polls of one step are a round: it drains the socket up to a fixed count, drops what
// is over a rate (dtls_door.h), and serves the rest in turns.
#include "base/base.h"
#include "base/memory.h"
#include "transport/dtls_server_state.h"

#include "transport/dtls_hello.h"
#include "transport/fail.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
    HANDSHAKE_US_MAX = 10000000,
    HANDSHAKE_SWEEP_US = 10000,
    // more than one needs of which six of ten datagrams are lost; each may make OpenSSL keep a buffer
    HANDSHAKE_DATAGRAMS_MAX = 96,
    HANDSHAKE_ENCRYPTED_MAX = 16, // of those, with encrypted records: before the keys are agreed each is kept, in 17 kB
    STALL_US = 1000000,           // no poll() for so long: the silence was ours
    HANDSHAKE_US_MIN = 1000000,   // so long a handshake keeps its place from others
};

// Records (RFC 6347, 4.1).
enum {
    RECORD_ALERT = 21,
    ALERT_FATAL = 2,
    ALERT_ACCESS_DENIED = 49,
};

// ---- peers ----------------------------------------------------------------------------------------------------------

static void peer_destroy(dtls_peer *peer)
{
    if (!peer) {
        return;
    }
    SSL_free(peer->ssl);
    tl_free(peer);
}

static dtls_peer *peer_create(dtls_server *server)
{
    dtls_peer *peer = tl_alloc(sizeof *peer);
    if (!peer) {
        return NULL;
    }
    peer->pipe.udp = &server->udp;
    peer->ssl = tl_dtls_session_create(server->context, &peer->pipe);
    if (!peer->ssl) {
        tl_free(peer);
        return NULL;
    }
    SSL_set_app_data(peer->ssl, peer);
    SSL_set_accept_state(peer->ssl);
    return peer;
}

static void peer_remove(dtls_server *server, dtls_peer *peer)
{
    if (server->reading == peer) {
        server->reading = NULL;
    }
    if (server->announced == peer) {
        server->announced = NULL;
    }
    tl_door_gone(&server->door, peer);
    tl_dtls_peers_remove(&server->peers, peer);
    peer_destroy(peer);
}

// Says farewell (close_notify) before it is removed.
static void peer_close(dtls_server *server, dtls_peer *peer)
{
    ERR_clear_error();
    if (peer->number && SSL_alloc_buffers(peer->ssl)) {
        SSL_shutdown(peer->ssl);
    }
    peer_remove(server, peer);
}

static tl_result event_closed(dtls_server *server, dtls_peer *peer, tl_result result, const char *text,
                              tl_transport_event *out)
{
    out->type = TL_TRANSPORT_CLOSED;
    out->peer = peer->number;
    out->result = result;
    fail(result, out->text, sizeof out->text, "%s", text);
    peer_close(server, peer);
    return TL_OK;
}

static tl_result event_connected(dtls_server *server, dtls_peer *peer, tl_transport_event *out)
{
    TL_ASSERT(peer->number != 0);
    server->announced = NULL;
    server->reading = peer;
    out->type = TL_TRANSPORT_CONNECTED;
    out->peer = peer->number;
    return TL_OK;
}

// ---- reading --------------------------------------------------------------------------------------------------------

static tl_result event_datagram(dtls_server *server, dtls_peer *peer, size_t size, tl_transport_event *out)
{
    TL_ASSERT(peer->number != 0 && size >= 1 && size <= TL_DATAGRAM_BYTES_MAX);
    server->reading = peer;
    server->transport.stats.datagrams_received++;
    server->transport.stats.bytes_received += size;
    out->type = TL_TRANSPORT_DATAGRAM;
    out->peer = peer->number;
    out->data = server->plain;
    out->size = size;
    return TL_OK;
}

// The next datagram that OpenSSL has for us; TL_AGAIN: there is no more in what it was handed.
static tl_result read_plain(dtls_server *server, dtls_peer *peer, tl_transport_event *out)
{
    for (;;) {
        ERR_clear_error();
        int size = SSL_read(peer->ssl, server->plain, sizeof server->plain);
        if (size > 0) {
            tl_dtls_peers_heard(&server->peers, peer, server->now_us);
        }
        if (size > 0 && size <= TL_DATAGRAM_BYTES_MAX) {
            return event_datagram(server, peer, (size_t)size, out);
        }
        if (size > 0) {
            server->transport.stats.dropped_malformed++;
            continue;
        }
        server->reading = NULL;
        int error = SSL_get_error(peer->ssl, size);
        if (error == SSL_ERROR_WANT_READ) {
            // 18 kB that the next datagram, of whichever peer, takes again; SSL_MODE_RELEASE_BUFFERS is not for DTLS.
            SSL_free_buffers(peer->ssl);
            return TL_AGAIN;
        }
        if (error == SSL_ERROR_ZERO_RETURN) {
            return event_closed(server, peer, TL_OK, "closed by the other side", out);
        }
        return event_closed(server, peer, TL_ERR_IO, tl_dtls_error_text(), out);
    }
}

static tl_result handshake_complete(dtls_server *server, dtls_peer *peer, tl_transport_event *out)
{
    dtls_peer *old = peer->replaces;
    SSL_free_buffers(peer->ssl);
    tl_door_connected(&server->door, peer);
    if (!old) {
        tl_dtls_peers_connect(&server->peers, peer, server->now_us);
        return event_connected(server, peer, out);
    }
    // Without a farewell: the two have one address, and the new one would read it as forged.
    out->type = TL_TRANSPORT_CLOSED;
    out->peer = old->number;
    fail(TL_OK, out->text, sizeof out->text, "replaced by a new connection from the same address");
    peer_remove(server, old);
    tl_dtls_peers_connect(&server->peers, peer, server->now_us);
    server->announced = peer;
    return TL_OK;
}

static tl_result peer_handshake(dtls_server *server, dtls_peer *peer, tl_transport_event *out)
{
    ERR_clear_error();
    int done = SSL_accept(peer->ssl);
    if (done == 1) {
        return handshake_complete(server, peer, out);
    }
    if (SSL_get_error(peer->ssl, done) == SSL_ERROR_WANT_READ) {
        return TL_AGAIN;
    }
    server->transport.stats.handshakes_failed++;
    peer_remove(server, peer);
    return TL_AGAIN;
}

// ---- strangers ------------------------------------------------------------------------------------------------------

// A fatal alert in the clear, so that a refused client need not wait for its time-out. Only for proven addresses.
static void refuse(dtls_server *server, const tl_os_address *to)
{
    static const uint8_t access_denied[] = {RECORD_ALERT,       0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, ALERT_FATAL,
                                            ALERT_ACCESS_DENIED};
    tl_udp_queue(&server->udp, to, access_denied, sizeof access_denied);
    server->transport.stats.dropped_full++;
}

static bool refuse_share(dtls_server *server)
{
    server->transport.stats.refused_address++; // the client retries, and may find space
    return false;
}

// Frees a slot by ending the oldest handshake, of a source (NULL: of any), if it has had its time.
static bool make_room(dtls_server *server, const source *from)
{
    dtls_peer *peer = server->peers.handshakes.oldest;
    while (peer && from && peer->source != from) {
        peer = peer->newer;
    }
    if (!peer || server->now_us < peer->since_us + HANDSHAKE_US_MIN) {
        return false;
    }
    server->transport.stats.handshakes_failed++;
    peer_remove(server, peer);
    return true;
}

// Whether one more handshake may begin; `known` has the same address and may end for it: look for it again.
static bool admit(dtls_server *server, const dtls_peer *known, const tl_os_address *address)
{
    const dtls_peers *peers = &server->peers;
    source *from = tl_sources_get(&server->door.sources, address);
    if (!tl_door_may_begin(&server->door, from, server->now_us)) {
        return refuse_share(server);
    }
    bool takes_place = known && (known->number == 0 || known->candidate);
    if (takes_place) {
        return true;
    }
    bool full = peers->connected.count + peers->handshakes.count >= server->peers_max;
    if (!known && (full || !tl_door_has_peer(&server->door, from))) {
        if (!full) {
            server->transport.stats.refused_address++;
        }
        refuse(server, address);
        return false;
    }
    if (!tl_door_has_handshake(&server->door, from) && !make_room(server, from)) {
        return refuse_share(server);
    }
    if (peers->handshakes.count < server->handshakes_max || make_room(server, NULL)) {
        return true;
    }
    server->transport.stats.dropped_full++; // the client retries, and finds space
    return false;
}

// A ClientHello that belongs to no handshake: answered with a cookie, or the beginning of one.
static tl_result listen_to(dtls_server *server, dtls_peer *known, const udp_datagram *datagram, tl_transport_event *out)
{
    if (!server->spare) {
        server->spare = peer_create(server);
    }
    dtls_peer *peer = server->spare;
    if (!peer) {
        server->transport.stats.dropped_full++;
        return TL_AGAIN;
    }
    peer->pipe.in = datagram->data;
    peer->pipe.in_bytes = datagram->size;
    peer->pipe.to = datagram->from;
    uint64_t queued = server->udp.queued;
    if (DTLSv1_listen(peer->ssl, server->listen_address) <= 0) {
        if (server->udp.queued == queued) {
            server->transport.stats.dropped_malformed++;
        }
        return TL_AGAIN;
    }
    server->door.units_left -= DOOR_HANDSHAKE_UNITS;
    if (!admit(server, known, &datagram->from)) {
        return TL_AGAIN;
    }
    known = tl_dtls_peers_by_address(&server->peers, &datagram->from);
    dtls_peer *replaces = known && known->number ? known : NULL;
    if (replaces && replaces->candidate) {
        peer_remove(server, replaces->candidate);
    } else if (known && !replaces) {
        peer_remove(server, known);
    }
    server->spare = NULL;
    peer->hello = tl_hello_hash(server->peers.hash_key, datagram);
    tl_dtls_peers_add(&server->peers, peer, replaces, server->now_us);
    tl_door_begun(&server->door, peer);
    return peer_handshake(server, peer, out);
}

// ---- one datagram ---------------------------------------------------------------------------------------------------

static tl_result feed(dtls_server *server, dtls_peer *peer, const udp_datagram *datagram, tl_transport_event *out)
{
    bool handshaking = peer->number == 0;
    bool sound = tl_dtls_records_sound(peer->ssl, datagram->data, datagram->size);
    bool encrypted = sound && handshaking && tl_dtls_records_encrypted(datagram->data, datagram->size);
    bool too_many = handshaking && ++peer->handshake_datagrams > HANDSHAKE_DATAGRAMS_MAX;
    if (too_many || !sound || (encrypted && ++peer->handshake_encrypted > HANDSHAKE_ENCRYPTED_MAX)) {
        server->transport.stats.dropped_malformed++;
        return TL_AGAIN;
    }
    peer->pipe.in = datagram->data;
    peer->pipe.in_bytes = datagram->size;
    if (handshaking) {
        server->door.units_left -= DOOR_HANDSHAKE_UNITS;
        return peer_handshake(server, peer, out);
    }
    tl_result result = read_plain(server, peer, out);
    if (result == TL_AGAIN) {
        server->transport.stats.dropped_malformed++; // forged, a replay, or a handshake's echo
    }
    return result;
}

static tl_result take_datagram(dtls_server *server, const udp_datagram *datagram, tl_transport_event *out)
{
    dtls_peer *peer = tl_dtls_peers_by_address(&server->peers, &datagram->from);
    dtls_peer *candidate = peer ? peer->candidate : NULL;
    if (tl_hello_is(datagram)) {
        uint64_t hello = tl_hello_hash(server->peers.hash_key, datagram);
        if (candidate && candidate->hello == hello) {
            return feed(server, candidate, datagram, out);
        }
        if (!peer || peer->hello != hello) {
            return listen_to(server, peer, datagram, out);
        }
    }
    if (!peer) {
        server->transport.stats.dropped_malformed++;
        return TL_AGAIN;
    }
    return feed(server, candidate && tl_record_of_handshake(datagram) ? candidate : peer, datagram, out);
}

// A datagram has arrived: finds its peer as cheaply as possible.
static void sort_in(dtls_server *server, const udp_datagram *datagram)
{
    dtls_peer *peer = tl_dtls_peers_by_address(&server->peers, &datagram->from);
    bool hello = tl_hello_is(datagram);
    if (!peer && !hello) {
        server->transport.stats.dropped_malformed++;
        return;
    }
    bool of_handshake = hello || peer->number == 0 || (peer->candidate && tl_record_of_handshake(datagram));
    if (!of_handshake) {
        tl_door_take(&server->door, peer, datagram, server->now_us);
        return;
    }
    tl_door_take_stranger(&server->door, datagram, hello && !tl_hello_has_cookie(datagram, &server->cookies),
                          server->now_us);
}

static void drain(dtls_server *server)
{
    udp_datagram datagram;
    for (uint32_t taken = 0; taken < server->round_datagrams_max && tl_udp_receive(&server->udp);) {
        for (; tl_udp_next(&server->udp, &datagram); taken++) {
            sort_in(server, &datagram);
        }
        if (!tl_udp_more(&server->udp)) {
            return;
        }
    }
}

static tl_result serve(dtls_server *server, tl_transport_event *out)
{
    dtls_peer *peer;
    for (inbox_slot *slot; (slot = tl_door_next(&server->door, &peer));) {
        udp_datagram datagram = {slot->from, slot->data, slot->size};
        tl_result result = peer ? feed(server, peer, &datagram, out) : take_datagram(server, &datagram, out);
        tl_door_free(&server->door, slot);
        if (result == TL_OK) {
            return TL_OK;
        }
    }
    return TL_AGAIN;
}

// ---- timers ---------------------------------------------------------------------------------------------------------

static void sweep_handshakes(dtls_server *server)
{
    if (server->now_us < server->sweep_due_us) {
        return;
    }
    server->sweep_due_us = server->now_us + HANDSHAKE_SWEEP_US;
    for (dtls_peer *peer = server->peers.handshakes.oldest, *next; peer; peer = next) {
        next = peer->newer;
        ERR_clear_error();
        bool late = server->now_us >= peer->since_us + HANDSHAKE_US_MAX;
        if (!late && DTLSv1_handle_timeout(peer->ssl) >= 0) {
            continue;
        }
        server->transport.stats.handshakes_failed++;
        peer_remove(server, peer);
    }
}

static tl_result close_silent(dtls_server *server, tl_transport_event *out)
{
    dtls_peer *peer = server->peers.connected.oldest;
    if (!peer || server->now_us < server->silence_from_us || peer->waiting.count > 0) {
        return TL_AGAIN;
    }
    if (server->now_us < peer->since_us + server->silence_us_max) {
        return TL_AGAIN;
    }
    char text[96];
    snprintf(text, sizeof text, "closed: nothing was heard from it for %llu ms",
             (unsigned long long)(server->silence_us_max / 1000));
    return event_closed(server, peer, TL_ERR_UNAVAILABLE, text, out);
}

static void begin_poll(dtls_server *server, uint64_t now_us, tl_transport_event *out)
{
    if (server->now_us != 0 && now_us > server->now_us + STALL_US) {
        server->silence_from_us = now_us + STALL_US;
    }
    if (now_us > server->now_us) {
        server->now_us = now_us;
    }
    tl_cookie_jar_rotate(&server->cookies, server->now_us);
    out->data = NULL;
    out->size = 0;
    out->result = TL_OK;
    out->text[0] = 0;
}

// A round ends when there is nothing more, or with the step: a caller that stops polling is done for now.
static void begin_round(dtls_server *server, uint64_t now_us)
{
    if (!server->round_over && now_us == server->round_us) {
        return;
    }
    server->round_over = false;
    server->round_us = now_us;
    server->door.units_left = DOOR_ROUND_UNITS;
    drain(server);
    sweep_handshakes(server);
}

// ---- the interface --------------------------------------------------------------------------------------------------

static tl_result server_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    dtls_server *server = (dtls_server *)self;
    begin_poll(server, now_us, out);
    begin_round(server, now_us);
    if (server->announced) {
        return event_connected(server, server->announced, out);
    }
    if (server->reading && read_plain(server, server->reading, out) == TL_OK) {
        return TL_OK;
    }
    if (close_silent(server, out) == TL_OK || serve(server, out) == TL_OK) {
        return TL_OK;
    }
    server->round_over = true;
    tl_udp_flush(&server->udp); // answers to handshakes do not wait for the core's flush()
    return TL_AGAIN;
}

// False: it was not sent.
static bool write_plain(dtls_peer *peer, const void *data, size_t size)
{
    ERR_clear_error();
    bool sent = SSL_alloc_buffers(peer->ssl) && SSL_write(peer->ssl, data, (int)size) == (int)size;
    SSL_free_buffers(peer->ssl);
    return sent;
}

static tl_result server_send(tl_transport *self, tl_peer number, const void *data, size_t size)
{
    dtls_server *server = (dtls_server *)self;
    if (!data || size < 1 || size > TL_DATAGRAM_BYTES_MAX) {
        return TL_ERR_INVALID;
    }
    dtls_peer *peer = tl_dtls_peers_by_number(&server->peers, number);
    if (!peer) {
        return TL_ERR_NOT_FOUND;
    }
    if (!write_plain(peer, data, size)) {
        server->transport.stats.dropped_full++;
        return TL_OK; // as lost as any datagram; a broken session shows at its next read
    }
    tl_door_settled(&server->door, peer);
    server->transport.stats.datagrams_sent++;
    server->transport.stats.bytes_sent += size;
    return TL_OK;
}

static void server_flush(tl_transport *self)
{
    tl_udp_flush(&((dtls_server *)self)->udp);
}

static void server_drop(tl_transport *self, tl_peer number)
{
    dtls_server *server = (dtls_server *)self;
    dtls_peer *peer = tl_dtls_peers_by_number(&server->peers, number);
    if (peer) {
        peer_close(server, peer);
    }
}

static int server_wait_fd(tl_transport *self)
{
    return ((dtls_server *)self)->udp.fd;
}

static void server_close(tl_transport *self)
{
    dtls_server *server = (dtls_server *)self;
    while (server->peers.handshakes.oldest) {
        peer_remove(server, server->peers.handshakes.oldest);
    }
    while (server->peers.connected.oldest) {
        peer_close(server, server->peers.connected.oldest);
    }
    while (server->door.strangers.count) {
        tl_door_free(&server->door, tl_inbox_pop(&server->door.strangers));
    }
    peer_destroy(server->spare);
    tl_door_release(&server->door);
    tl_dtls_peers_release(&server->peers);
    if (server->udp.queue) {
        tl_udp_flush(&server->udp);
    }
    tl_udp_close(&server->udp);
    BIO_ADDR_free(server->listen_address);
    SSL_CTX_free(server->context);
    OPENSSL_cleanse(&server->cookies, sizeof server->cookies);
    tl_free(server);
}

const tl_transport_ops tl_dtls_server_ops = {server_poll,    server_send,  server_flush, server_drop,
                                             server_wait_fd, server_close, NULL};
