#include "server/ownership.h"
#include "server/state.h"
#include "world/missing.h"

bool tl_own_owns(const tl_server *s, int32_t group)
{
    TL_ASSERT(group >= 0 && group < s->mirror.group_top);
    const tl_group *g = &s->mirror.groups[group];
    return g->used && !g->giving && g->owner == s->number && (g->live || g->unsent_create || g->changed_tick >= 0);
}

bool tl_own_owns_any(const tl_server *s)
{
    if (tl_missing_group_of(&s->mirror.missing, s->number)) {
        return true;
    }
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        if (tl_own_owns(s, g)) {
            return true;
        }
    }
    return false;
}

void tl_own_mark(tl_server *s, int32_t index)
{
    TL_ASSERT(index >= 0 && index < s->mirror.entity_top);
    tl_entity *e = &s->mirror.entities[index];
    if (e->unsent_listed) {
        return;
    }
    TL_ASSERT(s->changes.entity_count < s->mirror.entities_max);
    e->unsent_listed = true;
    s->changes.entities[s->changes.entity_count++] = index;
}

// Unlists an entity that is freed before it was recorded: its index may be reused.
void tl_own_unmark(tl_server *s, int32_t index)
{
    for (uint32_t i = s->changes.entity_count; i-- > 0;) {
        if (s->changes.entities[i] != index) {
            continue;
        }
        s->changes.entities[i] = s->changes.entities[--s->changes.entity_count];
        return;
    }
    TL_ASSERT(!s->mirror.entities[index].unsent_listed); // a listed entity is in the list
}

size_t tl_own_state_bytes(const tl_server *s, const tl_entity *e)
{
    TL_ASSERT(e->kind < s->kinds.count);
    return (size_t)s->kinds.kinds[e->kind].word_count * sizeof(int64_t);
}

double tl_own_share(const tl_server *s, const tl_entity *e)
{
    return tl_tolerance_share(&s->kinds.kinds[e->kind], e->published_carrier != 0);
}

// To be called after each change of what is published.
void tl_own_track(tl_server *s, int32_t index)
{
    TL_ASSERT(index >= 0 && index < s->mirror.entity_top);
    const tl_entity *e = &s->mirror.entities[index];
    if (e->published == NULL) {
        tl_track_reset(&s->own.tracks[index]);
    } else {
        tl_track_set(&s->own.tracks[index], &s->kinds.kinds[e->kind], &s->kinds, e->published, tl_own_share(s, e));
    }
}

// Discards what is known of the entity's earlier motion: it is new, or in another reference frame.
void tl_own_forget_truth(tl_server *s, int32_t index)
{
    TL_ASSERT(index >= 0 && index < s->mirror.entity_top);
    s->own.truth_ticks[index] = s->own.turns[index].tick = -1;
}

// ---- entities ----

tl_entity *tl_own_entity(tl_server *s, tl_entity_ref ref)
{
    if (ref >= (uint32_t)s->mirror.entity_top) {
        return NULL;
    }
    tl_entity *e = &s->mirror.entities[ref];
    return e->used && e->published && !(e->changes & TL_CHANGE_DELETED) ? e : NULL;
}

// Publishes an own entity as standing at `position`, in its reference frame, from this tick on.
void tl_own_stop(tl_server *s, int32_t index, tl_vec3 position)
{
    tl_entity *e = &s->mirror.entities[index];
    TL_ASSERT(e->used && e->published);
    tl_position_set(e->published, s->kinds.kinds[e->kind].fields[0].shift[0], &s->kinds, s->tick, position,
                    (tl_vec3){0, 0, 0}, false);
    e->unsent_fields |= 1;
    tl_own_track(s, index);
    tl_own_mark(s, index);
}
