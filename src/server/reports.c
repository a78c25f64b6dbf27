// Clients' reports: acknowledgements, the observer, the states of what the client owns, and messages.
#include "server/reports.h"
#include "server/admission.h"
#include "server/answers.h"
#include "server/client_table.h"
#include "server/owned.h"
#include "server/requests.h"
#include "server/state.h"

typedef struct report {
    tl_report_head head;
    bool has_channel_ack, has_messages, has_observer, observes_entity;
    uint16_t channel_ack;
    tl_channel_section messages;
    struct {
        uint16_t sequence;
        uint32_t handle, begin, end, held;
    } nacks[TL_NACKS_MAX];
    int nack_count;
    tl_entity_id observer_id;
    tl_vec3 observer;
    size_t owned_at; // in the datagram, 0: none
} report;

static double read_double(tl_reader *r)
{
    uint64_t bits = tl_read_fixed(r, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void read_nacks(tl_reader *r, report *p)
{
    p->nack_count = (int)tl_read_limited(r, TL_NACKS_MAX);
    for (int i = 0; i < p->nack_count; i++) {
        p->nacks[i].sequence = (uint16_t)tl_read_fixed(r, 2);
        p->nacks[i].handle = (uint32_t)tl_read_limited(r, TL_HANDLES_MAX - 1);
        p->nacks[i].begin = (uint32_t)tl_read_limited(r, TL_SLOT_END - 1);
        p->nacks[i].end = (uint32_t)tl_read_limited(r, TL_SLOT_END - 1);
        p->nacks[i].held = (uint32_t)tl_read_limited(r, 0xffffffffu);
        if (p->nacks[i].end == 0) {
            p->nacks[i].end = TL_SLOT_END;
        }
    }
}

static void read_observer(tl_reader *r, report *p)
{
    p->has_observer = true;
    p->observes_entity = tl_read_limited(r, 1);
    if (p->observes_entity) {
        p->observer_id = tl_read_fixed(r, 8);
        return;
    }
    p->observer.x = read_double(r), p->observer.y = read_double(r), p->observer.z = read_double(r);
    if (!tl_place_valid(p->observer)) {
        r->bad = true;
    }
}

static tl_result read_report(tl_server *s, tl_server_client *client, tl_reader *r, report *p)
{
    memset(p, 0, sizeof *p);
    tl_report_head_read(r, &p->head);
    if ((p->has_channel_ack = p->head.flags & TL_REPORT_CHANNEL_ACK)) {
        p->channel_ack = (uint16_t)tl_read_fixed(r, 2);
    }
    if (p->head.flags & TL_REPORT_NACKS) {
        read_nacks(r, p);
    }
    if (p->head.flags & TL_REPORT_OBSERVER) {
        read_observer(r, p);
    }
    if (p->head.flags & TL_REPORT_OWNED) {
        p->owned_at = r->at;
        tl_owned_take(s, client, r, true);
    }
    if ((p->has_messages = p->head.flags & TL_REPORT_MESSAGES)) {
        tl_channel_read(r, &p->messages);
    }
    return r->bad || r->at != r->size ? TL_ERR_MALFORMED : TL_OK;
}

typedef struct delivery {
    tl_server *s;
    tl_server_client *client;
} delivery;

static bool on_message(void *user, int type, const void *data, size_t size)
{
    delivery *d = user;
    d->client->messages_left -= 1;
    if (type == TL_MESSAGE_USER && d->s->def.callbacks.message) {
        d->s->def.callbacks.message(d->s->def.callbacks.user, d->s, d->client->number, data, size);
    }
    if (type != TL_MESSAGE_REQUEST) {
        return true;
    }
    if (d->client->requests_left >= 1) {
        d->client->requests_left -= 1;
        tl_admission_spend(d->s, TL_UNITS_REQUEST);
        tl_requests_serve(d->s, d->client, data, size);
        return true;
    }
    d->s->stats.rate_limited++;
    tl_reader r = tl_reader_make(data, size);
    if (size >= 4) {
        tl_answers_send(d->s, d->client->number, (uint32_t)tl_read_fixed(&r, 4), TL_AGAIN, 0);
    }
    return true;
}

static void refill_limits(tl_server *s, tl_server_client *client)
{
    TL_ASSERT(client->limits_time_us <= s->time.now_us);
    double seconds = (double)(s->time.now_us - client->limits_time_us) * 1e-6;
    client->limits_time_us = s->time.now_us;
    client->requests_left = fmin(client->requests_left + seconds * TL_REQUESTS_PER_S, TL_REQUESTS_PER_S);
    client->messages_left = fmin(client->messages_left + seconds * TL_MESSAGES_PER_S, TL_MESSAGES_PER_S);
}

tl_result tl_reports_take(tl_server *s, tl_peer peer, tl_reader *r)
{
    tl_server_client *client = tl_client_table_by_peer(s, peer);
    if (client == NULL) {
        return TL_ERR_STATE;
    }
    report p;
    tl_result result = read_report(s, client, r, &p);
    if (result != TL_OK) {
        return result;
    }
    if (!tl_session_accept(client->session, &p.head, s->time.now_us)) {
        return TL_OK;
    }
    refill_limits(s, client);
    if (p.has_channel_ack) {
        tl_channel_acknowledge(&client->session->channel, p.channel_ack);
    }
    for (int i = 0; i < p.nack_count; i++) {
        tl_session_nack(client->session, p.nacks[i].sequence, p.nacks[i].handle, p.nacks[i].begin, p.nacks[i].end,
                        p.nacks[i].held);
    }
    tl_session_acknowledge(client->session, &p.head, s->time.now_us);
    if (p.has_observer) {
        client->session->observer_id = p.observer_id;
        if (!p.observes_entity) {
            client->session->observer = p.observer;
        }
    }
    if (p.owned_at && client->grant.write) {
        tl_reader owned = tl_reader_make(r->data, r->size);
        owned.at = p.owned_at;
        tl_owned_take(s, client, &owned, false);
    }
    delivery d = {s, client};
    if (p.has_messages && client->messages_left < 1) {
        s->stats.rate_limited++; // they are not acknowledged: the client sends them again later, and is slowed down
        return TL_OK;
    }
    if (p.has_messages) {
        tl_channel_take(&client->session->channel, &p.messages, on_message, &d);
    }
    return TL_OK;
}
