#include "server/state.h"

#include <stdio.h>

enum { SILENCE_SECONDS = 10 };

static void send_bytes(tl_server *s, tl_peer peer, const void *data, size_t size)
{
    s->def.transport->ops->send(s->def.transport, peer, data, size);
}

static tl_server_client *find_client(tl_server *s, tl_peer peer)
{
    const uint32_t *index = tl_map_find(&s->client_map, peer);
    return index ? &s->clients[*index] : NULL;
}

tl_server_client *tl_clients_by_number(tl_server *s, tl_client_number number)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        if (s->clients[i].used && s->clients[i].number == number) {
            return &s->clients[i];
        }
    }
    return NULL;
}

// ---- coming and going ----

static void refuse(tl_server *s, tl_peer peer, tl_result result, const char *text)
{
    unsigned char data[256];
    tl_writer w = tl_writer_make(data, sizeof data);
    size_t size = strlen(text) < 200 ? strlen(text) : 200;
    tl_write_fixed(&w, TL_WIRE_REFUSE, 1);
    tl_write_fixed(&w, result, 1);
    tl_write_varint(&w, size);
    tl_write_bytes(&w, text, size);
    send_bytes(s, peer, data, w.size);
}

// `keep`: it may come back; what it owns is kept for a while.
static void end_client(tl_server *s, tl_server_client *client, bool keep)
{
    tl_claims_goodbye(s, client, keep);
    tl_accounts_leave(s, client);
    s->stats.work_waits += client->session->work.waits;
    tl_session_end(client->session);
    tl_heap_free(&s->heap, client->session, sizeof *client->session);
    tl_map_remove(&s->client_map, client->peer);
    tl_client_number number = client->number;
    char name[TL_NAME_BYTES_MAX + 1];
    memcpy(name, client->grant.name, sizeof name);
    *client = (tl_server_client){0};
    if (s->def.callbacks.client) {
        s->def.callbacks.client(s->def.callbacks.user, s, number, name, false);
    }
}

void tl_clients_drop(tl_server *s, tl_server_client *client, tl_result result, const char *text)
{
    tl_peer peer = client->peer;
    refuse(s, peer, result, text);
    tl_admission_close(s, peer);
    end_client(s, client, result != TL_ERR_DENIED); // the game's own decision is for good
}

void tl_clients_close(tl_server *s, tl_peer peer, tl_result result, const char *text)
{
    tl_server_client *client = find_client(s, peer);
    if (client) {
        tl_clients_drop(s, client, result, text);
        return;
    }
    refuse(s, peer, result, text);
    tl_admission_close(s, peer);
}

void tl_clients_gone(tl_server *s, tl_peer peer, bool keep)
{
    tl_server_client *client = find_client(s, peer);
    if (client) {
        end_client(s, client, keep);
    }
}

void tl_clients_drop_all(tl_server *s, tl_result result, const char *text)
{
    for (uint32_t i = 0; i < s->def.clients_max && s->clients; i++) {
        if (s->clients[i].used) {
            tl_clients_drop(s, &s->clients[i], result, text);
        }
    }
}

void tl_server_drop_client(tl_server *s, tl_client_number number, const char *reason)
{
    tl_server_client *client = tl_clients_by_number(s, number);
    if (client == NULL || client->drop_due) {
        return;
    }
    client->drop_due = true;
    snprintf(client->drop_reason, sizeof client->drop_reason, "%s", reason);
}

void tl_clients_blame(tl_server *s, tl_entity_id id, const char *reason)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        const tl_server_client *client = &s->clients[i];
        for (uint32_t k = 0; client->used && k < client->owned_count; k++) {
            if (client->owned[k].id == id) {
                tl_server_drop_client(s, client->number, reason);
            }
        }
    }
}

static void drop_due(tl_server *s)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        if (s->clients[i].used && s->clients[i].drop_due) {
            tl_clients_drop(s, &s->clients[i], TL_ERR_DENIED, s->clients[i].drop_reason);
        }
    }
}

static tl_result authorize(tl_server *s, const void *token, size_t size, tl_grant *grant)
{
    *grant = (tl_grant){.write = true, .kbit_s_max = s->def.kbit_s, .entities_max = 16, .created_max = 64};
    if (s->def.callbacks.authorize) {
        return s->def.callbacks.authorize(s->def.callbacks.user, token, size, grant);
    }
    size_t length = size <= TL_NAME_BYTES_MAX ? size : 0;
    memcpy(grant->name, token, length);
    if (!tl_name_valid(grant->name)) {
        snprintf(grant->name, sizeof grant->name, "guest");
    }
    return TL_OK;
}

// Why a token was not taken, and what to do.
static const char *token_text(tl_result result, size_t token_bytes)
{
    if (token_bytes == 0) {
        return "this server lets in only who has a token; ask its operator for one";
    }
    if (result == TL_ERR_MALFORMED) {
        return "what was given as a token is none; give the whole text that 'tramline token' has made";
    }
    if (result == TL_ERR_DENIED) {
        return "the token is not good here: of another key or world, not valid yet, or refused by the game; ask the "
               "operator for one";
    }
    return tl_result_text(result);
}

