// See client_lab.h.
#include "client_lab.h"

#include <math.h>

uint64_t lab_seed = 1;
tl_entity_id lab_avatar;
static tl_kind_def kinds[KIND_COUNT];

static void make_kinds(void)
{
    static const char *const names[] = {"box-deny", "box-ask", "box-allow", "cabin", "avatar"};
    static const tl_policy policies[] = {TL_POLICY_DENY, TL_POLICY_ASK, TL_POLICY_ALLOW, TL_POLICY_DENY,
                                         TL_POLICY_DENY};
    for (int i = 0; i < KIND_COUNT; i++) {
        kinds[i] = tl_kind_def_default(names[i]);
        kinds[i].fields[kinds[i].field_count++] = tl_field_def_default("rotation", TL_FIELD_ROTATION,
                                                                       TL_PREDICT_LINEAR);
        kinds[i].fields[kinds[i].field_count++] = tl_field_def_default("state", TL_FIELD_INTEGER, TL_PREDICT_HOLD);
        kinds[i].update = kinds[i].remove = kinds[i].create = policies[i];
    }
    kinds[KIND_CABIN].carrier_reach_m = 8;
    kinds[KIND_AVATAR].create = TL_POLICY_ALLOW;
}

// The cabin's truth: a circle of 40 m in 30 s, facing along it.
void lab_cabin_truth(double time_s, tl_vec3 *position, tl_vec3 *velocity, tl_quat *rotation, tl_vec3 *spin)
{
    double w = 2 * 3.14159265358979 / 30, a = w * time_s;
    *position = (tl_vec3){300 + 40 * cos(a), 0, 40 * sin(a)};
    *velocity = (tl_vec3){-40 * w * sin(a), 0, 40 * w * cos(a)};
    *rotation = (tl_quat){0, sin(-a / 2), 0, cos(a / 2)};
    *spin = (tl_vec3){0, -w, 0};
}

tl_values lab_cabin_values(double time_s)
{
    tl_values v = {.mask = 7};
    lab_cabin_truth(time_s, &v.fields[0].position, &v.fields[0].velocity, &v.fields[1].rotation, &v.fields[1].spin);
    return v;
}

tl_values lab_at(double x, double y, double z)
{
    tl_values v = {.mask = 7};
    v.fields[0].position = (tl_vec3){x, y, z};
    v.fields[1].rotation = (tl_quat){0, 0, 0, 1};
    return v;
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    node *n = user;
    int which = (int)(n - n->lab->nodes);
    (void)tick;
    if (n->group == 0) {
        CHECK_EQUAL(tl_server_create_group(server, 0, &n->group), TL_OK);
        for (int i = 0; i < 3; i++) {
            tl_entity_def def = {.group = n->group, .kind = i, .values = lab_at(10 * which, 0, 5 * i)};
            CHECK_EQUAL(tl_server_create_entity(server, &def, &n->boxes[i]), TL_OK);
            tl_entity_info info;
            CHECK_EQUAL(tl_server_get_entity_info(server, n->boxes[i], &info), TL_OK);
            n->box_ids[i] = info.id;
        }
        if (which == 1) {
            tl_entity_def def = {.group = n->group, .kind = KIND_CABIN, .values = lab_cabin_values(time_s)};
            CHECK_EQUAL(tl_server_create_entity(server, &def, &n->cabin), TL_OK);
            tl_entity_info info;
            CHECK_EQUAL(tl_server_get_entity_info(server, n->cabin, &info), TL_OK);
            n->cabin_id = info.id;
        }
        return;
    }
    if (n->turner_id && tl_server_owns_group(server, n->group)) {
        tl_values v = lab_cabin_values(time_s);
        CHECK_EQUAL(tl_server_set_poses(server, &n->turner, 1, &v.fields[0].position, NULL, &v.fields[1].rotation), 1);
    }
    if (which == 1 && tl_server_owns_group(server, n->group)) { // it may have been given away
        tl_values v = lab_cabin_values(time_s);
        CHECK_EQUAL(tl_server_set_values(server, n->cabin, &v), TL_OK);
    }
}

static tl_result on_request(void *user, tl_server *server, const tl_request *request)
{
    node *n = user;
    (void)server;
    n->requests++;
    if (strncmp(request->client_name, "friend", 6) != 0) {
        return TL_ERR_DENIED;
    }
    return request->type == TL_REQUEST_UPDATE && request->values.fields[2].integer == 13 ? TL_ERR_DENIED : TL_OK;
}

