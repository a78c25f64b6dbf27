// The network between servers and riders loses, delays, copies and re-orders, or is cut. Nothing is ever doubled or
// gone; when the faults stop, all is right again within two seconds.
#include "cluster.h"

#include <math.h>

static uint64_t seed;

static cluster *two_servers_three_riders(void)
{
    cluster *c = cluster_create("city", 2000, seed, 20);
    cluster_start_server(c, 1);
    cluster_add_rider(c, 0);
    cluster_add_rider(c, 1);
    cluster_add_rider(c, 1);
    cluster_settle(c, 6);
    return c;
}

// What holds at any time, however bad the network is.
static void run_whole(cluster *c, double seconds)
{
    for (double done = 0; done < seconds; done += 0.25) {
        cluster_run(c, 0.25);
        for (int i = 0; i < c->rider_count; i++) {
            cluster_errors e = cluster_compare(c, i);
            if (e.missing + e.doubled + e.unknown + e.wrong_kind) {
                cluster_print("rider", &e);
            }
            CHECK_EQUAL(e.missing + e.doubled + e.unknown + e.wrong_kind, 0);
            CHECK_EQUAL(tl_client_get_stats(c->riders[i].client).malformed, 0);
        }
        cluster_validate(c);
    }
}

static void with_faults(const char *name, tl_link_faults faults, double seconds)
{
    printf(" %s\n", name);
    cluster *c = two_servers_three_riders();
    cluster_faults(c, faults);
    run_whole(c, seconds);
    cluster_faults(c, (tl_link_faults){0});
    cluster_settle(c, 2);
    cluster_run_right(c, 2);
    cluster_destroy(c);
}

TEST(each_fault)
{
    with_faults("loss of 2 %", (tl_link_faults){.loss = 0.02}, 10);
    with_faults("loss of 10 %", (tl_link_faults){.loss = 0.1}, 10);
    with_faults("loss of 40 %", (tl_link_faults){.loss = 0.4}, 10);
    with_faults("jitter", (tl_link_faults){.delay_us = 10000, .jitter_us = 30000}, 8);
    with_faults("delay", (tl_link_faults){.delay_us = 75000, .jitter_us = 25000}, 8);
    with_faults("copies", (tl_link_faults){.copy = 0.3, .delay_us = 1000, .jitter_us = 5000}, 8);
    with_faults("re-ordering", (tl_link_faults){.reorder = 0.3, .delay_us = 30000, .jitter_us = 5000}, 8);
    with_faults("all at once",
                (tl_link_faults){.loss = 0.1, .copy = 0.1, .reorder = 0.2, .delay_us = 50000, .jitter_us = 50000}, 20);
}

// Under loss alone the picture stays good: little is off, and not for long.
TEST(little_is_off_under_loss)
{
    cluster *c = two_servers_three_riders();
    cluster_faults(c, (tl_link_faults){.loss = 0.02, .delay_us = 20000, .jitter_us = 5000});
    uint64_t off = 0, compared = 0;
    for (int i = 0; i < 40; i++) {
        run_whole(c, 0.25);
        for (int k = 0; k < c->rider_count; k++) {
            cluster_errors e = cluster_compare(c, k);
            off += e.off, compared += e.compared;
        }
    }
    printf("  off: %.3f %%\n", 100.0 * (double)off / (double)compared);
    CHECK(off * 100 < compared);
    cluster_destroy(c);
}

TEST(cuts)
{
    cluster *c = two_servers_three_riders();
    static const double seconds[] = {1, 2, 5, 0.3};
    for (int i = 0; i < 4; i++) {
        cluster_cut(c, true);
        run_whole(c, seconds[i]);
        cluster_cut(c, false);
        cluster_settle(c, 2);
        cluster_run_right(c, 1);
    }
    for (int i = 0; i < c->rider_count; i++) {
        CHECK_EQUAL(tl_client_get_state(c->riders[i].client), TL_CLIENT_LIVE);
    }
    cluster_destroy(c);
}

static void shares_seen(cluster *c, int rider, double near_m, double *near, double *far)
{
    uint32_t counts[2] = {0}, all[2] = {0};
    cluster_errors e = cluster_compare(c, rider);
    (void)e;
    double time_s = (double)tl_client_get_frame_tick(c->riders[rider].client) / c->tick_hz;
    for (uint32_t i = 0; i < c->entity_count; i++) {
        tl_vec3 p, o = c->riders[rider].observer;
        tl_quat q;
        scenario_world_pose(c->scene, time_s, i, &p, &q);
        bool is_near = hypot(hypot(p.x - o.x, p.y - o.y), p.z - o.z) < near_m;
        all[is_near]++;
        counts[is_near] += c->seen[i];
    }
    *near = all[1] ? (double)counts[1] / all[1] : 1;
    *far = all[0] ? (double)counts[0] / all[0] : 1;
}

// A budget that is too small for the beginning: what is near comes first, the rest comes in the end.
TEST(small_budget)
{
    cluster *c = cluster_create("city", 3000, seed, 20);
    c->rider_kbit_s = 64;
    cluster_add_rider(c, 0);
    double near = 0, far = 0, near_lead = 0;
    for (int i = 0; i < 20; i++) {
        cluster_run(c, 0.25);
        if (tl_client_get_frame_tick(c->riders[0].client) < 0) {
            continue;
        }
        shares_seen(c, 0, 200, &near, &far);
        near_lead = fmax(near_lead, near - far);
        CHECK(near + 0.2 >= far);
    }
    printf("  near was ahead by %.2f at most\n", near_lead);
    uint64_t before = tl_client_get_stats(c->riders[0].client).bytes;
    cluster_run(c, 20);
    shares_seen(c, 0, 200, &near, &far);
    CHECK(near == 1 && far == 1);
    double kbit_s = (double)(tl_client_get_stats(c->riders[0].client).bytes - before) * 8 / 20 / 1000;
    printf("  %.1f kbit/s\n", kbit_s);
    CHECK(kbit_s < 70);
    cluster_destroy(c);
}

// Everything at random, for many seeds.
TEST(random_faults)
{
    cluster *c = two_servers_three_riders();
    uint64_t random = seed;
    for (int round = 0; round < 4; round++) {
        tl_link_faults faults = {.loss = check_random_between(&random, 0, 0.5),
                                 .copy = check_random_between(&random, 0, 0.5),
                                 .reorder = check_random_between(&random, 0, 0.5)};
        faults.delay_us = (uint32_t)check_random_between(&random, 0, 150000);
        faults.jitter_us = (uint32_t)check_random_between(&random, 0, 100000);
        cluster_faults(c, faults);
        run_whole(c, check_random_between(&random, 1, 5));
        cluster_cut(c, true);
        run_whole(c, check_random_between(&random, 0, 3));
        cluster_cut(c, false);
        run_whole(c, check_random_between(&random, 0, 3));
        cluster_faults(c, (tl_link_faults){0});
        cluster_settle(c, 2);
    }
    cluster_destroy(c);
}

int main(int argc, char **argv)
{
    seed = cluster_seed(argc, argv, 1);
    if (argc == 1) {
        RUN(each_fault);
        RUN(little_is_off_under_loss);
        RUN(cuts);
        RUN(small_budget);
    }
    RUN(random_faults);
    return 0;
}
