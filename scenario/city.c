// The city: people on pavements, cars in their lanes, parked things, and a tram line with passengers, on a grid of 4
// km. Its area is divided into square cells; each cell is a group, whose entities start there: first the tram
// passengers who board in it, then walkers, cars and things. Last come the trams, each with its cabins in a separate
// group.
//
// Entities of a cell that walk (or drive) the same loop are offset on it by whole cycles of the traffic lights,
// so that all of them obey the same lights.
#include "scenario/passenger.h"
#include "scenario/streets.h"

enum {
    CITY_ENTITIES = 100000,
    TRAMS = 8,
    PASSENGERS_MAX = 2 * TRAMS * TRAM_CABINS * CABIN_SEATS, // see passenger_make()
    WALK_SHARED_BY = 16,                                    // entities on one loop
    DRIVE_SHARED_BY = 5,
    WALK_LOOPS_MAX = 8192, // about this many loops at most, for any number of entities
    DRIVE_LOOPS_MAX = 4096,
    FOUND_MAX = 32, // routes looked up before they are evaluated
};

#define CITY_HALF_M 2000.0
#define CAR_SHARE 0.12
#define THING_SHARE 0.12
#define WALK_LATE_S 4.0 // so much one of a loop may be behind the lights
#define DRIVE_LATE_S 2.0
#define FAR_X_M 10000000.0
#define FAR_Z_M -10000000.0

typedef struct city_entity {
    uint8_t kind;
    bool rides;     // a passenger
    uint32_t which; // route, thing or passenger
    float shift_s, lateral_m;
} city_entity;

typedef struct city_thing {
    float x_m, z_m, direction_x, direction_z;
} city_thing;

typedef struct city {
    route_pool pool;
    tram_line line;
    passenger passengers[PASSENGERS_MAX];
    uint32_t passenger_count;
    city_entity *entities;
    city_thing *things;
    uint32_t thing_count;
    double origin_x_m, origin_z_m;
} city;

typedef struct city_cell {
    uint32_t first, count;
    double x_m, z_m, width_m; // corner and width
    uint64_t random;
} city_cell;

typedef struct city_plan {
    scenario *s;
    city *c;
    route_builder *builder;
    uint64_t seed;
    uint32_t street_count;                  // entities that are not trams
    uint32_t side, walk_loops, drive_loops; // cells along an edge; loops in a cell at most
} city_plan;

static uint32_t cell_of(const city_plan *plan, double x_m, double z_m)
{
    double width_m = 2 * CITY_HALF_M / plan->side;
    double column = fmin(fmax(floor((x_m + CITY_HALF_M) / width_m), 0), plan->side - 1);
    double row = fmin(fmax(floor((z_m + CITY_HALF_M) / width_m), 0), plan->side - 1);
    return (uint32_t)row * plan->side + (uint32_t)column;
}

static uint32_t cell_first(const city_plan *plan, uint32_t cell)
{
    return (uint32_t)((uint64_t)plan->street_count * cell / (plan->side * plan->side));
}

// `count` entities from `first` on, each loop for about shared_by of them.
static void loops_make(city_plan *plan, city_cell *cell, uint32_t first, uint32_t count, uint8_t kind)
{
    uint32_t shared_by = kind == KIND_WALKER ? WALK_SHARED_BY : DRIVE_SHARED_BY;
    uint32_t loops_max = kind == KIND_WALKER ? plan->walk_loops : plan->drive_loops;
    uint32_t loops = (count + shared_by - 1) / shared_by;
    loops = loops > loops_max ? loops_max : loops;
    for (uint32_t n = 0; n < loops; n++) {
        uint32_t from = (uint32_t)((uint64_t)count * n / loops), to = (uint32_t)((uint64_t)count * (n + 1) / loops);
        double period_s, x_m = cell->x_m + random_between(&cell->random, 0, cell->width_m);
        double z_m = cell->z_m + random_between(&cell->random, 0, cell->width_m);
        if (kind == KIND_WALKER) {
            streets_walk(plan->builder, plan->seed, &cell->random, x_m, z_m, &period_s);
        } else {
            streets_drive(plan->builder, plan->seed, &cell->random, x_m, z_m, &period_s);
        }
        uint32_t which = route_store(&plan->c->pool, plan->builder);
        if (plan->c->pool.failed) {
            return;
        }
        plan->c->pool.routes[which].period_s = period_s;
        uint32_t cycles = (uint32_t)lround(period_s / SIGNAL_CYCLE_S), turn = (uint32_t)random_next(&cell->random);
        for (uint32_t i = from; i < to; i++) {
            uint32_t cycle = ((i - from) * cycles / (to - from) + turn % cycles) % cycles;
            double late_s = random_between(&cell->random, 0, kind == KIND_WALKER ? WALK_LATE_S : DRIVE_LATE_S);
            double half_m = kind == KIND_WALKER ? PAVEMENT_HALF_M : 0.25;
            plan->c->entities[first + i] = (city_entity){
                .kind = kind,
                .which = which,
                .shift_s = (float)(cycle * SIGNAL_CYCLE_S - late_s - plan->builder->style.begin_s),
                .lateral_m = (float)random_between(&cell->random, -half_m, half_m),
            };
        }
    }
}

