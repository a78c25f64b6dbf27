// Compares a client's view with the scenario's truth: every entity, at the server time of a frame.
//
// Allowed for a place is the larger of 2 cm and 1 mrad of the distance from the observer's true place. So an error of
// `error_mrad` is that in milliradians as seen from there, or from 20 m if the entity is nearer: 1 is what is allowed.
#ifndef APP_TRUTH_CHECK_H
#define APP_TRUTH_CHECK_H

#include "app/histogram.h"
#include "scenario/scenario.h"
#include "tramline/client.h"

typedef struct truth_worst { // the entity that is furthest off
    uint32_t index;
    int kind, level;
    double error_m, error_mrad, distance_m;
} truth_worst;

typedef struct truth_finding { // of one check
    uint32_t expected;         // entities of the scenario at that time
    uint32_t visible;          // of these, how many are in the view
    uint32_t missing, doubled;
    uint32_t surplus;         // in the view, but not in the world at that time
    uint32_t coming_or_going; // missing or surplus, but came or went within the last 0.5 s; not counted above
    uint32_t wrong_carrier, wrong_kind;
    uint32_t late_carrier;     // boarded or alighted within the last 0.5 s, and shown as before; not in wrong_carrier
    uint32_t foreign;          // not the scenario's: avatars
    uint32_t over, over_twice; // places off by more than is allowed, and more than twice that
    uint32_t riders_seen;      // other riders' avatars, each on its seat
    uint32_t riders_missing;   // that were seen before
    double rider_error_m_max;
    truth_worst worst;
} truth_finding;

typedef struct truth_sums { // over the checks that count
    uint64_t checks, samples, over, over_twice;
    truth_finding most; // the largest of each count in one check
    truth_finding last;
    histogram error_mrad, error_m;
} truth_sums;

typedef struct truth_check truth_check;

// Of rider number `rider`, who rides with `rider_count` riders in all. `s` is borrowed. NULL: out of memory.
truth_check *truth_check_create(const scenario *s, uint32_t rider, uint32_t rider_count);
void truth_check_destroy(truth_check *c);
// `counts`: add it to the sums.
truth_finding truth_check_view(truth_check *c, double time_s, const tl_pose *poses, uint32_t count, bool counts);
const truth_sums *truth_check_sums(const truth_check *c);
// The observer's carrier (0: none, it stands at the free point) and its seat in that frame.
tl_entity_id truth_check_seat(const truth_check *c, tl_vec3 *seat);

#endif
