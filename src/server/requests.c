// Clients' requests: reads them, carries them out or passes them on to the server that owns the entity, and answers
// them.
#include "server/requests.h"
#include "server/answers.h"
#include "server/carriers.h"
#include "server/claims.h"
#include "server/created.h"
#include "server/entities.h"
#include "server/owned.h"
#include "server/returns.h"
#include "server/state.h"
#include "server/tick_record.h"
#include "server/travel.h"
#include "server/volume.h"

enum { REQUEST_BYTES_MAX = TL_MESSAGE_BYTES_MAX, POST_HEAD_BYTES_MAX = 64 };

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
    if (a->request.type != TL_REQUEST_CREATE && (a->request.entity = tl_read_varint(&r)) == 0) {
        return TL_ERR_MALFORMED;
    }
    if (a->request.type == TL_REQUEST_DELETE) {
        return r.bad || r.at != r.size ? TL_ERR_MALFORMED : TL_OK;
    }
    a->request.kind = (int)tl_read_limited(&r, (uint64_t)s->kinds.count - 1);
    const tl_kind *kind = &s->kinds.kinds[a->request.kind];
    if (a->request.type == TL_REQUEST_CREATE) {
        a->request.carrier = tl_read_varint(&r);
    }
    uint32_t mask = (uint32_t)tl_read_limited(&r, tl_fields_all(kind));
    tl_fields_read(&r, kind, &s->kinds, s->tick, mask, a->words);
    if (r.bad || r.at != r.size || (a->request.type == TL_REQUEST_CREATE && !(mask & 1))) {
        return TL_ERR_MALFORMED;
    }
    tl_values_get(a->words, kind, &s->kinds, 0, (double)s->tick, &a->request.values);
    a->request.values.mask = mask;
    return TL_OK;
}

static tl_result allowed(tl_server *s, tl_policy policy, const tl_request *request)
{
    if (policy == TL_POLICY_ALLOW) {
        return TL_OK;
    }
    if (policy == TL_POLICY_DENY || s->def.callbacks.request == NULL) {
        return TL_ERR_DENIED;
    }
    return s->def.callbacks.request(s->def.callbacks.user, s, request);
}

static tl_result do_create(tl_server *s, tl_server_client *client, asked *a)
{
    if (client == NULL) {
        return TL_ERR_DENIED; // only the server that the client is connected to serves this
    }
    tl_owned_forget_gone(s, client);
    if (tl_volume_allowed(s, client) != TL_OK) {
        return TL_AGAIN;
    }
    if (a->own && (client->owned_count >= client->grant.entities_max || client->owned_count == TL_OWNED_MAX)) {
        return TL_ERR_FULL;
    }
    const tl_kind *kind = &s->kinds.kinds[a->request.kind];
    tl_result result = tl_travel_accept(s, kind, a->words, a->request.values.mask);
    if (result == TL_OK) {
        result = tl_carriers_check_words(s, TL_NONE, kind, a->request.carrier, a->words);
    }
    s->stats.states_refused += result != TL_OK;
    if (result == TL_OK && !a->own && !tl_travel_lets_aboard(s, client, a->request.carrier)) {
        result = TL_ERR_FULL;
    }
    if (result == TL_OK) {
        result = tl_created_allowed(s, client, a->own);
    }
    if (result == TL_OK) {
        result = allowed(s, kind->create, &a->request);
    }
    if (result != TL_OK) {
        return result;
    }
    tl_entity_def def = {.kind = a->request.kind, .carrier = a->request.carrier, .values = a->request.values};
    tl_entity_ref ref;
    result = a->own ? tl_claims_group(s, client, &def.group) : tl_claims_nobodys_group(s, &def.group);
    if (result == TL_OK) {
        result = tl_server_create_entity(s, &def, &ref);
    }
    if (result != TL_OK) {
        return result;
    }
    a->request.entity = s->mirror.entities[ref].id;
    tl_created_new(s, client, a->request.entity);
    tl_volume_spend(s, client, tl_volume_bytes(s, kind, tl_fields_all(kind), a->words));
    if (a->own) {
        TL_ASSERT(client->owned_count < TL_OWNED_MAX);
        client->owned[client->owned_count++] = (tl_owned){
            .id = a->request.entity, .reported = true, .travelled_tick = s->tick};
    }
    return TL_OK;
}

// Returns an own entity's index, or TL_NONE if it is not this server's or no longer exists.
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
    if (!removes && e->kind != a->request.kind) {
        return TL_ERR_INVALID;
    }
    a->request.kind = e->kind;
    if (client && !removes && tl_volume_allowed(s, client) != TL_OK) {
        return TL_AGAIN;
    }
    tl_result result = tl_owned_find(client, a->request.entity)
                           ? TL_OK
                           : allowed(s, removes ? kind->remove : kind->update, &a->request);
    if (result != TL_OK) {
        return result;
    }
    // The game's callback may have deleted the entity, or created others in its place.
    if ((index = find_own(s, a->request.entity)) == TL_NONE) {
        return TL_ERR_NOT_FOUND;
    }
    e = &s->mirror.entities[index];
    if (removes) {
        tl_owned_forget(client, a->request.entity);
        return tl_server_delete_entity(s, (tl_entity_ref)index);
    }
    result = tl_travel_accept(s, kind, a->words, a->request.values.mask);
    if (result != TL_OK) {
        s->stats.states_refused++;
        return result;
    }
    int64_t words[TL_STATE_WORDS_MAX];
    memcpy(words, e->published, (size_t)kind->word_count * sizeof *words);
    for (int i = 0; i < kind->field_count; i++) {
        if (a->request.values.mask >> i & 1) {
            memcpy(words + kind->fields[i].word, a->words + kind->fields[i].word,
                   (size_t)kind->fields[i].word_count * sizeof *words);
        }
    }
    tl_owned *owned = tl_owned_find(client, a->request.entity); // a request counts like a reported state
    if (owned && a->request.values.mask & 1) {
        result = tl_travel_allowed(s, client, owned, index, e->published_carrier, words);
    }
    if (result == TL_OK) {
        result = tl_entities_set_words(s, index, e->published_carrier, words, a->request.values.mask);
    }
    if (result == TL_OK && client) {
        tl_volume_spend(s, client, tl_volume_bytes(s, kind, a->request.values.mask, words));
    }
    return result;
}

