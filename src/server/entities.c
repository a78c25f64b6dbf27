// Entities owned by this server: the game creates and deletes them, and sets their values.
#include "server/entities.h"
#include "server/carriers.h"
#include "server/created.h"
#include "server/groups.h"
#include "server/ownership.h"
#include "server/state.h"
#include "world/missing.h"

tl_result tl_server_create_entity(tl_server *s, const tl_entity_def *def, tl_entity_ref *out)
{
    if (!tl_server_is_active(s)) {
        return TL_ERR_STATE;
    }
    if (def->kind < 0 || def->kind >= s->kinds.count) {
        return TL_ERR_INVALID;
    }
    const tl_kind *kind = &s->kinds.kinds[def->kind];
    if (!(def->values.mask & 1)) {
        return TL_ERR_INVALID;
    }
    tl_result values = tl_values_check(kind, &def->values);
    if (values != TL_OK) {
        return values;
    }
    int32_t group = tl_mirror_find_group(&s->mirror, def->group), index;
    if (group == TL_NONE) {
        return TL_ERR_NOT_FOUND;
    }
    if (!tl_own_owns(s, group)) {
        return TL_ERR_DENIED;
    }
    tl_result rides = tl_carriers_check(s, TL_NONE, def->carrier, def->values.fields[0].position, NULL, 0);
    if (rides != TL_OK) {
        return rides;
    }
    if (tl_missing_find(&s->mirror.missing, def->id) != TL_NONE) {
        return TL_ERR_EXISTS;
    }
    if ((uint32_t)s->mirror.entity_top - s->mirror.entity_free_count >= s->def.entities_max) {
        return TL_ERR_FULL;
    }
    tl_result result = tl_mirror_reserve(&s->mirror, def->id ? def->id : tl_groups_next_entity_id(s), def->kind,
                                         &index);
    if (result != TL_OK) {
        return result;
    }
    tl_entity *e = &s->mirror.entities[index];
    e->published = tl_heap_alloc(&s->heap, tl_own_state_bytes(s, e));
    if (e->published == NULL) {
        tl_mirror_release(&s->mirror, index);
        return TL_ERR_FULL;
    }
    for (int i = 0; i < kind->field_count; i++) {
        if (def->values.mask >> i & 1) {
            tl_value_set(e->published, kind, i, &s->kinds, s->tick, &def->values.fields[i]);
        }
    }
    e->published_carrier = def->carrier;
    e->pending_group = group;
    e->unsent_create = true;
    tl_own_forget_truth(s, index);
    tl_own_track(s, index);
    tl_own_mark(s, index);
    if (out) {
        *out = (tl_entity_ref)index;
    }
    return TL_OK;
}

tl_result tl_server_delete_entity(tl_server *s, tl_entity_ref ref)
{
    tl_entity *e = tl_own_entity(s, ref);
    if (e == NULL) {
        return TL_ERR_NOT_FOUND;
    }
    if (s->changes.deleted_count == s->mirror.entities_max) {
        return TL_AGAIN;
    }
    tl_created_forget(s, e->id);
    tl_heap_free(&s->heap, e->published, tl_own_state_bytes(s, e));
    e->published = NULL;
    tl_own_track(s, (int32_t)ref);
    if (e->unsent_create) {
        e->unsent_create = false;
        if (e->unsent_listed) {
            tl_own_unmark(s, (int32_t)ref);
        }
        tl_mirror_release(&s->mirror, (int32_t)ref);
    } else {
        s->changes.deleted[s->changes.deleted_count++] = e->id;
    }
    return TL_OK;
}

tl_result tl_server_set_values(tl_server *s, tl_entity_ref ref, const tl_values *values)
{
    tl_entity *e = tl_own_entity(s, ref);
    if (e == NULL) {
        return TL_ERR_NOT_FOUND;
    }
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    const tl_values_target to = {.kinds = &s->kinds,
                                 .kind = kind,
                                 .tick = s->tick,
                                 .share = tl_own_share(s, e),
                                 .reach_m = tl_carriers_reach_m(s, e->published_carrier)};
    uint32_t changed;
    tl_result result = tl_values_set(&to, values, e->published, &changed);
    if (result != TL_OK) {
        return result;
    }
    if (values->mask & 1) {
        s->own.truth_ticks[ref] = -1; // the game sets the motion itself: nothing is derived any more
    }
    if (kind->rotation != TL_NONE && values->mask >> kind->rotation & 1) {
        s->own.turns[ref].tick = -1;
    }
    e->unsent_fields |= changed;
    if (changed) {
        tl_own_track(s, (int32_t)ref);
    }
    if (changed) {
        tl_own_mark(s, (int32_t)ref);
    }
    return TL_OK;
}

tl_result tl_server_set_carrier(tl_server *s, tl_entity_ref ref, tl_entity_id carrier, const tl_values *values)
{
    tl_entity *e = tl_own_entity(s, ref);
    if (e == NULL) {
        return TL_ERR_NOT_FOUND;
    }
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    if (!(values->mask & 1)) {
        return TL_ERR_INVALID;
    }
    tl_result good = tl_values_check(kind, values);
    if (good != TL_OK) {
        return good;
    }
    tl_result rides = tl_carriers_check(s, (int32_t)ref, carrier, values->fields[0].position, NULL, 0);
    if (rides != TL_OK) {
        return rides;
    }
    for (int i = 0; i < kind->field_count; i++) {
        if (values->mask >> i & 1) {
            tl_value_set(e->published, kind, i, &s->kinds, s->tick, &values->fields[i]);
        }
    }
    e->published_carrier = carrier;
    e->unsent_carrier = true;
    tl_own_forget_truth(s, (int32_t)ref);
    tl_own_track(s, (int32_t)ref);
    tl_own_mark(s, (int32_t)ref);
    return TL_OK;
}

tl_result tl_entities_set_words(tl_server *s, int32_t index, tl_entity_id carrier, const int64_t *words,
                                uint32_t changed)
{
    tl_entity *e = tl_own_entity(s, (tl_entity_ref)index);
    if (e == NULL) {
        return TL_ERR_NOT_FOUND;
    }
    tl_result rides = tl_carriers_check_words(s, index, &s->kinds.kinds[e->kind], carrier, words);
    if (rides != TL_OK) {
        return rides;
    }
    memcpy(e->published, words, tl_own_state_bytes(s, e));
    if (e->published_carrier != carrier) {
        e->unsent_carrier = true;
    }
    e->published_carrier = carrier;
    e->unsent_fields |= changed;
    tl_own_track(s, index);
    tl_own_mark(s, index);
    return TL_OK;
}
