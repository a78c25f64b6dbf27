#include "server_internal.h"

#include <stdio.h>

enum { SILENCE_SECONDS = 10, REQUEST_BYTES_MAX = TL_MESSAGE_BYTES_MAX, OWNED_AGE_TICKS_MAX = 400 };

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
    for (uint32_t i = 0; i < s->def.clients_max; i++)
        if (s->clients[i].used && s->clients[i].number == number) return &s->clients[i];
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
    if (s->def.callbacks.client) s->def.callbacks.client(s->def.callbacks.user, s, number, name, false);
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
    if (client) end_client(s, client, keep);
}

void tl_clients_drop_all(tl_server *s, tl_result result, const char *text)
{
    for (uint32_t i = 0; i < s->def.clients_max && s->clients; i++)
        if (s->clients[i].used) tl_clients_drop(s, &s->clients[i], result, text);
}

void tl_server_drop_client(tl_server *s, tl_client_number number, const char *reason)
{
    tl_server_client *client = tl_clients_by_number(s, number);
    if (client == NULL || client->drop_due) return;
    client->drop_due = true;
    snprintf(client->drop_reason, sizeof client->drop_reason, "%s", reason);
}

void tl_clients_blame(tl_server *s, tl_entity_id id, const char *reason)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        const tl_server_client *client = &s->clients[i];
        for (uint32_t k = 0; client->used && k < client->owned_count; k++)
            if (client->owned[k].id == id) tl_server_drop_client(s, client->number, reason);
    }
}

static void drop_due(tl_server *s)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++)
        if (s->clients[i].used && s->clients[i].drop_due) tl_clients_drop(s, &s->clients[i], TL_ERR_DENIED, s->clients[i].drop_reason);
}

static tl_result authorize(tl_server *s, const void *token, size_t size, tl_grant *grant)
{
    *grant = (tl_grant){.write = true, .kbit_s_max = s->def.kbit_s, .entities_max = 16, .created_max = 64};
    if (s->def.callbacks.authorize) return s->def.callbacks.authorize(s->def.callbacks.user, token, size, grant);
    size_t length = size <= TL_NAME_BYTES_MAX ? size : 0;
    memcpy(grant->name, token, length);
    if (!tl_name_valid(grant->name)) snprintf(grant->name, sizeof grant->name, "guest");
    return TL_OK;
}

// Why a token was not taken, and what to do.
static const char *token_text(tl_result result, size_t token_bytes)
{
    if (token_bytes == 0) return "this server lets in only who has a token; ask its operator for one";
    if (result == TL_ERR_MALFORMED) return "what was given as a token is none; give the whole text that 'tramline token' has made";
    if (result == TL_ERR_DENIED) return "the token is not good here: of another key or world, not valid yet, or refused by the game; ask the operator for one";
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
    if (client->has_secret) tl_write_bytes(&w, client->secret, TL_SECRET_BYTES);
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
    while (index < s->def.clients_max && s->clients[index].used) index++;
    tl_session *session = index < s->def.clients_max ? tl_heap_alloc(&s->heap, sizeof *session) : NULL;
    if (session == NULL) {
        s->stats.limits_reached++;
        turn_away(s, peer, TL_ERR_FULL, "this server has as many clients as it takes; try another");
        return;
    }
    if (grant->kbit_s_max && grant->kbit_s_max < kbit_s) kbit_s = grant->kbit_s_max;
    if (s->def.kbit_s < kbit_s) kbit_s = s->def.kbit_s;
    tl_session_init(session, &s->heap, &s->pyramid, kbit_s ? kbit_s : 64, grant->level_finest);
    session->work.shared = &s->work_left;
    session->kept_max = s->def.streams_kept_max;
    tl_server_client *client = &s->clients[index];
    *client = (tl_server_client){.used = true, .number = s->next_client++, .peer = peer, .grant = *grant, .session = session,
                                 .requests_left = TL_REQUESTS_PER_S, .messages_left = TL_MESSAGES_PER_S, .limits_time_us = s->now_us};
    session->report_time_us = s->now_us;
    tl_accounts_take(s, client);
    TL_ASSERT(tl_map_put(&s->client_map, peer, index));
    tl_claims_hello(s, client, secret);
    welcome(s, client);
    if (s->def.callbacks.client) s->def.callbacks.client(s->def.callbacks.user, s, client->number, grant->name, true);
}

