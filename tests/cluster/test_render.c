// What a renderer is given is right, and smooth: poses, instances and single places, at sixty frames a second, over a
// path that delays unevenly and loses; and a view that is read at a time before the newest frame shows what was then.
#include "motion_lab.h"

#include <math.h>

enum { STRIDE = 16, ROOM = 256 };

static uint64_t seed;

// ---- what was shown ----

typedef struct samples { // of one mover
    double errors_m[8000], steps_m[8000];
    int error_count, step_count;
    double leap_m_max, excess_m_max; // a frame's motion against the true one: as vectors, and in length
    tl_vec3 shown, truth;
    bool any;
} samples;

static samples all[LAB_MOVERS_MAX];

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(double *values, int count, double share)
{
    if (count == 0) {
        return 0;
    }
    qsort(values, (size_t)count, sizeof *values, by_size);
    return values[(int)(share * (count - 1))];
}

static double length_of(tl_vec3 v)
{
    return sqrt(v.x * v.x + v.y * v.y + v.z * v.z);
}

static tl_vec3 less(tl_vec3 a, tl_vec3 b)
{
    return (tl_vec3){a.x - b.x, a.y - b.y, a.z - b.z};
}

static void note(samples *s, tl_vec3 shown, tl_vec3 truth)
{
    if (s->error_count == 8000) {
        return;
    }
    s->errors_m[s->error_count++] = lab_distance(shown, truth);
    if (s->any) {
        tl_vec3 moved = less(shown, s->shown), should = less(truth, s->truth);
        double leap = lab_distance(moved, should);
        s->steps_m[s->step_count++] = leap;
        s->leap_m_max = fmax(s->leap_m_max, leap);
        s->excess_m_max = fmax(s->excess_m_max, length_of(moved) - length_of(should));
    }
    s->shown = shown, s->truth = truth, s->any = true;
}

static void show_poses(lab *l, double tick)
{
    static tl_pose poses[ROOM];
    uint32_t count = tl_client_get_poses(l->client, tick, true, poses, ROOM);
    for (int m = 0; m < l->mover_count; m++) {
        lab_truth t = lab_truth_at(l, m, tick);
        uint32_t i = 0;
        while (i < count && poses[i].entity != l->movers[m].id) {
            i++;
        }
        if (i < count && t.present) {
            note(&all[m], poses[i].position, t.world);
        }
    }
}

static void show_placed(lab *l, double tick)
{
    static uint32_t hints[LAB_MOVERS_MAX];
    for (int m = 0; m < l->mover_count; m++) {
        lab_truth t = lab_truth_at(l, m, tick);
        tl_placement placed;
        if (t.present && l->movers[m].id &&
            tl_client_get_placement(l->client, l->movers[m].id, &hints[m], tick, &placed) == TL_OK) {
            note(&all[m], placed.position, t.world);
        }
    }
}

static void show_instances(lab *l, double tick)
{
    static float floats[ROOM * STRIDE];
    static tl_entity_id ids[ROOM];
    tl_instances instances = {.floats = floats, .stride = STRIDE, .capacity = ROOM};
    tl_instances *by_kind[TL_KINDS_MAX] = {&instances, &instances};
    tl_client_get_instances(l->client, tick, (tl_vec3){0, 0, 0}, by_kind);
    CHECK_EQUAL(tl_client_get_entities(l->client, tick, ids, ROOM), instances.count);
    for (int m = 0; m < l->mover_count; m++) {
        lab_truth t = lab_truth_at(l, m, tick);
        uint32_t i = 0;
        while (i < instances.count && ids[i] != l->movers[m].id) {
            i++;
        }
        const float *at = floats + i * STRIDE;
        if (i < instances.count && t.present) {
            note(&all[m], (tl_vec3){(double)at[3], (double)at[7], (double)at[11]}, t.world);
        }
    }
}

// Shows the world for a time at sixty frames a second.
static void watch(lab *l, double seconds, void (*show)(lab *l, double tick))
{
    double shown_ms = 0;
    for (int ms = 0; ms < (int)(seconds * 1000); ms++) {
        if (ms == 500) {
            memset(all, 0, sizeof all);
        }
        lab_step(l);
        if (ms < shown_ms) {
            continue;
        }
        shown_ms += 1000.0 / 60;
        show(l, lab_display(l));
    }
}

static double mean_of(const samples *s)
{
    double sum = 0;
    for (int i = 0; i < s->error_count; i++) {
        sum += s->errors_m[i];
    }
    return s->error_count ? sum / s->error_count : 0;
}

// ---- what is right ----

typedef struct limits {
    double mean_m, p95_m, p99_m, max_m; // of the error
    double excess_m;                    // of a displayed frame's motion over the true one
} limits;

static bool keeps(samples *s, const limits *most)
{
    double p95 = percentile(s->errors_m, s->error_count, 0.95), p99 = percentile(s->errors_m, s->error_count, 0.99),
           max = percentile(s->errors_m, s->error_count, 1);
    return s->error_count > 500 && mean_of(s) <= most->mean_m && p95 <= most->p95_m && p99 <= most->p99_m &&
           max <= most->max_m && s->excess_m_max <= most->excess_m;
}

