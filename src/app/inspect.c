// tramline inspect: what is in a store, and whether it is sound.
#include "clock.h"
#include "command.h"
#include "number.h"
#include "stop.h"

#include "tramline/store.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { LOAD_S_MAX = 120, WAIT_MS = 20, PROBLEMS_MAX = 16, TRIES_MAX = 3 };

typedef struct inspect_options {
    const char *store;
    bool json;
} inspect_options;

typedef struct inspect_server {
    bool known, fenced;
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t epoch, fenced_epoch;
    int64_t tick_first, tick_last; // of the log's records, -1: none
    int64_t tick_committed;        // -1: none
    tl_server_number heir;
    uint64_t records, record_bytes;
} inspect_server;

typedef struct inspection {
    tl_world_info world;
    inspect_server servers[TL_SERVERS_MAX + 1]; // by number
    uint64_t groups, groups_deleted, checkpoint_bytes;
    int64_t checkpoint_first, checkpoint_last; // their oldest and newest tick, -1: none
    bool loaded;
    bool overtaken; // a running server has cut what was about to be read: another try may work
    char problems[PROBLEMS_MAX][320];
    uint32_t problem_count;
} inspection;

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "As JSON", 1},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    inspect_options *o = state->input;
    switch (key) {
    case 'j':
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->store) {
            argp_error(state, "'%s' is one argument too many; name one store", argument);
        }
        o->store = argument;
        return 0;
    case ARGP_KEY_END:
        if (!o->store) {
            argp_error(state, "name the store: a directory");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp inspect_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "STORE",
    .doc = "Say what is in a store: its world, servers, leases, logs and groups; and check that it is sound.\vNothing is "
           "written, and servers may run on it meanwhile. The exit status is 0 only if the store is sound.",
};

// ---- reading -------------------------------------------------------------------------------------------------------

static void note_problem(inspection *n, const char *what, const char *detail)
{
    if (n->problem_count < PROBLEMS_MAX) {
        snprintf(n->problems[n->problem_count++], sizeof n->problems[0], "%s%s%s", what, detail[0] ? ": " : "", detail);
    }
}

static void take_record(inspection *n, inspect_server *server, const tl_store_event *event)
{
    char text[160];
    if (server->records > 0 && event->tick <= server->tick_last) {
        snprintf(text, sizeof text, "tick %" PRId64 " follows tick %" PRId64, event->tick, server->tick_last);
        note_problem(n, "a log's records are out of order", text);
    }
    if (server->fenced && event->epoch <= server->fenced_epoch) {
        snprintf(text, sizeof text, "server %u, epoch %u, tick %" PRId64, event->server, event->epoch, event->tick);
        note_problem(n, "a record was committed after its epoch had ended", text);
    }
    if (server->records == 0) {
        server->tick_first = event->tick;
    }
    server->tick_last = event->tick;
    server->tick_committed = event->tick > server->tick_committed ? event->tick : server->tick_committed;
    server->records++;
    server->record_bytes += event->size;
}

static void take_checkpoint(inspection *n, const tl_store_event *event)
{
    n->groups += event->size > 0;
    n->groups_deleted += event->size == 0;
    n->checkpoint_bytes += event->size;
    n->checkpoint_first = n->checkpoint_first < 0 || event->tick < n->checkpoint_first ? event->tick : n->checkpoint_first;
    n->checkpoint_last = event->tick > n->checkpoint_last ? event->tick : n->checkpoint_last;
}

static void take_server(inspect_server *server, const tl_store_event *event)
{
    if (!server->known) {
        server->tick_first = server->tick_last = server->tick_committed = -1;
    }
    server->known = true;
    server->epoch = event->epoch;
    server->fenced = server->fenced && event->epoch <= server->fenced_epoch;
    server->tick_committed = event->tick > server->tick_committed ? event->tick : server->tick_committed;
    snprintf(server->name, sizeof server->name, "%s", event->name);
}

static void take_event(inspection *n, const tl_store_event *event)
{
    inspect_server *server = &n->servers[event->server <= TL_SERVERS_MAX ? event->server : 0];
    switch (event->type) {
    case TL_STORE_SERVER:
        take_server(server, event);
        break;
    case TL_STORE_RECORD:
        take_record(n, server, event);
        break;
    case TL_STORE_CHECKPOINT:
        take_checkpoint(n, event);
        break;
    case TL_STORE_FENCED:
        server->fenced = true;
        server->fenced_epoch = event->epoch;
        server->heir = event->heir;
        server->tick_committed = event->tick;
        break;
    case TL_STORE_LOADED:
        n->loaded = true;
        break;
    case TL_STORE_FAILED:
        n->overtaken = event->result == TL_ERR_NOT_FOUND;
        note_problem(n, tl_result_name(event->result), event->text);
        break;
    default:
        break;
    }
}

static bool failed(const inspection *n) { return n->problem_count > 0; }

static void load(inspection *n, tl_store *store)
{
    uint64_t until_us = clock_steady_us() + LOAD_S_MAX * 1000000ull;
    while (!n->loaded && !failed(n) && !stop_requested()) {
        tl_store_event event;
        tl_result result = store->ops->poll(store, &event);
        if (result == TL_OK) {
            take_event(n, &event);
            continue;
        }
        if (clock_steady_us() > until_us) {
            note_problem(n, "the store does not answer", "look for a full or a very slow disk");
        }
        struct pollfd wait = {.fd = store->ops->wait_fd(store), .events = POLLIN};
        poll(&wait, wait.fd >= 0, WAIT_MS);
    }
}

