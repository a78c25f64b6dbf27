// How hard a scenario's motion is: updates per entity and second of a published linear segment, for several tolerances.
// A segment starts from the true position and velocity; it holds until it is off by more than the tolerance. Samples
// are 5 Hz, as in a traffic simulator's recording.
//
//     bench_motion [scenario] [fcd file] [seconds] [entities]
#include "scenario/scenario.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOLERANCES = 5, KINDS = 2 };

static const double tolerances_m[TOLERANCES] = {0.05, 0.10, 0.25, 1, 4};
static const double step_s = 0.2;

typedef struct segment {
    tl_vec3 position, velocity;
    double time_s;
    bool live;
} segment;

typedef struct tally {
    double updates[TOLERANCES], present_s, moving_s, turns; // a turn: velocity is 0.3 m/s off what it was
} tally;

static double distance(tl_vec3 a, tl_vec3 b)
{
    return sqrt(pow(a.x - b.x, 2) + pow(a.y - b.y, 2) + pow(a.z - b.z, 2));
}

static bool holds(const segment *g, const scenario_truth *truth, double time_s, double tolerance_m)
{
    double for_s = time_s - g->time_s;
    tl_vec3 there = {g->position.x + g->velocity.x * for_s, g->position.y + g->velocity.y * for_s,
                     g->position.z + g->velocity.z * for_s};
    return g->live && distance(there, truth->position) <= tolerance_m;
}

static void sample(tally *t, segment *segments, tl_vec3 *velocity, const scenario_truth *truth, double time_s,
                   bool first)
{
    t->present_s += first ? 0 : step_s;
    t->moving_s += !first && distance(truth->velocity, (tl_vec3){0}) > 0.1 ? step_s : 0;
    if (distance(truth->velocity, *velocity) > 0.3) {
        t->turns += !first;
        *velocity = truth->velocity;
    }
    for (int n = 0; n < TOLERANCES; n++) {
        segment *g = &segments[n];
        if (!holds(g, truth, time_s, tolerances_m[n])) {
            t->updates[n] += g->live && !first; // an entity's first segment is not counted
            *g = (segment){truth->position, truth->velocity, time_s, true};
        }
    }
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double resident_mb(void)
{
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%ld %ld", &ignored, &pages) != 2) {
        pages = 0;
    }
    if (file) {
        fclose(file);
    }
    return (double)pages * 4096 / 1e6;
}

static void measure(const scenario *s, double seconds, tally *tallies)
{
    uint32_t count = scenario_entity_count(s);
    scenario_truth *truths = malloc(count * sizeof *truths);
    segment *segments = calloc((size_t)count * TOLERANCES, sizeof *segments);
    tl_vec3 *velocities = calloc(count, sizeof *velocities);
    double evaluate_s = 0;
    int steps = (int)(seconds / step_s);
    for (int n = 0; truths && segments && velocities && n <= steps; n++) {
        double begin_s = now_s();
        scenario_evaluate(s, n * step_s, 0, count, truths);
        evaluate_s += now_s() - begin_s;
        for (uint32_t i = 0; i < count; i++) {
            segment *own = &segments[(size_t)i * TOLERANCES];
            if (!truths[i].present || truths[i].carrier != SCENARIO_NONE) {
                memset(own, 0, TOLERANCES * sizeof *own);
            } else if (truths[i].kind < KINDS) {
                sample(&tallies[truths[i].kind], own, &velocities[i], &truths[i], n * step_s, !own->live);
            }
        }
    }
    printf("%u entities, %.0f ns to evaluate one, %.0f MB resident\n", count, evaluate_s * 1e9 / count / (steps + 1),
           resident_mb());
    free(truths);
    free(segments);
    free(velocities);
}

int main(int argc, char **argv)
{
    scenario_def def = scenario_def_default();
    def.name = argc > 1 ? argv[1] : "city";
    def.fcd_file = argc > 2 ? argv[2] : NULL;
    double seconds = argc > 3 ? atof(argv[3]) : 120;
    def.entity_count = argc > 4 ? (uint32_t)atol(argv[4]) : 0;
    char text[512];
    scenario *s;
    double begin_s = now_s();
    if (scenario_create(&def, &s, text, sizeof text) != TL_OK) {
        fprintf(stderr, "%s\n", text);
        return 1;
    }
    printf("%s: made in %.2f s, %.0f MB resident\n", def.name, now_s() - begin_s, resident_mb());
    tally tallies[KINDS] = {0};
    measure(s, seconds, tallies);
    static const char *const names[KINDS] = {"walkers", "cars"};
    printf("%-8s %8s %10s %8s   updates/s at", "", "mean", "moving", "turns/s");
    for (int n = 0; n < TOLERANCES; n++) {
        printf(" %6.2f m", tolerances_m[n]);
    }
    printf("\n");
    for (int k = 0; k < KINDS; k++) {
        const tally *t = &tallies[k];
        double present_s = fmax(t->present_s, 1e-9);
        printf("%-8s %8.0f %8.1f %% %8.3f                ", names[k], t->present_s / seconds,
               100 * t->moving_s / present_s, t->turns / present_s);
        for (int n = 0; n < TOLERANCES; n++) {
            printf(" %8.3f", t->updates[n] / present_s);
        }
        printf("\n");
    }
    scenario_destroy(s);
    return 0;
}
