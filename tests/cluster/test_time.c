// Clocks that are wrong: steps, offsets, drifts, sleep. The servers' wall clocks and monotonic clocks are each a node's
// own here; what is right is judged by the riders, by who owns the groups, and by what is logged.
#include "cluster.h"

#include <math.h>

static uint64_t seed;

enum { ENTITIES = 1000, TICK_HZ = 20 };

static void share_out(cluster *c, int servers)
{
    for (int i = 0; i < 200; i++) {
        bool shared = cluster_owned_groups(c) == c->group_count;
        for (int n = 0; n < servers; n++) {
            shared &= cluster_groups_of(c, n) * (uint32_t)servers + 2 * (uint32_t)servers >= c->group_count;
        }
        if (shared) {
            return;
        }
        cluster_run(c, 0.1);
    }
    for (int n = 0; n < servers; n++) {
        printf("  %s has %u of %u groups\n", c->nodes[n].name, cluster_groups_of(c, n), c->group_count);
    }
    CHECK(false);
}

static void ride_on(cluster *c, int servers)
{
    for (int i = 0; i < servers; i++) {
        cluster_add_rider(c, i);
    }
    cluster_settle(c, 4);
}

// So many servers, a rider on each.
static cluster *servers_and_riders(int servers)
{
    cluster *c = cluster_create("city", ENTITIES, seed, TICK_HZ);
    for (int i = 1; i < servers; i++) {
        cluster_start_server(c, i);
    }
    share_out(c, servers);
    ride_on(c, servers);
    return c;
}

static double seconds_apart(const cluster *c, int a, int b)
{
    double tick_a = tl_server_get_tick_at(c->nodes[a].server, cluster_time(c, a).monotonic_us);
    double tick_b = tl_server_get_tick_at(c->nodes[b].server, cluster_time(c, b).monotonic_us);
    return (tick_a - tick_b) / TICK_HZ;
}

// What takes up to twice 60 ms to be heard tells less of its maker's time.
static void check_near(const cluster *c, int servers, double seconds_max)
{
    double slack_s = c->slow_store ? 0.03 : 0;
    for (int i = 1; i < servers; i++) {
        double apart = seconds_apart(c, 0, i);
        if (fabs(apart) > seconds_max + slack_s) {
            printf("  %s is %.3f s from %s\n", c->nodes[0].name, apart, c->nodes[i].name);
        }
        CHECK(fabs(apart) <= seconds_max + slack_s);
    }
}

static uint32_t clients_of(const cluster *c, int node)
{
    return tl_server_get_stats(c->nodes[node].server).clients;
}

// Until every group has a living owner. `frozen` or fenced servers' groups must have gone to others by then.
static void wait_owned(cluster *c, double seconds_max)
{
    double waited = 0;
    for (; cluster_owned_groups(c) < c->group_count && waited < seconds_max; waited += 0.05) {
        cluster_run(c, 0.05);
    }
    printf("  owned after %.2f s\n", waited);
    CHECK_EQUAL(cluster_owned_groups(c), c->group_count);
}

static void check_all(cluster *c)
{
    for (int i = 0; i < c->node_count; i++) {
        if (c->nodes[i].server) {
            cluster_check_entities(c, i);
        }
    }
    CHECK_EQUAL(cluster_owned_groups(c), c->group_count);
    cluster_validate(c);
}

// ---- wall clocks that jump ----

// Nothing but a line in the log comes of it.
static void step_one(int servers, double seconds, double back_after_s)
{
    printf(" by %.0f s, of %d servers\n", seconds, servers);
    cluster *c = servers_and_riders(servers);
    int node = servers - 1;
    cluster_step_wall(c, node, seconds);
    if (back_after_s > 0) {
        cluster_run_right(c, back_after_s);
        cluster_step_wall(c, node, -seconds);
    }
    cluster_run_right(c, 12);
    for (int i = 0; i < servers; i++) {
        CHECK_EQUAL(c->nodes[i].fenced_count, 0);
        CHECK_EQUAL(clients_of(c, i), 1);
        CHECK_EQUAL(tl_server_get_stats(c->nodes[i].server).clock_steps +
                        tl_server_get_stats(c->nodes[i].server).clock_holds,
                    0);
    }
    CHECK_EQUAL(cluster_said(c, node, "jumped"), 1);
    CHECK_EQUAL(tl_server_get_stats(c->nodes[node].server).clock_jumps, back_after_s > 0 ? 2 : 1);
    check_near(c, servers, 0.03);
    share_out(c, servers);
    check_all(c);
    cluster_destroy(c);
}

