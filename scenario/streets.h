// The city's streets: a grid of 100 m blocks, traffic lights at about half of the junctions, pavements on both sides,
// and the loops that people walk and cars drive on it. Streets run along x = 100 i and z = 100 j.
#ifndef SCENARIO_STREETS_H
#define SCENARIO_STREETS_H

#include "scenario/route.h"

enum {
    STREET_LAST = 20, // streets are numbered -20..20
};

#define BLOCK_M 100.0
#define PAVEMENT_M 6.0      // from a street's middle to that of its pavement
#define PAVEMENT_HALF_M 0.7 // people walk so far to the side of it
#define WALK_ACCELERATE_MPS2 1.0
#define WALK_BRAKE_MPS2 1.2
#define WALK_TURN_MPS2 1.2

extern const motion_style streets_walk_style, streets_drive_style;

// A loop of pavements near (x, z), at its own pace; the period is whole signal cycles.
void streets_walk(route_builder *b, uint64_t city_seed, uint64_t *random, double x_m, double z_m, double *period_s);
// The same for a car; trams have some streets for themselves.
void streets_drive(route_builder *b, uint64_t city_seed, uint64_t *random, double x_m, double z_m, double *period_s);
bool streets_is_tram(bool along_x, int number);

// One straight walk along an axis, up to but without its last point: small changes of direction and pace, crossings and
// their lights, pauses at shop windows. `straight_first` and `_last`: it must begin or end exactly along the axis.
typedef struct street_walk {
    uint64_t city_seed;
    double pace_mps;
    double pause_chance; // for each side of a block
} street_walk;
void streets_walk_run(route_builder *b, const street_walk *walk, uint64_t *random, double from_x_m, double from_z_m,
                      double to_x_m, double to_z_m, bool straight_first, bool straight_last);

#endif
