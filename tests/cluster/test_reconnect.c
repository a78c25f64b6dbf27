// Clients that connect anew: to the same server from another address, or to another one. Their view stays whole, what they own
// is kept for them, and nobody else gets it. Three servers, 120 entities that go straight, clients that fail over.
#include "check.h"
#include "tramline/client.h"
#include "tramline/server.h"

#include <math.h>

enum { SERVERS = 3, CLIENTS_MAX = 4, PATHS_MAX = 64, TICK_HZ = 20, BODIES = 40, START_US = 1000000, SECRET_BYTES = 16 };
enum { KIND_BODY, KIND_AVATAR, KIND_COUNT };
#define GRACE_S 10.0
// What an owned entity may outlive its client's time of grace by, whatever crashes: two seconds of silence that are not in the
// log yet, three until a server is found dead and replaced, and grace is looked at four times a second.
#define GRACE_SLACK_S 5.5

typedef struct node {
    tl_server *server;
    tl_store *store;
    tl_memory_network *network;
    tl_transport *transport;
    struct lab *lab;
    tl_group_id group;
    tl_entity_id bodies[BODIES];
    uint32_t joins, leaves;
} node;

// A client's way to a server: as a transport, and as what may die without anybody being told.
typedef struct path {
    tl_transport transport;
    tl_transport *inner;
    struct friend *friend;
    bool dead;
} path;

typedef struct friend {
    struct lab *lab;
    tl_client *client;
    tl_transport *transport;
    path *paths[PATHS_MAX];
    uint32_t path_count, first_server;
    unsigned char secret[SECRET_BYTES]; // that it was given last
    bool has_secret;
    uint32_t entered, left, given_back, lost, answers;
    tl_client_event answer, back;
    tl_entity_id avatar; // that it sets
    bool watched;        // the number of entities in its view must not change
    uint32_t in_view;
    char token[32];
} friend;

typedef struct lab {
    uint64_t now_us;
    tl_memory_world *world;
    node nodes[SERVERS];
    friend friends[CLIENTS_MAX];
    tl_entity_id unwanted; // not to be seen by a check of all
} lab;

static uint64_t seed;
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
            CHECK_EQUAL(tl_server_info(server, ref, &info), TL_OK);
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

static void start_server(lab *l, int which)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};
    node *n = &l->nodes[which];
    n->lab = l;
    if (n->network == NULL) CHECK(n->network = tl_memory_network_create(seed * 8 + (uint64_t)which));
    CHECK_EQUAL(tl_memory_network_server(n->network, &n->transport), TL_OK);
    CHECK_EQUAL(tl_memory_store_open(l->world, &n->store), TL_OK);
    tl_server_def def = tl_server_def_default();
    def.name = names[which];
    def.kinds = kinds, def.kind_count = KIND_COUNT;
    def.store = n->store, def.transport = n->transport;
    def.entities_max = 1000, def.groups_max = 64, def.clients_max = 8;
    for (int i = 0; i < SECRET_BYTES; i++) def.secret_seed[i] = (unsigned char)(seed * 31 + (uint64_t)which * 7 + (uint64_t)i + l->now_us / 1000);
    def.callbacks = (tl_server_callbacks){.user = n, .authorize = on_authorize, .tick = on_tick, .client = on_client};
    char text[256] = "";
    tl_result result = tl_server_create(&def, &n->server, text, sizeof text);
    if (result != TL_OK) printf("%s\n", text);
    CHECK_EQUAL(result, TL_OK);
}

static void close_server(node *n)
{
    tl_server_destroy(n->server);
    n->store->ops->close(n->store, false);
    n->transport->ops->close(n->transport);
    n->server = NULL;
}

// Dies: nothing is said to anybody.
static void kill_server(lab *l, int which)
{
    node *n = &l->nodes[which];
    tl_memory_network_cut(n->network, true);
    close_server(n);
    tl_memory_network_cut(n->network, false);
}

// ---- ways to servers ----

static tl_result path_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    path *p = (path *)self;
    tl_result result;
    while ((result = p->inner->ops->poll(p->inner, now_us, out)) == TL_OK && p->dead) continue;
    if (result == TL_OK && out->type == TL_TRANSPORT_DATAGRAM && ((const unsigned char *)out->data)[0] == 0x81 && out->size > SECRET_BYTES) {
        memcpy(p->friend->secret, (const unsigned char *)out->data + out->size - SECRET_BYTES, SECRET_BYTES);
        p->friend->has_secret = true;
    }
    return result;
}

