#include "reconnect_lab.h"

#include <math.h>

uint64_t lab_seed;
static tl_kind_def kinds[KIND_COUNT];

static void make_kinds(void)
{
    static const char *const names[] = {"body", "avatar"};
    for (int i = 0; i < KIND_COUNT; i++) {
        kinds[i] = tl_kind_def_default(names[i]);
        kinds[i].fields[kinds[i].field_count++] = tl_field_def_default("state", TL_FIELD_INTEGER, TL_PREDICT_HOLD);
    }
    kinds[KIND_AVATAR].create = TL_POLICY_ALLOW;
}

static tl_values body_values(int which, int i, double time_s)
{
    double speed = 1 + i % 5;
    tl_values v = {.mask = 1};
    v.fields[0].position = (tl_vec3){which * 200.0 + speed * time_s, 0, i * 7.0};
    v.fields[0].velocity = (tl_vec3){speed, 0, 0};
    return v;
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    node *n = user;
    int which = (int)(n - n->lab->nodes);
    (void)tick;
    if (n->group == 0) {
        CHECK_EQUAL(tl_server_create_group(server, 0, &n->group), TL_OK);
        for (int i = 0; i < BODIES; i++) {
            tl_entity_def def = {.group = n->group, .kind = KIND_BODY, .values = body_values(which, i, time_s)};
            tl_entity_ref ref;
            tl_entity_info info;
            CHECK_EQUAL(tl_server_create_entity(server, &def, &ref), TL_OK);
            CHECK_EQUAL(tl_server_get_entity_info(server, ref, &info), TL_OK);
            n->bodies[i] = info.id;
        }
    }
}

// "id-NAME": a token that proves a name; anything else is let in without a proof.
static tl_result on_authorize(void *user, const void *token, size_t size, tl_grant *out)
{
    (void)user;
    *out = tl_grant_default();
    memcpy(out->name, token, size);
    out->proven = size > 3 && memcmp(token, "id-", 3) == 0;
    return TL_OK;
}

static void on_client(void *user, tl_server *server, tl_client_number client, const char *name, bool joined)
{
    node *n = user;
    (void)server, (void)client, (void)name;
    n->joins += joined, n->leaves += !joined;
}

void lab_start_server(lab *l, int which)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};
    node *n = &l->nodes[which];
    n->lab = l;
    if (n->network == NULL) {
        CHECK(n->network = tl_memory_network_create(lab_seed * 8 + (uint64_t)which));
    }
    CHECK_EQUAL(tl_memory_network_open_server(n->network, &n->transport), TL_OK);
    CHECK_EQUAL(tl_memory_store_open(l->world, &n->store), TL_OK);
    tl_server_def def = tl_server_def_default();
    def.name = names[which];
    def.kinds = kinds, def.kind_count = KIND_COUNT;
    def.store = n->store, def.transport = n->transport;
    def.entities_max = 1000, def.groups_max = 64, def.clients_max = 8;
    for (int i = 0; i < SECRET_BYTES; i++) {
        def.secret_seed[i] = (unsigned char)(lab_seed * 31 + (uint64_t)which * 7 + (uint64_t)i + l->now_us / 1000);
    }
    def.callbacks = (tl_server_callbacks){.user = n, .authorize = on_authorize, .tick = on_tick, .client = on_client};
    char text[256] = "";
    tl_result result = tl_server_create(&def, &n->server, text, sizeof text);
    if (result != TL_OK) {
        printf("%s\n", text);
    }
    CHECK_EQUAL(result, TL_OK);
}

static void close_server(node *n)
{
    tl_server_destroy(n->server);
    tl_store_close(n->store, false);
    tl_transport_close(n->transport);
    n->server = NULL;
}

// Dies: nothing is said to anybody.
void lab_kill_server(lab *l, int which)
{
    node *n = &l->nodes[which];
    tl_memory_network_partition(n->network, true);
    close_server(n);
    tl_memory_network_partition(n->network, false);
}

// ---- ways to servers ----

static tl_result path_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    path *p = (path *)self;
    tl_result result;
    while ((result = tl_transport_poll(p->inner, now_us, out)) == TL_OK && p->dead) {
        continue;
    }
    if (result == TL_OK && out->type == TL_TRANSPORT_DATAGRAM && ((const unsigned char *)out->data)[0] == 0x81 &&
        out->size > SECRET_BYTES) {
        memcpy(p->friend->secret, (const unsigned char *)out->data + out->size - SECRET_BYTES, SECRET_BYTES);
        p->friend->has_secret = true;
    }
    return result;
}