// Whether every server would refuse the request, so that there is no need to ask the owner through the log.
static bool never_allowed(const tl_server *s, const tl_request *request, int32_t index)
{
    const tl_kind *kind = &s->kinds.kinds[s->mirror.entities[index].kind];
    return (request->type == TL_REQUEST_DELETE ? kind->remove : kind->update) == TL_POLICY_DENY;
}

// Passes a request on to the server that owns the entity.
static tl_result pass_on(tl_server *s, tl_server_client *client, const asked *a, int32_t index, const void *data,
                         size_t size)
{
    unsigned char post[REQUEST_BYTES_MAX + POST_HEAD_BYTES_MAX];
    tl_writer w = tl_writer_make(post, sizeof post);
    int32_t group = s->mirror.entities[index].group;
    if (a->request.type != TL_REQUEST_DELETE && tl_volume_allowed(s, client) != TL_OK) {
        return TL_AGAIN;
    }
    tl_write_fixed(&w, s->epoch, 4); // client numbers start again with each epoch
    tl_write_fixed(&w, client->number, 4);
    tl_write_name(&w, client->grant.name);
    tl_write_bytes(&w, data, size);
    if (w.bad || group == TL_NONE) {
        return TL_ERR_NOT_FOUND;
    }
    if (!tl_tick_record_post(s, TL_OP_REQUEST, s->mirror.groups[group].owner, post, w.size)) {
        return TL_AGAIN;
    }
    tl_volume_spend(s, client, w.size + size); // here, and in the owner's record
    return TL_OK;
}

// Carries out a request here, or, if another server owns the entity, passes it on through the log.
void tl_requests_serve(tl_server *s, tl_server_client *client, const void *data, size_t size)
{
    asked a;
    if (size < sizeof a.number) {
        return; // there is no request number to answer to
    }
    tl_result result = read_request(s, data, size, &a);
    if (result == TL_OK && !client->grant.write) {
        result = TL_ERR_DENIED;
    }
    int32_t index = tl_mirror_find(&s->mirror, a.request.entity);
    if (result == TL_OK && a.request.type == TL_REQUEST_CREATE) {
        a.request.client = client->number;
        memcpy(a.request.client_name, client->grant.name, sizeof a.request.client_name);
        result = do_create(s, client, &a);
    } else if (result == TL_OK && index == TL_NONE) {
        result = TL_ERR_NOT_FOUND;
    } else if (result == TL_OK && s->mirror.entities[index].published == NULL && never_allowed(s, &a.request, index)) {
        result = TL_ERR_DENIED;
    } else if (result == TL_OK && s->mirror.entities[index].published == NULL) {
        result = pass_on(s, client, &a, index, data, size);
        if (result == TL_OK) {
            return; // the owner answers
        }
    } else if (result == TL_OK) {
        a.request.client = client->number;
        memcpy(a.request.client_name, client->grant.name, sizeof a.request.client_name);
        result = do_change(s, client, &a, index);
    }
    tl_answers_send(s, client->number, a.number, result, result == TL_ERR_MALFORMED ? 0 : a.request.entity);
}

// From other servers' logs: a request for an entity of this server, or the answer to one.
void tl_requests_post(tl_server *s, tl_op op, tl_server_number from, const void *data, size_t size)
{
    if (op == TL_OP_CLAIM) {
        tl_returns_post(s, from, data, size);
        return;
    }
    tl_reader r = tl_reader_make(data, size);
    uint32_t epoch = (uint32_t)tl_read_fixed(&r, 4);
    tl_client_number number = (tl_client_number)tl_read_fixed(&r, 4);
    if (op == TL_OP_RESPONSE) {
        uint32_t request = (uint32_t)tl_read_fixed(&r, 4);
        tl_result result = tl_read_limited(&r, TL_RESULT_COUNT - 1);
        tl_entity_id entity = tl_read_varint(&r);
        if (!r.bad && epoch == s->epoch) {
            tl_answers_send(s, number, request, result, entity);
        }
        return;
    }
    asked a;
    tl_read_name(&r, a.request.client_name);
    char name[TL_NAME_BYTES_MAX + 1];
    memcpy(name, a.request.client_name, sizeof name);
    if (r.bad || read_request(s, r.data + r.at, r.size - r.at, &a) != TL_OK) {
        return;
    }
    memcpy(a.request.client_name, name, sizeof name);
    int32_t index = find_own(s, a.request.entity);
    tl_result result = index == TL_NONE ? TL_ERR_NOT_FOUND : do_change(s, NULL, &a, index);
    unsigned char post[POST_HEAD_BYTES_MAX];
    tl_writer w = tl_writer_make(post, sizeof post);
    tl_write_fixed(&w, epoch, 4);
    tl_write_fixed(&w, number, 4);
    tl_write_fixed(&w, a.number, 4);
    tl_write_varint(&w, result);
    tl_write_varint(&w, a.request.entity);
    tl_tick_record_post(s, TL_OP_RESPONSE, from, post, w.size);
}
