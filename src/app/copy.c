// tramline copy: a world from one store into another, whole and checked.
#include "app/command.h"
#include "app/number.h"
#include "app/progress.h"
#include "app/tally.h"
#include "base/os/clock.h"
#include "base/os/process.h"
#include "base/os/wait.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    SILENT_S_MAX = 60,  // without an event, while it loads
    CATCH_UP_S_MAX = 2, // without an event of a server that is behind: it does not run
    WAIT_US = 20000,
    NAMES_WIDTH = 11,
};

typedef struct copy_options {
    const char *from, *to;
    bool json, quiet;
} copy_options;

typedef struct copying {
    const copy_options *o;
    tl_store *from, *to;
    tl_world_info world;
    tally original, copied; // of FROM; of TO, afterwards
    bool begun;             // something is in TO
    uint64_t seconds_us;    // that it took
    progress shown;
    char stalled[256]; // what the store that is read says is wrong; "": nothing
    char text[640];    // why it did not work out; "": it did
} copying;

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Print the table as JSON", 1},
    {"quiet", 'q', NULL, 0, "Do not show progress", 1},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    copy_options *o = state->input;
    switch (key) {
    case 'j': o->json = true; return 0;
    case 'q': o->quiet = true; return 0;
    case ARGP_KEY_ARG:
        if (o->to) {
            argp_error(state, "unexpected argument '%s'; pass two stores", argument);
        }
        *(o->from ? &o->to : &o->from) = argument;
        return 0;
    case ARGP_KEY_END:
        if (!o->to) {
            argp_error(state, "pass two stores: the one to copy, and the new one");
        } else if (strcmp(o->from, o->to) == 0) {
            argp_error(state, "'%s' cannot be copied to itself; name another store", o->to);
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp copy_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "FROM TO",
    .doc = "Copy a world to another store, of the same kind or of another, and check the copy.\vTO must not hold a "
           "world; a directory is created if it does not exist. Nothing is written to FROM, and servers may run on it "
           "meanwhile: the copy is the world at one moment, and the servers go on without it. The exit status is 0 "
           "only if the copy was read again and is identical.",
};

static bool fail(copying *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(copying *c, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(c->text, sizeof c->text, format, list);
    va_end(list);
    return false;
}

// ---- reading -------------------------------------------------------------------------------------------------------

static void show_progress(copying *c, const tally *t)
{
    if (c->o->quiet || !progress_is_due(&c->shown)) {
        return;
    }
    char records[NUMBER_TEXT_BYTES], checkpoints[NUMBER_TEXT_BYTES], kbytes[NUMBER_TEXT_BYTES], text[160];
    snprintf(text, sizeof text, "%s checkpoints, %s records, %s kB", number_text(t->checkpoint_count, checkpoints),
             number_text(t->records, records), number_text((t->bytes + t->checkpoint_bytes) / 1000, kbytes));
    progress_report(&c->shown, text);
}

typedef enum answer { ANSWER_EVENT, ANSWER_NONE, ANSWER_FAILED } answer;

// The next event about the world. `since_us`: when there was one last.
static answer next_event(copying *c, tl_store *store, const char *name, uint64_t since_us, tl_store_event *event)
{
    if (tl_os_stop_requested()) {
        fail(c, "stopped");
        return ANSWER_FAILED;
    }
    if (tl_store_poll(store, event) != TL_OK) {
        if (tl_os_monotonic_us() - since_us > SILENT_S_MAX * 1000000ull) {
            fail(c, "'%s' does not answer%s%s; look for a full or a very slow disk", name, c->stalled[0] ? ": " : "",
                 c->stalled);
            return ANSWER_FAILED;
        }
        tl_os_wait_readable(&(int){tl_store_wait_fd(store)}, 1, WAIT_US);
        return ANSWER_NONE;
    }
    switch (event->type) {
    case TL_STORE_FAILED: fail(c, "'%s' cannot be read: %s", name, event->text); return ANSWER_FAILED;
    case TL_STORE_STALLED:
    case TL_STORE_RECOVERED: snprintf(c->stalled, sizeof c->stalled, "%s", event->text); return ANSWER_NONE;
    case TL_STORE_NOTICE: return ANSWER_NONE;
    default: return ANSWER_EVENT;
    }
}

static bool is_behind(const tally *t, tl_server_number server)
{
    const tally_log *log = &t->logs[server];
    return log->known && !log->ended && log->tick < t->checkpoint_tick;
}

// Checkpoints are read at another moment than the logs: of servers that run they may show later ticks. Only once all
// logs have come as far the copy is of one moment.
static bool any_is_behind(const tally *t)
{
    for (tl_server_number server = 1; server <= TL_SERVERS_MAX; server++) {
        if (is_behind(t, server)) {
            return true;
        }
    }
    return false;
}

static bool write_event(copying *c, const tl_store_event *event)
{
    char text[256] = "";
    if (tl_store_restore(c->to, &c->world, event, text, sizeof text) != TL_OK) {
        return fail(c, "'%s' cannot be written: %s", c->o->to, text);
    }
    c->begun = true;
    return true;
}

// What FROM reports into TO, and into the tally.
static bool transfer(copying *c)
{
    bool loaded = false;
    uint64_t since_us = tl_os_monotonic_us(); // of the last event that was waited for
    progress_init(&c->shown, "copying");
    while (!loaded || (any_is_behind(&c->original) && tl_os_monotonic_us() - since_us < CATCH_UP_S_MAX * 1000000ull)) {
        tl_store_event event;
        answer a = next_event(c, c->from, c->o->from, since_us, &event);
        if (a == ANSWER_FAILED) {
            return false;
        }
        if (a == ANSWER_NONE) {
            continue;
        }
        if (!loaded || is_behind(&c->original, event.server)) {
            since_us = tl_os_monotonic_us();
        }
        if (event.type == TL_STORE_LOADED) {
            loaded = true;
            continue;
        }
        if (!tally_take(&c->original, &event)) {
            return fail(c, "out of memory");
        }
        if (!write_event(c, &event)) {
            return false;
        }
        show_progress(c, &c->original);
    }
    return write_event(c, &(tl_store_event){.type = TL_STORE_LOADED});
}

static bool read_copy(copying *c, tl_store *copy)
{
    uint64_t since_us = tl_os_monotonic_us();
    tl_store_event event = {.type = TL_STORE_JOINED};
    progress_init(&c->shown, "checking");
    while (event.type != TL_STORE_LOADED) {
        answer a = next_event(c, copy, c->o->to, since_us, &event);
        if (a == ANSWER_FAILED) {
            return false;
        }
        if (a == ANSWER_EVENT) {
            since_us = tl_os_monotonic_us();
            if (!tally_take(&c->copied, &event)) {
                return fail(c, "out of memory");
            }
            show_progress(c, &c->copied);
        } else {
            event.type = TL_STORE_JOINED; // whatever it was, it is not the end
        }
    }
    return true;
}

// ---- one copy ------------------------------------------------------------------------------------------------------

static bool open_both(copying *c)
{
    char text[512];
    const copy_options *o = c->o;
    if (tl_store_open(o->from, false, true, &c->from, text, sizeof text) != TL_OK) {
        return fail(c, "%s", text);
    }
    tl_result result = tl_store_get_world(c->from, &c->world);
    if (result != TL_OK) {
        return fail(c, "'%s' holds no world that can be copied: %s", o->from, tl_result_text(result));
    }
    c->world.format = TL_STORE_FORMAT; // of the copy: a former one is converted
    if (tl_store_open(o->to, true, false, &c->to, text, sizeof text) != TL_OK) {
        return fail(c, "%s", text);
    }
    tl_world_info there;
    result = tl_store_get_world(c->to, &there);
    if (result != TL_ERR_NOT_FOUND) {
        return result == TL_OK
                   ? fail(c, "'%s' holds a world already, and nothing is overwritten; name another store", o->to)
                   : fail(c, "'%s' cannot be written: %s", o->to, tl_result_text(result));
    }
    if (!tl_store_can_restore(c->to)) {
        return fail(c, "this kind of store cannot be the target of a copy: '%s'", o->to);
    }
    result = tl_store_join(c->from, NULL);
    return result == TL_OK || fail(c, "'%s' cannot be read: %s", o->from, tl_result_text(result));
}

static void close_both(copying *c)
{
    if (c->from) {
        tl_store_close(c->from, false);
    }
    if (c->to) {
        tl_store_close(c->to, false);
    }
}

static bool is_same_world(const tl_world_info *a, const tl_world_info *b)
{
    return a->format == b->format && a->tick_hz == b->tick_hz && a->created_us == b->created_us &&
           a->kinds_hash == b->kinds_hash && a->seed == b->seed && strcmp(a->scenario, b->scenario) == 0;
}

static bool compare(copying *c, tl_store *copy)
{
    char text[320] = "";
    tl_world_info world;
    tl_result result = tl_store_get_world(copy, &world);
    result = result == TL_OK ? tl_store_join(copy, NULL) : result;
    if (result != TL_OK) {
        return fail(c, "'%s' cannot be read: %s", c->o->to, tl_result_text(result));
    }
    if (!read_copy(c, copy)) {
        return false;
    }
    if (!is_same_world(&c->world, &world)) {
        return fail(c, "the copy differs: the description of the world");
    }
    return !tally_difference(&c->original, &c->copied, text, sizeof text) || fail(c, "the copy differs: %s", text);
}

// Reads the copy as a server would, and compares all of it.
static bool check(copying *c)
{
    char text[512];
    tl_store *copy = NULL;
    if (tl_store_open(c->o->to, false, true, &copy, text, sizeof text) != TL_OK) {
        return fail(c, "the copy cannot be opened: %s", text);
    }
    bool same = compare(c, copy);
    tl_store_close(copy, false);
    return same;
}

// ---- telling -------------------------------------------------------------------------------------------------------

static json_t *copy_json(const copying *c)
{
    const tally *t = &c->original;
    json_t *servers = json_array();
    for (int i = 1; i <= TL_SERVERS_MAX; i++) {
        const tally_log *s = &t->logs[i];
        if (s->known) {
            json_array_append_new(servers,
                                  json_pack("{s:i, s:s, s:I, s:b, s:I, s:I, s:I, s:I, s:I}", "number", i, "name",
                                            s->name, "epochs", (json_int_t)s->epoch, "ended", s->ended, "tick",
                                            (json_int_t)s->tick, "log_records", (json_int_t)s->records, "log_bytes",
                                            (json_int_t)s->bytes, "log_first_tick", (json_int_t)s->first_tick,
                                            "log_last_tick", (json_int_t)s->last_tick));
        }
    }
    json_t *checkpoints = json_pack("{s:I, s:I, s:I, s:I}", "count",
                                    (json_int_t)(t->checkpoint_count - t->checkpoints_empty), "deleted",
                                    (json_int_t)t->checkpoints_empty, "bytes", (json_int_t)t->checkpoint_bytes,
                                    "newest_tick", (json_int_t)t->checkpoint_tick);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:f, s:b}", "from", c->o->from, "to", c->o->to, "scenario",
                     c->world.scenario, "servers", servers, "checkpoints", checkpoints, "records",
                     (json_int_t)t->records, "bytes", (json_int_t)(t->bytes + t->checkpoint_bytes), "seconds",
                     (double)c->seconds_us * 1e-6, "same", true);
}