static tl_result on_hello(tl_server *s, tl_peer peer, tl_reader *r)
{
    uint32_t version = (uint32_t)tl_read_fixed(r, 2);
    if (r->bad) return TL_ERR_MALFORMED;
    tl_server_client *known = find_client(s, peer);
    if (version != TL_PROTOCOL_VERSION && !known) { // what follows may be laid out in another way
        turn_away(s, peer, TL_ERR_VERSION, "this server speaks another version of the protocol; bring both sides to the same release");
        return TL_OK;
    }
    uint32_t kbit_s = (uint32_t)tl_read_limited(r, 10000000);
    size_t size = tl_read_limited(r, TL_TOKEN_BYTES_MAX);
    const unsigned char *token = tl_read_bytes(r, size);
    size_t secret_bytes = tl_read_limited(r, TL_SECRET_BYTES);
    const unsigned char *secret = secret_bytes ? tl_read_bytes(r, secret_bytes) : NULL;
    if (r->bad || (secret && secret_bytes != TL_SECRET_BYTES)) return TL_ERR_MALFORMED;
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
        if (result == TL_OK)
            new_client(s, peer, &grant, kbit_s, secret);
        else
            turn_away(s, peer, result, token_text(result, size));
    }
    return TL_OK;
}

// ---- requests ----

typedef struct asked {
    tl_request request;
    uint32_t number;
    bool own;
    int64_t words[TL_STATE_WORDS_MAX];
} asked;

static tl_result read_request(const tl_server *s, const void *data, size_t size, asked *a)
{
    tl_reader r = tl_reader_make(data, size);
    memset(&a->request, 0, sizeof a->request);
    memset(a->words, 0, sizeof a->words);
    a->number = (uint32_t)tl_read_fixed(&r, 4);
    a->request.type = tl_read_limited(&r, TL_REQUEST_TYPE_COUNT - 1);
    a->own = a->request.type == TL_REQUEST_CREATE && tl_read_limited(&r, 1);
    if (a->request.type != TL_REQUEST_CREATE && (a->request.entity = tl_read_varint(&r)) == 0) return TL_ERR_MALFORMED;
    if (a->request.type == TL_REQUEST_DELETE) return r.bad || r.at != r.size ? TL_ERR_MALFORMED : TL_OK;
    a->request.kind = (int)tl_read_limited(&r, (uint64_t)s->kinds.count - 1);
    const tl_kind *kind = &s->kinds.kinds[a->request.kind];
    if (a->request.type == TL_REQUEST_CREATE) a->request.carrier = tl_read_varint(&r);
    uint32_t mask = (uint32_t)tl_read_limited(&r, tl_fields_all(kind));
    tl_fields_read(&r, kind, &s->kinds, s->tick, mask, a->words);
    if (r.bad || r.at != r.size || (a->request.type == TL_REQUEST_CREATE && !(mask & 1))) return TL_ERR_MALFORMED;
    tl_values_get(a->words, kind, &s->kinds, 0, (double)s->tick, &a->request.values);
    a->request.values.mask = mask;
    return TL_OK;
}

static tl_result allowed(tl_server *s, tl_policy policy, const tl_request *request)
{
    if (policy == TL_POLICY_ALLOW) return TL_OK;
    if (policy == TL_POLICY_DENY || s->def.callbacks.request == NULL) return TL_ERR_DENIED;
    return s->def.callbacks.request(s->def.callbacks.user, s, request);
}

static tl_owned *find_owned(tl_server_client *client, tl_entity_id id)
{
    for (uint32_t i = 0; client && i < client->owned_count; i++)
        if (client->owned[i].id == id) return &client->owned[i];
    return NULL;
}

