// Trams: vehicles of several cabins that follow one another on a closed track. The vehicle's frame is that of its front
// cabin, the other cabins bend away from it in curves.
#ifndef SCENARIO_TRAM_H
#define SCENARIO_TRAM_H

#include "scenario/route.h"

enum {
    TRAM_CABINS = 3,
    TRAM_STOPS_MAX = 32,
    CABIN_SEATS = 16, // on each side: the left is for the scenario's own passengers, the right for riders
};

#define CABIN_SPACING_M 10.0
#define CABIN_DOOR_M 1.25 // to the right of the middle
#define TRAM_DWELL_S 20.0

typedef struct tram_stop {
    double along_m, arrive_s; // of the front cabin's middle; in the track's time
} tram_stop;

typedef struct tram_line {
    route_track track;
    tram_stop stops[TRAM_STOPS_MAX];
    int stop_count;
    uint32_t tram_count;
    double headway_s;      // tram n is n headways ahead
    uint32_t entity_first; // tram 0, its cabins, tram 1, …
} tram_line;

// The city's line, and the convoy's loop. False: out of memory.
bool tram_line_city(tram_line *line, route_builder *b, uint32_t tram_count);
bool tram_line_convoy(tram_line *line, route_builder *b, uint32_t vehicle_count);
void tram_line_reset(tram_line *line);

uint32_t tram_entity(const tram_line *line, uint32_t tram);
uint32_t tram_cabin_entity(const tram_line *line, uint32_t tram, uint32_t cabin);
uint32_t tram_entity_count(const tram_line *line);
void tram_evaluate(const tram_line *line, double time_s, uint32_t index, scenario_truth *out);
// All cabins, for riders of a demo or test. The tram's number varies fastest.
bool tram_rides(const tram_line *line, scenario *s);

// In the cabin's frame. `left`: the side of the scenario's own passengers.
tl_vec3 cabin_seat(bool left, uint32_t seat);

#endif
