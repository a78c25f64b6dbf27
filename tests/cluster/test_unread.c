// Checkpoints that nobody can read, under a right sum. Whoever loads the world goes on without them, says so, and has
// their groups told anew; servers that run do not notice; nobody writes over what somebody else could perhaps still
// read.
#include "cluster.h"

static uint64_t seed;

typedef enum spoiling { SPOIL_NOTHING, SPOIL_LAST_OP, SPOIL_ALL } spoiling;

// All servers' stores, with the checkpoints that they submit spoilt on the way.
static const tl_store_ops *real_ops;
static tl_store_ops spoiling_ops;
static spoiling how;
static uint32_t spoilt, group_stored;       // checkpoints; of the group that was spoilt first, whole ones after that
static tl_group_id first_group, only_group; // only: 0, all

static tl_result spoil(tl_store *self, tl_group_id group, int64_t tick, const void *data, size_t size)
{
    group_stored += group == first_group;
    if (how == SPOIL_NOTHING || size == 0 || (only_group && group != only_group)) {
        return real_ops->checkpoint(self, group, tick, data, size);
    }
    unsigned char *copy = malloc(size + 1);
    CHECK(copy);
    memcpy(copy, data, size);
    copy[size] = 0xff; // no op begins like that
    // Without its first op it is not known whose the group is.
    if (how == SPOIL_ALL) {
        memset(copy + 1, 0xff, size);
    }
    tl_result result = real_ops->checkpoint(self, group, tick, copy, size + 1);
    free(copy);
    if (result == TL_OK && spoilt++ == 0) {
        first_group = group, group_stored = 0;
    }
    return result;
}

static void watch_node(cluster *c, int node)
{
    tl_store *store = c->nodes[node].store;
    if (store->ops == &spoiling_ops) {
        return;
    }
    real_ops = store->ops;
    spoiling_ops = *real_ops;
    spoiling_ops.checkpoint = spoil;
    store->ops = &spoiling_ops;
}

// A world whose checkpoints from its 3rd to its 18th second are spoilt: about one of each group that moves.
static cluster *servers(int count, spoiling spoil_how)
{
    cluster *c = cluster_create("city", 1000, seed, 20);
    for (int i = 1; i < count; i++) {
        cluster_start_server(c, i);
    }
    for (int i = 0; i < count; i++) {
        watch_node(c, i);
    }
    spoilt = group_stored = 0;
    first_group = only_group = 0;
    how = spoil_how;
    cluster_add_rider(c, 0);
    cluster_run(c, 3);
    cluster_settle(c, 6);
    cluster_run(c, 15);
    CHECK(spoilt > 0);
    how = SPOIL_NOTHING;
    return c;
}

static tl_server_stats stats_of(const cluster *c, int node)
{
    return tl_server_get_stats(c->nodes[node].server);
}

static void check_all(cluster *c)
{
    for (int i = 0; i < c->node_count; i++) {
        if (c->nodes[i].server == NULL) {
            continue;
        }
        CHECK_EQUAL(tl_server_get_state(c->nodes[i].server), TL_SERVER_RUNNING);
        CHECK_EQUAL(stats_of(c, i).groups_unread, 0);
        cluster_check_entities(c, i);
    }
    CHECK_EQUAL(cluster_owned_groups(c), c->group_count);
    cluster_validate(c);
}

// One that joins goes on without them, and the owners tell it all of it.
static void check_newcomer(spoiling spoil_how)
{
    cluster *c = servers(3, spoil_how);
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(stats_of(c, i).groups_unread + c->nodes[i].fenced_count, 0);
    }
    cluster_start_server(c, 3);
    watch_node(c, 3);
    cluster_run(c, 1);
    CHECK_EQUAL(tl_server_get_state(c->nodes[3].server), TL_SERVER_RUNNING);
    CHECK(stats_of(c, 3).checkpoints_unread > 0);
    CHECK(cluster_said(c, 3, "cannot be read; this server goes on without it") > 0);
    CHECK(cluster_said(c, 3, "DEGRADED: the checkpoints of") > 0);
    cluster_run(c, 5); // eight groups a second
    CHECK_EQUAL(cluster_said(c, 3, "no longer degraded"), 1);
    cluster_settle(c, 6);
    cluster_run_right(c, 3);
    check_all(c);
    cluster_destroy(c);
}