static tl_result path_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    path *p = (path *)self;
    return p->dead ? TL_OK : tl_transport_send(p->inner, peer, data, size);
}

static void path_flush(tl_transport *self)
{
    (void)self;
}

static void path_drop(tl_transport *self, tl_peer peer)
{
    path *p = (path *)self;
    if (!p->dead) {
        tl_transport_drop(p->inner, peer);
    }
}

static int path_wait_fd(tl_transport *self)
{
    (void)self;
    return -1;
}

static void path_close(tl_transport *self)
{
    path *p = (path *)self;
    friend *f = p->friend;
    if (p->dead) { // its goodbye does not arrive
        for (int i = 0; i < SERVERS; i++) {
            tl_memory_network_partition(f->lab->nodes[i].network, true);
        }
    }
    tl_transport_close(p->inner);
    for (int i = 0; i < SERVERS; i++) {
        tl_memory_network_partition(f->lab->nodes[i].network, false);
    }
    for (uint32_t i = 0; i < f->path_count; i++) {
        if (f->paths[i] == p) {
            f->paths[i] = f->paths[--f->path_count];
        }
    }
    free(p);
}

static const tl_transport_ops path_ops = {path_poll, path_send, path_flush, path_drop, path_wait_fd, path_close, NULL};

static tl_result open_path(void *user, uint32_t server, tl_transport **out, char *text, size_t text_bytes)
{
    friend *f = user;
    path *p = calloc(1, sizeof *p);
    (void)text, (void)text_bytes;
    CHECK(p && f->path_count < PATHS_MAX);
    p->transport.ops = &path_ops;
    p->friend = f;
    node *n = &f->lab->nodes[(server + f->first_server) % SERVERS];
    CHECK_EQUAL(tl_memory_network_open_client(n->network, &p->inner), TL_OK);
    f->paths[f->path_count++] = p;
    *out = &p->transport;
    return TL_OK;
}

// The client's address changes: what went over the old one is lost from now on, both ways.
void lab_change_address(friend *f)
{
    for (uint32_t i = 0; i < f->path_count; i++) {
        f->paths[i]->dead = true;
    }
}

void lab_connect(lab *l, int which, int server, uint32_t server_count, const char *token)
{
    friend *f = &l->friends[which];
    *f = (friend){.lab = l, .first_server = (uint32_t)server};
    snprintf(f->token, sizeof f->token, "%s", token);
    tl_failover_def ways = tl_failover_def_default();
    ways.server_count = server_count, ways.open = open_path, ways.user = f;
    CHECK_EQUAL(tl_failover_open(&ways, &f->transport, NULL, 0), TL_OK);
    tl_client_def def = tl_client_def_default();
    def.transport = f->transport;
    def.token = f->token, def.token_bytes = strlen(f->token);
    def.entities_max = 1000;
    def.reconnect_ms = 30000;
    CHECK_EQUAL(tl_client_create(&def, &f->client, NULL, 0), TL_OK);
    tl_client_observe_point(f->client, (tl_vec3){0, 0, 0});
}

// `says`: goodbye; else it is just gone.
void lab_disconnect(lab *l, int which, bool says)
{
    friend *f = &l->friends[which];
    if (f->client == NULL) {
        return;
    }
    if (!says) {
        lab_change_address(f);
    }
    tl_client_destroy(f->client);
    tl_transport_close(f->transport);
    f->client = NULL;
}

// ---- running ----

static void take_events(friend *f)
{
    tl_client_event event;
    while (tl_client_next_event(f->client, &event)) {
        f->entered += event.type == TL_CLIENT_ENTITY_ENTERED;
        f->left += event.type == TL_CLIENT_ENTITY_LEFT;
        if (event.type == TL_CLIENT_OWN_RETURNED) {
            f->given_back++, f->back = event;
        }
        if (event.type == TL_CLIENT_OWN_LOST) {
            f->lost++;
        }
        if (event.type == TL_CLIENT_ANSWER) {
            f->answers++, f->answer = event;
        }
    }
}

