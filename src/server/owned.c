// What clients own: applies the states they report, and stops entities whose clients report nothing.
#include "server/owned.h"
#include "server/answers.h"
#include "server/carriers.h"
#include "server/entities.h"
#include "server/state.h"
#include "server/travel.h"
#include "server/volume.h"

enum { OWNED_AGE_TICKS_MAX = 400 };

tl_owned *tl_owned_find(tl_server_client *client, tl_entity_id id)
{
    for (uint32_t i = 0; client && i < client->owned_count; i++) {
        if (client->owned[i].id == id) {
            return &client->owned[i];
        }
    }
    return NULL;
}

void tl_owned_forget(tl_server_client *client, tl_entity_id id)
{
    for (uint32_t i = 0; client && i < client->owned_count; i++) {
        if (client->owned[i].id == id) {
            client->owned[i--] = client->owned[--client->owned_count];
        }
    }
}

// Forgets entities that the game or another client has deleted, and notifies their owner.
void tl_owned_forget_gone(tl_server *s, tl_server_client *client)
{
    for (uint32_t i = 0; i < client->owned_count; i++) {
        if (tl_mirror_find(&s->mirror, client->owned[i].id) != TL_NONE) {
            continue;
        }
        if (!tl_answers_send(s, client->number, 0, TL_ERR_DENIED, client->owned[i].id)) {
            return; // tried again later
        }
        client->owned[i--] = client->owned[--client->owned_count];
    }
}

// Notifies the client, once a second at most, as an answer to no request.
static void refuse_state(tl_server *s, const tl_server_client *client, tl_owned *owned, tl_result result)
{
    s->stats.states_refused++;
    owned->again_due = result == TL_AGAIN;
    if (owned->refused_tick && s->tick - owned->refused_tick < (int64_t)s->world.tick_hz) {
        return;
    }
    owned->refused_tick = s->tick;
    owned->again_due = false;
    tl_answers_send(s, client->number, 0, result, owned->id);
}

// A client that reports no further states is notified that its last one was refused, so that it repeats it.
static void say_again_due(tl_server *s, const tl_server_client *client, tl_owned *owned)
{
    if (!owned->again_due || s->tick - owned->refused_tick < (int64_t)s->world.tick_hz) {
        return;
    }
    owned->refused_tick = s->tick;
    owned->again_due = false;
    tl_answers_send(s, client->number, 0, TL_AGAIN, owned->id);
}

// Keeps clients' entities within their carriers' reach and travel budget while nothing is reported of them.
void tl_owned_hold(tl_server *s, tl_server_client *client)
{
    tl_owned_forget_gone(s, client);
    for (uint32_t k = 0; k < client->owned_count; k++) {
        say_again_due(s, client, &client->owned[k]);
        int32_t index = tl_mirror_find(&s->mirror, client->owned[k].id);
        tl_result result = index == TL_NONE ? TL_OK : tl_carriers_hold(s, index);
        if (result == TL_OK && index != TL_NONE) {
            result = tl_travel_go_on(s, client, &client->owned[k], index);
        }
        if (result != TL_OK) {
            refuse_state(s, client, &client->owned[k], result);
        }
    }
}

// Returns the fields of an own entity that differ from what was published of it.
static uint32_t fields_changed(const tl_kind *kind, const tl_entity *e, const int64_t *words)
{
    uint32_t changed = 0;
    for (int i = 0; e->published && i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        if (memcmp(e->published + field->word, words + field->word, (size_t)field->word_count * sizeof *words) != 0) {
            changed |= 1u << i;
        }
    }
    return changed;
}

static tl_result take_state(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index,
                            tl_entity_id carrier, const int64_t *words)
{
    const tl_entity *e = &s->mirror.entities[index];
    TL_ASSERT(owned->id == e->id);
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    uint32_t changed = fields_changed(kind, e, words);
    // The committed state is read at the tick of its record, not at the one that the client named.
    tl_result result = tl_travel_accept(s, kind, words, tl_fields_all(kind));
    if (result == TL_OK) {
        result = tl_volume_allowed(s, client);
    }
    if (result == TL_OK) {
        result = tl_travel_allowed(s, client, owned, index, carrier, words);
    }
    if (result == TL_OK) {
        result = tl_entities_set_words(s, index, carrier, words, changed);
    }
    if (result == TL_OK) {
        tl_volume_spend_state(s, client, owned, index);
    }
    return result;
}

// Reads the states that a client reports of its entities and applies them; `dry`: only checks that they can be read.
void tl_owned_take(tl_server *s, tl_server_client *client, tl_reader *r, bool dry)
{
    TL_ASSERT(client->used && client->owned_count <= TL_OWNED_MAX);
    int count = (int)tl_read_limited(r, TL_OWNED_MAX);
    int64_t tick = tl_read_signed(r), words[TL_STATE_WORDS_MAX];
    if (tick < 0 || tick > TL_TICK_MAX) {
        r->bad = true;
    }
    for (int i = 0; i < count && !r->bad; i++) {
        tl_entity_id id = tl_read_varint(r);
        uint16_t version = (uint16_t)tl_read_fixed(r, 2);
        int kind_number = (int)tl_read_limited(r, (uint64_t)s->kinds.count - 1);
        tl_entity_id carrier = tl_read_varint(r);
        const tl_kind *kind = &s->kinds.kinds[kind_number];
        memset(words, 0, (size_t)kind->word_count * sizeof *words);
        tl_fields_read(r, kind, &s->kinds, tick, tl_fields_all(kind), words);
        int32_t index = tl_mirror_find(&s->mirror, id);
        if (dry || r->bad || index == TL_NONE || s->mirror.entities[index].kind != kind_number) {
            continue;
        }
        for (uint32_t k = 0; k < client->owned_count; k++) {
            tl_owned *owned = &client->owned[k];
            if (owned->id != id) {
                continue;
            }
            if ((int16_t)(version - owned->version) <= 0 && owned->version) {
                continue;
            }
            owned->version = version;
            // A client whose clock is far off is ignored until its clock is right.
            if (tick > s->tick + OWNED_AGE_TICKS_MAX || tick < s->tick - OWNED_AGE_TICKS_MAX) {
                continue;
            }
            tl_result result = take_state(s, client, owned, index, carrier, words);
            if (result != TL_OK) {
                refuse_state(s, client, owned, result);
            }
        }
    }
}
