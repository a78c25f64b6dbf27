// What a client owns is deleted by somebody else: by the game, or by another client that may. Its owner hears of it,
// and has its places back, at the server and in its own list.
#include "crowd.h"

enum { ROUNDS = 70 }; // more than a client may own, TL_OWNED_MAX

static crowd *begin(void)
{
    crowd *c = crowd_create(1);
    crowd_start(c, 0);
    crowd_fill(c, 0, 2, 4);
    crowd_connect(c, 0, 0, "honest");
    crowd_connect(c, 1, 0, "hostile");
    crowd_run(c, 1.5);
    return c;
}

static tl_result set_own(crowd *c, double x)
{
    tl_client *client = c->clients[0].client;
    tl_values v = crowd_at(x, 0, 0);
    return tl_client_set_values(client, c->clients[0].last_made, tl_client_get_server_tick(client, c->now_us), 0, &v);
}

static void make_own(crowd *c)
{
    tl_values v = crowd_at(1, 0, 0);
    CHECK_EQUAL(tl_client_request_create(c->clients[0].client, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
    crowd_run(c, 0.3);
    CHECK_EQUAL(c->clients[0].answer.result, TL_OK);
    CHECK_EQUAL(set_own(c, 2), TL_OK);
    crowd_run(c, 0.1);
}

static void check_lost(crowd *c, uint32_t lost)
{
    crowd_run(c, 0.6);
    CHECK_EQUAL(c->clients[0].lost, lost);
    CHECK_EQUAL(c->clients[0].told, 0);
    CHECK_EQUAL(set_own(c, 3), TL_ERR_NOT_FOUND);
}

TEST(the_game_deletes_what_a_client_owns)
{
    crowd *c = begin();
    tl_server *s = c->servers[0].server;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        make_own(c);
        CHECK_EQUAL(tl_server_delete_entity(s, tl_server_find(s, c->clients[0].last_made)), TL_OK);
        check_lost(c, i);
    }
    crowd_destroy(c);
}

// Client 0 owns it, and loses what it has not deleted itself.
static void deleted_by(int client)
{
    crowd *c = begin();
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        make_own(c);
        CHECK_EQUAL(tl_client_request_delete(c->clients[client].client, c->clients[0].last_made, NULL), TL_OK);
        check_lost(c, client == 0 ? 0 : i);
        CHECK_EQUAL(c->clients[client].answer.result, TL_OK);
    }
    crowd_destroy(c);
}

TEST(another_client_deletes_it)
{
    deleted_by(1);
}

TEST(its_owner_deletes_it)
{
    deleted_by(0);
}

// What takes its place at once is told of in order: the loss before the answer.
TEST(places_are_free_at_once)
{
    crowd *c = begin();
    tl_server *s = c->servers[0].server;
    tl_entity_id own[16];
    for (int i = 0; i < 16; i++) {
        make_own(c);
        own[i] = c->clients[0].last_made;
    }
    for (int i = 0; i < 16; i++) {
        CHECK_EQUAL(tl_server_delete_entity(s, tl_server_find(s, own[i])), TL_OK);
    }
    crowd_run(c, 0.1);
    make_own(c);
    CHECK_EQUAL(c->clients[0].lost, 16);
    crowd_destroy(c);
}

int main(void)
{
    RUN(the_game_deletes_what_a_client_owns);
    RUN(another_client_deletes_it);
    RUN(its_owner_deletes_it);
    RUN(places_are_free_at_once);
    return 0;
}