// False: too much is waiting for this client.
static bool answer(tl_server *s, tl_client_number number, uint32_t request, tl_result result, tl_entity_id entity)
{
    tl_server_client *client = tl_clients_by_number(s, number);
    unsigned char data[32];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_fixed(&w, request, 4);
    tl_write_fixed(&w, result, 1);
    tl_write_varint(&w, entity);
    bool sent = client == NULL || tl_channel_send(&client->session->channel, TL_MESSAGE_ANSWER, data, w.size) == TL_OK;
    s->stats.limits_reached += !sent;
    return sent;
}

// What the game, or another client, has deleted is nobody's any more; its owner hears of it.
static void forget_gone(tl_server *s, tl_server_client *client)
{
    for (uint32_t i = 0; i < client->owned_count; i++) {
        if (tl_mirror_find(&s->mirror, client->owned[i].id) != TL_NONE) continue;
        if (!answer(s, client->number, 0, TL_ERR_DENIED, client->owned[i].id)) return; // later
        client->owned[i--] = client->owned[--client->owned_count];
    }
}

static tl_result do_create(tl_server *s, tl_server_client *client, asked *a)
{
    if (client == NULL) return TL_ERR_DENIED; // is asked only of the server that the client is on
    forget_gone(s, client);
    if (tl_volume_allowed(s, client) != TL_OK) return TL_AGAIN;
    if (a->own && (client->owned_count >= client->grant.entities_max || client->owned_count == TL_OWNED_MAX)) return TL_ERR_FULL;
    const tl_kind *kind = &s->kinds.kinds[a->request.kind];
    tl_result result = tl_travel_accept(s, kind, a->words, a->request.values.mask);
    if (result == TL_OK) result = tl_carriers_check_words(s, TL_NONE, kind, a->request.carrier, a->words);
    s->stats.states_refused += result != TL_OK;
    if (result == TL_OK && !a->own && !tl_travel_lets_aboard(s, client, a->request.carrier)) result = TL_ERR_FULL;
    if (result == TL_OK) result = tl_created_allowed(s, client, a->own);
    if (result == TL_OK) result = allowed(s, kind->create, &a->request);
    if (result != TL_OK) return result;
    tl_entity_def def = {.kind = a->request.kind, .carrier = a->request.carrier, .values = a->request.values};
    tl_entity_ref ref;
    result = a->own ? tl_claims_group(s, client, &def.group) : tl_claims_nobodys_group(s, &def.group);
    if (result == TL_OK) result = tl_server_create_entity(s, &def, &ref);
    if (result != TL_OK) return result;
    a->request.entity = s->mirror.entities[ref].id;
    tl_created_new(s, client, a->request.entity);
    tl_volume_spend(s, client, tl_volume_bytes(s, kind, tl_fields_all(kind), a->words));
    if (a->own) client->owned[client->owned_count++] = (tl_owned){.id = a->request.entity, .told = true, .travelled_tick = s->tick};
    return TL_OK;
}

static void forget_owned(tl_server_client *client, tl_entity_id id)
{
    for (uint32_t i = 0; client && i < client->owned_count; i++)
        if (client->owned[i].id == id) client->owned[i--] = client->owned[--client->owned_count];
}

// An own entity's place; TL_NONE: it is not, or no more.
static int32_t find_own(const tl_server *s, tl_entity_id id)
{
    int32_t index = tl_mirror_find(&s->mirror, id);
    return index == TL_NONE || s->mirror.entities[index].published == NULL ? TL_NONE : index;
}