tl_values lab_avatar_values(double time_s)
{
    tl_values v = {.mask = 3};
    v.fields[0].position = (tl_vec3){10 + 2 * sin(time_s), 0, -20 + 2 * cos(time_s)};
    v.fields[0].velocity = (tl_vec3){2 * cos(time_s), 0, -2 * sin(time_s)};
    v.fields[1].integer = 7;
    return v;
}

static void step_friend(lab *l, friend *f)
{
    if (f->client == NULL) {
        return;
    }
    tl_client_step(f->client, l->now_us);
    take_events(f);
    if (l->now_us % 16000) {
        return;
    }
    if (f->avatar) {
        double tick = tl_client_get_server_tick(f->client, l->now_us);
        tl_values v = lab_avatar_values(tick / TICK_HZ);
        tl_client_set_values(f->client, f->avatar, tick, 0, &v);
    }
    if (f->watched) {
        CHECK_EQUAL(tl_client_get_poses(f->client, tl_client_get_server_tick(f->client, l->now_us) - 2, true, NULL, 0),
                    f->in_view);
    }
}

// Monotonic clocks begin anywhere.
static tl_time server_time(const lab *l, int which)
{
    return (tl_time){.wall_us = (uint64_t)((int64_t)l->now_us + l->wall_less_us[which]),
                     .monotonic_us = l->now_us + (uint64_t)which * 1000000000};
}

void lab_run(lab *l, double seconds)
{
    uint64_t end_us = l->now_us + (uint64_t)(seconds * 1e6);
    while (l->now_us < end_us) {
        l->now_us += 1000;
        tl_memory_world_advance(l->world, l->now_us);
        for (int i = 0; i < SERVERS; i++) {
            if (l->nodes[i].network) {
                tl_memory_network_advance(l->nodes[i].network, l->now_us);
            }
        }
        for (int i = 0; i < SERVERS; i++) {
            if (l->nodes[i].server) {
                tl_server_step(l->nodes[i].server, server_time(l, i));
            }
        }
        for (int i = 0; i < CLIENTS_MAX; i++) {
            step_friend(l, &l->friends[i]);
        }
    }
}

lab_def lab_def_default(void)
{
    return (lab_def){.world = tl_memory_world_def_default(), .settle_s = 1};
}

lab *lab_create(const lab_def *def)
{
    lab *l = calloc(1, sizeof *l);
    make_kinds();
    l->now_us = START_US;
    memcpy(l->wall_less_us, def->wall_less_us, sizeof l->wall_less_us);
    tl_memory_world_def world = def->world;
    world.seed = lab_seed;
    CHECK(l->world = tl_memory_world_create(&world));
    tl_memory_world_advance(l->world, l->now_us);
    tl_store *store;
    CHECK_EQUAL(tl_memory_store_open(l->world, &store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = TICK_HZ, .created_us = START_US};
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
    for (int i = 0; i < SERVERS; i++) {
        lab_start_server(l, i);
        lab_run(l, def->apart_s);
    }
    lab_run(l, def->settle_s);
    return l;
}

void lab_destroy(lab *l)
{
    for (int i = 0; i < SERVERS; i++) {
        if (l->nodes[i].server) {
            tl_server_validate(l->nodes[i].server);
        }
    }
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (l->friends[i].client) {
            tl_client_validate(l->friends[i].client);
        }
        lab_disconnect(l, i, true);
    }
    for (int i = 0; i < SERVERS; i++) {
        if (l->nodes[i].server) {
            close_server(&l->nodes[i]);
        }
        tl_memory_network_destroy(l->nodes[i].network);
    }
    tl_memory_world_destroy(l->world);
    free(l);
}

// ---- looking ----

bool lab_sees(const friend *f, tl_entity_id id)
{
    tl_values v;
    return tl_client_get_values(f->client, id, (double)tl_client_get_frame_tick(f->client), &v) == TL_OK;
}

double lab_off_m(const friend *f, tl_entity_id id, tl_vec3 truth)
{
    tl_values v;
    CHECK_EQUAL(tl_client_get_values(f->client, id, (double)tl_client_get_frame_tick(f->client), &v), TL_OK);
    tl_vec3 is = v.fields[0].position;
    return hypot(hypot(is.x - truth.x, is.y - truth.y), is.z - truth.z);
}

