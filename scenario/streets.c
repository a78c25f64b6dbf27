#include "scenario/streets.h"

#define KERB_M 4.4         // where people wait, from the middle of the street that they want to cross
#define FACE_M 7.5         // where a crossing is over
#define CORNER_CLEAR_M 3.0 // walks stay straight so near to a corner
#define LANE_M 1.75        // cars drive on the right
#define STOP_LINE_M 8.5
#define GREEN_S 27.0      // of each direction, with 3 s between
#define WALK_GREEN_S 12.0 // the rest suffices to cross, even when up to 4 s late
#define DRIVE_GREEN_S 22.0
#define SIGNAL_SHARE 0.5
#define GENTLE_RADIUS_M 4.0

const motion_style streets_walk_style = {WALK_ACCELERATE_MPS2, WALK_BRAKE_MPS2, WALK_TURN_MPS2, 0};
const motion_style streets_drive_style = {1.8, 2.5, 2.6, 0};

enum { NODES_MAX = 6, KNOTS_MAX = 1024 };

typedef struct street_node {
    int i, j;
} street_node;

bool streets_is_tram(bool along_x, int number)
{
    return along_x ? number == -7 || number == -2 || number == 2
                   : number == -16 || number == -3 || number == 7 || number == 16;
}

// Whether the junction has a light; `green_at_s` receives when it turns green for traffic along x or z.
static bool signal_at(uint64_t city_seed, int i, int j, bool along_x, double *green_at_s)
{
    uint64_t random = random_seed(city_seed, 11, (uint64_t)((i + 64) * 256 + j + 64));
    double share = random_between(&random, 0, 1);
    *green_at_s = fmod(random_between(&random, 0, SIGNAL_CYCLE_S) + (along_x ? 30 : 0), SIGNAL_CYCLE_S);
    return share < SIGNAL_SHARE;
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

// A rectangle of streets, or an L, somewhere around the place. Returns the number of corners.
static int loop_nodes(uint64_t *random, double x_m, double z_m, int blocks_max, int last, street_node *nodes)
{
    int width = 1 + random_below(random, blocks_max), depth = 1 + random_below(random, blocks_max);
    int i = (int)lround(x_m / BLOCK_M) - random_below(random, width + 1);
    int j = (int)lround(z_m / BLOCK_M) - random_below(random, depth + 1);
    int i0 = clamp(i, -last, last - width), j0 = clamp(j, -last, last - depth), i1 = i0 + width, j1 = j0 + depth;
    int count = 4;
    if (width > 1 && depth > 1 && random_chance(random, 0.6)) {
        int ic = i0 + 1 + random_below(random, width - 1), jc = j0 + 1 + random_below(random, depth - 1);
        street_node shape[] = {{i0, j0}, {i1, j0}, {i1, jc}, {ic, jc}, {ic, j1}, {i0, j1}};
        count = 6;
        for (int n = 0; n < count; n++) {
            nodes[n] = shape[n];
        }
    } else {
        street_node shape[] = {{i0, j0}, {i1, j0}, {i1, j1}, {i0, j1}};
        for (int n = 0; n < count; n++) {
            nodes[n] = shape[n];
        }
    }
    bool flip_i = random_chance(random, 0.5), flip_j = random_chance(random, 0.5), reverse = random_chance(random, 0.5);
    for (int n = 0; n < count; n++) {
        nodes[n].i = flip_i ? i0 + i1 - nodes[n].i : nodes[n].i;
        nodes[n].j = flip_j ? j0 + j1 - nodes[n].j : nodes[n].j;
    }
    for (int n = 0; reverse && n < count / 2; n++) {
        street_node swap = nodes[n];
        nodes[n] = nodes[count - 1 - n];
        nodes[count - 1 - n] = swap;
    }
    return count;
}

// --- people ---

typedef struct walk_knot { // along a run, from its beginning
    double along_m, lateral_m, speed_mps;
    waypoint_stop stop;
    double pause_s, green_at_s;
} walk_knot;

typedef struct walk_run {
    bool along_x;
    int sign;
    double from_m, fixed_m, length_m; // along the axis, and across it
    walk_knot knots[KNOTS_MAX];
    int knot_count;
} walk_run;

static void knot_add(walk_run *run, walk_knot knot)
{
    SCENARIO_ASSERT(run->knot_count < KNOTS_MAX);
    run->knots[run->knot_count++] = knot;
}

// Small turns along one side of a block, and perhaps a pause in the middle.
static void walk_face(walk_run *run, const street_walk *walk, uint64_t *random, double begin_m, double end_m,
                      bool straight_first, bool straight_last)
{
    if (end_m - begin_m < 2) {
        return;
    }
    double gap_m = random_between(random, 14, 26);
    int count = 1 + (int)((end_m - begin_m) / gap_m);
    int pause = random_chance(random, walk->pause_chance) ? 1 + random_below(random, count) : 0;
    for (int n = 0; n < count; n++) {
        double part = count == 1 ? 0.5 : (double)n / (count - 1);
        bool straight = (n == 0 && straight_first) || (n == count - 1 && straight_last);
        walk_knot knot = {
            .along_m = begin_m + part * (end_m - begin_m),
            .lateral_m = straight ? 0 : random_between(random, -0.45, 0.45),
            .speed_mps = walk->pace_mps * random_between(random, 0.95, 1.05),
        };
        if (pause && n == pause) {
            const walk_knot *last = &run->knots[run->knot_count - 1];
            walk_knot stop = {
                .along_m = (last->along_m + knot.along_m) / 2,
                .lateral_m = (last->lateral_m + knot.lateral_m) / 2,
                .speed_mps = walk->pace_mps,
                .stop = WAYPOINT_PAUSE,
                .pause_s = random_chance(random, 0.15) ? random_between(random, 60, 200)
                                                       : random_between(random, 5, 30),
            };
            knot_add(run, stop);
        }
        knot_add(run, knot);
    }
}

// Puts the wait at the kerb on the straight line between its neighbours.
static void knot_level(walk_run *run, int n)
{
    const walk_knot *before = &run->knots[n - 1], *after = &run->knots[n + 1];
    double part = (run->knots[n].along_m - before->along_m) / (after->along_m - before->along_m);
    run->knots[n].lateral_m = before->lateral_m + part * (after->lateral_m - before->lateral_m);
    run->knots[n].speed_mps = before->speed_mps + part * (after->speed_mps - before->speed_mps);
}

static void walk_knots(walk_run *run, const street_walk *walk, uint64_t *random, bool straight_first,
                       bool straight_last)
{
    run->knot_count = 0;
    knot_add(run, (walk_knot){.speed_mps = walk->pace_mps});
    double begin_m = CORNER_CLEAR_M;
    int across = (int)lround(run->fixed_m / BLOCK_M);
    int street = run->sign > 0 ? (int)ceil(run->from_m / BLOCK_M) : (int)floor(run->from_m / BLOCK_M);
    bool first = straight_first;
    for (;; street += run->sign) {
        double middle_m = (street * BLOCK_M - run->from_m) * run->sign;
        if (middle_m < KERB_M + 0.5) {
            continue;
        }
        if (middle_m + KERB_M > run->length_m) {
            break;
        }
        walk_face(run, walk, random, begin_m, middle_m - FACE_M, first, false);
        first = first && run->knot_count == 1;
        begin_m = middle_m + FACE_M;
        double green_at_s;
        int i = run->along_x ? street : across, j = run->along_x ? across : street;
        if (signal_at(walk->city_seed, i, j, run->along_x, &green_at_s)) {
            knot_add(run, (walk_knot){.along_m = middle_m - KERB_M, .stop = WAYPOINT_SIGNAL, .green_at_s = green_at_s});
        }
    }
    walk_face(run, walk, random, begin_m, run->length_m - CORNER_CLEAR_M, first, straight_last);
    knot_add(run, (walk_knot){.along_m = run->length_m, .speed_mps = walk->pace_mps});
    for (int n = 1; n + 1 < run->knot_count; n++) {
        if (run->knots[n].stop == WAYPOINT_SIGNAL) {
            knot_level(run, n);
        }
    }
    run->knot_count--; // the last point is the caller's
}

void streets_walk_run(route_builder *b, const street_walk *walk, uint64_t *random, double from_x_m, double from_z_m,
                      double to_x_m, double to_z_m, bool straight_first, bool straight_last)
{
    walk_run run;
    run.along_x = fabs(to_x_m - from_x_m) > fabs(to_z_m - from_z_m);
    double to_m = run.along_x ? to_x_m : to_z_m;
    run.from_m = run.along_x ? from_x_m : from_z_m;
    run.fixed_m = run.along_x ? from_z_m : from_x_m;
    run.sign = to_m > run.from_m ? 1 : -1;
    run.length_m = fabs(to_m - run.from_m);
    walk_knots(&run, walk, random, straight_first, straight_last);
    for (int n = 1; n < run.knot_count; n++) { // the first point is the caller's too
        const walk_knot *knot = &run.knots[n];
        double along_m = run.from_m + run.sign * knot->along_m, across_m = run.fixed_m + knot->lateral_m;
        route_add(b, (waypoint){
                         .x_m = run.along_x ? along_m : across_m,
                         .z_m = run.along_x ? across_m : along_m,
                         .radius_m = GENTLE_RADIUS_M,
                         .speed_in_mps = knot->speed_mps,
                         .speed_out_mps = knot->speed_mps,
                         .stop = knot->stop,
                         .pause_s = knot->pause_s,
                         .green_at_s = knot->green_at_s,
                         .green_s = WALK_GREEN_S,
                     });
    }
}

static waypoint walk_point(double x_m, double z_m, double pace_mps)
{
    return (waypoint){.x_m = x_m, .z_m = z_m, .radius_m = 1.2, .speed_in_mps = pace_mps, .speed_out_mps = pace_mps};
}

static double whole_cycles(double duration_s)
{
    return ceil(duration_s / SIGNAL_CYCLE_S) * SIGNAL_CYCLE_S;
}

void streets_walk(route_builder *b, uint64_t city_seed, uint64_t *random, double x_m, double z_m, double *period_s)
{
    street_node nodes[NODES_MAX];
    int count = loop_nodes(random, x_m, z_m, 4, STREET_LAST, nodes);
    double xs[NODES_MAX], zs[NODES_MAX], side[NODES_MAX]; // side: of the street from node n to the next
    for (int n = 0; n < count; n++) {
        const street_node *a = &nodes[n], *z = &nodes[(n + 1) % count];
        int street = a->i == z->i ? a->i : a->j;
        bool right = random_chance(random, 0.5);
        side[n] = street == STREET_LAST || (street > -STREET_LAST && right) ? -PAVEMENT_M : PAVEMENT_M;
    }
    for (int n = 0; n < count; n++) {
        bool leaves_along_z = nodes[n].i == nodes[(n + 1) % count].i;
        double leave = side[n], arrive = side[(n + count - 1) % count];
        xs[n] = nodes[n].i * BLOCK_M + (leaves_along_z ? leave : arrive);
        zs[n] = nodes[n].j * BLOCK_M + (leaves_along_z ? arrive : leave);
    }
    street_walk walk = {city_seed, random_between(random, 0.9, 1.7), 0.2};
    // The loop begins where a block's first side is half over.
    double part = 50.0 / (fabs(xs[1] - xs[0]) + fabs(zs[1] - zs[0]));
    double start_x_m = xs[0] + part * (xs[1] - xs[0]), start_z_m = zs[0] + part * (zs[1] - zs[0]);
    route_begin(b, streets_walk_style);
    waypoint start = walk_point(start_x_m, start_z_m, walk.pace_mps);
    route_add(b, start);
    double from_x_m = start_x_m, from_z_m = start_z_m;
    for (int n = 1; n <= count; n++) {
        int at = n % count;
        streets_walk_run(b, &walk, random, from_x_m, from_z_m, xs[at], zs[at], n == 1, false);
        from_x_m = xs[at];
        from_z_m = zs[at];
        route_add(b, walk_point(from_x_m, from_z_m, walk.pace_mps));
    }
    streets_walk_run(b, &walk, random, from_x_m, from_z_m, start_x_m, start_z_m, false, true);
    route_add(b, start);
    route_time(b);
    *period_s = whole_cycles(b->duration_s + random_between(random, 1, 5));
}

// --- cars ---

typedef struct drive_run {
    street_node from, to;
    double x_m, z_m; // the lane's end: the corner
    double limit_mps;
} drive_run;

static int sign_of(int value)
{
    return (value > 0) - (value < 0);
}

// Stop lines from one node to the next.
static void drive_stops(route_builder *b, uint64_t city_seed, const drive_run *run, bool with_last)
{
    int di = sign_of(run->to.i - run->from.i), dj = sign_of(run->to.j - run->from.j);
    int count = abs(run->to.i - run->from.i) + abs(run->to.j - run->from.j);
    for (int n = 1; n <= count - !with_last; n++) {
        int i = run->from.i + di * n, j = run->from.j + dj * n;
        double green_at_s;
        if (!signal_at(city_seed, i, j, di != 0, &green_at_s)) {
            continue;
        }
        route_add(b, (waypoint){
                         .x_m = di ? i * BLOCK_M - di * STOP_LINE_M : run->x_m,
                         .z_m = dj ? j * BLOCK_M - dj * STOP_LINE_M : run->z_m,
                         .speed_in_mps = run->limit_mps,
                         .speed_out_mps = run->limit_mps,
                         .stop = WAYPOINT_SIGNAL,
                         .green_at_s = green_at_s,
                         .green_s = DRIVE_GREEN_S,
                     });
    }
}

static bool drive_loop(uint64_t *random, double x_m, double z_m, drive_run *runs, int *count_out)
{
    street_node nodes[NODES_MAX];
    int count = loop_nodes(random, x_m, z_m, 8, STREET_LAST - 1, nodes);
    for (int n = 0; n < count; n++) {
        street_node from = nodes[n], to = nodes[(n + 1) % count];
        bool along_x = from.j == to.j;
        if (streets_is_tram(along_x, along_x ? from.j : from.i)) {
            return false;
        }
        static const double limits_mps[] = {8.33, 9.7, 11.1, 12.5, 13.9};
        runs[n] = (drive_run){.from = from, .to = to, .limit_mps = limits_mps[random_below(random, 5)]};
    }
    for (int n = 0; n < count; n++) { // to the right of (dx, dz) is (-dz, dx)
        const drive_run *next = &runs[(n + 1) % count];
        int ax = sign_of(runs[n].to.i - runs[n].from.i), az = sign_of(runs[n].to.j - runs[n].from.j);
        int bx = sign_of(next->to.i - next->from.i), bz = sign_of(next->to.j - next->from.j);
        runs[n].x_m = runs[n].to.i * BLOCK_M - (az + bz) * LANE_M;
        runs[n].z_m = runs[n].to.j * BLOCK_M + (ax + bx) * LANE_M;
    }
    *count_out = count;
    return true;
}

void streets_drive(route_builder *b, uint64_t city_seed, uint64_t *random, double x_m, double z_m, double *period_s)
{
    drive_run runs[NODES_MAX];
    int count;
    while (!drive_loop(random, x_m, z_m, runs, &count)) {
        x_m += random_between(random, -BLOCK_M, BLOCK_M);
        z_m += random_between(random, -BLOCK_M, BLOCK_M);
    }
    // It begins at the stop line before the first corner, when the light there (or none) turns green.
    const drive_run *first = &runs[0];
    int di = sign_of(first->to.i - first->from.i), dj = sign_of(first->to.j - first->from.j);
    waypoint start = {
        .x_m = di ? first->to.i * BLOCK_M - di * STOP_LINE_M : first->x_m,
        .z_m = dj ? first->to.j * BLOCK_M - dj * STOP_LINE_M : first->z_m,
        .speed_in_mps = first->limit_mps,
        .speed_out_mps = first->limit_mps,
    };
    motion_style style = streets_drive_style;
    signal_at(city_seed, first->to.i, first->to.j, di != 0, &style.begin_s);
    route_begin(b, style);
    route_add(b, start);
    for (int n = 0; n < count; n++) {
        const drive_run *run = &runs[n], *next = &runs[(n + 1) % count];
        if (n > 0) {
            drive_stops(b, city_seed, run, true);
        }
        route_add(b, (waypoint){
                         .x_m = run->x_m,
                         .z_m = run->z_m,
                         .radius_m = random_between(random, 5, 6.5),
                         .speed_in_mps = run->limit_mps,
                         .speed_out_mps = next->limit_mps,
                     });
    }
    drive_stops(b, city_seed, first, false);
    route_add(b, start);
    route_time(b);
    *period_s = whole_cycles(b->duration_s + 1);
}
