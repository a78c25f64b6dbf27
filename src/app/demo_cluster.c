#include "app/demo_cluster.h"

#include "base/base.h"

#include "app/json_number.h"
#include "app/number.h"
#include "base/os/clock.h"
#include "base/os/file.h"
#include "base/os/process.h"
#include "base/os/wait.h"

#include "tramline/token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    SERVER_NICENESS = -5,
    RIDER_NICENESS = 5, // servers keep their ticks where processors are few
    SERVER_STOP_MS_MAX = 15000,
    RIDER_STOP_MS_MAX = 10000,
    TOKEN_HOURS = 24,
};

static const char *const server_names[DEMO_SERVERS_MAX] = {
    "alpha", "beta",  "gamma",  "delta", "epsilon", "zeta", "eta",     "theta",
    "iota",  "kappa", "lambda", "mu",    "nu",      "xi",   "omicron", "pi",
};

const char *demo_server_name(uint32_t index)
{
    TL_ASSERT(index < DEMO_SERVERS_MAX);
    return server_names[index];
}

const char *demo_rider_name(uint32_t index)
{
    TL_ASSERT(index < DEMO_RIDERS_MAX);
    static const char *const names[] = {"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"};
    static char numbered[DEMO_RIDERS_MAX][16];
    if (index < sizeof names / sizeof *names) {
        return names[index];
    }
    snprintf(numbered[index], sizeof numbered[index], "rider%u", index + 1);
    return numbered[index];
}

static bool fail(demo_cluster *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(demo_cluster *c, const char *format, ...)
{
    char text[sizeof c->fault];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "tramline: %s\n", text);
    if (!c->fault[0]) {
        snprintf(c->fault, sizeof c->fault, "%s", text);
    }
    return false;
}

static void path_of(const demo_cluster *c, char path[DEMO_PATH_BYTES], const char *name, const char *ending)
{
    snprintf(path, DEMO_PATH_BYTES, "%s/%s%s", c->def.directory, name, ending);
}

// ---- starting ------------------------------------------------------------------------------------------------------

typedef struct arguments {
    const char *list[TL_OS_CHILD_ARGUMENTS_MAX + 1];
    int count;
    char seed[24], entities[16];
} arguments;

static void add(arguments *a, const char *option, const char *value)
{
    TL_ASSERT(a->count + 2 <= TL_OS_CHILD_ARGUMENTS_MAX && value);
    a->list[a->count++] = option;
    a->list[a->count++] = value;
}

static void add_game(arguments *a, const game_choice *game)
{
    snprintf(a->seed, sizeof a->seed, "%" PRIu64, game->seed_given ? game->seed : 1);
    add(a, "--scenario", game_name(game));
    add(a, "--seed", a->seed);
    if (game->entity_count) {
        snprintf(a->entities, sizeof a->entities, "%" PRIu32, game->entity_count);
        add(a, "--entities", a->entities);
    }
    if (game->fcd_file) {
        add(a, "--fcd", game->fcd_file);
    }
}

static bool start_server(demo_cluster *c, uint32_t index)
{
    TL_ASSERT(index == c->servers_started && index < c->def.server_count);
    const char *name = demo_server_name(index);
    char ready[DEMO_PATH_BYTES], log[DEMO_PATH_BYTES], key[DEMO_PATH_BYTES];
    path_of(c, ready, name, ".ready");
    path_of(c, log, name, ".log");
    path_of(c, key, "tokens", ".public.pem");
    arguments a = {.list = {"serve"}, .count = 1};
    add(&a, "--store", c->def.store);
    add(&a, "--name", name);
    add(&a, "--own", c->def.directory);
    add(&a, "--listen", "127.0.0.1:0");
    add(&a, "--token-key", key);
    add(&a, "--ready", ready);
    add(&a, "--stats", TL_OS_CHILD_LINES_FILE);
    add_game(&a, &c->def.game);
    if (!spawn_start(&c->servers[index].process, name, a.list, log, SERVER_NICENESS)) {
        return fail(c, "cannot start %s: %s", name, strerror(errno));
    }
    c->servers_started++;
    return true;
}

