// The transition between states that show an entity.
#ifndef TRAMLINE_CLIENT_VIEW_CHANGE_H
#define TRAMLINE_CLIENT_VIEW_CHANGE_H

#include "client/view_pose.h"

// Around a change of what shows an entity: the old state, and where it is displayed.
typedef struct tl_view_before {
    int32_t entity;
    double at_tick;         // the new state holds from then on
    bool missed;            // the states between the two were not received
    tl_view_former *former; // NULL: no space
    // where it is displayed when the new state first shows, in that carrier's frame
    tl_entity_id carrier_id;
    tl_vec3 position;
    tl_quat rotation;
} tl_view_before;
tl_view_before tl_view_before_change(tl_view *v, int32_t entity, double at_tick, bool missed);
void tl_view_after_change(tl_view *v, const tl_view_before *before);
void tl_view_no_change(tl_view *v, const tl_view_before *before);
// When a moving entity reached the position where its new state has it at rest, on its old segment; at most
// `last_tick`.
double tl_view_stop_tick(const tl_view *v, int32_t entity, const int64_t *words, double last_tick);

#endif
