// tramline_truth SCENARIO SEED ENTITIES: what a scenario's entities do at any time, for test scripts in Godot, which
// ask by lines on standard input and get arrays of 8-byte numbers, ready to be handed over whole. So a script plays, or
// checks, just what `tramline serve` plays, and has it from no part that is under test.
//
//   groups           of each group: id, first index, count                                              (3 integers
//   each) ride RIDER       the cabin's id, then the seat in its frame                               (1 integer, 3 real
//   numbers) own TIME F N     of those of the indices [F, F + N) that are there at TIME (s): all ids, all kinds, all
//   carriers' ids
//                    (3 integers each), then all places and rotations in their carriers' frames (7 real numbers each),
//                    then all velocities (3 each)
//   world TIME       the same of all, but in the world's frame and without velocities
//
// Each answer begins with one integer: how many groups, or entities.
#include "scenario/scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 128, GAME_SERVER = 65534 };

typedef struct truth {
    const scenario *scenario;
    uint32_t entity_count;
    scenario_truth *entities;
    int64_t *integers; // scratch: 3 for each entity
    double *reals;     // scratch: 10 for each entity
} truth;

static void put(const void *data, size_t size)
{
    if (fwrite(data, 1, size, stdout) != size) {
        exit(1); // whoever asked is gone
    }
}

static void put_integer(int64_t value)
{
    put(&value, sizeof value);
}

static tl_entity_id id_of(const truth *t, double time_s, uint32_t index)
{
    if (index == SCENARIO_NONE) {
        return 0;
    }
    scenario_truth entity;
    scenario_evaluate(t->scenario, time_s, index, 1, &entity);
    return scenario_entity_id(t->scenario, index, entity.generation);
}

static void answer_groups(const truth *t)
{
    uint32_t count = scenario_group_count(t->scenario);
    put_integer(count);
    for (uint32_t g = 0; g < count; g++) {
        uint32_t first, entities;
        scenario_group_range(t->scenario, g, &first, &entities);
        put_integer((int64_t)((uint64_t)GAME_SERVER << 48 | (g + (uint64_t)1)));
        put_integer(first);
        put_integer(entities);
    }
}

static void answer_ride(const truth *t, uint32_t rider)
{
    tl_vec3 seat = scenario_free_point(t->scenario);
    uint32_t cabin = scenario_ride_cabin(t->scenario, rider);
    if (cabin != SCENARIO_NONE) {
        seat = scenario_ride_seat(t->scenario, rider);
    }
    put_integer(1);
    put_integer((int64_t)id_of(t, 0, cabin));
    put(&seat, sizeof seat);
}

static void answer_entities(truth *t, double time_s, uint32_t first, uint32_t count, bool in_world)
{
    scenario_evaluate(t->scenario, time_s, first, count, t->entities);
    uint32_t here = 0;
    for (uint32_t i = 0; i < count; i++) {
        here += t->entities[i].present;
    }
    int64_t *ids = t->integers, *kinds = ids + here, *carriers = kinds + here;
    double *places = t->reals, *velocities = places + 7 * (size_t)here;
    for (uint32_t i = 0, n = 0; i < count; i++) {
        const scenario_truth *entity = &t->entities[i];
        if (!entity->present) {
            continue;
        }
        tl_vec3 position = entity->position;
        tl_quat rotation = entity->rotation;
        if (in_world) {
            scenario_world_pose(t->scenario, time_s, first + i, &position, &rotation);
        }
        ids[n] = (int64_t)scenario_entity_id(t->scenario, first + i, entity->generation);
        kinds[n] = entity->kind;
        carriers[n] = (int64_t)id_of(t, time_s, entity->carrier);
        memcpy(places + 7 * (size_t)n,
               (double[]){position.x, position.y, position.z, rotation.x, rotation.y, rotation.z, rotation.w},
               7 * sizeof(double));
        memcpy(velocities + 3 * (size_t)n, &entity->velocity, 3 * sizeof(double));
        n++;
    }
    put_integer(here);
    put(ids, 3 * (size_t)here * sizeof *ids);
    put(places, (in_world ? 7 : 10) * (size_t)here * sizeof *places);
}

// False: it makes no sense.
static bool answer(truth *t, const char *line)
{
    double time_s;
    uint32_t first, count;
    if (strcmp(line, "groups\n") == 0) {
        answer_groups(t);
    } else if (sscanf(line, "ride %" SCNu32, &first) == 1) {
        answer_ride(t, first);
    } else if (sscanf(line, "own %lf %" SCNu32 " %" SCNu32, &time_s, &first, &count) == 3 && first <= t->entity_count &&
               count <= t->entity_count - first) {
        answer_entities(t, time_s, first, count, false);
    } else if (sscanf(line, "world %lf", &time_s) == 1) {
        answer_entities(t, time_s, 0, t->entity_count, true);
    } else {
        return false;
    }
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: tramline_truth SCENARIO SEED ENTITIES\n");
        return 2;
    }
    scenario_def def = scenario_def_default();
    def.name = argv[1];
    def.seed = strtoull(argv[2], NULL, 10);
    def.entity_count = (uint32_t)strtoul(argv[3], NULL, 10);
    scenario *s;
    char text[512], line[LINE_BYTES];
    if (scenario_create(&def, &s, text, sizeof text) != TL_OK) {
        fprintf(stderr, "tramline_truth: %s\n", text);
        return 1;
    }
    truth t = {.scenario = s, .entity_count = scenario_entity_count(s)};
    t.entities = calloc(t.entity_count, sizeof *t.entities);
    t.integers = calloc(t.entity_count, 3 * sizeof *t.integers);
    t.reals = calloc(t.entity_count, 10 * sizeof *t.reals);
    bool sound = t.entities && t.integers && t.reals;
    while (sound && fgets(line, sizeof line, stdin)) {
        sound = answer(&t, line);
        if (!sound) {
            fprintf(stderr, "tramline_truth: not understood: %s", line);
        }
    }
    free(t.entities);
    free(t.integers);
    free(t.reals);
    scenario_destroy(s);
    return sound ? 0 : 1;
}
