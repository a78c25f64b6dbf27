// The calm case: servers and riders, no faults.
#include "cluster.h"

static uint64_t seed;

TEST(one_server_one_rider)
{
    cluster *c = cluster_create("city", 2000, seed, 20);
    cluster_add_rider(c, 0);
    cluster_settle(c, 5);
    cluster_run_right(c, 20);
    cluster_destroy(c);
}

TEST(servers_that_join_get_their_share)
{
    cluster *c = cluster_create("city", 2500, seed, 20);
    cluster_add_rider(c, 0);
    cluster_settle(c, 5);
    cluster_start_server(c, 1);
    cluster_run_right(c, 4);
    cluster_add_rider(c, 1);
    cluster_start_server(c, 2);
    cluster_run(c, 2);
    cluster_add_rider(c, 2);
    cluster_add_rider(c, 2);
    cluster_settle(c, 5);
    for (int i = 0; i < 3; i++) {
        c->nodes[i].link_us_max = 0;
    }
    cluster_run_right(c, 20);
    for (int i = 0; i < 3; i++) {
        printf("  %s: link %.1f ms at most\n", c->nodes[i].name, (double)c->nodes[i].link_us_max * 1e-3);
        CHECK(cluster_groups_of(c, i) * 3 + 6 >= c->group_count);
        CHECK(cluster_groups_of(c, i) * 3 <= c->group_count + 6);
        cluster_check_entities(c, i);
        CHECK_EQUAL(tl_server_get_stats(c->nodes[i].server).malformed, 0);
        CHECK_EQUAL(tl_server_get_stats(c->nodes[i].server).limits_reached, 0);
        CHECK(c->nodes[i].link_us_max < (seed % 3 == 2 ? 150000u : 20000u)); // a slow store
    }
    cluster_destroy(c);
}

static void ride_in(const char *name, uint32_t entity_count, double seconds)
{
    printf(" %s\n", name);
    cluster *c = cluster_create(name, entity_count, seed, 20);
    cluster_start_server(c, 1);
    cluster_add_rider(c, 0);
    cluster_add_rider(c, 1);
    cluster_settle(c, 6);
    cluster_run_right(c, seconds);
    for (int i = 0; i < 2; i++) {
        cluster_check_entities(c, i);
    }
    cluster_destroy(c);
}

TEST(every_scenario)
{
    ride_in("convoy", 0, 12);
    ride_in("far", 2000, 8);
    ride_in("ragdoll", 0, 8);
    ride_in("concert", 1000, 5);
    ride_in("asteroids", 0, 8);
    ride_in("choke", 1000, 8);
}

// People get into cabins and out again, cabins being another server's than people.
TEST(boarding_across_servers)
{
    cluster *c = cluster_create("city", 2000, seed, 20);
    cluster_start_server(c, 1);
    cluster_add_rider(c, 0);
    cluster_add_rider(c, 1);
    cluster_settle(c, 6);
    uint32_t *carriers = calloc(c->entity_count, sizeof *carriers), boarded = 0;
    for (int second = 0; second < 60; second++) {
        cluster_run_right(c, 1);
        for (uint32_t i = 0; i < c->entity_count; i++) {
            boarded += second > 0 && carriers[i] != c->truth[i].carrier;
            carriers[i] = c->truth[i].carrier;
        }
    }
    printf("  boarded or alighted: %u\n", boarded);
    CHECK(boarded > 0 || seed != 1);
    free(carriers);
    cluster_destroy(c);
}

int main(int argc, char **argv)
{
    seed = cluster_seed(argc, argv, 1);
    RUN(one_server_one_rider);
    RUN(servers_that_join_get_their_share);
    RUN(every_scenario);
    RUN(boarding_across_servers);
    return 0;
}