static tl_result on_authorize(void *user, const void *token, size_t size, tl_grant *out)
{
    node *n = user;
    *out = tl_grant_default();
    if (n->lab->refuse || size < 6 || memcmp(token, "friend", 6) != 0) {
        return TL_ERR_DENIED;
    }
    memcpy(out->name, token, size);
    return TL_OK;
}

static void on_client(void *user, tl_server *server, tl_client_number client, const char *name, bool joined)
{
    node *n = user;
    (void)server, (void)name;
    n->joins += joined, n->leaves += !joined;
    if (joined) {
        n->last_client = client;
    }
}

static void on_message(void *user, tl_server *server, tl_client_number client, const void *data, size_t size)
{
    node *n = user;
    (void)server, (void)client;
    CHECK(size > 0 && n->messages < MESSAGES_MAX);
    n->heard[n->messages++] = *(const uint8_t *)data;
}

void lab_start_server(lab *l, int which)
{
    node *n = &l->nodes[which];
    n->lab = l;
    if (n->network == NULL) {
        CHECK(n->network = tl_memory_network_create(lab_seed * 2 + (uint64_t)which));
    }
    CHECK_EQUAL(tl_memory_network_open_server(n->network, &n->transport), TL_OK);
    CHECK_EQUAL(tl_memory_store_open(l->world, &n->store), TL_OK);
    tl_server_def def = tl_server_def_default();
    def.name = which ? "beta" : "alpha";
    def.kinds = kinds, def.kind_count = KIND_COUNT;
    def.store = n->store, def.transport = n->transport;
    def.entities_max = 1000, def.groups_max = 64, def.clients_max = 8;
    // Here decoders are tried; what is limited before them has tests of its own.
    def.malformed_max = def.peer_datagrams_per_s = 1000000, def.hello_ms_max = 3600 * 1000;
    def.callbacks = (tl_server_callbacks){.user = n,
                                          .authorize = on_authorize,
                                          .tick = on_tick,
                                          .request = on_request,
                                          .client = on_client,
                                          .message = on_message};
    char text[256] = "";
    tl_result result = tl_server_create(&def, &n->server, text, sizeof text);
    if (result != TL_OK) {
        printf("%s\n", text);
    }
    CHECK_EQUAL(result, TL_OK);
}

void lab_stop_server(node *n)
{
    if (n->server == NULL) {
        return;
    }
    tl_server_destroy(n->server);
    tl_store_close(n->store, false);
    tl_transport_close(n->transport);
    n->server = NULL;
}

static void take_events(friend *f)
{
    tl_client_event event;
    while (tl_client_next_event(f->client, &event)) {
        if (event.type == TL_CLIENT_ANSWER) {
            f->answers++, f->answer = event;
        }
        if (event.type == TL_CLIENT_MESSAGE) {
            CHECK(event.size > 0 && f->messages < MESSAGES_MAX);
            f->heard[f->messages++] = *(const uint8_t *)event.data;
        }
    }
}

void lab_run(lab *l, double seconds)
{
    uint64_t end_us = l->now_us + (uint64_t)(seconds * 1e6);
    while (l->now_us < end_us) {
        l->now_us += 1000;
        tl_memory_world_advance(l->world, l->now_us);
        for (int i = 0; i < 2; i++) {
            if (l->nodes[i].server) {
                tl_server_step(l->nodes[i].server, (tl_time){.wall_us = l->now_us, .monotonic_us = l->now_us});
            }
        }
        if (l->each) {
            l->each(l);
        }
        for (int i = 0; i < CLIENTS_MAX; i++) {
            if (l->friends[i].client == NULL) {
                continue;
            }
            tl_client_step(l->friends[i].client, l->now_us);
            take_events(&l->friends[i]);
        }
    }
}

lab *lab_create(void)
{
    lab *l = calloc(1, sizeof *l);
    make_kinds();
    l->now_us = START_US;
    tl_memory_world_def def = tl_memory_world_def_default();
    def.seed = lab_seed;
    CHECK(l->world = tl_memory_world_create(&def));
    tl_memory_world_advance(l->world, l->now_us);
    tl_store *store;
    CHECK_EQUAL(tl_memory_store_open(l->world, &store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = TICK_HZ, .created_us = START_US};
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
    lab_start_server(l, 0);
    lab_start_server(l, 1);
    lab_run(l, 1);
    return l;
}

void lab_connect(lab *l, int which, int server, const char *token)
{
    friend *f = &l->friends[which];
    *f = (friend){0};
    CHECK_EQUAL(tl_memory_network_open_client(l->nodes[server].network, &f->transport), TL_OK);
    tl_client_def def = tl_client_def_default();
    def.transport = f->transport;
    def.token = token, def.token_bytes = strlen(token);
    def.entities_max = 1000;
    CHECK_EQUAL(tl_client_create(&def, &f->client, NULL, 0), TL_OK);
    tl_client_observe_point(f->client, (tl_vec3){0, 0, 0});
}

void lab_disconnect(lab *l, int which)
{
    friend *f = &l->friends[which];
    if (f->client == NULL) {
        return;
    }
    tl_client_destroy(f->client);
    tl_transport_close(f->transport);
    f->client = NULL;
}

void lab_destroy(lab *l)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        lab_disconnect(l, i);
    }
    for (int i = 0; i < 2; i++) {
        lab_stop_server(&l->nodes[i]);
        tl_memory_network_destroy(l->nodes[i].network);
    }
    tl_memory_world_destroy(l->world);
    free(l);
}

