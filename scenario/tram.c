#include "scenario/tram.h"

static const motion_style tram_style = {1.0, 1.0, 1.44, 0};

typedef struct line_point {
    double x_m, z_m;
    bool stops;
} line_point;

// From A in the west by some corners to B in the east, and back. Streets along the whole way are the trams' own.
static const line_point city_line[] = {
    {-1450, -200, true}, {-950, -200, true},   {-450, -200, true},  {-300, -200, false}, {-300, -450, true},
    {-300, -700, false}, {250, -700, true},    {700, -700, false},  {700, -450, true},   {700, -200, false},
    {1150, -200, true},  {1450, -200, true},   {1600, -200, false}, {1600, 200, false},  {1450, 200, true},
    {950, 200, true},    {450, 200, true},     {-150, 200, true},   {-650, 200, true},   {-1250, 200, true},
    {-1600, 200, false}, {-1600, -200, false},
};

static const line_point convoy_line[] = {
    {0, -200, false},  {400, -200, false}, {400, 100, false},   {150, 100, false},
    {150, 250, false}, {-400, 250, false}, {-400, -200, false},
};

static void line_time(route_builder *b, const line_point *points, int count, double cruise_mps, double dwell_s)
{
    route_begin(b, tram_style);
    for (int n = 0; n <= count; n++) {
        const line_point *p = &points[n % count];
        route_add(b, (waypoint){
                         .x_m = p->x_m,
                         .z_m = p->z_m,
                         .radius_m = 25,
                         .speed_in_mps = cruise_mps,
                         .speed_out_mps = cruise_mps,
                         .stop = p->stops ? WAYPOINT_PAUSE : WAYPOINT_PASS,
                         .pause_s = dwell_s,
                     });
    }
    route_time(b);
}

bool tram_line_city(tram_line *line, route_builder *b, uint32_t tram_count)
{
    enum { POINTS = sizeof city_line / sizeof *city_line };
    *line = (tram_line){.tram_count = tram_count, .headway_s = SIGNAL_CYCLE_S};
    line_time(b, city_line, POINTS, 12, TRAM_DWELL_S);
    // A lap is whole signal cycles, as headways are, so that passengers meet the same lights each time: what is missing
    // to that is spent at the stops, evenly.
    int stops = 0;
    for (int n = 0; n < POINTS; n++) {
        stops += city_line[n].stops;
    }
    double period_s = ceil(b->duration_s / SIGNAL_CYCLE_S) * SIGNAL_CYCLE_S;
    double dwell_s = TRAM_DWELL_S + (period_s - b->duration_s) / stops;
    line_time(b, city_line, POINTS, 12, dwell_s);
    for (int n = 0; n + 1 < b->step_count; n++) {
        const route_step *step = &b->steps[n];
        if (step->speed_mps == 0 && step->accelerate_mps2 == 0) {
            SCENARIO_ASSERT(line->stop_count < TRAM_STOPS_MAX);
            line->stops[line->stop_count++] = (tram_stop){step->s_m, step->time_s};
        }
    }
    return route_track_store(&line->track, b, period_s);
}

bool tram_line_convoy(tram_line *line, route_builder *b, uint32_t vehicle_count)
{
    const double speed_mps = 10, spacing_m = 45;
    *line = (tram_line){.tram_count = vehicle_count, .headway_s = spacing_m / speed_mps};
    line_time(b, convoy_line, sizeof convoy_line / sizeof *convoy_line, speed_mps, 0);
    b->step_count = 1; // never stops
    b->steps[0] = (route_step){.speed_mps = speed_mps};
    return route_track_store(&line->track, b, b->length_m / speed_mps);
}

void tram_line_reset(tram_line *line)
{
    route_track_reset(&line->track);
}

uint32_t tram_entity(const tram_line *line, uint32_t tram)
{
    return line->entity_first + tram * (1 + TRAM_CABINS);
}

uint32_t tram_cabin_entity(const tram_line *line, uint32_t tram, uint32_t cabin)
{
    return tram_entity(line, tram) + 1 + cabin;
}

uint32_t tram_entity_count(const tram_line *line)
{
    return line->tram_count * (1 + TRAM_CABINS);
}

// A cabin's pose in the frame of the front one.
static void cabin_in_tram(const route_pose *front, const route_pose *cabin, scenario_truth *out)
{
    double fx = front->direction_x, fz = front->direction_z; // its -Z; its X is (-fz, fx)
    double x = cabin->x_m - front->x_m, z = cabin->z_m - front->z_m;
    double yaw_radps = -front->curvature * front->speed_mps;
    double vx = cabin->direction_x * cabin->speed_mps - fx * front->speed_mps - yaw_radps * z;
    double vz = cabin->direction_z * cabin->speed_mps - fz * front->speed_mps + yaw_radps * x;
    out->position = (tl_vec3){-fz * x + fx * z, 0, -(fx * x + fz * z)};
    out->velocity = (tl_vec3){-fz * vx + fx * vz, 0, -(fx * vx + fz * vz)};
    double dx = cabin->direction_x, dz = cabin->direction_z;
    out->rotation = quat_facing(-fz * dx + fx * dz, -(fx * dx + fz * dz));
}

void tram_evaluate(const tram_line *line, double time_s, uint32_t index, scenario_truth *out)
{
    uint32_t number = index - line->entity_first, tram = number / (1 + TRAM_CABINS), part = number % (1 + TRAM_CABINS);
    double speed_mps, local_s = time_within(time_s + tram * line->headway_s, line->track.period_s);
    double along_m = route_track_along(&line->track, local_s, &speed_mps);
    route_pose front = route_track_pose(&line->track, along_m, speed_mps);
    *out = (scenario_truth){.present = true};
    if (part == 0) {
        out->kind = KIND_TRAM;
        out->carrier = SCENARIO_NONE;
        out->position = (tl_vec3){front.x_m, 0, front.z_m};
        out->velocity = (tl_vec3){front.direction_x * speed_mps, 0, front.direction_z * speed_mps};
        out->rotation = quat_facing(front.direction_x, front.direction_z);
        return;
    }
    route_pose cabin = route_track_pose(&line->track, along_m - (part - 1) * CABIN_SPACING_M, speed_mps);
    out->kind = KIND_CABIN;
    out->carrier = tram_entity(line, tram);
    cabin_in_tram(&front, &cabin, out);
}

bool tram_rides(const tram_line *line, scenario *s)
{
    s->ride_count = line->tram_count * TRAM_CABINS;
    s->rides = malloc((s->ride_count + 1) * sizeof *s->rides);
    for (uint32_t n = 0; s->rides && n < s->ride_count; n++) {
        s->rides[n] = tram_cabin_entity(line, n % line->tram_count, n / line->tram_count);
    }
    return s->rides != NULL;
}

tl_vec3 cabin_seat(bool left, uint32_t seat)
{
    static const double rows_m[CABIN_SEATS / 2] = {-3.6, -2.8, -2.0, -1.2, 1.2, 2.0, 2.8, 3.6};
    seat %= CABIN_SEATS;
    double x_m = seat & 1 ? 0.95 : 0.5;
    return (tl_vec3){left ? -x_m : x_m, 0, rows_m[seat / 2]};
}

tl_vec3 scenario_ride_seat(const scenario *s, uint32_t rider)
{
    return cabin_seat(false, s->ride_count ? rider / s->ride_count : 0);
}
