// The game that a command plays or checks: a scenario, chosen by options or by what the world was filled with.
#ifndef APP_GAME_H
#define APP_GAME_H

#include "scenario/scenario.h"
#include "tramline/store.h"

#include <argp.h>

typedef struct game_choice {
    const char *name; // NULL: not chosen
    const char *fcd_file;
    const char *save_file; // of the recording as read, see scenario.h; NULL: none
    uint64_t seed;
    uint32_t entity_count; // 0: the scenario's own number
    bool seed_given;
    bool quiet; // no progress while it loads
} game_choice;

// The options --scenario, --seed, --entities and --fcd; put it among a command's children with a game_choice as input.
extern const struct argp game_argp;

// The scenario's name: as chosen, "trace" with a recording, otherwise "city".
const char *game_name(const game_choice *choice);
// What the world remembers of the game that filled it: its name and number of entities, and the seed.
void game_to_world(const scenario *s, const game_choice *choice, tl_world_info *world);
// Fills in what was not chosen from the world. `name_out` keeps the name. False, and `text` says why, if the choice
// contradicts the world.
bool game_from_world(game_choice *choice, const tl_world_info *world, char name_out[64], char *text, size_t text_bytes);
// Makes the scenario; shows progress on stderr unless quiet. Says on stderr what is wrong; then NULL.
scenario *game_create(const game_choice *choice);
// A group of the scenario in the world, and back (SCENARIO_NONE: none of the scenario's).
tl_group_id game_group_id(uint32_t group);
uint32_t game_group_index(const scenario *s, tl_group_id id);

#endif
