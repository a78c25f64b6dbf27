// tramline serve: a server on a store.
#include "app/command.h"
#include "app/name.h"
#include "app/node.h"
#include "app/number.h"
#include "base/os/process.h"

enum {
    OPTION_CERT = 256,
    OPTION_KEY,
    OPTION_OWN,
    OPTION_READY,
    OPTION_STATS,
    OPTION_CLIENTS,
    OPTION_KBIT,
    OPTION_ENTITIES_MAX,
    OPTION_GROUPS_MAX,
    OPTION_CREATED_MAX,
    OPTION_GRACE,
    OPTION_WAL
};

static const struct argp_option options[] = {
    {"store", 'd', "URI", 0,
     "The store that the servers share, populated by 'tramline city': a directory, fdb:FILE?prefix=NAME or "
     "mvsqlite:http://HOST:PORT/NAME (required)",
     1},
    {"name", 'N', "NAME", 0, "Name of the server, unique in the world (required)", 1},
    {"listen", 'l', "ADDRESS:PORT", 0, "Listen for clients here (default 127.0.0.1:7777); port 0 selects a free one",
     1},
    {"cert", OPTION_CERT, "FILE", 0, "The server's certificate, PEM (default: self-signed, kept in --own)", 2},
    {"own", OPTION_OWN, "DIRECTORY", 0,
     "Directory for the files of this server alone (default: the directory of the store, or . for a database)", 2},
    {"key", OPTION_KEY, "FILE", 0, "The certificate's private key, PEM", 2},
    {"token-key", 't', "FILE", 0,
     "Public key, PEM: admit only clients whose token was signed with its private key (default: all)", 2},
    {"clients", OPTION_CLIENTS, "NUMBER", 0, "Admit at most NUMBER clients (default 256)", 3},
    {"kbit", OPTION_KBIT, "NUMBER", 0, "Send a client at most NUMBER kbit/s (default 4000)", 3},
    {"entities-max", OPTION_ENTITIES_MAX, "NUMBER", 0,
     "Capacity for entities (default: those of the scenario plus 8192)", 3},
    {"groups-max", OPTION_GROUPS_MAX, "NUMBER", 0, "Capacity for groups (default: those of the scenario plus 2048)", 3},
    {"created-max", OPTION_CREATED_MAX, "NUMBER", 0,
     "Clients of all servers may have created at most NUMBER of the existing entities (default 4096)", 3},
    {"grace", OPTION_GRACE, "SECONDS", 0, "Keep what a client owns for this long after it was last heard (default 10)",
     3},
    {"wal-mb", OPTION_WAL, "NUMBER", 0,
     "SQLite only: stall when a write-ahead log has grown to NUMBER MB because another program keeps it open (default "
     "4096)",
     3},
    {"seconds", 'T', "NUMBER", 0, "Stop after NUMBER seconds (default: on SIGINT or SIGTERM)", 3},
    {"ready", OPTION_READY, "FILE", 0, "When the server runs, write name, port and fingerprint to FILE as JSON", 4},
    {"stats", OPTION_STATS, "FILE", 0, "Write one line of JSON with statistics to FILE every second", 4},
    {"quiet", 'q', NULL, 0, "Print errors only", 4},
    {0},
};

static const struct argp_child children[] = {
    {&game_argp, 0, "What to play (default: what the world was populated with):", 10},
    {&admission_argp, 0,
     "Limits for strangers and players (an address is an IPv4 address, or the /64 prefix of an IPv6 address):", 20},
    {0},
};

static void check(const node_def *def, struct argp_state *state)
{
    if (!def->store) {
        argp_error(state, "--store is missing: name a store that 'tramline city' has populated");
    }
    if (!def->name) {
        argp_error(state, "--name is missing: give each server of a world its own name, such as alpha");
    }
    if (!def->certificate_file != !def->key_file) {
        argp_error(state, "--cert and --key go together: pass both or neither");
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    node_def *def = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &def->game;
        state->child_inputs[1] = &def->admission;
        return 0;
    case 'd': def->store = argument; return 0;
    case 'N': def->name = name_checked(state, argument); return 0;
    case 'l': def->listen = argument; return 0;
    case OPTION_CERT: def->certificate_file = argument; return 0;
    case OPTION_KEY: def->key_file = argument; return 0;
    case OPTION_OWN: def->own_directory = argument; return 0;
    case 't': def->token_key_file = argument; return 0;
    case OPTION_CLIENTS: def->clients_max = (uint32_t)number_whole(state, "clients", argument, 1, 10000); return 0;
    case OPTION_GRACE: def->grace_ms = (uint32_t)(1000 * number_real(state, "grace", argument, 0, 86400)); return 0;
    case OPTION_KBIT: def->kbit_s = (uint32_t)number_whole(state, "kbit", argument, 16, 1000000); return 0;
    case OPTION_ENTITIES_MAX:
        def->entities_max = (uint32_t)number_whole(state, "entities-max", argument, 1, 50000000);
        return 0;
    case OPTION_GROUPS_MAX:
        def->groups_max = (uint32_t)number_whole(state, "groups-max", argument, 1, 1000000);
        return 0;
    case OPTION_CREATED_MAX:
        def->created_max = (uint32_t)number_whole(state, "created-max", argument, 1, 50000000);
        return 0;
    case OPTION_WAL: def->wal_mb = (uint32_t)number_whole(state, "wal-mb", argument, 1, 1 << 24); return 0;
    case 'T': def->seconds = number_real(state, "seconds", argument, 0.1, 1e9); return 0;
    case OPTION_READY: def->ready_file = argument; return 0;
    case OPTION_STATS: def->stats_file = argument; return 0;
    case 'q': def->quiet = def->game.quiet = true; return 0;
    case ARGP_KEY_END: check(def, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp serve_argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc = "Run a server on a store until SIGINT or SIGTERM. It then hands its groups over to the other servers and "
           "exits.\vClients identify the server by the fingerprint of its certificate, which the server prints when it "
           "starts.",
};

int command_serve(int argc, char **argv)
{
    node_def def = {.listen = "127.0.0.1:7777", .clients_max = 256, .kbit_s = 4000, .grace_ms = 10000};
    argp_parse(&serve_argp, argc, argv, 0, NULL, &def);
    tl_os_stop_watch();
    return node_run(&def);
}
