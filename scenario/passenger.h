// Passengers: people who live with the trams' timetable. Each walks to a stop, waits, boards a cabin, takes a seat,
// rides, alights at another stop, walks back, and so on. In the cabin they are in its frame.
#ifndef SCENARIO_PASSENGER_H
#define SCENARIO_PASSENGER_H

#include "scenario/tram.h"

typedef struct passenger {
    uint32_t ride, walk; // routes: in the cabin's frame, and in the world
    uint32_t cabin;      // entity
    double shift_s;      // to the scenario's time: then 0 is when it steps into the cabin
    double ride_s, period_s;
    double home_x_m, home_z_m; // where it boards
} passenger;

// Passenger `number` on the line, with its routes put in the pool.
passenger passenger_make(const tram_line *line, route_builder *b, route_pool *pool, uint64_t city_seed,
                         uint32_t number);
void passenger_evaluate(const passenger *p, const route_pool *pool, double time_s, scenario_truth *out);

// Only sits, and now and then walks once through the cabin (the convoy's).
passenger passenger_make_seated(route_builder *b, route_pool *pool, uint64_t seed, uint32_t cabin, uint32_t seat);

// The truth of a person at a pose on the ground.
void pose_truth(const route_pose *pose, scenario_truth *out);

#endif
