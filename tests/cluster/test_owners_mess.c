// Clients of a few names come and go, say goodbye or are just gone, are several of one name at once, make and delete things of their own and
// of others, while servers crash, leave and come back. Nobody is ever given what another name has made; and in the end nothing is left.
#include "crowd.h"

enum { SERVERS = 3, CLIENTS = 14, NAMES = 8, MADE_MAX = 8192 };

typedef struct made {
    tl_entity_id id;
    int name;
    bool own;
} made;

static made all_made[MADE_MAX];
static int made_count, name_of[CROWD_CLIENTS_MAX], wrong, given_back;
static bool connected[CROWD_CLIENTS_MAX];
static uint64_t state;

static uint32_t rnd(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static void on_event(crowd *c, int client, const tl_client_event *event)
{
    if (event->type == TL_CLIENT_ANSWER && event->request && event->result == TL_OK && event->entity) {
        for (int i = 0; i < made_count; i++)
            if (all_made[i].id == event->entity) return; // a delete or an update
        CHECK(made_count < MADE_MAX);
        all_made[made_count++] = (made){event->entity, name_of[client], true};
    }
    if (event->type != TL_CLIENT_OWN_GIVEN_BACK) return;
    given_back++;
    for (int i = 0; i < made_count; i++) {
        if (all_made[i].id != event->entity || all_made[i].name == name_of[client]) continue;
        printf("  at %.2f s name-%d is given %llx of name-%d\n", (double)c->now_us * 1e-6, name_of[client], (unsigned long long)event->entity, all_made[i].name);
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
    for (int i = 0; i < SERVERS; i++) count += lives(c, i);
    return count;
}

static void connect_one(crowd *c, int client)
{
    char name[16];
    int server = (int)rnd(SERVERS);
    if (!lives(c, server)) return;
    name_of[client] = (int)rnd(NAMES);
    snprintf(name, sizeof name, "name-%d", name_of[client]);
    static char kept[CROWD_CLIENTS_MAX][16];
    strcpy(kept[client], name);
    crowd_connect(c, client, server, kept[client]);
    connected[client] = true;
}

static void disconnect_one(crowd *c, int client, bool says)
{
    for (int i = 0; !says && i < SERVERS; i++) if (c->servers[i].network) tl_memory_network_cut(c->servers[i].network, true);
    crowd_disconnect(c, client);
    for (int i = 0; !says && i < SERVERS; i++) if (c->servers[i].network) tl_memory_network_cut(c->servers[i].network, false);
    connected[client] = false;
}

static void disturb_servers(crowd *c)
{
    int server = (int)rnd(SERVERS);
    if (!c->servers[server].server) {
        crowd_start(c, server);
    } else if (lives(c, server) && living(c) > 1) {
        if (rnd(2)) {
            crowd_crash(c, server);
        } else {
            tl_server_leave(c->servers[server].server);
            for (int i = 0; i < 300 && tl_server_get_state(c->servers[server].server) == TL_SERVER_LEAVING; i++) crowd_run(c, 0.02);
            if (tl_server_get_state(c->servers[server].server) != TL_SERVER_LEFT) printf("  %d has not left: %s\n", server, c->servers[server].said);
            crowd_leave(c, server);
        }
        for (int i = 0; i < CLIENTS; i++)
            if (connected[i] && tl_client_get_state(c->clients[i].client) == TL_CLIENT_CLOSED) disconnect_one(c, i, true);
    } else if (!lives(c, server)) {
        crowd_crash(c, server);
    }
}

static void act(crowd *c)
{
    int client = (int)rnd(CLIENTS);
    if (!connected[client]) {
        connect_one(c, client);
        return;
    }
    tl_client *k = c->clients[client].client;
    if (tl_client_get_state(k) == TL_CLIENT_CLOSED) {
        disconnect_one(c, client, true);
        return;
    }
    uint32_t what = rnd(100);
    tl_values v = crowd_at(rnd(20), 0, rnd(20));
    if (what < 12) disconnect_one(c, client, true);
    else if (what < 20) disconnect_one(c, client, false);
    else if (what < 60) tl_client_request_create(k, CROWD_AVATAR, 0, &v, true, NULL);
    else if (what < 85 && made_count) tl_client_request_delete(k, all_made[made_count - 1 - (int)rnd((uint32_t)(made_count < 40 ? made_count : 40))].id, NULL);
    else if (made_count) tl_client_set(k, all_made[made_count - 1 - (int)rnd((uint32_t)(made_count < 40 ? made_count : 40))].id, tl_client_server_tick(k, c->now_us), 0, &v);
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
    for (int i = 0; i < SERVERS; i++) crowd_start(c, i);
    crowd_fill(c, 0, 6, 3);
    crowd_run(c, 2);
    for (int i = 0; i < 1500; i++) {
        crowd_run(c, 0.002 * (1 + rnd(60)));
        act(c);
        if (rnd(60) == 0) disturb_servers(c);
    }
    for (int i = 0; i < CLIENTS; i++)
        if (connected[i]) disconnect_one(c, i, rnd(2));
    for (int i = 0; i < SERVERS; i++)
        if (!lives(c, i)) {
            if (c->servers[i].server) crowd_crash(c, i);
            crowd_start(c, i);
        }
    crowd_run(c, 25);
    CHECK(crowd_mirrors_equal(c));
    uint32_t left = crowd_entities(c, 0);
    tl_server_stats stats = tl_server_get_stats(c->servers[0].server);
    printf("  seed %llu: %d made, %d given back, %d wrong; %u entities left of 18, %u created, %u groups\n", (unsigned long long)seed, made_count, given_back, wrong, left, stats.created, stats.groups);
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(left, 18);
    CHECK_EQUAL(stats.created, 0);
    // Each name has all its places again, at each server.
    for (int s = 0; s < SERVERS; s++) {
        c->clients[0].accepted = 0;
        static char name[16];
        snprintf(name, sizeof name, "name-%d", s);
        name_of[0] = s;
        crowd_connect(c, 0, s, name);
        crowd_run(c, 2);
        tl_values v = crowd_at(1, 1, 1);
        for (int i = 0; i < 16; i++) {
            tl_client_request_create(c->clients[0].client, CROWD_AVATAR, 0, &v, true, NULL);
            crowd_run(c, 0.2);
        }
        if (c->clients[0].accepted != 16) printf("  server %d: %u accepted, %s\n", s, c->clients[0].accepted, tl_result_name(c->clients[0].answer.result));
        CHECK_EQUAL(c->clients[0].accepted, 16);
        crowd_disconnect(c, 0);
    }
    crowd_run(c, 2);
    crowd_destroy(c);
}

static uint64_t first = 1, last = 6;

TEST(nobody_is_given_what_another_has_made)
{
    for (uint64_t seed = first; seed <= last; seed++) mess(seed);
}

int main(int argc, char **argv)
{
    if (argc > 1) first = strtoull(argv[1], NULL, 10), last = first;
    if (argc > 2) last = strtoull(argv[2], NULL, 10);
    RUN(nobody_is_given_what_another_has_made);
    return 0;
}
