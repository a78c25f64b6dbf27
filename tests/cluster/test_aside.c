// A server commits records that nobody can read. The others set them aside and go on; whoever loads the world later
// comes to the same one.
#include "cluster.h"

static uint64_t seed;

// One server's store, with what it submits spoilt on the way.
static const tl_store_ops *real_ops;
static tl_store_ops spoiling_ops;
static uint32_t to_spoil, spoilt;
static int64_t spoilt_tick;
static bool other_format;

static tl_result spoil(tl_store *self, int64_t tick, const void *data, size_t size, uint64_t now_us)
{
    if (to_spoil == 0) {
        return real_ops->submit(self, tick, data, size, now_us);
    }
    unsigned char *copy = malloc(size + 1);
    CHECK(copy);
    memcpy(copy, data, size);
    copy[size] = 0xff; // no op begins like that
    if (other_format) {
        copy[0]++;
    }
    tl_result result = real_ops->submit(self, tick, copy, size + 1, now_us);
    free(copy);
    if (result == TL_OK) {
        to_spoil--, spoilt++;
        spoilt_tick = tick;
    }
    return result;
}

static void spoil_next(cluster *c, int node, uint32_t count)
{
    tl_store *store = c->nodes[node].store;
    if (store->ops != &spoiling_ops) {
        real_ops = store->ops;
        spoiling_ops = *real_ops;
        spoiling_ops.submit = spoil;
        store->ops = &spoiling_ops;
    }
    to_spoil = count;
    spoilt = 0;
}

static cluster *servers(int count)
{
    cluster *c = cluster_create("city", 1000, seed, 20);
    for (int i = 1; i < count; i++) {
        cluster_start_server(c, i);
    }
    cluster_add_rider(c, 0);
    cluster_run(c, 3);
    cluster_settle(c, 6);
    return c;
}

static uint64_t set_aside(const cluster *c)
{
    uint64_t count = 0;
    for (int i = 0; i < c->node_count; i++) {
        if (c->nodes[i].server) {
            count += tl_server_get_stats(c->nodes[i].server).records_set_aside;
        }
    }
    return count;
}

static void check_all(cluster *c)
{
    for (int i = 0; i < c->node_count; i++) {
        if (c->nodes[i].server == NULL) {
            continue;
        }
        CHECK_EQUAL(tl_server_get_state(c->nodes[i].server), TL_SERVER_RUNNING);
        cluster_check_entities(c, i);
    }
    CHECK_EQUAL(cluster_owned_groups(c), c->group_count);
    cluster_validate(c);
}

TEST(a_record_that_nobody_can_read_costs_its_author_alone)
{
    cluster *c = servers(3);
    CHECK(cluster_groups_of(c, 1) > 0);
    spoil_next(c, 1, 1);
    cluster_run(c, 3);
    CHECK_EQUAL(spoilt, 1);
    CHECK_EQUAL(c->nodes[1].fenced_count, 1); // and came back
    CHECK_EQUAL(c->nodes[0].fenced_count + c->nodes[2].fenced_count, 0);
    CHECK(set_aside(c) >= 1);
    cluster_settle(c, 3);
    cluster_run_right(c, 3);
    check_all(c);
    cluster_start_server(c, 3); // one that loads it all
    cluster_run(c, 1);
    cluster_settle(c, 3);
    check_all(c);
    cluster_destroy(c);
}

TEST(bad_records_again_and_again)
{
    cluster *c = servers(3);
    for (int round = 0; round < 6; round++) {
        spoil_next(c, 1 + round % 2, 1 + (uint32_t)round);
        cluster_run(c, 1 + 0.3 * round);
    }
    to_spoil = 0;
    cluster_run(c, 4);
    CHECK(c->nodes[1].fenced_count + c->nodes[2].fenced_count >= 4);
    CHECK_EQUAL(c->nodes[0].fenced_count, 0);
    cluster_settle(c, 4);
    cluster_run_right(c, 3);
    check_all(c);
    cluster_destroy(c);
}

// It crashes with it: the others may fence it before they have come to the record, or after.
TEST(an_author_that_crashes_with_its_bad_record)
{
    for (int ms = 50; ms <= 66; ms += 2) {
        cluster *c = servers(3);
        spoil_next(c, 1, 10);
        cluster_run(c, ms * 0.001); // before its commit, between that and the others' answer, or after
        cluster_crash_server(c, 1);
        cluster_run(c, 4);
        cluster_settle(c, 3);
        cluster_run_right(c, 2);
        cluster_start_server(c, 1);
        cluster_run(c, 1);
        cluster_settle(c, 4);
        check_all(c);
        cluster_destroy(c);
    }
}

