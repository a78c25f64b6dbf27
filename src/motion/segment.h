// Segments: an entity goes along one until the next is published. This predicts the next one from the last, as readers
// do, so that only the difference has to be coded (PROTOCOL.md, 10.3).
#ifndef TRAMLINE_MOTION_SEGMENT_H
#define TRAMLINE_MOTION_SEGMENT_H

#include "motion/derive.h"

// What a turn makes of a velocity. AFRESH: nothing, the new velocity does not depend on the old one.
enum { TL_TURN_STRAIGHT, TL_TURN_LEFT, TL_TURN_RIGHT, TL_TURN_BACK, TL_TURN_AFRESH, TL_TURNS };
void tl_segment_turned(const int64_t *velocity, int turn, int64_t out[3]);
int tl_segment_turn(const int64_t *from, const int64_t *to); // the turn that comes nearest

// How the motion changed, from the old segment to the new one, at a tick.
typedef struct tl_segment_change {
    int64_t old_place[3];     // at that tick, by the old segment
    double change[3], length; // of the velocity
    double tolerance;         // in quanta
    // off by more than half the tolerance within a tick: then the chunk says how many ticks ago it happened
    bool sudden;
} tl_segment_change;
enum { TL_SINCE_TICKS_MAX = 15 };

// Of a position field at a level, from the words `base` to `w`; those from the wire need not be validated yet.
tl_segment_change tl_segment_change_of(const tl_kinds *kinds, int level, const tl_field *field, const int64_t *base,
                                       const int64_t *w, int64_t tick);
// Where the new segment should be at that tick: the old segment's place, moved in the direction of the change by the
// tolerance, since a new segment is published only when the old one is off by about that much; or, if the change is
// sudden, by as much as the change makes in `since_ticks`.
void tl_segment_expect(const tl_kinds *kinds, const tl_segment_change *change, int since_ticks, int64_t expected[3]);
// the number of ticks that comes nearest
int tl_segment_since(const tl_kinds *kinds, const tl_segment_change *change, const int64_t *place);

// Called before a state replaces `before` in a stream: if it stays within the tolerance, sets the new segment to
// exactly what a reader expects, which costs next to nothing to code. `limit_m`: how far off the place may be.
void tl_segment_snap(const tl_level_context *c, double limit_m, const int64_t *before, int64_t *words);

#endif
