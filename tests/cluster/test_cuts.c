// A log is cut only where checkpoints say all that is cut: whatever crashes, leaves and comes back, whoever joins then
// has the same world as those that were there. Logs are kept for a second only, and groups stay where they are.
#include "crowd.h"
#include "server/state.h"

enum { GROUPS = 440, KEEP_S = 1, STORED_S = 28, CHECKS = 11 };

static tl_group_id groups[GROUPS];

static void add_to_each(crowd *c, int server, double x)
{
    for (int i = 0; i < GROUPS; i++) {
        tl_entity_def def = {.group = groups[i], .kind = CROWD_BOX, .values = crowd_at(x, 0, i)};
        CHECK_EQUAL(tl_server_create_entity(c->servers[server].server, &def, NULL), TL_OK);
    }
    crowd_run(c, 0.3);
}

static void keep_all(crowd *c, int server)
{
    for (int i = 0; i < GROUPS; i++) {
        CHECK_EQUAL(tl_server_keep_group(c->servers[server].server, groups[i], true), TL_OK);
    }
}

// All groups are server 1's, and checkpointed.
static crowd *begin(void)
{
    crowd *c = crowd_create(1);
    c->def.groups_max = 1024, c->def.log_keep_s = KEEP_S;
    crowd_start(c, 0);
    crowd_start(c, 1);
    for (int i = 0; i < GROUPS; i++) {
        CHECK_EQUAL(tl_server_create_group(c->servers[1].server, 0, &groups[i]), TL_OK);
    }
    keep_all(c, 1);
    add_to_each(c, 1, 0);
    crowd_run(c, STORED_S);
    return c;
}

// Until server 1 has cut what it had said by `said_tick`.
static void check_joins(crowd *c, int64_t said_tick)
{
    for (int i = 0; i < CHECKS; i++) {
        crowd_run(c, 2);
        crowd_start(c, 2);
        crowd_run(c, 0.3);
        CHECK(crowd_mirrors_equal(c));
        crowd_crash(c, 2);
    }
    CHECK(c->servers[1].server->checkpoints.truncated_tick > said_tick);
    crowd_destroy(c);
}

TEST(one_that_comes_back_keeps_what_its_heir_has_not_stored)
{
    crowd *c = begin();
    add_to_each(c, 1, 5);
    int64_t said_tick = c->servers[1].server->tick;
    crowd_crash(c, 1);
    crowd_run(c, 2.2);
    keep_all(c, 0);
    crowd_start(c, 1);
    CHECK_EQUAL(tl_server_get_stats(c->servers[0].server).groups_owned, GROUPS);
    check_joins(c, said_tick);
}

TEST(a_giver_that_crashes_before_its_checkpoints)
{
    crowd *c = begin();
    add_to_each(c, 1, 5);
    for (int i = 0; i < GROUPS; i++) {
        CHECK_EQUAL(tl_server_give_group(c->servers[1].server, groups[i], tl_server_get_number(c->servers[0].server)),
                    TL_OK);
    }
    for (int i = 0; i < 200 && !tl_server_owns_group(c->servers[0].server, groups[GROUPS - 1]); i++) {
        crowd_run(c, 0.01);
    }
    keep_all(c, 0);
    int64_t said_tick = c->servers[1].server->tick;
    crowd_crash(c, 1);
    crowd_start(c, 1); // its lease goes on
    check_joins(c, said_tick);
}

TEST(one_that_leaves_and_comes_back)
{
    crowd *c = begin();
    add_to_each(c, 1, 5);
    int64_t said_tick = c->servers[1].server->tick;
    tl_server_leave(c->servers[1].server);
    crowd_run(c, 2);
    CHECK_EQUAL(tl_server_get_state(c->servers[1].server), TL_SERVER_LEFT);
    keep_all(c, 0);
    crowd_leave(c, 1);
    crowd_start(c, 1);
    check_joins(c, said_tick);
}

// What is deleted stays deleted, though the store was not told before the crash.
TEST(one_that_crashes_before_it_has_stored_that_groups_are_deleted)
{
    crowd *c = begin();
    for (int i = 0; i < GROUPS; i += 2) {
        CHECK_EQUAL(tl_server_delete_group(c->servers[1].server, groups[i]), TL_OK);
    }
    crowd_run(c, 0.5);
    int64_t said_tick = c->servers[1].server->tick;
    crowd_crash(c, 1);
    crowd_start(c, 1); // its lease goes on
    CHECK_EQUAL(crowd_entities(c, 1), GROUPS / 2);
    check_joins(c, said_tick);
}

static const tl_store_ops *real_ops;
static tl_group_id failing; // of that no checkpoint is taken
static uint32_t failed, cuts;

static tl_result fail_checkpoint(tl_store *self, tl_group_id group, int64_t tick, const void *data, size_t size)
{
    if (group != failing) {
        return real_ops->checkpoint(self, group, tick, data, size);
    }
    failed++;
    return TL_ERR_MEMORY;
}

static tl_result count_cut(tl_store *self, int64_t tick)
{
    cuts++;
    return real_ops->truncate(self, tick);
}

TEST(a_checkpoint_that_the_store_does_not_take_keeps_the_log)
{
    crowd *c = begin();
    tl_store *store = c->servers[1].store;
    tl_store_ops ops = *(real_ops = store->ops);
    ops.checkpoint = fail_checkpoint, ops.truncate = count_cut;
    store->ops = &ops;
    crowd_run(c, 12);
    CHECK(cuts > 0);
    failing = groups[GROUPS / 2];
    add_to_each(c, 1, 5);
    for (int i = 0; i < 600 && !failed; i++) {
        crowd_run(c, 0.1);
    }
    CHECK(failed && strstr(c->servers[1].said, "does not take the checkpoint"));
    cuts = 0;
    crowd_run(c, 30);
    CHECK_EQUAL(cuts, 0);
    crowd_start(c, 2);
    crowd_run(c, 0.3);
    CHECK(crowd_mirrors_equal(c));
    crowd_destroy(c);
}

int main(void)
{
    RUN(one_that_comes_back_keeps_what_its_heir_has_not_stored);
    RUN(a_giver_that_crashes_before_its_checkpoints);
    RUN(one_that_leaves_and_comes_back);
    RUN(one_that_crashes_before_it_has_stored_that_groups_are_deleted);
    RUN(a_checkpoint_that_the_store_does_not_take_keeps_the_log);
    return 0;
}
