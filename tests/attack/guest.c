#include "guest.h"

#include "world/record.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ENTITIES_MAX = 40000, KBIT_S = 10000, TOKEN_S = 3600 };
#define AGAIN_AFTER_S 0.3

static uint64_t now_us(void)
{
    return (uint64_t)(attack_now_s() * 1e6);
}

void guest_init(attack *a, guest *g, int server, const char *name)
{
    *g = (guest){.attack = a, .peer.server = server % a->server_count};
    snprintf(g->name, sizeof g->name, "%s", name);
}

void guests_init(attack *a, guest *guests, int count, const char *prefix)
{
    for (int i = 0; i < count; i++) {
        char name[TL_NAME_BYTES_MAX + 1];
        snprintf(name, sizeof name, "%s-%d", prefix, i);
        guest_init(a, &guests[i], 0, name);
    }
}

static void send_on(void *user, const void *data, size_t size)
{
    guest *g = user;
    if (((const unsigned char *)data)[0] == TL_WIRE_REPORT) {
        memcpy(g->report, data, size);
        g->report_bytes = size;
        if (g->mute) {
            return;
        }
    }
    if (g->peer.state == PEER_OPEN) {
        peer_send(g->attack, &g->peer, data, size);
    }
}

static void receive(void *user, const void *data, size_t size)
{
    guest *g = user;
    if (g->client) {
        tl_client_receive(g->client, data, size, now_us());
    }
}

static bool begin(guest *g)
{
    char token[TL_TOKEN_BYTES_MAX + 1];
    tl_grant grant = tl_grant_default();
    snprintf(grant.name, sizeof grant.name, "%s", g->name);
    grant.expires_s = (int64_t)time(NULL) + TOKEN_S;
    if (g->created_max) {
        grant.created_max = g->created_max;
    }
    if (g->attack->key_file == NULL) {
        snprintf(token, sizeof token, "%s", g->name);
    } else if (tl_token_sign(g->attack->key_file, &grant, token, sizeof token) != TL_OK) {
        return false;
    }
    tl_client_def def = tl_client_def_default();
    def.send = send_on, def.send_user = g;
    def.token = token, def.token_bytes = strlen(token);
    def.entities_max = ENTITIES_MAX;
    def.kbit_s = KBIT_S;
    g->peer.receive = receive, g->peer.user = g;
    if (!peer_begin(g->attack, &g->peer)) {
        return false;
    }
    if (tl_client_create(&def, &g->client, NULL, 0) == TL_OK) {
        return true;
    }
    peer_end(&g->peer);
    return false;
}

void guest_end(guest *g, double pause_s)
{
    tl_client_destroy(g->client);
    g->client = NULL;
    g->connected = false;
    g->live_s = 0;
    peer_end(&g->peer);
    g->again_s = attack_now_s() + pause_s;
}

static void take_events(guest *g)
{
    tl_client_event event;
    while (tl_client_next_event(g->client, &event)) {
        if (event.type != TL_CLIENT_ANSWER) {
            continue;
        }
        g->answers[event.result]++;
        (*(event.result == TL_OK ? &g->attack->done : &g->attack->refused))++;
        if (event.result == TL_OK) {
            g->made = event.entity;
        }
    }
}

void guest_step(guest *g)
{
    double now_s = attack_now_s();
    if (g->peer.state == PEER_CLOSED || (g->client && tl_client_get_state(g->client) == TL_CLIENT_CLOSED)) {
        g->attack->ended++;
        guest_end(g, AGAIN_AFTER_S);
    }
    if (g->peer.state == PEER_NONE && (now_s < g->again_s || !begin(g))) {
        return;
    }
    if (peer_step(g->attack, &g->peer) != PEER_OPEN) {
        return;
    }
    if (!g->connected) {
        tl_client_connected(g->client, now_us());
    }
    g->connected = true;
    tl_client_step(g->client, now_us());
    take_events(g);
    if (g->live_s == 0 && guest_is_live(g)) {
        g->live_s = now_s;
    }
}

bool guest_is_live(const guest *g)
{
    return g->client && g->peer.state == PEER_OPEN && tl_client_get_state(g->client) == TL_CLIENT_LIVE;
}

void guests_step(guest *guests, int count)
{
    for (int i = 0; i < count; i++) {
        guest_step(&guests[i]);
    }
}

void guests_end(guest *guests, int count)
{
    for (int i = 0; i < count; i++) {
        guest_end(&guests[i], 0);
    }
}

// ---- what it says ----

tl_writer guest_report(guest *g, unsigned char data[TL_DATAGRAM_BYTES_MAX], uint8_t flags)
{
    tl_client *c = g->client;
    tl_writer w = tl_writer_make(data, TL_DATAGRAM_BYTES_MAX);
    tl_report_head head = {.sequence = ++c->report_sequence, .ack = (uint16_t)c->newest_sequence, .flags = flags};
    memcpy(head.bits, c->bits, sizeof head.bits);
    tl_report_head_write(&w, &head);
    return w;
}

void guest_say(guest *g, const void *data, size_t size)
{
    if (g->peer.state != PEER_OPEN) {
        return;
    }
    peer_send(g->attack, &g->peer, data, size);
    g->attack->said++;
}

bool guest_create(guest *g, tl_entity_id carrier, tl_vec3 place, bool own)
{
    tl_values values = {.mask = 1};
    values.fields[0].position = place;
    bool asked = tl_client_request_create(g->client, KIND_AVATAR, carrier, &values, own, NULL) == TL_OK;
    g->attack->said += asked;
    return asked;
}

void guest_say_owned(guest *g, tl_owned_entity *o, int64_t tick, tl_entity_id carrier, const int64_t *words)
{
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    const tl_kind *kind = &g->client->kinds.kinds[o->kind];
    tl_writer w = guest_report(g, data, TL_REPORT_OWNED);
    if (++o->version == 0) {
        o->version = 1;
    }
    tl_write_varint(&w, 1);
    tl_write_signed(&w, tick);
    tl_write_varint(&w, o->id);
    tl_write_fixed(&w, o->version, 2);
    tl_write_varint(&w, (uint64_t)o->kind);
    tl_write_varint(&w, carrier);
    tl_fields_write(&w, kind, tick, tl_fields_all(kind), words);
    if (!w.bad) {
        guest_say(g, data, w.size);
    }
}

tl_entity_id guest_finds(guest *g, bool carrier)
{
    const tl_view *v = &g->client->view;
    uint32_t from = v->entity_top ? (uint32_t)attack_dice(g->attack, v->entity_top) : 0;
    for (uint32_t n = 0; n < v->entity_top; n++) {
        uint32_t i = (from + n) % v->entity_top;
        if (v->entities[i].used && (!carrier || tl_view_source_of(v, (int32_t)i).kind->carrier_reach_m > 0)) {
            return v->entities[i].id;
        }
    }
    return 0;
}
