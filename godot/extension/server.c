#include "server.h"

#include "base/os/clock.h"
#include "base/os/random.h"
#include "entity.h"
#include "variant.h"

#include "tramline/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 1024, DRAIN_MS_MAX = 1000, GRACE_S_MAX = 86400 };

// ---- opening -------------------------------------------------------------------------------------------------------

static tl_result say(server_node *s, tl_result result, const char *what)
{
    snprintf(s->text, sizeof s->text, "%s", what);
    return result;
}

// user:// and res:// become the paths that they stand for.
static void read_path(const gd_string *path, char *out, size_t bytes)
{
    gd_string global;
    gd.string_new(&global, "");
    gd.method_ptrcall(gd.method.settings_globalize_path, gd.settings, (const void *[]){path}, &global);
    gd_string_to_text(&global, out, bytes);
    gd.destroy[GD_STRING](&global);
}

static bool is_database(const char *uri)
{
    return strncmp(uri, "fdb:", 4) == 0 || strncmp(uri, "mvsqlite:", 9) == 0;
}

// The store's URI, as the library wants it: user:// and res:// within it become the paths that they stand for.
static void store_address(const server_node *s, char *out, size_t bytes)
{
    char uri[PATH_BYTES], path[PATH_BYTES];
    gd_string_to_text(&s->store_uri, uri, sizeof uri);
    bool is_file = strncmp(uri, "mvsqlite:", 9) != 0;
    const char *scheme = strncmp(uri, "fdb:", 4) == 0 ? "fdb:" : "sqlite:";
    char *rest = strncmp(uri, scheme, strlen(scheme)) == 0 ? uri + strlen(scheme) : uri;
    rest = strcmp(scheme, "sqlite:") == 0 && rest != uri && strncmp(rest, "//", 2) == 0 ? rest + 2 : rest;
    if (!is_file || !rest[0]) {
        snprintf(out, bytes, "%s", is_file ? "" : uri);
        return;
    }
    gd_string text;
    gd.string_new(&text, rest);
    read_path(&text, path, sizeof path);
    gd.destroy[GD_STRING](&text);
    snprintf(out, bytes, "%s%s", scheme, path);
}

// Where a server keeps its certificate: in the store's directory, or with the user's data if the store is a database.
static void own_directory(const server_node *s, char *out, size_t bytes)
{
    char uri[PATH_BYTES + 16];
    store_address(s, uri, sizeof uri);
    if (!is_database(uri)) {
        snprintf(out, bytes, "%.*s", (int)bytes - 1,
                 uri[0] ? uri + strlen("sqlite:") : ""); // a longer one is no store either
        return;
    }
    gd_string text;
    gd.string_new(&text, "user://");
    read_path(&text, out, bytes);
    gd.destroy[GD_STRING](&text);
}

static tl_result make_world(server_node *s, tl_world_info *world)
{
    *world = (tl_world_info){.format = TL_STORE_FORMAT, .tick_hz = (uint32_t)s->tick_hz, .created_us = tl_os_wall_us()};
    tl_inspect *inspect = NULL; // for the kinds' hash
    if (tl_inspect_create(s->list->kinds, s->list->count, world->tick_hz, 1, 1, &inspect) != TL_OK) {
        return say(s, TL_ERR_INVALID,
                   "the kinds cannot be declared so: each needs a name of its own, a position for its first field, "
                   "heading for "
                   "rotations only, tolerances of 0.000001 to 1'000'000, and at most 1 kB of fields");
    }
    world->kinds_hash = tl_inspect_kinds_hash(inspect);
    tl_inspect_destroy(inspect);
    tl_result result = s->store->ops->create_world(s->store, world);
    return result == TL_ERR_EXISTS ? s->store->ops->world(s->store, world) : result; // another server was faster
}

static tl_result open_store(server_node *s)
{
    char uri[PATH_BYTES + 16];
    store_address(s, uri, sizeof uri);
    if (!uri[0]) {
        return say(s, TL_ERR_INVALID,
                   "store_uri is empty; give a folder, such as 'user://world', or a database's address");
    }
    if (s->tick_hz < 1 || s->tick_hz > 240) {
        return say(s, TL_ERR_INVALID, "tick_hz must be 1 to 240");
    }
    tl_result result = tl_store_open(uri, true, false, &s->store, s->text, sizeof s->text);
    if (result != TL_OK) {
        return result;
    }
    tl_world_info world;
    result = s->store->ops->world(s->store, &world);
    if (result == TL_ERR_NOT_FOUND) {
        result = make_world(s, &world);
    }
    s->world_hz = world.tick_hz;
    if (result != TL_OK && !s->text[0]) {
        snprintf(s->text, sizeof s->text, "'%s' holds no world that can be used: %s", uri, tl_result_text(result));
    }
    return result;
}

