// Segments: an entity goes along one until it is told another. How one follows upon the other, as a reader expects it, so
// that only the difference has to be told.
#ifndef TRAMLINE_CORE_SEGMENT_H
#define TRAMLINE_CORE_SEGMENT_H

#include "state.h"

// What a turn makes of a velocity. Who was fast for a moment goes on as if afresh.
enum { TL_TURN_STRAIGHT, TL_TURN_LEFT, TL_TURN_RIGHT, TL_TURN_BACK, TL_TURN_AFRESH, TL_TURNS };
void tl_segment_turned(const int64_t *velocity, int turn, int64_t out[3]);
int tl_segment_turn(const int64_t *from, const int64_t *to); // the one that comes nearest

// How a course changed: from the old one's place at a tick to the new one's.
typedef struct tl_course_change {
    int64_t old_place[3]; // by the old course
    double change[3], length; // of the velocity
    double tolerance; // in quanta
    bool sudden;      // in a tick it is off by more than half the tolerance: then it is told how many ticks ago it happened
} tl_course_change;
enum { TL_SINCE_TICKS_MAX = 15 };

// Of a position at a level, from the words `base` to `w`, whose velocities may be anything yet.
tl_course_change tl_course_change_of(const tl_kinds *kinds, int level, const tl_field *field, const int64_t *base, const int64_t *w, int64_t tick);
// Where it should be: by the old course, and, since it is told only because it left that by about the tolerance, so much
// on in the direction of the change; or as far as the change makes in the ticks since.
void tl_segment_expect(const tl_kinds *kinds, const tl_course_change *change, int since_ticks, int64_t expected[3]);
int tl_segment_since(const tl_kinds *kinds, const tl_course_change *change, const int64_t *place); // ticks that come nearest

// Before a state is published over `before`: where it is as good within the tolerance, the new course is set to just what
// a reader expects, which costs next to nothing to tell. `limit_m`: how far off the place may be.
void tl_segment_snap(const tl_kind *kind, const tl_kinds *kinds, int level, double limit_m, int64_t tick, const int64_t *before, int64_t *words);

#endif