TEST(a_wall_clock_that_steps)
{
    static const double seconds[] = {2, -2, 10, -10, 3600};
    for (int i = 0; i < 5; i++) {
        step_one(3, seconds[i], 0);
    }
    step_one(3, 120, 5);
    step_one(1, -10, 0); // alone, too
    step_one(1, 10, 0);
}

TEST(a_wall_clock_that_swings)
{
    cluster *c = servers_and_riders(3);
    for (int i = 0; i < 60; i++) {
        cluster_step_wall(c, 1, i & 1 ? -2 : 2);
        cluster_run_right(c, 0.5);
    }
    CHECK(cluster_said(c, 1, "jumped") <= 4);
    CHECK_EQUAL(tl_server_get_stats(c->nodes[1].server).clock_jumps, 60);
    check_all(c);
    cluster_destroy(c);
}

// ---- clocks that are wrong from the start ----

static void check_links(const cluster *c, int servers)
{
    for (int i = 0; i < servers; i++) {
        printf("  %s: records took %.0f ms at most\n", c->nodes[i].name, (double)c->nodes[i].link_us_max / 1000);
        CHECK(c->nodes[i].records_linked > 0 && c->nodes[i].link_us_max < 450000);
    }
}

TEST(constant_offsets)
{
    static const double offsets[][3] = {{0, 0.5, -0.5}, {-0.5, 0.5, 0.5}, {0.5, -0.5, 0.25}, {0, 30, -3600}};
    for (int i = 0; i < 4; i++) {
        printf(" %g, %g, %g s\n", offsets[i][0], offsets[i][1], offsets[i][2]);
        cluster *c = cluster_create("city", ENTITIES, seed, TICK_HZ);
        for (int n = 0; n < 3; n++) {
            cluster_step_wall(c, n, offsets[i][n]);
        }
        for (int n = 1; n < 3; n++) {
            cluster_start_server(c, n);
        }
        share_out(c, 3);
        ride_on(c, 3);
        cluster_run_right(c, 10);
        check_near(c, 3, 0.03);
        check_links(c, 3);
        cluster_crash_server(c, 1);
        wait_owned(c, 3);
        cluster_remove_rider(c, 1);
        cluster_start_server(c, 1);
        cluster_run(c, 1);
        share_out(c, 3);
        cluster_run_right(c, 5);
        check_near(c, 3, 0.03);
        check_all(c);
        cluster_destroy(c);
    }
}

// All crash, and start anew together after `hours`, their clocks so far off: there is nobody to go by.
static void start_together(int servers, const double *offsets, double hours, double owned_s)
{
    printf(" %d servers, %g, %g, %g s\n", servers, offsets[0], offsets[1], offsets[2]);
    cluster *c = cluster_create("city", ENTITIES, seed, TICK_HZ);
    for (int n = 1; n < servers; n++) {
        cluster_start_server(c, n);
    }
    share_out(c, servers);
    for (int n = 0; n < servers; n++) {
        cluster_crash_server(c, n);
    }
    c->now_us += (uint64_t)(hours * 3600e6);
    for (int n = 0; n < servers; n++) {
        cluster_step_wall(c, n, offsets[n]);
    }
    for (int n = 0; n < servers; n++) {
        cluster_start_server(c, n);
    }
    cluster_run(c, 0.6);
    wait_owned(c, owned_s);
    cluster_run(c, 2);
    wait_owned(c, 3);
    check_near(c, servers, 0.1);
    ride_on(c, servers);
    cluster_run_right(c, 6);
    share_out(c, servers);
    check_near(c, servers, 0.03);
    check_all(c);
    cluster_destroy(c);
}

TEST(all_start_together)
{
    static const double offsets[][3] = {{0, 0, 0},    {0.5, -0.5, 0}, {-0.5, -0.5, 0.5},
                                        {0, 0, 5},    {0, 120, 120},  {0, 60, 120},
                                        {-600, 0, 0}, {0, 5},         {-0.4, 0.4}};
    for (int i = 0; i < 7; i++) {
        start_together(3, offsets[i], 0, 3);
    }
    for (int i = 7; i < 9; i++) {
        start_together(2, offsets[i], 0, 3);
    }
    start_together(3, offsets[1], 5, 3);
    start_together(3, (double[]){-3600, -3601, -3600}, 0, 3); // the clocks are behind all that was committed
}