static tl_result path_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    path *p = (path *)self;
    return p->dead ? TL_OK : p->inner->ops->send(p->inner, peer, data, size);
}

static void path_flush(tl_transport *self)
{
    (void)self;
}

static void path_drop(tl_transport *self, tl_peer peer)
{
    path *p = (path *)self;
    if (!p->dead) p->inner->ops->drop(p->inner, peer);
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
        for (int i = 0; i < SERVERS; i++) tl_memory_network_cut(f->lab->nodes[i].network, true);
    }
    p->inner->ops->close(p->inner);
    for (int i = 0; i < SERVERS; i++) tl_memory_network_cut(f->lab->nodes[i].network, false);
    for (uint32_t i = 0; i < f->path_count; i++)
        if (f->paths[i] == p) f->paths[i] = f->paths[--f->path_count];
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
    CHECK_EQUAL(tl_memory_network_client(n->network, &p->inner), TL_OK);
    f->paths[f->path_count++] = p;
    *out = &p->transport;
    return TL_OK;
}

// The client's address changes: what went over the old one is lost from now on, both ways.
static void change_address(friend *f)
{
    for (uint32_t i = 0; i < f->path_count; i++) f->paths[i]->dead = true;
}

static void connect_friend(lab *l, int which, int server, uint32_t server_count, const char *token)
{
    friend *f = &l->friends[which];
    *f = (friend){.lab = l, .first_server = (uint32_t)server};
    snprintf(f->token, sizeof f->token, "%s", token);
    const tl_failover_def ways = {.server_count = server_count, .open = open_path, .user = f};
    CHECK_EQUAL(tl_failover_open(&ways, &f->transport, NULL, 0), TL_OK);
    tl_client_def def = tl_client_def_default();
    def.transport = f->transport;
    def.token = f->token, def.token_bytes = strlen(f->token);
    def.entities_max = 1000;
    def.reconnect_ms = 30000;
    CHECK_EQUAL(tl_client_create(&def, &f->client), TL_OK);
    tl_client_observe_point(f->client, (tl_vec3){0, 0, 0});
}

// `says`: goodbye; else it is just gone.
static void disconnect_friend(lab *l, int which, bool says)
{
    friend *f = &l->friends[which];
    if (f->client == NULL) return;
    if (!says) change_address(f);
    tl_client_destroy(f->client);
    f->transport->ops->close(f->transport);
    f->client = NULL;
}

// ---- running ----

static void take_events(friend *f)
{
    tl_client_event event;
    while (tl_client_next_event(f->client, &event)) {
        f->entered += event.type == TL_CLIENT_ENTITY_ENTERED;
        f->left += event.type == TL_CLIENT_ENTITY_LEFT;
        if (event.type == TL_CLIENT_OWN_GIVEN_BACK) f->given_back++, f->back = event;
        if (event.type == TL_CLIENT_OWN_LOST) f->lost++;
        if (event.type == TL_CLIENT_ANSWER) f->answers++, f->answer = event;
    }
}

static tl_values avatar_values(double time_s)
{
    tl_values v = {.mask = 3};
    v.fields[0].position = (tl_vec3){10 + 2 * sin(time_s), 0, -20 + 2 * cos(time_s)};
    v.fields[0].velocity = (tl_vec3){2 * cos(time_s), 0, -2 * sin(time_s)};
    v.fields[1].integer = 7;
    return v;
}

static void step_friend(lab *l, friend *f)
{
    if (f->client == NULL) return;
    tl_client_step(f->client, l->now_us);
    take_events(f);
    if (l->now_us % 16000) return;
    if (f->avatar) {
        double tick = tl_client_server_tick(f->client, l->now_us);
        tl_values v = avatar_values(tick / TICK_HZ);
        tl_client_set(f->client, f->avatar, tick, 0, &v);
    }
    if (f->watched && tl_client_poses(f->client, tl_client_server_tick(f->client, l->now_us) - 2, true, NULL, 0) != f->in_view) printf("friend %d state %d left %u entered %u t %f entities %u\n", (int)(f - l->friends), tl_client_get_state(f->client), f->left, f->entered, (double)l->now_us*1e-6, tl_client_get_stats(f->client).entities);
    if (f->watched) CHECK_EQUAL(tl_client_poses(f->client, tl_client_server_tick(f->client, l->now_us) - 2, true, NULL, 0), f->in_view);
}

