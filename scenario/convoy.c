// The convoy: 8 vehicles of three cabins at 10 m/s on a loop, with 11 passengers each, who sit and sometimes walk
// about. Groups 0..7 are the vehicles, 8..15 their passengers.
#include "scenario/passenger.h"

enum { VEHICLES = 8, PASSENGERS = 11 };

typedef struct convoy {
    tram_line line;
    route_pool pool;
    passenger passengers[VEHICLES * PASSENGERS];
} convoy;

static bool convoy_make(convoy *c, route_builder *b, uint64_t seed)
{
    if (!tram_line_convoy(&c->line, b, VEHICLES)) {
        return false;
    }
    for (uint32_t n = 0; n < VEHICLES * PASSENGERS; n++) {
        uint32_t number = n % PASSENGERS, cabin = tram_cabin_entity(&c->line, n / PASSENGERS, number % TRAM_CABINS);
        c->passengers[n] = passenger_make_seated(b, &c->pool, seed, cabin, number / TRAM_CABINS);
    }
    return !c->pool.failed;
}

static tl_result convoy_create(scenario *s, const scenario_def *def, char *text, size_t text_bytes)
{
    convoy *c = s->data = calloc(1, sizeof *c);
    route_builder *b = malloc(sizeof *b);
    bool made = c && b && convoy_make(c, b, def->seed);
    free(b);
    if (!made || !tram_rides(&c->line, s)) {
        return TL_ERR_MEMORY;
    }
    uint32_t vehicles = tram_entity_count(&c->line);
    s->entity_count = vehicles + VEHICLES * PASSENGERS;
    tl_result result = scenario_groups_even(s, 2 * VEHICLES);
    for (uint32_t n = 0; result == TL_OK && n <= VEHICLES; n++) {
        s->group_first[n] = n * (1 + TRAM_CABINS);
        s->group_first[VEHICLES + n] = vehicles + n * PASSENGERS;
    }
    s->free_point = (tl_vec3){0, 0, -190};
    return result;
}

static void convoy_evaluate(const scenario *s, double time_s, uint32_t first, uint32_t count, scenario_truth *out)
{
    const convoy *c = s->data;
    uint32_t vehicles = tram_entity_count(&c->line);
    for (uint32_t i = first; i < first + count; i++, out++) {
        if (i < vehicles) {
            tram_evaluate(&c->line, time_s, i, out);
        } else {
            passenger_evaluate(&c->passengers[i - vehicles], &c->pool, time_s, out);
        }
    }
}

static void convoy_destroy(scenario *s)
{
    convoy *c = s->data;
    tram_line_reset(&c->line);
    route_pool_reset(&c->pool);
    free(c);
}

const scenario_world scenario_convoy = {
    "convoy", 8 * 15, convoy_create, convoy_evaluate, convoy_destroy,
};