static tl_result do_change(tl_server *s, tl_server_client *client, asked *a, int32_t index)
{
    const tl_entity *e = &s->mirror.entities[index];
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    bool removes = a->request.type == TL_REQUEST_DELETE;
    if (!removes && e->kind != a->request.kind) return TL_ERR_INVALID;
    a->request.kind = e->kind;
    if (client && !removes && tl_volume_allowed(s, client) != TL_OK) return TL_AGAIN;
    tl_result result = find_owned(client, a->request.entity) ? TL_OK : allowed(s, removes ? kind->remove : kind->update, &a->request);
    if (result != TL_OK) return result;
    // The game may have deleted it while it was asked, or have made others in its place.
    if ((index = find_own(s, a->request.entity)) == TL_NONE) return TL_ERR_NOT_FOUND;
    e = &s->mirror.entities[index];
    if (removes) {
        forget_owned(client, a->request.entity);
        return tl_server_delete_entity(s, (tl_entity_ref)index);
    }
    result = tl_travel_accept(s, kind, a->words, a->request.values.mask);
    if (result != TL_OK) {
        s->stats.states_refused++;
        return result;
    }
    int64_t words[TL_STATE_WORDS_MAX];
    memcpy(words, e->published, (size_t)kind->word_count * sizeof *words);
    for (int i = 0; i < kind->field_count; i++)
        if (a->request.values.mask >> i & 1) memcpy(words + kind->fields[i].word, a->words + kind->fields[i].word, (size_t)kind->fields[i].word_count * sizeof *words);
    tl_owned *owned = find_owned(client, a->request.entity); // a request counts as its word does
    if (owned && a->request.values.mask & 1) result = tl_travel_allowed(s, client, owned, index, e->published_carrier, words);
    if (result == TL_OK) result = tl_own_set_words(s, index, e->published_carrier, words, a->request.values.mask);
    if (result == TL_OK && client) tl_volume_spend(s, client, tl_volume_bytes(s, kind, a->request.values.mask, words));
    return result;
}

// What every server would refuse need not be asked of the owner, through the log.
static bool never_allowed(const tl_server *s, const tl_request *request, int32_t index)
{
    const tl_kind *kind = &s->kinds.kinds[s->mirror.entities[index].kind];
    return (request->type == TL_REQUEST_DELETE ? kind->remove : kind->update) == TL_POLICY_DENY;
}

// Carries out a request here, or, if another server owns the entity, passes it on through the log.
static void serve_request(tl_server *s, tl_server_client *client, const void *data, size_t size)
{
    asked a;
    if (size < sizeof a.number) return; // there is no number to answer to
    tl_result result = read_request(s, data, size, &a);
    if (result == TL_OK && !client->grant.write) result = TL_ERR_DENIED;
    int32_t index = tl_mirror_find(&s->mirror, a.request.entity);
    if (result == TL_OK && a.request.type == TL_REQUEST_CREATE) {
        a.request.client = client->number;
        memcpy(a.request.client_name, client->grant.name, sizeof a.request.client_name);
        result = do_create(s, client, &a);
    } else if (result == TL_OK && index == TL_NONE) {
        result = TL_ERR_NOT_FOUND;
    } else if (result == TL_OK && s->mirror.entities[index].published == NULL && never_allowed(s, &a.request, index)) {
        result = TL_ERR_DENIED;
    } else if (result == TL_OK && s->mirror.entities[index].published == NULL && a.request.type != TL_REQUEST_DELETE && tl_volume_allowed(s, client) != TL_OK) {
        result = TL_AGAIN;
    } else if (result == TL_OK && s->mirror.entities[index].published == NULL) {
        unsigned char post[REQUEST_BYTES_MAX + 64];
        tl_writer w = tl_writer_make(post, sizeof post);
        tl_write_fixed(&w, s->epoch, 4); // client numbers begin anew with each
        tl_write_fixed(&w, client->number, 4);
        tl_write_name(&w, client->grant.name);
        tl_write_bytes(&w, data, size);
        int32_t group = s->mirror.entities[index].group;
        result = w.bad || group == TL_NONE ? TL_ERR_NOT_FOUND : TL_OK;
        if (result == TL_OK && tl_own_post(s, TL_OP_REQUEST, s->mirror.groups[group].owner, post, w.size)) {
            tl_volume_spend(s, client, w.size + size); // here, and in its owner's record
            return;
        }
        if (result == TL_OK) result = TL_AGAIN;
    } else if (result == TL_OK) {
        a.request.client = client->number;
        memcpy(a.request.client_name, client->grant.name, sizeof a.request.client_name);
        result = do_change(s, client, &a, index);
    }
    answer(s, client->number, a.number, result, result == TL_ERR_MALFORMED ? 0 : a.request.entity);
}

