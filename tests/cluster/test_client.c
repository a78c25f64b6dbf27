// What clients do: requests and what policies say to them, own entities, messages, refusals, reconnects; and what they
// must not be able to do. Two servers, alpha and beta; a tram of beta's goes in a circle with a cabin.
#include "check.h"
#include "tramline/client.h"
#include "tramline/server.h"

#include <math.h>

enum { CLIENTS_MAX = 4, TICK_HZ = 20, START_US = 1000000, TAPE_MAX = 4096, MESSAGES_MAX = 512 };
enum { KIND_DENY, KIND_ASK, KIND_ALLOW, KIND_CABIN, KIND_AVATAR, KIND_COUNT };

typedef struct node {
    tl_server *server;
    tl_store *store;
    tl_memory_network *network;
    tl_transport *transport;
    struct lab *lab;
    tl_group_id group;
    tl_entity_ref boxes[3], cabin;
    // turner: like the cabin, but with its velocity and spin left to be worked out
    tl_entity_id box_ids[3], cabin_id, turner_id;
    tl_entity_ref turner;
    uint32_t requests, joins, leaves, messages;
    uint8_t heard[MESSAGES_MAX]; // first bytes of messages
    tl_client_number last_client;
} node;

typedef struct friend
{
    tl_client *client;
    tl_transport *transport;
    uint32_t answers, messages;
    tl_client_event answer; // the last
    uint8_t heard[MESSAGES_MAX];
}
friend;

typedef struct lab {
    uint64_t now_us;
    tl_memory_world *world;
    node nodes[2];
    friend friends[CLIENTS_MAX];
    bool refuse;
    void (*each)(struct lab *lab); // before each step
} lab;

static uint64_t seed;
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
static void cabin_truth(double time_s, tl_vec3 *position, tl_vec3 *velocity, tl_quat *rotation, tl_vec3 *spin)
{
    double w = 2 * 3.14159265358979 / 30, a = w * time_s;
    *position = (tl_vec3){300 + 40 * cos(a), 0, 40 * sin(a)};
    *velocity = (tl_vec3){-40 * w * sin(a), 0, 40 * w * cos(a)};
    *rotation = (tl_quat){0, sin(-a / 2), 0, cos(a / 2)};
    *spin = (tl_vec3){0, -w, 0};
}

static tl_values cabin_values(double time_s)
{
    tl_values v = {.mask = 7};
    cabin_truth(time_s, &v.fields[0].position, &v.fields[0].velocity, &v.fields[1].rotation, &v.fields[1].spin);
    return v;
}

static tl_values at(double x, double y, double z)
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
            tl_entity_def def = {.group = n->group, .kind = i, .values = at(10 * which, 0, 5 * i)};
            CHECK_EQUAL(tl_server_create_entity(server, &def, &n->boxes[i]), TL_OK);
            tl_entity_info info;
            CHECK_EQUAL(tl_server_info(server, n->boxes[i], &info), TL_OK);
            n->box_ids[i] = info.id;
        }
        if (which == 1) {
            tl_entity_def def = {.group = n->group, .kind = KIND_CABIN, .values = cabin_values(time_s)};
            CHECK_EQUAL(tl_server_create_entity(server, &def, &n->cabin), TL_OK);
            tl_entity_info info;
            CHECK_EQUAL(tl_server_info(server, n->cabin, &info), TL_OK);
            n->cabin_id = info.id;
        }
        return;
    }
    if (n->turner_id && tl_server_owns_group(server, n->group)) {
        tl_values v = cabin_values(time_s);
        CHECK_EQUAL(tl_server_set_poses(server, &n->turner, 1, &v.fields[0].position, NULL, &v.fields[1].rotation), 1);
    }
    if (which == 1 && tl_server_owns_group(server, n->group)) { // it may have been given away
        tl_values v = cabin_values(time_s);
        CHECK_EQUAL(tl_server_set(server, n->cabin, &v), TL_OK);
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

static void start_server(lab *l, int which)
{
    node *n = &l->nodes[which];
    n->lab = l;
    if (n->network == NULL) {
        CHECK(n->network = tl_memory_network_create(seed * 2 + (uint64_t)which));
    }
    CHECK_EQUAL(tl_memory_network_server(n->network, &n->transport), TL_OK);
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

static void stop_server(node *n)
{
    if (n->server == NULL) {
        return;
    }
    tl_server_destroy(n->server);
    n->store->ops->close(n->store, false);
    n->transport->ops->close(n->transport);
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

static void run(lab *l, double seconds)
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
    start_server(l, 0);
    start_server(l, 1);
    run(l, 1);
    return l;
}

static void connect_friend(lab *l, int which, int server, const char *token)
{
    friend *f = &l->friends[which];
    *f = (friend){0};
    CHECK_EQUAL(tl_memory_network_client(l->nodes[server].network, &f->transport), TL_OK);
    tl_client_def def = tl_client_def_default();
    def.transport = f->transport;
    def.token = token, def.token_bytes = strlen(token);
    def.entities_max = 1000;
    CHECK_EQUAL(tl_client_create(&def, &f->client), TL_OK);
    tl_client_observe_point(f->client, (tl_vec3){0, 0, 0});
}

static void disconnect_friend(lab *l, int which)
{
    friend *f = &l->friends[which];
    if (f->client == NULL) {
        return;
    }
    tl_client_destroy(f->client);
    f->transport->ops->close(f->transport);
    f->client = NULL;
}

static void destroy_lab(lab *l)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        disconnect_friend(l, i);
    }
    for (int i = 0; i < 2; i++) {
        stop_server(&l->nodes[i]);
        tl_memory_network_destroy(l->nodes[i].network);
    }
    tl_memory_world_destroy(l->world);
    free(l);
}

