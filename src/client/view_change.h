// How one state that shows an entity passes into the next.
#ifndef TRAMLINE_CLIENT_VIEW_CHANGE_H
#define TRAMLINE_CLIENT_VIEW_CHANGE_H

#include "client/view_pose.h"

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
// When an entity that moved came to the place where its new state has it standing, as its segment says: not after
// `last_tick`.
double tl_view_stop_tick(const tl_view *v, int32_t entity, const int64_t *words, double last_tick);

#endif