// From other servers' logs: a request for an entity of ours, or the answer to one.
void tl_clients_post(tl_server *s, tl_op op, tl_server_number from, const void *data, size_t size)
{
    if (op == TL_OP_CLAIM) {
        tl_claims_post(s, from, data, size);
        return;
    }
    tl_reader r = tl_reader_make(data, size);
    uint32_t epoch = (uint32_t)tl_read_fixed(&r, 4);
    tl_client_number number = (tl_client_number)tl_read_fixed(&r, 4);
    if (op == TL_OP_RESPONSE) {
        uint32_t request = (uint32_t)tl_read_fixed(&r, 4);
        tl_result result = tl_read_limited(&r, TL_RESULT_COUNT - 1);
        tl_entity_id entity = tl_read_varint(&r);
        if (!r.bad && epoch == s->epoch) answer(s, number, request, result, entity);
        return;
    }
    asked a;
    tl_read_name(&r, a.request.client_name);
    char name[TL_NAME_BYTES_MAX + 1];
    memcpy(name, a.request.client_name, sizeof name);
    if (r.bad || read_request(s, r.data + r.at, r.size - r.at, &a) != TL_OK) return;
    memcpy(a.request.client_name, name, sizeof name);
    int32_t index = find_own(s, a.request.entity);
    tl_result result = index == TL_NONE ? TL_ERR_NOT_FOUND : do_change(s, NULL, &a, index);
    unsigned char post[64];
    tl_writer w = tl_writer_make(post, sizeof post);
    tl_write_fixed(&w, epoch, 4);
    tl_write_fixed(&w, number, 4);
    tl_write_fixed(&w, a.number, 4);
    tl_write_varint(&w, result);
    tl_write_varint(&w, a.request.entity);
    tl_own_post(s, TL_OP_RESPONSE, from, post, w.size);
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
        if (p->nacks[i].end == 0) p->nacks[i].end = TL_SLOT_END;
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
    if (!tl_place_valid(p->observer)) r->bad = true;
}

// The client hears of it, once a second at most, as an answer to no request of its.
static void refuse_state(tl_server *s, const tl_server_client *client, tl_owned *owned, tl_result result)
{
    s->stats.states_refused++;
    owned->again_due = result == TL_AGAIN;
    if (owned->told_tick && s->tick - owned->told_tick < (int64_t)s->world.tick_hz) return;
    owned->told_tick = s->tick;
    owned->again_due = false;
    answer(s, client->number, 0, result, owned->id);
}

// A client that has said its last word hears that it was not taken, to say it again.
static void say_again_due(tl_server *s, const tl_server_client *client, tl_owned *owned)
{
    if (!owned->again_due || s->tick - owned->told_tick < (int64_t)s->world.tick_hz) return;
    owned->told_tick = s->tick;
    owned->again_due = false;
    answer(s, client->number, 0, TL_AGAIN, owned->id);
}

// What clients own and do not speak of stays within its carrier's reach, and goes no farther than what they speak of.
static void hold_owned(tl_server *s, tl_server_client *client)
{
    forget_gone(s, client);
    for (uint32_t k = 0; k < client->owned_count; k++) {
        say_again_due(s, client, &client->owned[k]);
        int32_t index = tl_mirror_find(&s->mirror, client->owned[k].id);
        tl_result result = index == TL_NONE ? TL_OK : tl_carriers_hold(s, index);
        if (result == TL_OK && index != TL_NONE) result = tl_travel_go_on(s, client, &client->owned[k], index);
        if (result != TL_OK) refuse_state(s, client, &client->owned[k], result);
    }
}