static void validate(lab *l)
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

static tl_result answered(lab *l, int which, uint32_t request)
{
    friend *f = &l->friends[which];
    uint32_t before = f->answers;
    for (int i = 0; i < 200 && f->answers == before; i++) {
        run(l, 0.01);
    }
    CHECK_EQUAL(f->answers, before + 1);
    CHECK_EQUAL(f->answer.request, request);
    return f->answer.result;
}

static tl_result update(lab *l, int which, tl_entity_id id, double x, int64_t state)
{
    tl_values v = at(x, 1, 2);
    v.fields[2].integer = state;
    uint32_t request;
    CHECK_EQUAL(tl_client_request_update(l->friends[which].client, id, &v, &request), TL_OK);
    return answered(l, which, request);
}

static tl_result delete(lab *l, int which, tl_entity_id id)
{
    uint32_t request;
    CHECK_EQUAL(tl_client_request_delete(l->friends[which].client, id, &request), TL_OK);
    return answered(l, which, request);
}

static void check_seen(lab *l, int which, tl_entity_id id, double x, int64_t state)
{
    tl_client *c = l->friends[which].client;
    tl_values v;
    CHECK_EQUAL(tl_client_get(c, id, (double)tl_client_frame_tick(c), &v), TL_OK);
    CHECK_NEAR(v.fields[0].position.x, x, 0.03);
    CHECK_EQUAL(v.fields[2].integer, state);
}

// On entities of the own server and of the other one alike.
TEST(policies)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, "friend-0");
    connect_friend(l, 1, 1, "friend-1");
    run(l, 1);
    CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_LIVE);
    for (int owner = 0; owner < 2; owner++) {
        node *n = &l->nodes[owner];
        CHECK_EQUAL(update(l, 0, n->box_ids[KIND_DENY], 7, 1), TL_ERR_DENIED);
        CHECK_EQUAL(delete (l, 0, n->box_ids[KIND_DENY]), TL_ERR_DENIED);
        CHECK_EQUAL(n->requests, 0);
        CHECK_EQUAL(update(l, 0, n->box_ids[KIND_ASK], 8, 13), TL_ERR_DENIED);
        CHECK_EQUAL(update(l, 0, n->box_ids[KIND_ASK], 8, 2), TL_OK);
        CHECK_EQUAL(n->requests, 2);
        CHECK_EQUAL(update(l, 0, n->box_ids[KIND_ALLOW], 9, 3), TL_OK);
        CHECK_EQUAL(n->requests, 2);
        run(l, 0.5);
        for (int f = 0; f < 2; f++) {
            check_seen(l, f, n->box_ids[KIND_DENY], 10 * owner, 0);
            check_seen(l, f, n->box_ids[KIND_ASK], 8, 2);
            check_seen(l, f, n->box_ids[KIND_ALLOW], 9, 3);
        }
        CHECK_EQUAL(delete (l, 0, n->box_ids[KIND_ALLOW]), TL_OK);
        run(l, 0.5);
        tl_pose pose;
        for (int f = 0; f < 2; f++) {
            CHECK_EQUAL(tl_client_pose(l->friends[f].client, n->box_ids[KIND_ALLOW], 0, false, &pose),
                        TL_ERR_NOT_FOUND);
        }
    }
    // Creating: allowed, asked, denied.
    uint32_t request;
    tl_values v = at(1, 2, 3);
    CHECK_EQUAL(tl_client_request_create(l->friends[0].client, KIND_ALLOW, 0, &v, false, &request), TL_OK);
    CHECK_EQUAL(answered(l, 0, request), TL_OK);
    tl_entity_id made = l->friends[0].answer.entity;
    CHECK_EQUAL(tl_client_request_create(l->friends[0].client, KIND_ASK, 0, &v, false, &request), TL_OK);
    CHECK_EQUAL(answered(l, 0, request), TL_OK);
    CHECK_EQUAL(tl_client_request_create(l->friends[0].client, KIND_DENY, 0, &v, false, &request), TL_OK);
    CHECK_EQUAL(answered(l, 0, request), TL_ERR_DENIED);
    run(l, 0.5);
    check_seen(l, 1, made, 1, 0);
    CHECK_EQUAL(delete (l, 1, made), TL_OK);
    run(l, 0.5);
    CHECK_EQUAL(delete (l, 1, made), TL_ERR_NOT_FOUND);
    validate(l);
    destroy_lab(l);
}

