// Crowds that move in and out: a client's cabin that is full, and jumps in each tick as far as its budget goes; and a
// game's crowd that was here. Whoever walks by sees what is there as it is, and newcomers get in as before.
#include "crowd.h"
#include "server/state.h"

#include <math.h>

enum { GROUPS = 60, EACH = 30, BOXES = GROUPS * EACH, BUS = 30, WALKER = 31, LOOK_TICKS = 10 };
static const double FAR_M = 3e7, NEAR_M = 150, WALK_MPS = 5, AWAY_M = 1500;

static tl_entity_id boxes[BOXES];
static tl_entity_ref refs[BOXES];
static tl_vec3 places[BOXES];
static uint64_t random_state;
static int64_t leave_tick; // then the game's boxes are elsewhere

static tl_vec3 box_at(int box, double tick, tl_vec3 *velocity)
{
    double angle = box + tick / CROWD_HZ;
    tl_vec3 c = places[box];
    if (tick >= (double)leave_tick && box >= EACH) {
        c.z += AWAY_M;
    }
    *velocity = (tl_vec3){-sin(angle) * 5, 0, cos(angle) * 5};
    return (tl_vec3){c.x + cos(angle) * 5, c.y, c.z + sin(angle) * 5};
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    static tl_vec3 positions[BOXES], velocities[BOXES];
    (void)user, (void)time_s;
    if (refs[BOXES - 1] == TL_REF_NONE) {
        return;
    }
    for (int i = 0; i < BOXES; i++) {
        positions[i] = box_at(i, (double)tick, &velocities[i]);
    }
    CHECK_EQUAL(tl_server_set_poses(server, refs, BOXES, positions, velocities, NULL), BOXES);
}

static uint32_t count_wrong(tl_client *client, tl_vec3 at)
{
    uint32_t wrong = 0;
    double tick = (double)tl_client_get_frame_tick(client);
    for (int i = 0; i < BOXES; i++) {
        tl_pose pose;
        tl_vec3 velocity, p = box_at(i, tick, &velocity);
        double away_m = hypot(hypot(p.x - at.x, p.y - at.y), p.z - at.z);
        bool seen = tl_client_get_pose(client, boxes[i], tick, false, &pose) == TL_OK;
        double off_m = seen ? hypot(hypot(p.x - pose.position.x, p.y - pose.position.y), p.z - pose.position.z)
                            : INFINITY;
        wrong += off_m > 2 * fmax(0.02, 0.001 * away_m);
    }
    return wrong;
}

static tl_values anywhere(double wide_m)
{
    return crowd_at(check_random_between(&random_state, -wide_m, wide_m),
                    check_random_between(&random_state, 0, wide_m),
                    check_random_between(&random_state, -wide_m, wide_m));
}

// The walker walks, and the cabin jumps, if there is one. Gives how many boxes were wrong.
static uint32_t walk(crowd *c, double seconds, tl_entity_id bus, double wide_m)
{
    tl_client *walker = c->clients[WALKER].client, *driver = c->clients[BUS].client;
    uint32_t wrong = 0;
    for (int tick = 0; tick < seconds * CROWD_HZ; tick++) {
        tl_vec3 at = {WALK_MPS * (double)c->now_us * 1e-6, 2, 0};
        tl_client_observe_point(walker, at);
        tl_values v = anywhere(wide_m);
        if (bus) {
            (void)tl_client_set_values(driver, bus, tl_client_get_server_tick(driver, c->now_us), 0, &v);
        }
        crowd_run(c, 1.0 / CROWD_HZ);
        if (tick % LOOK_TICKS == LOOK_TICKS - 1) {
            wrong += count_wrong(walker, at);
        }
    }
    return wrong;
}

static crowd *begin(double wide_m)
{
    crowd *c = crowd_create(1);
    random_state = 1;
    leave_tick = INT64_MAX;
    refs[BOXES - 1] = TL_REF_NONE;
    c->def.callbacks.tick = on_tick;
    c->def.entities_max = 100000;
    c->names_proven = true;
    crowd_start(c, 0);
    tl_server *s = c->servers[0].server;
    for (int g = 0; g < GROUPS; g++) {
        tl_group_id group;
        CHECK_EQUAL(tl_server_create_group(s, 0, &group), TL_OK);
        for (int k = g * EACH; k < (g + 1) * EACH; k++) {
            tl_entity_info info;
            places[k] = (tl_vec3){check_random_between(&random_state, -wide_m, wide_m), 0,
                                  check_random_between(&random_state, -wide_m, wide_m)};
            tl_entity_def def = {
                .group = group, .kind = CROWD_BOX, .values = crowd_at(places[k].x, places[k].y, places[k].z)};
            CHECK_EQUAL(tl_server_create_entity(s, &def, &refs[k]), TL_OK);
            CHECK_EQUAL(tl_server_get_entity_info(s, refs[k], &info), TL_OK);
            boxes[k] = info.id;
        }
    }
    crowd_connect(c, WALKER, 0, "walker");
    crowd_run(c, 2);
    return c;
}

