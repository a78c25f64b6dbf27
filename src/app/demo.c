// tramline demo: the city loop. A fresh store, servers and riders as processes of their own, and a report.
#include "app/command.h"
#include "app/number.h"
#include "app/populate.h"
#include "app/promise.h"
#include "app/report.h"
#include "app/run_folder.h"
#include "app/status_line.h"
#include "base/os/clock.h"
#include "base/os/process.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_SERVERS = 256,
    OPTION_RIDERS,
    OPTION_STORE,
    OPTION_REPORT,
    OPTION_KBIT,
    OPTION_KEEP,
    SETTLE_S_MAX = 90,
    JOIN_S_MAX = 60,
    FOLLOW_MS = 100,
};

typedef struct demo_options {
    game_choice game;
    const char *directory, *report_file, *store;
    double seconds;
    uint32_t tick_hz, servers, riders, kbit_s;
    bool keep;
} demo_options;

static const struct argp_option options[] = {
    {"seconds", 'T', "NUMBER", 0, "Measure for NUMBER seconds once all riders see everything (default 60)", 1},
    {"servers", OPTION_SERVERS, "NUMBER", 0, "Number of servers (default 3: alpha, beta, gamma)", 1},
    {"riders", OPTION_RIDERS, "NUMBER", 0, "Number of riders (default 3: alice, bob, carol)", 1},
    {"hz", 'z', "NUMBER", 0, "Ticks per second (default 20)", 1},
    {"kbit", OPTION_KBIT, "NUMBER", 0, "Send a rider at most NUMBER kbit/s (default 2000)", 1},
    {"store", OPTION_STORE, "KIND|URI", 0,
     "sqlite (default), in the directory of the run; or the URI of a running database that holds no world of that name "
     "yet: fdb:FILE?prefix=NAME or mvsqlite:http://HOST:PORT/NAME. './run --store fdb' and './run --store mvsqlite' "
     "start one for the run",
     2},
    {"dir", 'd', "DIRECTORY", 0,
     "Directory for the store and the logs; new or empty (default: a new one in ./run-data)", 2},
    {"report", OPTION_REPORT, "FILE", 0, "Write the report to FILE (default report.json)", 2},
    {"keep", OPTION_KEEP, NULL, 0, "Keep the default directory even if every promise held", 2},
    {0},
};

static const struct argp_child children[] = {{&game_argp, 0, "What to play:", 10}, {0}};

static const char *const databases[] = {"fdb", "mvsqlite"};