// A request to a server that is gone is answered, too.
TEST(a_request_to_nobody)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, "friend-0");
    run(l, 1);
    tl_memory_network_cut(l->nodes[1].network, true);
    stop_server(&l->nodes[1]);
    uint32_t request;
    tl_values v = at(0, 0, 0);
    CHECK_EQUAL(tl_client_request_update(l->friends[0].client, l->nodes[1].box_ids[KIND_ALLOW], &v, &request), TL_OK);
    run(l, 10.5);
    CHECK_EQUAL(l->friends[0].answers, 1);
    CHECK_EQUAL(l->friends[0].answer.result, TL_ERR_UNAVAILABLE);
    CHECK_EQUAL(update(l, 0, l->nodes[1].box_ids[KIND_ALLOW], 4, 4), TL_OK); // of alpha now
    destroy_lab(l);
}

// ---- own entities ----

static tl_entity_id avatar;

// Where the avatar walks in the cabin: to and fro.
static tl_values avatar_values(double time_s)
{
    double w = 1.5;
    tl_values v = at(0.5, 0, sin(w * time_s));
    v.fields[0].velocity = (tl_vec3){0, 0, w * cos(w * time_s)};
    v.fields[2].integer = 5;
    return v;
}

static void walk_avatar(lab *l)
{
    tl_client *c = l->friends[0].client;
    if (avatar == 0 || l->now_us % 16000 != 0) {
        return;
    }
    double tick = tl_client_server_tick(c, l->now_us);
    tl_values v = avatar_values(tick / TICK_HZ);
    tl_client_set(c, avatar, tick, l->nodes[1].cabin_id, &v);
}

static tl_entity_id create_own(lab *l, int which, tl_entity_id carrier)
{
    uint32_t request;
    tl_values v = avatar_values(0);
    CHECK_EQUAL(tl_client_request_create(l->friends[which].client, KIND_AVATAR, carrier, &v, true, &request), TL_OK);
    CHECK_EQUAL(answered(l, which, request), TL_OK);
    return l->friends[which].answer.entity;
}

static double avatar_error_m(lab *l, int which)
{
    tl_client *c = l->friends[which].client;
    double tick = (double)tl_client_frame_tick(c);
    tl_pose pose;
    CHECK_EQUAL(tl_client_pose(c, avatar, tick, false, &pose), TL_OK);
    CHECK_EQUAL(pose.carrier, l->nodes[1].cabin_id);
    tl_values v;
    CHECK_EQUAL(tl_client_get(c, avatar, tick, &v), TL_OK);
    CHECK_EQUAL(v.fields[2].integer, 5);
    tl_vec3 truth = avatar_values(tick / TICK_HZ).fields[0].position, is = v.fields[0].position;
    return hypot(hypot(is.x - truth.x, is.y - truth.y), is.z - truth.z);
}

// An avatar in a cabin of the other server's: seen by all in the cabin's frame, as near as its way over the network
// lets it.
TEST(an_own_entity)
{
    for (int bad = 0; bad < 2; bad++) {
        lab *l = create_lab();
        if (bad) {
            for (int i = 0; i < 2; i++) {
                tl_memory_network_faults(l->nodes[i].network,
                                         (tl_link_faults){.loss = 0.05, .delay_us = 15000, .jitter_us = 10000});
            }
        }
        for (int i = 0; i < 3; i++) {
            connect_friend(l, i, i % 2, "friend");
            tl_client_observe_entity(l->friends[i].client, l->nodes[1].cabin_id);
        }
        run(l, 1.5);
        avatar = create_own(l, 0, l->nodes[1].cabin_id);
        l->each = walk_avatar;
        run(l, 1);
        double sum = 0, max = 0;
        int count = 0;
        for (int i = 0; i < 100; i++) {
            run(l, 0.1);
            for (int f = 1; f < 3; f++, count++) {
                double error = avatar_error_m(l, f);
                sum += error, max = fmax(max, error);
            }
        }
        printf("  error %.3f m, at most %.3f m\n", sum / count, max);
        // It is told of up to some 0.1 s later, in which its speed changes by 0.23 m/s.
        CHECK(sum / count < (bad ? 0.06 : 0.035));
        CHECK(max < (bad ? 0.5 : 0.1));
        // Others may not move it, nor what it rides in.
        CHECK_EQUAL(update(l, 1, avatar, 0, 0), TL_ERR_DENIED);
        CHECK_EQUAL(delete (l, 2, avatar), TL_ERR_DENIED);
        tl_values v = at(0, 0, 0);
        CHECK_EQUAL(tl_client_set(l->friends[1].client, avatar, 1, 0, &v), TL_ERR_NOT_FOUND);
        validate(l);
        // It goes with its client.
        l->each = NULL;
        disconnect_friend(l, 0);
        run(l, bad ? 12 : 1); // the goodbye may get lost
        tl_pose pose;
        for (int f = 1; f < 3; f++) {
            CHECK_EQUAL(tl_client_pose(l->friends[f].client, avatar, 0, false, &pose), TL_ERR_NOT_FOUND);
        }
        for (int i = 0; i < 2; i++) {
            CHECK_EQUAL(tl_server_find(l->nodes[i].server, avatar), TL_REF_NONE);
        }
        avatar = 0;
        destroy_lab(l);
    }
}

