// A client's transport over one or more servers: makes another connection before it breaks the present one, so that a
// client whose address has changed, or whose server has died, goes on after a few round trips. It knows nothing of what
// carries the datagrams: it opens transports, and polls two of them while an attempt is under way.
#include "base/memory.h"
#include "transport/fail.h"

#include "tramline/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ATTEMPT_US_MIN = 700000,   // what the first attempt at a server may take while there are others to try
    ATTEMPT_US_MAX = 16000000, // then twice as long each round: a lossy path needs it
    PAUSE_US_MIN = 50000,      // after a failed attempt
    PAUSE_US_MAX = 1000000,
    SERVER_PEER = 1,
};

typedef struct failover {
    tl_transport transport;
    tl_failover_def def;
    tl_transport *present; // NULL: none (any more)
    tl_transport *next;    // the attempt under way
    bool connected;        // `present` is
    bool trying;           // an attempt is under way, or due
    bool first;            // nothing was ever connected: once each server has failed by itself there is nobody
    uint32_t present_server, next_server;
    uint32_t failures, ended;              // attempts of this search; those that were not aborted
    uint64_t now_us, attempt_us, retry_us; // when the attempt began; when the next one may
    tl_transport_stats past;               // of transports that are closed
    char text[192];                        // why the last attempt failed
} failover;

// ---- statistics -----------------------------------------------------------------------------------------------------

static void add_stats(tl_transport_stats *sum, const tl_transport_stats *more)
{
    sum->datagrams_sent += more->datagrams_sent;
    sum->datagrams_received += more->datagrams_received;
    sum->bytes_sent += more->bytes_sent;
    sum->bytes_received += more->bytes_received;
    sum->wire_bytes_sent += more->wire_bytes_sent;
    sum->wire_bytes_received += more->wire_bytes_received;
    sum->dropped_malformed += more->dropped_malformed;
    sum->dropped_full += more->dropped_full;
    sum->handshakes_failed += more->handshakes_failed;
}

static void gather_stats(failover *f)
{
    f->transport.stats = f->past;
    if (f->present) {
        add_stats(&f->transport.stats, &f->present->stats);
    }
    if (f->next) {
        add_stats(&f->transport.stats, &f->next->stats);
    }
}

// ---- attempts -------------------------------------------------------------------------------------------------------

static void close_inner(failover *f, tl_transport **inner)
{
    if (!*inner) {
        return;
    }
    tl_transport_close(*inner);
    *inner = NULL;
}

// Ends one of the two and keeps its counts.
static void end_inner(failover *f, tl_transport **inner)
{
    if (!*inner) {
        return;
    }
    add_stats(&f->past, &(*inner)->stats);
    close_inner(f, inner);
}

static uint64_t grown_us(uint64_t least_us, uint64_t most_us, uint32_t rounds)
{
    uint64_t grown = least_us << (rounds < 16 ? rounds : 16);
    return grown < most_us ? grown : most_us;
}

static void attempt_failed(failover *f)
{
    end_inner(f, &f->next);
    f->failures++;
    f->next_server = (f->next_server + 1) % f->def.server_count;
    f->retry_us = f->now_us + grown_us(PAUSE_US_MIN, PAUSE_US_MAX, (f->failures - 1) / f->def.server_count);
}

static void begin_attempt(failover *f)
{
    f->attempt_us = f->now_us;
    if (f->def.open(f->def.user, f->next_server, &f->next, f->text, sizeof f->text) != TL_OK) {
        f->next = NULL;
        f->ended++;
        attempt_failed(f);
    }
}

static bool attempt_is_over(const failover *f)
{
    if (f->def.server_count == 1) {
        return false; // its own time-out ends it
    }
    return f->now_us - f->attempt_us >= grown_us(ATTEMPT_US_MIN, ATTEMPT_US_MAX, f->failures / f->def.server_count);
}

// The attempt has succeeded: the old connection ends here, and what is still on its way over it is nobody's.
static tl_result succeed(failover *f, tl_transport_event *out)
{
    end_inner(f, &f->present);
    f->present = f->next;
    f->next = NULL;
    f->present_server = f->next_server;
    f->connected = true;
    f->trying = f->first = false;
    out->type = TL_TRANSPORT_CONNECTED;
    out->peer = SERVER_PEER;
    return TL_OK;
}

static tl_result report_closed(tl_transport_event *out, tl_result result, const char *text)
{
    char copy[sizeof out->text];
    snprintf(copy, sizeof copy, "%s", text);
    *out = (tl_transport_event){.type = TL_TRANSPORT_CLOSED, .peer = SERVER_PEER, .result = result};
    memcpy(out->text, copy, sizeof copy);
    return TL_OK;
}