// It was ahead when it started alone, and the world with it: those that come later go by it.
TEST(a_lone_server_ahead)
{
    cluster *c = cluster_create("city", ENTITIES, seed, TICK_HZ);
    cluster_crash_server(c, 0);
    cluster_step_wall(c, 0, 120);
    cluster_start_server(c, 0);
    cluster_run(c, 3);
    cluster_start_server(c, 1);
    cluster_start_server(c, 2);
    share_out(c, 3);
    ride_on(c, 3);
    cluster_run_right(c, 3);
    CHECK_EQUAL(cluster_said(c, 1, "s behind the world's time"), 1);
    check_near(c, 3, 0.05);
    for (int i = 0; i < 3; i++) {
        cluster_crash_server(c, i), cluster_remove_rider(c, i);
    }
    cluster_step_wall(c, 0, -120);
    cluster_start_server(c, 2); // the one alone goes on after what was committed
    wait_owned(c, 4);
    CHECK(cluster_said(c, 2, "which counts") >= 1);
    cluster_start_server(c, 0);
    cluster_run(c, 2);
    check_near(c, 1, 0.05);
    check_all(c);
    cluster_destroy(c);
}

// ---- clocks that run wrong ----

TEST(drift)
{
    static const double ppm[][3] = {{0, 200, 0},      {0, 10000, 0}, {0, -10000, 0},
                                    {5000, -5000, 0}, {0, 20000, 0}, {0, 10000, 10000}};
    for (int i = 0; i < 6; i++) {
        printf(" %g, %g, %g ppm\n", ppm[i][0], ppm[i][1], ppm[i][2]);
        cluster *c = servers_and_riders(3);
        for (int n = 0; n < 3; n++) {
            cluster_drift(c, n, ppm[i][n]);
        }
        for (int k = 0; k < 6; k++) {
            cluster_run_right(c, 10);
            check_near(c, 3, fabs(ppm[i][1]) > 10000 ? 0.3 : 0.06);
        }
        for (int n = 0; n < 3; n++) {
            CHECK_EQUAL(c->nodes[n].fenced_count, 0);
        }
        share_out(c, 3);
        check_all(c);
        cluster_destroy(c);
    }
    cluster *c = servers_and_riders(2);
    cluster_drift(c, 1, 10000);
    cluster_run_right(c, 30);
    check_near(c, 2, 0.06);
    cluster_destroy(c);
}

// ---- machines that stand still ----

static void stand_still(int servers, bool suspended, double seconds)
{
    printf(" %s for %g s, of %d servers\n", suspended ? "suspended" : "frozen", seconds, servers);
    cluster *c = servers_and_riders(servers);
    bool out = seconds > 1.5 && servers > 1;
    if (suspended) {
        cluster_suspend_server(c, servers - 1, true);
    } else {
        cluster_freeze_server(c, servers - 1, true);
    }
    if (out) {
        wait_owned(c, 3);
        cluster_settle(c, 2);
    }
    cluster_run(c, seconds);
    cluster_suspend_server(c, servers - 1, false);
    if (out) {
        cluster_remove_rider(c, servers - 1);
        cluster_run(c, 1);
    }
    cluster_settle(c, 2);
    CHECK_EQUAL(c->nodes[servers - 1].fenced_count, out);
    cluster_run_right(c, 5);
    share_out(c, servers);
    cluster_run(c, 3);
    check_near(c, servers, 0.03);
    check_all(c);
    cluster_destroy(c);
}

TEST(machines_that_stand_still)
{
    static const double seconds[] = {0.4, 1.2, 4};
    for (int i = 0; i < 3; i++) {
        for (int servers = 1; servers <= 3; servers++) {
            stand_still(servers, false, seconds[i]);
            stand_still(servers, true, seconds[i]);
        }
    }
}

// ---- monotonic clocks that jump: a virtual machine was moved ----

// What it would be shown is of a time for which nobody has said anything.
static void check_no_admission(cluster *c, int node)
{
    int rider = c->rider_count;
    cluster_run(c, 0.2);
    cluster_add_rider(c, node);
    cluster_run(c, 0.3);
    CHECK_EQUAL(tl_client_get_state(c->riders[rider].client), TL_CLIENT_CLOSED);
    CHECK(strstr(tl_client_get_text(c->riders[rider].client), "ahead of the others' time"));
    cluster_remove_rider(c, rider);
}

