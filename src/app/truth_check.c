#include "app/truth_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_AVATAR = 5, FOREIGN_MAX = 4096 };

#define NEAR_M 20.0 // nearer than that, 2 cm are allowed: 1 mrad from here
#define LATELY_S 0.5
#define SEAT_M 0.2 // an avatar within this distance of a seat sits there

struct truth_check {
    const scenario *scenario;
    uint32_t entity_count, rider, rider_count;
    bool *riders_seen; // ever
    scenario_truth *truths;
    uint8_t *seen;
    tl_pose foreign[FOREIGN_MAX];
    uint32_t foreign_count; // kept of this check
    tl_vec3 observer;
    truth_sums sums;
};

truth_check *truth_check_create(const scenario *s, uint32_t rider, uint32_t rider_count)
{
    truth_check *c = calloc(1, sizeof *c);
    if (!c) {
        return NULL;
    }
    c->scenario = s;
    c->entity_count = scenario_entity_count(s);
    c->rider = rider;
    c->rider_count = rider_count;
    c->riders_seen = calloc(rider_count ? rider_count : 1, sizeof *c->riders_seen);
    c->truths = calloc(c->entity_count, sizeof *c->truths);
    c->seen = calloc(c->entity_count, sizeof *c->seen);
    if (!c->riders_seen || !c->truths || !c->seen) {
        truth_check_destroy(c);
        return NULL;
    }
    return c;
}

void truth_check_destroy(truth_check *c)
{
    if (c) {
        free(c->riders_seen);
        free(c->truths);
        free(c->seen);
        free(c);
    }
}

const truth_sums *truth_check_sums(const truth_check *c)
{
    return &c->sums;
}

tl_entity_id truth_check_seat(const truth_check *c, tl_vec3 *seat)
{
    uint32_t cabin = scenario_ride_cabin(c->scenario, c->rider);
    if (cabin == SCENARIO_NONE) {
        *seat = scenario_free_point(c->scenario);
        return 0;
    }
    *seat = scenario_ride_seat(c->scenario, c->rider);
    return scenario_entity_id(c->scenario, cabin, 0);
}

// ---- the truth in the world ----------------------------------------------------------------------------------------

static tl_vec3 rotate(tl_quat q, tl_vec3 v)
{
    tl_vec3 t = {2 * (q.y * v.z - q.z * v.y), 2 * (q.z * v.x - q.x * v.z), 2 * (q.x * v.y - q.y * v.x)};
    return (tl_vec3){
        v.x + q.w * t.x + q.y * t.z - q.z * t.y,
        v.y + q.w * t.y + q.z * t.x - q.x * t.z,
        v.z + q.w * t.z + q.x * t.y - q.y * t.x,
    };
}

// A point in the frame of `carrier`, in the world's.
static tl_vec3 to_world(const truth_check *c, uint32_t carrier, tl_vec3 point)
{
    for (int depth = 0; carrier != SCENARIO_NONE && depth < TL_CARRIER_DEPTH_MAX; depth++) {
        const scenario_truth *frame = &c->truths[carrier];
        tl_vec3 turned = rotate(frame->rotation, point);
        point = (tl_vec3){frame->position.x + turned.x, frame->position.y + turned.y, frame->position.z + turned.z};
        carrier = frame->carrier;
    }
    return point;
}

static tl_vec3 rider_place(const truth_check *c, uint32_t rider)
{
    uint32_t cabin = scenario_ride_cabin(c->scenario, rider);
    tl_vec3 seat = cabin == SCENARIO_NONE ? scenario_free_point(c->scenario) : scenario_ride_seat(c->scenario, rider);
    return to_world(c, cabin, seat);
}

static double distance(tl_vec3 a, tl_vec3 b)
{
    double x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
    return sqrt(x * x + y * y + z * z);
}

static bool was_present(const truth_check *c, double time_s, uint32_t index, uint32_t generation)
{
    scenario_truth before;
    scenario_evaluate(c->scenario, fmax(time_s - LATELY_S, 0), index, 1, &before);
    return before.present && before.generation == generation;
}

// Clients do not wait for a server that lags by more than `patience_ms`: a frame covers its tick without that server's
// record, so boarding, alighting, arriving and leaving are shown only once the record arrives.
static bool was_carried_by(const truth_check *c, double time_s, uint32_t index, tl_entity_id carrier)
{
    scenario_truth before, frame;
    double before_s = fmax(time_s - LATELY_S, 0);
    scenario_evaluate(c->scenario, before_s, index, 1, &before);
    if (before.carrier == SCENARIO_NONE) {
        return carrier == 0;
    }
    scenario_evaluate(c->scenario, before_s, before.carrier, 1, &frame);
    return carrier == scenario_entity_id(c->scenario, before.carrier, frame.generation);
}

// ---- one entity ----------------------------------------------------------------------------------------------------

static void check_place(truth_check *c, const tl_pose *pose, uint32_t index, bool counts, truth_finding *f)
{
    const scenario_truth *truth = &c->truths[index];
    tl_vec3 place = to_world(c, truth->carrier, truth->position);
    double error_m = distance(place, pose->position), distance_m = distance(place, c->observer);
    double error_mrad = 1000 * error_m / fmax(distance_m, NEAR_M);
    f->over += !(error_mrad <= 1);
    f->over_twice += !(error_mrad <= 2);
    if (!(error_mrad <= f->worst.error_mrad)) {
        f->worst = (truth_worst){index, truth->kind, pose->level, error_m, error_mrad, distance_m};
    }
    if (counts) {
        histogram_add(&c->sums.error_mrad, error_mrad);
        histogram_add(&c->sums.error_m, error_m);
    }
}

