// A client says anything, and a server commits anything, that is well-formed: values at and beyond the ends of every
// field, at any tick, in any carrier. All of it goes the whole way: accepted or refused, committed, followed, shown to
// other clients, inspected, loaded again. Servers and honest clients must not notice.
//
//   test_core_whole_path [first seed] [seeds]
#include "client/client_internal.h"
#include "motion/values.h"
#include "tramline/inspect.h"
#include "tramline/server.h"
#include "world/checkpoint.h"

#include "check.h"
#include "regroup.h"
#include <stdlib.h>

enum {
    HZ = 20,
    START_US = 1000000,
    STEP_US = 2000,
    KINDS = 5,
    OWN_EACH = 3,
    WITNESSES = 2,
    WORDS_MAX = TL_STATE_WORDS_MAX
};

typedef struct node {
    tl_server *server;
    tl_store *store;
    tl_memory_network *network;
    tl_transport *transport;
    struct lab *lab;
    tl_group_id group;
    uint32_t fenced;
} node;

typedef struct guest {
    tl_client *client;
    tl_transport *transport;
    uint32_t asked;
    uint64_t malformed; // of clients before
} guest;

typedef struct lab {
    uint64_t now_us, random, seed;
    tl_memory_world *world;
    node nodes[2];
    guest hostile, witnesses[WITNESSES];
    tl_kind_def kinds[KINDS];
    tl_kinds resolved;
    uint64_t said;
} lab;

static void make_kinds(lab *l)
{
    static const char *const names[KINDS] = {"walker", "body", "cabin", "sign", "plain"};
    for (int i = 0; i < KINDS; i++) {
        l->kinds[i] = tl_kind_def_default(names[i]);
        l->kinds[i].update = l->kinds[i].remove = l->kinds[i].create = TL_POLICY_ALLOW;
    }
    tl_kind_def *k = l->kinds;
    k[0].fields[k[0].field_count++] = tl_field_def_default("rotation", TL_FIELD_ROTATION, TL_PREDICT_HEADING);
    k[1].fields[1] = tl_field_def_default("rotation", TL_FIELD_ROTATION, TL_PREDICT_LINEAR);
    k[1].fields[2] = tl_field_def_default("charge", TL_FIELD_SCALAR, TL_PREDICT_LINEAR);
    for (int level = 1; level < TL_LEVELS_MAX; level++) {
        k[1].fields[2].tolerance_level[level] = 0.01 * (1 << level);
    }
    k[1].fields[3] = tl_field_def_default("score", TL_FIELD_INTEGER, TL_PREDICT_HOLD);
    k[1].field_count = 4;
    k[2].fields[1] = tl_field_def_default("rotation", TL_FIELD_ROTATION, TL_PREDICT_HOLD);
    k[2].field_count = 2;
    k[2].carrier_reach_m = 10;
    k[3].fields[0].predictor = TL_PREDICT_HOLD;
    k[3].fields[1] = tl_field_def_default("text", TL_FIELD_BYTES, TL_PREDICT_HOLD);
    k[3].fields[1].bytes_max = 21;
    k[3].fields[2] = tl_field_def_default("light", TL_FIELD_SCALAR, TL_PREDICT_HOLD);
    k[3].field_count = 3;
    CHECK_EQUAL(tl_kinds_init(&l->resolved, l->kinds, KINDS, HZ, NULL, 0), TL_OK);
}

// ---- anything ----

static uint64_t dice(lab *l, uint64_t sides)
{
    return check_random(&l->random) % sides;
}

// A number at the ends of something: of a field's limits, of its type, or just small.
static int64_t extreme(lab *l)
{
    int64_t value = 0;
    switch (dice(l, 6)) {
    case 0: value = (int64_t)1 << dice(l, 63); break;
    case 1: value = ((int64_t)1 << dice(l, 63)) - 1; break;
    case 2: value = ((int64_t)1 << dice(l, 62)) + 1; break;
    case 3: value = (int64_t)(check_random(&l->random) >> dice(l, 64)); break;
    case 4: value = dice(l, 2) ? INT64_MAX : INT64_MIN; break;
    default: value = (int64_t)dice(l, 4); break;
    }
    return dice(l, 2) ? value : (int64_t)(0 - (uint64_t)value);
}