// A database's bare name is ./run's to replace by the URI of one that it has started.
static void check_store(const demo_options *o, struct argp_state *state)
{
    size_t scheme = strcspn(o->store, ":");
    for (size_t i = 0; i < sizeof databases / sizeof databases[0]; i++) {
        if (strlen(databases[i]) == scheme && strncmp(o->store, databases[i], scheme) == 0) {
            if (!o->store[scheme]) {
                argp_error(state,
                           "--store %s: pass the URI of a running database (see --help); './run --store %s' starts one",
                           o->store, o->store);
            }
            return;
        }
    }
    if (strcmp(o->store, "sqlite") != 0) {
        argp_error(state, "--store is '%s'; it must be sqlite, fdb:FILE?prefix=NAME or mvsqlite:http://HOST:PORT/NAME",
                   o->store);
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    demo_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->game; return 0;
    case 'T': o->seconds = number_real(state, "seconds", argument, 1, 1e7); return 0;
    case OPTION_SERVERS: o->servers = (uint32_t)number_whole(state, "servers", argument, 1, DEMO_SERVERS_MAX); return 0;
    case OPTION_RIDERS: o->riders = (uint32_t)number_whole(state, "riders", argument, 1, DEMO_RIDERS_MAX); return 0;
    case 'z': o->tick_hz = (uint32_t)number_whole(state, "hz", argument, 1, 240); return 0;
    case OPTION_KBIT: o->kbit_s = (uint32_t)number_whole(state, "kbit", argument, 16, 1000000); return 0;
    case OPTION_STORE: o->store = argument; return 0;
    case 'd': o->directory = argument; return 0;
    case OPTION_REPORT: o->report_file = argument; return 0;
    case OPTION_KEEP: o->keep = true; return 0;
    case ARGP_KEY_END: check_store(o, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp demo_argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc = "Populate a store with a city, run servers and riders on it, measure them, and report.\vThe riders sit in "
           "the cabins of trams and compare everything they see with the truth. Ctrl-C ends the measurement early; the "
           "report then covers what was measured so far. The exit status is 0 only if every promise held.",
};

// ---- the run, part by part -----------------------------------------------------------------------------------------

static bool populate(const demo_options *o, const game_choice *game, const char *store, report_facts *facts)
{
    scenario *s = game_create(game);
    if (!s) {
        return false;
    }
    facts->entities = scenario_entity_count(s);
    populate_def def = {.store = store, .choice = game, .scenario = s, .tick_hz = o->tick_hz};
    bool populated = populate_run(&def);
    scenario_destroy(s);
    return populated;
}

static bool wait_until(demo_cluster *c, bool (*reached)(const demo_cluster *), double seconds_max,
                       const char *otherwise)
{
    uint64_t until_us = tl_os_monotonic_us() + (uint64_t)(seconds_max * 1e6);
    while (!reached(c)) {
        if (tl_os_stop_requested() || !demo_cluster_follow(c, FOLLOW_MS)) {
            return false;
        }
        if (tl_os_monotonic_us() > until_us) {
            snprintf(c->fault, sizeof c->fault, "%s within %.0f s", otherwise, seconds_max);
            fprintf(stderr, "tramline: %s; the logs are in '%s'\n", c->fault, c->def.directory);
            return false;
        }
    }
    return true;
}

static bool start(demo_cluster *c)
{
    fprintf(stderr, "starting %u servers\n", c->def.server_count);
    if (!demo_cluster_start_servers(c) ||
        !wait_until(c, demo_cluster_is_settled, SETTLE_S_MAX, "the servers have not distributed the groups")) {
        return false;
    }
    for (uint32_t i = 0; i < c->def.server_count; i++) {
        fprintf(stderr, "  %s owns %u of %u groups\n", demo_server_name(i), c->servers[i].groups_owned, c->group_count);
    }
    fprintf(stderr, "starting %u riders\n", c->def.rider_count);
    return demo_cluster_start_riders(c) &&
           wait_until(c, demo_cluster_all_joined, JOIN_S_MAX, "not every rider sees all entities");
}

// Returns the measured seconds.
static double ride(demo_cluster *c, double seconds)
{
    status_line line;
    uint64_t begun_us = tl_os_monotonic_us();
    double elapsed_s = 0;
    status_line_init(&line);
    while (elapsed_s < seconds && !tl_os_stop_requested() && demo_cluster_follow(c, FOLLOW_MS)) {
        elapsed_s = (double)(tl_os_monotonic_us() - begun_us) / 1e6;
        status_line_show(&line, c, elapsed_s);
    }
    status_line_end(&line);
    return elapsed_s;
}

// Whether every promise held.
static bool report(const demo_cluster *c, const report_facts *facts, const char *file)
{
    json_t *made = report_make(c, facts);
    report_print(made);
    bool held = promise_all_held(json_object_get(made, "promises"));
    if (json_dump_file(made, file, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0) {
        fprintf(stderr, "tramline: cannot write the report '%s': %s\n", file, strerror(errno));
        held = false;
    } else {
        printf("\n%s; see %s for details\n", held ? "every promise held" : "NOT every promise held", file);
    }
    json_decref(made);
    return held;
}

static bool run(const demo_options *o, const char *directory)
{
    static demo_cluster c; // large
    char store[DEMO_PATH_BYTES];
    if (strcmp(o->store, "sqlite") == 0) {
        snprintf(store, sizeof store, "%s/store", directory);
    } else {
        snprintf(store, sizeof store, "%s", o->store);
    }
    report_facts facts = {.tick_hz = o->tick_hz};
    char saved[DEMO_PATH_BYTES];
    game_choice game = o->game;
    if (game.fcd_file) { // read once, here; servers and riders take up what was made of it
        snprintf(saved, sizeof saved, "%s/recording", directory);
        game.save_file = saved;
    }
    if (!populate(o, &game, store, &facts)) {
        return false;
    }
    if (game.fcd_file) {
        game.fcd_file = saved;
        game.save_file = NULL;
    }
    c.def = (demo_cluster_def){
        .directory = directory,
        .store = store,
        .game = game,
        .server_count = o->servers,
        .rider_count = o->riders,
        .kbit_s = o->kbit_s,
    };
    if (start(&c)) {
        facts.seconds = ride(&c, o->seconds);
    }
    demo_cluster_stop(&c);
    if (game.fcd_file) {
        remove(saved); // it is large, and quickly made again
    }
    bool held = report(&c, &facts, o->report_file);
    demo_cluster_reset(&c);
    return held;
}

int command_demo(int argc, char **argv)
{
    demo_options o = {
        .seconds = 60, .tick_hz = 20, .servers = 3, .riders = 3, .report_file = "report.json", .store = "sqlite"};
    argp_parse(&demo_argp, argc, argv, 0, NULL, &o);
    tl_os_stop_watch();
    run_folder folder;
    if (!run_folder_make(&folder, o.directory)) {
        return EXIT_FAILED;
    }
    bool held = run(&o, folder.path);
    if (held && !o.keep && !o.directory) {
        run_folder_remove(&folder);
    } else {
        printf("the store and the logs are in %s\n", folder.path);
    }
    return held ? EXIT_SOUND : EXIT_FAILED;
}
