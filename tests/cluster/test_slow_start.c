// A machine so loaded that its server is stepped a few times a second. The only other server has crashed; it starts all
// the same, and has what that one had.
#include "crowd.h"

static void run_at(crowd *c, int server, double seconds, uint64_t every_us)
{
    uint64_t end_us = c->now_us + (uint64_t)(seconds * 1e6);
    while (c->now_us < end_us) {
        c->now_us += every_us;
        tl_memory_world_advance(c->world, c->now_us);
        tl_server_step(c->servers[server].server, (tl_time){c->now_us, c->now_us});
    }
}

static double start_s(uint64_t every_us)
{
    crowd *c = crowd_create(1);
    crowd_start(c, 0);
    crowd_fill(c, 0, 4, 3);
    crowd_run(c, 2);
    crowd_crash(c, 0);
    crowd_run(c, 1);
    crowd_server *s = &c->servers[1];
    uint64_t begun_us = c->now_us;
    c->slow_start_us = every_us;
    crowd_start(c, 1);
    while (tl_server_get_state(s->server) == TL_SERVER_JOINING && c->now_us - begun_us < 60000000) {
        run_at(c, 1, 0.1, every_us);
    }
    double took_s = (double)(c->now_us - begun_us) * 1e-6;
    run_at(c, 1, 10, every_us);
    printf("  stepped each %u ms: joined after %.1f s; state %d, %u groups owned\n", (unsigned)(every_us / 1000),
           took_s, tl_server_get_state(s->server), tl_server_get_stats(s->server).groups_owned);
    crowd_destroy(c);
    return took_s;
}

TEST(a_server_on_a_loaded_machine_starts)
{
    CHECK(start_s(2000) < 5);
    CHECK(start_s(90000) < 5);
    CHECK(start_s(120000) < 10);
}

int main(void)
{
    RUN(a_server_on_a_loaded_machine_starts);
    return 0;
}
