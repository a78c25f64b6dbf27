// One name that a token proves may have some connections, and no more: places are everybody's.
#include "crowd.h"

enum { PLACES = 16, MORE = 24, LIVE_S = 2 };

static bool is_live(const crowd *c, int client)
{
    return tl_client_get_state(c->clients[client].client) == TL_CLIENT_LIVE;
}

static crowd *begin(void)
{
    crowd *c = crowd_create(1);
    c->names_proven = true;
    c->def.clients_max = PLACES;
    crowd_start(c, 0);
    crowd_fill(c, 0, 1, 4);
    return c;
}

TEST(one_name_does_not_take_all_places)
{
    crowd *c = begin();
    for (int i = 0; i < MORE; i++) {
        crowd_connect(c, i, 0, "mallory");
        crowd_run(c, 0.1);
    }
    crowd_connect(c, MORE, 0, "alice");
    crowd_run(c, LIVE_S);
    printf("  %u clients\n", tl_server_get_stats(c->servers[0].server).clients);
    CHECK(is_live(c, MORE));
    CHECK(is_live(c, MORE - 1)); // who comes last is let in: it may be who has lost the others
    crowd_destroy(c);
}

int main(void)
{
    RUN(one_name_does_not_take_all_places);
    return 0;
}