static void print_server(int number, const tally_log *s)
{
    char records[NUMBER_TEXT_BYTES], kbytes[NUMBER_TEXT_BYTES], ticks[64] = "none";
    if (s->records) {
        snprintf(ticks, sizeof ticks, "%" PRId64 " to %" PRId64, s->first_tick, s->last_tick);
    }
    printf("  %3d  %-16s %6u  %12s  %-24s %10s  %s\n", number, s->name, s->epoch, number_text(s->records, records),
           ticks, number_text(s->bytes / 1000, kbytes), s->ended ? "ended" : "held");
}

static void print_copy(const copying *c)
{
    const tally *t = &c->original;
    char count[NUMBER_TEXT_BYTES], kbytes[NUMBER_TEXT_BYTES], empty[NUMBER_TEXT_BYTES], records[NUMBER_TEXT_BYTES];
    bool held = false;
    printf("%-*s %s, seed %" PRIu64 ", %u ticks per second\n", NAMES_WIDTH, "world", c->world.scenario, c->world.seed,
           c->world.tick_hz);
    printf("%-*s             epochs       records  %-24s %10s  lease\n", NAMES_WIDTH, "servers", "ticks", "kB");
    for (int i = 1; i <= TL_SERVERS_MAX; i++) {
        if (t->logs[i].known) {
            print_server(i, &t->logs[i]);
            held |= !t->logs[i].ended;
        }
    }
    printf("%-*s %s, %s kB; %s of deleted groups\n", NAMES_WIDTH, "checkpoints",
           number_text(t->checkpoint_count - t->checkpoints_empty, count),
           number_text(t->checkpoint_bytes / 1000, kbytes), number_text(t->checkpoints_empty, empty));
    if (held) {
        printf("%-*s in the copy, servers whose lease is held count as killed after their last tick above\n",
               NAMES_WIDTH, "held");
    }
    printf("%-*s '%s' to '%s', %s kB in %.1f s\n", NAMES_WIDTH, "copied", c->o->from, c->o->to,
           number_text((t->bytes + t->checkpoint_bytes) / 1000, kbytes), (double)c->seconds_us * 1e-6);
    printf("%-*s the copy was read again: %s records and %s checkpoints, identical\n", NAMES_WIDTH, "checked",
           number_text(c->copied.records, records), number_text(c->copied.checkpoint_count, count));
}

static void report(const copying *c)
{
    if (!c->o->json) {
        print_copy(c);
        return;
    }
    json_t *shown = copy_json(c);
    json_dumpf(shown, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(shown);
}

int command_copy(int argc, char **argv)
{
    static copying c; // large
    copy_options o = {0};
    argp_parse(&copy_argp, argc, argv, 0, NULL, &o);
    tl_os_stop_watch();
    c.o = &o;
    tally_init(&c.original);
    tally_init(&c.copied);
    uint64_t begun_us = tl_os_monotonic_us();
    bool copied = open_both(&c) && transfer(&c);
    close_both(&c);
    copied = copied && check(&c);
    c.seconds_us = tl_os_monotonic_us() - begun_us;
    tally_free(&c.original);
    tally_free(&c.copied);
    if (!copied) {
        fprintf(stderr, "%stramline: %s\n", c.shown.terminal && !o.quiet ? "\r\033[K" : "", c.text);
        if (c.begun) {
            fprintf(stderr, "tramline: '%s' is incomplete; remove it before you copy again\n", o.to);
        }
        return EXIT_FAILED;
    }
    if (c.shown.terminal && !o.quiet) {
        fprintf(stderr, "\r\033[K");
    }
    report(&c);
    return EXIT_SOUND;
}
