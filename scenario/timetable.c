// From waypoints to steps: corners rounded, speeds planned backward and forward, stops and signals kept.
#include "scenario/route.h"

#define LENGTH_MIN_M 1e-6
#define REACTION_S 0.8 // from green to the first move

void route_begin(route_builder *b, motion_style style)
{
    b->waypoint_count = 0;
    b->style = style;
}

void route_add(route_builder *b, waypoint w)
{
    SCENARIO_ASSERT(b->waypoint_count < ROUTE_WAYPOINTS_MAX);
    b->waypoints[b->waypoint_count++] = w;
}

static void element_add(route_builder *b, route_element e)
{
    if (e.length_m < LENGTH_MIN_M) {
        if (b->element_count > 0 && e.stop >= 0) {
            b->elements[b->element_count - 1].stop = e.stop;
        }
        return;
    }
    SCENARIO_ASSERT(b->element_count < ROUTE_ELEMENTS_MAX);
    e.s_m = b->length_m;
    b->length_m += e.length_m;
    b->elements[b->element_count++] = e;
}

// Unit direction and length from waypoint i to the next.
static double leg(const route_builder *b, int i, double *x, double *z)
{
    const waypoint *w = &b->waypoints[i];
    double dx = w[1].x_m - w[0].x_m, dz = w[1].z_m - w[0].z_m, length_m = sqrt(dx * dx + dz * dz);
    SCENARIO_ASSERT(length_m > LENGTH_MIN_M);
    *x = dx / length_m;
    *z = dz / length_m;
    return length_m;
}

// The arc at waypoint i, if it turns there. Its length along each of the two legs is *cut_m.
static bool corner(const route_builder *b, int i, route_element *arc, double *cut_m)
{
    *cut_m = 0;
    const waypoint *w = &b->waypoints[i];
    if (i == 0 || i == b->waypoint_count - 1 || w->stop != WAYPOINT_PASS) {
        return false;
    }
    double ax, az, bx, bz;
    double a_m = leg(b, i - 1, &ax, &az), b_m = leg(b, i, &bx, &bz);
    double right = -az * bx + ax * bz;
    double angle_rad = atan2(right, ax * bx + az * bz);
    if (fabs(angle_rad) < 1e-7) {
        return false;
    }
    double tangent = tan(fabs(angle_rad) / 2);
    double radius_m = fmin(w->radius_m, 0.49 * fmin(a_m, b_m) / tangent);
    *cut_m = radius_m * tangent;
    double speed_mps = fmin(fmin(w->speed_in_mps, w->speed_out_mps), sqrt(b->style.turn_mps2 * radius_m));
    *arc = (route_element){
        .x_m = w->x_m - ax * *cut_m,
        .z_m = w->z_m - az * *cut_m,
        .direction_x = ax,
        .direction_z = az,
        .curvature = (angle_rad > 0 ? 1 : -1) / radius_m,
        .length_m = radius_m * fabs(angle_rad),
        .begin_mps = speed_mps,
        .end_mps = speed_mps,
        .stop = -1,
    };
    return true;
}

static void elements_build(route_builder *b)
{
    b->element_count = 0;
    b->length_m = 0;
    double begin_cut_m = 0;
    for (int i = 0; i + 1 < b->waypoint_count; i++) {
        const waypoint *from = &b->waypoints[i], *to = from + 1;
        route_element arc, line = {.stop = to->stop == WAYPOINT_PASS ? -1 : i + 1};
        double end_cut_m, length_m = leg(b, i, &line.direction_x, &line.direction_z);
        bool turns = corner(b, i + 1, &arc, &end_cut_m);
        line.x_m = from->x_m + line.direction_x * begin_cut_m;
        line.z_m = from->z_m + line.direction_z * begin_cut_m;
        line.length_m = length_m - begin_cut_m - end_cut_m;
        line.begin_mps = from->speed_out_mps;
        line.end_mps = to->speed_in_mps;
        element_add(b, line);
        if (turns) {
            element_add(b, arc);
        }
        begin_cut_m = end_cut_m;
    }
    SCENARIO_ASSERT(b->element_count > 0);
}

// The largest speed between elements j - 1 and j.
static double speed_between(const route_builder *b, int j)
{
    return fmin(b->elements[j - 1].end_mps, b->elements[j].begin_mps);
}

// At the beginning of each element: the speed from which one can still stop at the next stop.
static void brakeable_plan(route_builder *b)
{
    b->brakeable_mps[b->element_count] = 0;
    for (int j = b->element_count - 1; j >= 0; j--) {
        const route_element *e = &b->elements[j];
        double after_mps = e->stop >= 0 ? 0 : b->brakeable_mps[j + 1];
        double speed_mps = sqrt(after_mps * after_mps + 2 * b->style.brake_mps2 * e->length_m);
        b->brakeable_mps[j] = fmin(speed_mps, j > 0 ? speed_between(b, j) : e->begin_mps);
    }
}

typedef struct step_clock {
    route_builder *builder;
    bool dry; // only count the time
    double time_s;
} step_clock;

static void step_add(step_clock *clock, int element, double s_m, double speed_mps, double accelerate_mps2, double for_s)
{
    if (for_s <= 0) {
        return;
    }
    if (!clock->dry) {
        route_builder *b = clock->builder;
        SCENARIO_ASSERT(b->step_count < ROUTE_STEPS_MAX);
        b->steps[b->step_count++] = (route_step){clock->time_s, s_m, speed_mps, accelerate_mps2, element};
    }
    clock->time_s += for_s;
}