static tl_result open_tokens(server_node *s)
{
    char file[PATH_BYTES];
    read_path(&s->token_key_file, file, sizeof file);
    if (!file[0]) {
        return TL_OK;
    }
    tl_result result = tl_token_verifier_create(file, &s->verifier);
    if (result != TL_OK) {
        snprintf(s->text, sizeof s->text,
                 "token_key_file '%s' cannot be read as a public key (%s); make a pair with 'tramline token keys'",
                 file, tl_result_text(result));
    }
    return result;
}

static tl_result open_dtls(server_node *s, const char *address, const char *name)
{
    char certificate[PATH_BYTES], key[PATH_BYTES], directory[PATH_BYTES - 96];
    read_path(&s->certificate_file, certificate, sizeof certificate);
    read_path(&s->key_file, key, sizeof key);
    tl_dtls_server_def def = tl_dtls_server_def_default();
    def.self_signed = !certificate[0];
    if (def.self_signed) {
        own_directory(s, directory, sizeof directory);
        snprintf(certificate, sizeof certificate, "%s/%s.certificate.pem", directory, name);
        snprintf(key, sizeof key, "%s/%s.key.pem", directory, name);
    }
    def.address = address;
    def.certificate_file = certificate;
    def.key_file = key;
    return tl_dtls_server_open(&def, &s->dtls, s->text, sizeof s->text);
}

static tl_result open_transport(server_node *s, const char *name)
{
    char address[256];
    gd_string_to_text(&s->address, address, sizeof address);
    tl_result result = address[0] ? open_dtls(s, address, name) : TL_OK;
    if (result != TL_OK) {
        return result;
    }
    s->peers = peers_create(s->dtls);
    return s->peers ? TL_OK : say(s, TL_ERR_MEMORY, "out of memory");
}

static tl_result open_server(server_node *s, const char *name)
{
    if (s->entities_max < 1 || s->groups_max < 1 || s->clients_max < 1 || s->entities_max > 1 << 26 ||
        s->groups_max > 1 << 24 || s->clients_max > 1 << 20 || s->kbit_s < 1 || s->kbit_s > 10000000) {
        return say(s, TL_ERR_INVALID,
                   "entities_max, groups_max, clients_max and kbit_s must be at least 1, and not beyond reason");
    }
    if (!(s->grace_s >= 0 && s->grace_s <= GRACE_S_MAX)) {
        return say(s, TL_ERR_INVALID, "grace_s must be 0 or more seconds, and no more than a day");
    }
    tl_server_def def = tl_server_def_default();
    def.name = name;
    def.kinds = s->list->kinds;
    def.kind_count = s->list->count;
    def.store = s->store;
    def.transport = peers_transport(s->peers);
    def.entities_max = (uint32_t)s->entities_max;
    def.groups_max = (uint32_t)s->groups_max;
    def.clients_max = (uint32_t)s->clients_max;
    def.kbit_s = (uint32_t)s->kbit_s;
    def.grace_ms = (uint32_t)(s->grace_s * 1000);
    if (!tl_os_random(def.secret_seed, sizeof def.secret_seed)) {
        return say(s, TL_ERR_IO, "the system gives no random bytes");
    }
    def.callbacks = server_callbacks(s);
    return tl_server_create(&def, &s->server, s->text, sizeof s->text);
}

static void close_all(server_node *s, bool left)
{
    if (s->server) {
        tl_server_destroy(s->server);
    }
    if (s->store) {
        s->store->ops->close(s->store, left);
    }
    if (s->peers) {
        tl_transport *transport = peers_transport(s->peers);
        transport->ops->close(transport);
    } else if (s->dtls) {
        s->dtls->ops->close(s->dtls);
    }
    if (s->verifier) {
        tl_token_verifier_destroy(s->verifier);
    }
    kind_list_destroy(s->list);
    s->server = NULL;
    s->store = NULL;
    s->peers = NULL;
    s->dtls = NULL;
    s->verifier = NULL;
    s->list = NULL;
    s->ticking = s->stop_due = false;
    s->abandoned_count = 0;
    s->node_group = 0;
    server_drop_caches(s);
}

