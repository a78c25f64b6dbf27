// Somebody says goodbye and is back at once, at the same server; what is made then is as good as anything. Later the
// connection moves to another server, which claims what is owned.
#include "crowd.h"

static crowd *begin(void)
{
    crowd *c = crowd_create(1);
    c->names_proven = true;
    for (int i = 0; i < 2; i++) {
        crowd_start(c, i);
    }
    crowd_fill(c, 0, 2, 4);
    crowd_connect(c, 2, 1, "onlooker");
    crowd_run(c, 2);
    return c;
}

static tl_entity_id make_own(crowd *c, int client)
{
    tl_values v = crowd_at(1, 2, 3);
    for (int tries = 0; tries < 20; tries++) {
        uint32_t accepted = c->clients[client].accepted;
        CHECK_EQUAL(tl_client_request_create(c->clients[client].client, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
        crowd_run(c, 0.3);
        if (c->clients[client].accepted > accepted) {
            return c->clients[client].last_made;
        }
    }
    CHECK(false);
    return 0;
}

TEST(who_was_back_at_once_keeps_what_is_made_then)
{
    int lost = 0;
    for (int round = 0; round < 10; round++) {
        crowd *c = begin();
        crowd_connect(c, 0, 0, "alice");
        crowd_run(c, 1);
        make_own(c, 0);
        crowd_run(c, 0.05 * round);
        crowd_disconnect(c, 0); // says goodbye
        crowd_connect(c, 0, 0, "alice");
        crowd_run(c, 1.5);
        tl_entity_id avatar = make_own(c, 0);
        crowd_run(c, 1 + 0.05 * round);
        crowd_connect(c, 1, 1, "alice"); // from elsewhere, to the other server
        crowd_run(c, 4);
        bool kept = tl_server_find(c->servers[1].server, avatar) != TL_REF_NONE;
        lost += !kept;
        crowd_destroy(c);
    }
    printf("  lost in %d of 10 rounds\n", lost);
    CHECK_EQUAL(lost, 0);
}

int main(void)
{
    RUN(who_was_back_at_once_keeps_what_is_made_then);
    return 0;
}
