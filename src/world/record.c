#include "world/record.h"

void tl_record_begin(tl_record_writer *r, const tl_kinds *kinds, int64_t tick, void *data, size_t capacity)
{
    *r = (tl_record_writer){.w = tl_writer_make(data, capacity), .kinds = kinds, .tick = tick};
    tl_write_fixed(&r->w, TL_RECORD_FORMAT, 1);
    tl_write_signed(&r->w, tick);
}

static void write_op(tl_record_writer *r, tl_op op)
{
    tl_write_fixed(&r->w, op, 1);
}

static void write_id(tl_record_writer *r, uint64_t id)
{
    tl_write_signed(&r->w, (int64_t)(id - r->last_id));
    r->last_id = id;
}

void tl_record_group(tl_record_writer *r, tl_group_id group, tl_server_number owner)
{
    write_op(r, TL_OP_GROUP);
    tl_write_varint(&r->w, group);
    tl_write_varint(&r->w, owner);
}

void tl_record_group_delete(tl_record_writer *r, tl_group_id group)
{
    write_op(r, TL_OP_GROUP_DELETE);
    tl_write_varint(&r->w, group);
}

void tl_record_group_give(tl_record_writer *r, tl_group_id group, tl_server_number to, uint32_t epoch)
{
    write_op(r, TL_OP_GROUP_GIVE);
    tl_write_varint(&r->w, group);
    tl_write_varint(&r->w, to);
    tl_write_varint(&r->w, epoch);
}

void tl_record_group_client(tl_record_writer *r, const tl_group *group)
{
    write_op(r, TL_OP_GROUP_CLIENT);
    tl_write_varint(&r->w, group->id);
    tl_identity_write(&r->w, &group->identity);
    tl_write_signed(&r->w, tl_min_i64(group->vanished_tick, r->tick)); // a server that died may have been ahead
    tl_write_varint(&r->w, (uint64_t)group->claim);
}

void tl_record_need(tl_record_writer *r, tl_server_number server, uint32_t epoch, int64_t tick)
{
    write_op(r, TL_OP_NEED);
    tl_write_varint(&r->w, server);
    tl_write_varint(&r->w, epoch);
    tl_write_signed(&r->w, tick);
}

void tl_record_create(tl_record_writer *r, const tl_entity *e, tl_group_id group, tl_entity_id carrier,
                      const int64_t *words)
{
    const tl_kind *kind = &r->kinds->kinds[e->kind];
    write_op(r, TL_OP_CREATE);
    write_id(r, e->id);
    tl_write_varint(&r->w, e->kind);
    tl_write_varint(&r->w, group);
    tl_write_varint(&r->w, carrier);
    tl_fields_write(&r->w, kind, r->tick, tl_fields_all(kind), words);
}

void tl_record_update(tl_record_writer *r, const tl_entity *e, uint32_t fields, const int64_t *words)
{
    write_op(r, TL_OP_UPDATE);
    write_id(r, e->id);
    tl_write_varint(&r->w, e->kind);
    tl_write_varint(&r->w, fields);
    tl_fields_write(&r->w, &r->kinds->kinds[e->kind], r->tick, fields, words);
}

void tl_record_delete(tl_record_writer *r, tl_entity_id id)
{
    write_op(r, TL_OP_DELETE);
    write_id(r, id);
}

void tl_record_carrier(tl_record_writer *r, const tl_entity *e, tl_entity_id carrier, const int64_t *words)
{
    const tl_kind *kind = &r->kinds->kinds[e->kind];
    write_op(r, TL_OP_CARRIER);
    write_id(r, e->id);
    tl_write_varint(&r->w, e->kind);
    tl_write_varint(&r->w, carrier);
    tl_fields_write(&r->w, kind, r->tick, tl_fields_all(kind), words);
}

void tl_record_leaving(tl_record_writer *r)
{
    write_op(r, TL_OP_LEAVING);
}

void tl_record_post(tl_writer *w, tl_op op, tl_server_number to, const void *data, size_t size)
{
    tl_write_fixed(w, op, 1);
    tl_write_varint(w, to);
    tl_write_varint(w, size);
    tl_write_bytes(w, data, size);
}

// ---- reading without a mirror ----

// A record without a valid server is malformed: groups of an unknown server would belong to nobody forever.
tl_server_number tl_record_read_server(tl_reader *r)
{
    tl_server_number server = (tl_server_number)tl_read_limited(r, TL_SERVERS_MAX);
    if (server == 0) {
        r->bad = true;
    }
    return server;
}

tl_need tl_record_read_need(tl_reader *r)
{
    tl_need need = {.server = tl_record_read_server(r)};
    need.epoch = (uint32_t)tl_read_limited(r, UINT32_MAX);
    need.tick = tl_read_signed(r);
    return need;
}

int tl_record_needs(const void *data, size_t size, tl_need *needs, int max)
{
    tl_reader r = tl_reader_make(data, size);
    if (tl_read_fixed(&r, 1) != TL_RECORD_FORMAT) {
        return 0; // its ops are of another format; applying it reports that
    }
    tl_read_signed(&r);
    int count = 0;
    while (count < max && tl_read_fixed(&r, 1) == TL_OP_NEED) {
        tl_need need = tl_record_read_need(&r);
        if (r.bad) {
            break;
        }
        needs[count++] = need;
    }
    return count;
}
