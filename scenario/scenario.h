// Scenarios: worlds whose truth is known at any time, for the demo, tests and benchmarks. A scenario is a pure function
// of its definition and of time: servers publish it, riders check against it, and neither asks the other. Sees only the
// public headers. Not part of the library.
#ifndef TRAMLINE_SCENARIO_H
#define TRAMLINE_SCENARIO_H

#include "tramline/kind.h"
#include "tramline/types.h"

typedef struct scenario scenario;

typedef struct scenario_def {
    const char *name;      // "city", "far", "convoy", "choke", "concert", "ragdoll", "asteroids" or "trace"
    uint64_t seed;         // default 1
    uint32_t entity_count; // city, far, choke, trace: the total count; 0: the scenario's default (city: 100'000)
    const char *fcd_file;  // trace: FCD XML, plain, .gz or .zst, or what `save_file` made of it
    const char *save_file; // trace: where the recording goes as read, for others to take up at once; NULL: nowhere
    // Called while it loads (may be NULL): done of total, in the scenario's own unit.
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *progress_user;
} scenario_def;

enum { SCENARIO_NONE = 0xffffffffu };

// The true state of one entity at one time.
typedef struct scenario_truth {
    bool present;        // it exists at this time (trace: people and vehicles come and go)
    uint8_t kind;        // index into scenario_kinds()
    uint32_t carrier;    // index of the entity whose frame it is in, or SCENARIO_NONE
    uint32_t generation; // counts how often this index has come into being: with the index it makes the id
    tl_vec3 position;    // metres, in the carrier's frame if there is one
    tl_vec3 velocity;    // m/s, same frame
    tl_quat rotation;    // same frame
} scenario_truth;

scenario_def scenario_def_default(void);
// Whether a scenario has that name.
bool scenario_exists(const char *name);
// Loads or builds. On failure `text` gets what is wrong and what to do (a trace: the file's line). Allocates.
tl_result scenario_create(const scenario_def *def, scenario **out, char *text, size_t text_bytes);
void scenario_destroy(scenario *s);

// The kinds, declared in this order (the same for all scenarios): 0 walker, 1 car, 2 thing (parked, static), 3 tram
// (carrier), 4 cabin (carrier), 5 avatar (owned by a client), 6 body (tumbling: linear position and rotation),
// 7 performer (head and hands as further position and rotation fields; only place and rotation are in the truth).
int scenario_kinds(const tl_kind_def **out);

uint32_t scenario_entity_count(const scenario *s); // indices 0..count-1; an index is not always present
// Groups are contiguous ranges of indices: group g has [first, first + count).
uint32_t scenario_group_count(const scenario *s);
void scenario_group_range(const scenario *s, uint32_t group, uint32_t *first, uint32_t *count);
// A carrier's riders may be in other groups than the carrier.

// Truth of indices [first, first + count) at time_s >= 0 seconds from the world's tick 0. Any thread, no allocation, no
// state: the order of calls does not matter. At most about 100 ns an entity. `velocity` is the derivative of
// `position`.
void scenario_evaluate(const scenario *s, double time_s, uint32_t first, uint32_t count, scenario_truth *out);
// One truth in world coordinates, carriers resolved.
void scenario_world_pose(const scenario *s, double time_s, uint32_t index, tl_vec3 *position, tl_quat *rotation);

// Seconds since everything was replaced at once, as it is when a recording begins again: infinite if that never was.
// Then a view needs about as long as for a join until it is whole again.
double scenario_since_break_s(const scenario *s, double time_s);

// The id that entity `index` has in its `generation`, and back. Ids of scenarios are made under server number 65534.
tl_entity_id scenario_entity_id(const scenario *s, uint32_t index, uint32_t generation);
bool scenario_entity_index(const scenario *s, tl_entity_id id, uint32_t *index, uint32_t *generation);

// Cabins that a rider may ride in, by number: index of the carrier; SCENARIO_NONE if there is none (then `free_point`
// is where to stand). Seats: where rider `rider` sits in that cabin's frame.
uint32_t scenario_ride_cabin(const scenario *s, uint32_t rider);
tl_vec3 scenario_ride_seat(const scenario *s, uint32_t rider);
tl_vec3 scenario_free_point(const scenario *s);

#endif
