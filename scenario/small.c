// Four small worlds that each stress one thing: choke (a crowd in one place), concert (many people who hardly move,
// seen in detail), ragdoll (spikes of speed and teleports), asteroids (free tumbling).
#include "scenario/passenger.h"
#include "scenario/streets.h"

static tl_vec3 axis_random(uint64_t *random)
{
    double z = random_between(random, -1, 1), angle_rad = random_between(random, 0, 2 * SCENARIO_PI);
    double r = sqrt(1 - z * z);
    return (tl_vec3){r * cos(angle_rad), r * sin(angle_rad), z};
}

static tl_quat quat_about(tl_vec3 axis, double angle_rad)
{
    double n = sin(angle_rad / 2);
    return (tl_quat){axis.x * n, axis.y * n, axis.z * n, cos(angle_rad / 2)};
}

// --- choke: people walk between two places, all of them through one gate of 4 m at the origin; right-hand traffic ---

enum { CHOKE_ENTITIES = 10000, CHOKE_SHARED_BY = 25 };

typedef struct choke {
    route_pool pool;
    uint32_t loop_count;
} choke;

static void choke_point(route_builder *b, double x_m, double z_m, double pace_mps, double pause_s)
{
    route_add(b, (waypoint){
                     .x_m = x_m,
                     .z_m = z_m,
                     .radius_m = 2,
                     .speed_in_mps = pace_mps,
                     .speed_out_mps = pace_mps,
                     .stop = pause_s > 0 ? WAYPOINT_PAUSE : WAYPOINT_PASS,
                     .pause_s = pause_s,
                 });
}

static void choke_loop(route_builder *b, uint64_t *random)
{
    double pace_mps = random_between(random, 0.9, 1.7), lane_m = random_between(random, 0.3, 1.7);
    double start_x_m = random_between(random, -160, -30), start_z_m = random_between(random, -100, 100);
    route_begin(b, streets_walk_style);
    choke_point(b, start_x_m, start_z_m, pace_mps, random_between(random, 2, 30));
    choke_point(b, -8, lane_m, pace_mps, 0);
    choke_point(b, 8, lane_m, pace_mps, 0);
    choke_point(b, random_between(random, 30, 160), random_between(random, -100, 100), pace_mps,
                random_between(random, 2, 30));
    choke_point(b, 8, -lane_m, pace_mps, 0);
    choke_point(b, -8, -lane_m, pace_mps, 0);
    choke_point(b, start_x_m, start_z_m, pace_mps, 0);
    route_time(b);
}

static tl_result choke_create(scenario *s, const scenario_def *def, char *text, size_t text_bytes)
{
    choke *c = s->data = calloc(1, sizeof *c);
    route_builder *b = c ? malloc(sizeof *b) : NULL;
    if (!b) {
        return TL_ERR_MEMORY;
    }
    uint64_t random = random_seed(def->seed, 41, 0);
    c->loop_count = (s->entity_count + CHOKE_SHARED_BY - 1) / CHOKE_SHARED_BY;
    for (uint32_t n = 0; n < c->loop_count && !c->pool.failed; n++) {
        choke_loop(b, &random);
        route_store(&c->pool, b);
    }
    free(b);
    s->free_point = (tl_vec3){0, 0, 10};
    return c->pool.failed ? TL_ERR_MEMORY : scenario_groups_even(s, s->entity_count / SCENARIO_GROUP_ENTITIES + 1);
}

static void choke_evaluate(const scenario *s, double time_s, uint32_t first, uint32_t count, scenario_truth *out)
{
    const choke *c = s->data;
    for (uint32_t i = first; i < first + count; i++, out++) {
        const route *r = &c->pool.routes[i / CHOKE_SHARED_BY];
        double shift_s = r->period_s * (i % CHOKE_SHARED_BY) / CHOKE_SHARED_BY;
        route_pose pose = route_evaluate(&c->pool, r, time_within(time_s + shift_s, r->period_s), 0);
        *out = (scenario_truth){.present = true, .kind = KIND_WALKER, .carrier = SCENARIO_NONE};
        pose_truth(&pose, out);
    }
}

static void choke_destroy(scenario *s)
{
    choke *c = s->data;
    route_pool_reset(&c->pool);
    free(c);
}

const scenario_world scenario_choke = {"choke", CHOKE_ENTITIES, choke_create, choke_evaluate, choke_destroy};

// --- concert: performers in rings around a stage at the origin, who face it, sway and bounce ---

enum { CONCERT_ENTITIES = 2000, CONCERT_RING_FIRST = 40 };

typedef struct dancer {
    double x_m, z_m;
    double sway_m, sway_radps, sway_rad; // to the side
    double bounce_m, beat_radps, beat_rad;
} dancer;

