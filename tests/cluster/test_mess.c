// Everything at once, at random: clients that create, board, alight, delete each other's things, leave and come back on
// other servers, while servers crash, leave and come back. After each round of it all mirrors are the same, each group
// has one owner, and what is counted is what there is.
#include "crowd.h"

#include <math.h>
#include <stdlib.h>

enum { SERVERS = 3, CLIENTS = 12, KNOWN = 400, ROUNDS = 6 };

static uint64_t seed = 1, rnd;
static tl_entity_id known[KNOWN];
static uint32_t known_count;
static tl_entity_id own[CLIENTS][64];
static uint32_t own_count[CLIENTS];
static int at[CLIENTS];
static bool up[SERVERS];

static uint64_t below(uint64_t n)
{
    return check_random(&rnd) % n;
}

static void take(crowd *c)
{
    for (int i = 0; i < CLIENTS; i++) {
        crowd_client *k = &c->clients[i];
        if (k->last_made == 0) {
            continue;
        }
        known[known_count++ % KNOWN] = k->last_made;
        own[i][own_count[i]++ % 64] = k->last_made;
        k->last_made = 0;
    }
}

static tl_entity_id any(void)
{
    return known_count ? known[below(known_count < KNOWN ? known_count : KNOWN)] : 0;
}

static void connect(crowd *c, int i)
{
    char name[24];
    int s = (int)below(SERVERS);
    if (!up[s]) {
        return;
    }
    snprintf(name, sizeof name, "player-%d", (int)below(8) == 0 ? (int)below(CLIENTS) : i);
    crowd_connect(c, i, s, name);
    at[i] = s;
}

static void act(crowd *c, int i)
{
    crowd_client *k = &c->clients[i];
    if (k->client == NULL || tl_client_get_state(k->client) == TL_CLIENT_CLOSED) {
        if (k->client) {
            crowd_disconnect(c, i);
        }
        if (below(10) == 0) {
            connect(c, i);
        }
        return;
    }
    if (tl_client_get_state(k->client) != TL_CLIENT_LIVE) {
        return;
    }
    tl_values v = crowd_at(check_random_between(&rnd, -5, 5), check_random_between(&rnd, 0, 5),
                           check_random_between(&rnd, -5, 5));
    uint64_t what = below(100);
    if (what < 12) {
        tl_client_request_create(k->client, (int)below(CROWD_KINDS), below(3) ? any() : 0, &v, below(2), NULL);
    } else if (what < 50 && own_count[i]) {
        v.fields[0].velocity = (tl_vec3){check_random_between(&rnd, -3, 3), 0, 0};
        tl_client_set_values(k->client, own[i][below(own_count[i] < 64 ? own_count[i] : 64)],
                             tl_client_get_server_tick(k->client, c->now_us), below(3) ? any() : 0, &v);
    } else if (what < 60) {
        tl_client_request_delete(k->client, any(), NULL);
    } else if (what < 70) {
        tl_client_request_update(k->client, any(), &v, NULL);
    } else if (what == 71) {
        crowd_disconnect(c, i);
    }
}

static void trouble(crowd *c)
{
    int s = (int)below(SERVERS), count = up[0] + up[1] + up[2];
    if (!up[s]) {
        crowd_start(c, s);
        up[s] = true;
        return;
    }
    if (count == 1) {
        return;
    }
    for (int i = 0; i < CLIENTS; i++) { // their transports are of that server's network
        if (c->clients[i].client && at[i] == s && below(2)) {
            crowd_disconnect(c, i);
        }
    }
    if (below(3)) {
        crowd_crash(c, s);
    } else {
        tl_server_leave(c->servers[s].server);
        for (int t = 0; t < 100 && tl_server_get_state(c->servers[s].server) != TL_SERVER_LEFT; t++) {
            crowd_run(c, 0.05);
        }
        CHECK_EQUAL(tl_server_get_state(c->servers[s].server), TL_SERVER_LEFT);
        crowd_leave(c, s);
    }
    up[s] = false;
}

