// Clients that come and go: their groups may be new each time, and have no checkpoint yet when the log is to be cut.
#include "crowd.h"
#include "server/state.h"

enum { GROUPS = 440, KEEP_S = 1, CUT_TICKS = 5 * CROWD_HZ, EARLY_TICKS = 12, STORED_S = 30, ROUNDS = 16 };

static tl_entity_ref boxes[GROUPS];

static void move_all(crowd *c, double y)
{
    for (int i = 0; i < GROUPS; i++) {
        tl_values v = crowd_at(0, y, i);
        CHECK_EQUAL(tl_server_set_values(c->servers[0].server, boxes[i], &v), TL_OK);
    }
}

// All groups change all the time, as in a city.
static void run_until(crowd *c, int64_t tick)
{
    while (c->servers[0].server->mirror.tick < tick) {
        if (c->servers[0].server->tick % CROWD_HZ == 0) {
            move_all(c, (double)(c->servers[0].server->tick % (2 * CROWD_HZ)));
        }
        crowd_run(c, 1.0 / CROWD_HZ);
    }
}

static crowd *begin(void)
{
    crowd *c = crowd_create(1);
    c->def.groups_max = 1024, c->def.log_keep_s = KEEP_S;
    c->names_proven = true;
    crowd_start(c, 0);
    for (int i = 0; i < GROUPS; i++) {
        tl_group_id group;
        CHECK_EQUAL(tl_server_create_group(c->servers[0].server, 0, &group), TL_OK);
        tl_entity_def def = {.group = group, .kind = CROWD_BOX, .values = crowd_at(0, 0, i)};
        CHECK_EQUAL(tl_server_create_entity(c->servers[0].server, &def, &boxes[i]), TL_OK);
    }
    run_until(c, STORED_S * CROWD_HZ);
    return c;
}