static int64_t some_start(lab *l, int64_t tick)
{
    static const int64_t offsets[] = {0, -1, 1, 20, -20, 400, -400, 390, 999, 1000, 1001, 1390, 1400, -100000};
    switch (dice(l, 5)) {
    case 0: return 0;
    case 1: return 1;
    case 2: return extreme(l);
    default: return tick + offsets[dice(l, sizeof offsets / sizeof offsets[0])];
    }
}

static int64_t some_place(lab *l, int shift)
{
    switch (dice(l, 4)) {
    case 0: return extreme(l);
    case 1: return ((int64_t)1 << (31 + shift)) * (dice(l, 2) ? 1 : -1) + (int64_t)dice(l, 3) - 1;
    default: return ((int64_t)dice(l, 2000) - 1000) * ((int64_t)1 << shift);
    }
}

static void some_field(lab *l, const tl_field *field, int64_t tick, int64_t *w)
{
    int shift = field->shift[0], rate = l->resolved.rate_shift;
    switch (field->type) {
    case TL_FIELD_POSITION:
        w[0] = some_start(l, tick);
        for (int axis = 0; axis < 3; axis++) {
            w[1 + axis] = some_place(l, shift),
                  w[4 + axis] = dice(l, 3) ? (int64_t)dice(l, 3) << (dice(l, 21) + (uint64_t)(shift + rate))
                                           : extreme(l);
        }
        break;
    case TL_FIELD_ROTATION:
        w[0] = field->predictor == TL_PREDICT_LINEAR ? some_start(l, tick)
               : dice(l, 8)                          ? (int64_t)dice(l, 2)
                                                     : extreme(l);
        for (int i = 1; i < field->word_count; i++) {
            w[i] = dice(l, 3)            ? (int64_t)dice(l, 9) - 4
                   : i > 3 && dice(l, 2) ? (int64_t)1 << (shift + 19)
                                         : (int64_t)4 << shift;
        }
        if (dice(l, 10) == 0) {
            w[1 + dice(l, 3)] = extreme(l);
        }
        break;
    case TL_FIELD_BYTES:
        w[0] = (int64_t)dice(l, (uint64_t)field->bytes_max + 1); // a longer one is not well-formed
        for (int i = 1; i < field->word_count; i++) {
            w[i] = 0;
        }
        for (int64_t i = 0; i < w[0]; i++) {
            ((unsigned char *)(w + 1))[i] = (unsigned char)dice(l, 256);
        }
        break;
    case TL_FIELD_SCALAR:
        if (field->predictor == TL_PREDICT_LINEAR) {
            w[0] = some_start(l, tick);
        }
        for (int i = field->predictor == TL_PREDICT_LINEAR; i < field->word_count; i++) {
            w[i] = dice(l, 3) ? extreme(l) : ((int64_t)1 << 61) * (dice(l, 2) ? 1 : -1);
        }
        break;
    default: w[0] = extreme(l); break;
    }
}

static void some_words(lab *l, const tl_kind *kind, int64_t tick, int64_t *words)
{
    memset(words, 0, (size_t)kind->word_count * sizeof *words);
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        int64_t *w = words + field->word;
        some_field(l, field, tick, w);
        if (!tl_field_valid(field, &l->resolved, w, 0, tick) && dice(l, 12)) { // most of it should get in
            memset(w, 0, (size_t)field->word_count * sizeof *w);
            if (field->type == TL_FIELD_POSITION) {
                w[1] = ((int64_t)dice(l, 2000) - 1000) * ((int64_t)1 << field->shift[0]);
            }
        }
    }
}