void lab_validate(lab *l)
{
    for (int i = 0; i < 2; i++) {
        if (l->nodes[i].server) {
            tl_server_validate(l->nodes[i].server);
        }
    }
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (l->friends[i].client) {
            tl_client_validate(l->friends[i].client);
        }
    }
}

tl_result lab_answer(lab *l, int which, uint32_t request)
{
    friend *f = &l->friends[which];
    uint32_t before = f->answers;
    for (int i = 0; i < 200 && f->answers == before; i++) {
        lab_run(l, 0.01);
    }
    CHECK_EQUAL(f->answers, before + 1);
    CHECK_EQUAL(f->answer.request, request);
    return f->answer.result;
}

tl_result lab_update(lab *l, int which, tl_entity_id id, double x, int64_t state)
{
    tl_values v = lab_at(x, 1, 2);
    v.fields[2].integer = state;
    uint32_t request;
    CHECK_EQUAL(tl_client_request_update(l->friends[which].client, id, &v, &request), TL_OK);
    return lab_answer(l, which, request);
}

tl_result lab_delete(lab *l, int which, tl_entity_id id)
{
    uint32_t request;
    CHECK_EQUAL(tl_client_request_delete(l->friends[which].client, id, &request), TL_OK);
    return lab_answer(l, which, request);
}

void lab_check_seen(lab *l, int which, tl_entity_id id, double x, int64_t state)
{
    tl_client *c = l->friends[which].client;
    tl_values v;
    CHECK_EQUAL(tl_client_get_values(c, id, (double)tl_client_get_frame_tick(c), &v), TL_OK);
    CHECK_NEAR(v.fields[0].position.x, x, 0.03);
    CHECK_EQUAL(v.fields[2].integer, state);
}

// Where the avatar walks in the cabin: to and fro.
static tl_values avatar_values(double time_s)
{
    double w = 1.5;
    tl_values v = lab_at(0.5, 0, sin(w * time_s));
    v.fields[0].velocity = (tl_vec3){0, 0, w * cos(w * time_s)};
    v.fields[2].integer = 5;
    return v;
}

void lab_walk_avatar(lab *l)
{
    tl_client *c = l->friends[0].client;
    if (lab_avatar == 0 || l->now_us % 16000 != 0) {
        return;
    }
    double tick = tl_client_get_server_tick(c, l->now_us);
    tl_values v = avatar_values(tick / TICK_HZ);
    tl_client_set_values(c, lab_avatar, tick, l->nodes[1].cabin_id, &v);
}

tl_entity_id lab_create_own(lab *l, int which, tl_entity_id carrier)
{
    uint32_t request;
    tl_values v = avatar_values(0);
    CHECK_EQUAL(tl_client_request_create(l->friends[which].client, KIND_AVATAR, carrier, &v, true, &request), TL_OK);
    CHECK_EQUAL(lab_answer(l, which, request), TL_OK);
    return l->friends[which].answer.entity;
}

double lab_avatar_error_m(lab *l, int which)
{
    tl_client *c = l->friends[which].client;
    double tick = (double)tl_client_get_frame_tick(c);
    tl_pose pose;
    CHECK_EQUAL(tl_client_get_pose(c, lab_avatar, tick, false, &pose), TL_OK);
    CHECK_EQUAL(pose.carrier, l->nodes[1].cabin_id);
    tl_values v;
    CHECK_EQUAL(tl_client_get_values(c, lab_avatar, tick, &v), TL_OK);
    CHECK_EQUAL(v.fields[2].integer, 5);
    tl_vec3 truth = avatar_values(tick / TICK_HZ).fields[0].position, is = v.fields[0].position;
    return hypot(hypot(is.x - truth.x, is.y - truth.y), is.z - truth.z);
}

void lab_begin(int argc, char **argv)
{
    lab_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    printf("seed %llu\n", (unsigned long long)lab_seed);
    setvbuf(stdout, NULL, _IOLBF, 0);
}
