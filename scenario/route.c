#include "scenario/route.h"

#include <string.h>

// Sine and cosine for |angle| <= 2, to 1e-8: polynomials, so that every platform gets the same bits.
static double sine(double a)
{
    double q = a * a;
    return a * (1 + q * (-1.0 / 6 +
                         q * (1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880 +
                                                                  q * (-1.0 / 39916800 + q * (1.0 / 6227020800.0)))))));
}

static double cosine(double a)
{
    double q = a * a;
    return 1 + q * (-1.0 / 2 +
                    q * (1.0 / 24 + q * (-1.0 / 720 +
                                         q * (1.0 / 40320 + q * (-1.0 / 3628800 + q * (1.0 / 479001600.0 +
                                                                                       q * (-1.0 / 87178291200.0)))))));
}

// s_m further along a line or an arc, lateral_m to its right.
static route_pose advance(double x, double z, double dx, double dz, double curvature, double s_m, double lateral_m)
{
    if (curvature == 0) {
        return (route_pose){x + dx * s_m - dz * lateral_m, z + dz * s_m + dx * lateral_m, dx, dz, 0, 0};
    }
    double angle_rad = curvature * s_m, c = cosine(angle_rad), n = sine(angle_rad);
    double ahead_m = n / curvature - n * lateral_m, right_m = (1 - c) / curvature + c * lateral_m;
    return (route_pose){
        .x_m = x + dx * ahead_m - dz * right_m,
        .z_m = z + dz * ahead_m + dx * right_m,
        .direction_x = dx * c - dz * n,
        .direction_z = dz * c + dx * n,
        .curvature = curvature,
    };
}

static bool pool_reserve(route_pool *pool, uint32_t piece_count)
{
    if (pool->route_count == pool->route_capacity) {
        uint32_t capacity = pool->route_capacity ? 2 * pool->route_capacity : 256;
        route *routes = realloc(pool->routes, capacity * sizeof *routes);
        if (!routes) {
            return false;
        }
        pool->routes = routes;
        pool->route_capacity = capacity;
    }
    if (pool->piece_count + piece_count > pool->piece_capacity) {
        uint32_t capacity = pool->piece_capacity + pool->piece_capacity / 4 + 65536;
        uint32_t *times_us = realloc(pool->times_us, capacity * sizeof *times_us);
        pool->times_us = times_us ? times_us : pool->times_us;
        route_piece *pieces = realloc(pool->pieces, capacity * sizeof *pieces);
        pool->pieces = pieces ? pieces : pool->pieces;
        if (!times_us || !pieces) {
            return false;
        }
        pool->piece_capacity = capacity;
    }
    return true;
}

uint32_t route_store(route_pool *pool, const route_builder *b)
{
    if (pool->failed || !pool_reserve(pool, (uint32_t)b->step_count)) {
        pool->failed = true;
        return 0;
    }
    route *r = &pool->routes[pool->route_count];
    *r = (route){
        .first = pool->piece_count,
        .count = (uint32_t)b->step_count,
        .origin_x_m = b->waypoints[0].x_m,
        .origin_z_m = b->waypoints[0].z_m,
        .duration_s = b->duration_s,
        .period_s = b->duration_s,
    };
    SCENARIO_ASSERT(b->duration_s < 4200); // microseconds fit in 32 bits
    for (int i = 0; i < b->step_count; i++) {
        const route_step *step = &b->steps[i];
        const route_element *e = &b->elements[step->element];
        route_pose pose = advance(e->x_m - r->origin_x_m, e->z_m - r->origin_z_m, e->direction_x, e->direction_z,
                                  e->curvature, step->s_m - e->s_m, 0);
        pool->times_us[r->first + (uint32_t)i] = (uint32_t)llround(step->time_s * 1e6);
        pool->pieces[r->first + (uint32_t)i] = (route_piece){
            .x_m = (float)pose.x_m,
            .z_m = (float)pose.z_m,
            .direction_x = (float)pose.direction_x,
            .direction_z = (float)pose.direction_z,
            .curvature = (float)e->curvature,
            .speed_mps = (float)step->speed_mps,
            .accelerate_mps2 = (float)step->accelerate_mps2,
        };
    }
    pool->piece_count += r->count;
    return pool->route_count++;
}

