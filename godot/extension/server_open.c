#include "server_open.h"
#include "base/os/random.h"

#include "base/os/clock.h"
#include "server_callbacks.h"
#include "variant.h"

#include "tramline/inspect.h"

#include <stdio.h>
#include <string.h>

enum {
    PATH_BYTES = 1024,
    ADDRESS_BYTES = 256,
    MS_PER_S = 1000,
    // What a game may set the node's properties to.
    TICK_HZ_MAX = 240,
    ENTITIES_MAX = 1 << 26,
    GROUPS_MAX = 1 << 24,
    CLIENTS_MAX = 1 << 20,
    KBIT_S_MAX = 10000000,
    GRACE_S_MAX = 86400,
};

static tl_result set_text(server_node *s, tl_result result, const char *what)
{
    snprintf(s->text, sizeof s->text, "%s", what);
    return result;
}

// ---- the store -----------------------------------------------------------------------------------------------------

static bool is_database(const char *uri)
{
    return strncmp(uri, "fdb:", 4) == 0 || strncmp(uri, "mvsqlite:", 9) == 0;
}

// The store's URI as the library expects it: user:// and res:// are replaced by the paths that they stand for.
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
    gd_globalize_path(&text, path, sizeof path);
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
                 uri[0] ? uri + strlen("sqlite:") : ""); // the store cannot be opened with a longer one either
        return;
    }
    gd_string text;
    gd.string_new(&text, "user://");
    gd_globalize_path(&text, out, bytes);
    gd.destroy[GD_STRING](&text);
}

static tl_result make_world(server_node *s, tl_world_info *world)
{
    *world = (tl_world_info){
        .format = TL_STORE_FORMAT, .tick_hz = (uint32_t)s->tick_hz, .created_us = tl_os_now().wall_us};
    tl_inspect *inspect = NULL; // for the kinds' hash
    if (tl_inspect_create(s->list->kinds, s->list->count, world->tick_hz, 1, 1, &inspect) != TL_OK) {
        return set_text(
            s, TL_ERR_INVALID,
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
        return set_text(s, TL_ERR_INVALID,
                        "store_uri is empty; set it to a folder, such as 'user://world', or to a database's address");
    }
    if (s->tick_hz < 1 || s->tick_hz > TICK_HZ_MAX) {
        return set_text(s, TL_ERR_INVALID, "tick_hz must be 1 to 240");
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
        snprintf(s->text, sizeof s->text, "'%s' holds no usable world: %s", uri, tl_result_text(result));
    }
    return result;
}

// ---- tokens and transport ------------------------------------------------------------------------------------------

static tl_result open_tokens(server_node *s)
{
    char file[PATH_BYTES];
    gd_globalize_path(&s->token_key_file, file, sizeof file);
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
    gd_globalize_path(&s->certificate_file, certificate, sizeof certificate);
    gd_globalize_path(&s->key_file, key, sizeof key);
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
    char address[ADDRESS_BYTES];
    gd_string_to_text(&s->address, address, sizeof address);
    tl_result result = address[0] ? open_dtls(s, address, name) : TL_OK;
    if (result != TL_OK) {
        return result;
    }
    s->peers = peers_create(s->dtls);
    return s->peers ? TL_OK : set_text(s, TL_ERR_MEMORY, "out of memory");
}

// ---- the server ----------------------------------------------------------------------------------------------------

static tl_result open_server(server_node *s, const char *name)
{
    if (s->entities_max < 1 || s->groups_max < 1 || s->clients_max < 1 || s->entities_max > ENTITIES_MAX ||
        s->groups_max > GROUPS_MAX || s->clients_max > CLIENTS_MAX || s->kbit_s < 1 || s->kbit_s > KBIT_S_MAX) {
        return set_text(s, TL_ERR_INVALID,
                        "entities_max, groups_max, clients_max and kbit_s must be at least 1; at most 2^26, 2^24, 2^20 "
                        "and 10'000'000");
    }
    if (!(s->grace_s >= 0 && s->grace_s <= GRACE_S_MAX)) {
        return set_text(s, TL_ERR_INVALID, "grace_s must be 0 or more seconds, and no more than a day");
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
    def.grace_ms = (uint32_t)(s->grace_s * MS_PER_S);
    if (!tl_os_random(def.secret_seed, sizeof def.secret_seed)) {
        return set_text(s, TL_ERR_IO, "the system returned no random bytes");
    }
    def.callbacks = server_callbacks(s);
    return tl_server_create(&def, &s->server, s->text, sizeof s->text);
}

void server_abandon(server_node *s)
{
    s->server = NULL;
    s->store = NULL;
    s->peers = NULL;
    s->dtls = NULL;
    s->verifier = NULL;
    s->list = NULL;
    s->stop_due = false;
    s->orphan_count = 0;
    s->node_group = 0;
}

void server_close(server_node *s, bool left)
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
    ref_caches_free(&s->caches);
    server_abandon(s);
}

tl_result server_open(server_node *s)
{
    char name[TL_NAME_BYTES_MAX + 1];
    s->text[0] = 0;
    if (!gd_string_to_text(&s->server_name, name, sizeof name) || !name[0]) {
        return set_text(s, TL_ERR_INVALID, "server_name must be 1 to 31 letters, digits, - _ . and each server's own");
    }
    s->list = kind_list_create(&s->kinds, s->text, sizeof s->text);
    if (!s->list) {
        return TL_ERR_INVALID;
    }
    if (s->list->count == 0) {
        return set_text(s, TL_ERR_INVALID,
                        "kinds is empty; declare what the world has, with at least one TramlineKind");
    }
    tl_result result = open_store(s);
    result = result == TL_OK ? open_tokens(s) : result;
    result = result == TL_OK ? open_transport(s, name) : result;
    return result == TL_OK ? open_server(s, name) : result;
}