static bool make_keys(demo_cluster *c)
{
    char private_file[DEMO_PATH_BYTES], public_file[DEMO_PATH_BYTES];
    path_of(c, private_file, "tokens", ".private.pem");
    path_of(c, public_file, "tokens", ".public.pem");
    tl_result result = tl_token_keys_create(private_file, public_file);
    return result == TL_OK || fail(c, "cannot create keys in '%s': %s", c->def.directory, tl_result_text(result));
}

bool demo_cluster_start_servers(demo_cluster *c)
{
    TL_ASSERT(c->def.server_count >= 1 && c->def.server_count <= DEMO_SERVERS_MAX);
    bool sound = make_keys(c);
    for (uint32_t i = 0; i < c->def.server_count && sound; i++) {
        sound = start_server(c, i);
    }
    return sound;
}

static bool make_token(demo_cluster *c, const char *name, const char *token_file)
{
    char private_file[DEMO_PATH_BYTES], token[TL_TOKEN_BYTES_MAX + 2];
    path_of(c, private_file, "tokens", ".private.pem");
    tl_grant grant = tl_grant_default();
    snprintf(grant.name, sizeof grant.name, "%s", name);
    snprintf(grant.world, sizeof grant.world, "%s", game_name(&c->def.game));
    grant.expires_s = (int64_t)(tl_os_wall_us() / 1000000) + TOKEN_HOURS * 3600;
    tl_result result = tl_token_sign(private_file, &grant, token, sizeof token - 1);
    if (result != TL_OK) {
        return fail(c, "cannot create a token for %s: %s", name, tl_result_text(result));
    }
    strcat(token, "\n");
    return tl_os_file_write_new(token_file, true, token, strlen(token)) ||
           fail(c, "cannot create a token for %s: %s", name, strerror(errno));
}

static bool start_rider(demo_cluster *c, uint32_t index)
{
    TL_ASSERT(index == c->riders_started && index < c->def.rider_count);
    const char *name = demo_rider_name(index);
    demo_rider *rider = &c->riders[index];
    rider->server = index % c->def.server_count;
    const demo_server *server = &c->servers[rider->server];
    char token[DEMO_PATH_BYTES], log[DEMO_PATH_BYTES], report[DEMO_PATH_BYTES], address[32], number[16], count[16],
        kbit[16];
    path_of(c, token, name, ".token");
    path_of(c, log, name, ".log");
    path_of(c, report, name, ".json");
    snprintf(address, sizeof address, "127.0.0.1:%u", server->port);
    snprintf(number, sizeof number, "%u", index);
    snprintf(count, sizeof count, "%u", c->def.rider_count);
    snprintf(kbit, sizeof kbit, "%u", c->def.kbit_s);
    if (!make_token(c, name, token)) {
        return false;
    }
    arguments a = {.list = {"ride"}, .count = 1};
    add(&a, "--name", name);
    add(&a, "--server", address);
    add(&a, "--fingerprint", server->fingerprint);
    add(&a, "--token", token);
    add(&a, "--rider", number);
    add(&a, "--riders", count);
    add(&a, "--report", report);
    add(&a, "--stats", TL_OS_CHILD_LINES_FILE);
    if (c->def.kbit_s) {
        add(&a, "--kbit", kbit);
    }
    add_game(&a, &c->def.game);
    if (!spawn_start(&rider->process, name, a.list, log, RIDER_NICENESS)) {
        return fail(c, "cannot start %s: %s", name, strerror(errno));
    }
    c->riders_started++;
    return true;
}

bool demo_cluster_start_riders(demo_cluster *c)
{
    TL_ASSERT(c->def.rider_count <= DEMO_RIDERS_MAX && c->servers_started == c->def.server_count);
    c->measuring = true;
    for (uint32_t i = 0; i < c->def.rider_count; i++) {
        if (!start_rider(c, i)) {
            return false;
        }
    }
    return true;
}

// ---- following -----------------------------------------------------------------------------------------------------