// A client makes a thing of its own a moment before each cut, and says goodbye after it; then another one does.
static void come_and_go(crowd *c, int round, int64_t cut_tick)
{
    char name[24];
    snprintf(name, sizeof name, "player-%d", round);
    run_until(c, cut_tick - EARLY_TICKS);
    crowd_connect(c, 0, 0, name);
    run_until(c, cut_tick - EARLY_TICKS / 2);
    tl_values v = crowd_at(1, 2, 3);
    CHECK_EQUAL(tl_client_request_create(c->clients[0].client, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
    run_until(c, cut_tick + EARLY_TICKS);
    CHECK_EQUAL(c->clients[0].accepted, 1);
    crowd_disconnect(c, 0);
}

TEST(who_comes_and_goes_does_not_keep_the_log_from_being_cut)
{
    crowd *c = begin();
    tl_server *s = c->servers[0].server;
    int64_t first = (s->mirror.tick / CUT_TICKS + 1) * CUT_TICKS, behind_max = 0;
    for (int round = 0; round < ROUNDS; round++) {
        come_and_go(c, round, first + (int64_t)round * CUT_TICKS);
        behind_max = tl_max_i64(behind_max, s->mirror.tick - s->checkpoints.truncated_tick);
    }
    printf("  the log is up to %.0f s long\n", (double)behind_max / CROWD_HZ);
    // A group a tick is stored, and each again after ten seconds at the earliest.
    CHECK(behind_max < GROUPS + (KEEP_S + 20) * CROWD_HZ);
    crowd_start(c, 1);
    CHECK(crowd_mirrors_equal(c));
    crowd_destroy(c);
}

static const tl_store_ops *real_ops;
static uint32_t tombs;

static tl_result count_tombs(tl_store *self, tl_group_id group, int64_t tick, const void *data, size_t size)
{
    tombs += size == 0;
    return real_ops->checkpoint(self, group, tick, data, size);
}

static void make_own(crowd *c, int client, const char *name)
{
    tl_values v = crowd_at(1, 2, 3);
    crowd_connect(c, client, 0, name);
    for (int t = 0; t < 100 && tl_client_get_state(c->clients[client].client) != TL_CLIENT_LIVE; t++) {
        crowd_run(c, 0.02);
    }
    CHECK_EQUAL(tl_client_request_create(c->clients[client].client, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
    for (int t = 0; t < 100 && c->clients[client].accepted + c->clients[client].refused == 0; t++) {
        crowd_run(c, 0.02);
    }
    CHECK_EQUAL(c->clients[client].accepted, 1);
}

// That a group was deleted stays in the store for ever; so groups go from one client to the next, be it under another
// server.
TEST(who_comes_and_goes_leaves_no_deleted_groups)
{
    enum { TIMES = 100, GRACE_MS = 1000, GROUPS_AT_ONCE = 12 }; // in the time of grace some five come
    crowd *c = crowd_create(1);
    c->names_proven = true;
    c->def.grace_ms = GRACE_MS;
    crowd_start(c, 0);
    tl_store *store = c->servers[0].store;
    tl_store_ops ops = *(real_ops = store->ops);
    ops.checkpoint = count_tombs;
    store->ops = &ops;
    for (int i = 0; i < TIMES; i++) {
        char name[24];
        snprintf(name, sizeof name, "player-%d", i / 2); // each twice
        make_own(c, 0, name);
        crowd_disconnect(c, 0);
        crowd_run(c, 0.1);
        CHECK_EQUAL(crowd_entities(c, 0), 0); // what it owned goes at once
    }
    crowd_run(c, 20);
    printf("  %u deleted groups, %u left\n", tombs, tl_server_get_stats(c->servers[0].server).groups);
    CHECK_EQUAL(tombs, 0);
    CHECK(tl_server_get_stats(c->servers[0].server).groups <= GROUPS_AT_ONCE);
    crowd_start(c, 1);
    crowd_crash(c, 0);
    crowd_run(c, 3 + GRACE_MS * 1e-3);
    CHECK(tl_server_get_stats(c->servers[1].server).groups <= GROUPS_AT_ONCE);
    CHECK_EQUAL(crowd_entities(c, 1), 0);
    crowd_destroy(c);
}

// While a server is silent, until its lease ends, what one makes waits to come into its group. It may have left by
// then, and somebody else want a group.
TEST(nobody_inherits_what_comes_late_into_a_group)
{
    const tl_values v = crowd_at(4, 5, 6);
    crowd *c = crowd_create(1);
    c->names_proven = true;
    c->def.grace_ms = 0, c->def.patience_ms = 1000;
    crowd_start(c, 0);
    crowd_start(c, 1);
    make_own(c, 0, "early");
    crowd_connect(c, 1, 0, "late");
    CHECK_EQUAL(tl_client_request_delete(c->clients[0].client, c->clients[0].last_made, NULL), TL_OK);
    crowd_run(c, 1);
    CHECK_EQUAL(crowd_entities(c, 0), 0);
    tl_server *silent = c->servers[1].server;
    c->servers[1].server = NULL; // it is not stepped
    crowd_run(c, 0.2);
    CHECK_EQUAL(tl_client_request_create(c->clients[0].client, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
    crowd_run(c, 0.1);
    tl_transport_drop(c->clients[0].transport, 1);
    crowd_run(c, 0.4);
    CHECK_EQUAL(crowd_entities(c, 0), 0);
    CHECK_EQUAL(tl_client_request_create(c->clients[1].client, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
    crowd_run(c, 5);
    CHECK_EQUAL(c->clients[1].accepted, 1);
    CHECK_EQUAL(crowd_entities(c, 0), 1);
    c->servers[1].server = silent;
    crowd_destroy(c);
}

int main(void)
{
    RUN(who_comes_and_goes_leaves_no_deleted_groups);
    RUN(nobody_inherits_what_comes_late_into_a_group);
    RUN(who_comes_and_goes_does_not_keep_the_log_from_being_cut);
    return 0;
}
