// Clients: receives their datagrams and sends each of them a frame.
#include "server/clients.h"
#include "server/admission.h"
#include "server/claims.h"
#include "server/client_table.h"
#include "server/disconnect.h"
#include "server/hello.h"
#include "server/owned.h"
#include "server/reports.h"
#include "server/state.h"

enum { SILENCE_SECONDS = 10 };

// ---- connecting and disconnecting ----

static void drop_due(tl_server *s)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        if (s->clients.all[i].used && s->clients.all[i].drop_due) {
            tl_disconnect_client(s, &s->clients.all[i], TL_ERR_DENIED, s->clients.all[i].drop_reason);
        }
    }
}

// ---- datagrams ----

static tl_result take_datagram(tl_server *s, tl_peer peer, const void *data, size_t size)
{
    tl_reader r = tl_reader_make(data, size);
    switch (tl_read_fixed(&r, 1)) {
    case TL_WIRE_HELLO: return tl_hello_take(s, peer, &r);
    case TL_WIRE_REPORT: return tl_reports_take(s, peer, &r);
    case TL_WIRE_BYE:
        tl_disconnect_gone(s, peer, false);
        tl_admission_close(s, peer);
        return TL_OK;
    default: return TL_ERR_MALFORMED;
    }
}

static void take_event(tl_server *s, const tl_transport_event *event)
{
    tl_admission_spend(s, TL_UNITS_DATAGRAM);
    if (event->type == TL_TRANSPORT_CLOSED) {
        tl_admission_forget(s, event->peer);
        tl_disconnect_gone(s, event->peer, true);
        return;
    }
    if (!tl_admission_accepts(s, event)) {
        return;
    }
    tl_result result = take_datagram(s, event->peer, event->data, event->size);
    // TL_ERR_STATE: a report from a peer that has not said HELLO.
    bool bad = result == TL_ERR_MALFORMED || result == TL_ERR_STATE;
    if (bad && tl_admission_malformed(s, event->peer, result == TL_ERR_MALFORMED)) {
        tl_disconnect_peer(s, event->peer, TL_ERR_MALFORMED,
                           "too many malformed datagrams; bring both sides to the same release");
    }
}

void tl_clients_poll(tl_server *s)
{
    if (s->def.transport == NULL) {
        return;
    }
    tl_transport_event event;
    s->admission.units_left = (int64_t)s->def.step_units_max;
    while (s->admission.units_left > 0 && tl_transport_poll(s->def.transport, s->time.now_us, &event) == TL_OK) {
        take_event(s, &event);
    }
    if (s->admission.units_left <= 0) {
        s->stats.steps_deferred++;
    }
    tl_admission_sweep(s);
}

// ---- frames ----

static void send_kinds(tl_server *s, tl_server_client *client)
{
    uint32_t parts = (uint32_t)((s->kind_table_bytes + TL_MESSAGE_BYTES_MAX - 1) / TL_MESSAGE_BYTES_MAX);
    while (client->kinds_sent < parts) {
        size_t at = (size_t)client->kinds_sent * TL_MESSAGE_BYTES_MAX, size = s->kind_table_bytes - at;
        if (size > TL_MESSAGE_BYTES_MAX) {
            size = TL_MESSAGE_BYTES_MAX;
        }
        if (tl_channel_send(&client->session->channel, TL_MESSAGE_KINDS, s->kind_table + at, size) != TL_OK) {
            return;
        }
        client->kinds_sent++;
    }
    tl_claims_report(s, client);
    if (client->session->channel.count == 0) {
        client->ready = true;
    }
}

static void look(tl_server *s, tl_session *session)
{
    int32_t index = tl_mirror_find(&s->mirror, session->observer_id);
    tl_vec3 position;
    tl_quat rotation;
    if (index != TL_NONE && tl_mirror_pose(&s->mirror, index, (double)s->mirror.tick, &position, &rotation)) {
        session->observer = position;
    }
}

static void send_frame(tl_server *s, tl_server_client *client)
{
    tl_session *session = client->session;
    TL_ASSERT(client->used && session);
    if (!client->ready) {
        send_kinds(s, client);
    }
    if (client->ready) {
        tl_claims_report(s, client);
        look(s, session);
        tl_session_subscribe(session, s->mirror.tick, s->clients.marks);
    }
    uint64_t age_us = s->time.clock.world_us - tl_world_clock_tick_us(&s->time.clock, s->mirror.tick);
    size_t size = tl_frame_write(session, s->mirror.tick, s->time.now_us - age_us, s->time.now_us,
                                 s->clients.frame_scratch, s->clients.frame, TL_FRAME_BYTES_MAX);
    if (size && s->def.callbacks.frame) {
        s->def.callbacks.frame(s->def.callbacks.user, s, client->number, s->clients.frame, size);
    }
    for (size_t at = 0; at + 2 <= size;) {
        size_t datagram = s->clients.frame[at] | (size_t)s->clients.frame[at + 1] << 8;
        tl_client_table_send(s, client->peer, s->clients.frame + at + 2, datagram);
        at += 2 + datagram;
        TL_ASSERT(datagram > 0 && at <= size);
    }
}

// Returns the place of the next client after `place`, or `place` itself if it is alone. Skipping free places gives all
// clients equal turns.
static uint32_t next_client(const tl_server *s, uint32_t place)
{
    for (uint32_t k = 1; k < s->def.clients_max; k++) {
        uint32_t next = (place + k) % s->def.clients_max;
        if (s->clients.all[next].used) {
            return next;
        }
    }
    return place;
}

void tl_clients_frames(tl_server *s)
{
    drop_due(s);
    s->clients.work_left = s->def.work_slots;
    s->clients.frames_first = next_client(s, s->clients.frames_first); // so that clients waiting for work take turns
    for (uint32_t k = 0; k < s->def.clients_max; k++) {
        uint32_t i = (s->clients.frames_first + k) % s->def.clients_max;
        tl_server_client *client = &s->clients.all[i];
        if (!client->used) {
            continue;
        }
        if (client->owned_count && (s->mirror.tick + i) % (s->world.tick_hz / 4 + 1) == 0) {
            tl_owned_hold(s, client);
        }
        if (s->time.now_us > client->session->report_time_us + SILENCE_SECONDS * 1000000ull) {
            tl_disconnect_client(s, client, TL_ERR_UNAVAILABLE, "nothing was heard for ten seconds");
        } else {
            send_frame(s, client);
        }
    }
}

tl_result tl_server_send(tl_server *s, tl_client_number number, const void *data, size_t size)
{
    tl_server_client *client = tl_client_table_by_number(s, number);
    return client ? tl_channel_send(&client->session->channel, TL_MESSAGE_USER, data, size) : TL_ERR_NOT_FOUND;
}