// Whatever gets lost, what a client said last of its entity is what all see in the end; messages beside it or not.
TEST(the_last_word_arrives)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, "friend-0");
    connect_friend(l, 1, 1, "friend-1");
    run(l, 1);
    tl_entity_id id = create_own(l, 0, 0);
    tl_memory_network_faults(l->nodes[0].network, (tl_link_faults){.loss = 0.4, .delay_us = 10000, .jitter_us = 30000});
    uint64_t random = seed;
    uint8_t message[600] = {1};
    for (int i = 1; i <= 30; i++) {
        tl_values v = at(i, 0, 0);
        v.fields[2].integer = i;
        CHECK_EQUAL(
            tl_client_set(l->friends[0].client, id, tl_client_server_tick(l->friends[0].client, l->now_us), 0, &v),
            TL_OK);
        for (int k = 0; k < 10; k++) {
            tl_client_send(l->friends[0].client, message, sizeof message);
            run(l, check_random_between(&random, 0, 0.1));
        }
        run(l, 1.5); // of some thirty reports one gets through
        check_seen(l, 1, id, i, i);
    }
    destroy_lab(l);
}

// What clients of a crashed server owned is kept by its heir for the time of grace, and then goes; their ids are never
// made again.
TEST(own_entities_of_a_dead_server)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, "friend-0");
    connect_friend(l, 1, 1, "friend-1");
    run(l, 1);
    avatar = create_own(l, 0, 0);
    run(l, 1);
    tl_pose pose;
    CHECK_EQUAL(tl_client_pose(l->friends[1].client, avatar, 0, false, &pose), TL_OK);
    tl_memory_network_cut(l->nodes[0].network, true);
    stop_server(&l->nodes[0]);
    disconnect_friend(l, 0);
    tl_memory_network_cut(l->nodes[0].network, false);
    run(l, 4);
    CHECK_EQUAL(tl_client_pose(l->friends[1].client, avatar, 0, false, &pose), TL_OK);
    run(l, 7);
    CHECK_EQUAL(tl_client_pose(l->friends[1].client, avatar, 0, false, &pose), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_client_pose(l->friends[1].client, l->nodes[0].box_ids[0], 0, false, &pose), TL_OK);
    start_server(l, 0);
    run(l, 1);
    connect_friend(l, 0, 0, "friend-0");
    run(l, 1);
    tl_entity_id next = create_own(l, 0, 0);
    CHECK(next != avatar && next > avatar);
    // And if it is back at once.
    run(l, 0.5);
    tl_memory_network_cut(l->nodes[0].network, true);
    stop_server(&l->nodes[0]);
    disconnect_friend(l, 0);
    tl_memory_network_cut(l->nodes[0].network, false);
    start_server(l, 0);
    run(l, 11);
    CHECK_EQUAL(tl_client_pose(l->friends[1].client, next, 0, false, &pose), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_server_find(l->nodes[0].server, next), TL_REF_NONE);
    avatar = 0;
    validate(l);
    destroy_lab(l);
}

// ---- messages and limits ----

TEST(what_there_is)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, "friend-anna");
    tl_kind_def kind;
    CHECK_EQUAL(tl_client_kind(l->friends[0].client, 0, &kind), TL_ERR_NOT_FOUND); // not known yet
    run(l, 1);
    tl_client *c = l->friends[0].client;
    CHECK_EQUAL(tl_client_kind(c, KIND_CABIN, &kind), TL_OK);
    CHECK(strcmp(kind.name, "cabin") == 0 && kind.carrier_reach_m == 8 && kind.field_count == 3 &&
          kind.fields[2].type == TL_FIELD_INTEGER);
    CHECK_EQUAL(tl_client_kind(c, KIND_COUNT, &kind), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_client_kind(c, -1, &kind), TL_ERR_NOT_FOUND);
    tl_server *server = l->nodes[0].server; // has what beta made, too
    tl_entity_ref all[16], refs[5] = {TL_REF_NONE, TL_REF_NONE, 1u << 30, TL_REF_NONE, 0};
    CHECK_EQUAL(tl_server_entities(server, NULL, 0), 7);
    CHECK_EQUAL(tl_server_entities(server, all, 16), 7);
    const tl_entity_id ids[5] = {l->nodes[0].box_ids[2], l->nodes[1].cabin_id, l->nodes[1].box_ids[0], 12345,
                                 l->nodes[0].box_ids[1]};
    for (int pass = 0; pass < 2; pass++) { // with nothing known, with something wrong, and with what was found
        CHECK_EQUAL(tl_server_find_all(server, ids, 5, refs), 4);
        for (int i = 0; i < 5; i++) {
            CHECK(refs[i] == tl_server_find(server, ids[i]) && (refs[i] == TL_REF_NONE) == (i == 3));
        }
    }
    uint32_t hint = 0;
    tl_pose pose;
    tl_placed placed;
    for (int i = 0; i < 3; i++) { // with a wrong hint, and with the right one
        tl_entity_id id = i ? l->nodes[1].cabin_id : l->nodes[0].box_ids[1];
        double tick = (double)tl_client_frame_tick(c);
        CHECK(tl_client_placed(c, id, &hint, tick, &placed) == TL_OK &&
              tl_client_pose(c, id, tick, true, &pose) == TL_OK);
        CHECK(placed.kind == pose.kind && fabs(placed.position.x - pose.position.x) < 1e-3 &&
              fabs(placed.position.z - pose.position.z) < 1e-3);
    }
    CHECK_EQUAL(tl_client_placed(c, 12345, &hint, 0, &placed), TL_ERR_NOT_FOUND);
    uint64_t releases = tl_server_releases(server);
    CHECK_EQUAL(tl_server_delete_entity(server, refs[0]), TL_OK);
    run(l, 0.5);
    CHECK(tl_server_releases(server) == releases + 1 && tl_server_find(server, ids[0]) == TL_REF_NONE);
    destroy_lab(l);
}

