#include "app/node.h"

#include "base/base.h"

#include "app/command.h"
#include "app/meter.h"
#include "app/outlet.h"
#include "app/play.h"
#include "base/os/clock.h"
#include "base/os/file.h"
#include "base/os/process.h"
#include "base/os/random.h"
#include "base/os/wait.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    PATH_BYTES = 1024,
    WAIT_US_MAX = 1000, // between two steps
    LEAVE_MS_MAX = 10000,
    REJOIN_AFTER_MS = 500,
    RIVAL_MS = 10000,         // a server that loses its lease to its own name twice within this has a live rival
    ENTITIES_TO_SPARE = 8192, // for what clients create, and more
    CREATED_MAX = 4096,       // of those, for clients
    GROUPS_TO_SPARE = 2048,   // one for each client that owns something, and more
    LOG_BYTES = 64 * 1024,    // queued for the reader of standard output
    LOG_CLOSE_MS_MAX = 500,
    LINE_BYTES = 1024,
    CLIENT_LINES_PER_S = 10, // of joins and leaves
    CLIENT_LINES_BURST = 50,
};

typedef struct node {
    const node_def *def;
    outlet *out, *faults; // standard output and error: a tick waits for neither
    double client_lines_left;
    uint64_t client_lines_us, client_lines_omitted;
    game_choice game;
    char game_name[64];
    scenario *scenario;
    play *play;
    tl_store *store;
    tl_transport *transport;
    tl_token_verifier *verifier;
    tl_server *server;
    meter meter;
    bool reported_running;
    bool was_running;  // ever
    uint64_t rival_us; // when another process of the same name has last taken the lease, 0: never
    char text[512];    // what is wrong
} node;

static void say(const node *n, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const node *n, const char *format, ...)
{
    if (n->def->quiet) {
        return;
    }
    char line[LINE_BYTES];
    size_t bytes = (size_t)snprintf(line, sizeof line, "%s: ", n->def->name);
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + bytes, sizeof line - bytes, format, arguments);
    va_end(arguments);
    bytes += more > 0 ? (size_t)more : 0;
    outlet_line(n->out, line, bytes < sizeof line ? bytes : sizeof line - 1);
}

// A line that clients cause is said if there were not too many of late.
static bool may_say_of_client(node *n)
{
    uint64_t now_us = tl_os_monotonic_us();
    double seconds = n->client_lines_us ? (double)(now_us - n->client_lines_us) / 1e6 : CLIENT_LINES_BURST;
    n->client_lines_left += seconds * CLIENT_LINES_PER_S;
    n->client_lines_left = n->client_lines_left < CLIENT_LINES_BURST ? n->client_lines_left : CLIENT_LINES_BURST;
    n->client_lines_us = now_us;
    if (n->client_lines_left < 1) {
        n->client_lines_omitted++;
        return false;
    }
    n->client_lines_left -= 1;
    if (n->client_lines_omitted) {
        say(n, "%llu lines about clients that came and went were omitted", (unsigned long long)n->client_lines_omitted);
        n->client_lines_omitted = 0;
    }
    return true;
}

// ---- callbacks -----------------------------------------------------------------------------------------------------

static tl_result on_authorize(void *user, const void *token, size_t token_bytes, tl_grant *out)
{
    node *n = user;
    tl_result result = tl_token_verify(n->verifier, token, token_bytes, (int64_t)(tl_os_wall_us() / 1000000), out);
    bool other_world = result == TL_OK && out->world[0] && strcmp(out->world, n->game_name) != 0;
    return other_world ? TL_ERR_DENIED : result;
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    node *n = user;
    meter_tick(&n->meter);
    play_tick(n->play, server, time_s);
}

static void on_group(void *user, tl_server *server, tl_group_id group, bool owned)
{
    node *n = user;
    play_group(n->play, group, owned);
}

static void on_client(void *user, tl_server *server, tl_client_number client, const char *name, bool joined)
{
    node *n = user;
    if (may_say_of_client(n)) {
        say(n, "%s %s", name, joined ? "has joined" : "has left");
    }
}

static void on_link(void *user, tl_server_number from, int64_t tick, uint64_t begun_us)
{
    node *n = user;
    uint64_t now_us = tl_os_wall_us();
    if (begun_us) {
        meter_link(&n->meter, now_us > begun_us ? now_us - begun_us : 0);
    }
}

