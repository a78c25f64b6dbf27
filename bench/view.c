// What a client's view costs: taking frames in, and showing the city at sixty frames a second.
//
//   bench_view [entities] [seconds] [1: nobody displays it]
#include "cluster.h"

#include <time.h>

enum { STRIDE = 16, FRAMES_PER_S = 60 };

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct costs {
    double step_s, instances_s, poses_s;
    uint32_t frames, shown;
} costs;

static void show(cluster *c, tl_client *client, tl_instances *instances, costs *out)
{
    tl_instances *by_kind[TL_KINDS_MAX];
    for (int i = 0; i < TL_KINDS_MAX; i++) {
        by_kind[i] = instances;
    }
    double tick = tl_client_get_server_tick(client, c->now_us) - 2, begun_s = cpu_s();
    tl_client_get_instances(client, tick, (tl_vec3){0, 0, 0}, by_kind);
    double drawn_s = cpu_s();
    out->instances_s += drawn_s - begun_s;
    if (out->frames++ % 20 == 0) {
        tl_client_get_poses(client, tick, true, c->poses, c->entity_count * 2);
        out->poses_s += (cpu_s() - drawn_s) * 20;
    }
    out->shown = instances->count;
}

int main(int argc, char **argv)
{
    uint32_t count = argc > 1 ? (uint32_t)atoi(argv[1]) : 100000;
    double seconds = argc > 2 ? atof(argv[2]) : 20, next_s = 0;
    bool displays = argc <= 3 || atoi(argv[3]) == 0;
    cluster *c = cluster_create("city", count, 1, 20);
    c->quiet = true;
    cluster_add_rider(c, 0);
    cluster_settle(c, 20);
    cluster_run(c, 2);
    tl_client *client = c->riders[0].client;
    c->riders[0].client = NULL; // it is stepped here
    tl_instances instances = {.stride = STRIDE, .capacity = 2 * count};
    instances.floats = calloc((size_t)instances.capacity * STRIDE, sizeof *instances.floats);
    costs all = {0};
    for (int ms = 0; ms < (int)(seconds * 1000); ms++) {
        cluster_run(c, 0.001);
        double begun_s = cpu_s();
        tl_client_step(client, c->now_us);
        all.step_s += cpu_s() - begun_s;
        tl_client_event event;
        while (tl_client_next_event(client, &event)) {
        }
        if (!displays || ms * 1e-3 < next_s) {
            continue;
        }
        next_s += 1.0 / FRAMES_PER_S;
        show(c, client, &instances, &all);
    }
    tl_client_stats s = tl_client_get_stats(client);
    printf("in view %u, shown %u; per tick: step %.3f ms; per displayed frame: instances %.3f ms, poses %.3f ms; "
           "memory %.1f MB\n",
           s.entities, all.shown, all.step_s * 1e3 / (seconds * c->tick_hz),
           all.instances_s * 1e3 / (all.frames ? all.frames : 1), all.poses_s * 1e3 / (all.frames ? all.frames : 1),
           (double)s.memory_used_bytes * 1e-6);
    c->riders[0].client = client;
    free(instances.floats);
    cluster_destroy(c);
    return 0;
}