static tl_entity_id some_entity(lab *l)
{
    const tl_server *server = l->nodes[0].server ? l->nodes[0].server : l->nodes[1].server;
    static tl_entity_ref refs[4096];
    uint32_t count = server ? tl_server_entities(server, refs, 4096) : 0;
    tl_entity_info info;
    if (dice(l, 8) == 0) {
        return (tl_entity_id)extreme(l);
    }
    if (dice(l, 3) == 0 || count == 0 || tl_server_info(server, refs[dice(l, count)], &info) != TL_OK) {
        return 0;
    }
    return info.id;
}

// ---- the lab ----

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    node *n = user;
    (void)tick, (void)time_s;
    if (n->group != 0) {
        return;
    }
    CHECK_EQUAL(tl_server_create_group(server, 0, &n->group), TL_OK);
    for (int i = 0; i < 2 * KINDS; i++) {
        tl_entity_def def = {.group = n->group, .kind = i % KINDS, .values = {.mask = 1}};
        def.values.fields[0].position = (tl_vec3){i * 10.0, 0, n == n->lab->nodes ? 0 : 50};
        CHECK_EQUAL(tl_server_create_entity(server, &def, NULL), TL_OK);
    }
}

static void start_server(lab *l, int which)
{
    node *n = &l->nodes[which];
    n->lab = l;
    if (n->network == NULL) {
        CHECK(n->network = tl_memory_network_create(l->seed * 2 + (uint64_t)which));
    }
    CHECK_EQUAL(tl_memory_network_server(n->network, &n->transport), TL_OK);
    CHECK_EQUAL(tl_memory_store_open(l->world, &n->store), TL_OK);
    tl_server_def def = tl_server_def_default();
    def.name = which ? "beta" : "alpha";
    def.kinds = l->kinds, def.kind_count = KINDS;
    def.store = n->store, def.transport = n->transport;
    def.entities_max = 2000, def.groups_max = 64, def.clients_max = 8;
    def.callbacks = (tl_server_callbacks){.user = n, .tick = on_tick};
    char text[256] = "";
    CHECK_EQUAL(tl_server_create(&def, &n->server, text, sizeof text), TL_OK);
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

static void leave(guest *g)
{
    if (g->client == NULL) {
        return;
    }
    g->malformed += tl_client_get_stats(g->client).malformed;
    tl_client_destroy(g->client);
    g->transport->ops->close(g->transport);
    g->client = NULL;
}

static void enter(lab *l, guest *g, int server, const char *name)
{
    leave(g);
    g->asked = 0;
    CHECK_EQUAL(tl_memory_network_client(l->nodes[server].network, &g->transport), TL_OK);
    tl_client_def def = tl_client_def_default();
    def.transport = g->transport;
    def.token = name, def.token_bytes = strlen(name);
    def.entities_max = 4000;
    CHECK_EQUAL(tl_client_create(&def, &g->client), TL_OK);
    tl_client_observe_point(g->client, (tl_vec3){0, 0, 0});
}

static void step(lab *l)
{
    l->now_us += STEP_US;
    tl_memory_world_advance(l->world, l->now_us);
    for (int i = 0; i < 2; i++) {
        node *n = &l->nodes[i];
        if (n->server == NULL) {
            continue;
        }
        tl_server_step(n->server, (tl_time){.wall_us = l->now_us, .monotonic_us = l->now_us});
        tl_server_state state = tl_server_get_state(n->server);
        if (state == TL_SERVER_FAILED) {
            printf("server %d: %s\n", i, tl_server_text(n->server));
        }
        CHECK(state != TL_SERVER_FAILED);
        if (state != TL_SERVER_FENCED) {
            continue;
        }
        n->fenced++;
        stop_server(n);
        start_server(l, i);
    }
    guest *guests[] = {&l->hostile, &l->witnesses[0], &l->witnesses[1]};
    for (int i = 0; i < 3; i++) {
        tl_client_event event;
        if (guests[i]->client == NULL) {
            continue;
        }
        tl_client_step(guests[i]->client, l->now_us);
        while (tl_client_next_event(guests[i]->client, &event)) {
        }
    }
}

static void run(lab *l, double seconds)
{
    for (uint64_t end_us = l->now_us + (uint64_t)(seconds * 1e6); l->now_us < end_us;) {
        step(l);
    }
}

static lab *create_lab(uint64_t seed)
{
    lab *l = calloc(1, sizeof *l);
    l->seed = l->random = seed;
    l->now_us = START_US;
    make_kinds(l);
    tl_memory_world_def def = tl_memory_world_def_default();
    def.seed = seed;
    CHECK(l->world = tl_memory_world_create(&def));
    tl_memory_world_advance(l->world, l->now_us);
    tl_store *store;
    CHECK_EQUAL(tl_memory_store_open(l->world, &store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = HZ, .created_us = START_US};
    CHECK_EQUAL(store->ops->create_world(store, &info), TL_OK);
    store->ops->close(store, false);
    start_server(l, 0);
    start_server(l, 1);
    run(l, 1);
    enter(l, &l->witnesses[0], 0, "witness");
    enter(l, &l->witnesses[1], 1, "witness");
    return l;
}

static void destroy_lab(lab *l)
{
    leave(&l->hostile);
    for (int i = 0; i < WITNESSES; i++) {
        leave(&l->witnesses[i]);
    }
    for (int i = 0; i < 2; i++) {
        stop_server(&l->nodes[i]);
        tl_memory_network_destroy(l->nodes[i].network);
    }
    tl_memory_world_destroy(l->world);
    free(l);
}

// ---- a client that says anything ----

static void ask_for_own(lab *l)
{
    tl_client *c = l->hostile.client;
    if (tl_client_get_state(c) != TL_CLIENT_LIVE || l->hostile.asked >= OWN_EACH * KINDS) {
        return;
    }
    tl_values v = {.mask = 1};
    v.fields[0].position = (tl_vec3){(double)dice(l, 100), 0, (double)dice(l, 100)};
    if (tl_client_request_create(c, (int)(l->hostile.asked % KINDS), 0, &v, true, NULL) == TL_OK) {
        l->hostile.asked++;
    }
}

// A report of own entities, at a tick of its own choice.
static void say_anything(lab *l)
{
    static const int64_t ahead[] = {0, 1, 50, 390, 399, 400, -100, -399};
    tl_client *c = l->hostile.client;
    if (c->owned_count == 0) {
        return;
    }
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    int64_t words[WORDS_MAX], tick = l->nodes[0].server ? tl_server_get_stats(l->nodes[0].server).tick : 0;
    tick = tl_max_i64(0, tick + ahead[dice(l, 8)]);
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_report_head head = {
        .sequence = ++c->report_sequence, .ack = (uint16_t)c->newest_sequence, .flags = TL_REPORT_OWNED};
    memcpy(head.bits, c->bits, sizeof head.bits);
    tl_report_head_write(&w, &head);
    tl_owned_entity *o = &c->owned[dice(l, c->owned_count)];
    const tl_kind *kind = &c->kinds.kinds[o->kind];
    some_words(l, kind, tick, words);
    tl_write_varint(&w, 1);
    tl_write_signed(&w, tick);
    tl_write_varint(&w, o->id);
    tl_write_fixed(&w, ++o->version ? o->version : ++o->version, 2);
    tl_write_varint(&w, (uint64_t)o->kind);
    tl_write_varint(&w, dice(l, 4) ? 0 : some_entity(l));
    tl_fields_write(&w, kind, tick, tl_fields_all(kind), words);
    CHECK(!w.bad);
    l->said++;
    l->hostile.transport->ops->send(l->hostile.transport, 1, data, w.size);
}

static void ask_anything(lab *l)
{
    tl_client *c = l->hostile.client;
    unsigned char data[TL_MESSAGE_BYTES_MAX];
    int64_t words[WORDS_MAX], tick = l->nodes[0].server ? tl_server_get_stats(l->nodes[0].server).tick : 0;
    uint64_t type = dice(l, 8) ? TL_REQUEST_UPDATE : dice(l, TL_REQUEST_TYPE_COUNT);
    int number = (int)dice(l, KINDS);
    const tl_kind *kind = &l->resolved.kinds[number];
    uint32_t mask = dice(l, 2) ? tl_fields_all(kind) : (uint32_t)dice(l, tl_fields_all(kind) + 1);
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_fixed(&w, 1000 + l->said++, 4);
    tl_write_varint(&w, type);
    if (type == TL_REQUEST_CREATE) {
        tl_write_varint(&w, dice(l, 2));
    }
    if (type != TL_REQUEST_CREATE) {
        tl_write_varint(&w, some_entity(l));
    }
    some_words(l, kind, tick, words);
    if (type != TL_REQUEST_DELETE) {
        tl_write_varint(&w, (uint64_t)number);
        if (type == TL_REQUEST_CREATE) {
            tl_write_varint(&w, dice(l, 4) ? 0 : some_entity(l));
        }
        tl_write_varint(&w, mask);
        tl_fields_write(&w, kind, tick, mask, words);
    }
    CHECK(!w.bad);
    (void)tl_channel_send(&c->channel, TL_MESSAGE_REQUEST, data, w.size);
    c->report_soon = true;
}

// ---- what must hold ----

static void check_servers(lab *l)
{
    for (int i = 0; i < 2; i++) {
        if (l->nodes[i].server == NULL) {
            continue;
        }
        CHECK_EQUAL(tl_server_get_state(l->nodes[i].server), TL_SERVER_RUNNING);
        tl_server_validate(l->nodes[i].server);
    }
    for (int i = 0; i < WITNESSES; i++) {
        if (l->witnesses[i].client) {
            tl_client_validate(l->witnesses[i].client);
        }
    }
}

// Both mirrors show the same, entity by entity.
static void check_mirrors(lab *l)
{
    tl_server *a = l->nodes[0].server, *b = l->nodes[1].server;
    static tl_entity_ref refs[4096];
    double tick = (double)tl_server_get_stats(a).world_tick;
    uint32_t count = tl_server_entities(a, refs, 4096);
    CHECK_EQUAL(count, tl_server_get_stats(b).entities);
    for (uint32_t i = 0; i < count; i++) {
        tl_entity_info info, other;
        CHECK_EQUAL(tl_server_info(a, refs[i], &info), TL_OK);
        tl_entity_ref ref = tl_server_find(b, info.id);
        CHECK(ref != TL_REF_NONE);
        CHECK_EQUAL(tl_server_info(b, ref, &other), TL_OK);
        if (info.carrier != other.carrier || info.group != other.group || info.owner != other.owner) {
            printf("  entity %llx: carrier %llx %llx, group %llx %llx, owner %u %u\n", (unsigned long long)info.id,
                   (unsigned long long)info.carrier, (unsigned long long)other.carrier, (unsigned long long)info.group,
                   (unsigned long long)other.group, info.owner, other.owner);
        }
        CHECK(info.kind == other.kind && info.carrier == other.carrier && info.group == other.group &&
              info.owner == other.owner);
        tl_vec3 pa = {0}, pb = {0};
        tl_quat qa = {0}, qb = {0};
        CHECK_EQUAL(tl_server_pose(a, refs[i], tick, &pa, &qa), tl_server_pose(b, ref, tick, &pb, &qb));
        CHECK(memcmp(&pa, &pb, sizeof pa) == 0 && memcmp(&qa, &qb, sizeof qa) == 0);
    }
}

static void check_witnesses(lab *l)
{
    for (int i = 0; i < WITNESSES; i++) {
        if (l->witnesses[i].client == NULL) {
            continue;
        }
        CHECK_EQUAL(tl_client_get_state(l->witnesses[i].client), TL_CLIENT_LIVE);
        CHECK_EQUAL(tl_client_get_stats(l->witnesses[i].client).malformed + l->witnesses[i].malformed, 0);
    }
}

static void check_store(lab *l, bool sound)
{
    tl_store *store;
    tl_inspect *inspect;
    tl_store_event event = {0};
    static tl_inspect_report report;
    CHECK_EQUAL(tl_memory_store_open(l->world, &store), TL_OK);
    CHECK_EQUAL(store->ops->join(store, NULL), TL_OK);
    CHECK_EQUAL(tl_inspect_create(l->kinds, KINDS, HZ, 4000, 100, &inspect), TL_OK);
    for (int i = 0; i < 100000 && event.type != TL_STORE_LOADED; i++) {
        if (store->ops->poll(store, &event) != TL_OK) {
            l->now_us += STEP_US;
            tl_memory_world_advance(l->world, l->now_us);
            continue;
        }
        tl_inspect_event(inspect, &event);
    }
    tl_inspect_finish(inspect, &report);
    if (report.faults && sound) {
        printf("%s\n", report.fault_text);
    }
    CHECK(report.complete && (report.faults == 0 || !sound));
    tl_inspect_destroy(inspect);
    store->ops->close(store, false);
}

static void settle_and_check(lab *l, bool sound)
{
    run(l, 3);
    check_servers(l);
    check_mirrors(l);
    check_witnesses(l);
    check_store(l, sound);
}

// ---- the tests ----

static uint64_t first_seed = 1, seeds = 4;

static void hostile_client(uint64_t seed)
{
    lab *l = create_lab(seed);
    enter(l, &l->hostile, 0, "hostile");
    for (int round = 0; round < 400; round++) {
        run(l, 0.01 + 0.01 * (double)dice(l, 6));
        tl_client_state state = tl_client_get_state(l->hostile.client);
        if (state != TL_CLIENT_LIVE && state != TL_CLIENT_CONNECTING && state != TL_CLIENT_JOINING) {
            enter(l, &l->hostile, 0, "hostile");
        }
        if (tl_client_get_state(l->hostile.client) != TL_CLIENT_LIVE) {
            continue;
        }
        ask_for_own(l);
        for (uint64_t i = dice(l, 4); i-- > 0;) {
            say_anything(l);
        }
        if (dice(l, 3) == 0) {
            ask_anything(l);
        }
        if (round % 50 == 0) {
            check_servers(l);
        }
    }
    tl_server_stats stats = tl_server_get_stats(l->nodes[0].server);
    printf("  seed %llu: %llu said, %llu refused, %u entities, %llu segments\n", (unsigned long long)seed,
           (unsigned long long)l->said, (unsigned long long)stats.states_refused, stats.entities,
           (unsigned long long)stats.published[0]);
    CHECK(l->said > 200);
    CHECK_EQUAL(l->nodes[0].fenced + l->nodes[1].fenced, 0);
    settle_and_check(l, true);
    leave(&l->hostile);
    // Everybody crashes, and comes back.
    for (int i = 0; i < 2; i++) {
        stop_server(&l->nodes[i]);
    }
    for (int i = 0; i < WITNESSES; i++) {
        leave(&l->witnesses[i]);
    }
    start_server(l, 1);
    start_server(l, 0);
    run(l, 3);
    for (int i = 0; i < WITNESSES; i++) {
        enter(l, &l->witnesses[i], i, "witness");
    }
    settle_and_check(l, true);
    destroy_lab(l);
}

TEST(a_client_may_say_anything)
{
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
        hostile_client(seed);
    }
}

// ---- a server that commits anything ----

// A record of well-formed ops about everybody's entities and groups.
static size_t some_record(lab *l, tl_server_number self, uint32_t epoch, int64_t tick, unsigned char *data,
                          size_t capacity)
{
    tl_record_writer r;
    int64_t words[WORDS_MAX];
    tl_record_begin(&r, &l->resolved, tick, data, capacity);
    for (uint64_t left = dice(l, 12); left-- > 0;) {
        tl_record_mark mark = tl_record_here(&r);
        int number = (int)dice(l, KINDS);
        tl_entity_id id = dice(l, 3) ? some_entity(l)
                                     : (tl_entity_id)self << 48 | (uint64_t)epoch << 24 | (1 + dice(l, 20));
        tl_entity e = {.id = id ? id : 1 + dice(l, 9), .kind = (uint8_t)number};
        tl_group_id group = dice(l, 3) ? l->nodes[dice(l, 2)].group : (tl_group_id)self << 48 | (1 + dice(l, 6));
        some_words(l, &l->resolved.kinds[number], tick, words);
        switch (dice(l, 11)) {
        case 0: tl_record_group(&r, group, (tl_server_number)(1 + dice(l, 4))); break;
        case 1:
            if (dice(l, 6) == 0) {
                tl_record_group_delete(&r, group);
            }
            break;
        case 2: tl_record_group_give(&r, group, (tl_server_number)dice(l, 5), (uint32_t)dice(l, 4)); break;
        case 3:
            tl_record_need(&r, (tl_server_number)dice(l, 4), (uint32_t)dice(l, 3),
                           (int64_t)dice(l, (uint64_t)tick + 1));
            break;
        case 4: tl_record_create(&r, &e, group, some_entity(l), words); break;
        case 5:
            tl_record_update(&r, &e, (uint32_t)dice(l, tl_fields_all(&l->resolved.kinds[number]) + 1), words);
            break;
        case 6: tl_record_delete(&r, e.id); break;
        case 7: tl_record_carrier(&r, &e, some_entity(l), words); break;
        case 8: write_regroup(&r, &e, group, some_entity(l), words); break;
        case 9:
            tl_record_post(&r.w, dice(l, 2) ? TL_OP_REQUEST : TL_OP_RESPONSE, (tl_server_number)dice(l, 4), words,
                           dice(l, sizeof words));
            break;
        default:
            if (dice(l, 20) == 0) {
                tl_record_leaving(&r);
            }
            break;
        }
        if (dice(l, 40)) {
            (void)tl_record_check(&r, mark); // and now and then one that nobody can read
        }
    }
    return r.w.size;
}

static void hostile_server(uint64_t seed)
{
    static unsigned char data[1 << 18];
    lab *l = create_lab(seed);
    tl_store *store = NULL;
    tl_server_number number = 0;
    uint32_t epoch = 0;
    int64_t last = -1;
    for (int round = 0; round < 300; round++) {
        run(l, 0.05);
        if (store == NULL) {
            CHECK_EQUAL(tl_memory_store_open(l->world, &store), TL_OK);
            CHECK_EQUAL(store->ops->join(store, "mallory"), TL_OK);
        }
        tl_store_event event;
        bool lost = false;
        while (store->ops->poll(store, &event) == TL_OK) {
            if (event.type == TL_STORE_JOINED) {
                number = event.server, epoch = event.epoch, last = event.tick;
            }
            lost |= event.type == TL_STORE_LOST;
        }
        if (lost || (number && dice(l, 60) == 0)) {
            store->ops->close(store, dice(l, 2));
            store = NULL, number = 0;
            continue;
        }
        int64_t tick = tl_max_i64(last + 1, l->nodes[0].server ? tl_server_get_stats(l->nodes[0].server).tick : 0);
        if (number == 0) {
            continue;
        }
        size_t size = some_record(l, number, epoch, tick, data, sizeof data);
        if (store->ops->submit(store, tick, data, size, l->now_us) == TL_OK) {
            last = tick;
        }
        if (round % 50 == 0) {
            check_servers(l);
        }
    }
    if (store) {
        store->ops->close(store, true);
    }
    run(l, 6);
    check_servers(l);
    check_witnesses(l);
    for (int i = 0; i < 2; i++) {
        stop_server(&l->nodes[i]);
    }
    for (int i = 0; i < WITNESSES; i++) {
        leave(&l->witnesses[i]);
    }
    start_server(l, 1);
    start_server(l, 0);
    run(l, 3);
    check_servers(l);
    check_store(l, false);
    destroy_lab(l);
}

TEST(a_server_may_commit_anything)
{
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
        hostile_server(seed);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        first_seed = strtoull(argv[1], NULL, 10);
    }
    if (argc > 2) {
        seeds = strtoull(argv[2], NULL, 10);
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    RUN(a_client_may_say_anything);
    RUN(a_server_may_commit_anything);
    return 0;
}
