// What a client says of its own is judged at the tick at which it is committed, not at the one that it names: what
// would be in order there only is refused at the door. The client hears of it, keeps its connection and its former
// state, and nothing of it comes as far as the record.
#include "client/client_internal.h"
#include "tramline/server.h"
#include "world/checkpoint.h"

#include "check.h"
#include <stdlib.h>

enum { HZ = 20, START_US = 1000000, STEP_US = 1000, AHEAD_MAX = 1000, NAMED_AHEAD = 390 };

typedef struct lab {
    uint64_t now_us;
    tl_memory_world *world;
    tl_memory_network *network;
    tl_store *store;
    tl_transport *server_transport, *client_transport;
    tl_server *server;
    tl_client *client;
    tl_entity_id entity;
    tl_result answer;
    uint32_t answers, lines;
} lab;

static void on_log(void *user, const char *text)
{
    lab *l = user;
    l->lines += strstr(text, "no server could read") != NULL;
}

static void run(lab *l, double seconds)
{
    tl_client_event event;
    for (uint64_t end_us = l->now_us + (uint64_t)(seconds * 1e6); l->now_us < end_us;) {
        l->now_us += STEP_US;
        tl_memory_world_advance(l->world, l->now_us);
        tl_server_step(l->server, (tl_time){.wall_us = l->now_us, .monotonic_us = l->now_us});
        tl_client_step(l->client, l->now_us);
        while (tl_client_next_event(l->client, &event)) {
            if (event.type != TL_CLIENT_ANSWER) {
                continue;
            }
            l->answer = event.result, l->answers++;
            if (event.request && event.result == TL_OK) {
                l->entity = event.entity;
            }
        }
    }
}