TEST(groups_that_are_kept_stay)
{
    lab *l = create_lab();
    tl_server *alpha = l->nodes[0].server, *beta = l->nodes[1].server;
    tl_group_id groups[6];
    for (int i = 0; i < 6; i++) {
        CHECK_EQUAL(tl_server_create_group(alpha, 0, &groups[i]), TL_OK);
    }
    for (int i = 0; i < 6; i++) {
        CHECK_EQUAL(tl_server_keep_group(alpha, groups[i], true), TL_OK);
    }
    CHECK_EQUAL(tl_server_keep_group(beta, groups[0], true), TL_ERR_NOT_FOUND); // not told yet
    run(l, 1);
    CHECK_EQUAL(tl_server_keep_group(beta, groups[0], true), TL_ERR_DENIED);
    for (int i = 0; i < 6; i++) {
        CHECK(tl_server_owns_group(alpha, groups[i]));
    }
    for (int i = 0; i < 6; i++) {
        CHECK_EQUAL(tl_server_keep_group(alpha, groups[i], false), TL_OK);
    }
    run(l, 1);
    int owned = 0;
    for (int i = 0; i < 6; i++) {
        owned += tl_server_owns_group(alpha, groups[i]);
    }
    CHECK(owned == 3 || owned == 4); // of eight, with those that both had before
    for (int i = 0; i < 6; i++) {
        if (tl_server_owns_group(alpha, groups[i])) {
            CHECK_EQUAL(tl_server_keep_group(alpha, groups[i], true), TL_OK);
        }
    }
    tl_server_leave(alpha);
    run(l, 2);
    for (int i = 0; i < 6; i++) {
        CHECK(tl_server_owns_group(beta, groups[i]));
    }
    destroy_lab(l);
}

TEST(turns_are_worked_out)
{
    lab *l = create_lab();
    node *n = &l->nodes[0];
    tl_server *server = n->server;
    int64_t tick = tl_server_get_stats(server).tick;
    tl_entity_def def = {.group = n->group, .kind = KIND_CABIN, .values = cabin_values((double)tick / TICK_HZ)};
    CHECK_EQUAL(tl_server_create_entity(server, &def, &n->turner), TL_OK);
    tl_entity_info info;
    CHECK_EQUAL(tl_server_info(server, n->turner, &info), TL_OK);
    n->turner_id = info.id;
    run(l, 1);
    for (int i = 0; i < 60; i++) { // between ticks, too, it is where and how it should be
        run(l, 0.05);
        tl_vec3 at, truth, velocity, spin;
        tl_quat rotation, turned;
        double half = (double)tl_server_get_stats(server).world_tick + 0.5;
        CHECK_EQUAL(tl_server_pose(server, n->turner, half, &at, &rotation), TL_OK);
        cabin_truth(half / TICK_HZ, &truth, &velocity, &turned, &spin);
        double cosine = fabs(rotation.x * turned.x + rotation.y * turned.y + rotation.z * turned.z +
                             rotation.w * turned.w);
        CHECK_NEAR(at.x, truth.x, 0.02);
        CHECK_NEAR(at.z, truth.z, 0.02);
        CHECK(2 * acos(fmin(cosine, 1)) < 0.003); // half a tick without a spin is 0.005
    }
    tl_vec3 last, velocity, spin, at;
    tl_quat turned, rotation;
    cabin_truth((double)tl_server_get_stats(server).tick / TICK_HZ, &last, &velocity, &turned, &spin);
    n->turner_id = 0; // and it is not set any more: it stands still
    run(l, 0.5);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(tl_server_pose(server, n->turner, (double)tl_server_get_stats(server).world_tick, &at, &rotation),
                    TL_OK);
        CHECK_NEAR(at.x, last.x, 0.005);
        CHECK_NEAR(at.z, last.z, 0.005);
        CHECK(fabs(rotation.x * turned.x + rotation.y * turned.y + rotation.z * turned.z + rotation.w * turned.w) >
              1 - 1e-6);
        run(l, 2);
    }
    destroy_lab(l);
}