// Parked at a kerb, or a lamp, a bench or the like on a pavement.
static city_thing thing_make(city_cell *cell)
{
    uint64_t *random = &cell->random;
    bool along_x = random_chance(random, 0.5), parked = random_chance(random, 0.6);
    double x_m = cell->x_m + random_between(random, 0, cell->width_m);
    double z_m = cell->z_m + random_between(random, 0, cell->width_m);
    double side = random_chance(random, 0.5) ? 1 : -1;
    double *along_m = along_x ? &x_m : &z_m, *across_m = along_x ? &z_m : &x_m;
    double block_m = floor(*along_m / BLOCK_M) * BLOCK_M;
    *along_m = block_m + 10 + 0.8 * (*along_m - block_m); // off the crossings
    double street_m = fmin(fmax(round(*across_m / BLOCK_M), -STREET_LAST + 1), STREET_LAST - 1) * BLOCK_M;
    *across_m = street_m + side * (parked ? 3.9 : 4.6);
    // Parked cars look along the street, on its right side; the others away from it.
    double direction_x = along_x ? (parked ? side : 0) : (parked ? 0 : side);
    double direction_z = along_x ? (parked ? 0 : side) : (parked ? -side : 0);
    return (city_thing){(float)x_m, (float)z_m, (float)direction_x, (float)direction_z};
}

static void cell_make(city_plan *plan, uint32_t number)
{
    double width_m = 2 * CITY_HALF_M / plan->side;
    city *c = plan->c;
    city_cell cell = {
        .first = cell_first(plan, number),
        .x_m = number % plan->side * width_m - CITY_HALF_M,
        .z_m = number / plan->side * width_m - CITY_HALF_M,
        .width_m = width_m,
        .random = random_seed(plan->seed, 31, number),
    };
    cell.count = cell_first(plan, number + 1) - cell.first;
    uint32_t cars = (uint32_t)lround(cell.count * CAR_SHARE), things = (uint32_t)lround(cell.count * THING_SHARE);
    uint32_t walkers = cell.count - cars - things, passengers = 0;
    for (uint32_t n = 0; n < c->passenger_count && passengers < walkers; n++) {
        if (cell_of(plan, c->passengers[n].home_x_m, c->passengers[n].home_z_m) == number) {
            c->entities[cell.first + passengers++] = (city_entity){.kind = KIND_WALKER, .rides = true, .which = n};
        }
    }
    loops_make(plan, &cell, cell.first + passengers, walkers - passengers, KIND_WALKER);
    loops_make(plan, &cell, cell.first + walkers, cars, KIND_CAR);
    for (uint32_t n = 0; n < things; n++) {
        c->entities[cell.first + walkers + cars + n] = (city_entity){.kind = KIND_THING, .which = c->thing_count};
        c->things[c->thing_count++] = thing_make(&cell);
    }
}

static void trams_make(city_plan *plan, uint32_t trams)
{
    city *c = plan->c;
    c->line.entity_first = plan->street_count;
    uint32_t wanted = plan->street_count / 125 + 8, seats = 2 * trams * TRAM_CABINS * CABIN_SEATS;
    wanted = wanted < plan->street_count / 10 ? wanted : plan->street_count / 10;
    c->passenger_count = trams == 0 ? 0 : wanted < seats ? wanted : seats;
    for (uint32_t n = 0; n < c->passenger_count && !c->pool.failed; n++) {
        c->passengers[n] = passenger_make(&c->line, plan->builder, &c->pool, plan->seed, n);
    }
}

static tl_result groups_make(city_plan *plan, uint32_t trams)
{
    uint32_t cells = plan->side * plan->side;
    tl_result result = scenario_groups_even(plan->s, cells + trams);
    for (uint32_t g = 0; result == TL_OK && g <= cells + trams; g++) {
        plan->s->group_first[g] = g <= cells ? cell_first(plan, g) : tram_entity(&plan->c->line, g - cells);
    }
    return result;
}

