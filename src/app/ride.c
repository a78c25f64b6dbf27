// tramline ride: a rider.
#include "app/command.h"
#include "app/number.h"
#include "app/rider.h"
#include "base/os/process.h"

#include "tramline/types.h"

enum { OPTION_CA = 256, OPTION_REPORT, OPTION_STATS, OPTION_RIDER, OPTION_RIDERS, OPTION_KBIT };

static const struct argp_option options[] = {
    {"server", 'c', "HOST:PORT", 0, "The server (required); may be repeated: another one is tried if one fails", 1},
    {"fingerprint", 'F', "HEX", 0,
     "SHA-256 fingerprint of the server's certificate, as 'tramline serve' prints it; one for each server, or one for "
     "all",
     1},
    {"ca", OPTION_CA, "FILE", 0,
     "Certificate of the authority that signed the server's certificate, PEM; instead of --fingerprint", 1},
    {"token", 't', "FILE", 0, "Read the token, made by 'tramline token make', from FILE; - is standard input", 1},
    {"name", 'N', "NAME", 0, "Name of the rider (default rider)", 2},
    {"rider", OPTION_RIDER, "NUMBER", 0, "Number of the rider's seat, from 0 (default 0)", 2},
    {"riders", OPTION_RIDERS, "NUMBER", 0, "Total number of riders; each looks for the others (default 1)", 2},
    {"kbit", OPTION_KBIT, "NUMBER", 0, "Receive at most NUMBER kbit/s (default 2000)", 2},
    {"seconds", 'T', "NUMBER", 0, "Stop NUMBER seconds after everything is in view (default: on SIGINT or SIGTERM)", 2},
    {"stats", OPTION_STATS, "FILE", 0, "Write the result of each check to FILE as a line of JSON", 3},
    {"report", OPTION_REPORT, "FILE", 0, "Write a report to FILE as JSON", 3},
    {"quiet", 'q', NULL, 0, "Print errors only", 3},
    {0},
};

static const struct argp_child children[] = {{&game_argp, 0, "What to play, as on the server:", 10}, {0}};

static void check(const rider_def *def, struct argp_state *state)
{
    if (def->server_count == 0) {
        argp_error(state, "--server is missing: pass HOST:PORT");
    }
    if (def->fingerprint_count == 0 && !def->ca_file) {
        argp_error(state,
                   "the server cannot be identified: pass its --fingerprint, as 'tramline serve' prints it, or --ca");
    }
}

static void add(const char **list, uint32_t *count, const char *value, struct argp_state *state)
{
    if (*count == RIDER_SERVERS_MAX) {
        argp_error(state, "there are more than %d servers", RIDER_SERVERS_MAX);
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
    .doc = "Connect to a server, take a seat in a cabin, and compare every entity in view with the truth of the "
           "scenario at least twice per second.\vThe rider computes the truth itself, from the same seed or recording, "
           "independently of the network. The exit status is 0 only if no entity was missing, doubled or in a wrong "
           "reference frame, and every position was right: within 2 cm or 1 mrad of the distance for 99.9 % of the "
           "samples, and never off by more than twice that.",
};

int command_ride(int argc, char **argv)
{
    rider_def def = {.name = "rider", .rider_count = 1};
    argp_parse(&ride_argp, argc, argv, 0, NULL, &def);
    tl_os_stop_watch();
    return rider_run(&def);
}
