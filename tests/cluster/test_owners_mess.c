// Clients of a few names come and go, say goodbye or are just gone, are several of one name at once, make and delete
// things of their own and of others, while servers crash, leave and come back. Nobody is ever given what another name
// has made; and in the end nothing is left.
#include "crowd.h"

#include <inttypes.h>

enum { SERVERS = 3, CLIENTS = 14, NAMES = 8, MADE_MAX = 8192, PLACES = 16, BOXES = 18 };

typedef struct made {
    tl_entity_id id;
    int name;
    bool own;
} made;

static made all_made[MADE_MAX];
static int made_count, name_of[CROWD_CLIENTS_MAX], wrong, given_back;
static bool connected[CROWD_CLIENTS_MAX];
static uint64_t state;

static void on_event(crowd *c, int client, const tl_client_event *event)
{
    if (event->type == TL_CLIENT_ANSWER && event->request && event->result == TL_OK && event->entity) {
        for (int i = 0; i < made_count; i++) {
            if (all_made[i].id == event->entity) {
                return; // a delete or an update
            }
        }
        CHECK(made_count < MADE_MAX);
        all_made[made_count++] = (made){event->entity, name_of[client], true};
    }
    if (event->type != TL_CLIENT_OWN_RETURNED) {
        return;
    }
    given_back++;
    for (int i = 0; i < made_count; i++) {
        if (all_made[i].id != event->entity || all_made[i].name == name_of[client]) {
            continue;
        }
        printf("  at %.2f s name-%d is given %" PRIx64 " of name-%d\n", (double)c->now_us * 1e-6, name_of[client],
               event->entity, all_made[i].name);
        wrong++;
    }
}

static bool lives(const crowd *c, int s)
{
    return c->servers[s].server && tl_server_get_state(c->servers[s].server) == TL_SERVER_RUNNING;
}

static int living(const crowd *c)
{
    int count = 0;
    for (int i = 0; i < SERVERS; i++) {
        count += lives(c, i);
    }
    return count;
}

static void connect_one(crowd *c, int client)
{
    static char names[CROWD_CLIENTS_MAX][16];
    int server = (int)check_random_below(&state, SERVERS);
    if (!lives(c, server)) {
        return;
    }
    name_of[client] = (int)check_random_below(&state, NAMES);
    snprintf(names[client], sizeof names[client], "name-%d", name_of[client]);
    crowd_connect(c, client, server, names[client]);
    connected[client] = true;
}

static void cut(crowd *c, bool is_cut)
{
    for (int i = 0; i < SERVERS; i++) {
        if (c->servers[i].network) {
            tl_memory_network_partition(c->servers[i].network, is_cut);
        }
    }
}

static void disconnect_one(crowd *c, int client, bool says)
{
    if (!says) {
        cut(c, true);
    }
    crowd_disconnect(c, client);
    if (!says) {
        cut(c, false);
    }
    connected[client] = false;
}

static void leave(crowd *c, int server)
{
    tl_server *s = c->servers[server].server;
    tl_server_leave(s);
    for (int i = 0; i < 300 && tl_server_get_state(s) == TL_SERVER_LEAVING; i++) {
        crowd_run(c, 0.02);
    }
    if (tl_server_get_state(s) != TL_SERVER_LEFT) {
        printf("  %d has not left: %s\n", server, c->servers[server].said);
    }
    crowd_leave(c, server);
}

static void disturb_servers(crowd *c)
{
    int server = (int)check_random_below(&state, SERVERS);
    if (!c->servers[server].server) {
        crowd_start(c, server);
    } else if (lives(c, server) && living(c) > 1) {
        if (check_random_below(&state, 2)) {
            crowd_crash(c, server);
        } else {
            leave(c, server);
        }
        for (int i = 0; i < CLIENTS; i++) {
            if (connected[i] && tl_client_get_state(c->clients[i].client) == TL_CLIENT_CLOSED) {
                disconnect_one(c, i, true);
            }
        }
    } else if (!lives(c, server)) {
        crowd_crash(c, server);
    }
}