static void run(lab *l, double seconds)
{
    uint64_t end_us = l->now_us + (uint64_t)(seconds * 1e6);
    while (l->now_us < end_us) {
        l->now_us += 1000;
        tl_memory_world_advance(l->world, l->now_us);
        for (int i = 0; i < SERVERS; i++)
            if (l->nodes[i].server) tl_server_step(l->nodes[i].server, (tl_time){l->now_us, l->now_us});
        for (int i = 0; i < CLIENTS_MAX; i++) step_friend(l, &l->friends[i]);
    }
}

static lab *create_lab(void)
{
    lab *l = calloc(1, sizeof *l);
    make_kinds();
    l->now_us = START_US;
    tl_memory_world_def def = tl_memory_world_def_default();
    def.seed = seed;
    CHECK(l->world = tl_memory_world_create(&def));
    tl_memory_world_advance(l->world, l->now_us);
    tl_store *store;
    CHECK_EQUAL(tl_memory_store_open(l->world, &store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = TICK_HZ, .created_us = START_US};
    CHECK_EQUAL(store->ops->create_world(store, &info), TL_OK);
    store->ops->close(store, false);
    for (int i = 0; i < SERVERS; i++) start_server(l, i);
    run(l, 1);
    return l;
}

static void destroy_lab(lab *l)
{
    for (int i = 0; i < SERVERS; i++)
        if (l->nodes[i].server) tl_server_validate(l->nodes[i].server);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (l->friends[i].client) tl_client_validate(l->friends[i].client);
        disconnect_friend(l, i, true);
    }
    for (int i = 0; i < SERVERS; i++) {
        if (l->nodes[i].server) close_server(&l->nodes[i]);
        tl_memory_network_destroy(l->nodes[i].network);
    }
    tl_memory_world_destroy(l->world);
    free(l);
}

// ---- looking ----

static bool sees(const friend *f, tl_entity_id id)
{
    tl_values v;
    return tl_client_get(f->client, id, (double)tl_client_frame_tick(f->client), &v) == TL_OK;
}

static double off_m(const friend *f, tl_entity_id id, tl_vec3 truth)
{
    tl_values v;
    CHECK_EQUAL(tl_client_get(f->client, id, (double)tl_client_frame_tick(f->client), &v), TL_OK);
    tl_vec3 is = v.fields[0].position;
    return hypot(hypot(is.x - truth.x, is.y - truth.y), is.z - truth.z);
}

static void create_avatar(lab *l, int which)
{
    friend *f = &l->friends[which];
    tl_values v = avatar_values(0);
    uint32_t request, before = f->answers;
    CHECK_EQUAL(tl_client_request_create(f->client, KIND_AVATAR, 0, &v, true, &request), TL_OK);
    for (int i = 0; i < 200 && f->answers == before; i++) run(l, 0.01);
    CHECK_EQUAL(f->answers, before + 1);
    CHECK_EQUAL(f->answer.result, TL_OK);
    f->avatar = f->answer.entity;
}

// From now on nothing may blink.
static void watch(friend *f, bool watched)
{
    f->watched = watched;
    f->in_view = tl_client_get_stats(f->client).entities;
    f->entered = f->left = 0;
}

// How long until it is live again, having seen that it was not.
static double until_live_s(lab *l, friend *f)
{
    uint64_t begun_us = l->now_us;
    uint64_t before = tl_client_get_stats(f->client).reconnects;
    for (int i = 0; i < 5000 && tl_client_get_state(f->client) == TL_CLIENT_LIVE && tl_client_get_stats(f->client).reconnects == before; i++) run(l, 0.001);
    CHECK(tl_client_get_state(f->client) == TL_CLIENT_RECONNECTING || tl_client_get_stats(f->client).reconnects == before + 1);
    for (int i = 0; i < 1500 && tl_client_get_state(f->client) != TL_CLIENT_LIVE; i++) run(l, 0.01);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    return (double)(l->now_us - begun_us) * 1e-6;
}