static tl_result open_all(server_node *s)
{
    char name[TL_NAME_BYTES_MAX + 1];
    s->text[0] = 0;
    if (!gd_string_to_text(&s->server_name, name, sizeof name) || !name[0]) {
        return say(s, TL_ERR_INVALID, "server_name must be 1 to 31 letters, digits, - _ . and each server's own");
    }
    s->list = kind_list_create(&s->kinds, s->text, sizeof s->text);
    if (!s->list) {
        return TL_ERR_INVALID;
    }
    if (s->list->count == 0) {
        return say(s, TL_ERR_INVALID, "kinds is empty; declare what the world has, with at least one TramlineKind");
    }
    tl_result result = open_store(s);
    result = result == TL_OK ? open_tokens(s) : result;
    result = result == TL_OK ? open_transport(s, name) : result;
    return result == TL_OK ? open_server(s, name) : result;
}

// ---- life ----------------------------------------------------------------------------------------------------------

static gd_error begin(server_node *s)
{
    if (s->server || s->in_core) {
        gd_error_print("TramlineServer.start", "It is %s; call stop() or stop_now() first.", "running already");
        return GD_ERR_ALREADY_IN_USE;
    }
    s->step_ms = s->step_ms_max = s->commit_ms = s->link_ms = s->link_ms_max = 0;
    s->told_answer = s->told_no_handler = s->failed_due = false;
    tl_result result = open_all(s);
    if (result != TL_OK) {
        gd_error_print("TramlineServer.start", "The server cannot start: %s.", s->text);
        close_all(s, false);
        s->state = SERVER_FAILED;
        s->failed_due = true;
        return gd_error_from(result);
    }
    s->state = SERVER_JOINING;
    return GD_OK;
}

// At once: what is submitted gets a moment to be committed, and the others are told that it has ended.
static void end_now(server_node *s, server_state state)
{
    if (s->store && s->state != SERVER_FAILED && s->state != SERVER_FENCED) {
        s->store->ops->drain(s->store, DRAIN_MS_MAX);
    }
    close_all(s, s->state == SERVER_JOINING || s->state == SERVER_RUNNING || s->state == SERVER_LEAVING);
    s->state = state;
}

static void end_failed(server_node *s, server_state state, const char *signal)
{
    snprintf(s->text, sizeof s->text, "%s", tl_server_text(s->server));
    gd_warning_print("TramlineServer", "%s: %s.",
                     state == SERVER_FENCED ? "Fenced; call start() to join again" : "Failed", s->text);
    close_all(s, false);
    s->state = state;
    gd_emit(s, signal, (gd_variant[]){gd_variant_text(s->text)}, 1);
}

static void follow_state(server_node *s)
{
    switch (tl_server_get_state(s->server)) {
    case TL_SERVER_RUNNING:
        if (s->state == SERVER_JOINING) {
            s->state = SERVER_RUNNING;
            gd_emit(s, "started", NULL, 0);
        }
        break;
    case TL_SERVER_LEFT:
        close_all(s, true);
        s->state = SERVER_STOPPED;
        gd_emit(s, "stopped", NULL, 0);
        break;
    case TL_SERVER_FENCED: end_failed(s, SERVER_FENCED, "fenced"); break;
    case TL_SERVER_FAILED: end_failed(s, SERVER_FAILED, "failed"); break;
    default: break;
    }
}

static void release(server_node *s)
{
    end_now(s, SERVER_STOPPED);
    server_drop_events(s);
    free(s->scratch);
    free(s->abandoned);
}

static void step(server_node *s)
{
    tl_time begun = tl_os_now();
    s->busy = s->in_core = true;
    tl_server_step(s->server, begun);
    s->in_core = false;
    s->step_ms = (double)(tl_os_monotonic_us() - begun.monotonic_us) / 1000;
    s->step_ms_max = s->step_ms > s->step_ms_max ? s->step_ms : s->step_ms_max;
    if (s->stop_due && !s->doomed) { // stop_now() was called within
        end_now(s, SERVER_STOPPED);
        gd_emit(s, "stopped", NULL, 0);
    }
    if (s->server && !s->doomed && tl_server_get_state(s->server) == TL_SERVER_RUNNING) {
        follow_state(s); // "started" comes before what has happened since
    }
    server_tell_events(s);
    if (s->server && !s->doomed) {
        follow_state(s);
    }
    s->busy = false;
    if (s->doomed) {
        release(s);
        gd_instance_release(s);
    }
}

static void end_untold(void *self)
{
    server_node *s = self;
    s->instance.object = NULL; // nobody is told any more
    end_now(s, SERVER_STOPPED);
}

void server_end_all(void)
{
    gd_class_each(&server_class, end_untold);
}

static void on_process(server_node *s)
{
    if (!gd_on_main_thread()) {
        if (!s->told_thread) {
            gd_error_print("TramlineServer",
                           "It works on the main thread alone; set process_thread_group to the main thread.");
        }
        s->told_thread = true;
    } else if (s->server && !s->busy) {
        step(s);
    } else if (s->failed_due) { // not within start(), so that a script may start it anew
        s->failed_due = false;
        gd_emit(s, "failed", (gd_variant[]){gd_variant_text(s->text)}, 1);
    }
}