static void welcome(tl_server *s, const tl_server_client *client)
{
    unsigned char data[64 + TL_SECRET_BYTES];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_fixed(&w, TL_WIRE_WELCOME, 1);
    tl_write_fixed(&w, TL_PROTOCOL_VERSION, 2);
    tl_write_fixed(&w, client->number, 4);
    tl_write_fixed(&w, s->world.tick_hz, 1);
    tl_write_fixed(&w, (uint64_t)s->def.level_count, 1);
    tl_write_fixed(&w, (uint64_t)s->mirror.tick, 8);
    tl_write_fixed(&w, s->kind_table_bytes, 4);
    tl_write_varint(&w, client->has_secret ? TL_SECRET_BYTES : 0);
    if (client->has_secret) {
        tl_write_bytes(&w, client->secret, TL_SECRET_BYTES);
    }
    send_bytes(s, client->peer, data, w.size);
}

// A newcomer is refused, and closed: whoever wants to ask again connects again, which the transport limits.
static void turn_away(tl_server *s, tl_peer peer, tl_result result, const char *text)
{
    s->stats.hellos_refused++;
    tl_server_say_of_client(s, "peer %u was refused: %s", peer, text);
    tl_clients_close(s, peer, result, text);
}

static void new_client(tl_server *s, tl_peer peer, const tl_grant *grant, uint32_t kbit_s, const unsigned char *secret)
{
    uint32_t index = 0;
    tl_accounts_make_room(s, grant);
    while (index < s->def.clients_max && s->clients[index].used) {
        index++;
    }
    tl_session *session = index < s->def.clients_max ? tl_heap_alloc(&s->heap, sizeof *session) : NULL;
    if (session == NULL) {
        s->stats.limits_reached++;
        turn_away(s, peer, TL_ERR_FULL, "this server has as many clients as it takes; try another");
        return;
    }
    if (grant->kbit_s_max && grant->kbit_s_max < kbit_s) {
        kbit_s = grant->kbit_s_max;
    }
    if (s->def.kbit_s < kbit_s) {
        kbit_s = s->def.kbit_s;
    }
    tl_session_init(session, &s->heap, &s->pyramid, kbit_s ? kbit_s : 64, grant->level_finest);
    session->work.shared = &s->work_left;
    session->kept_max = s->def.streams_kept_max;
    tl_server_client *client = &s->clients[index];
    *client = (tl_server_client){.used = true,
                                 .number = s->next_client++,
                                 .peer = peer,
                                 .grant = *grant,
                                 .session = session,
                                 .requests_left = TL_REQUESTS_PER_S,
                                 .messages_left = TL_MESSAGES_PER_S,
                                 .limits_time_us = s->now_us};
    session->report_time_us = s->now_us;
    tl_accounts_take(s, client);
    TL_ASSERT(tl_map_put(&s->client_map, peer, index));
    tl_claims_hello(s, client, secret);
    welcome(s, client);
    if (s->def.callbacks.client) {
        s->def.callbacks.client(s->def.callbacks.user, s, client->number, grant->name, true);
    }
}

static tl_result on_hello(tl_server *s, tl_peer peer, tl_reader *r)
{
    uint32_t version = (uint32_t)tl_read_fixed(r, 2);
    if (r->bad) {
        return TL_ERR_MALFORMED;
    }
    tl_server_client *known = find_client(s, peer);
    if (version != TL_PROTOCOL_VERSION && !known) { // what follows may be laid out in another way
        turn_away(s, peer, TL_ERR_VERSION,
                  "this server speaks another version of the protocol; bring both sides to the same release");
        return TL_OK;
    }
    uint32_t kbit_s = (uint32_t)tl_read_limited(r, 10000000);
    size_t size = tl_read_limited(r, TL_TOKEN_BYTES_MAX);
    const unsigned char *token = tl_read_bytes(r, size);
    size_t secret_bytes = tl_read_limited(r, TL_SECRET_BYTES);
    const unsigned char *secret = secret_bytes ? tl_read_bytes(r, secret_bytes) : NULL;
    if (r->bad || (secret && secret_bytes != TL_SECRET_BYTES)) {
        return TL_ERR_MALFORMED;
    }
    if (known) {
        welcome(s, known);
        return TL_OK;
    }
    tl_grant grant;
    if (s->state != TL_SERVER_RUNNING) {
        turn_away(s, peer, TL_ERR_UNAVAILABLE, "this server is not running; try again, or another");
    } else if (s->clock.held && s->clock.ahead_us >= TL_CLOCK_NEAR_US) { // what it would show is not known yet
        turn_away(s, peer, TL_ERR_UNAVAILABLE, "this server is ahead of the others' time; try again, or another");
    } else {
        tl_admission_spend(s, TL_UNITS_HELLO);
        tl_result result = authorize(s, token, size, &grant);
        if (result == TL_OK) {
            new_client(s, peer, &grant, kbit_s, secret);
        } else {
            turn_away(s, peer, result, token_text(result, size));
        }
    }
    return TL_OK;
}

