#include "motion/track.h"

static const float UNTOLD = 2; // no squared cosine reaches it: the words must decide

static void track_rotation(tl_track *track, const tl_kind *kind, const tl_kinds *kinds, const int64_t *words)
{
    track->turn_y = track->turn_w = track->turn_limit = 0;
    if (kind->rotation == TL_NONE) {
        return;
    }
    const tl_field *field = &kind->fields[kind->rotation];
    const int64_t *w = words + field->word;
    bool spins = field->predictor == TL_PREDICT_LINEAR; // its spin may have to be derived from each rotation
    tl_vec3 velocity = tl_velocity_of(words, kind->fields[0].shift[0], kinds);
    tl_quat q = tl_rotation_at(w, field, 0, kinds, (double)track->start, velocity);
    bool upright = q.x == 0 && q.z == 0;
    track->turn_y = (float)q.y;
    track->turn_w = (float)q.w;
    track->turn_limit = spins || !upright ? UNTOLD : (float)(field->half_cosine * field->half_cosine);
}

void tl_track_set(tl_track *track, const tl_kind *kind, const tl_kinds *kinds, const int64_t *words, double share)
{
    TL_ASSERT(share > 0 && share <= 1);
    const tl_field *field = &kind->fields[0];
    double limit_m = share * field->tolerance[0], scale = tl_power(-field->shift[0]);
    track->start = words[0];
    track->limit_m2 = (float)(limit_m * limit_m);
    for (int axis = 0; axis < 3; axis++) {
        track->place[axis] = (double)words[1 + axis] * scale;
        track->velocity[axis] = (float)((double)words[4 + axis] * scale * tl_power(-kinds->rate_shift));
    }
    track_rotation(track, kind, kinds, words);
}