// By how many servers, according to the mirrors of those that live, an entity is owned; each must be alone in thinking so.
static int owners(const lab *l, tl_entity_id id)
{
    int count = 0;
    for (int i = 0; i < SERVERS; i++) {
        if (l->nodes[i].server == NULL) continue;
        tl_entity_info info;
        tl_entity_ref ref = tl_server_find(l->nodes[i].server, id);
        count += ref != TL_REF_NONE && tl_server_info(l->nodes[i].server, ref, &info) == TL_OK && info.owned;
    }
    return count;
}

static bool exists(const lab *l, tl_entity_id id)
{
    for (int i = 0; i < SERVERS; i++)
        if (l->nodes[i].server && tl_server_find(l->nodes[i].server, id) != TL_REF_NONE) return true;
    return false;
}

// A client with an avatar at alpha, and one that looks on at gamma.
static lab *create_scene(const char *token)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, SERVERS, token);
    connect_friend(l, 1, 2, 1, "onlooker");
    run(l, 1.5);
    create_avatar(l, 0);
    run(l, 1);
    CHECK_EQUAL(tl_client_get_stats(l->friends[0].client).entities, SERVERS * BODIES + 1);
    for (int i = 0; i < 2; i++) watch(&l->friends[i], true);
    return l;
}

static void check_whole(lab *l)
{
    friend *f = &l->friends[0], *other = &l->friends[1];
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(l->friends[i].left, 0);
        CHECK_EQUAL(l->friends[i].entered, 0);
    }
    CHECK_EQUAL(owners(l, f->avatar), 1);
    for (int which = 0; which < SERVERS; which++) {
        for (int i = 0; i < BODIES; i++) {
            tl_vec3 truth = body_values(which, i, 0).fields[0].position;
            truth.x += (1 + i % 5) * ((double)tl_client_frame_tick(f->client) / TICK_HZ);
            CHECK(off_m(f, l->nodes[which].bodies[i], truth) < 1.5);
        }
    }
    double time_s = (double)tl_client_frame_tick(other->client) / TICK_HZ;
    CHECK(off_m(other, f->avatar, avatar_values(time_s).fields[0].position) < 0.5);
}

// ---- the view and own entities go on ----

TEST(address_change)
{
    const char *const tokens[] = {"anna", "id-anna"};
    for (int t = 0; t < 2; t++) {
        lab *l = create_scene(tokens[t]);
        friend *f = &l->friends[0];
        change_address(f);
        double took_s = until_live_s(l, f);
        printf("  live again after %.2f s\n", took_s);
        CHECK(took_s < 2);
        run(l, 2);
        CHECK_EQUAL(f->given_back, 1);
        CHECK(f->back.entity == f->avatar && f->back.kind == KIND_AVATAR);
        CHECK_EQUAL(f->lost, 0);
        check_whole(l);
        CHECK_EQUAL(tl_client_get_stats(f->client).reconnects, 1);
        CHECK_EQUAL(l->nodes[0].joins, 2); // the same server
        run(l, 12); // the former connection is gone for long, and took nothing with it
        check_whole(l);
        CHECK_EQUAL(l->nodes[0].joins - l->nodes[0].leaves, 1);
        destroy_lab(l);
    }
}

TEST(its_server_dies)
{
    const char *const tokens[] = {"anna", "id-anna"};
    for (int t = 0; t < 2; t++) {
        lab *l = create_scene(tokens[t]);
        friend *f = &l->friends[0];
        kill_server(l, 0);
        double took_s = until_live_s(l, f);
        printf("  live at another server after %.2f s\n", took_s);
        CHECK(took_s < 2);
        run(l, 4);
        CHECK_EQUAL(f->given_back, 1);
        CHECK_EQUAL(f->lost, 0);
        check_whole(l);
        CHECK_EQUAL(l->nodes[0].joins + l->nodes[1].joins, 2);
        start_server(l, 0);
        run(l, 12);
        check_whole(l);
        destroy_lab(l);
    }
}

