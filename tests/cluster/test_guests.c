// Servers without tokens. Guests connect, make one thing of their own, say goodbye, and do it again. What they made is
// gone at once, and so is their place among the groups of what clients own.
#include "crowd.h"

static crowd *begin(void)
{
    crowd *c = crowd_create(1);
    c->def.secret_seed[0] = 1;
    crowd_start(c, 0);
    crowd_fill(c, 0, 2, 4);
    return c;
}

// With a 20th of the default's groups, at 18 guests a second: 32 a second of one address, or 360 of twelve for the
// default's.
TEST(who_comes_and_goes_leaves_groups_for_others)
{
    enum { GUESTS = 16, ROUNDS = 24, ALICE = 30, WARM_UP = 12 };
    crowd *c = begin();
    int times = 0, refused = 0;
    crowd_connect(c, ALICE, 0, "alice");
    crowd_run(c, 1);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < GUESTS; i++) {
            crowd_connect(c, i, 0, "guest");
        }
        crowd_run(c, 0.6);
        tl_values v = crowd_at(1, 2, 3);
        for (int i = 0; i < GUESTS; i++) {
            tl_client_request_create(c->clients[i].client, CROWD_AVATAR, 0, &v, true, NULL);
        }
        crowd_run(c, 0.25);
        for (int i = 0; i < GUESTS; i++) {
            times += (int)c->clients[i].accepted;
            crowd_disconnect(c, i);
        }
        if (round >= WARM_UP) {
            c->clients[ALICE].accepted = 0;
            tl_client_request_create(c->clients[ALICE].client, CROWD_AVATAR, 0, &v, true, NULL);
            crowd_run(c, 0.05);
            refused += c->clients[ALICE].accepted == 0;
            if (c->clients[ALICE].accepted) {
                break;
            }
        }
        crowd_run(c, 0.05);
    }
    tl_server_stats stats = tl_server_get_stats(c->servers[0].server);
    printf("  %d times; %u groups of %u, %u entities; alice was refused %d times (%s)\n", times, stats.groups,
           c->def.groups_max, stats.entities, refused, tl_result_name(c->clients[ALICE].answer.result));
    CHECK_EQUAL(refused, 0);
    crowd_destroy(c);
}

int main(void)
{
    RUN(who_comes_and_goes_leaves_groups_for_others);
    return 0;
}