static void replace(json_t **kept, json_t *now)
{
    json_decref(*kept);
    *kept = now;
}

static double percentile_of(const json_t *numbers)
{
    static histogram h; // large
    memset(&h, 0, sizeof h);
    histogram_add_numbers(&h, numbers);
    return histogram_percentile(&h, 0.99);
}

static void take_server_line(demo_cluster *c, demo_server *server, json_t *line)
{
    uint32_t owned = (uint32_t)json_number(line, "groups_owned");
    server->line_count = owned == server->groups_owned ? server->line_count + 1 : 0;
    server->groups_owned = owned;
    c->group_count = (uint32_t)json_number(line, "groups");
    server->cpu_s = json_number(line, "cpu_s");
    server->link_ms_now = percentile_of(json_object_get(line, "link_ms"));
    server->tick_ms_now = percentile_of(json_object_get(line, "tick_ms"));
    if (!c->measuring || !server->cpu_begun) {
        server->cpu_begin_s = server->cpu_s;
        server->cpu_begun = c->measuring; // that line still reports the time before
    } else {
        histogram_add_numbers(&server->tick_ms, json_object_get(line, "tick_ms"));
        histogram_add_numbers(&server->tick_wall_ms, json_object_get(line, "tick_wall_ms"));
        histogram_add_numbers(&server->commit_ms, json_object_get(line, "commit_ms"));
        histogram_add_numbers(&server->link_ms, json_object_get(line, "link_ms"));
    }
    replace(&server->line, line);
}

static void take_rider_line(demo_rider *rider, json_t *line)
{
    double error_mrad = json_number(line, "error_mrad");
    rider->joined = json_is_true(json_object_get(line, "joined"));
    rider->worst_mrad = rider->joined && error_mrad > rider->worst_mrad ? error_mrad : rider->worst_mrad;
    replace(&rider->line, line);
}

static void take_lines(demo_cluster *c)
{
    const char *text;
    for (uint32_t i = 0; i < c->servers_started; i++) {
        while ((text = spawn_read_line(&c->servers[i].process))) {
            json_t *line = json_loads(text, 0, NULL);
            if (line) {
                take_server_line(c, &c->servers[i], line);
            }
        }
    }
    for (uint32_t i = 0; i < c->riders_started; i++) {
        while ((text = spawn_read_line(&c->riders[i].process))) {
            json_t *line = json_loads(text, 0, NULL);
            if (line) {
                take_rider_line(&c->riders[i], line);
            }
        }
    }
}

// {"name", "port", "fingerprint"}, whole at once when the server runs.
static void look_for_ready(demo_cluster *c, uint32_t index)
{
    demo_server *server = &c->servers[index];
    char file[DEMO_PATH_BYTES];
    path_of(c, file, demo_server_name(index), ".ready");
    json_t *ready = json_load_file(file, 0, NULL);
    const char *fingerprint = json_string_value(json_object_get(ready, "fingerprint"));
    if (fingerprint) {
        server->port = (uint16_t)json_number(ready, "port");
        snprintf(server->fingerprint, sizeof server->fingerprint, "%s", fingerprint);
        server->ready = true;
    }
    json_decref(ready);
}

static bool check_runs(demo_cluster *c, spawn *process)
{
    if (!tl_os_child_has_ended(&process->child)) {
        return true;
    }
    char how[96];
    tl_os_child_describe_end(&process->child, how, sizeof how);
    fail(c, "%s ended too early: %s", process->name, how);
    spawn_print_log_end(process);
    return false;
}

static void wait_for_lines(const demo_cluster *c, int timeout_ms)
{
    int handles[DEMO_SERVERS_MAX + DEMO_RIDERS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < c->servers_started; i++) {
        handles[count++] = c->servers[i].process.child.lines;
    }
    for (uint32_t i = 0; i < c->riders_started; i++) {
        handles[count++] = c->riders[i].process.child.lines;
    }
    TL_ASSERT(count <= sizeof handles / sizeof *handles);
    tl_os_wait_readable(handles, count, (uint64_t)timeout_ms * 1000);
}