// Fields of an own entity that differ from what was published of it.
static uint32_t fields_changed(const tl_kind *kind, const tl_entity *e, const int64_t *words)
{
    uint32_t changed = 0;
    for (int i = 0; e->published && i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        if (memcmp(e->published + field->word, words + field->word, (size_t)field->word_count * sizeof *words) != 0) changed |= 1u << i;
    }
    return changed;
}

static tl_result take_state(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index, tl_entity_id carrier, const int64_t *words)
{
    const tl_entity *e = &s->mirror.entities[index];
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    uint32_t changed = fields_changed(kind, e, words);
    // What is committed is read at the tick of its record, not at the one that the client named.
    tl_result result = tl_travel_accept(s, kind, words, tl_fields_all(kind));
    if (result == TL_OK) result = tl_volume_allowed(s, client);
    if (result == TL_OK) result = tl_travel_allowed(s, client, owned, index, carrier, words);
    if (result == TL_OK) result = tl_own_set_words(s, index, carrier, words, changed);
    if (result == TL_OK) tl_volume_spend_state(s, client, owned, index);
    return result;
}

// Takes in what a client says of its own entities; `dry`: only reads through.
static void take_owned(tl_server *s, tl_server_client *client, tl_reader *r, bool dry)
{
    int count = (int)tl_read_limited(r, TL_OWNED_MAX);
    int64_t tick = tl_read_signed(r), words[TL_STATE_WORDS_MAX];
    if (tick < 0 || tick > TL_TICK_MAX) r->bad = true;
    for (int i = 0; i < count && !r->bad; i++) {
        tl_entity_id id = tl_read_varint(r);
        uint16_t version = (uint16_t)tl_read_fixed(r, 2);
        int kind_number = (int)tl_read_limited(r, (uint64_t)s->kinds.count - 1);
        tl_entity_id carrier = tl_read_varint(r);
        const tl_kind *kind = &s->kinds.kinds[kind_number];
        memset(words, 0, (size_t)kind->word_count * sizeof *words);
        tl_fields_read(r, kind, &s->kinds, tick, tl_fields_all(kind), words);
        int32_t index = tl_mirror_find(&s->mirror, id);
        if (dry || r->bad || index == TL_NONE || s->mirror.entities[index].kind != kind_number) continue;
        for (uint32_t k = 0; k < client->owned_count; k++) {
            tl_owned *owned = &client->owned[k];
            if (owned->id != id) continue;
            if ((int16_t)(version - owned->version) <= 0 && owned->version) continue;
            owned->version = version;
            // A client whose clock is far off is not believed until it is right.
            if (tick > s->tick + OWNED_AGE_TICKS_MAX || tick < s->tick - OWNED_AGE_TICKS_MAX) continue;
            tl_result result = take_state(s, client, owned, index, carrier, words);
            if (result != TL_OK) refuse_state(s, client, owned, result);
        }
    }
}