static tl_result concert_create(scenario *s, const scenario_def *def, char *text, size_t text_bytes)
{
    s->entity_count = CONCERT_ENTITIES;
    dancer *dancers = s->data = calloc(s->entity_count, sizeof *dancers);
    if (!dancers) {
        return TL_ERR_MEMORY;
    }
    uint64_t random = random_seed(def->seed, 42, 0);
    uint32_t ring = 0, place = 0;
    for (uint32_t i = 0; i < s->entity_count; i++) {
        uint32_t places = CONCERT_RING_FIRST + 6 * ring;
        double radius_m = 8 + 1.1 * ring + random_between(&random, -0.2, 0.2);
        double angle_rad = (place + random_between(&random, -0.2, 0.2)) * 2 * SCENARIO_PI / places;
        dancers[i] = (dancer){
            .x_m = radius_m * cos(angle_rad),
            .z_m = radius_m * sin(angle_rad),
            .sway_m = random_between(&random, 0, 0.3),
            .sway_radps = random_between(&random, 0.5, 2),
            .sway_rad = random_between(&random, 0, 2 * SCENARIO_PI),
            .bounce_m = random_chance(&random, 0.5) ? random_between(&random, 0.02, 0.12) : 0,
            .beat_radps = 2 * SCENARIO_PI * 2, // 120 a minute
            .beat_rad = random_between(&random, -0.5, 0.5),
        };
        if (++place == places) {
            place = 0;
            ring++;
        }
    }
    s->free_point = (tl_vec3){0, 0, 0};
    return scenario_groups_even(s, CONCERT_ENTITIES / SCENARIO_GROUP_ENTITIES);
}

static void concert_evaluate(const scenario *s, double time_s, uint32_t first, uint32_t count, scenario_truth *out)
{
    const dancer *dancers = s->data;
    for (uint32_t i = first; i < first + count; i++, out++) {
        const dancer *d = &dancers[i];
        double r_m = sqrt(d->x_m * d->x_m + d->z_m * d->z_m), fx = -d->x_m / r_m, fz = -d->z_m / r_m;
        double sway = d->sway_radps * time_s + d->sway_rad, beat = d->beat_radps * time_s + d->beat_rad;
        double side_m = d->sway_m * sin(sway), side_mps = d->sway_m * d->sway_radps * cos(sway);
        *out = (scenario_truth){
            .present = true,
            .kind = KIND_PERFORMER,
            .carrier = SCENARIO_NONE,
            .position = {d->x_m - fz * side_m, d->bounce_m * (1 - cos(beat)), d->z_m + fx * side_m},
            .velocity = {-fz * side_mps, d->bounce_m * d->beat_radps * sin(beat), fx * side_mps},
            .rotation = quat_facing(fx, fz),
        };
    }
}

static void data_free(scenario *s)
{
    free(s->data);
}

const scenario_world scenario_concert = {"concert", CONCERT_ENTITIES, concert_create, concert_evaluate, data_free};

// --- ragdoll: every 12 s a body drifts, is thrown at 60 m/s, slides to rest, and is teleported away and back ---
//
// Body i is at local time u = (t + i * 12 / 64) modulo 12 s: u in [0, 3) it drifts, [3, 3.5) flies 30 m at 60 m/s,
// [3.5, 6) slides and tumbles to rest, [6, 8) lies. At u = 8 it is teleported by 200 m, and at u = 12 back to where it
// began: there, and only there, position and rotation jump.

enum { RAGDOLL_ENTITIES = 64 };

#define RAGDOLL_PERIOD_S 12.0
#define RAGDOLL_TELEPORT_M 200.0

typedef struct ragdoll_body {
    tl_vec3 home, drift, thrown, spin; // the last three are unit vectors
    double spin_radps;
} ragdoll_body;

static tl_result ragdoll_create(scenario *s, const scenario_def *def, char *text, size_t text_bytes)
{
    s->entity_count = RAGDOLL_ENTITIES;
    ragdoll_body *bodies = s->data = calloc(s->entity_count, sizeof *bodies);
    if (!bodies) {
        return TL_ERR_MEMORY;
    }
    uint64_t random = random_seed(def->seed, 43, 0);
    for (uint32_t i = 0; i < s->entity_count; i++) {
        double a = random_between(&random, 0, 2 * SCENARIO_PI), b = random_between(&random, 0, 2 * SCENARIO_PI);
        bodies[i] = (ragdoll_body){
            .home = {random_between(&random, -50, 50), 1, random_between(&random, -50, 50)},
            .drift = {cos(a), 0, sin(a)},
            .thrown = {0.8 * cos(b), 0.6, 0.8 * sin(b)},
            .spin = axis_random(&random),
            .spin_radps = random_between(&random, 5, 20),
        };
    }
    return scenario_groups_even(s, 1);
}

