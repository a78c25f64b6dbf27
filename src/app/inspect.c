// tramline inspect: what is in a store, and whether it is sound.
#include "app/aside.h"
#include "app/command.h"
#include "app/number.h"
#include "app/repair.h"
#include "base/os/clock.h"
#include "base/os/process.h"
#include "base/os/wait.h"

#include "scenario/scenario.h"
#include "tramline/inspect.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
    LOAD_S_MAX = 120,
    WAIT_US = 20000,
    TRIES_MAX = 3,
    ENTITIES_TO_SPARE = 1 << 20, // beyond those of the scenario that filled the world
    GROUPS_MAX = 1 << 18,
    NAMES_WIDTH = 10,
};

typedef struct inspect_options {
    const char *store;
    const char *repaired; // where the repaired copy goes
    const char *exported; // where what is left out goes
    bool json;
    bool accept_loss;
} inspect_options;

typedef struct inspection {
    tl_world_info world;
    const tl_kind_def *kinds;
    int kind_count;
    tl_inspect *inspect;
    tl_inspect_report report;
    aside_list aside;
    bool ended;     // the store reports no more
    bool overtaken; // a running server truncated the log during the read: a retry may succeed
    bool silent;    // it did not answer in time
} inspection;

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Print JSON", 1},
    {"accept-loss", 'a', NULL, 0,
     "After a power cut: give up what only some files of STORE, a directory, still refer to, and print what that is. "
     "Stop all servers first",
     2},
    {"repair", 'r', "STORE", 0,
     "Copy the store to the new store NEW without the records and checkpoints that no server can read, and print each "
     "of them. Stop all servers first",
     2},
    {"export", 'e', "DIR", 0,
     "Write each record and checkpoint that no server can read, and each record that servers have set aside, to a file "
     "of its own",
     2},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    inspect_options *o = state->input;
    switch (key) {
    case 'j': o->json = true; return 0;
    case 'a': o->accept_loss = true; return 0;
    case 'r': o->repaired = argument; return 0;
    case 'e': o->exported = argument; return 0;
    case ARGP_KEY_ARG:
        if (o->store) {
            argp_error(state, "unexpected argument '%s'; name one store", argument);
        }
        o->store = argument;
        return 0;
    case ARGP_KEY_END:
        if (!o->store) {
            argp_error(
                state,
                "the store is missing: pass a directory, fdb:FILE?prefix=NAME or mvsqlite:http://HOST:PORT/NAME");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp inspect_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "STORE",
    .doc = "List what is in a store: its world, entities, groups, servers, leases and logs; and check that it is "
           "sound.\vThe store is not changed, except by --accept-loss. Servers may run meanwhile, except with "
           "--accept-loss or --repair. The exit status is 0 only if the store is sound, or, with --export or --repair, "
           "if everything was written.",
};

// ---- reading -------------------------------------------------------------------------------------------------------

// Makes what reads the world. If it was made with other kinds than the scenarios' or does not say by whom, only what
// surrounds its entities can be read.
static tl_result start(inspection *n)
{
    unsigned entity_count = 0;
    bool filled = sscanf(n->world.scenario, "%*[a-z]:%u", &entity_count) == 1 && entity_count <= ENTITIES_TO_SPARE * 4u;
    uint32_t entities_max = ENTITIES_TO_SPARE + (filled ? entity_count : 0);
    n->kind_count = scenario_kinds(&n->kinds);
    tl_result result = tl_inspect_create(n->kinds, n->kind_count, n->world.tick_hz, entities_max, GROUPS_MAX,
                                         &n->inspect);
    uint64_t hash = result == TL_OK ? tl_inspect_get_kinds_hash(n->inspect) : 0;
    if (result != TL_OK || n->world.kinds_hash == hash || (n->world.kinds_hash == 0 && filled)) {
        return result;
    }
    tl_inspect_destroy(n->inspect);
    return tl_inspect_create(NULL, 0, n->world.tick_hz, 1, 1, &n->inspect);
}

static void take_event(inspection *n, const tl_store_event *event)
{
    n->ended = event->type == TL_STORE_LOADED || event->type == TL_STORE_FAILED;
    n->overtaken = event->type == TL_STORE_FAILED && event->result == TL_ERR_NOT_FOUND;
    tl_inspect_add(n->inspect, event);
}

static void load(inspection *n, tl_store *store)
{
    uint64_t until_us = tl_os_monotonic_us() + LOAD_S_MAX * 1000000ull;
    while (!n->ended && !n->silent && !tl_os_stop_requested()) {
        tl_store_event event;
        if (tl_store_poll(store, &event) == TL_OK) {
            take_event(n, &event);
            continue;
        }
        n->silent = tl_os_monotonic_us() > until_us;
        tl_os_wait_readable(&(int){tl_store_wait_fd(store)}, 1, WAIT_US);
    }
}

// What is wrong, or NULL. `text` may be used for it.
static const char *problem(const inspection *n, char *text, size_t text_bytes)
{
    const tl_inspect_report *r = &n->report;
    if (r->faults > 1) {
        snprintf(text, text_bytes, "%s (and %" PRIu64 " more)", r->fault_text, r->faults - 1);
        return text;
    }
    if (r->faults) {
        return r->fault_text;
    }
    if (n->silent) {
        return "the store does not answer; check for a full or very slow disk";
    }
    if (n->aside.text[0]) {
        return n->aside.text;
    }
    return r->complete ? NULL : "it could not be read to the end";
}

// ---- telling -------------------------------------------------------------------------------------------------------

// Whether it holds its lease: "held", or how its last epoch ended.
static const char *lease_text(const tl_inspect_report *r, const tl_inspect_server *s, char *text, size_t text_bytes)
{
    if (!s->ended) {
        return "held";
    }
    if (s->heir == 0) {
        return "left";
    }
    snprintf(text, text_bytes, "ended, heir %s", r->servers[s->heir <= TL_SERVERS_MAX ? s->heir : 0].name);
    return text;
}

static json_t *server_json(const tl_inspect_report *r, tl_server_number number)
{
    const tl_inspect_server *s = &r->servers[number];
    json_t *object = json_pack("{s:i, s:s, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "number", (int)number, "name",
                               s->name, "epoch", (json_int_t)s->epoch, "ended", s->ended, "tick", (json_int_t)s->tick,
                               "groups", (json_int_t)s->groups, "entities", (json_int_t)s->entities, "log_records",
                               (json_int_t)s->log_records, "log_bytes", (json_int_t)s->log_bytes, "log_first_tick",
                               (json_int_t)s->log_first_tick, "log_last_tick", (json_int_t)s->log_last_tick);
    bool inherited = s->ended && s->heir >= 1 && s->heir <= TL_SERVERS_MAX;
    json_object_set_new(object, "heir", inherited ? json_string(r->servers[s->heir].name) : json_null());
    return object;
}

// NULL for a world whose entities could not be read.
static json_t *entities_json(const inspection *n)
{
    if (!n->report.decoded) {
        return json_null();
    }
    json_t *kinds = json_object();
    for (int i = 0; i < n->kind_count; i++) {
        json_object_set_new(kinds, n->kinds[i].name, json_integer((json_int_t)n->report.entities_of_kind[i]));
    }
    return json_pack("{s:I, s:o, s:I}", "all", (json_int_t)n->report.entities, "by_kind", kinds, "carrier_missing",
                     (json_int_t)n->report.carriers_missing);
}

static json_t *groups_json(const tl_inspect_report *r)
{
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "all",
                     r->decoded ? json_integer((json_int_t)r->groups) : json_null(), "without_heir",
                     r->decoded ? json_integer((json_int_t)r->groups_without_heir) : json_null(), "checkpointed",
                     (json_int_t)(r->checkpoints - r->checkpoints_empty), "deleted", (json_int_t)r->checkpoints_empty,
                     "bytes", (json_int_t)r->checkpoint_bytes, "oldest_tick", (json_int_t)r->checkpoint_first_tick,
                     "newest_tick", (json_int_t)r->checkpoint_last_tick);
}