static void check_entity(truth_check *c, double time_s, const tl_pose *pose, uint32_t index, uint32_t generation,
                         bool counts, truth_finding *f)
{
    const scenario_truth *truth = &c->truths[index];
    if (!truth->present || truth->generation != generation) {
        bool going = was_present(c, time_s, index, generation);
        f->coming_or_going += going;
        f->surplus += !going;
        return;
    }
    if (c->seen[index]) {
        f->doubled++;
        return;
    }
    c->seen[index] = 1;
    f->visible++;
    tl_entity_id carrier = truth->carrier == SCENARIO_NONE
                               ? 0
                               : scenario_entity_id(c->scenario, truth->carrier, c->truths[truth->carrier].generation);
    if (pose->carrier != carrier) {
        bool late = was_carried_by(c, time_s, index, pose->carrier);
        f->late_carrier += late;
        f->wrong_carrier += !late;
    }
    f->wrong_kind += pose->kind != truth->kind;
    check_place(c, pose, index, counts, f);
}

static void check_foreign(truth_check *c, const tl_pose *pose, truth_finding *f)
{
    f->foreign++;
    if (pose->kind == KIND_AVATAR && c->foreign_count < FOREIGN_MAX) {
        c->foreign[c->foreign_count++] = *pose;
    }
}

// ---- all of them ---------------------------------------------------------------------------------------------------

static void check_missing(truth_check *c, double time_s, truth_finding *f)
{
    for (uint32_t i = 0; i < c->entity_count; i++) {
        const scenario_truth *truth = &c->truths[i];
        f->expected += truth->present;
        if (truth->present && !c->seen[i]) {
            bool coming = !was_present(c, time_s, i, truth->generation);
            f->coming_or_going += coming;
            f->missing += !coming;
        }
    }
}

// An avatar in the right frame, on the seat of `rider`; returns its distance, or -1.
static double rider_find(const truth_check *c, uint32_t rider)
{
    uint32_t cabin = scenario_ride_cabin(c->scenario, rider);
    tl_entity_id carrier = cabin == SCENARIO_NONE ? 0
                                                  : scenario_entity_id(c->scenario, cabin, c->truths[cabin].generation);
    tl_vec3 place = rider_place(c, rider);
    for (uint32_t i = 0; i < c->foreign_count; i++) {
        double error_m = distance(c->foreign[i].position, place);
        if (c->foreign[i].carrier == carrier && error_m < SEAT_M) {
            return error_m;
        }
    }
    return -1;
}

static void check_riders(truth_check *c, truth_finding *f)
{
    for (uint32_t k = 0; k < c->rider_count; k++) {
        if (k == c->rider) {
            continue;
        }
        double error_m = rider_find(c, k);
        bool seen = error_m >= 0;
        f->riders_seen += seen;
        f->riders_missing += !seen && c->riders_seen[k];
        f->rider_error_m_max = fmax(f->rider_error_m_max, error_m);
        c->riders_seen[k] = c->riders_seen[k] || seen;
    }
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void sums_add(truth_sums *sums, const truth_finding *f)
{
    truth_finding *most = &sums->most;
    sums->checks++;
    sums->samples += f->visible;
    sums->over += f->over;
    sums->over_twice += f->over_twice;
    sums->last = *f;
    most->expected = larger(most->expected, f->expected);
    most->visible = larger(most->visible, f->visible);
    most->missing = larger(most->missing, f->missing);
    most->doubled = larger(most->doubled, f->doubled);
    most->surplus = larger(most->surplus, f->surplus);
    most->coming_or_going = larger(most->coming_or_going, f->coming_or_going);
    most->wrong_carrier = larger(most->wrong_carrier, f->wrong_carrier);
    most->late_carrier = larger(most->late_carrier, f->late_carrier);
    most->wrong_kind = larger(most->wrong_kind, f->wrong_kind);
    most->foreign = larger(most->foreign, f->foreign);
    most->over = larger(most->over, f->over);
    most->over_twice = larger(most->over_twice, f->over_twice);
    most->riders_seen = larger(most->riders_seen, f->riders_seen);
    most->riders_missing = larger(most->riders_missing, f->riders_missing);
    most->rider_error_m_max = fmax(most->rider_error_m_max, f->rider_error_m_max);
    if (f->worst.error_mrad > most->worst.error_mrad) {
        most->worst = f->worst;
    }
}

truth_finding truth_check_view(truth_check *c, double time_s, const tl_pose *poses, uint32_t count, bool counts)
{
    truth_finding f = {0};
    scenario_evaluate(c->scenario, time_s, 0, c->entity_count, c->truths);
    memset(c->seen, 0, c->entity_count);
    c->foreign_count = 0;
    c->observer = rider_place(c, c->rider);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index, generation;
        if (scenario_entity_index(c->scenario, poses[i].entity, &index, &generation)) {
            check_entity(c, time_s, &poses[i], index, generation, counts, &f);
        } else {
            check_foreign(c, &poses[i], &f);
        }
    }
    check_missing(c, time_s, &f);
    check_riders(c, &f);
    if (counts) {
        sums_add(&c->sums, &f);
    }
    return f;
}