void server_on_notify(void *self, int32_t what)
{
    server_node *s = self;
    switch (what) {
    case GD_NOTIFICATION_POSTINITIALIZE:
        // always, also when paused
        gd.method_ptrcall(gd.method.node_set_process_mode, s->instance.object, (const void *[]){&(int64_t){3}}, NULL);
        break;
    case GD_NOTIFICATION_READY:
        if (s->autostart && !gd_in_editor()) {
            begin(s);
        }
        break;
    case GD_NOTIFICATION_ENTER_TREE:
        gd.method_ptrcall(gd.method.node_set_process_internal, s->instance.object, (const void *[]){&(gd_bool){1}},
                          NULL);
        break;
    case GD_NOTIFICATION_INTERNAL_PROCESS: on_process(s); break;
    default: break;
    }
}

bool server_on_destroy(void *self)
{
    server_node *s = self;
    for (uint32_t i = 0; i < s->nodes.count; i++) {
        entity_server_gone(s->nodes.nodes[i]);
    }
    node_list_free(&s->nodes);
    s->doomed = true;
    if (s->busy) {
        return false;
    }
    release(s);
    return true;
}

bool server_add_node(server_node *s, struct entity_node *node)
{
    return !s->doomed && node_list_add(&s->nodes, node);
}

void server_forget_node(server_node *s, struct entity_node *node, tl_entity_id made)
{
    node_list_remove(&s->nodes, node);
    if (made && s->abandoned_count == s->abandoned_room) {
        uint32_t room = s->abandoned_room ? 2 * s->abandoned_room : 64;
        tl_entity_id *ids = realloc(s->abandoned, room * sizeof *ids);
        if (!ids) {
            return; // it stays in the world
        }
        s->abandoned = ids;
        s->abandoned_room = room;
    }
    if (made) {
        s->abandoned[s->abandoned_count++] = made;
    }
}

// ---- methods -------------------------------------------------------------------------------------------------------

bool server_can_read(const server_node *s, const char *method)
{
    if (!s->server) {
        gd_error_print(method, "The server does not run; call start() and wait for the signal 'started'.");
    }
    return s->server != NULL;
}

bool server_can_change(server_node *s, const char *method)
{
    if (!server_can_read(s, method)) {
        return false;
    }
    if (s->in_core && !s->ticking) {
        gd_error_print(method, "The world cannot be changed from within request_handler; use call_deferred().");
        return false;
    }
    if (s->state != SERVER_RUNNING && s->state != SERVER_LEAVING &&
        tl_server_get_state(s->server) != TL_SERVER_RUNNING) {
        gd_error_print(method, "The server has not joined yet; wait for the signal 'started'.");
        return false;
    }
    return true;
}

void server_start(void *self, const void *const *args, void *ret)
{
    gd_ret_int(ret, begin(self));
}

void server_stop(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    if (s->server) {
        tl_server_leave(s->server);
        s->state = s->state == SERVER_FENCED || s->state == SERVER_FAILED ? s->state : SERVER_LEAVING;
    }
}

void server_stop_now(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    if (s->in_core) {
        s->stop_due = true;
    } else if (s->server) {
        end_now(s, SERVER_STOPPED);
        gd_emit(s, "stopped", NULL, 0);
    }
}

void server_get_state(void *self, const void *const *args, void *ret)
{
    gd_ret_int(ret, ((server_node *)self)->state);
}

void server_get_state_text(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    static const char *const texts[] = {"stopped", "joining", "running", "leaving", "fenced", "failed"};
    char text[TEXT_BYTES + 16];
    bool why = s->state >= SERVER_FENCED && s->text[0];
    snprintf(text, sizeof text, "%s%s%s", texts[s->state], why ? ": " : "", why ? s->text : "");
    gd.string_new(ret, text);
}

void server_get_port(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_int(ret, s->dtls ? tl_dtls_server_port(s->dtls) : 0);
}

void server_get_fingerprint(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    char text[65] = "";
    if (s->dtls) {
        tl_dtls_server_fingerprint(s->dtls, text);
    }
    gd.string_new(ret, text);
}

void server_get_server_number(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_int(ret, s->server ? tl_server_get_number(s->server) : 0);
}

void server_get_tick(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_int(ret, s->server ? tl_server_get_stats(s->server).tick : -1);
}

void server_get_time_s(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_ret_float(ret, s->server ? tl_server_tick_at(s->server, tl_os_monotonic_us()) / s->world_hz : 0);
}
