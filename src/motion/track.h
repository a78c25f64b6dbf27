// A track: the published position and rotation of an owned entity, ready for comparison with a new pose. Games set a
// hundred thousand poses per tick, and hardly any of them publishes anything, so the check whether a segment still
// holds must read only one cache line. If a track cannot decide, the words do (values.h).
#ifndef TRAMLINE_MOTION_TRACK_H
#define TRAMLINE_MOTION_TRACK_H

#include "motion/state.h"

typedef struct tl_track {
    double place[3]; // metres, at tick `start`
    int64_t start;
    float velocity[3];    // metres per tick
    float limit_m2;       // square of the largest allowed position error; negative: nothing is tracked
    float turn_y, turn_w; // y and w of a rotation about the vertical axis
    // least squared cosine of half the allowed angle; above 1: the words must decide
    float turn_limit;
    uint32_t unused;
} tl_track;
_Static_assert(sizeof(tl_track) == 64, "a line of the cache");

static inline void tl_track_reset(tl_track *track)
{
    track->limit_m2 = -1;
}

// Sets the track from the words. `share` as in tl_tolerance_share().
void tl_track_set(tl_track *track, const tl_kind *kind, const tl_kinds *kinds, const int64_t *words, double share);

// Whether a pose is certain to hold: valid, and within the tolerances of the published state. `rotation` may be NULL.
static inline bool tl_track_holds(const tl_track *track, int64_t tick, tl_vec3 position, const tl_quat *rotation)
{
    double ticks = (double)(tick - track->start);
    double x = position.x - (track->place[0] + track->velocity[0] * ticks);
    double y = position.y - (track->place[1] + track->velocity[1] * ticks);
    double z = position.z - (track->place[2] + track->velocity[2] * ticks);
    if (!(x * x + y * y + z * z <= track->limit_m2)) {
        return false; // also false for NaN
    }
    if (rotation == NULL) {
        return true;
    }
    const tl_quat *r = rotation;
    double product = r->y * track->turn_y + r->w * track->turn_w,
           length2 = r->x * r->x + r->y * r->y + r->z * r->z + r->w * r->w;
    return fabs(length2 - 1) < TL_QUAT_LENGTH2_MARGIN && product * product >= track->turn_limit * length2;
}

#endif