static void on_committed(void *user, int64_t tick, uint64_t us)
{
    node *n = user;
    meter_commit(&n->meter, us);
}

static void on_log(void *user, const char *text)
{
    say(user, "%s", text);
}

// ---- opening -------------------------------------------------------------------------------------------------------

// The directory of an SQLite store; NULL: it is a database.
static const char *store_directory(const char *uri)
{
    static const char scheme[] = "sqlite:";
    if (strncmp(uri, scheme, strlen(scheme)) != 0) {
        return strncmp(uri, "fdb:", 4) == 0 || strncmp(uri, "mvsqlite:", 9) == 0 ? NULL : uri;
    }
    uri += strlen(scheme);
    return strncmp(uri, "//", 2) == 0 ? uri + 2 : uri;
}

// Where it keeps what is its own.
static const char *own_directory(const node_def *def)
{
    const char *directory = store_directory(def->store);
    return def->own_directory ? def->own_directory : directory ? directory : ".";
}

static bool open_store(node *n)
{
    const char *directory = store_directory(n->def->store);
    if (n->def->wal_mb && !directory) {
        snprintf(n->text, sizeof n->text, "--wal-mb is for SQLite stores only, and '%s' is none; omit it",
                 n->def->store);
        return false;
    }
    if (n->def->wal_mb) {
        tl_sqlite_def def = tl_sqlite_def_default();
        def.directory = directory, def.wal_bytes_max = (uint64_t)n->def->wal_mb << 20;
        return tl_sqlite_store_open(&def, &n->store, n->text, sizeof n->text) == TL_OK;
    }
    return tl_store_open(n->def->store, false, false, &n->store, n->text, sizeof n->text) == TL_OK;
}

static bool open_game(node *n)
{
    tl_world_info world;
    tl_result result = tl_store_get_world(n->store, &world);
    if (result != TL_OK) {
        snprintf(n->text, sizeof n->text,
                 "'%s' holds no usable world (%s); populate it with 'tramline city --store %s'", n->def->store,
                 tl_result_text(result), n->def->store);
        return false;
    }
    n->game = n->def->game;
    if (!game_from_world(&n->game, &world, n->game_name, n->text, sizeof n->text)) {
        return false;
    }
    n->scenario = game_create(&n->game);
    n->play = n->scenario ? play_create(n->scenario) : NULL;
    if (n->scenario && !n->play) {
        snprintf(n->text, sizeof n->text, "out of memory; use fewer entities");
    }
    return n->play != NULL;
}

static bool open_tokens(node *n)
{
    const char *file = n->def->token_key_file;
    if (!file) {
        say(n, "admits every client; to require tokens, pass --token-key");
        return true;
    }
    tl_result result = tl_token_verifier_create(file, &n->verifier);
    if (result != TL_OK) {
        snprintf(n->text, sizeof n->text,
                 "cannot read '%s' as a public key (%s); create a pair with 'tramline token keys'", file,
                 tl_result_text(result));
    }
    return result == TL_OK;
}

static bool open_transport(node *n)
{
    char certificate[PATH_BYTES], key[PATH_BYTES];
    const char *directory = own_directory(n->def);
    snprintf(certificate, sizeof certificate, "%s/%s.certificate.pem", directory, n->def->name);
    snprintf(key, sizeof key, "%s/%s.key.pem", directory, n->def->name);
    tl_dtls_server_def def = tl_dtls_server_def_default();
    def.address = n->def->listen;
    def.self_signed = !n->def->certificate_file;
    def.certificate_file = def.self_signed ? certificate : n->def->certificate_file;
    def.key_file = def.self_signed ? key : n->def->key_file;
    admission_apply_transport(&n->def->admission, n->def->clients_max, &def);
    return tl_dtls_server_open(&def, &n->transport, n->text, sizeof n->text) == TL_OK;
}

