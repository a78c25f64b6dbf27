// The calm case: servers and riders, no faults.
#include "cluster.h"

TEST(one_server_one_rider)
{
    cluster *c = cluster_create("city", 2000, 1, 20);
    cluster_add_rider(c, 0);
    cluster_settle(c, 5);
    for (int i = 0; i < 40; i++) {
        cluster_run(c, 0.5);
        cluster_errors e = cluster_compare(c, 0);
        if (!cluster_errors_none(&e) || i % 10 == 0) cluster_print("rider", &e);
        CHECK(cluster_errors_none(&e));
        cluster_validate(c);
    }
    cluster_destroy(c);
}

int main(void)
{
    RUN(one_server_one_rider);
    return 0;
}