// What was worked out does not come back once the game says itself how the entity moves.
TEST(what_the_game_says_last_holds)
{
    lab *l = create_lab();
    node *n = &l->nodes[0];
    tl_server *server = n->server;
    tl_entity_def def = {.group = n->group, .kind = KIND_CABIN, .values = cabin_values(0)};
    tl_entity_ref ref;
    CHECK_EQUAL(tl_server_create_entity(server, &def, &ref), TL_OK);
    run(l, 0.5);
    for (int way = 0; way < 2; way++) {
        for (int i = 0; i < 6; i++) {
            tl_vec3 place = {100 + i * 0.5, 0, 0};
            CHECK_EQUAL(tl_server_set_poses(server, &ref, 1, &place, NULL, NULL), 1);
            run(l, 1.0 / TICK_HZ);
        }
        double x_m = 500;
        for (int i = 0; i < 20; i++, x_m += 0.5) { // elsewhere, and every tick
            tl_vec3 place = {x_m, 0, 0}, velocity = {0.5 * TICK_HZ, 0, 0}, shown;
            tl_quat rotation;
            tl_values values = {.mask = 1};
            values.fields[0] = (tl_value){.position = place, .velocity = velocity};
            if (way == 0) {
                CHECK_EQUAL(tl_server_set(server, ref, &values), TL_OK);
            } else {
                CHECK_EQUAL(tl_server_set_poses(server, &ref, 1, &place, &velocity, NULL), 1);
            }
            run(l, 1.0 / TICK_HZ);
            CHECK_EQUAL(tl_server_pose(server, ref, (double)tl_server_get_stats(server).world_tick, &shown, &rotation),
                        TL_OK);
            if (i > 0) {
                CHECK_NEAR(shown.x, x_m, 1.1); // a tick or two behind, not 400 m
            }
        }
    }
    destroy_lab(l);
}

TEST(messages_both_ways)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, "friend-0");
    run(l, 1);
    tl_memory_network_faults(
        l->nodes[0].network,
        (tl_link_faults){.loss = 0.2, .copy = 0.1, .reorder = 0.2, .delay_us = 10000, .jitter_us = 20000});
    node *n = &l->nodes[0];
    uint8_t data[TL_MESSAGE_BYTES_MAX] = {0};
    int sent[2] = {0, 0};
    while (sent[0] < 200 || sent[1] < 200) {
        data[0] = (uint8_t)sent[0];
        if (sent[0] < 200 &&
            tl_client_send(l->friends[0].client, data, sent[0] % 10 == 0 ? sizeof data : 20) == TL_OK) {
            sent[0]++;
        }
        data[0] = (uint8_t)sent[1];
        if (sent[1] < 200 &&
            tl_server_send(n->server, n->last_client, data, sent[1] % 10 == 0 ? sizeof data : 20) == TL_OK) {
            sent[1]++;
        }
        run(l, 0.01);
        CHECK(l->now_us < START_US + 120 * 1000000u);
    }
    for (int i = 0; i < 600 && (n->messages < 200 || l->friends[0].messages < 200); i++) {
        run(l, 0.1);
    }
    CHECK_EQUAL(n->messages, 200);
    CHECK_EQUAL(l->friends[0].messages, 200);
    for (int i = 0; i < 200; i++) {
        CHECK_EQUAL(n->heard[i], i);
        CHECK_EQUAL(l->friends[0].heard[i], i);
    }
    CHECK_EQUAL(tl_client_send(l->friends[0].client, data, sizeof data + 1), TL_ERR_INVALID);
    CHECK_EQUAL(tl_server_send(n->server, 777, data, 1), TL_ERR_NOT_FOUND);
    destroy_lab(l);
}

// Too many requests are refused, too many messages are held up; none is lost, and nobody else is held up.
TEST(limits_of_rate)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, "friend-0");
    connect_friend(l, 1, 0, "friend-1");
    run(l, 1);
    friend *f = &l->friends[0];
    uint32_t asked = 0, sent = 0;
    for (int i = 0; i < 200; i++) {
        tl_values v = at(0, 0, i);
        asked += tl_client_request_update(f->client, l->nodes[0].box_ids[KIND_ALLOW], &v, NULL) == TL_OK;
        run(l, 0.005);
    }
    run(l, 2);
    CHECK_EQUAL(f->answers, asked);
    // 32 at once and 32 a second; the others were answered AGAIN.
    CHECK(asked - tl_server_get_stats(l->nodes[0].server).rate_limited <= 32 + 32 + 2);
    uint64_t first_us = l->now_us;
    for (int i = 0; sent < 300; i++) {
        uint8_t byte = (uint8_t)sent;
        if (tl_client_send(f->client, &byte, 1) == TL_OK) {
            sent++;
        }
        run(l, 0.001);
        CHECK(i < 60000);
    }
    uint64_t began_us = l->now_us;
    for (int i = 0; i < 200 && l->nodes[0].messages < 300; i++) {
        run(l, 0.1);
    }
    CHECK_EQUAL(l->nodes[0].messages, 300);
    // 64 at once and 64 a second, and at the end as many as a datagram has.
    CHECK(l->now_us - first_us > 5 * 1000000 / 2);
    for (int i = 0; i < 300; i++) {
        CHECK_EQUAL(l->nodes[0].heard[i], (uint8_t)i);
    }
    CHECK(l->now_us - began_us < 10000000);
    CHECK_EQUAL(update(l, 1, l->nodes[0].box_ids[KIND_ALLOW], 3, 3), TL_OK);
    // Own entities, too.
    uint32_t made = 0;
    for (int i = 0; i < 24; i++) {
        tl_values v = at(0, 0, 0);
        uint32_t request;
        CHECK_EQUAL(tl_client_request_create(f->client, KIND_AVATAR, 0, &v, true, &request), TL_OK);
        made += answered(l, 0, request) == TL_OK;
        run(l, 0.05);
    }
    CHECK_EQUAL(made, 16);
    destroy_lab(l);
}