// Nobody else is there: it is the author itself that cannot read its log when it comes back.
TEST(a_lone_server_comes_back_without_what_it_cannot_read)
{
    cluster *c = servers(1);
    spoil_next(c, 0, 3);
    cluster_run(c, 1);
    CHECK_EQUAL(spoilt, 3);
    cluster_crash_server(c, 0);
    cluster_start_server(c, 0);
    cluster_run(c, 2);
    CHECK_EQUAL(tl_server_get_state(c->nodes[0].server), TL_SERVER_RUNNING);
    CHECK(set_aside(c) >= 3);
    cluster_settle(c, 3);
    cluster_start_server(c, 1);
    cluster_run(c, 2);
    cluster_settle(c, 4);
    check_all(c);
    cluster_destroy(c);
}

// A server that is just loading has the same choice to make as those that run.
TEST(one_that_joins_while_a_bad_record_is_the_newest)
{
    cluster *c = servers(1);
    spoil_next(c, 0, 1);
    cluster_run(c, 0.06);
    CHECK_EQUAL(spoilt, 1);
    cluster_start_server(c, 1);
    cluster_run(c, 4);
    CHECK(set_aside(c) >= 1);
    CHECK_EQUAL(c->nodes[0].fenced_count, 1);
    cluster_settle(c, 4);
    cluster_run_right(c, 2);
    check_all(c);
    cluster_destroy(c);
}

static tl_server *checked_server;
static uint32_t checkpoints;

static tl_result check_age(tl_store *self, tl_group_id group, int64_t tick, const void *data, size_t size)
{
    CHECK(tick + 3 * 20 <= tl_server_get_stats(checked_server).committed_tick);
    checkpoints++;
    return real_ops->checkpoint(self, group, tick, data, size);
}

// A checkpoint that showed what was set aside would be loaded in its stead: by then nothing of it is.
TEST(checkpoints_wait_until_their_records_are_beyond_doubt)
{
    cluster *c = servers(2);
    spoil_next(c, 0, 0);
    spoiling_ops.checkpoint = check_age;
    checked_server = c->nodes[0].server;
    cluster_run(c, 25);
    CHECK(checkpoints > 0);
    cluster_destroy(c);
}

// Another format stops its readers: the author may be newer than they are.
TEST(a_record_of_another_format_stops_its_reader_and_not_its_author)
{
    cluster *c = servers(2);
    other_format = true;
    spoil_next(c, 0, 1);
    cluster_run(c, 2);
    CHECK_EQUAL(tl_server_get_state(c->nodes[0].server), TL_SERVER_RUNNING);
    CHECK_EQUAL(tl_server_get_state(c->nodes[1].server), TL_SERVER_FAILED);
    CHECK_EQUAL(c->nodes[0].fenced_count, 0);
    other_format = false;
    cluster_destroy(c);
}

// A lone server goes on for long after its bad record, and its checkpoints show what follows that: they have no say in
// whose the groups are.
static void check_owners(int restarted)
{
    cluster *c = servers(1);
    spoil_next(c, 0, 1);
    cluster_run(c, 16);
    CHECK_EQUAL(spoilt, 1);
    cluster_start_server(c, 1);
    for (int i = 0; i < 300 && c->nodes[0].fenced_count == 0; i++) {
        cluster_run(c, 0.01);
    }
    CHECK_EQUAL(c->nodes[0].fenced_count, 1); // it is back, or about to be
    if (restarted) {
        cluster_start_server(c, 2);
    }
    cluster_run(c, 0.5);
    CHECK_EQUAL(cluster_owned_groups(c), c->group_count);
    cluster_run(c, 5);
    cluster_settle(c, 4);
    cluster_start_server(c, 2 + restarted);
    cluster_run(c, 2);
    cluster_settle(c, 4);
    check_all(c);
    cluster_destroy(c);
}

TEST(checkpoints_of_what_was_set_aside_name_no_owner)
{
    for (int restarted = 0; restarted < 2; restarted++) {
        check_owners(restarted);
    }
}

int main(int argc, char **argv)
{
    seed = cluster_seed(argc, argv, 1);
    RUN(a_record_that_nobody_can_read_costs_its_author_alone);
    RUN(bad_records_again_and_again);
    RUN(an_author_that_crashes_with_its_bad_record);
    RUN(a_lone_server_comes_back_without_what_it_cannot_read);
    RUN(one_that_joins_while_a_bad_record_is_the_newest);
    RUN(checkpoints_wait_until_their_records_are_beyond_doubt);
    RUN(checkpoints_of_what_was_set_aside_name_no_owner);
    RUN(a_record_of_another_format_stops_its_reader_and_not_its_author);
    return 0;
}