static json_t *inspection_json(const inspection *n)
{
    const tl_inspect_report *r = &n->report;
    char text[320];
    const char *wrong = problem(n, text, sizeof text);
    json_t *servers = json_array();
    for (tl_server_number i = 1; i <= TL_SERVERS_MAX; i++) {
        if (r->servers[i].known) {
            json_array_append_new(servers, server_json(r, i));
        }
    }
    json_t *world = json_pack("{s:s, s:I, s:I, s:I, s:I}", "scenario", n->world.scenario, "seed",
                              (json_int_t)n->world.seed, "tick_hz", (json_int_t)n->world.tick_hz, "created_us",
                              (json_int_t)n->world.created_us, "format", (json_int_t)n->world.format);
    json_t *log = json_pack("{s:I, s:I, s:I, s:I, s:I}", "records", (json_int_t)r->log_records, "set_aside",
                            (json_int_t)r->set_aside, "bytes", (json_int_t)r->log_bytes, "first_tick",
                            (json_int_t)r->log_first_tick, "last_tick", (json_int_t)r->log_last_tick);
    json_t *fault = wrong ? json_pack("{s:s, s:I, s:i, s:I}", "text", wrong, "count", (json_int_t)r->faults, "server",
                                      (int)r->fault_server, "tick", (json_int_t)r->fault_tick)
                          : json_null();
    return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "sound", !wrong, "fault", fault, "world", world,
                     "servers", servers, "groups", groups_json(r), "entities", entities_json(n), "log", log, "aside",
                     aside_json(&n->aside));
}

