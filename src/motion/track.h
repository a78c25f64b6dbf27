// A track: what was published of an owned entity's place and rotation, ready to be held against the truth. Games set a
// hundred thousand poses a tick, and hardly any of them publishes anything: so the answer "it still holds" must come
// from one line of the cache. What a track cannot tell, the words can (values.h).
#ifndef TRAMLINE_MOTION_TRACK_H
#define TRAMLINE_MOTION_TRACK_H

#include "motion/state.h"

typedef struct tl_track {
    double place[3]; // metres, at tick `start`
    int64_t start;
    float velocity[3];    // metres a tick
    float limit_m2;       // how far off the place may be, squared; below 0: nothing is tracked
    float turn_y, turn_w; // the rotation, about the vertical axis: its y and w
    // least square of the cosine of half the angle that it may be off; above 1: the words must tell
    float turn_limit;
    uint32_t unused;
} tl_track;
_Static_assert(sizeof(tl_track) == 64, "a line of the cache");

static inline void tl_track_reset(tl_track *track)
{
    track->limit_m2 = -1;
}

// Tracks what the words say. `share` as in tl_tolerance_share().
void tl_track_set(tl_track *track, const tl_kind *kind, const tl_kinds *kinds, const int64_t *words, double share);

// Whether a pose holds for sure: it is within the tolerances of what was published, and valid. `rotation` may be NULL.
static inline bool tl_track_holds(const tl_track *track, int64_t tick, tl_vec3 position, const tl_quat *rotation)
{
    double ticks = (double)(tick - track->start);
    double x = position.x - (track->place[0] + track->velocity[0] * ticks);
    double y = position.y - (track->place[1] + track->velocity[1] * ticks);
    double z = position.z - (track->place[2] + track->velocity[2] * ticks);
    if (!(x * x + y * y + z * z <= track->limit_m2)) {
        return false; // nor if it is not a number
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
