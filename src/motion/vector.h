// Vectors, and rotations as quaternions.
#ifndef TRAMLINE_MOTION_VECTOR_H
#define TRAMLINE_MOTION_VECTOR_H

#include "base/base.h"

tl_quat tl_quat_multiply(tl_quat a, tl_quat b);
tl_vec3 tl_quat_rotate(tl_quat q, tl_vec3 v);
tl_quat tl_quat_conjugate(tl_quat q);
tl_quat tl_quat_from_vector(tl_vec3 v); // a rotation vector: axis * angle
tl_vec3 tl_quat_to_vector(tl_quat q);
double tl_quat_angle(tl_quat a, tl_quat b); // angle between the two, in radians
tl_quat tl_heading(tl_vec3 velocity);       // facing -Z along the horizontal velocity
enum { TL_HEADING_SPEED_MM_S = 50 };        // slower entities have no heading

static inline tl_vec3 tl_vec3_add(tl_vec3 a, tl_vec3 b)
{
    return (tl_vec3){a.x + b.x, a.y + b.y, a.z + b.z};
}

static inline tl_vec3 tl_vec3_sub(tl_vec3 a, tl_vec3 b)
{
    return (tl_vec3){a.x - b.x, a.y - b.y, a.z - b.z};
}

static inline tl_vec3 tl_vec3_scale(tl_vec3 a, double s)
{
    return (tl_vec3){a.x * s, a.y * s, a.z * s};
}

static inline double tl_vec3_length(tl_vec3 a)
{
    return sqrt(a.x * a.x + a.y * a.y + a.z * a.z);
}

#endif
