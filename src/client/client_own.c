// A client's changes of the world: messages, requests, own entities.
#include "client/client_internal.h"
#include "motion/fields.h"
#include "motion/values.h"

tl_result tl_client_send(tl_client *c, const void *data, size_t size)
{
    return c->state == TL_CLIENT_LIVE ? tl_channel_send(&c->channel, TL_MESSAGE_USER, data, size) : TL_ERR_STATE;
}

static tl_result ask(tl_client *c, tl_request_type type, bool own, tl_entity_id entity, int kind_number,
                     tl_entity_id carrier, const tl_values *values, uint32_t *number)
{
    if (c->state != TL_CLIENT_LIVE) {
        return TL_ERR_STATE;
    }
    if (type != TL_REQUEST_DELETE && (kind_number < 0 || kind_number >= c->kinds.count)) {
        return TL_ERR_INVALID;
    }
    if (c->asked_count == TL_ASKED_MAX) {
        return TL_AGAIN;
    }
    tl_asked *a = &c->asked[c->asked_count];
    *a = (tl_asked){
        .number = ++c->request_number, .kind = kind_number, .carrier = carrier, .own = own, .sent_us = c->now_us};
    unsigned char data[TL_MESSAGE_BYTES_MAX];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_fixed(&w, a->number, 4);
    tl_write_varint(&w, type);
    if (type == TL_REQUEST_CREATE) {
        tl_write_varint(&w, own);
    }
    if (type != TL_REQUEST_CREATE) {
        tl_write_varint(&w, entity);
    }
    if (type != TL_REQUEST_DELETE) {
        const tl_kind *kind = &c->kinds.kinds[kind_number];
        int64_t tick = (int64_t)tl_client_get_server_tick(c, c->now_us);
        tl_result good = tl_values_check(kind, values);
        if (good != TL_OK) {
            return good;
        }
        for (int i = 0; i < kind->field_count; i++) {
            if (values->mask >> i & 1) {
                tl_value_set(a->words, kind, i, &c->kinds, tick, &values->fields[i]);
            }
        }
        tl_write_varint(&w, (uint64_t)kind_number);
        if (type == TL_REQUEST_CREATE) {
            tl_write_varint(&w, carrier);
        }
        tl_write_varint(&w, values->mask);
        tl_fields_write(&w, kind, tick, values->mask, a->words);
    }
    if (w.bad) {
        return TL_ERR_INVALID;
    }
    tl_result result = tl_channel_send(&c->channel, TL_MESSAGE_REQUEST, data, w.size);
    if (result != TL_OK) {
        return result;
    }
    c->asked_count++;
    c->report_soon = true;
    if (number) {
        *number = a->number;
    }
    return TL_OK;
}

tl_result tl_client_request_create(tl_client *c, int kind, tl_entity_id carrier, const tl_values *values, bool own,
                                   uint32_t *request)
{
    return values->mask & 1 ? ask(c, TL_REQUEST_CREATE, own, 0, kind, carrier, values, request) : TL_ERR_INVALID;
}

tl_result tl_client_request_update(tl_client *c, tl_entity_id entity, const tl_values *values, uint32_t *request)
{
    int32_t index = tl_view_find(&c->view, entity);
    if (index == TL_NONE) {
        return TL_ERR_NOT_FOUND;
    }
    return ask(c, TL_REQUEST_UPDATE, false, entity, c->view.entities[index].kind, 0, values, request);
}

tl_result tl_client_request_delete(tl_client *c, tl_entity_id entity, uint32_t *request)
{
    tl_result result = ask(c, TL_REQUEST_DELETE, false, entity, 0, 0, NULL, request);
    for (uint32_t i = 0; result == TL_OK && i < c->owned_count; i++) {
        if (c->owned[i].id == entity) {
            c->owned[i--] = c->owned[--c->owned_count];
        }
    }
    return result;
}

// For an entity that was returned and that this client has not set since, fills in the missing values from the view.
// Returns false if they are not known yet.
static bool recall(tl_client *c, tl_owned_entity *o, tl_entity_id carrier, int64_t tick, const tl_values *said)
{
    const tl_kind *kind = &c->kinds.kinds[o->kind];
    tl_values seen;
    int32_t index = tl_view_find(&c->view, o->id);
    if ((said->mask & tl_fields_all(kind)) == tl_fields_all(kind)) {
        return true;
    }
    if (index == TL_NONE || tl_client_get_values(c, o->id, (double)c->view.tick, &seen) != TL_OK ||
        c->view.entities[index].kind != o->kind) {
        return false;
    }
    bool in_same_frame = tl_view_source_of(&c->view, index).carrier_id == carrier;
    for (int i = 0; i < kind->field_count; i++) {
        if (in_same_frame || (i != 0 && i != kind->rotation)) {
            tl_value_set(o->words, kind, i, &c->kinds, tick, &seen.fields[i]);
        }
    }
    return true;
}

static void say(tl_owned_entity *o)
{
    o->version++;
    if (o->version == 0) {
        o->version = 1; // 0 means that nothing was reported yet
    }
    o->unsent = true;
    o->in_report = false;
}