TEST(its_server_leaves)
{
    lab *l = create_scene("anna");
    friend *f = &l->friends[0];
    tl_server_leave(l->nodes[0].server);
    for (int i = 0; i < 500 && tl_server_get_state(l->nodes[0].server) == TL_SERVER_LEAVING; i++) run(l, 0.01);
    CHECK_EQUAL(tl_server_get_state(l->nodes[0].server), TL_SERVER_LEFT);
    run(l, 3);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    CHECK_EQUAL(f->given_back, 1);
    check_whole(l);
    destroy_lab(l);
}

// A server that is only slow to answer is not left: it has spoken again before another was found.
TEST(it_was_only_silent)
{
    lab *l = create_scene("anna");
    friend *f = &l->friends[0];
    f->first_server = 0;
    for (int i = 0; i < SERVERS; i++) tl_memory_network_cut(l->nodes[i].network, true);
    run(l, 1.5);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_RECONNECTING);
    for (int i = 0; i < SERVERS; i++) tl_memory_network_cut(l->nodes[i].network, false);
    run(l, 3);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    check_whole(l);
    destroy_lab(l);
}

TEST(it_gives_up)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, 1, "anna");
    run(l, 1.5);
    friend *f = &l->friends[0];
    watch(f, true);
    kill_server(l, 0);
    run(l, 29);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_RECONNECTING);
    run(l, 4);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_CLOSED);
    CHECK(strstr(tl_client_text(f->client), "30000 ms"));
    CHECK_EQUAL(f->left, 0); // what was seen last stays readable
    destroy_lab(l);
}

// ---- time of grace ----

static double until_gone_s(lab *l, tl_entity_id id)
{
    uint64_t begun_us = l->now_us;
    for (int i = 0; i < 6000 && exists(l, id); i++) run(l, 0.01);
    CHECK(!exists(l, id));
    return (double)(l->now_us - begun_us) * 1e-6;
}

TEST(grace_ends)
{
    lab *l = create_scene("anna");
    tl_entity_id avatar = l->friends[0].avatar;
    l->friends[1].watched = false;
    disconnect_friend(l, 0, false);
    double took_s = until_gone_s(l, avatar);
    printf("  kept for %.2f s\n", took_s);
    CHECK(took_s > GRACE_S - 0.5 && took_s < GRACE_S + 1);
    run(l, 0.5);
    CHECK(!sees(&l->friends[1], avatar));
    destroy_lab(l);
}

// A goodbye is no accident.
TEST(goodbye_ends_it)
{
    lab *l = create_scene("anna");
    tl_entity_id avatar = l->friends[0].avatar;
    l->friends[1].watched = false;
    disconnect_friend(l, 0, true);
    CHECK(until_gone_s(l, avatar) < 0.5);
    destroy_lab(l);
}

// Servers die during it, one after another: each heir counts from the client's last datagram, not from its own beginning.
TEST(servers_die_during_grace)
{
    for (int deaths = 1; deaths <= 2; deaths++) {
        lab *l = create_scene("anna");
        tl_entity_id avatar = l->friends[0].avatar;
        l->friends[1].watched = false;
        disconnect_friend(l, 1, true);
        disconnect_friend(l, 0, false);
        uint64_t begun_us = l->now_us;
        for (int i = 0; i < deaths; i++) {
            run(l, 3.5);
            int owner = -1;
            for (int n = 0; n < SERVERS; n++) {
                tl_entity_info info;
                tl_entity_ref ref = l->nodes[n].server ? tl_server_find(l->nodes[n].server, avatar) : TL_REF_NONE;
                if (ref != TL_REF_NONE && tl_server_info(l->nodes[n].server, ref, &info) == TL_OK && info.owned) owner = n;
            }
            CHECK(owner >= 0);
            kill_server(l, owner);
        }
        until_gone_s(l, avatar);
        double took_s = (double)(l->now_us - begun_us) * 1e-6;
        printf("  %d deaths: kept for %.2f s\n", deaths, took_s);
        CHECK(took_s > GRACE_S - 0.5 && took_s < GRACE_S + GRACE_SLACK_S);
        destroy_lab(l);
    }
}