static tl_entity_id one_made_lately(void)
{
    return all_made[made_count - 1 - (int)check_random_below(&state, (uint32_t)(made_count < 40 ? made_count : 40))].id;
}

static void act(crowd *c)
{
    int client = (int)check_random_below(&state, CLIENTS);
    if (!connected[client]) {
        connect_one(c, client);
        return;
    }
    tl_client *k = c->clients[client].client;
    if (tl_client_get_state(k) == TL_CLIENT_CLOSED) {
        disconnect_one(c, client, true);
        return;
    }
    uint32_t what = check_random_below(&state, 100);
    tl_values v = crowd_at(check_random_below(&state, 20), 0, check_random_below(&state, 20));
    if (what < 20) {
        disconnect_one(c, client, what < 12);
    } else if (what < 60) {
        (void)tl_client_request_create(k, CROWD_AVATAR, 0, &v, true, NULL);
    } else if (what < 85 && made_count) {
        (void)tl_client_request_delete(k, one_made_lately(), NULL);
    } else if (made_count) {
        (void)tl_client_set_values(k, one_made_lately(), tl_client_get_server_tick(k, c->now_us), 0, &v);
    }
}

// Each name has all its places again, at each server.
static void check_places(crowd *c)
{
    static char names[SERVERS][16];
    for (int s = 0; s < SERVERS; s++) {
        c->clients[0].accepted = 0;
        snprintf(names[s], sizeof names[s], "name-%d", s);
        name_of[0] = s;
        crowd_connect(c, 0, s, names[s]);
        crowd_run(c, 2);
        tl_values v = crowd_at(1, 1, 1);
        for (int i = 0; i < PLACES; i++) {
            CHECK_EQUAL(tl_client_request_create(c->clients[0].client, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
            crowd_run(c, 0.2);
        }
        if (c->clients[0].accepted != PLACES) {
            printf("  server %d: the last was answered %s\n", s, tl_result_name(c->clients[0].answer.result));
        }
        CHECK_EQUAL(c->clients[0].accepted, PLACES);
        crowd_disconnect(c, 0);
    }
    crowd_run(c, 2);
}

static void mess(uint64_t seed)
{
    crowd *c = crowd_create(seed);
    state = seed * 77 + 5;
    made_count = wrong = given_back = 0;
    memset(connected, 0, sizeof connected);
    c->names_proven = true;
    c->def.grace_ms = 3000;
    c->on_event = on_event;
    for (int i = 0; i < SERVERS; i++) {
        crowd_start(c, i);
    }
    crowd_fill(c, 0, 6, 3);
    crowd_run(c, 2);
    for (int i = 0; i < 1500; i++) {
        crowd_run(c, 0.002 * (1 + check_random_below(&state, 60)));
        act(c);
        if (check_random_below(&state, 60) == 0) {
            disturb_servers(c);
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        if (connected[i]) {
            disconnect_one(c, i, check_random_below(&state, 2));
        }
    }
    for (int i = 0; i < SERVERS; i++) {
        if (lives(c, i)) {
            continue;
        }
        if (c->servers[i].server) {
            crowd_crash(c, i);
        }
        crowd_start(c, i);
    }
    crowd_run(c, 25);
    CHECK(crowd_mirrors_equal(c));
    uint32_t left = crowd_entities(c, 0);
    tl_server_stats stats = tl_server_get_stats(c->servers[0].server);
    printf("  seed %" PRIu64 ": %d made, %d given back, %d wrong; %u entities left of %d, %u created, %u groups\n",
           seed, made_count, given_back, wrong, left, BOXES, stats.created, stats.groups);
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(left, BOXES);
    CHECK_EQUAL(stats.created, 0);
    check_places(c);
    crowd_destroy(c);
}

static uint64_t first = 1, last = 6;

TEST(nobody_is_given_what_another_has_made)
{
    for (uint64_t seed = first; seed <= last; seed++) {
        mess(seed);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        first = strtoull(argv[1], NULL, 10), last = first;
    }
    if (argc > 2) {
        last = strtoull(argv[2], NULL, 10);
    }
    RUN(nobody_is_given_what_another_has_made);
    return 0;
}
