#include "scenario/passenger.h"
#include "scenario/streets.h"

#define PLATFORM_M 3.0 // where one waits, from the track's middle
#define CABIN_PACE_MPS 0.9

static const motion_style cabin_style = {1.0, 1.0, 2.0, 0};

static waypoint point(double x_m, double z_m, double radius_m, double pace_mps, double pause_s)
{
    return (waypoint){
        .x_m = x_m,
        .z_m = z_m,
        .radius_m = radius_m,
        .speed_in_mps = pace_mps,
        .speed_out_mps = pace_mps,
        .stop = pause_s >= 0 ? WAYPOINT_PAUSE : WAYPOINT_PASS,
        .pause_s = pause_s,
    };
}

static void cabin_point(route_builder *b, double x_m, double z_m, double pause_s)
{
    route_add(b, point(x_m, z_m, 0.2, CABIN_PACE_MPS, pause_s));
}

// Door, aisle, seat, facing forward; and back.
static void ride_time(route_builder *b, tl_vec3 seat, double pause_s)
{
    route_begin(b, cabin_style);
    cabin_point(b, CABIN_DOOR_M, 0, -1);
    cabin_point(b, 0, 0, -1);
    cabin_point(b, 0, seat.z + 0.5, -1);
    cabin_point(b, seat.x, seat.z + 0.5, -1);
    cabin_point(b, seat.x, seat.z, pause_s);
    cabin_point(b, 0, seat.z, -1);
    cabin_point(b, 0, 0, -1);
    cabin_point(b, CABIN_DOOR_M, 0, -1);
    route_time(b);
}

typedef struct trip {
    const tram_line *line;
    const tram_stop *from, *to; // where one boards, and where one alights
    double behind_m;            // the cabin's place behind the front one
    street_walk walk;
    uint64_t walk_seed;
    double begin_s; // track time of alighting
} trip;

// A point beside the track, to the right of it, where the cabin's door is at a stop.
static void beside(const trip *t, const tram_stop *stop, double right_m, double *x_m, double *z_m)
{
    route_pose pose = route_track_pose(&t->line->track, stop->along_m - t->behind_m, 0);
    *x_m = pose.x_m - pose.direction_z * right_m;
    *z_m = pose.z_m + pose.direction_x * right_m;
}

// The pavement's corner beside an arc of the track: where the lines beside its two legs meet.
static void beside_corner(const route_element *arc, double *x_m, double *z_m)
{
    double radius_m = 1 / arc->curvature, ax = arc->direction_x, az = arc->direction_z;
    double turn = arc->curvature > 0 ? 1 : -1, bx = -az * turn, bz = ax * turn; // a right angle
    double node_x_m = arc->x_m + ax * fabs(radius_m), node_z_m = arc->z_m + az * fabs(radius_m);
    *x_m = node_x_m + PAVEMENT_M * (-az - bz);
    *z_m = node_z_m + PAVEMENT_M * (ax + bx);
}

// Back along the track's pavement, against its direction, from the stop where one alights to that where one boards.
static void walk_back(route_builder *b, const trip *t, uint64_t *random, double *x_m, double *z_m)
{
    const route_track *track = &t->line->track;
    double from_m = t->from->along_m - t->behind_m, to_m = t->to->along_m - t->behind_m;
    to_m += to_m < from_m ? track->length_m : 0;
    for (int lap = 1; lap >= 0; lap--) {
        for (int n = track->element_count - 1; n >= 0; n--) {
            const route_element *e = &track->elements[n];
            double along_m = e->s_m + lap * track->length_m;
            if (e->curvature == 0 || along_m > to_m || along_m < from_m) {
                continue;
            }
            double corner_x_m, corner_z_m;
            beside_corner(e, &corner_x_m, &corner_z_m);
            streets_walk_run(b, &t->walk, random, *x_m, *z_m, corner_x_m, corner_z_m, false, false);
            route_add(b, point(corner_x_m, corner_z_m, 1.0, t->walk.pace_mps, -1));
            *x_m = corner_x_m;
            *z_m = corner_z_m;
        }
    }
    double end_x_m, end_z_m;
    beside(t, t->from, PAVEMENT_M, &end_x_m, &end_z_m);
    streets_walk_run(b, &t->walk, random, *x_m, *z_m, end_x_m, end_z_m, false, false);
    route_add(b, point(end_x_m, end_z_m, 1.0, t->walk.pace_mps, -1));
}