static void print_entities(const inspection *n)
{
    const tl_inspect_report *r = &n->report;
    char number[NUMBER_TEXT_BYTES];
    if (!r->decoded) {
        printf("%-*s not counted: this program does not know the world's kinds\n", NAMES_WIDTH, "entities");
        return;
    }
    printf("%-*s %s", NAMES_WIDTH, "entities", number_text(r->entities, number));
    const char *before = ": ";
    for (int i = 0; i < n->kind_count; i++) {
        if (r->entities_of_kind[i]) {
            printf("%s%s %s", before, number_text(r->entities_of_kind[i], number), n->kinds[i].name);
            before = ", ";
        }
    }
    printf("\n");
    if (r->carriers_missing) {
        printf("%-*s %s of them wait for a carrier that is not in the world\n", NAMES_WIDTH, "",
               number_text(r->carriers_missing, number));
    }
}

static void print_groups(const tl_inspect_report *r)
{
    char number[NUMBER_TEXT_BYTES], kbytes[NUMBER_TEXT_BYTES];
    printf("%-*s ", NAMES_WIDTH, "groups");
    if (r->decoded) {
        printf("%s", number_text(r->groups, number));
        if (r->groups_without_heir) {
            printf(", %s of a server that left: the next server adopts them",
                   number_text(r->groups_without_heir, number));
        }
        printf("; ");
    }
    printf("%s checkpoints", number_text(r->checkpoints - r->checkpoints_empty, number));
    if (r->checkpoints) {
        printf(", %s kB, as of ticks %" PRId64 " to %" PRId64, number_text(r->checkpoint_bytes / 1000, kbytes),
               r->checkpoint_first_tick, r->checkpoint_last_tick);
    }
    printf("; %s deleted\n", number_text(r->checkpoints_empty, number));
}

static void print_server(const tl_inspect_report *r, tl_server_number number)
{
    const tl_inspect_server *s = &r->servers[number];
    char groups[NUMBER_TEXT_BYTES], entities[NUMBER_TEXT_BYTES], kbytes[NUMBER_TEXT_BYTES], lease[64],
        ticks[64] = "none";
    if (s->log_records) {
        snprintf(ticks, sizeof ticks, "%" PRId64 " to %" PRId64, s->log_first_tick, s->log_last_tick);
    }
    printf("  %3u  %-16s %5u  %10" PRId64 "  %-20s %6s %9s  %-22s %10s\n", number, s->name, s->epoch, s->tick,
           lease_text(r, s, lease, sizeof lease), r->decoded ? number_text(s->groups, groups) : "-",
           r->decoded ? number_text(s->entities, entities) : "-", ticks, number_text(s->log_bytes / 1000, kbytes));
}

static void print_inspection(const inspection *n, const char *store)
{
    const tl_inspect_report *r = &n->report;
    char text[320], records[NUMBER_TEXT_BYTES], kbytes[NUMBER_TEXT_BYTES];
    double tick_now = (double)(tl_os_wall_us() - n->world.created_us) * 1e-6 * n->world.tick_hz;
    printf("%-*s %s, seed %" PRIu64 ", %u ticks per second, now at tick %.0f\n", NAMES_WIDTH, "world",
           n->world.scenario, n->world.seed, n->world.tick_hz, tick_now);
    if (n->world.format != TL_STORE_FORMAT) {
        printf("%-*s format %u, of an earlier release; convert it with '--repair NEW'\n", NAMES_WIDTH, "",
               n->world.format);
    }
    print_entities(n);
    print_groups(r);
    printf("%-*s %s records, %s kB", NAMES_WIDTH, "log", number_text(r->log_records, records),
           number_text(r->log_bytes / 1000, kbytes));
    if (r->log_records) {
        printf(", ticks %" PRId64 " to %" PRId64, r->log_first_tick, r->log_last_tick);
    }
    if (r->set_aside) {
        printf("; %s that no server applies ('--export DIR' writes them to files, '--repair NEW' copies the rest)",
               number_text(r->set_aside, kbytes));
    }
    printf("\n");
    if (n->aside.records) {
        printf("%-*s %s in total, in the store but not part of the world ('--export DIR' writes them to files):\n",
               NAMES_WIDTH, "set aside", number_text(n->aside.records, kbytes));
        aside_print(&n->aside, "           ");
    }
    printf("%-*s                 epoch   last tick  %-20s groups  entities  %-22s %10s\n", NAMES_WIDTH - 3, "servers",
           "lease", "ticks in the log", "kB");
    for (tl_server_number i = 1; i <= TL_SERVERS_MAX; i++) {
        if (r->servers[i].known) {
            print_server(r, i);
        }
    }
    if (!problem(n, text, sizeof text)) {
        printf("%-*s every record and checkpoint of '%s' was read%s, and its sum is right\n", NAMES_WIDTH, "sound",
               store, r->decoded ? " and applied" : "");
    }
}

