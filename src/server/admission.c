#include "server/admission.h"
#include "server/state.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    SWEEP_US = 100000,
    CLIENT_LINES_PER_S = 10, // log lines that clients can cause
    CLIENT_LINES_BURST = 50,
};

size_t tl_admission_bytes(const tl_server_def *def)
{
    uint32_t guests = def->clients_max + def->newcomers_max;
    return tl_map_bytes(guests) + guests * sizeof(tl_guest) * 5 / 4;
}

bool tl_admission_init(tl_server *s)
{
    s->admission.guests_max = s->def.clients_max + s->def.newcomers_max;
    s->admission.guests = tl_heap_alloc(&s->heap, s->admission.guests_max * sizeof *s->admission.guests);
    if (s->def.step_units_max == 0) {
        s->def.step_units_max = 1024 + 4 * s->def.clients_max;
    }
    s->admission.lines_left = CLIENT_LINES_BURST;
    return s->admission.guests && tl_map_init(&s->admission.map, &s->heap, s->admission.guests_max);
}

// ---- guests: a transport's peers, clients or not ----

static tl_guest *find_guest(tl_server *s, tl_peer peer)
{
    const uint32_t *index = tl_map_find(&s->admission.map, peer);
    TL_ASSERT(index == NULL || s->admission.guests[*index].peer == peer);
    return index ? &s->admission.guests[*index] : NULL;
}

void tl_admission_forget(tl_server *s, tl_peer peer)
{
    tl_guest *guest = find_guest(s, peer);
    if (guest == NULL) {
        return;
    }
    tl_map_remove(&s->admission.map, peer);
    *guest = (tl_guest){.next_free = s->admission.guest_free};
    s->admission.guest_free = 1 + (uint32_t)(guest - s->admission.guests);
}

static tl_guest *new_guest(tl_server *s, tl_peer peer)
{
    uint32_t index;
    if (s->admission.guest_free) {
        index = s->admission.guest_free - 1;
        s->admission.guest_free = s->admission.guests[index].next_free;
    } else if (s->admission.guest_top < s->admission.guests_max) {
        index = s->admission.guest_top++;
    } else {
        return NULL;
    }
    TL_ASSERT(index < s->admission.guests_max && s->admission.guests[index].peer == 0);
    TL_ASSERT(tl_map_put(&s->admission.map, peer, index));
    s->admission.guests[index] = (tl_guest){.peer = peer,
                                            .since_us = s->time.now_us,
                                            .datagrams_left = s->def.peer_datagrams_per_s,
                                            .datagrams_us = s->time.now_us};
    return &s->admission.guests[index];
}

void tl_admission_close(tl_server *s, tl_peer peer)
{
    tl_admission_forget(s, peer);
    tl_transport_flush(s->def.transport);
    tl_transport_drop(s->def.transport, peer);
}

// Returns the peer's guest. An unknown peer is admitted as a newcomer if there is capacity.
static tl_guest *receive_guest(tl_server *s, tl_peer peer)
{
    tl_guest *guest = find_guest(s, peer);
    if (guest == NULL && (guest = new_guest(s, peer)) == NULL) {
        s->stats.newcomers_refused++;
        tl_transport_drop(s->def.transport, peer);
    }
    return guest;
}

// Whether the guest may send one more datagram now.
static bool within_rate(tl_server *s, tl_guest *guest)
{
    double rate = s->def.peer_datagrams_per_s, seconds = (double)(s->time.now_us - guest->datagrams_us) * 1e-6;
    guest->datagrams_left = fmin(guest->datagrams_left + seconds * rate, rate);
    guest->datagrams_us = s->time.now_us;
    if (guest->datagrams_left < 1) {
        s->stats.datagrams_over_rate++;
        return false;
    }
    guest->datagrams_left -= 1;
    return true;
}

bool tl_admission_malformed(tl_server *s, tl_peer peer, bool counted)
{
    tl_guest *guest = find_guest(s, peer);
    if (counted) {
        s->stats.malformed++;
    }
    if (guest == NULL || ++guest->malformed < s->def.malformed_max) {
        return false;
    }
    s->stats.peers_closed_malformed++;
    tl_server_say_of_client(s, "peer %u is closed: it has sent %u malformed datagrams", peer, guest->malformed);
    return true;
}

// Closes peers that have not sent a valid HELLO in time, whatever else they have sent.
void tl_admission_sweep(tl_server *s)
{
    if (s->time.now_us < s->admission.swept_us + SWEEP_US) {
        return;
    }
    s->admission.swept_us = s->time.now_us;
    uint32_t closed = 0;
    for (uint32_t i = 0; i < s->admission.guest_top; i++) {
        tl_guest *guest = &s->admission.guests[i];
        if (guest->peer == 0 || tl_map_find(&s->clients.map, guest->peer)) {
            continue;
        }
        if (s->time.now_us < guest->since_us + s->def.hello_ms_max * 1000ull) {
            continue;
        }
        tl_admission_close(s, guest->peer);
        closed++;
    }
    if (closed == 0) {
        return;
    }
    s->stats.newcomers_closed += closed;
    tl_server_say_of_client(s, "closed %u that had not said a valid hello within %u ms", closed, s->def.hello_ms_max);
}

// ---- datagrams ----

void tl_admission_spend(tl_server *s, int units)
{
    TL_ASSERT(units > 0);
    s->admission.units_left -= units;
}

bool tl_admission_accepts(tl_server *s, const tl_transport_event *event)
{
    tl_guest *guest = receive_guest(s, event->peer);
    return guest && event->type == TL_TRANSPORT_DATAGRAM && within_rate(s, guest);
}

// ---- log lines ----

void tl_server_say_of_client(tl_server *s, const char *format, ...)
{
    double seconds = (double)(s->time.now_us - s->admission.lines_us) * 1e-6;
    s->admission.lines_left = fmin(s->admission.lines_left + seconds * CLIENT_LINES_PER_S, CLIENT_LINES_BURST);
    s->admission.lines_us = s->time.now_us;
    if (s->admission.lines_left < 1) {
        s->stats.client_lines_omitted++;
        return;
    }
    s->admission.lines_left -= 1;
    if (s->stats.client_lines_omitted > s->admission.lines_reported) {
        uint64_t count = s->stats.client_lines_omitted - s->admission.lines_reported;
        tl_server_say(s, "%llu lines about clients were omitted", (unsigned long long)count);
        s->admission.lines_reported = s->stats.client_lines_omitted;
    }
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tl_server_say(s, "%s", text);
}