static bool open_server(node *n)
{
    tl_server_def def = tl_server_def_default();
    def.name = n->def->name;
    def.kind_count = scenario_kinds(&def.kinds);
    def.store = n->store;
    def.transport = n->transport;
    const node_def *given = n->def;
    def.entities_max = given->entities_max ? given->entities_max
                                           : scenario_entity_count(n->scenario) + ENTITIES_TO_SPARE;
    def.groups_max = given->groups_max ? given->groups_max : scenario_group_count(n->scenario) + GROUPS_TO_SPARE;
    def.created_max = given->created_max               ? given->created_max
                      : def.entities_max < CREATED_MAX ? def.entities_max
                                                       : CREATED_MAX;
    def.clients_max = n->def->clients_max;
    def.kbit_s = n->def->kbit_s;
    def.grace_ms = n->def->grace_ms;
    if (!tl_os_random(def.secret_seed, sizeof def.secret_seed)) {
        snprintf(n->text, sizeof n->text, "the system provides no random bytes (%s)", strerror(errno));
        return false;
    }
    admission_apply(&n->def->admission, &def);
    def.callbacks = (tl_server_callbacks){
        .user = n,
        .authorize = n->verifier ? on_authorize : NULL,
        .tick = on_tick,
        .group = on_group,
        .client = on_client,
        .link = on_link,
        .committed = on_committed,
        .log = on_log,
    };
    return tl_server_create(&def, &n->server, n->text, sizeof n->text) == TL_OK;
}

static bool open_meter(node *n)
{
    bool opened = meter_open(&n->meter, n->def->stats_file);
    if (!opened) {
        snprintf(n->text, sizeof n->text, "'%s' cannot be written: %s", n->def->stats_file, strerror(errno));
    }
    return opened;
}

static void ready_part(const node *n, char part[PATH_BYTES])
{
    snprintf(part, PATH_BYTES, "%s.part", n->def->ready_file);
}

static bool ready_fail(node *n)
{
    snprintf(n->text, sizeof n->text, "'%s' cannot be written: %s", n->def->ready_file, strerror(errno));
    return false;
}

// Whether the ready file can be written is known before groups are taken.
static bool open_ready(node *n)
{
    if (!n->def->ready_file) {
        return true;
    }
    char part[PATH_BYTES];
    ready_part(n, part);
    FILE *file = fopen(part, "w");
    if (!file) {
        return ready_fail(n);
    }
    fclose(file);
    remove(part);
    return true;
}

static void node_close(node *n, bool left)
{
    if (n->server) {
        tl_server_destroy(n->server);
    }
    if (n->transport) {
        tl_transport_close(n->transport);
    }
    if (n->store) {
        tl_store_close(n->store, left);
    }
    if (n->verifier) {
        tl_token_verifier_destroy(n->verifier);
    }
    play_destroy(n->play);
    scenario_destroy(n->scenario);
    meter_close(&n->meter);
}

// ---- running -------------------------------------------------------------------------------------------------------

// Whole at once, by a rename: a reader finds all of it or nothing.
static bool write_ready(node *n, uint16_t port, const char *fingerprint)
{
    char part[PATH_BYTES];
    ready_part(n, part);
    json_t *ready = json_pack("{s:s, s:i, s:s}", "name", n->def->name, "port", port, "fingerprint", fingerprint);
    bool written = json_dump_file(ready, part, JSON_COMPACT) == 0 && tl_os_file_replace(part, n->def->ready_file);
    written = written || ready_fail(n);
    json_decref(ready);
    return written;
}

static bool report_running(node *n)
{
    char fingerprint[65];
    uint16_t port = tl_dtls_server_get_port(n->transport);
    tl_dtls_server_get_fingerprint(n->transport, fingerprint);
    say(n, "running as server %u on port %u; fingerprint of the certificate: %s", tl_server_get_number(n->server), port,
        fingerprint);
    n->reported_running = n->was_running = true;
    return !n->def->ready_file || write_ready(n, port, fingerprint);
}

static void wait_for_work(const node *n)
{
    TL_ASSERT(n->server && n->store && n->transport);
    int handles[] = {tl_store_wait_fd(n->store), tl_transport_wait_fd(n->transport)};
    uint64_t now_us = tl_os_monotonic_us(), tick_us = tl_server_get_next_tick_us(n->server);
    uint64_t wait_us = tick_us > now_us ? tick_us - now_us : 0;
    tl_os_wait_readable(handles, 2, wait_us < WAIT_US_MAX ? wait_us : WAIT_US_MAX);
}

static void step(node *n)
{
    meter_step_begin(&n->meter);
    tl_server_step(n->server, tl_os_now());
    meter_step_end(&n->meter);
    meter_line(&n->meter, n->server, n->transport, n->def->name, false);
}