// From door to door.
static void walk_time(route_builder *b, const trip *t, double pause_s)
{
    uint64_t random = t->walk_seed;
    motion_style style = streets_walk_style;
    style.begin_s = t->begin_s;
    route_begin(b, style);
    double x_m, z_m;
    beside(t, t->to, CABIN_DOOR_M, &x_m, &z_m);
    route_add(b, point(x_m, z_m, 0, t->walk.pace_mps, -1));
    beside(t, t->to, PAVEMENT_M, &x_m, &z_m);
    route_add(b, point(x_m, z_m, 1.0, t->walk.pace_mps, -1));
    walk_back(b, t, &random, &x_m, &z_m);
    beside(t, t->from, PLATFORM_M, &x_m, &z_m);
    route_add(b, point(x_m, z_m, 0, t->walk.pace_mps, pause_s));
    beside(t, t->from, CABIN_DOOR_M, &x_m, &z_m);
    route_add(b, point(x_m, z_m, 0, t->walk.pace_mps, -1));
    route_time(b);
}

passenger passenger_make(const tram_line *line, route_builder *b, route_pool *pool, uint64_t city_seed, uint32_t number)
{
    uint64_t random = random_seed(city_seed, 21, number);
    uint32_t tram = number % line->tram_count, cabin = number / line->tram_count % TRAM_CABINS;
    // Two use one seat, far from each other along the line.
    uint32_t slot = number / (line->tram_count * TRAM_CABINS), seat = slot % CABIN_SEATS;
    int quarter = (int)(seat + tram + cabin + 2 * (slot / CABIN_SEATS)) % 4, stops = line->stop_count / 4;
    int from = quarter * stops + random_below(&random, stops);
    int hops = 1 + random_below(&random, (quarter + 1) * stops - from);
    trip t = {
        .line = line,
        .from = &line->stops[from],
        .to = &line->stops[(from + hops) % line->stop_count],
        .behind_m = cabin * CABIN_SPACING_M,
        .walk = {city_seed, random_between(&random, 1.0, 1.6), 0.2},
        .walk_seed = random_next(&random),
    };
    double lap_s = line->track.period_s;
    double board_s = t.from->arrive_s + random_between(&random, 6, 10);
    double alight_s = t.to->arrive_s + random_between(&random, 10, 15);
    passenger p = {.cabin = tram_cabin_entity(line, tram, cabin), .ride_s = time_within(alight_s - board_s, lap_s)};
    ride_time(b, cabin_seat(true, seat), 0);
    ride_time(b, cabin_seat(true, seat), p.ride_s - b->duration_s);
    p.ride = route_store(pool, b);
    t.begin_s = board_s + p.ride_s;
    walk_time(b, &t, 0);
    double laps = ceil((p.ride_s + b->duration_s + 5) / lap_s);
    p.period_s = laps * lap_s;
    walk_time(b, &t, p.period_s - p.ride_s - b->duration_s);
    p.walk = route_store(pool, b);
    p.shift_s = tram * line->headway_s - board_s + lap_s * random_below(&random, (int)laps);
    beside(&t, t.from, CABIN_DOOR_M, &p.home_x_m, &p.home_z_m);
    return p;
}

passenger passenger_make_seated(route_builder *b, route_pool *pool, uint64_t seed, uint32_t cabin, uint32_t seat_number)
{
    uint64_t random = random_seed(seed, 22, cabin * 64 + seat_number);
    tl_vec3 seat = cabin_seat(true, seat_number);
    route_begin(b, cabin_style);
    cabin_point(b, seat.x, seat.z, random_between(&random, 40, 200));
    cabin_point(b, 0, seat.z, -1);
    cabin_point(b, 0, random_between(&random, -0.5, 0.5), random_between(&random, 2, 10));
    cabin_point(b, 0, seat.z + 0.5, -1);
    cabin_point(b, seat.x, seat.z + 0.5, -1);
    cabin_point(b, seat.x, seat.z, -1);
    route_time(b);
    passenger p = {.cabin = cabin, .ride = route_store(pool, b), .period_s = b->duration_s, .ride_s = b->duration_s};
    p.shift_s = random_between(&random, 0, p.period_s);
    return p;
}

void pose_truth(const route_pose *pose, scenario_truth *out)
{
    out->position = (tl_vec3){pose->x_m, 0, pose->z_m};
    out->velocity = (tl_vec3){pose->direction_x * pose->speed_mps, 0, pose->direction_z * pose->speed_mps};
    out->rotation = quat_facing(pose->direction_x, pose->direction_z);
}

void passenger_evaluate(const passenger *p, const route_pool *pool, double time_s, scenario_truth *out)
{
    double local_s = time_within(time_s + p->shift_s, p->period_s);
    bool rides = local_s < p->ride_s;
    const route *r = &pool->routes[rides ? p->ride : p->walk];
    route_pose pose = route_evaluate(pool, r, rides ? local_s : local_s - p->ride_s, 0);
    *out = (scenario_truth){.present = true, .kind = KIND_WALKER, .carrier = rides ? p->cabin : SCENARIO_NONE};
    pose_truth(&pose, out);
}
