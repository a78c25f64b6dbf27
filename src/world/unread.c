#include "world/unread.h"

#include "world/missing.h"

// The first op of a checkpoint names group and owner. Returns 0 if these are unreadable, too.
static tl_server_number read_owner(tl_group_id group, int64_t tick, const void *data, size_t size)
{
    tl_reader r = tl_reader_make(data, size);
    bool right = tl_read_fixed(&r, 1) == TL_RECORD_FORMAT && tl_read_signed(&r) == tick &&
                 tl_read_fixed(&r, 1) == TL_OP_GROUP;
    right = right && tl_read_varint(&r) == group;
    tl_server_number owner = (tl_server_number)tl_read_limited(&r, TL_SERVERS_MAX);
    return right && !r.bad ? owner : 0;
}

size_t tl_unread_stand_in(tl_group_id group, int64_t tick, const void *data, size_t size,
                          unsigned char out[TL_STAND_IN_BYTES_MAX])
{
    tl_record_writer r;
    tl_server_number owner = read_owner(group, tick, data, size);
    if (owner == 0) {
        return 0;
    }
    tl_record_begin(&r, NULL, tick, out, TL_STAND_IN_BYTES_MAX);
    tl_record_group(&r, group, owner);
    TL_ASSERT(!r.w.bad); // at most 1 + 10 + 1 + 10 + 3 bytes
    return r.w.size;
}

tl_result tl_unread_take(tl_mirror *m, tl_group_id id, int64_t tick, const void *data, size_t size)
{
    int32_t group = tl_mirror_find_group(m, id);
    if (tl_tombs_tick(&m->tombs, id) >= tick) {
        return TL_OK;
    }
    // from an older checkpoint; what was deleted since is unknown
    if (group != TL_NONE) {
        tl_mirror_delete_group(m, group);
    }
    tl_result result = tl_mirror_reserve_group(m, id, &group);
    m->missing.any = true;
    if (result != TL_OK) {
        tl_missing_note_group(&m->missing, id, read_owner(id, tick, data, size));
        return result;
    }
    tl_missing_found_group(&m->missing, id);
    tl_group *g = &m->groups[group];
    g->live = true;
    g->owner = read_owner(id, tick, data, size);
    g->checkpoint_tick = tick; // the log up to this tick may be truncated in part
    g->missing->unread = true;
    return TL_OK;
}