static bool follow_servers(demo_cluster *c)
{
    bool all_run = true;
    for (uint32_t i = 0; i < c->servers_started; i++) {
        if (!c->servers[i].ready) {
            look_for_ready(c, i);
        }
        all_run = check_runs(c, &c->servers[i].process) && all_run;
    }
    return all_run;
}

bool demo_cluster_follow(demo_cluster *c, int timeout_ms)
{
    wait_for_lines(c, timeout_ms);
    take_lines(c);
    bool all_run = follow_servers(c);
    for (uint32_t i = 0; i < c->riders_started; i++) {
        all_run = check_runs(c, &c->riders[i].process) && all_run;
    }
    return all_run;
}

bool demo_cluster_is_settled(const demo_cluster *c)
{
    enum { LINES_ALIKE = 2 };
    uint32_t owned = 0;
    for (uint32_t i = 0; i < c->def.server_count; i++) {
        const demo_server *server = &c->servers[i];
        bool has_share = server->groups_owned > 0 || c->group_count < c->def.server_count;
        if (!server->ready || !has_share || server->line_count < LINES_ALIKE) {
            return false;
        }
        owned += server->groups_owned;
    }
    return owned > 0 && owned == c->group_count;
}

bool demo_cluster_all_joined(const demo_cluster *c)
{
    for (uint32_t i = 0; i < c->def.rider_count; i++) {
        if (!c->riders[i].joined) {
            return false;
        }
    }
    return true;
}

// ---- the end -------------------------------------------------------------------------------------------------------

static void stop_rider(demo_cluster *c, uint32_t index)
{
    demo_rider *rider = &c->riders[index];
    char file[DEMO_PATH_BYTES];
    if (!spawn_wait(&rider->process, RIDER_STOP_MS_MAX)) {
        fail(c, "%s did not end within %d s", rider->process.name, RIDER_STOP_MS_MAX / 1000);
    }
    path_of(c, file, rider->process.name, ".json");
    rider->report = json_load_file(file, 0, NULL);
    if (!rider->report) {
        fail(c, "%s wrote no report", rider->process.name);
    }
}

static void stop_server(demo_cluster *c, uint32_t index)
{
    spawn *process = &c->servers[index].process;
    if (c->servers[index].ended_early) {
        return; // too early, which has been reported
    }
    bool by_itself = spawn_wait(process, SERVER_STOP_MS_MAX);
    if (by_itself && tl_os_child_exit_status(&process->child) == 0) {
        return;
    }
    char how[96];
    tl_os_child_describe_end(&process->child, how, sizeof how);
    fail(c, "%s did not shut down cleanly: %s", process->name, by_itself ? how : "it had to be killed");
    spawn_print_log_end(process);
}

void demo_cluster_stop(demo_cluster *c)
{
    demo_cluster_follow(c, 0);
    for (uint32_t i = 0; i < c->riders_started; i++) {
        tl_os_child_stop(&c->riders[i].process.child);
    }
    for (uint32_t i = 0; i < c->riders_started; i++) {
        stop_rider(c, i);
    }
    take_lines(c);
    follow_servers(c);
    c->measuring = false;
    for (uint32_t i = 0; i < c->servers_started; i++) {
        c->servers[i].ended_early = c->servers[i].process.child.ended;
        tl_os_child_stop(&c->servers[i].process.child);
    }
    for (uint32_t i = 0; i < c->servers_started; i++) {
        stop_server(c, i);
    }
}

void demo_cluster_reset(demo_cluster *c)
{
    for (uint32_t i = 0; i < c->servers_started; i++) {
        json_decref(c->servers[i].line);
        tl_os_child_close(&c->servers[i].process.child);
    }
    for (uint32_t i = 0; i < c->riders_started; i++) {
        json_decref(c->riders[i].line);
        json_decref(c->riders[i].report);
        tl_os_child_close(&c->riders[i].process.child);
    }
    c->servers_started = c->riders_started = 0;
}