// All servers die at once, and come back: what is in the store is kept as long as it would have been.
TEST(all_servers_restart_during_grace)
{
    lab *l = create_scene("anna");
    friend *f = &l->friends[0];
    l->friends[1].watched = false;
    disconnect_friend(l, 1, true);
    for (int i = 0; i < SERVERS; i++) kill_server(l, i);
    run(l, 1);
    for (int i = 0; i < SERVERS; i++) start_server(l, i);
    run(l, 6);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    CHECK_EQUAL(f->given_back, 1);
    CHECK_EQUAL(f->left, 0);
    CHECK_EQUAL(owners(l, f->avatar), 1);
    tl_entity_id avatar = f->avatar;
    uint64_t begun_us = l->now_us;
    disconnect_friend(l, 0, false);
    run(l, 2);
    for (int i = 0; i < SERVERS; i++) kill_server(l, i);
    run(l, 1);
    for (int i = 0; i < SERVERS; i++) start_server(l, i);
    run(l, 2);
    CHECK(exists(l, avatar));
    until_gone_s(l, avatar);
    double took_s = (double)(l->now_us - begun_us) * 1e-6;
    printf("  kept for %.2f s\n", took_s);
    CHECK(took_s > GRACE_S - 3 && took_s < GRACE_S + GRACE_SLACK_S);
    destroy_lab(l);
}

// ---- who it is ----

// A program that has started anew knows no secret; its token is enough.
TEST(a_token_is_enough)
{
    lab *l = create_scene("id-anna");
    tl_entity_id avatar = l->friends[0].avatar;
    disconnect_friend(l, 0, false);
    connect_friend(l, 2, 1, 1, "id-anna"); // at another server, while the old connection still stands
    run(l, 2);
    CHECK_EQUAL(l->friends[2].given_back, 1);
    CHECK_EQUAL(l->friends[2].back.entity, avatar);
    l->friends[2].avatar = avatar;
    run(l, 15);
    CHECK_EQUAL(owners(l, avatar), 1);
    CHECK_EQUAL(l->friends[1].left, 0);
    double time_s = (double)tl_client_frame_tick(l->friends[1].client) / TICK_HZ;
    CHECK(off_m(&l->friends[1], avatar, avatar_values(time_s).fields[0].position) < 0.5);
    destroy_lab(l);
}

// Two living connections of one name: the later one has what the name owns, the earlier one is told why it ends.
TEST(twice_at_once)
{
    for (int server = 0; server < 2; server++) {
        lab *l = create_scene("id-anna");
        tl_entity_id avatar = l->friends[0].avatar;
        connect_friend(l, 2, server, 1, "id-anna");
        run(l, 3);
        CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_CLOSED);
        CHECK(strstr(tl_client_text(l->friends[0].client), "since"));
        CHECK_EQUAL(l->friends[2].given_back, 1);
        CHECK_EQUAL(owners(l, avatar), 1);
        CHECK_EQUAL(l->friends[1].left, 0);
        destroy_lab(l);
    }
}

static void say_hello(tl_transport *transport, const char *token, const unsigned char *secret)
{
    unsigned char data[128] = {0x01, 2, 0, 100, (unsigned char)strlen(token)};
    size_t size = 5 + strlen(token);
    memcpy(data + 5, token, strlen(token));
    data[size++] = SECRET_BYTES;
    memcpy(data + size, secret, SECRET_BYTES);
    CHECK_EQUAL(transport->ops->send(transport, 1, data, size + SECRET_BYTES), TL_OK);
}

// Guesses at a secret, and names without proof, at the same server and at others, for as long as anybody likes.
TEST(theft)
{
    const char *const victims[] = {"anna", "id-anna"};
    for (int v = 0; v < 2; v++) {
        lab *l = create_scene(victims[v]);
        friend *f = &l->friends[0];
        unsigned char secret[SECRET_BYTES] = {0};
        if (v == 0) memcpy(secret, f->secret, sizeof secret);
        for (int i = 0; i < 40; i++) {
            tl_transport *thief;
            tl_transport_event event;
            CHECK_EQUAL(tl_memory_network_client(l->nodes[i % SERVERS].network, &thief), TL_OK);
            for (int k = 0; k < 20; k++) {
                while (thief->ops->poll(thief, l->now_us, &event) == TL_OK) continue;
                run(l, 0.01);
            }
            secret[i % SECRET_BYTES] ^= (unsigned char)(1 << i % 8);
            say_hello(thief, i % 2 ? "anna" : "n-anna", secret);
            secret[i % SECRET_BYTES] ^= (unsigned char)(1 << i % 8);
            run(l, 0.2);
            thief->ops->close(thief);
        }
        run(l, 1);
        CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
        CHECK_EQUAL(tl_client_get_stats(f->client).reconnects, 0);
        CHECK_EQUAL(f->given_back + f->lost, 0);
        check_whole(l);
        destroy_lab(l);
    }
}