static bool same(crowd *c)
{
    static tl_entity_ref all[20000];
    int first = up[0] ? 0 : up[1] ? 1 : 2;
    bool good = true;
    const tl_server *a = c->servers[first].server;
    double tick = (double)tl_server_get_stats(a).world_tick;
    uint32_t count = tl_server_get_entities(a, all, 20000);
    for (int s = 0; s < SERVERS; s++) {
        if (!up[s] || s == first) {
            continue;
        }
        const tl_server *b = c->servers[s].server;
        if (tl_server_get_stats(b).entities != tl_server_get_stats(a).entities ||
            tl_server_get_stats(b).groups != tl_server_get_stats(a).groups) {
            fprintf(stderr, "  %u, %u groups; %u, %u groups\n", tl_server_get_stats(a).entities,
                    tl_server_get_stats(a).groups, tl_server_get_stats(b).entities, tl_server_get_stats(b).groups);
            good = false;
        }
        for (uint32_t k = 0; k < count; k++) {
            tl_entity_info x, y;
            CHECK_EQUAL(tl_server_get_entity_info(a, all[k], &x), TL_OK);
            tl_entity_ref ref = tl_server_find(b, x.id);
            if (ref == TL_REF_NONE || tl_server_get_entity_info(b, ref, &y) != TL_OK) {
                fprintf(stderr, "  %llx is not on %d\n", (unsigned long long)x.id, s);
                good = false;
                continue;
            }
            tl_vec3 p = {0}, q = {0};
            tl_quat r;
            tl_result seen_a = tl_server_get_pose(a, all[k], tick, &p, &r),
                      seen_b = tl_server_get_pose(b, ref, tick, &q, &r);
            bool equal = x.carrier == y.carrier && x.group == y.group && x.owner == y.owner && x.kind == y.kind &&
                         seen_a == seen_b && fabs(p.x - q.x) + fabs(p.y - q.y) + fabs(p.z - q.z) < 1e-6;
            if (!equal) {
                fprintf(stderr,
                        "  %llx: carrier %llx %llx, group %llx %llx, owner %u %u, seen %d %d, at %g %g %g, %g %g %g\n",
                        (unsigned long long)x.id, (unsigned long long)x.carrier, (unsigned long long)y.carrier,
                        (unsigned long long)x.group, (unsigned long long)y.group, x.owner, y.owner, seen_a, seen_b, p.x,
                        p.y, p.z, q.x, q.y, q.z);
            }
            good &= equal;
        }
    }
    return good;
}

static void check_all(crowd *c, int round)
{
    for (int s = 0; s < SERVERS; s++) {
        if (!up[s]) {
            continue;
        }
        tl_server_validate(c->servers[s].server);
        CHECK_EQUAL(tl_server_get_state(c->servers[s].server), TL_SERVER_RUNNING);
    }
    bool good = same(c);
    for (int again = 0; !good && again < 3; again++) { // something may just have expired
        crowd_run(c, 0.33);
        good = same(c);
    }
    tl_server_stats stats = tl_server_get_stats(c->servers[up[0] ? 0 : up[1] ? 1 : 2].server);
    printf("  round %d: %d%d%d, %u entities, %u groups, created %u, refused %llu, set down %llu\n", round, up[0], up[1],
           up[2], stats.entities, stats.groups, stats.created, (unsigned long long)stats.creations_refused,
           (unsigned long long)stats.set_down);
    CHECK(good);
}

static void all_at_once(bool names_proven)
{
    rnd = seed * 7919 + 1;
    known_count = 0;
    memset(own_count, 0, sizeof own_count);
    crowd *c = crowd_create(seed);
    c->names_proven = names_proven;
    if (!names_proven) {
        c->def.secret_seed[0] = 1;
    }
    c->def.log_keep_s = 5;
    c->def.entities_max = 4000;
    for (int s = 0; s < SERVERS; s++) {
        crowd_start(c, s), up[s] = true;
    }
    crowd_fill(c, 0, 6, 5);
    for (int i = 0; i < CLIENTS; i++) {
        connect(c, i);
    }
    crowd_run(c, 1.5);
    for (int round = 0; round < ROUNDS; round++) {
        for (int t = 0; t < 400; t++) {
            for (int i = 0; i < CLIENTS; i++) {
                if (below(3) == 0) {
                    act(c, i);
                }
            }
            if (below(120) == 0) {
                trouble(c);
            }
            crowd_run(c, 0.02);
            take(c);
        }
        crowd_run(c, 4);
        check_all(c, round);
    }
    crowd_start(c, SERVERS); // all of it from the store
    crowd_run(c, 3);
    CHECK(crowd_mirrors_equal(c));
    crowd_destroy(c);
}

TEST(with_tokens)
{
    all_at_once(true);
}

TEST(without_tokens)
{
    all_at_once(false);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        seed = strtoull(argv[1], NULL, 10);
    }
    RUN(with_tokens);
    RUN(without_tokens);
    return 0;
}