static void print(const lab_mover *m, samples *s)
{
    static const char *const names[LAB_TYPES] = {"circle", "corner",    "stopper", "jumper",
                                                 "cabin",  "passenger", "boarder", "flash"};
    printf("  %s r %.0f m a %.0f m/s2%s: error cm mean %.2f p95 %.2f p99 %.2f max %.2f, a frame's motion differs by cm "
           "p99 %.2f max %.2f, is longer by %.2f\n",
           names[m->type], m->radius_m, m->acceleration_mps2, m->gives_velocity ? "" : ", velocity worked out",
           100 * mean_of(s), 100 * percentile(s->errors_m, s->error_count, 0.95),
           100 * percentile(s->errors_m, s->error_count, 0.99), 100 * percentile(s->errors_m, s->error_count, 1),
           100 * percentile(s->steps_m, s->step_count, 0.99), 100 * s->leap_m_max, 100 * s->excess_m_max);
}

// What moves as bodies do keeps `near`; what turns or stops at once, or changes the frame that it is in, keeps
// `sudden`.
static void check(const lab *l, const char *what, const limits *near, const limits *sudden)
{
    bool good = true;
    for (int i = 0; i < l->mover_count; i++) {
        const lab_mover *m = &l->movers[i];
        bool leaps = m->type == LAB_CORNER || m->type == LAB_BOARDER || m->type == LAB_STOPPER,
             judged = m->type != LAB_JUMPER && m->type != LAB_FLASH;
        bool kept = !judged || keeps(&all[i], leaps ? sudden : near);
        if (!kept) {
            printf("%s, seed %llu, out of its limits:\n", what, (unsigned long long)seed);
        }
        if (!kept || getenv("TL_TRACE")) {
            print(m, &all[i]);
        }
        good &= kept;
    }
    CHECK(good);
}

static const tl_link_faults uneven = {.delay_us = 10000, .jitter_us = 20000},
                            losing = {.delay_us = 10000, .jitter_us = 20000, .loss = 0.02};
static void (*const shows[])(lab *l, double tick) = {show_poses, show_placed, show_instances};
static const char *const show_names[] = {"poses", "placed", "instances"};

TEST(what_is_shown_is_right_and_smooth)
{
    static const limits near = {0.01, 0.02, 0.02, 0.025, 0.005}, sudden = {0.006, 0.02, 0.025, 0.05, 0.0055};
    for (int i = 0; i < 3; i++) {
        for (int jitter = 0; jitter < 2; jitter++) {
            lab *l = lab_create(seed, jitter ? uneven : (tl_link_faults){.delay_us = 1000});
            watch(l, 15, shows[i]);
            check(l, show_names[i], &near, &sudden);
            lab_destroy(l);
        }
    }
}

// What is lost cannot be shown in time; but it is made up for quickly, and nothing adds up.
TEST(losses_are_made_up_for)
{
    static const limits near = {0.02, 0.08, 0.5, 0.8, 0.25}, sudden = {0.015, 0.05, 0.5, 0.8, 0.3};
    for (int i = 0; i < 3; i++) {
        lab *l = lab_create(seed, losing);
        watch(l, 15, shows[i]);
        check(l, show_names[i], &near, &sudden);
        lab_destroy(l);
    }
}

// ---- a view that is read before its newest frame ----

enum { BACK_TICKS = 4 };

static bool is_steady(const lab *l, int mover, double from, double to)
{
    for (double tick = from; tick <= to; tick++) {
        if (!lab_truth_at(l, mover, tick).present) {
            return false;
        }
    }
    return true;
}

// The client may show what has just come before it came, and not what has just gone.
static void check_past(lab *l, int64_t newest, int64_t tick, uint32_t *boarded)
{
    for (int i = 0; i < l->mover_count; i++) {
        lab_truth t = lab_truth_at(l, i, (double)tick);
        tl_entity_id id = l->movers[i].id;
        if (id == 0 || !is_steady(l, i, (double)tick - 1, (double)newest + 4)) {
            continue;
        }
        tl_pose pose;
        tl_values values;
        CHECK_EQUAL(tl_client_get_pose(l->client, id, (double)tick, false, &pose), TL_OK);
        CHECK_EQUAL(tl_client_get_values(l->client, id, (double)tick, &values), TL_OK);
        CHECK_EQUAL(pose.carrier, t.carried ? l->movers[l->cabin].id : 0);
        CHECK_EQUAL(values.fields[2].integer, t.state);
        if (!(lab_distance(pose.position, t.world) <= 0.0205)) {
            printf("seed %llu, tick %lld, %lld before the newest\n", (unsigned long long)seed, (long long)tick,
                   (long long)(newest - tick));
        }
        CHECK(lab_distance(pose.position, t.world) <= 0.0205);
        *boarded += t.carried != lab_truth_at(l, i, (double)newest).carried;
    }
}

TEST(the_view_before_its_newest_frame)
{
    lab *l = lab_create(seed, uneven);
    int64_t checked = -1;
    uint32_t boarded = 0;
    for (int ms = 0; ms < 15000; ms++) {
        lab_step(l);
        int64_t newest = tl_client_get_frame_tick(l->client);
        if (newest == checked) {
            continue;
        }
        checked = newest;
        for (int64_t back = 0; back <= BACK_TICKS; back++) {
            check_past(l, newest, newest - back, &boarded);
        }
    }
    CHECK(boarded > 20);
    lab_destroy(l);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    RUN(what_is_shown_is_right_and_smooth);
    RUN(losses_are_made_up_for);
    RUN(the_view_before_its_newest_frame);
}