static tl_result poll_next(failover *f, tl_transport_event *out)
{
    if (!f->next && f->now_us >= f->retry_us) {
        begin_attempt(f);
    }
    tl_result failure = TL_ERR_UNAVAILABLE;
    while (f->next && tl_transport_poll(f->next, f->now_us, out) == TL_OK) {
        if (out->type == TL_TRANSPORT_CONNECTED) {
            return succeed(f, out);
        }
        if (out->type != TL_TRANSPORT_CLOSED) {
            continue;
        }
        memcpy(f->text, out->text, sizeof f->text);
        failure = out->result;
        f->ended++;
        attempt_failed(f);
    }
    if (f->next && attempt_is_over(f)) {
        attempt_failed(f);
    }
    if (!f->first || f->ended < f->def.server_count) {
        return TL_AGAIN;
    }
    f->trying = false; // nobody answers: as any transport says it
    return report_closed(out, failure, f->text[0] ? f->text : "no server answers");
}

// ---- the interface --------------------------------------------------------------------------------------------------

static tl_result poll_present(failover *f, tl_transport_event *out)
{
    if (!f->present || tl_transport_poll(f->present, f->now_us, out) != TL_OK) {
        return TL_AGAIN;
    }
    if (out->type != TL_TRANSPORT_CLOSED) {
        return TL_OK;
    }
    f->connected = false;
    memcpy(f->text, out->text, sizeof f->text);
    end_inner(f, &f->present);
    return f->trying ? TL_AGAIN : report_closed(out, out->result, f->text); // while another is sought that is no news
}

static tl_result failover_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    failover *f = (failover *)self;
    if (now_us > f->now_us) {
        f->now_us = now_us;
    }
    *out = (tl_transport_event){.result = TL_OK};
    tl_result result = poll_present(f, out);
    if (result == TL_AGAIN && f->trying) {
        result = poll_next(f, out);
    }
    gather_stats(f);
    return result;
}

static tl_result failover_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    failover *f = (failover *)self;
    return f->present && f->connected ? tl_transport_send(f->present, peer, data, size) : TL_ERR_NOT_FOUND;
}

static void failover_flush(tl_transport *self)
{
    failover *f = (failover *)self;
    if (f->present) {
        tl_transport_flush(f->present);
    }
    if (f->next) {
        tl_transport_flush(f->next);
    }
}

static void failover_drop(tl_transport *self, tl_peer peer)
{
    failover *f = (failover *)self;
    f->trying = f->connected = false;
    end_inner(f, &f->next);
    if (f->present) {
        tl_transport_drop(f->present, peer);
    }
}

// While an attempt is under way the present connection is silent: what is waited for comes to the other.
static int failover_wait_fd(tl_transport *self)
{
    failover *f = (failover *)self;
    tl_transport *awaited = f->next ? f->next : f->present;
    return awaited ? tl_transport_wait_fd(awaited) : -1;
}

static void failover_close(tl_transport *self)
{
    failover *f = (failover *)self;
    close_inner(f, &f->next);
    close_inner(f, &f->present);
    if (f->def.close) {
        f->def.close(f->def.user);
    }
    tl_free(f);
}

static tl_result failover_reconnect(tl_transport *self, tl_reconnect how)
{
    failover *f = (failover *)self;
    bool was_trying = f->trying;
    f->trying = how != TL_RECONNECT_STOP;
    if (!f->trying) {
        end_inner(f, &f->next);
    }
    if (!f->trying || was_trying) {
        return TL_OK;
    }
    f->failures = f->ended = 0;
    f->retry_us = 0;
    f->next_server = how == TL_RECONNECT_SAME ? f->present_server : (f->present_server + 1) % f->def.server_count;
    return TL_OK;
}

static const tl_transport_ops ops = {failover_poll,    failover_send,  failover_flush,    failover_drop,
                                     failover_wait_fd, failover_close, failover_reconnect};

tl_failover_def tl_failover_def_default(void)
{
    return (tl_failover_def){.cookie = TL_DEF_COOKIE};
}

tl_result tl_failover_open(const tl_failover_def *def, tl_transport **out, char *text, size_t text_bytes)
{
    *out = NULL;
    bool good = def->cookie == TL_DEF_COOKIE && def->open && def->server_count >= 1 &&
                def->server_count <= TL_FAILOVER_SERVERS_MAX;
    failover *f = good ? tl_alloc(sizeof *f) : NULL;
    if (!f) {
        if (def->close) {
            def->close(def->user);
        }
        if (good) {
            return fail(TL_ERR_MEMORY, text, text_bytes, "out of memory");
        }
        return fail(TL_ERR_INVALID, text, text_bytes, "a failover is over 1 to %d servers", TL_FAILOVER_SERVERS_MAX);
    }
    f->transport.ops = &ops;
    f->def = *def;
    f->trying = f->first = true;
    *out = &f->transport;
    return TL_OK;
}

uint32_t tl_failover_get_server(const tl_transport *transport)
{
    const failover *f = (const failover *)transport;
    return f->present ? f->present_server : f->next_server;
}
