// Poses of entities at a time, in the world.
#ifndef TRAMLINE_CLIENT_VIEW_POSE_H
#define TRAMLINE_CLIENT_VIEW_POSE_H

#include "client/view_history.h"

// The pose in its carrier's frame, or in the world.
void tl_view_exact_pose(const tl_view *v, const tl_view_source *source, double tick, tl_vec3 *position,
                        tl_quat *rotation);
// The pose in the world, and its moment. Returns false while a carrier is not in the view.
bool tl_view_see(const tl_view *v, int32_t entity, double tick, bool smooth, tl_view_moment *moment, tl_vec3 *position,
                 tl_quat *rotation);
bool tl_view_pose(const tl_view *v, int32_t entity, double tick, bool smooth, tl_vec3 *position, tl_quat *rotation);

#endif