// Further than the others can follow: it stands still, is fenced, and comes back by their time.
TEST(far_ahead)
{
    static const double seconds[] = {1.3, 4, 120};
    for (int i = 0; i < 3; i++) {
        printf(" by %g s\n", seconds[i]);
        cluster *c = servers_and_riders(3);
        cluster_step_monotonic(c, 2, seconds[i]);
        if (seconds[i] > 2) {
            check_no_admission(c, 2);
        }
        double ownerless = 0;
        for (; ownerless < 10; ownerless += 0.05) {
            cluster_run(c, 0.05);
            if (seconds[i] < 1.5 || c->nodes[2].fenced_count) {
                break;
            }
        }
        printf("  fenced after %.2f s\n", ownerless);
        CHECK(ownerless < 3);
        cluster_remove_rider(c, 2);
        wait_owned(c, 0.5);
        cluster_settle(c, 3);
        cluster_run(c, 2);
        cluster_run_right(c, 5);
        CHECK(cluster_said(c, 2, "ahead of the other servers") >= 1);
        share_out(c, 3);
        cluster_add_rider(c, 2);
        cluster_settle(c, 3);
        cluster_run_right(c, 2);
        check_near(c, 3, 0.05);
        check_all(c);
        cluster_destroy(c);
    }
}

// Near enough to be brought together without anybody's leave.
TEST(somewhat_ahead)
{
    for (int servers = 2; servers <= 3; servers++) {
        for (int i = 0; i < 3; i++) {
            static const double seconds[] = {0.08, 0.4, 0.8};
            printf(" by %g s, of %d servers\n", seconds[i], servers);
            cluster *c = servers_and_riders(servers);
            cluster_step_monotonic(c, servers - 1, seconds[i]);
            cluster_run(c, 2);
            cluster_run_right(c, 10);
            for (int n = 0; n < servers; n++) {
                CHECK_EQUAL(c->nodes[n].fenced_count, 0);
            }
            check_near(c, servers, 0.05);
            share_out(c, servers);
            check_all(c);
            cluster_destroy(c);
        }
    }
}

// Whose clock has just leapt is not believed, even by two to one.
TEST(two_of_three_ahead)
{
    cluster *c = servers_and_riders(3);
    cluster_run_right(c, 6);
    cluster_step_monotonic(c, 1, 120);
    cluster_step_monotonic(c, 2, 120);
    for (int n = 1; n < 3; n++) {
        cluster_remove_rider(c, n);
    }
    cluster_run(c, 2.5);
    wait_owned(c, 0.5);
    CHECK_EQUAL(tl_server_get_stats(c->nodes[0].server).clock_steps, 0);
    for (int n = 1; n < 3; n++) {
        CHECK_EQUAL(c->nodes[n].fenced_count, 1);
    }
    cluster_settle(c, 2);
    cluster_run(c, 1);
    check_near(c, 3, 0.1);
    cluster_run_right(c, 5);
    share_out(c, 3);
    check_all(c);
    cluster_destroy(c);
}

// It crashes before anybody has fenced it, and comes back at once: what it committed is in the others' future.
TEST(ahead_and_back_at_once)
{
    cluster *c = servers_and_riders(3);
    cluster_step_monotonic(c, 2, 20);
    cluster_run(c, 0.3);
    cluster_remove_rider(c, 2);
    cluster_crash_server(c, 2);
    cluster_start_server(c, 2);
    cluster_run(c, 1);
    cluster_run(c, 2);
    wait_owned(c, 1);
    cluster_settle(c, 2);
    cluster_run_right(c, 25);
    share_out(c, 3);
    check_near(c, 3, 0.05);
    check_all(c);
    cluster_destroy(c);
}

int main(int argc, char **argv)
{
    seed = cluster_seed(argc, argv, 1);
    RUN(a_wall_clock_that_steps);
    RUN(a_wall_clock_that_swings);
    RUN(constant_offsets);
    RUN(all_start_together);
    RUN(a_lone_server_ahead);
    RUN(drift);
    RUN(machines_that_stand_still);
    RUN(far_ahead);
    RUN(somewhat_ahead);
    RUN(two_of_three_ahead);
    RUN(ahead_and_back_at_once);
    return 0;
}
