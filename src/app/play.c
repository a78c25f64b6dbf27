#include "app/play.h"

#include "app/game.h"

#include <stdlib.h>
#include <string.h>

typedef struct play_entity {
    tl_entity_ref ref; // TL_REF_NONE: not in the world
    uint32_t generation;
    uint32_t carrier; // index, or SCENARIO_NONE
} play_entity;

typedef struct play_group_state {
    bool owned;
    bool known; // its entities have been looked up since it is owned
} play_group_state;

struct play {
    const scenario *scenario;
    play_group_state *groups;
    uint32_t group_count, owned_count;
    play_entity *entities; // by index
    uint32_t waiting;
    tl_result waiting_why;
    // scratch for one group
    uint32_t scratch_count;
    scenario_truth *truths;
    tl_entity_ref *refs;
    tl_vec3 *positions, *velocities;
    tl_quat *rotations;
};

static uint32_t largest_group(const scenario *s)
{
    uint32_t largest = 1;
    for (uint32_t g = 0; g < scenario_group_count(s); g++) {
        uint32_t first, count;
        scenario_group_range(s, g, &first, &count);
        largest = count > largest ? count : largest;
    }
    return largest;
}

play *play_create(const scenario *s)
{
    play *p = calloc(1, sizeof *p);
    if (!p) {
        return NULL;
    }
    p->scenario = s;
    p->group_count = scenario_group_count(s);
    p->scratch_count = largest_group(s);
    p->groups = calloc(p->group_count, sizeof *p->groups);
    p->entities = calloc(scenario_entity_count(s), sizeof *p->entities);
    p->truths = calloc(p->scratch_count, sizeof *p->truths);
    p->refs = calloc(2 * (size_t)p->scratch_count, sizeof *p->refs); // a group may hold more while it is sorted out
    p->positions = calloc(p->scratch_count, sizeof *p->positions);
    p->velocities = calloc(p->scratch_count, sizeof *p->velocities);
    p->rotations = calloc(p->scratch_count, sizeof *p->rotations);
    if (!p->groups || !p->entities || !p->truths || !p->refs || !p->positions || !p->velocities || !p->rotations) {
        play_destroy(p);
        return NULL;
    }
    return p;
}

void play_destroy(play *p)
{
    if (!p) {
        return;
    }
    free(p->groups);
    free(p->entities);
    free(p->truths);
    free(p->refs);
    free(p->positions);
    free(p->velocities);
    free(p->rotations);
    free(p);
}

void play_reset(play *p)
{
    memset(p->groups, 0, p->group_count * sizeof *p->groups);
    p->owned_count = 0;
}

void play_group(play *p, tl_group_id group, bool owned)
{
    uint32_t g = game_group_index(p->scenario, group);
    if (g == SCENARIO_NONE || p->groups[g].owned == owned) {
        return;
    }
    p->groups[g] = (play_group_state){.owned = owned};
    p->owned_count += owned ? 1 : -1u;
}

// Which of the group's entities are in the world: another server, or this one before, may have made them.
static void group_look_up(play *p, tl_server *server, uint32_t g, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        p->entities[i] = (play_entity){.ref = TL_REF_NONE, .carrier = SCENARIO_NONE};
    }
    uint32_t found = tl_server_get_group_entities(server, game_group_id(g), p->refs, 2 * p->scratch_count);
    found = found < 2 * p->scratch_count ? found : 2 * p->scratch_count;
    for (uint32_t i = 0; i < found; i++) {
        tl_entity_info info;
        uint32_t index, generation, carrier = SCENARIO_NONE, carrier_generation;
        if (tl_server_get_entity_info(server, p->refs[i], &info) != TL_OK ||
            !scenario_entity_index(p->scenario, info.id, &index, &generation) || index < first ||
            index >= first + count) {
            continue;
        }
        if (p->entities[index].ref != TL_REF_NONE) { // an earlier generation, left by a server that stopped in between
            tl_server_delete_entity(server, p->entities[index].ref);
        }
        if (info.carrier) {
            scenario_entity_index(p->scenario, info.carrier, &carrier, &carrier_generation);
        }
        p->entities[index] = (play_entity){p->refs[i], generation, carrier};
    }
    p->groups[g].known = true;
}

