// Clients that jump about and connect anew each second. What somebody may do at once is not his again with each
// connection.
#include "crowd.h"

enum { GROUPS = 50, EACH = 100, ENTITIES = GROUPS * EACH, JUMPERS = 4, SECONDS = 10 };
enum { TICKS = SECONDS * CROWD_HZ, JOIN_TICKS_MAX = 150 };

static uint64_t random_state = 1;

static crowd *create(bool names_proven)
{
    crowd *c = crowd_create(1);
    c->def.entities_max = 2 * ENTITIES;
    c->names_proven = names_proven;
    crowd_start(c, 0);
    crowd_fill(c, 0, GROUPS, EACH);
    return c;
}

static void jump(crowd *c, int client)
{
    tl_vec3 to = {check_random_between(&random_state, -1000, 2000), 0,
                  check_random_between(&random_state, -1000, 2000)};
    tl_client_observe_point(c->clients[client].client, to);
}

// Each under its own name, for a second at a time. Gives how often one had to wait for a tick.
static uint64_t jump_about(crowd *c)
{
    for (int tick = 0; tick < TICKS; tick++) {
        for (int i = 0; i < JUMPERS; i++) {
            char name[16];
            snprintf(name, sizeof name, "jumper-%d", i);
            if (tick % CROWD_HZ == 0) {
                crowd_disconnect(c, i), crowd_connect(c, i, 0, name);
            }
            jump(c, i);
        }
        crowd_run(c, 1.0 / CROWD_HZ);
    }
    uint64_t waits = tl_server_get_stats(c->servers[0].server).work_waits;
    printf("  %llu waits in %d ticks of %d\n", (unsigned long long)waits, TICKS, JUMPERS);
    return waits;
}

TEST(work_is_of_who_does_it)
{
    crowd *c = create(true);
    uint64_t waits = jump_about(c);
    CHECK(waits > TICKS);
    for (int i = 0; i < JUMPERS; i++) {
        crowd_disconnect(c, i);
    }
    crowd_run(c, 0.5);
    CHECK(tl_server_get_stats(c->servers[0].server).work_waits >= waits); // it is not forgotten with them
    crowd_destroy(c);
}

// Names that nobody proves may be everybody's: who uses one has nothing to do with the others.
TEST(who_has_no_name_works_for_himself)
{
    crowd *c = create(false);
    CHECK(jump_about(c) < TICKS);
    crowd_destroy(c);
}

// Those who take all that clients may do in a tick have places before one who joins, and there are many free ones
// behind.
TEST(all_are_served_first_as_often)
{
    crowd *c = crowd_create(1);
    c->def.entities_max = 2 * ENTITIES, c->def.clients_max = 256, c->def.work_slots = 20;
    crowd_start(c, 0);
    crowd_fill(c, 0, GROUPS, EACH);
    for (int i = 0; i < JUMPERS; i++) {
        crowd_connect(c, i, 0, "jumper");
    }
    crowd_run(c, 0.5);
    crowd_connect(c, JUMPERS, 0, "rider");
    int tick = 0;
    for (; tick < TICKS && tl_client_get_stats(c->clients[JUMPERS].client).entities < ENTITIES; tick++) {
        for (int i = 0; i < JUMPERS; i++) {
            jump(c, i);
        }
        crowd_run(c, 1.0 / CROWD_HZ);
    }
    printf("  the rider has joined after %d ticks\n", tick);
    CHECK(tick < JOIN_TICKS_MAX);
    crowd_destroy(c);
}

int main(void)
{
    RUN(work_is_of_who_does_it);
    RUN(who_has_no_name_works_for_himself);
    RUN(all_are_served_first_as_often);
    return 0;
}
