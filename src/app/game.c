#include "app/game.h"

#include "app/number.h"
#include "app/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GAME_SERVER = 65534, // the number that scenarios make their ids under
    ENTITIES_MAX = 4000000,
};

static const struct argp_option options[] = {
    {"scenario", 'S', "NAME", 0,
     "The scenario: city (default), far, convoy, choke, concert, ragdoll, asteroids or trace", 10},
    {"seed", 's', "NUMBER", 0, "Seed of the scenario (default 1)", 10},
    {"entities", 'n', "NUMBER", 0, "Number of entities (default: depends on the scenario; the city has 100'000)", 10},
    {"fcd", 'f', "FILE", 0, "Play a recording of SUMO (FCD XML, plain, .gz or .zst), as the scenario 'trace'", 10},
    {0},
};

static const char *scenario_checked(struct argp_state *state, const char *name)
{
    if (!scenario_exists(name)) {
        argp_error(state, "unknown scenario '%s'; 'tramline city --help' lists them", name);
    }
    return name;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    game_choice *choice = state->input;
    switch (key) {
    case 'S': choice->name = scenario_checked(state, argument); return 0;
    case 's':
        choice->seed = number_whole(state, "seed", argument, 0, UINT64_MAX);
        choice->seed_given = true;
        return 0;
    case 'n': choice->entity_count = (uint32_t)number_whole(state, "entities", argument, 1, ENTITIES_MAX); return 0;
    case 'f': choice->fcd_file = argument; return 0;
    case ARGP_KEY_SUCCESS:
        if (choice->fcd_file && choice->name && strcmp(choice->name, "trace") != 0) {
            argp_error(state, "--fcd plays the scenario 'trace'; omit --scenario");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp game_argp = {.options = options, .parser = parse};

const char *game_name(const game_choice *choice)
{
    return choice->name ? choice->name : choice->fcd_file ? "trace" : "city";
}

void game_to_world(const scenario *s, const game_choice *choice, tl_world_info *world)
{
    snprintf(world->scenario, sizeof world->scenario, "%s:%" PRIu32, game_name(choice), scenario_entity_count(s));
    world->seed = choice->seed_given ? choice->seed : scenario_def_default().seed;
}

bool game_from_world(game_choice *choice, const tl_world_info *world, char name_out[64], char *text, size_t text_bytes)
{
    unsigned long entity_count = 0;
    if (sscanf(world->scenario, "%63[a-z]:%lu", name_out, &entity_count) < 1) {
        if (!choice->name && !choice->fcd_file) {
            snprintf(text, text_bytes, "the world does not name its scenario; name it with --scenario");
            return false;
        }
        snprintf(name_out, 64, "%s", game_name(choice));
        return true;
    }
    if ((choice->name || choice->fcd_file) && strcmp(game_name(choice), name_out) != 0) {
        snprintf(text, text_bytes,
                 "the world was populated by the scenario '%s', not '%s'; omit --scenario, or populate another store "
                 "with 'tramline city'",
                 name_out, game_name(choice));
        return false;
    }
    if (choice->seed_given && choice->seed != world->seed) {
        snprintf(text, text_bytes, "the world was populated with seed %" PRIu64 ", not %" PRIu64 "; omit --seed",
                 world->seed, choice->seed);
        return false;
    }
    if (choice->entity_count && entity_count && choice->entity_count != entity_count) {
        snprintf(text, text_bytes, "the world was populated with %lu entities, not %" PRIu32 "; omit --entities",
                 entity_count, choice->entity_count);
        return false;
    }
    choice->name = name_out;
    choice->seed = world->seed;
    choice->seed_given = true;
    choice->entity_count = entity_count <= ENTITIES_MAX ? (uint32_t)entity_count : 0;
    if (strcmp(name_out, "trace") == 0 && !choice->fcd_file) {
        snprintf(text, text_bytes, "the world plays a recording; pass its file with --fcd");
        return false;
    }
    return true;
}

static void show_progress(void *user, uint64_t done, uint64_t total)
{
    progress_show(user, done, total);
}

scenario *game_create(const game_choice *choice)
{
    progress shown;
    progress_init(&shown, choice->fcd_file ? "reading the recording" : "creating the scenario");
    scenario_def def = scenario_def_default();
    def.name = game_name(choice);
    def.seed = choice->seed_given ? choice->seed : def.seed;
    def.entity_count = choice->entity_count;
    def.fcd_file = choice->fcd_file;
    def.save_file = choice->save_file;
    def.progress = choice->quiet ? NULL : show_progress;
    def.progress_user = &shown;
    scenario *s = NULL;
    char text[512] = "";
    if (scenario_create(&def, &s, text, sizeof text) != TL_OK) {
        fprintf(stderr, "tramline: %s\n", text);
        return NULL;
    }
    if (!choice->quiet) {
        char count[NUMBER_TEXT_BYTES], line[96];
        snprintf(line, sizeof line, "%s, %s entities", def.name, number_text(scenario_entity_count(s), count));
        progress_end(&shown, line);
    }
    return s;
}

tl_group_id game_group_id(uint32_t group)
{
    return (uint64_t)GAME_SERVER << 48 | (group + (uint64_t)1);
}

uint32_t game_group_index(const scenario *s, tl_group_id id)
{
    uint64_t counter = id & (((uint64_t)1 << 48) - 1);
    if (id >> 48 != GAME_SERVER || counter == 0 || counter > scenario_group_count(s)) {
        return SCENARIO_NONE;
    }
    return (uint32_t)(counter - 1);
}
