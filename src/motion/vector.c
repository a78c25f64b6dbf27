#include "motion/vector.h"

static const double TINY_RAD = 1e-12; // below it sin(x) = x, and a quotient of both would lose all digits

tl_quat tl_quat_multiply(tl_quat a, tl_quat b)
{
    return (tl_quat){
        a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
        a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
        a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w,
        a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,
    };
}

tl_quat tl_quat_conjugate(tl_quat q)
{
    return (tl_quat){-q.x, -q.y, -q.z, q.w};
}

tl_vec3 tl_quat_rotate(tl_quat q, tl_vec3 v)
{
    tl_vec3 t = {2 * (q.y * v.z - q.z * v.y), 2 * (q.z * v.x - q.x * v.z), 2 * (q.x * v.y - q.y * v.x)};
    return (tl_vec3){
        v.x + q.w * t.x + q.y * t.z - q.z * t.y,
        v.y + q.w * t.y + q.z * t.x - q.x * t.z,
        v.z + q.w * t.z + q.x * t.y - q.y * t.x,
    };
}

tl_quat tl_quat_from_vector(tl_vec3 v)
{
    double angle = tl_vec3_length(v);
    if (angle < TINY_RAD) {
        return (tl_quat){v.x / 2, v.y / 2, v.z / 2, 1};
    }
    double s = sin(angle / 2) / angle;
    return (tl_quat){v.x * s, v.y * s, v.z * s, cos(angle / 2)};
}

tl_vec3 tl_quat_to_vector(tl_quat q)
{
    if (q.w < 0) {
        q = (tl_quat){-q.x, -q.y, -q.z, -q.w};
    }
    double s = sqrt(q.x * q.x + q.y * q.y + q.z * q.z);
    if (s < TINY_RAD) {
        return (tl_vec3){2 * q.x, 2 * q.y, 2 * q.z};
    }
    double scale = 2 * atan2(s, q.w) / s;
    return (tl_vec3){q.x * scale, q.y * scale, q.z * scale};
}

double tl_quat_angle(tl_quat a, tl_quat b)
{
    tl_quat d = tl_quat_multiply(tl_quat_conjugate(a), b);
    return 2 * atan2(sqrt(d.x * d.x + d.y * d.y + d.z * d.z), fabs(d.w));
}

tl_quat tl_heading(tl_vec3 velocity)
{
    // Yaw turns -Z to the velocity: sin(yaw) = -x, cos(yaw) = -z of its direction. Half-angle formulas avoid
    // trigonometry.
    double length = sqrt(velocity.x * velocity.x + velocity.z * velocity.z);
    if (length * 1000 < TL_HEADING_SPEED_MM_S) {
        return (tl_quat){0, 0, 0, 1};
    }
    double cosine = -velocity.z / length, sine = -velocity.x / length;
    double half_cosine = sqrt(fmax(0, (1 + cosine) / 2)), half_sine = sqrt(fmax(0, (1 - cosine) / 2));
    return (tl_quat){0, sine < 0 ? -half_sine : half_sine, 0, half_cosine};
}
