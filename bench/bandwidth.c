// What the whole city costs a rider: bits, by level, and the server's time. Not a test; see docs.
//
//   bench_bandwidth [entities] [seconds] [scenario, or a recording's path with a '/' in it]
#include "cluster.h"

#include <time.h>

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    uint32_t count = argc > 1 ? (uint32_t)atoi(argv[1]) : 100000;
    double seconds = argc > 2 ? atof(argv[2]) : 20;
    double t0 = cpu_s();
    cluster *c = cluster_create(argc > 3 ? argv[3] : "city", count, 1, 20);
    printf("filled: %.2f s\n", cpu_s() - t0), t0 = cpu_s();
    cluster_add_rider(c, 0);
    cluster_settle(c, 20);
    tl_client_stats s = tl_client_get_stats(c->riders[0].client);
    printf("join: %.1f kB, %.2f s cpu\n", (double)s.bytes / 1000, cpu_s() - t0);
    cluster_run(c, 5);
    tl_client_stats before = tl_client_get_stats(c->riders[0].client);
    tl_server_stats sb = tl_server_get_stats(c->nodes[0].server);
    t0 = cpu_s();
    cluster_run(c, seconds);
    double t1 = cpu_s();
    tl_client_stats after = tl_client_get_stats(c->riders[0].client);
    tl_server_stats sa = tl_server_get_stats(c->nodes[0].server);
    cluster_errors e = cluster_compare(c, 0);
    cluster_print("rider", &e);
    printf("kbit/s %.1f, datagrams/frame %.2f, cpu per tick %.2f ms, record %.1f kB/tick, streams %u\n",
           (double)(after.bytes - before.bytes) * 8e-3 / seconds,
           (double)(after.datagrams - before.datagrams) / (seconds * 20), (t1 - t0) / (seconds * 20) * 1000,
           (double)(sa.record_bytes - sb.record_bytes) / 1000 / (seconds * 20), sa.streams);
    printf("updates/s by level:");
    double sum = 0;
    for (int i = 0; i < 9; i++) {
        printf(" %.0f", (double)(sa.published[i] - sb.published[i]) / seconds),
            sum += (double)(sa.published[i] - sb.published[i]) / seconds;
    }
    printf(" sum %.0f\nserver memory %.1f MB, client %.1f MB\n", sum, (double)sa.memory_used_bytes / 1e6,
           (double)after.memory_used_bytes / 1e6);
    cluster_destroy(c);
    return 0;
}