// ---- loss ----

TEST(sixty_percent_are_lost)
{
    for (uint64_t i = 0; i < 8; i++) {
        uint64_t before = seed;
        seed = seed * 100 + i;
        lab *l = create_lab();
        for (int n = 0; n < SERVERS; n++) tl_memory_network_faults(l->nodes[n].network, (tl_link_faults){.loss = 0.6, .delay_us = 20000, .jitter_us = 20000});
        connect_friend(l, 0, 0, SERVERS, "anna");
        friend *f = &l->friends[0];
        uint64_t begun_us = l->now_us;
        for (int k = 0; k < 2000 && tl_client_get_stats(f->client).entities < SERVERS * BODIES; k++) run(l, 0.01);
        printf("  all in view after %.2f s\n", (double)(l->now_us - begun_us) * 1e-6);
        CHECK_EQUAL(tl_client_get_stats(f->client).entities, SERVERS * BODIES);
        watch(f, true);
        change_address(f);
        printf("  live again after %.2f s\n", until_live_s(l, f));
        run(l, 5);
        CHECK_EQUAL(f->left + f->entered, 0);
        destroy_lab(l);
        seed = before;
    }
}

// ---- all of it at random ----

TEST(at_random)
{
    uint64_t random = seed + 77;
    lab *l = create_scene(seed % 2 ? "anna" : "id-anna");
    friend *f = &l->friends[0];
    l->friends[1].watched = false;
    disconnect_friend(l, 1, true);
    for (int i = 0; i < 12; i++) {
        int which = (int)check_random_between(&random, 0, SERVERS), down = -1;
        for (int n = 0; n < SERVERS; n++) {
            tl_memory_network_faults(l->nodes[n].network, (tl_link_faults){.loss = check_random_between(&random, 0, 0.3), .copy = 0.05, .reorder = 0.1,
                                                                          .delay_us = 10000, .jitter_us = 20000});
            if (l->nodes[n].server == NULL) down = n;
        }
        double what = check_random_between(&random, 0, 1);
        if (what < 0.4) change_address(f);
        if (what >= 0.4 && what < 0.7 && down < 0 && which < SERVERS) kill_server(l, which);
        run(l, check_random_between(&random, 0.2, 3));
        if (down >= 0) start_server(l, down);
        run(l, check_random_between(&random, 2, 5));
    }
    for (int n = 0; n < SERVERS; n++) {
        tl_memory_network_faults(l->nodes[n].network, (tl_link_faults){0});
        if (l->nodes[n].server == NULL) start_server(l, n);
    }
    run(l, 8);
    CHECK_EQUAL(tl_client_get_state(f->client), TL_CLIENT_LIVE);
    CHECK_EQUAL(f->left, 0);
    CHECK_EQUAL(f->lost, 0);
    CHECK_EQUAL(owners(l, f->avatar), 1);
    double time_s = (double)tl_client_frame_tick(f->client) / TICK_HZ;
    CHECK(off_m(f, f->avatar, avatar_values(time_s).fields[0].position) < 0.5);
    printf("  %llu reconnects, %u times given back\n", (unsigned long long)tl_client_get_stats(f->client).reconnects, f->given_back);
    tl_entity_id avatar = f->avatar;
    disconnect_friend(l, 0, false);
    double took_s = until_gone_s(l, avatar);
    CHECK(took_s > GRACE_S - 0.5 && took_s < GRACE_S + 1);
    destroy_lab(l);
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    printf("seed %llu\n", (unsigned long long)seed);
    RUN(address_change);
    RUN(its_server_dies);
    RUN(its_server_leaves);
    RUN(it_was_only_silent);
    RUN(it_gives_up);
    RUN(grace_ends);
    RUN(goodbye_ends_it);
    RUN(servers_die_during_grace);
    RUN(all_servers_restart_during_grace);
    RUN(a_token_is_enough);
    RUN(twice_at_once);
    RUN(theft);
    RUN(sixty_percent_are_lost);
    RUN(at_random);
}