static void begin_server(lab *l, const tl_kind_def *kind)
{
    tl_memory_world_def world_def = tl_memory_world_def_default();
    CHECK(l->world = tl_memory_world_create(&world_def));
    tl_memory_world_advance(l->world, l->now_us);
    CHECK_EQUAL(tl_memory_store_open(l->world, &l->store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = HZ, .created_us = START_US};
    CHECK_EQUAL(l->store->ops->create_world(l->store, &info), TL_OK);
    CHECK(l->network = tl_memory_network_create(1));
    CHECK_EQUAL(tl_memory_network_server(l->network, &l->server_transport), TL_OK);
    tl_server_def def = tl_server_def_default();
    def.name = "alpha";
    def.kinds = kind, def.kind_count = 1;
    def.store = l->store, def.transport = l->server_transport;
    def.entities_max = 100, def.groups_max = 16, def.clients_max = 4;
    def.callbacks = (tl_server_callbacks){.user = l, .log = on_log};
    CHECK_EQUAL(tl_server_create(&def, &l->server, NULL, 0), TL_OK);
}

// A server that has run for a minute, and a client that owns an entity.
static lab *begin(void)
{
    lab *l = calloc(1, sizeof *l);
    CHECK(l);
    l->now_us = START_US;
    tl_kind_def kind = tl_kind_def_default("probe");
    kind.create = TL_POLICY_ALLOW;
    begin_server(l, &kind);
    CHECK_EQUAL(tl_memory_network_client(l->network, &l->client_transport), TL_OK);
    tl_client_def def = tl_client_def_default();
    def.transport = l->client_transport;
    CHECK_EQUAL(tl_client_create(&def, &l->client), TL_OK);
    run(l, 60);
    tl_values v = {.mask = 1};
    v.fields[0].position = (tl_vec3){1, 2, 3};
    CHECK_EQUAL(tl_client_request_create(l->client, 0, 0, &v, true, NULL), TL_OK);
    run(l, 1);
    CHECK(l->entity);
    CHECK_EQUAL(l->answer, TL_OK);
    l->answers = 0;
    return l;
}

static void end(lab *l)
{
    CHECK_EQUAL(tl_server_get_state(l->server), TL_SERVER_RUNNING);
    tl_client_destroy(l->client);
    tl_server_destroy(l->server);
    l->store->ops->close(l->store, false);
    l->client_transport->ops->close(l->client_transport);
    l->server_transport->ops->close(l->server_transport);
    tl_memory_network_destroy(l->network);
    tl_memory_world_destroy(l->world);
    free(l);
}

// A report of the entity, made for the tick `named`: it starts at `start`, at x, and flies along x.
static void report(lab *l, int64_t named, int64_t start, double x_m, double metres_per_tick)
{
    tl_client *c = l->client;
    tl_owned_entity *o = &c->owned[0];
    const tl_kind *kind = &c->kinds.kinds[0];
    int64_t words[TL_STATE_WORDS_MAX] = {0};
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    tl_position_set(words, kind->fields[0].shift[0], &c->kinds, start, (tl_vec3){x_m, 2, 3},
                    (tl_vec3){metres_per_tick * HZ, 0, 0}, true);
    words[0] = start;
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_report_head head = {
        .sequence = ++c->report_sequence, .ack = (uint16_t)c->newest_sequence, .flags = TL_REPORT_OWNED};
    memcpy(head.bits, c->bits, sizeof head.bits);
    tl_report_head_write(&w, &head);
    tl_write_varint(&w, 1);
    tl_write_signed(&w, named);
    tl_write_varint(&w, o->id);
    tl_write_fixed(&w, ++o->version, 2);
    tl_write_varint(&w, 0);
    tl_write_varint(&w, 0);
    tl_fields_write(&w, kind, named, 1, words);
    CHECK(!w.bad && c->owned_count == 1 && o->version);
    l->client_transport->ops->send(l->client_transport, 1, data, w.size);
}

static double x_of(const lab *l)
{
    tl_values values;
    CHECK_EQUAL(tl_server_get(l->server, tl_server_find(l->server, l->entity), &values), TL_OK);
    return values.fields[0].position.x;
}

static int64_t server_tick(const lab *l)
{
    return tl_server_get_stats(l->server).tick;
}

static void check_refused(lab *l, double x_m, tl_result why)
{
    uint64_t refused = tl_server_get_stats(l->server).states_refused;
    l->answers = 0;
    run(l, 2); // the answer comes once a second at most
    CHECK_EQUAL(tl_server_get_stats(l->server).states_refused, refused + 1);
    CHECK_EQUAL(l->answers, 1);
    CHECK_EQUAL(l->answer, why);
    CHECK_EQUAL(l->lines, 0); // it was not in a record
    CHECK_EQUAL(tl_client_get_state(l->client), TL_CLIENT_LIVE);
    CHECK(fabs(x_of(l) - x_m) < 0.1);
}

static void check_taken(lab *l)
{
    uint64_t refused = tl_server_get_stats(l->server).states_refused;
    run(l, 1);
    CHECK_EQUAL(tl_server_get_stats(l->server).states_refused, refused);
    CHECK_EQUAL(l->lines, 0);
    CHECK_EQUAL(tl_client_get_state(l->client), TL_CLIENT_LIVE);
}

// It is in order for the tick that is named: a thousand ticks ahead of it. It is committed 390 ticks before that.
TEST(a_start_too_far_ahead_of_the_commit_is_refused)
{
    lab *l = begin();
    report(l, server_tick(l) + NAMED_AHEAD, server_tick(l) + NAMED_AHEAD + AHEAD_MAX, 50, 0.1);
    check_refused(l, 1, TL_ERR_INVALID);
    report(l, server_tick(l) + NAMED_AHEAD, server_tick(l) + AHEAD_MAX + 20, 50, 0.1);
    check_refused(l, 1, TL_ERR_INVALID);
    end(l);
}

TEST(a_start_as_far_ahead_of_the_commit_as_may_be_is_taken)
{
    lab *l = begin();
    report(l, server_tick(l) + NAMED_AHEAD, server_tick(l) + AHEAD_MAX - 20, 50, 0.001);
    check_taken(l);
    CHECK(x_of(l) > 45);
    end(l);
}

// At the tick that is named it is within the world, at the commit it has flown out of it.
TEST(a_place_outside_of_the_world_at_the_commit_is_refused)
{
    lab *l = begin();
    int64_t named = server_tick(l) - NAMED_AHEAD;
    report(l, named, named, TL_WORLD_LIMIT_M - 100, 1);
    check_refused(l, 1, TL_ERR_OUTSIDE);
    named = server_tick(l) - NAMED_AHEAD;
    report(l, named, named, TL_WORLD_LIMIT_M - 1000, 1);
    check_taken(l);
    CHECK(x_of(l) > TL_WORLD_LIMIT_M - 1000);
    end(l);
}

// It names a tick that is too far from the server's: it is not even looked at.
TEST(a_tick_of_another_time_is_passed_over)
{
    lab *l = begin();
    report(l, server_tick(l) + 2 * NAMED_AHEAD, server_tick(l), 50, 0.1);
    check_taken(l);
    CHECK(fabs(x_of(l) - 1) < 0.1);
    end(l);
}

int main(void)
{
    RUN(a_start_too_far_ahead_of_the_commit_is_refused);
    RUN(a_start_as_far_ahead_of_the_commit_as_may_be_is_taken);
    RUN(a_place_outside_of_the_world_at_the_commit_is_refused);
    RUN(a_tick_of_another_time_is_passed_over);
}
