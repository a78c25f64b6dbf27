// Handles a newcomer's HELLO: accepts it as a client or refuses it.
#include "server/hello.h"
#include "server/accounts.h"
#include "server/admission.h"
#include "server/claims.h"
#include "server/client_table.h"
#include "server/disconnect.h"
#include "server/state.h"

#include <stdio.h>

enum {
    ENTITIES_OWNED = 16, // by one client, unless the game says otherwise
    ENTITIES_CREATED = 64,
    KBIT_S_LEAST = 64, // for a client that asks for 0
    KBIT_S_MAX = 10000000,
    WELCOME_BYTES_MAX = 64 + TL_SECRET_BYTES,
};

static tl_result authorize(tl_server *s, const void *token, size_t size, tl_grant *grant)
{
    *grant = (tl_grant){
        .write = true, .kbit_s_max = s->def.kbit_s, .entities_max = ENTITIES_OWNED, .created_max = ENTITIES_CREATED};
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

// Says why a token was refused, and what to do.
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
    unsigned char data[WELCOME_BYTES_MAX];
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
    tl_client_table_send(s, client->peer, data, w.size);
}

// Refuses a newcomer and closes its connection: to ask again it must reconnect, which the transport limits.
static void turn_away(tl_server *s, tl_peer peer, tl_result result, const char *text)
{
    s->stats.hellos_refused++;
    tl_server_say_of_client(s, "peer %u was refused: %s", peer, text);
    tl_disconnect_peer(s, peer, result, text);
}

// A client program has one connection: what is left of its former one ends when it reconnects.
static void end_former(tl_server *s, const tl_server_client *client)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        tl_server_client *other = &s->clients.all[i];
        if (other->used && other != client && tl_identity_equal(&other->identity, &client->identity)) {
            tl_disconnect_client(s, other, TL_ERR_EXISTS, "this client has connected anew");
        }
    }
}

static void new_client(tl_server *s, tl_peer peer, const tl_grant *grant, uint32_t kbit_s, const unsigned char *secret)
{
    uint32_t index = 0;
    tl_server_client *surplus = tl_accounts_surplus(s, grant);
    if (surplus) {
        tl_disconnect_client(s, surplus, TL_ERR_EXISTS, "this name has as many connections as it may");
    }
    while (index < s->def.clients_max && s->clients.all[index].used) {
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
    tl_session_init(session, &s->heap, &s->pyramid, kbit_s ? kbit_s : KBIT_S_LEAST, grant->level_finest);
    session->work.shared = &s->clients.work_left;
    session->kept_max = s->def.streams_kept_max;
    tl_server_client *client = &s->clients.all[index];
    *client = (tl_server_client){.used = true,
                                 .number = s->clients.next_number++,
                                 .peer = peer,
                                 .grant = *grant,
                                 .session = session,
                                 .requests_left = TL_REQUESTS_PER_S,
                                 .messages_left = TL_MESSAGES_PER_S,
                                 .limits_time_us = s->time.now_us};
    session->report_time_us = s->time.now_us;
    tl_accounts_take(s, client);
    TL_ASSERT(tl_map_put(&s->clients.map, peer, index));
    tl_claims_hello(s, client, secret);
    if (secret && client->has_secret) {
        end_former(s, client);
    }
    welcome(s, client);
    if (s->def.callbacks.client) {
        s->def.callbacks.client(s->def.callbacks.user, s, client->number, grant->name, true);
    }
}

tl_result tl_hello_take(tl_server *s, tl_peer peer, tl_reader *r)
{
    uint32_t version = (uint32_t)tl_read_fixed(r, 2);
    if (r->bad) {
        return TL_ERR_MALFORMED;
    }
    tl_server_client *known = tl_client_table_by_peer(s, peer);
    if (version != TL_PROTOCOL_VERSION && !known) { // the rest may be laid out differently
        turn_away(s, peer, TL_ERR_VERSION,
                  "this server speaks another version of the protocol; bring both sides to the same release");
        return TL_OK;
    }
    uint32_t kbit_s = (uint32_t)tl_read_limited(r, KBIT_S_MAX);
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
    } else if (s->time.clock.held &&
               s->time.clock.ahead_us >= TL_CLOCK_NEAR_US) { // the state it would show is not known yet
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