static tl_result city_make(city_plan *plan, const scenario_def *def)
{
    scenario *s = plan->s;
    city *c = plan->c;
    uint32_t trams = s->entity_count / 40 < TRAMS ? s->entity_count / 40 : TRAMS;
    if (!tram_line_city(&c->line, plan->builder, trams)) {
        return TL_ERR_MEMORY;
    }
    plan->street_count = s->entity_count - tram_entity_count(&c->line);
    plan->side = (uint32_t)fmax(round(sqrt((double)plan->street_count / SCENARIO_GROUP_ENTITIES)), 1);
    uint32_t cells = plan->side * plan->side;
    plan->walk_loops = WALK_LOOPS_MAX / cells + 1;
    plan->drive_loops = DRIVE_LOOPS_MAX / cells + 1;
    c->entities = calloc(plan->street_count + 1, sizeof *c->entities);
    c->things = calloc(plan->street_count / 2 + 16, sizeof *c->things);
    if (!c->entities || !c->things) {
        return TL_ERR_MEMORY;
    }
    trams_make(plan, trams);
    for (uint32_t n = 0; n < cells && !c->pool.failed; n++) {
        cell_make(plan, n);
        if (def->progress) {
            def->progress(def->progress_user, n + 1, cells);
        }
    }
    return c->pool.failed || !tram_rides(&c->line, s) ? TL_ERR_MEMORY : groups_make(plan, trams);
}

static tl_result city_create_at(scenario *s, const scenario_def *def, double origin_x_m, double origin_z_m)
{
    city_plan plan = {
        .s = s, .c = calloc(1, sizeof(city)), .builder = malloc(sizeof(route_builder)), .seed = def->seed};
    s->data = plan.c;
    tl_result result = plan.c && plan.builder ? city_make(&plan, def) : TL_ERR_MEMORY;
    free(plan.builder);
    if (result == TL_OK) {
        plan.c->origin_x_m = origin_x_m;
        plan.c->origin_z_m = origin_z_m;
        s->free_point = (tl_vec3){origin_x_m + 6, 0, origin_z_m - 50};
    }
    return result;
}

static tl_result city_create(scenario *s, const scenario_def *def, char *text, size_t text_bytes)
{
    return city_create_at(s, def, 0, 0);
}

// The same city where doubles matter: whole kilometres away, so that a position there is the city's plus the offset.
static tl_result far_create(scenario *s, const scenario_def *def, char *text, size_t text_bytes)
{
    return city_create_at(s, def, FAR_X_M, FAR_Z_M);
}

static bool on_route(const city *c, uint32_t index)
{
    return index < c->line.entity_first && c->entities[index].kind != KIND_THING && !c->entities[index].rides;
}

static void thing_truth(const city_thing *thing, scenario_truth *out)
{
    *out = (scenario_truth){
        .present = true,
        .kind = KIND_THING,
        .carrier = SCENARIO_NONE,
        .position = {thing->x_m, 0, thing->z_m},
        .rotation = quat_facing(thing->direction_x, thing->direction_z),
    };
}

static void entity_evaluate(const city *c, double time_s, uint32_t index, const route_place *place, scenario_truth *out)
{
    const city_entity *e = &c->entities[index];
    if (index >= c->line.entity_first) {
        tram_evaluate(&c->line, time_s, index, out);
    } else if (e->rides) {
        passenger_evaluate(&c->passengers[e->which], &c->pool, time_s, out);
    } else if (e->kind == KIND_THING) {
        thing_truth(&c->things[e->which], out);
    } else {
        route_pose pose = route_at(&c->pool, &c->pool.routes[e->which], *place, e->lateral_m);
        *out = (scenario_truth){.present = true, .kind = e->kind, .carrier = SCENARIO_NONE};
        pose_truth(&pose, out);
    }
    if (out->carrier == SCENARIO_NONE) {
        out->position.x += c->origin_x_m;
        out->position.z += c->origin_z_m;
    }
}

static void city_evaluate(const scenario *s, double time_s, uint32_t first, uint32_t count, scenario_truth *out)
{
    const city *c = s->data;
    route_place places[FOUND_MAX];
    for (uint32_t done = 0, some; done < count; done += some) {
        some = count - done < FOUND_MAX ? count - done : FOUND_MAX;
        for (uint32_t n = 0; n < some; n++) {
            if (on_route(c, first + done + n)) {
                const city_entity *e = &c->entities[first + done + n];
                const route *r = &c->pool.routes[e->which];
                places[n] = route_find(&c->pool, r, time_within(time_s + e->shift_s, r->period_s));
            }
        }
        for (uint32_t n = 0; n < some; n++) {
            entity_evaluate(c, time_s, first + done + n, &places[n], &out[done + n]);
        }
    }
}

static void city_destroy(scenario *s)
{
    city *c = s->data;
    route_pool_reset(&c->pool);
    tram_line_reset(&c->line);
    free(c->entities);
    free(c->things);
    free(c);
}

const scenario_world scenario_city = {"city", CITY_ENTITIES, city_create, city_evaluate, city_destroy};
const scenario_world scenario_far = {"far", CITY_ENTITIES, far_create, city_evaluate, city_destroy};
