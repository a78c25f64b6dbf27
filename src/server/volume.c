// Limits the bytes that a client may make servers publish. What it writes goes into their records and to everybody who
// looks there: without a limit a few clients that rewrite large fields in each tick would leave viewers no bandwidth
// for anything else.
#include "server/volume.h"
#include "server/state.h"

#include <math.h>

enum {
    HEAD_BYTES = 16, // of an op in a record, about: its type, entity, kind and mask of fields
    JOIN_SHARE = 4,  // a connection without an account begins with a second's bytes divided by this
};

size_t tl_volume_bytes(const tl_server *s, const tl_kind *kind, uint32_t fields, const int64_t *words)
{
    // The contents of a datagram fit; if they do not, they count as a full one.
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_fields_write(&w, kind, s->tick, fields, words);
    return HEAD_BYTES + (w.bad ? sizeof data : w.size);
}

// A client without an account can open another connection at no cost, so a new one begins with a small budget: what a
// join takes.
static tl_volume *refill(const tl_server *s, tl_server_client *client)
{
    tl_volume *v = client->account ? &client->account->volume : &client->volume;
    TL_ASSERT(!v->begun || v->tick <= s->tick);
    double second = s->def.client_bytes_s_max;
    if (!v->begun) {
        *v = (tl_volume){.left_bytes = client->account ? second : second / JOIN_SHARE, .tick = s->tick, .begun = true};
    }
    v->left_bytes = fmin(v->left_bytes + (double)(s->tick - v->tick) / s->world.tick_hz * second, second);
    v->tick = s->tick;
    return v;
}

tl_result tl_volume_allowed(tl_server *s, tl_server_client *client)
{
    if (refill(s, client)->left_bytes >= 0) {
        return TL_OK;
    }
    s->stats.client_bytes_waits++;
    return TL_AGAIN;
}

void tl_volume_spend(tl_server *s, tl_server_client *client, size_t bytes)
{
    refill(s, client)->left_bytes -= (double)bytes;
}

void tl_volume_spend_state(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index)
{
    const tl_entity *e = &s->mirror.entities[index];
    TL_ASSERT(e->used && e->published);
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    uint32_t fields = e->unsent_carrier || e->unsent_create ? tl_fields_all(kind) : e->unsent_fields;
    size_t bytes = tl_volume_bytes(s, kind, fields, e->published);
    size_t before = owned->volume_tick == s->tick ? owned->volume_bytes : 0;
    if (bytes > before) {
        tl_volume_spend(s, client, bytes - before);
    }
    owned->volume_tick = s->tick;
    owned->volume_bytes = (uint32_t)(bytes > before ? bytes : before);
}