// ---- telling -------------------------------------------------------------------------------------------------------

static json_t *server_json(const inspection *n, tl_server_number number)
{
    const inspect_server *s = &n->servers[number];
    json_t *object = json_pack("{s:i, s:s, s:I, s:b, s:I, s:I, s:I, s:I, s:I}", "number", (int)number, "name", s->name,
                               "epoch", (json_int_t)s->epoch, "ended", s->fenced, "tick", (json_int_t)s->tick_committed,
                               "log_records", (json_int_t)s->records, "log_bytes", (json_int_t)s->record_bytes,
                               "log_first_tick", (json_int_t)s->tick_first, "log_last_tick", (json_int_t)s->tick_last);
    json_object_set_new(object, "heir", s->fenced && s->heir ? json_string(n->servers[s->heir].name) : json_null());
    return object;
}

static json_t *inspection_json(const inspection *n)
{
    json_t *servers = json_array(), *problems = json_array();
    for (tl_server_number i = 1; i <= TL_SERVERS_MAX; i++) {
        if (n->servers[i].known) {
            json_array_append_new(servers, server_json(n, i));
        }
    }
    for (uint32_t i = 0; i < n->problem_count; i++) {
        json_array_append_new(problems, json_string(n->problems[i]));
    }
    json_t *world = json_pack("{s:s, s:I, s:I, s:I, s:I}", "scenario", n->world.scenario, "seed",
                              (json_int_t)n->world.seed, "tick_hz", (json_int_t)n->world.tick_hz, "created_us",
                              (json_int_t)n->world.created_us, "format", (json_int_t)n->world.format);
    json_t *groups = json_pack("{s:I, s:I, s:I, s:I, s:I}", "checkpointed", (json_int_t)n->groups, "deleted",
                               (json_int_t)n->groups_deleted, "bytes", (json_int_t)n->checkpoint_bytes, "oldest_tick",
                               (json_int_t)n->checkpoint_first, "newest_tick", (json_int_t)n->checkpoint_last);
    return json_pack("{s:b, s:o, s:o, s:o, s:o}", "sound", n->loaded && n->problem_count == 0, "problems", problems, "world",
                     world, "servers", servers, "groups", groups);
}

static void print_server(const inspection *n, tl_server_number number)
{
    const inspect_server *s = &n->servers[number];
    char records[NUMBER_TEXT_BYTES], kbytes[NUMBER_TEXT_BYTES], lease[64];
    if (s->fenced) {
        snprintf(lease, sizeof lease, s->heir ? "ended, heir %s" : "left", n->servers[s->heir].name);
    } else {
        snprintf(lease, sizeof lease, "held");
    }
    printf("  %3u %-16s %6u %10" PRId64 "  %-24s %10s records %10s kB\n", number, s->name, s->epoch, s->tick_committed, lease,
           number_text(s->records, records), number_text(s->record_bytes / 1000, kbytes));
}

static void print_inspection(const inspection *n, const char *store)
{
    char groups[NUMBER_TEXT_BYTES], kbytes[NUMBER_TEXT_BYTES];
    double tick_now = (double)(clock_world_us() - n->world.created_us) * 1e-6 * n->world.tick_hz;
    printf("world      %s, seed %" PRIu64 ", %u ticks a second, now in tick %.0f\n", n->world.scenario, n->world.seed,
           n->world.tick_hz, tick_now);
    printf("groups     %s checkpointed, %s kB, as of ticks %" PRId64 " to %" PRId64 "; %" PRIu64 " deleted\n",
           number_text(n->groups, groups), number_text(n->checkpoint_bytes / 1000, kbytes), n->checkpoint_first,
           n->checkpoint_last, n->groups_deleted);
    printf("servers    name              epoch  last tick  lease                            log\n");
    for (tl_server_number i = 1; i <= TL_SERVERS_MAX; i++) {
        if (n->servers[i].known) {
            print_server(n, i);
        }
    }
    if (n->loaded && n->problem_count == 0) {
        printf("sound      every record and checkpoint of '%s' was read and its sum is right\n", store);
    }
}

// False: there is no world to speak of, and stderr says why.
static bool inspect_once(inspection *n, const inspect_options *o)
{
    char text[512];
    tl_store *store = NULL;
    memset(n, 0, sizeof *n);
    n->checkpoint_first = n->checkpoint_last = -1;
    if (tl_store_open(o->store, false, true, &store, text, sizeof text) != TL_OK) {
        fprintf(stderr, "tramline: %s\n", text);
        return false;
    }
    tl_result result = store->ops->world(store, &n->world);
    result = result == TL_OK ? store->ops->join(store, NULL) : result;
    if (result == TL_OK) {
        load(n, store);
    } else {
        fprintf(stderr, "tramline: '%s' cannot be read: %s\n", o->store, tl_result_text(result));
    }
    store->ops->close(store, false);
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

int command_inspect(int argc, char **argv)
{
    static inspection n; // large
    inspect_options o = {0};
    argp_parse(&inspect_argp, argc, argv, 0, NULL, &o);
    stop_watch();
    if (!inspect(&n, &o)) {
        return EXIT_FAILED;
    }
    if (o.json) {
        json_t *shown = inspection_json(&n);
        json_dumpf(shown, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(shown);
    } else {
        print_inspection(&n, o.store);
    }
    for (uint32_t i = 0; i < n.problem_count; i++) {
        fprintf(stderr, "tramline: not sound: %s\n", n.problems[i]);
    }
    return n.loaded && n.problem_count == 0 ? EXIT_SOUND : EXIT_FAILED;
}
