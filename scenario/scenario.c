#include "scenario/internal.h"

#include <string.h>

static const scenario_world *const worlds[] = {
    &scenario_city,    &scenario_far,     &scenario_convoy,    &scenario_choke,
    &scenario_concert, &scenario_ragdoll, &scenario_asteroids, &scenario_trace,
};

scenario_def scenario_def_default(void)
{
    return (scenario_def){.name = "city", .seed = 1};
}

static const scenario_world *world_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof worlds / sizeof *worlds; i++) {
        if (strcmp(worlds[i]->name, name) == 0) {
            return worlds[i];
        }
    }
    return NULL;
}

bool scenario_exists(const char *name)
{
    return world_find(name) != NULL;
}

tl_result scenario_create(const scenario_def *def, scenario **out, char *text, size_t text_bytes)
{
    *out = NULL;
    if (text_bytes > 0) {
        text[0] = 0;
    }
    const scenario_world *world = world_find(def->name);
    if (!world) {
        snprintf(text, text_bytes,
                 "no scenario is called '%s'; there are city, far, convoy, choke, concert, ragdoll, "
                 "asteroids and trace",
                 def->name ? def->name : "");
        return TL_ERR_NOT_FOUND;
    }
    if (def->entity_count > SCENARIO_ENTITIES_MAX) {
        snprintf(text, text_bytes, "%u entities are too many; at most %d", def->entity_count, SCENARIO_ENTITIES_MAX);
        return TL_ERR_INVALID;
    }
    scenario *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(text, text_bytes, "out of memory");
        return TL_ERR_MEMORY;
    }
    s->world = world;
    s->entity_count = def->entity_count ? def->entity_count : world->entities_default;
    tl_result result = world->create(s, def, text, text_bytes);
    if (result != TL_OK) {
        if (text_bytes > 0 && !text[0]) {
            snprintf(text, text_bytes, "%s",
                     result == TL_ERR_MEMORY ? "out of memory; ask for fewer entities" : "failed");
        }
        scenario_destroy(s);
        return result;
    }
    *out = s;
    return TL_OK;
}

void scenario_destroy(scenario *s)
{
    if (!s) {
        return;
    }
    if (s->data) {
        s->world->destroy(s);
    }
    free(s->group_first);
    free(s->rides);
    free(s);
}

tl_result scenario_groups_even(scenario *s, uint32_t group_count)
{
    s->group_first = malloc((group_count + 1) * sizeof *s->group_first);
    if (!s->group_first) {
        return TL_ERR_MEMORY;
    }
    s->group_count = group_count;
    for (uint32_t g = 0; g <= group_count; g++) {
        s->group_first[g] = (uint32_t)((uint64_t)s->entity_count * g / group_count);
    }
    return TL_OK;
}

uint32_t scenario_entity_count(const scenario *s)
{
    return s->entity_count;
}

uint32_t scenario_group_count(const scenario *s)
{
    return s->group_count;
}

void scenario_group_range(const scenario *s, uint32_t group, uint32_t *first, uint32_t *count)
{
    SCENARIO_ASSERT(group < s->group_count);
    *first = s->group_first[group];
    *count = s->group_first[group + 1] - *first;
}

void scenario_evaluate(const scenario *s, double time_s, uint32_t first, uint32_t count, scenario_truth *out)
{
    SCENARIO_ASSERT(first <= s->entity_count && count <= s->entity_count - first);
    s->world->evaluate(s, time_s, first, count, out);
}

void scenario_world_pose(const scenario *s, double time_s, uint32_t index, tl_vec3 *position, tl_quat *rotation)
{
    scenario_truth truth;
    scenario_evaluate(s, time_s, index, 1, &truth);
    *position = truth.position;
    *rotation = truth.rotation;
    for (int depth = 0; truth.carrier != SCENARIO_NONE; depth++) {
        SCENARIO_ASSERT(depth < TL_CARRIER_DEPTH_MAX);
        scenario_evaluate(s, time_s, truth.carrier, 1, &truth);
        tl_vec3 turned = quat_rotate(truth.rotation, *position);
        *position = (tl_vec3){truth.position.x + turned.x, truth.position.y + turned.y, truth.position.z + turned.z};
        *rotation = quat_multiply(truth.rotation, *rotation);
    }
}

double scenario_since_break_s(const scenario *s, double time_s)
{
    return s->break_every_s > 0 && time_s >= s->break_every_s ? fmod(time_s, s->break_every_s) : INFINITY;
}

// The counter of an id: 1 + index + generation * entities.
tl_entity_id scenario_entity_id(const scenario *s, uint32_t index, uint32_t generation)
{
    SCENARIO_ASSERT(index < s->entity_count);
    uint64_t counter = 1 + index + (uint64_t)generation * s->entity_count;
    SCENARIO_ASSERT(counter < (uint64_t)1 << 48);
    return (uint64_t)SCENARIO_SERVER << 48 | counter;
}

bool scenario_entity_index(const scenario *s, tl_entity_id id, uint32_t *index, uint32_t *generation)
{
    uint64_t counter = id & (((uint64_t)1 << 48) - 1);
    if (id >> 48 != SCENARIO_SERVER || counter == 0 || (counter - 1) / s->entity_count > UINT32_MAX) {
        return false;
    }
    *index = (uint32_t)((counter - 1) % s->entity_count);
    *generation = (uint32_t)((counter - 1) / s->entity_count);
    return true;
}

uint32_t scenario_ride_cabin(const scenario *s, uint32_t rider)
{
    return s->ride_count ? s->rides[rider % s->ride_count] : SCENARIO_NONE;
}

tl_vec3 scenario_free_point(const scenario *s)
{
    return s->free_point;
}