// ---- reports ----

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
        tl_requests_answer(d->s, d->client->number, (uint32_t)tl_read_fixed(&r, 4), TL_AGAIN, 0);
    }
    return true;
}

static void refill_limits(tl_server *s, tl_server_client *client)
{
    double seconds = (double)(s->now_us - client->limits_time_us) * 1e-6;
    client->limits_time_us = s->now_us;
    client->requests_left = fmin(client->requests_left + seconds * TL_REQUESTS_PER_S, TL_REQUESTS_PER_S);
    client->messages_left = fmin(client->messages_left + seconds * TL_MESSAGES_PER_S, TL_MESSAGES_PER_S);
}

static tl_result on_report(tl_server *s, tl_peer peer, tl_reader *r)
{
    tl_server_client *client = find_client(s, peer);
    if (client == NULL) {
        return TL_ERR_STATE;
    }
    report p;
    tl_result result = read_report(s, client, r, &p);
    if (result != TL_OK) {
        return result;
    }
    if (!tl_session_accept(client->session, &p.head, s->now_us)) {
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
    tl_session_acknowledge(client->session, &p.head, s->now_us);
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
        s->stats.rate_limited++; // they are not acknowledged: they come again, and the client is held up
        return TL_OK;
    }
    if (p.has_messages) {
        tl_channel_take(&client->session->channel, &p.messages, on_message, &d);
    }
    return TL_OK;
}

// ---- datagrams in ----

tl_result tl_clients_datagram(tl_server *s, tl_peer peer, const void *data, size_t size)
{
    tl_reader r = tl_reader_make(data, size);
    switch (tl_read_fixed(&r, 1)) {
    case TL_WIRE_HELLO: return on_hello(s, peer, &r);
    case TL_WIRE_REPORT: return on_report(s, peer, &r);
    case TL_WIRE_BYE:
        tl_clients_gone(s, peer, false);
        tl_admission_close(s, peer);
        return TL_OK;
    default: return TL_ERR_MALFORMED;
    }
}

// ---- frames out ----

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
    tl_claims_tell(s, client);
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
    if (!client->ready) {
        send_kinds(s, client);
    }
    if (client->ready) {
        tl_claims_tell(s, client);
        look(s, session);
        tl_session_subscribe(session, s->mirror.tick, s->marks);
    }
    uint64_t age_us = s->clock.world_us - tl_world_clock_tick_us(&s->clock, s->mirror.tick);
    size_t size = tl_frame_write(session, s->mirror.tick, s->now_us - age_us, s->now_us, s->frame_scratch, s->frame,
                                 TL_FRAME_BYTES_MAX);
    if (size && s->def.callbacks.frame) {
        s->def.callbacks.frame(s->def.callbacks.user, s, client->number, s->frame, size);
    }
    for (size_t at = 0; at + 2 <= size;) {
        size_t datagram = s->frame[at] | (size_t)s->frame[at + 1] << 8;
        send_bytes(s, client->peer, s->frame + at + 2, datagram);
        at += 2 + datagram;
    }
}

// The next client after that one, itself if it is alone: with free places between them all have their turn as often.
static uint32_t next_client(const tl_server *s, uint32_t place)
{
    for (uint32_t k = 1; k < s->def.clients_max; k++) {
        uint32_t next = (place + k) % s->def.clients_max;
        if (s->clients[next].used) {
            return next;
        }
    }
    return place;
}

void tl_clients_frames(tl_server *s)
{
    drop_due(s);
    s->work_left = s->def.work_slots;
    s->frames_first = next_client(s, s->frames_first); // so that who waits for work has its turn
    for (uint32_t k = 0; k < s->def.clients_max; k++) {
        uint32_t i = (s->frames_first + k) % s->def.clients_max;
        tl_server_client *client = &s->clients[i];
        if (!client->used) {
            continue;
        }
        if (client->owned_count && (s->mirror.tick + i) % (s->world.tick_hz / 4 + 1) == 0) {
            tl_owned_hold(s, client);
        }
        if (s->now_us > client->session->report_time_us + SILENCE_SECONDS * 1000000ull) {
            tl_clients_drop(s, client, TL_ERR_UNAVAILABLE, "nothing was heard for ten seconds");
        } else {
            send_frame(s, client);
        }
    }
}

tl_result tl_server_send(tl_server *s, tl_client_number number, const void *data, size_t size)
{
    tl_server_client *client = tl_clients_by_number(s, number);
    return client ? tl_channel_send(&client->session->channel, TL_MESSAGE_USER, data, size) : TL_ERR_NOT_FOUND;
}
