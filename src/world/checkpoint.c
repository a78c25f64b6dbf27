#include "world/checkpoint.h"

tl_result tl_checkpoint_write(const tl_mirror *m, int32_t group, int64_t tick, void *data, size_t capacity,
                              size_t *size)
{
    const tl_group *g = &m->groups[group];
    tl_record_writer r;
    tl_record_begin(&r, m->kinds, tick, data, capacity);
    tl_record_mark mark = tl_record_here(&r);
    tl_record_group(&r, g->id, g->owner);
    if (g->identity.size || g->vanished_tick >= 0) {
        tl_record_group_client(&r, g);
    }
    for (int32_t i = g->entity_first; i != TL_NONE; i = m->entities[i].group_next) {
        tl_record_create(&r, &m->entities[i], g->id, m->entities[i].carrier_id, m->entities[i].state);
    }
    tl_result result = tl_record_check(&r, mark);
    *size = r.w.size;
    return result;
}

// Deletes entities whose deletion is in a truncated part of the log.
static void delete_stale(tl_mirror *m, int32_t group)
{
    for (int32_t i = m->groups[group].entity_first, next; i != TL_NONE; i = next) {
        next = m->entities[i].group_next;
        if (m->entities[i].stale) {
            tl_mirror_delete(m, i);
        }
    }
}

tl_result tl_checkpoint_apply(tl_mirror *m, tl_group_id group, int64_t tick, const void *data, size_t size)
{
    int32_t index = tl_mirror_find_group(m, group);
    if ((index != TL_NONE && m->groups[index].checkpoint_tick >= tick) || tl_tombs_tick(&m->tombs, group) >= tick) {
        return TL_OK;
    }
    tl_result result = tl_record_check_checkpoint(m->kinds, tick, data, size);
    if (result != TL_OK) {
        return result;
    }
    for (int32_t i = index == TL_NONE ? TL_NONE : m->groups[index].entity_first; i != TL_NONE;
         i = m->entities[i].group_next) {
        m->entities[i].stale = true;
    }
    if (index != TL_NONE) {
        tl_missing_forget_group(&m->missing, index);
    }
    result = tl_record_apply_checkpoint(m, tick, data, size);
    index = tl_mirror_find_group(m, group);
    if (index != TL_NONE) {
        m->groups[index].checkpoint_tick = tick;
        delete_stale(m, index);
    }
    return result;
}
