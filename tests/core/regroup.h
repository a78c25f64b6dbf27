// A REGROUP, which servers read but do not write: an entity, whole, from its group into another.
#ifndef TRAMLINE_TESTS_CORE_REGROUP_H
#define TRAMLINE_TESTS_CORE_REGROUP_H

#include "world/record.h"

static inline void write_regroup(tl_record_writer *r, const tl_entity *e, tl_group_id group, tl_entity_id carrier,
                                 const int64_t *words)
{
    const tl_kind *kind = &r->kinds->kinds[e->kind];
    tl_write_fixed(&r->w, TL_OP_REGROUP, 1);
    tl_write_signed(&r->w, (int64_t)(e->id - r->last_id));
    r->last_id = e->id;
    tl_write_varint(&r->w, e->kind);
    tl_write_varint(&r->w, group);
    tl_write_varint(&r->w, carrier);
    tl_fields_write(&r->w, kind, r->tick, tl_fields_all(kind), words);
}

#endif
