// Segments: an entity follows one until the next is published. The writer predicts the next segment from the last one,
// as readers do, so that only the difference is coded (PROTOCOL.md, 10.3).
#ifndef TRAMLINE_MOTION_SEGMENT_H
#define TRAMLINE_MOTION_SEGMENT_H

#include "motion/derive.h"

// How a turn transforms a velocity. AFRESH: the new velocity does not depend on the old one.
enum { TL_TURN_STRAIGHT, TL_TURN_LEFT, TL_TURN_RIGHT, TL_TURN_BACK, TL_TURN_AFRESH, TL_TURNS };
void tl_segment_turned(const int64_t *velocity, int turn, int64_t out[3]);
int tl_segment_turn(const int64_t *from, const int64_t *to); // the closest turn

// How the motion changed at a tick, from the old segment to the new one.
typedef struct tl_segment_change {
    int64_t old_place[3];     // at that tick, on the old segment
    double change[3], length; // of the velocity
    double tolerance;         // in quanta
    // the change exceeds half the tolerance within a tick; the chunk then states how many ticks ago it happened
    bool sudden;
} tl_segment_change;
enum { TL_SINCE_TICKS_MAX = 15 };

// For a position field at a level, from the words `base` to `w`. Words from the wire need not be validated yet.
tl_segment_change tl_segment_change_of(const tl_kinds *kinds, int level, const tl_field *field, const int64_t *base,
                                       const int64_t *w, int64_t tick);
// The expected position of the new segment at that tick: the old segment's position, moved in the direction of the
// change by the tolerance, since a new segment is published only when the old one is off by about that much. A sudden
// change moves it by the distance that the change covers in `since_ticks` instead.
void tl_segment_expect(const tl_kinds *kinds, const tl_segment_change *change, int since_ticks, int64_t expected[3]);
// Returns the best-fitting number of ticks since a sudden change.
int tl_segment_since(const tl_kinds *kinds, const tl_segment_change *change, const int64_t *place);

// Called before a state replaces `before` in a stream. If the result stays within the tolerance, sets the new segment
// to exactly what a reader expects, which costs almost nothing to code. `limit_m` is the largest allowed position
// error.
void tl_segment_snap(const tl_level_context *c, double limit_m, const int64_t *before, int64_t *words);

#endif