// A client's cabin, which the game fills. (Other clients could not: tests/cluster/test_boarded.c.)
static tl_entity_id fill_cabin(crowd *c, int count)
{
    tl_server *s = c->servers[0].server;
    tl_group_id group;
    crowd_connect(c, BUS, 0, "driver");
    crowd_run(c, 1);
    tl_values v = crowd_at(0, 0, 0);
    CHECK_EQUAL(tl_client_request_create(c->clients[BUS].client, CROWD_CABIN, 0, &v, true, NULL), TL_OK);
    crowd_run(c, 0.5);
    tl_entity_id bus = c->clients[BUS].last_made;
    CHECK_EQUAL(tl_server_create_group(s, 0, &group), TL_OK);
    for (int i = 0; i < count; i++) {
        tl_entity_ref ref;
        tl_entity_def def = {.group = group, .kind = CROWD_AVATAR, .carrier = bus, .values = anywhere(3)};
        CHECK_EQUAL(tl_server_create_entity(s, &def, &ref), TL_OK);
    }
    crowd_run(c, 1);
    CHECK_EQUAL(crowd_entities(c, 0), BOXES + 1 + count);
    return bus;
}

// The ticks until a newcomer sees all as it is.
static int join_ticks(crowd *c, int client)
{
    crowd_connect(c, client, 0, "newcomer");
    int tick = 0;
    do {
        crowd_run(c, 1.0 / CROWD_HZ);
    } while (++tick < 60 * CROWD_HZ && (tl_client_get_state(c->clients[client].client) != TL_CLIENT_LIVE ||
                                        count_wrong(c->clients[client].client, (tl_vec3){0, 0, 0})));
    return tick;
}

TEST(a_full_cabin_that_jumps_far_away)
{
    crowd *c = begin(200);
    tl_entity_id bus = fill_cabin(c, 1500);
    CHECK_EQUAL(walk(c, 10, bus, FAR_M), 0);
    CHECK_EQUAL(walk(c, 3, 0, 0), 0);
    CHECK_EQUAL(tl_server_get_stats(c->servers[0].server).limits_reached, 0);
    tl_server_validate(c->servers[0].server);
    crowd_destroy(c);
}

TEST(a_full_cabin_that_jumps_near_by)
{
    crowd *c = begin(200);
    tl_entity_id bus = fill_cabin(c, 4000);
    int before = join_ticks(c, 0);
    CHECK_EQUAL(walk(c, 10, bus, NEAR_M), 0);
    int after = join_ticks(c, 1);
    printf("  a newcomer took %d ticks before, and %d after\n", before, after);
    CHECK(after <= 2 * before);
    crowd_destroy(c);
}

static uint32_t slots_max(const tl_server *s)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < s->pyramid.streams.top; i++) {
        const tl_stream *stream = &s->pyramid.streams.at[i];
        uint32_t used = stream->slot_top - stream->slot_free_count;
        if (stream->used && stream->subscriber_count && stream->slot_top > 4 * used && stream->slot_top > most) {
            most = stream->slot_top;
        }
    }
    return most;
}

// Where it was, streams have few slots again: each newcomer would be told of all.
TEST(a_crowd_that_was_here)
{
    crowd *c = begin(25); // a tile or two
    leave_tick = c->servers[0].server->tick + 2 * CROWD_HZ;
    CHECK_EQUAL(walk(c, 5, 0, 0), 0);
    uint32_t before = slots_max(c->servers[0].server);
    CHECK_EQUAL(walk(c, 12, 0, 0), 0);
    uint32_t after = slots_max(c->servers[0].server);
    printf("  a stream of which hardly a slot is in use has %u slots at most, and soon %u\n", before, after);
    CHECK(before > 400 && after <= 64);
    CHECK_EQUAL(c->clients[WALKER].left, 0);
    tl_server_validate(c->servers[0].server);
    crowd_destroy(c);
}

int main(void)
{
    RUN(a_full_cabin_that_jumps_far_away);
    RUN(a_full_cabin_that_jumps_near_by);
    RUN(a_crowd_that_was_here);
    return 0;
}