void route_pool_reset(route_pool *pool)
{
    free(pool->times_us);
    free(pool->pieces);
    free(pool->routes);
    *pool = (route_pool){0};
}

size_t route_pool_bytes(const route_pool *pool)
{
    return pool->piece_capacity * (sizeof *pool->times_us + sizeof *pool->pieces) +
           pool->route_capacity * sizeof *pool->routes;
}

route_place route_find(const route_pool *pool, const route *r, double local_s)
{
    const uint32_t *times_us = pool->times_us + r->first;
    uint32_t local_us = (uint32_t)(local_s * 1e6), low = 0;
    for (uint32_t left = r->count; left > 1;) { // the last piece that has begun
        uint32_t half = left / 2;
        low += times_us[low + half] <= local_us ? half : 0;
        left -= half;
    }
    __builtin_prefetch(&pool->pieces[r->first + low]);
    return (route_place){r->first + low, local_s - times_us[low] * 1e-6};
}

route_pose route_at(const route_pool *pool, const route *r, route_place place, double lateral_m)
{
    const route_piece *p = &pool->pieces[place.piece];
    double speed_mps = p->speed_mps + p->accelerate_mps2 * place.for_s;
    double s_m = (p->speed_mps + 0.5 * p->accelerate_mps2 * place.for_s) * place.for_s;
    route_pose pose = advance(r->origin_x_m + p->x_m, r->origin_z_m + p->z_m, p->direction_x, p->direction_z,
                              p->curvature, s_m, lateral_m);
    pose.speed_mps = (speed_mps > 0 ? speed_mps : 0) * (1 - p->curvature * lateral_m);
    return pose;
}

route_pose route_evaluate(const route_pool *pool, const route *r, double local_s, double lateral_m)
{
    return route_at(pool, r, route_find(pool, r, local_s), lateral_m);
}

bool route_track_store(route_track *track, const route_builder *b, double period_s)
{
    *track = (route_track){
        .elements = malloc((size_t)b->element_count * sizeof *track->elements),
        .steps = malloc((size_t)b->step_count * sizeof *track->steps),
        .element_count = b->element_count,
        .step_count = b->step_count,
        .length_m = b->length_m,
        .period_s = period_s,
    };
    if (!track->elements || !track->steps) {
        return false;
    }
    memcpy(track->elements, b->elements, (size_t)b->element_count * sizeof *track->elements);
    memcpy(track->steps, b->steps, (size_t)b->step_count * sizeof *track->steps);
    return true;
}

void route_track_reset(route_track *track)
{
    free(track->elements);
    free(track->steps);
    *track = (route_track){0};
}

double route_track_along(const route_track *track, double local_s, double *speed_mps)
{
    int low = 0;
    for (int left = track->step_count; left > 1;) {
        int half = left / 2;
        low += track->steps[low + half].time_s <= local_s ? half : 0;
        left -= half;
    }
    const route_step *step = &track->steps[low];
    double for_s = local_s - step->time_s;
    *speed_mps = fmax(step->speed_mps + step->accelerate_mps2 * for_s, 0);
    return step->s_m + (step->speed_mps + 0.5 * step->accelerate_mps2 * for_s) * for_s;
}

route_pose route_track_pose(const route_track *track, double s_m, double speed_mps)
{
    s_m = time_within(s_m, track->length_m);
    int low = 0;
    for (int left = track->element_count; left > 1;) {
        int half = left / 2;
        low += track->elements[low + half].s_m <= s_m ? half : 0;
        left -= half;
    }
    const route_element *e = &track->elements[low];
    route_pose pose = advance(e->x_m, e->z_m, e->direction_x, e->direction_z, e->curvature, s_m - e->s_m, 0);
    pose.speed_mps = speed_mps;
    return pose;
}
