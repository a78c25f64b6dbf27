// What the view's files share.
#ifndef TRAMLINE_CLIENT_VIEW_INTERNAL_H
#define TRAMLINE_CLIENT_VIEW_INTERNAL_H

#include "client/view.h"

enum { TL_VIEW_FORMERS_PER_S = 2 }; // former states are kept for half a second

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
void tl_view_empty_slot(tl_view *v, uint32_t handle, uint32_t slot, int64_t tick);
void tl_view_drop_nacks(tl_view *v, uint32_t handle); // all of its
void tl_view_close_stream(tl_view *v, uint32_t handle, int64_t tick);
// An entity was deleted at a tick: it does not come back.
void tl_view_note_end(tl_view *v, tl_entity_id id, int64_t tick);
// Around a change of what shows an entity: what shows it until then, and where it is seen.
typedef struct tl_view_before {
    int32_t entity;
    double at_tick;         // from then on the new state holds
    bool missed;            // what was between the two did not come
    tl_view_former *former; // NULL: there is no room
    // where it is seen when the new state first shows, in the frame of that carrier
    tl_entity_id carrier_id;
    tl_vec3 position;
    tl_quat rotation;
} tl_view_before;
tl_view_before tl_view_before_change(tl_view *v, int32_t entity, double at_tick, bool missed);
void tl_view_after_change(tl_view *v, const tl_view_before *before);
void tl_view_no_change(tl_view *v, const tl_view_before *before);
// Of an entity that goes; and those that no display looks back to.
void tl_view_drop_formers(tl_view *v, int32_t entity);
void tl_view_forget_formers(tl_view *v, int64_t before_tick);
// When an entity that moved came to the place where its new state has it standing, as its course says: not after
// `last_tick`.
double tl_view_stop_tick(const tl_view *v, int32_t entity, const int64_t *words, double last_tick);
// Room for a state, for so many slots: streams that are coarser may have to go for it. NULL, false: there is none.
int64_t *tl_view_state_room(tl_view *v, uint32_t handle, size_t bytes);
bool tl_view_slots_room(tl_view *v, uint32_t handle, uint32_t top);
// A stream that finds no room is left out, whole; once it has waited for long enough it is asked for again.
void tl_view_leave_out(tl_view *v, uint32_t handle);
void tl_view_ask_again(tl_view *v, uint32_t handle);
// In the frame of its carrier, or the world.
void tl_view_exact_pose(const tl_view *v, const tl_view_source *source, double tick, tl_vec3 *position,
                        tl_quat *rotation);

#endif