tl_result tl_client_set_values(tl_client *c, tl_entity_id entity, double tick, tl_entity_id carrier,
                               const tl_values *values)
{
    tl_owned_entity *o = NULL;
    for (uint32_t i = 0; i < c->owned_count; i++) {
        if (c->owned[i].id == entity) {
            o = &c->owned[i];
        }
    }
    if (c->state != TL_CLIENT_LIVE && c->state != TL_CLIENT_RECONNECTING) {
        return TL_ERR_STATE;
    }
    if (o == NULL) {
        return TL_ERR_NOT_FOUND;
    }
    const tl_kind *kind = &c->kinds.kinds[o->kind];
    tl_result good = tl_values_check(kind, values);
    if (good != TL_OK) {
        return good;
    }
    if (!(tick >= 0 && tick <= (double)TL_TICK_MAX)) {
        return TL_ERR_INVALID;
    }
    if (o->unset && !recall(c, o, carrier, (int64_t)tick, values)) {
        return TL_AGAIN;
    }
    uint32_t changed = 0;
    if (carrier != o->carrier || o->unset) {
        for (int i = 0; i < kind->field_count; i++) {
            if (values->mask >> i & 1) {
                tl_value_set(o->words, kind, i, &c->kinds, (int64_t)tick, &values->fields[i]);
            }
        }
        o->carrier = carrier;
        o->unset = false;
        changed = 1;
    } else {
        changed = tl_values_publish(o->words, kind, &c->kinds, (int64_t)tick, values,
                                    tl_tolerance_share(kind, carrier != 0));
    }
    if (changed) {
        say(o);
    }
    return TL_OK;
}

void tl_client_own_say_again(tl_client *c, tl_entity_id entity)
{
    for (uint32_t i = 0; i < c->owned_count; i++) {
        if (c->owned[i].id == entity && c->owned[i].version != 0) {
            say(&c->owned[i]);
        }
    }
}

void tl_client_own_gone(tl_client *c, tl_entity_id entity)
{
    for (uint32_t i = 0; i < c->owned_count; i++) {
        if (c->owned[i].id != entity) {
            continue;
        }
        tl_client_push_event(c,
                             (tl_client_event){.type = TL_CLIENT_OWN_LOST, .entity = entity, .kind = c->owned[i].kind});
        c->owned[i] = c->owned[--c->owned_count];
        return;
    }
}

// ---- after a reconnect ----

void tl_client_own_reconnected(tl_client *c)
{
    for (uint32_t i = 0; i < c->owned_count; i++) {
        tl_owned_entity *o = &c->owned[i];
        o->unsent = o->unsent || o->version != 0; // what was acknowledged may not have been committed
        o->in_report = o->confirmed = false;
    }
}

// Takes an entity whose state is unknown here: nothing of it is reported until it is set.
static void take_back(tl_client *c, tl_entity_id id, int kind, tl_entity_id carrier)
{
    for (uint32_t i = 0; i < c->owned_count; i++) {
        tl_owned_entity *o = &c->owned[i];
        if (o->id != id) {
            continue;
        }
        if (o->kind != kind) { // the words are of another kind
            *o = (tl_owned_entity){.id = id, .kind = kind, .carrier = carrier, .unset = true, .confirmed = true};
            return;
        }
        o->confirmed = true;
        o->unsent = o->unsent || o->version != 0; // sent before the server could apply it
        o->in_report = false;
        return;
    }
    if (c->owned_count == TL_OWNED_MAX) {
        return;
    }
    c->owned[c->owned_count++] = (tl_owned_entity){
        .id = id, .kind = kind, .carrier = carrier, .unset = true, .confirmed = true};
}

static void forget_unconfirmed(tl_client *c)
{
    for (uint32_t i = 0; i < c->owned_count; i++) {
        if (c->owned[i].confirmed) {
            continue;
        }
        tl_client_push_event(
            c, (tl_client_event){.type = TL_CLIENT_OWN_LOST, .entity = c->owned[i].id, .kind = c->owned[i].kind});
        c->owned[i--] = c->owned[--c->owned_count];
    }
}

void tl_client_own_none(tl_client *c)
{
    for (uint32_t i = 0; i < c->owned_count; i++) {
        c->owned[i].confirmed = false;
    }
    forget_unconfirmed(c);
}

void tl_client_own_list(tl_client *c, const void *data, size_t size)
{
    tl_reader r = tl_reader_make(data, size);
    bool more = tl_read_limited(&r, 1);
    int count = (int)tl_read_limited(&r, TL_OWNED_MAX);
    for (int i = 0; i < count && !r.bad; i++) {
        tl_entity_id id = tl_read_varint(&r), carrier;
        int kind = (int)tl_read_limited(&r, TL_KINDS_MAX - 1);
        carrier = tl_read_varint(&r);
        if (r.bad || id == 0 || !c->joined || kind >= c->kinds.count) {
            return;
        }
        take_back(c, id, kind, carrier);
        tl_client_push_event(c, (tl_client_event){.type = TL_CLIENT_OWN_RETURNED, .entity = id, .kind = kind});
    }
    if (!r.bad && !more) {
        forget_unconfirmed(c);
    }
}