static tl_result read_report(tl_server *s, tl_server_client *client, tl_reader *r, report *p)
{
    memset(p, 0, sizeof *p);
    tl_report_head_read(r, &p->head);
    if ((p->has_channel_ack = p->head.flags & TL_REPORT_CHANNEL_ACK)) p->channel_ack = (uint16_t)tl_read_fixed(r, 2);
    if (p->head.flags & TL_REPORT_NACKS) read_nacks(r, p);
    if (p->head.flags & TL_REPORT_OBSERVER) read_observer(r, p);
    if (p->head.flags & TL_REPORT_OWNED) {
        p->owned_at = r->at;
        take_owned(s, client, r, true);
    }
    if ((p->has_messages = p->head.flags & TL_REPORT_MESSAGES)) tl_channel_read(r, &p->messages);
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
    if (type == TL_MESSAGE_USER && d->s->def.callbacks.message)
        d->s->def.callbacks.message(d->s->def.callbacks.user, d->s, d->client->number, data, size);
    if (type != TL_MESSAGE_REQUEST) return true;
    if (d->client->requests_left >= 1) {
        d->client->requests_left -= 1;
        tl_admission_spend(d->s, TL_UNITS_REQUEST);
        serve_request(d->s, d->client, data, size);
        return true;
    }
    d->s->stats.rate_limited++;
    tl_reader r = tl_reader_make(data, size);
    if (size >= 4) answer(d->s, d->client->number, (uint32_t)tl_read_fixed(&r, 4), TL_AGAIN, 0);
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
    if (client == NULL) return TL_ERR_STATE;
    report p;
    tl_result result = read_report(s, client, r, &p);
    if (result != TL_OK) return result;
    if (!tl_session_accept(client->session, &p.head, s->now_us)) return TL_OK;
    refill_limits(s, client);
    if (p.has_channel_ack) tl_channel_acknowledge(&client->session->channel, p.channel_ack);
    for (int i = 0; i < p.nack_count; i++) tl_session_nack(client->session, p.nacks[i].sequence, p.nacks[i].handle, p.nacks[i].begin, p.nacks[i].end, p.nacks[i].held);
    tl_session_acknowledge(client->session, &p.head, s->now_us);
    if (p.has_observer) {
        client->session->observer_id = p.observer_id;
        if (!p.observes_entity) client->session->observer = p.observer;
    }
    if (p.owned_at && client->grant.write) {
        tl_reader owned = tl_reader_make(r->data, r->size);
        owned.at = p.owned_at;
        take_owned(s, client, &owned, false);
    }
    delivery d = {s, client};
    if (p.has_messages && client->messages_left < 1) {
        s->stats.rate_limited++; // they are not acknowledged: they come again, and the client is held up
        return TL_OK;
    }
    if (p.has_messages) tl_channel_take(&client->session->channel, &p.messages, on_message, &d);
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
        if (size > TL_MESSAGE_BYTES_MAX) size = TL_MESSAGE_BYTES_MAX;
        if (tl_channel_send(&client->session->channel, TL_MESSAGE_KINDS, s->kind_table + at, size) != TL_OK) return;
        client->kinds_sent++;
    }
    tl_claims_tell(s, client);
    if (client->session->channel.count == 0) client->ready = true;
}

static void look(tl_server *s, tl_session *session)
{
    int32_t index = tl_mirror_find(&s->mirror, session->observer_id);
    tl_vec3 position;
    tl_quat rotation;
    if (index != TL_NONE && tl_mirror_pose(&s->mirror, index, (double)s->mirror.tick, &position, &rotation)) session->observer = position;
}

static void send_frame(tl_server *s, tl_server_client *client)
{
    tl_session *session = client->session;
    if (!client->ready) send_kinds(s, client);
    if (client->ready) {
        tl_claims_tell(s, client);
        look(s, session);
        tl_session_subscribe(session, s->mirror.tick, s->marks);
    }
    uint64_t age_us = s->clock.world_us - tl_world_clock_tick_us(&s->clock, s->mirror.tick);
    size_t size = tl_frame_write(session, s->mirror.tick, s->now_us - age_us, s->now_us, s->frame_scratch, s->frame, TL_FRAME_BYTES_MAX);
    if (size && s->def.callbacks.frame) s->def.callbacks.frame(s->def.callbacks.user, s, client->number, s->frame, size);
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
        if (s->clients[next].used) return next;
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
        if (!client->used) continue;
        if (client->owned_count && (s->mirror.tick + i) % (s->world.tick_hz / 4 + 1) == 0) hold_owned(s, client);
        if (s->now_us > client->session->report_time_us + SILENCE_SECONDS * 1000000ull)
            tl_clients_drop(s, client, TL_ERR_UNAVAILABLE, "nothing was heard for ten seconds");
        else
            send_frame(s, client);
    }
}

tl_result tl_server_send(tl_server *s, tl_client_number number, const void *data, size_t size)
{
    tl_server_client *client = tl_clients_by_number(s, number);
    return client ? tl_channel_send(&client->session->channel, TL_MESSAGE_USER, data, size) : TL_ERR_NOT_FOUND;
}