// False: there is no world to speak of, and stderr says why.
static bool inspect_once(inspection *n, const inspect_options *o)
{
    char text[512];
    tl_store *store = NULL;
    aside_free(&n->aside);
    memset(n, 0, sizeof *n);
    if (tl_store_open(o->store, false, true, &store, text, sizeof text) != TL_OK) {
        fprintf(stderr, "tramline: %s\n", text);
        return false;
    }
    tl_result result = tl_store_get_world(store, &n->world);
    result = result == TL_OK ? start(n) : result;
    if (result == TL_OK) {
        (void)aside_read(&n->aside, store, NULL);
        result = n->aside.busy ? TL_ERR_BUSY : tl_store_join(store, NULL);
    }
    if (result == TL_OK) {
        load(n, store);
        tl_inspect_finish(n->inspect, &n->report);
    } else if (n->aside.busy) {
        fprintf(stderr, "tramline: '%s' is busy, try again later: %s\n", o->store, n->aside.text);
    } else {
        fprintf(stderr, "tramline: '%s' cannot be read: %s\n", o->store, tl_result_text(result));
    }
    tl_inspect_destroy(n->inspect);
    tl_store_close(store, false);
    return result == TL_OK;
}

static bool inspect(inspection *n, const inspect_options *o)
{
    for (int i = 1; inspect_once(n, o); i++) {
        if (!n->overtaken || i == TRIES_MAX) {
            return true;
        }
    }
    return false;
}

// Discards what was lost; false if that is impossible.
static bool accept_loss(const inspect_options *o)
{
    char lost[4096], text[320];
    const char *directory = strncmp(o->store, "sqlite:", 7) == 0 ? o->store + 7 : o->store;
    if (tl_sqlite_store_accept_loss(directory, lost, sizeof lost, text, sizeof text) != TL_OK) {
        fprintf(stderr, "tramline: %s\n", text);
        return false;
    }
    fprintf(stderr, "tramline: %s\n",
            lost[0] ? lost : "nothing is missing: no file refers to anything that another one has lost");
    return true;
}

// The copy, and what is left out of it.
static int repair_store(inspection *n, const inspect_options *o)
{
    static repair_result done; // large
    tl_result result = start(n);
    bool known = result == TL_OK && tl_inspect_get_kinds_hash(n->inspect) != 0;
    if (result != TL_OK || (!known && o->repaired)) {
        fprintf(stderr, "tramline: this program does not know the kinds of '%s': it cannot tell what is unreadable\n",
                o->store);
        tl_inspect_destroy(n->inspect);
        return EXIT_FAILED;
    }
    bool whole = repair(&(repair_def){o->store, o->repaired, o->exported}, n->inspect, &done);
    tl_inspect_destroy(n->inspect);
    if (!whole) {
        fprintf(stderr, "tramline: %s\n", done.text);
        return EXIT_FAILED;
    }
    printf("%" PRIu64 " omitted, %" PRIu64 " set aside before", done.dropped, done.aside);
    if (o->repaired) {
        printf("; '%s' has all the rest of '%s'", o->repaired, o->store);
    }
    printf("\n");
    if (!known) {
        printf("its kinds are unknown: nothing could be checked but what was set aside before\n");
    }
    return EXIT_SOUND;
}

int command_inspect(int argc, char **argv)
{
    static inspection n; // large
    inspect_options o = {0};
    argp_parse(&inspect_argp, argc, argv, 0, NULL, &o);
    tl_os_stop_watch();
    if (o.accept_loss && !accept_loss(&o)) {
        return EXIT_FAILED;
    }
    if (!inspect(&n, &o)) {
        return EXIT_FAILED;
    }
    if (o.repaired || o.exported) {
        return repair_store(&n, &o);
    }
    if (o.json) {
        json_t *shown = inspection_json(&n);
        json_dumpf(shown, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(shown);
    } else {
        print_inspection(&n, o.store);
    }
    char text[320];
    const char *wrong = problem(&n, text, sizeof text);
    fflush(stdout);
    if (wrong) {
        fprintf(stderr, "tramline: not sound: %s\n", wrong);
    }
    return wrong ? EXIT_FAILED : EXIT_SOUND;
}
