// tramline city: fills a store with a scenario.
#include "app/command.h"
#include "app/number.h"
#include "app/populate.h"
#include "base/os/process.h"

typedef struct city_options {
    game_choice game;
    populate_def populate;
} city_options;

static const struct argp_option options[] = {
    {"store", 'd', "URI", 0,
     "The store to populate: a directory, which is created if it does not exist, fdb:FILE?prefix=NAME or "
     "mvsqlite:http://HOST:PORT/NAME (required)",
     1},
    {"hz", 'z', "NUMBER", 0, "Ticks per second of the world (default 20)", 1},
    {"quiet", 'q', NULL, 0, "Do not show progress", 2},
    {0},
};

static const struct argp_child children[] = {{&game_argp, 0, "What to play:", 10}, {0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    city_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->game; return 0;
    case 'd': o->populate.store = argument; return 0;
    case 'z': o->populate.tick_hz = (uint32_t)number_whole(state, "hz", argument, 1, 240); return 0;
    case 'q': o->populate.quiet = o->game.quiet = true; return 0;
    case ARGP_KEY_END:
        if (!o->populate.store) {
            argp_error(state, "--store is missing: name the store to populate");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp city_argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc = "Populate a store with a city or another scenario.\vThe time of the world begins when it is created. Then "
           "start servers with 'tramline serve'; they adopt the groups and distribute them among themselves.",
};

int command_city(int argc, char **argv)
{
    city_options o = {.populate.tick_hz = 20};
    argp_parse(&city_argp, argc, argv, 0, NULL, &o);
    tl_os_stop_watch();
    scenario *s = game_create(&o.game);
    if (!s) {
        return EXIT_FAILED;
    }
    o.populate.choice = &o.game;
    o.populate.scenario = s;
    bool populated = populate_run(&o.populate);
    scenario_destroy(s);
    return populated ? EXIT_SOUND : EXIT_FAILED;
}
