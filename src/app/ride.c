// tramline ride: a rider.
#include "app/command.h"
#include "app/number.h"
#include "app/rider.h"
#include "base/os/process.h"

#include "tramline/types.h"

enum { OPTION_CA = 256, OPTION_REPORT, OPTION_STATS, OPTION_RIDER, OPTION_RIDERS, OPTION_KBIT };

static const struct argp_option options[] = {
    {"server", 'c', "HOST:PORT", 0, "The server (required); several: another takes over should one fail", 1},
    {"fingerprint", 'F', "HEX", 0,
     "Its certificate's SHA-256 fingerprint, as 'tramline serve' says it; one for each server, or one for all", 1},
    {"ca", OPTION_CA, "FILE", 0, "Or the authority that its certificate is checked against, PEM", 1},
    {"token", 't', "FILE", 0, "The token, from 'tramline token make'; - is standard input", 1},
    {"name", 'N', "NAME", 0, "The rider's name (default rider)", 2},
    {"rider", OPTION_RIDER, "NUMBER", 0, "Which seat it takes, from 0 (default 0)", 2},
    {"riders", OPTION_RIDERS, "NUMBER", 0, "Riders in all, whom it looks for (default 1)", 2},
    {"kbit", OPTION_KBIT, "NUMBER", 0, "Get at most so many kbit/s (default 2000)", 2},
    {"seconds", 'T', "NUMBER", 0, "Stop so long after all is in view (default: on SIGINT or SIGTERM)", 2},
    {"stats", OPTION_STATS, "FILE", 0, "Write what each check finds there, as JSON lines", 3},
    {"report", OPTION_REPORT, "FILE", 0, "Write what was measured there, as JSON", 3},
    {"quiet", 'q', NULL, 0, "Say only what is wrong", 3},
    {0},
};

static const struct argp_child children[] = {{&game_argp, 0, "What is played, as on the server:", 10}, {0}};

static void check(const rider_def *def, struct argp_state *state)
{
    if (def->server_count == 0) {
        argp_error(state, "--server is missing: name the server as HOST:PORT");
    }
    if (def->fingerprint_count == 0 && !def->ca_file) {
        argp_error(state,
                   "the server cannot be told from another: give its --fingerprint, as 'tramline serve' says it, or "
                   "a --ca");
    }
}

static void add(const char **list, uint32_t *count, const char *value, struct argp_state *state)
{
    if (*count == RIDER_SERVERS_MAX) {
        argp_error(state, "more than %d servers are given", RIDER_SERVERS_MAX);
    }
    list[(*count)++] = value;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    rider_def *def = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &def->game; return 0;
    case 'c': add(def->servers, &def->server_count, argument, state); return 0;
    case 'F': add(def->fingerprints, &def->fingerprint_count, argument, state); return 0;
    case OPTION_CA: def->ca_file = argument; return 0;
    case 't': def->token_file = argument; return 0;
    case 'N': def->name = argument; return 0;
    case OPTION_RIDER: def->number = (uint32_t)number_whole(state, "rider", argument, 0, 1000000); return 0;
    case OPTION_RIDERS: def->rider_count = (uint32_t)number_whole(state, "riders", argument, 1, 10000); return 0;
    case OPTION_KBIT: def->kbit_s = (uint32_t)number_whole(state, "kbit", argument, 16, 1000000); return 0;
    case 'T': def->seconds = number_real(state, "seconds", argument, 0.1, 1e9); return 0;
    case OPTION_STATS: def->stats_file = argument; return 0;
    case OPTION_REPORT: def->report_file = argument; return 0;
    case 'q': def->quiet = def->game.quiet = true; return 0;
    case ARGP_KEY_END: check(def, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp ride_argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc =
        "Connect to a server, take a seat in a cabin, and compare every entity in view with the scenario's truth, at "
        "least twice a second.\vThe truth is made here, from the same seed or recording, apart from the network. The "
        "exit status is 0 only if no entity was missing, doubled or in a wrong frame, and every place was right: "
        "within 2 cm or 1 mrad of the distance for 99.9 % of samples, and never more than twice that.",
};

int command_ride(int argc, char **argv)
{
    rider_def def = {.name = "rider", .rider_count = 1};
    argp_parse(&ride_argp, argc, argv, 0, NULL, &def);
    tl_os_stop_watch();
    return rider_run(&def);
}