static void ragdoll_body_evaluate(const ragdoll_body *body, double u, scenario_truth *out)
{
    const double drift_mps = 1, throw_mps = 60, slide_mps = 24;
    double drift_s = fmin(u, 3), throw_s = fmin(fmax(u - 3, 0), 0.5), slide_s = fmin(fmax(u - 3.5, 0), 2.5);
    double away_m = throw_mps * throw_s + slide_mps * (slide_s - slide_s * slide_s / (2 * 2.5));
    double away_mps = u < 3 || u >= 6 ? 0 : u < 3.5 ? throw_mps : slide_mps * (1 - slide_s / 2.5);
    double teleport_m = u >= 8 ? RAGDOLL_TELEPORT_M : 0, spun_s = throw_s + slide_s - slide_s * slide_s / (2 * 2.5);
    tl_vec3 drift = body->drift, thrown = body->thrown;
    double drift_m = drift_mps * drift_s, drift_now_mps = u < 3 ? drift_mps : 0;
    *out = (scenario_truth){
        .present = true,
        .kind = KIND_BODY,
        .carrier = SCENARIO_NONE,
        .position = {body->home.x + drift.x * drift_m + thrown.x * away_m + teleport_m,
                     body->home.y + thrown.y * away_m, body->home.z + drift.z * drift_m + thrown.z * away_m},
        .velocity = {drift.x * drift_now_mps + thrown.x * away_mps, thrown.y * away_mps,
                     drift.z * drift_now_mps + thrown.z * away_mps},
        .rotation = quat_about(body->spin, body->spin_radps * spun_s),
    };
}

static void ragdoll_evaluate(const scenario *s, double time_s, uint32_t first, uint32_t count, scenario_truth *out)
{
    const ragdoll_body *bodies = s->data;
    for (uint32_t i = first; i < first + count; i++, out++) {
        double shift_s = i * RAGDOLL_PERIOD_S / RAGDOLL_ENTITIES;
        ragdoll_body_evaluate(&bodies[i], time_within(time_s + shift_s, RAGDOLL_PERIOD_S), out);
    }
}

const scenario_world scenario_ragdoll = {"ragdoll", RAGDOLL_ENTITIES, ragdoll_create, ragdoll_evaluate, data_free};

// --- asteroids: bodies that fly straight, bounce off the walls of a box, and tumble as free bodies do ---

enum { ASTEROIDS_ENTITIES = 250 };

#define ASTEROIDS_BOX_M 400.0 // edge length

typedef struct asteroid {
    tl_vec3 begin, velocity; // in the box, from its corner
    tl_vec3 about, through;  // turns about a fixed axis, and spins about one of its own
    double about_radps, through_radps;
} asteroid;

static tl_result asteroids_create(scenario *s, const scenario_def *def, char *text, size_t text_bytes)
{
    s->entity_count = ASTEROIDS_ENTITIES;
    asteroid *asteroids = s->data = calloc(s->entity_count, sizeof *asteroids);
    if (!asteroids) {
        return TL_ERR_MEMORY;
    }
    uint64_t random = random_seed(def->seed, 44, 0);
    for (uint32_t i = 0; i < s->entity_count; i++) {
        tl_vec3 way = axis_random(&random);
        double speed_mps = random_between(&random, 1, 12), box_m = ASTEROIDS_BOX_M;
        double x_m = random_between(&random, 0, box_m), y_m = random_between(&random, 0, box_m);
        asteroids[i] = (asteroid){
            .begin = {x_m, y_m, random_between(&random, 0, box_m)},
            .velocity = {way.x * speed_mps, way.y * speed_mps, way.z * speed_mps},
            .about = axis_random(&random),
            .through = axis_random(&random),
            .about_radps = random_between(&random, 0.05, 0.6),
            .through_radps = random_between(&random, -0.4, 0.4),
        };
    }
    s->free_point = (tl_vec3){0, 0, 0};
    return scenario_groups_even(s, 1);
}

// Between two walls, along one axis.
static double bounce(double begin_m, double *velocity_mps, double time_s)
{
    double at_m = time_within(begin_m + *velocity_mps * time_s, 2 * ASTEROIDS_BOX_M);
    if (at_m < ASTEROIDS_BOX_M) {
        return at_m - ASTEROIDS_BOX_M / 2;
    }
    *velocity_mps = -*velocity_mps;
    return 1.5 * ASTEROIDS_BOX_M - at_m;
}

static void asteroids_evaluate(const scenario *s, double time_s, uint32_t first, uint32_t count, scenario_truth *out)
{
    const asteroid *asteroids = s->data;
    for (uint32_t i = first; i < first + count; i++, out++) {
        const asteroid *a = &asteroids[i];
        *out = (scenario_truth){.present = true, .kind = KIND_BODY, .carrier = SCENARIO_NONE, .velocity = a->velocity};
        out->position.x = bounce(a->begin.x, &out->velocity.x, time_s);
        out->position.y = bounce(a->begin.y, &out->velocity.y, time_s);
        out->position.z = bounce(a->begin.z, &out->velocity.z, time_s);
        out->rotation = quat_multiply(quat_about(a->about, fmod(a->about_radps * time_s, 4 * SCENARIO_PI)),
                                      quat_about(a->through, fmod(a->through_radps * time_s, 4 * SCENARIO_PI)));
    }
}

const scenario_world scenario_asteroids = {
    "asteroids", ASTEROIDS_ENTITIES, asteroids_create, asteroids_evaluate, data_free,
};