// Speed up, cruise and brake along one element, from v0 to v1.
static void element_run(step_clock *clock, int j, double v0, double v1)
{
    const route_element *e = &clock->builder->elements[j];
    const motion_style *style = &clock->builder->style;
    double a = style->accelerate_mps2, b = style->brake_mps2, length_m = e->length_m;
    bool from_wanted = v0 >= e->begin_mps - 1e-9, to_wanted = v1 >= e->end_mps - 1e-9;
    if (from_wanted && to_wanted) { // steadily
        double accelerate_mps2 = (v1 * v1 - v0 * v0) / (2 * length_m);
        step_add(clock, j, e->s_m, v0, accelerate_mps2, 2 * length_m / (v0 + v1));
        return;
    }
    double cruise_mps = to_wanted ? e->end_mps : from_wanted ? e->begin_mps : fmin(e->begin_mps, e->end_mps);
    cruise_mps = fmax(cruise_mps, fmax(v0, v1));
    double peak_mps = sqrt((2 * a * b * length_m + b * v0 * v0 + a * v1 * v1) / (a + b));
    peak_mps = fmax(fmin(peak_mps, cruise_mps), fmax(v0, v1));
    double up_m = (peak_mps * peak_mps - v0 * v0) / (2 * a), down_m = (peak_mps * peak_mps - v1 * v1) / (2 * b);
    double even_m = fmax(length_m - up_m - down_m, 0);
    step_add(clock, j, e->s_m, v0, a, (peak_mps - v0) / a);
    step_add(clock, j, e->s_m + up_m, peak_mps, 0, even_m / peak_mps);
    step_add(clock, j, e->s_m + up_m + even_m, peak_mps, -b, (peak_mps - v1) / b);
}

// Elements [first, last], up to a stop. *speed_mps: at their beginning; then at their end, at most end_mps.
static void stretch_run(step_clock *clock, int first, int last, double *speed_mps, double end_mps)
{
    route_builder *b = clock->builder;
    double *v = b->speed_mps;
    v[last + 1] = end_mps;
    for (int j = last; j > first; j--) {
        double brakeable_mps = sqrt(v[j + 1] * v[j + 1] + 2 * b->style.brake_mps2 * b->elements[j].length_m);
        v[j] = fmin(speed_between(b, j), brakeable_mps);
    }
    v[first] = *speed_mps;
    for (int j = first; j <= last; j++) {
        double reached_mps = sqrt(v[j] * v[j] + 2 * b->style.accelerate_mps2 * b->elements[j].length_m);
        v[j + 1] = fmin(v[j + 1], reached_mps);
        element_run(clock, j, v[j], v[j + 1]);
    }
    *speed_mps = v[last + 1];
}

static double signal_time(const route_builder *b, const waypoint *w, double time_s)
{
    return time_within(b->style.begin_s + time_s - w->green_at_s, SIGNAL_CYCLE_S);
}

// Does one that does not brake come to the signal while it is green?
static bool signal_passes(const step_clock *clock, int first, int last, double speed_mps, const waypoint *w)
{
    step_clock trial = *clock;
    trial.dry = true;
    stretch_run(&trial, first, last, &speed_mps, clock->builder->brakeable_mps[last + 1]);
    return signal_time(clock->builder, w, trial.time_s) < w->green_s;
}

static double wait_s(const step_clock *clock, const waypoint *w)
{
    if (w->stop == WAYPOINT_PAUSE) {
        return w->pause_s;
    }
    double signal_s = signal_time(clock->builder, w, clock->time_s);
    return signal_s < w->green_s ? REACTION_S : SIGNAL_CYCLE_S - signal_s + REACTION_S;
}

void route_time(route_builder *b)
{
    SCENARIO_ASSERT(b->waypoint_count >= 2);
    elements_build(b);
    brakeable_plan(b);
    b->step_count = 0;
    step_clock clock = {.builder = b};
    double speed_mps = 0;
    const waypoint *start = &b->waypoints[0];
    if (start->stop == WAYPOINT_PAUSE) {
        step_add(&clock, 0, 0, 0, 0, start->pause_s);
    }
    for (int first = 0, last; first < b->element_count; first = last + 1) {
        for (last = first; last + 1 < b->element_count && b->elements[last].stop < 0; last++) {
        }
        const route_element *end = &b->elements[last];
        if (last + 1 == b->element_count) {
            stretch_run(&clock, first, last, &speed_mps, 0);
            break;
        }
        const waypoint *w = &b->waypoints[end->stop];
        if (w->stop == WAYPOINT_SIGNAL && signal_passes(&clock, first, last, speed_mps, w)) {
            stretch_run(&clock, first, last, &speed_mps, b->brakeable_mps[last + 1]);
        } else {
            stretch_run(&clock, first, last, &speed_mps, 0);
            step_add(&clock, last, end->s_m + end->length_m, 0, 0, wait_s(&clock, w));
        }
    }
    b->duration_s = clock.time_s;
    step_add(&clock, b->element_count - 1, b->length_m, 0, 0, 1); // and stands
}
