// A client's idea of the servers' time.
#include "client_lab.h"

#include <math.h>

TEST(clock_under_jitter)
{
    lab *l = lab_create();
    lab_connect(l, 0, 0, "friend-0");
    tl_memory_network_set_faults(l->nodes[0].network,
                                 (tl_link_faults){.loss = 0.02, .delay_us = 20000, .jitter_us = 30000});
    lab_run(l, 3);
    double worst_ms = 0, last = 0;
    for (int i = 0; i < 500; i++) {
        lab_run(l, 0.02);
        double truth = tl_server_get_tick_at(l->nodes[0].server, l->now_us),
               is = tl_client_get_server_tick(l->friends[0].client, l->now_us);
        CHECK(is > last); // never back
        last = is;
        worst_ms = fmax(worst_ms, fabs(is - truth) * 1000 / TICK_HZ);
    }
    printf("  off by %.2f ms at most\n", worst_ms);
    // half the jitter is possible; of 32 samples the best is off by 2 ms mostly, in 1 of 400 seeds by more than 8
    CHECK(worst_ms < 12);
    lab_destroy(l);
}

int main(int argc, char **argv)
{
    lab_begin(argc, argv);
    RUN(clock_under_jitter);
}