TEST(refusal_and_reconnect)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, "stranger");
    run(l, 1);
    CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_CLOSED);
    CHECK(strstr(tl_client_text(l->friends[0].client), "token is not good here"));
    CHECK_EQUAL(l->nodes[0].joins, 0);
    disconnect_friend(l, 0);
    connect_friend(l, 0, 0, "");
    run(l, 1);
    CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_CLOSED);
    CHECK(strstr(tl_client_text(l->friends[0].client), "ask its operator for one"));
    disconnect_friend(l, 0);
    for (int i = 0; i < 5; i++) { // many times: everything is given back
        connect_friend(l, 0, 0, "friend-0");
        run(l, 1);
        CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_LIVE);
        CHECK(tl_client_get_stats(l->friends[0].client).entities >= 7);
        disconnect_friend(l, 0);
        run(l, 0.2);
        CHECK_EQUAL(l->nodes[0].leaves, (uint32_t)i + 1);
    }
    CHECK_EQUAL(tl_server_get_stats(l->nodes[0].server).clients, 0);
    // Dropped by the game.
    connect_friend(l, 0, 0, "friend-0");
    run(l, 1);
    tl_server_drop_client(l->nodes[0].server, l->nodes[0].last_client, "enough");
    run(l, 0.5);
    CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_CLOSED);
    disconnect_friend(l, 0);
    validate(l);
    destroy_lab(l);
}

// ---- bytes that were not meant ----

typedef struct tape { // datagrams that real clients and servers sent
    uint8_t data[TAPE_MAX][TL_DATAGRAM_BYTES_MAX];
    size_t sizes[TAPE_MAX];
    int count;
    const tl_transport_ops *real;
    tl_transport_ops ops;
} tape;

static tape *recording;

static tl_result record_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    tape *t = recording;
    if (t && t->count < TAPE_MAX) {
        memcpy(t->data[t->count], data, size);
        t->sizes[t->count++] = size;
    }
    return t->real->send(self, peer, data, size);
}

static void record_on(tape *t, tl_transport *transport)
{
    t->real = transport->ops;
    t->ops = *transport->ops;
    t->ops.send = record_send;
    transport->ops = &t->ops;
    recording = t;
}

static size_t mutate(uint64_t *random, const tape *t, uint8_t out[TL_DATAGRAM_BYTES_MAX])
{
    if (check_random(random) % 4 == 0 || t->count == 0) {
        size_t size = 1 + check_random(random) % 200;
        static const uint8_t types[] = {1, 2, 3, 0x81, 0x82, 0x83};
        for (size_t i = 0; i < size; i++) {
            out[i] = (uint8_t)check_random(random);
        }
        if (check_random(random) % 4) {
            out[0] = types[check_random(random) % 6];
        }
        return size;
    }
    int which = (int)(check_random(random) % (uint64_t)t->count);
    size_t size = t->sizes[which];
    memcpy(out, t->data[which], size);
    int changes = 1 + (int)(check_random(random) % 4);
    for (int i = 0; i < changes; i++) {
        out[check_random(random) % size] ^= (uint8_t)(1u << check_random(random) % 8);
    }
    if (check_random(random) % 3 == 0) {
        size = 1 + check_random(random) % size;
    }
    return size;
}