void lab_create_avatar(lab *l, int which)
{
    friend *f = &l->friends[which];
    tl_values v = lab_avatar_values(0);
    uint32_t request, before = f->answers;
    CHECK_EQUAL(tl_client_request_create(f->client, KIND_AVATAR, 0, &v, true, &request), TL_OK);
    for (int i = 0; i < 200 && f->answers == before; i++) {
        lab_run(l, 0.01);
    }
    CHECK_EQUAL(f->answers, before + 1);
    CHECK_EQUAL(f->answer.result, TL_OK);
    f->avatar = f->answer.entity;
}

// From now on nothing may blink.
void lab_watch(friend *f, bool watched)
{
    f->watched = watched;
    f->in_view = tl_client_get_stats(f->client).entities;
    f->entered = f->left = 0;
}

// How long until it is live again, having seen that it was not.
double lab_until_live_s(lab *l, friend *f)
{
    uint64_t begun_us = l->now_us;
    uint64_t before = tl_client_get_stats(f->client).reconnects;
    for (int i = 0; i < 5000 && tl_client_get_state(f->client) == TL_CLIENT_LIVE &&
                    tl_client_get_stats(f->client).reconnects == before;
         i++) {
        lab_run(l, 0.001);
    }
    CHECK(tl_client_get_state(f->client) == TL_CLIENT_RECONNECTING ||
          tl_client_get_stats(f->client).reconnects == before + 1);
    for (int i = 0; i < 1500 && tl_client_get_state(f->client) != TL_CLIENT_LIVE; i++) {
        lab_run(l, 0.01);
    }
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    return (double)(l->now_us - begun_us) * 1e-6;
}

// By how many servers, according to the mirrors of those that live, an entity is owned; each must be alone in thinking
// so.
int lab_owners(const lab *l, tl_entity_id id)
{
    int count = 0;
    for (int i = 0; i < SERVERS; i++) {
        if (l->nodes[i].server == NULL) {
            continue;
        }
        tl_entity_info info;
        tl_entity_ref ref = tl_server_find(l->nodes[i].server, id);
        count += ref != TL_REF_NONE && tl_server_get_entity_info(l->nodes[i].server, ref, &info) == TL_OK && info.owned;
    }
    return count;
}

bool lab_exists(const lab *l, tl_entity_id id)
{
    for (int i = 0; i < SERVERS; i++) {
        if (l->nodes[i].server && tl_server_find(l->nodes[i].server, id) != TL_REF_NONE) {
            return true;
        }
    }
    return false;
}

// A client with an avatar at alpha, and one that looks on at gamma.
lab *lab_create_scene(const char *token)
{
    const lab_def def = lab_def_default();
    lab *l = lab_create(&def);
    lab_connect(l, 0, 0, SERVERS, token);
    lab_connect(l, 1, 2, 1, "onlooker");
    lab_run(l, 1.5);
    lab_create_avatar(l, 0);
    lab_run(l, 1);
    CHECK_EQUAL(tl_client_get_stats(l->friends[0].client).entities, SERVERS * BODIES + 1);
    for (int i = 0; i < 2; i++) {
        lab_watch(&l->friends[i], true);
    }
    return l;
}

void lab_check_whole(lab *l)
{
    friend *f = &l->friends[0], *other = &l->friends[1];
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(l->friends[i].left, 0);
        CHECK_EQUAL(l->friends[i].entered, 0);
    }
    CHECK_EQUAL(lab_owners(l, f->avatar), 1);
    for (int which = 0; which < SERVERS; which++) {
        for (int i = 0; i < BODIES; i++) {
            tl_vec3 truth = body_values(which, i, 0).fields[0].position;
            truth.x += (1 + i % 5) * ((double)tl_client_get_frame_tick(f->client) / TICK_HZ);
            CHECK(lab_off_m(f, l->nodes[which].bodies[i], truth) < 1.5);
        }
    }
    double time_s = (double)tl_client_get_frame_tick(other->client) / TICK_HZ;
    CHECK(lab_off_m(other, f->avatar, lab_avatar_values(time_s).fields[0].position) < 0.5);
}

double lab_until_gone_s(lab *l, tl_entity_id id)
{
    uint64_t begun_us = l->now_us;
    for (int i = 0; i < 6000 && lab_exists(l, id); i++) {
        lab_run(l, 0.01);
    }
    CHECK(!lab_exists(l, id));
    return (double)(l->now_us - begun_us) * 1e-6;
}
