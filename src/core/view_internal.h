// What the view's files share.
#ifndef TRAMLINE_CORE_VIEW_INTERNAL_H
#define TRAMLINE_CORE_VIEW_INTERNAL_H

#include "view.h"

#define TL_VIEW_OFFSET_TICKS 4 // a correction is spread over so many

// What shows the entity has changed.
static inline void tl_view_stale(tl_view *v, int32_t entity)
{
    v->drawn[entity].state = TL_DRAWN_STALE;
}

void tl_view_push_event(tl_view *v, tl_view_change change, const tl_view_entity *e);
void tl_view_remove_entity(tl_view *v, int32_t index);
// A slot that is used holds its entity from now on; or no longer.
void tl_view_add_holder(tl_view *v, int32_t stream, int32_t slot);
void tl_view_remove_holder(tl_view *v, int32_t stream, int32_t slot, int64_t tick);
void tl_view_settle_orphans(tl_view *v);
void tl_view_close_stream(tl_view *v, uint32_t handle, int64_t tick);
// An entity was deleted at a tick: it does not come back.
void tl_view_note_end(tl_view *v, tl_entity_id id, int64_t tick);
// Around a change of what shows an entity: where it was seen, and how it gets from there to where it is.
bool tl_view_before_change(const tl_view *v, int32_t entity, double tick, tl_vec3 *world);
void tl_view_after_change(tl_view *v, int32_t entity, double tick, tl_vec3 seen);

#endif