// To the server: from a peer of its own, and from the place of a real client.
TEST(malformed_to_the_server)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, "friend-0");
    tape *t = calloc(1, sizeof *t);
    record_on(t, l->friends[0].transport);
    run(l, 1.5);
    avatar = create_own(l, 0, 0);
    l->each = walk_avatar;
    uint8_t message[40] = {1};
    for (int i = 0; i < 20; i++) {
        tl_client_send(l->friends[0].client, message, sizeof message);
        update(l, 0, l->nodes[0].box_ids[KIND_ALLOW], 1, 1);
    }
    recording = NULL;
    t->ops.send = t->real->send;
    l->each = NULL;
    avatar = 0;
    connect_friend(l, 1, 0, "friend-1");
    run(l, 1);
    CHECK(t->count > 20);
    tl_transport *stranger;
    CHECK_EQUAL(tl_memory_network_client(l->nodes[0].network, &stranger), TL_OK);
    uint64_t random = seed;
    uint8_t data[TL_DATAGRAM_BYTES_MAX];
    tl_transport_event event;
    uint64_t malformed = tl_server_get_stats(l->nodes[0].server).malformed;
    for (int i = 0; i < 10000; i++) {
        size_t size = mutate(&random, t, data);
        // A goodbye or an old client's report from a stranger's peer is nothing to anybody else.
        stranger->ops->send(stranger, 1, data, size);
        if (data[0] != 3) {
            l->friends[0].transport->ops->send(l->friends[0].transport, 1, data, size);
        }
        while (stranger->ops->poll(stranger, l->now_us, &event) == TL_OK) {
            continue;
        }
        if (i % 10 == 0) {
            run(l, 0.002);
        }
    }
    run(l, 1);
    validate(l);
    tl_server_stats stats = tl_server_get_stats(l->nodes[0].server);
    printf("  malformed %llu\n", (unsigned long long)(stats.malformed - malformed));
    CHECK(stats.malformed - malformed > 3000);
    // The bystander has noticed nothing.
    CHECK_EQUAL(tl_client_get_state(l->friends[1].client), TL_CLIENT_LIVE);
    CHECK_EQUAL(tl_client_get_stats(l->friends[1].client).malformed, 0);
    CHECK_EQUAL(update(l, 1, l->nodes[0].box_ids[KIND_ALLOW], 6, 6), TL_OK);
    run(l, 1);
    check_seen(l, 1, l->nodes[0].box_ids[KIND_ALLOW], 6, 6);
    stranger->ops->close(stranger);
    disconnect_friend(l, 0);
    destroy_lab(l);
    free(t);
}

static tl_result none_sent(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    (void)self, (void)peer, (void)data, (void)size;
    return TL_OK;
}

// To a client: what is not well-formed is counted, and leaves the view as it was.
TEST(malformed_to_the_client)
{
    lab *l = create_lab();
    tape *t = calloc(1, sizeof *t);
    record_on(t, l->nodes[0].transport);
    connect_friend(l, 0, 0, "friend-0");
    run(l, 3);
    recording = NULL;
    t->ops.send = none_sent; // the frames stop, so that the view stands still
    run(l, 0.2);
    CHECK(t->count > 20);
    tl_client *c = l->friends[0].client;
    uint64_t random = seed;
    uint8_t data[TL_DATAGRAM_BYTES_MAX];
    static tl_pose before[1000], after[1000];
    uint32_t refused = 0;
    for (int i = 0; i < 20000; i++) {
        size_t size = mutate(&random, t, data);
        if (data[0] == 3 || data[0] == 0x83) {
            continue; // a goodbye is well-formed
        }
        double tick = (double)tl_client_frame_tick(c);
        uint32_t count = tl_client_poses(c, tick, false, before, 1000);
        uint64_t malformed = tl_client_get_stats(c).malformed;
        if (tl_client_receive(c, data, size, l->now_us) != TL_ERR_MALFORMED) {
            continue;
        }
        refused++;
        CHECK_EQUAL(tl_client_get_stats(c).malformed, malformed + 1);
        CHECK_EQUAL(tl_client_poses(c, tick, false, after, 1000), count);
        CHECK(memcmp(before, after, count * sizeof *before) == 0);
        if (i % 100 == 0) {
            tl_client_validate(c);
        }
    }
    printf("  refused %u\n", refused);
    CHECK(refused > 5000);
    tl_client_validate(c);
    disconnect_friend(l, 0);
    destroy_lab(l);
    free(t);
}

// ---- time ----

TEST(clock_under_jitter)
{
    lab *l = create_lab();
    connect_friend(l, 0, 0, "friend-0");
    tl_memory_network_faults(l->nodes[0].network,
                             (tl_link_faults){.loss = 0.02, .delay_us = 20000, .jitter_us = 30000});
    run(l, 3);
    double worst_ms = 0, last = 0;
    for (int i = 0; i < 500; i++) {
        run(l, 0.02);
        double truth = tl_server_tick_at(l->nodes[0].server, l->now_us),
               is = tl_client_server_tick(l->friends[0].client, l->now_us);
        CHECK(is > last); // never back
        last = is;
        worst_ms = fmax(worst_ms, fabs(is - truth) * 1000 / TICK_HZ);
    }
    printf("  off by %.2f ms at most\n", worst_ms);
    // half the jitter is possible; of 32 samples the best is off by 2 ms mostly, in 1 of 400 seeds by more than 8
    CHECK(worst_ms < 12);
    destroy_lab(l);
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    printf("seed %llu\n", (unsigned long long)seed);
    setvbuf(stdout, NULL, _IOLBF, 0);
    RUN(policies);
    RUN(a_request_to_nobody);
    RUN(an_own_entity);
    RUN(the_last_word_arrives);
    RUN(own_entities_of_a_dead_server);
    RUN(what_there_is);
    RUN(groups_that_are_kept_stay);
    RUN(turns_are_worked_out);
    RUN(what_the_game_says_last_holds);
    RUN(messages_both_ways);
    RUN(limits_of_rate);
    RUN(refusal_and_reconnect);
    RUN(malformed_to_the_server);
    RUN(malformed_to_the_client);
    RUN(clock_under_jitter);
    return 0;
}