TEST(a_newcomer_goes_on_without_checkpoints_that_it_cannot_read)
{
    check_newcomer(SPOIL_LAST_OP);
}

TEST(whose_groups_they_were_need_not_be_known)
{
    check_newcomer(SPOIL_ALL);
}

// It comes back with its groups, and cannot read what is in them: it leaves them to those that have them.
TEST(an_owner_that_comes_back_gives_away_what_it_cannot_read)
{
    cluster *c = servers(3, SPOIL_LAST_OP);
    CHECK(cluster_groups_of(c, 1) > 0);
    cluster_crash_server(c, 1);
    cluster_run(c, 0.3); // its lease goes on
    cluster_start_server(c, 1);
    watch_node(c, 1);
    cluster_run(c, 0.5);
    CHECK(stats_of(c, 1).checkpoints_unread > 0);
    CHECK_EQUAL(c->nodes[0].fenced_count + c->nodes[2].fenced_count, 0);
    cluster_run(c, 5);
    cluster_settle(c, 6);
    cluster_run_right(c, 3);
    check_all(c);
    cluster_destroy(c);
}

// Its group's owner has fallen, and a server that just loads is all there is besides: the one that runs has it whole.
TEST(an_heir_that_loads_does_not_die_of_it)
{
    cluster *c = servers(2, SPOIL_LAST_OP);
    CHECK(cluster_groups_of(c, 1) > 0);
    cluster_crash_server(c, 1);
    cluster_start_server(c, 2);
    watch_node(c, 2);
    cluster_run(c, 4);
    CHECK_EQUAL(tl_server_get_state(c->nodes[2].server), TL_SERVER_RUNNING);
    CHECK(stats_of(c, 2).checkpoints_unread > 0);
    cluster_run(c, 5);
    cluster_settle(c, 6);
    cluster_run_right(c, 3);
    check_all(c);
    cluster_destroy(c);
}

// Nobody has them any more: the rest of the world goes on, and the bytes stay for whoever can read them.
TEST(a_lone_server_goes_on_without_them_and_writes_nothing_over_them)
{
    cluster *c = cluster_create("city", 1000, seed, 20);
    watch_node(c, 0);
    spoilt = group_stored = 0;
    first_group = 0;
    only_group = cluster_group_id(1);
    how = SPOIL_LAST_OP;
    cluster_run(c, 25);
    how = SPOIL_NOTHING;
    CHECK(spoilt > 0);
    cluster_crash_server(c, 0);
    cluster_start_server(c, 0);
    watch_node(c, 0);
    group_stored = 0;
    cluster_run(c, 30); // its game makes anew what is missing
    tl_server_stats stats = stats_of(c, 0);
    CHECK_EQUAL(tl_server_get_state(c->nodes[0].server), TL_SERVER_RUNNING);
    CHECK_EQUAL(stats.checkpoints_unread, 1);
    CHECK_EQUAL(stats.groups_unread, 1);
    CHECK(cluster_said(c, 0, "--repair NEW") >= 2);
    CHECK_EQUAL(group_stored, 0);
    cluster_start_server(c, 1); // has no more of it, and goes on as well
    cluster_run(c, 5);
    CHECK_EQUAL(tl_server_get_state(c->nodes[1].server), TL_SERVER_RUNNING);
    CHECK_EQUAL(stats_of(c, 1).entities, stats.entities);
    cluster_validate(c);
    cluster_destroy(c);
}

int main(int argc, char **argv)
{
    seed = cluster_seed(argc, argv, 1);
    RUN(a_newcomer_goes_on_without_checkpoints_that_it_cannot_read);
    RUN(whose_groups_they_were_need_not_be_known);
    RUN(an_owner_that_comes_back_gives_away_what_it_cannot_read);
    RUN(an_heir_that_loads_does_not_die_of_it);
    RUN(a_lone_server_goes_on_without_them_and_writes_nothing_over_them);
    return 0;
}