static tl_entity_id carrier_id(const play *p, uint32_t carrier, double time_s)
{
    if (carrier == SCENARIO_NONE) {
        return 0;
    }
    scenario_truth truth;
    scenario_evaluate(p->scenario, time_s, carrier, 1, &truth);
    return scenario_entity_id(p->scenario, carrier, truth.generation);
}

// Field 0 of the scenario's kinds is the place, field 1 the rotation.
static tl_values values_of(const scenario_truth *truth)
{
    tl_values values = {.mask = 3};
    values.fields[0] = (tl_value){.position = truth->position, .velocity = truth->velocity};
    values.fields[1] = (tl_value){.rotation = truth->rotation};
    return values;
}

static void entity_make(play *p, tl_server *server, uint32_t g, uint32_t index, const scenario_truth *truth,
                        double time_s)
{
    tl_entity_def def = {
        .id = scenario_entity_id(p->scenario, index, truth->generation),
        .group = game_group_id(g),
        .kind = truth->kind,
        .carrier = carrier_id(p, truth->carrier, time_s),
        .values = values_of(truth),
    };
    tl_entity_ref ref;
    tl_result result = tl_server_create_entity(server, &def, &ref);
    if (result != TL_OK) {
        p->waiting++;
        p->waiting_why = result;
        return;
    }
    p->entities[index] = (play_entity){ref, truth->generation, truth->carrier};
}

// It comes, goes, or comes again as another one.
static void entity_appear(play *p, tl_server *server, uint32_t g, uint32_t index, const scenario_truth *truth,
                          double time_s)
{
    play_entity *e = &p->entities[index];
    if (e->ref != TL_REF_NONE && (!truth->present || truth->generation != e->generation)) {
        if (tl_server_delete_entity(server, e->ref) != TL_OK) {
            p->waiting++;
            return;
        }
        e->ref = TL_REF_NONE;
    }
    if (truth->present && e->ref == TL_REF_NONE) {
        entity_make(p, server, g, index, truth, time_s);
    }
}

static void entity_board(play *p, tl_server *server, uint32_t index, const scenario_truth *truth, double time_s)
{
    tl_values values = values_of(truth);
    if (tl_server_set_carrier(server, p->entities[index].ref, carrier_id(p, truth->carrier, time_s), &values) ==
        TL_OK) {
        p->entities[index].carrier = truth->carrier;
    }
}

static void group_tick(play *p, tl_server *server, uint32_t g, double time_s)
{
    uint32_t first, count, moved = 0;
    scenario_group_range(p->scenario, g, &first, &count);
    if (!p->groups[g].known) {
        group_look_up(p, server, g, first, count);
    }
    scenario_evaluate(p->scenario, time_s, first, count, p->truths);
    for (uint32_t i = 0; i < count; i++) {
        const scenario_truth *truth = &p->truths[i];
        const play_entity *e = &p->entities[first + i];
        bool here = e->ref != TL_REF_NONE;
        if (here != truth->present || (here && truth->generation != e->generation)) {
            entity_appear(p, server, g, first + i, truth, time_s);
        } else if (here && truth->carrier != e->carrier) {
            entity_board(p, server, first + i, truth, time_s);
        } else if (here) {
            p->refs[moved] = e->ref;
            p->positions[moved] = truth->position;
            p->velocities[moved] = truth->velocity;
            p->rotations[moved++] = truth->rotation;
        }
    }
    tl_server_set_poses(server, p->refs, moved, p->positions, p->velocities, p->rotations);
}

void play_tick(play *p, tl_server *server, double time_s)
{
    p->waiting = 0;
    for (uint32_t g = 0; g < p->group_count; g++) {
        if (p->groups[g].owned) {
            group_tick(p, server, g, time_s);
        }
    }
}

uint32_t play_waiting(const play *p, tl_result *why)
{
    *why = p->waiting_why;
    return p->waiting;
}

uint32_t play_groups_owned(const play *p)
{
    return p->owned_count;
}
