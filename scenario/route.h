// Routes: closed-form motion along a way. A way is a list of waypoints with rounded corners, speeds and stops; a
// builder turns it into pieces of constant acceleration and curvature, which are looked up by time. Many entities share
// a route, each with its own shift in time and to the side.
//
// timetable.c turns waypoints into elements and steps; route.c stores routes and tracks and evaluates them.
#ifndef SCENARIO_ROUTE_H
#define SCENARIO_ROUTE_H

#include "scenario/internal.h"

enum {
    ROUTE_WAYPOINTS_MAX = 2048,
    ROUTE_ELEMENTS_MAX = 2 * ROUTE_WAYPOINTS_MAX,
    ROUTE_STEPS_MAX = 4 * ROUTE_ELEMENTS_MAX,
};

#define SIGNAL_CYCLE_S \
    60.0 // of every traffic light; so a route whose period is whole cycles meets the same lights again

typedef enum waypoint_stop {
    WAYPOINT_PASS,
    WAYPOINT_PAUSE,  // always stops, for pause_s
    WAYPOINT_SIGNAL, // stops if it comes there outside of the green time
} waypoint_stop;

typedef struct waypoint {
    double x_m, z_m;
    double radius_m;     // of the arc that rounds the corner; not at a stop, which must lie on a straight line, unless
                         // nobody uses the route with an offset to the side
    double speed_in_mps; // wanted on arriving, and on leaving; between two waypoints the speed changes steadily
    double speed_out_mps;
    waypoint_stop stop;
    double pause_s;    // WAYPOINT_PAUSE
    double green_at_s; // WAYPOINT_SIGNAL: green from here on in each cycle
    double green_s;    // for so long one may still begin to cross
} waypoint;

typedef struct motion_style {
    double accelerate_mps2, brake_mps2;
    double turn_mps2; // largest sideways acceleration in corners
    double begin_s;   // the signals' time at which the route's own time is 0
} motion_style;

typedef struct route_element { // a straight line or an arc
    double s_m;                // where it begins, along the way
    double x_m, z_m, direction_x, direction_z;
    double curvature; // 1/m, > 0 turns right
    double length_m;
    double begin_mps, end_mps; // wanted speeds
    int stop;                  // waypoint at its end where one may have to stop, or -1
} route_element;

typedef struct route_step { // of constant acceleration, within one element
    double time_s, s_m, speed_mps, accelerate_mps2;
    int element;
} route_step;

typedef struct route_builder {
    waypoint waypoints[ROUTE_WAYPOINTS_MAX];
    int waypoint_count;
    motion_style style;
    route_element elements[ROUTE_ELEMENTS_MAX];
    double brakeable_mps[ROUTE_ELEMENTS_MAX + 1];
    double speed_mps[ROUTE_ELEMENTS_MAX + 1];
    int element_count;
    route_step steps[ROUTE_STEPS_MAX];
    int step_count;
    double length_m, duration_s;
} route_builder;

void route_begin(route_builder *b, motion_style style);
void route_add(route_builder *b, waypoint w);
// From the first waypoint to the last, at rest at both.
void route_time(route_builder *b);

// The routes of a world, in one place.
typedef struct route_piece {
    float x_m, z_m; // from the route's origin
    float direction_x, direction_z;
    float curvature;
    float speed_mps, accelerate_mps2;
} route_piece;

typedef struct route {
    uint32_t first, count; // pieces; the last one stands still at the end
    double origin_x_m, origin_z_m;
    double duration_s, period_s;
} route;

typedef struct route_pool {
    uint32_t *times_us; // when each piece begins
    route_piece *pieces;
    uint32_t piece_count, piece_capacity;
    route *routes;
    uint32_t route_count, route_capacity;
    bool failed; // out of memory
} route_pool;

// Stores what the builder timed; its period is its duration until changed. Answers its number.
uint32_t route_store(route_pool *pool, const route_builder *b);
void route_pool_reset(route_pool *pool);
size_t route_pool_bytes(const route_pool *pool);

typedef struct route_pose {
    double x_m, z_m;
    double direction_x, direction_z; // unit
    double speed_mps;
    double curvature;
} route_pose;

// At local_s in [0, period), lateral_m to the right of the way.
route_pose route_evaluate(const route_pool *pool, const route *r, double local_s, double lateral_m);

// The same in two steps. Pieces are scattered in memory: callers that evaluate many routes find some first, so that the
// pieces are prefetched when they are read.
typedef struct route_place {
    uint32_t piece;
    double for_s; // since the piece began
} route_place;

route_place route_find(const route_pool *pool, const route *r, double local_s);
route_pose route_at(const route_pool *pool, const route *r, route_place place, double lateral_m);

// A closed way whose parts follow each other, as a tram's cabins do: first where along the way, then the pose there.
typedef struct route_track {
    route_element *elements;
    route_step *steps;
    int element_count, step_count;
    double length_m, period_s;
} route_track;

bool route_track_store(route_track *track, const route_builder *b, double period_s);
void route_track_reset(route_track *track);
double route_track_along(const route_track *track, double local_s, double *speed_mps);
// `s_m` of any sign; the speed is the caller's.
route_pose route_track_pose(const route_track *track, double s_m, double speed_mps);

#endif
