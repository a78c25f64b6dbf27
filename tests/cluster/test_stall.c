// A store that stalls for longer than a server's patience: the others' world goes on without the records that are late,
// so their frames show who boards or alights late. The views must show exactly what their server's mirror has, and all
// must be right once the records have come.
#include "cluster.h"

enum {
    SECONDS = 20,
    STALL_EVERY_FRAMES = 20,
    STALL_FRAMES = 8,                  // 0.4 s at 20 Hz; the patience is 0.15 s
    LATE_TICKS_MAX = STALL_FRAMES + 4, // the stall, and the commits that follow it
};

static uint64_t seed;

typedef struct boarding {
    uint32_t *carriers;     // by index, at the last frame
    int64_t *changed_tick;  // since when
    uint32_t changes, late; // late: frames in which an entity was still shown as before
    int64_t late_ticks_max;
    uint32_t view_differs; // frames in which the view showed another carrier than the mirror that it was made from
} boarding;

static int64_t next_frame(cluster *c, int64_t last)
{
    int64_t tick;
    do {
        cluster_run(c, 0.001);
    } while ((tick = tl_client_get_frame_tick(c->riders[0].client)) == last);
    return tick;
}

static void note_changes(cluster *c, int64_t tick, bool first, boarding *b)
{
    scenario_evaluate(c->scene, (double)tick / c->tick_hz, 0, c->entity_count, c->truth);
    for (uint32_t i = 0; i < c->entity_count; i++) {
        if (!first && b->carriers[i] != c->truth[i].carrier) {
            b->changed_tick[i] = tick, b->changes++;
        }
        b->carriers[i] = c->truth[i].carrier;
    }
}

static void compare_carriers(cluster *c, int64_t tick, boarding *b)
{
    const tl_server *server = c->nodes[0].server;
    CHECK_EQUAL(tl_server_get_stats(server).world_tick, tick); // the mirror that this frame was made from
    uint32_t count = tl_client_get_poses(c->riders[0].client, (double)tick, false, c->poses, c->entity_count * 2 + 100);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index, generation;
        if (!scenario_entity_index(c->scene, c->poses[i].entity, &index, &generation)) {
            continue;
        }
        tl_entity_info info;
        CHECK_EQUAL(tl_server_get_entity_info(server, tl_server_find(server, c->poses[i].entity), &info), TL_OK);
        b->view_differs += info.carrier != c->poses[i].carrier;
        uint32_t carrier = c->truth[index].carrier;
        tl_entity_id truth = carrier == SCENARIO_NONE
                                 ? 0
                                 : scenario_entity_id(c->scene, carrier, c->truth[carrier].generation);
        if (c->poses[i].carrier == truth) {
            continue;
        }
        b->late++;
        b->late_ticks_max = tick - b->changed_tick[index] > b->late_ticks_max ? tick - b->changed_tick[index]
                                                                              : b->late_ticks_max;
    }
}

static uint64_t ticks_incomplete(const cluster *c)
{
    return tl_server_get_stats(c->nodes[0].server).ticks_incomplete;
}

// Runs while the store is well: no tick is without its records.
static void run_complete(cluster *c, double seconds)
{
    uint64_t before = ticks_incomplete(c);
    cluster_run_right(c, seconds);
    CHECK_EQUAL(ticks_incomplete(c), before);
}

TEST(who_boards_during_a_stall_is_shown_late_and_never_otherwise)
{
    cluster *c = cluster_create("city", 20000, seed, 20);
    cluster_start_server(c, 1);
    cluster_add_rider(c, 0);
    cluster_settle(c, 20);
    c->quiet = true; // the stalls are meant
    run_complete(c, 2);
    uint64_t incomplete = ticks_incomplete(c);
    boarding b = {.carriers = calloc(c->entity_count, sizeof *b.carriers),
                  .changed_tick = calloc(c->entity_count, sizeof *b.changed_tick)};
    int64_t tick = 0;
    for (int frame = 0; frame < SECONDS * 20; frame++) {
        tick = next_frame(c, tick);
        note_changes(c, tick, frame == 0, &b);
        compare_carriers(c, tick, &b);
        tl_memory_world_stall(c->world, frame % STALL_EVERY_FRAMES < STALL_FRAMES);
    }
    printf("  %u boarded or alighted, %u times shown late, by %lld ticks at most\n", b.changes, b.late,
           (long long)b.late_ticks_max);
    CHECK_EQUAL(b.view_differs, 0);
    CHECK(b.changes > 0 || seed != 1);
    CHECK(b.late > 0 || seed != 1); // or this test shows nothing
    CHECK(b.late_ticks_max <= LATE_TICKS_MAX);
    tl_memory_world_stall(c->world, false);
    cluster_run(c, 2);
    incomplete = ticks_incomplete(c) - incomplete;
    printf("  the world went on to %llu of %d ticks without all records\n", (unsigned long long)incomplete,
           SECONDS * 20);
    CHECK(incomplete >= SECONDS * 20 / STALL_EVERY_FRAMES && incomplete < SECONDS * 20);
    run_complete(c, 5);
    free(b.carriers), free(b.changed_tick);
    cluster_destroy(c);
}

int main(int argc, char **argv)
{
    seed = cluster_seed(argc, argv, 1);
    RUN(who_boards_during_a_stall_is_shown_late_and_never_otherwise);
    return 0;
}