// Whether the lease went to this server's own name: another process has joined under it. The server names the heir
// in its text only.
static bool lost_to_own_name(const node *n)
{
    char ending[64];
    snprintf(ending, sizeof ending, "its groups are server %u's", tl_server_get_number(n->server));
    const char *text = tl_server_get_text(n->server);
    size_t bytes = strlen(text), ending_bytes = strlen(ending);
    return bytes >= ending_bytes && strcmp(text + bytes - ending_bytes, ending) == 0;
}

// Two that live would take the lease from each other for ever.
static bool has_rival(node *n)
{
    if (!lost_to_own_name(n)) {
        return false;
    }
    uint64_t now_us = tl_os_monotonic_us(), before_us = n->rival_us;
    n->rival_us = now_us;
    return before_us && now_us - before_us < RIVAL_MS * 1000ull;
}

// Another server has taken the groups, because this process stood still for too long: it joins again.
static bool rejoin(node *n)
{
    TL_ASSERT(n->server && n->store);
    if (has_rival(n)) {
        snprintf(n->text, sizeof n->text, "another process is running as %s; give one of them another name",
                 n->def->name);
        return false;
    }
    say(n, "%s; joining again", tl_server_get_text(n->server));
    tl_server_destroy(n->server);
    n->server = NULL;
    tl_store_close(n->store, false);
    n->store = NULL;
    play_reset(n->play);
    n->reported_running = false;
    tl_os_sleep_us(REJOIN_AFTER_MS * 1000);
    return open_store(n) && open_server(n);
}

// Until it is to stop. False: it cannot go on.
static bool run(node *n)
{
    uint64_t begun_us = tl_os_monotonic_us();
    while (!tl_os_stop_requested() &&
           (n->def->seconds <= 0 || (double)(tl_os_monotonic_us() - begun_us) < n->def->seconds * 1e6)) {
        wait_for_work(n);
        step(n);
        tl_server_state state = tl_server_get_state(n->server);
        if (state == TL_SERVER_RUNNING && !n->reported_running && !report_running(n)) {
            return false;
        }
        if (state == TL_SERVER_FENCED && !rejoin(n)) {
            return false;
        }
        if (state == TL_SERVER_FAILED) {
            snprintf(n->text, sizeof n->text, "%s", tl_server_get_text(n->server));
            return false;
        }
    }
    return true;
}

// Hands over what it owns. True: everything that was committed is safe with others, or in the store.
static bool leave(node *n)
{
    say(n, "leaves");
    tl_server_leave(n->server);
    uint64_t until_us = tl_os_monotonic_us() + LEAVE_MS_MAX * 1000ull;
    while (tl_server_get_state(n->server) == TL_SERVER_LEAVING && tl_os_monotonic_us() < until_us) {
        wait_for_work(n);
        step(n);
    }
    meter_line(&n->meter, n->server, n->transport, n->def->name, true);
    tl_server_state state = tl_server_get_state(n->server);
    if (!n->was_running && !tl_os_stop_requested()) {
        snprintf(n->text, sizeof n->text,
                 "it never started: the store was still being joined; is it locked by another process, or very slow?");
        return false;
    }
    if (state == TL_SERVER_LEFT || state == TL_SERVER_FENCED) {
        say(n, "left");
        return true;
    }
    snprintf(n->text, sizeof n->text,
             "could not hand over its groups within %d s (%s); the other servers will adopt them from the store",
             LEAVE_MS_MAX / 1000,
             state == TL_SERVER_FAILED ? tl_server_get_text(n->server) : "the store does not commit");
    return false;
}

int node_run(const node_def *def)
{
    static node n; // large
    n.def = def;
    n.out = outlet_open(TL_OS_STDOUT, LOG_BYTES, "%llu lines were dropped because they were not read in time\n");
    n.faults = outlet_open(TL_OS_STDERR, LOG_BYTES, NULL);
    bool opened = open_store(&n) && open_game(&n) && open_tokens(&n) && open_transport(&n) && open_meter(&n) &&
                  open_ready(&n) && open_server(&n);
    bool left = opened && run(&n) && leave(&n);
    if (n.text[0]) {
        char line[LINE_BYTES];
        int bytes = snprintf(line, sizeof line, "tramline: %s: %s", def->name, n.text);
        outlet_line(n.faults, line, bytes < (int)sizeof line ? (size_t)bytes : sizeof line - 1);
    }
    node_close(&n, left);
    outlet_close(n.out, LOG_CLOSE_MS_MAX);
    outlet_close(n.faults, LOG_CLOSE_MS_MAX);
    return left ? EXIT_SOUND : EXIT_FAILED;
}
