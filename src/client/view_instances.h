// The view as a renderer's instances: 100'000 of them per displayed frame. What follows from an entity's segment and
// its place in the streams is computed when they change; in between, an entity that moves straight costs three
// multiplications.
#ifndef TRAMLINE_CLIENT_VIEW_INSTANCES_H
#define TRAMLINE_CLIENT_VIEW_INSTANCES_H

#include "client/view_pose.h"

// All instances, see tl_client_get_instances(); adds to the counts.
void tl_view_instances(tl_view *v, double tick, tl_vec3 origin, tl_instances *const by_kind[TL_KINDS_MAX]);
// Writes the ids of the visible entities to `out`. Returns the total count.
uint32_t tl_view_entities(tl_view *v, double tick, tl_entity_id *out, uint32_t capacity);
// One instance. Returns false while its carrier is not in the view.
bool tl_view_placed(tl_view *v, int32_t entity, double tick, tl_placement *out);

#endif
