// States: from values to words and back, within the tolerance; and coarser levels, which hold as long as they say.
#include "check.h"
#include "motion/holds.h"
#include "motion/lead.h"
#include "motion/values.h"
#include "world.h"

#include <float.h>
#include <math.h>

static tl_kinds kinds;

static double between(uint64_t *random, double low, double high)
{
    return check_random_between(random, low, high);
}

static tl_vec3 random_vector(uint64_t *random, double size)
{
    return (tl_vec3){between(random, -size, size), between(random, -size, size), between(random, -size, size)};
}

static double distance(tl_vec3 a, tl_vec3 b)
{
    return tl_vec3_length(tl_vec3_sub(a, b));
}

// ---- rotations ----

TEST(rotation_vectors_round_trip)
{
    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        tl_vec3 axis = random_vector(&random, 1);
        double length = tl_vec3_length(axis),
               angle = i % 4 == 0 ? M_PI - ldexp(1, -(i % 50)) : between(&random, 0, M_PI);
        if (length < 1e-3) {
            continue;
        }
        if (i % 7 == 0) {
            angle = ldexp(1, -(i % 60));
        }
        tl_vec3 v = tl_vec3_scale(axis, angle / length);
        tl_quat q = tl_quat_from_vector(v);
        CHECK(tl_quat_valid(q));
        CHECK_NEAR(tl_quat_angle(q, tl_quat_from_vector(tl_quat_to_vector(q))), 0, 1e-7);
        tl_quat negative = {-q.x, -q.y, -q.z, -q.w};
        CHECK_NEAR(tl_quat_angle(q, negative), 0, 1e-7);
        CHECK(distance(tl_quat_to_vector(negative), tl_quat_to_vector(q)) < 1e-9 || angle > M_PI - 1e-6);
        tl_vec3 there = tl_quat_rotate(q, (tl_vec3){1, 2, 3}), back = tl_quat_rotate(tl_quat_conjugate(q), there);
        CHECK(distance(back, (tl_vec3){1, 2, 3}) < 1e-9);
        CHECK_NEAR(tl_quat_angle((tl_quat){0, 0, 0, 1}, q), angle, 1e-7);
    }
}

TEST(headings_face_the_motion)
{
    uint64_t random = 2;
    for (int i = 0; i < 10000; i++) {
        double yaw = between(&random, -M_PI, M_PI), speed = between(&random, 0.06, 100);
        tl_vec3 velocity = {-sin(yaw) * speed, between(&random, -5, 5), -cos(yaw) * speed};
        tl_vec3 faces = tl_quat_rotate(tl_heading(velocity), (tl_vec3){0, 0, -1});
        CHECK(distance(faces, (tl_vec3){-sin(yaw), 0, -cos(yaw)}) < 1e-7);
    }
    CHECK_NEAR(tl_heading((tl_vec3){0, 9, 0.01}).w, 1, 0); // too slow to face anywhere
    CHECK_NEAR(tl_quat_angle(tl_heading((tl_vec3){0, 0, 1}), tl_quat_from_vector((tl_vec3){0, M_PI, 0})), 0, 1e-7);
}

TEST(invalid_values_are_refused)
{
    const double limit = TL_WORLD_LIMIT_M,
                 bad[] = {NAN, INFINITY, -INFINITY, nextafter(limit, 1e9), -nextafter(limit, 1e9), 1e300};
    for (int i = 0; i < 6; i++) {
        CHECK(!tl_place_valid((tl_vec3){bad[i], 0, 0}) && !tl_place_valid((tl_vec3){0, bad[i], 0}) &&
              !tl_place_valid((tl_vec3){0, 0, bad[i]}));
        CHECK(!tl_quat_valid((tl_quat){bad[i], 0, 0, 1}) && !tl_quat_valid((tl_quat){0, 0, 0, bad[i]}));
    }
    CHECK(tl_place_valid((tl_vec3){limit, -limit, 5e-324}) && tl_rate_valid((tl_vec3){limit * 2, 0, 0}) &&
          tl_quat_valid((tl_quat){0, 1, 0, 0}));
    CHECK(!tl_quat_valid((tl_quat){0, 0, 0, 0}) && !tl_quat_valid((tl_quat){0, 0, 0, 1.01}) &&
          tl_quat_valid((tl_quat){0, 0, 0, 1.0005}));
}

// ---- words and back ----

static double coordinate(uint64_t *random)
{
    static const double extremes[] = {0,           -0.0,     5e-324,    -5e-324, 1e-310, 1e7, -1e7,
                                      1e7 + 0.001, 33554432, -33554432, 0.005,   64,     -64};
    uint64_t pick = check_random(random) % 20;
    return pick < 13 ? extremes[pick] : ldexp(between(random, -1, 1), (int)(check_random(random) % 26));
}

TEST(positions_are_within_half_a_quantum)
{
    uint64_t random = 3;
    for (uint32_t hz = 1; hz <= 240; hz = hz * 3 + 1) {
        kinds.tick_hz = hz;
        tl_kind_def def = tl_kind_def_default("any");
        for (double tolerance = 1e-6; tolerance <= 100; tolerance *= 10) {
            def.fields[0].tolerance = tolerance;
            CHECK_EQUAL(tl_kinds_init(&kinds, &def, 1, hz, NULL, 0), TL_OK);
            int shift = kinds.kinds[0].fields[0].shift[0];
            double half = ldexp(0.5, -shift) * 1.0001 + 1e-6; // and what a double has at the limit
            for (int i = 0; i < 500; i++) {
                int64_t words[TL_POSITION_WORDS], tick = (int64_t)(check_random(&random) % 1000000);
                tl_vec3 p = {coordinate(&random), coordinate(&random), coordinate(&random)},
                        v = random_vector(&random, i % 2 ? 10 : 1e6);
                CHECK(tl_place_valid(p) && tl_rate_valid(v));
                tl_position_set(words, shift, &kinds, tick, p, v, i % 3 != 0);
                CHECK(tl_field_valid(&kinds.kinds[0].fields[0], &kinds, words, 0, tick));
                tl_vec3 q = tl_position_at(words, shift, &kinds, (double)tick);
                CHECK(fabs(p.x - q.x) <= half && fabs(p.y - q.y) <= half && fabs(p.z - q.z) <= half);
                tl_vec3 w = tl_velocity_of(words, shift, &kinds);
                double speed_quantum = ldexp(0.5001, -shift - kinds.rate_shift) * hz;
                if (i % 3 != 0) {
                    CHECK(fabs(v.x - w.x) <= speed_quantum && fabs(v.y - w.y) <= speed_quantum &&
                          fabs(v.z - w.z) <= speed_quantum);
                } else {
                    CHECK(w.x == 0 && w.y == 0 && w.z == 0 && words[0] == 0);
                }
                int64_t quanta[3];
                tl_position_quanta(words, kinds.rate_shift, tick, quanta);
                CHECK(quanta[0] == words[1] && quanta[1] == words[2] && quanta[2] == words[3]);
            }
        }
    }
}

TEST(huge_velocities_are_clamped)
{
    world_kinds(&kinds);
    int64_t words[TL_POSITION_WORDS];
    int shift = kinds.kinds[0].fields[0].shift[0];
    double limit = ldexp(1, TL_VELOCITY_BITS_MAX);
    tl_position_set(words, shift, &kinds, 7, (tl_vec3){1, 2, 3}, (tl_vec3){1e9, -2e9, limit * 2}, true);
    tl_vec3 v = tl_velocity_of(words, shift, &kinds);
    CHECK_NEAR(v.x, limit, 0.01);
    CHECK_NEAR(v.y, -limit, 0.01);
    CHECK_NEAR(v.z, limit, 0.01);
    CHECK(tl_field_valid(&kinds.kinds[0].fields[0], &kinds, words, 0, 7));
}

TEST(rotations_are_within_the_tolerance)
{
    world_kinds(&kinds);
    uint64_t random = 4;
    const tl_field *linear = &kinds.kinds[WORLD_BODY].fields[1], *held = &kinds.kinds[WORLD_CABIN].fields[1];
    for (int i = 0; i < 20000; i++) {
        tl_vec3 axis = random_vector(&random, 1);
        double angle = i % 2 ? M_PI - ldexp(between(&random, 0, 1), -(i % 40)) : between(&random, 0, M_PI);
        tl_quat q = tl_quat_from_vector(tl_vec3_scale(axis, angle / fmax(tl_vec3_length(axis), 1e-9)));
        tl_vec3 spin = random_vector(&random, i % 5 ? 3 : 1000);
        int64_t words[TL_ROTATION_LINEAR_WORDS], tick = (int64_t)(check_random(&random) % 100000);
        tl_rotation_set(words, linear, &kinds, tick, q, spin, false);
        CHECK(tl_field_valid(linear, &kinds, words, 0, tick));
        CHECK(tl_quat_angle(q, tl_rotation_at(words, linear, 0, &kinds, (double)tick, (tl_vec3){0, 0, 0})) <
              linear->tolerance[0] / 2);
        if (i % 5) { // goes on spinning: a second later within what the rounded rate makes of it
            tl_quat turned = tl_quat_multiply(tl_quat_from_vector(spin), q);
            tl_quat shown = tl_rotation_at(words, linear, 0, &kinds, (double)tick + 20, (tl_vec3){0, 0, 0});
            CHECK(tl_quat_angle(turned, shown) < linear->tolerance[0]);
        }
        tl_rotation_set(words, held, &kinds, tick, q, spin, false);
        CHECK(tl_field_valid(held, &kinds, words, 0, tick));
        CHECK(tl_quat_angle(q, tl_rotation_at(words, held, 0, &kinds, (double)tick + 1000, (tl_vec3){9, 0, 0})) <
              held->tolerance[0]);
    }
    int64_t words[TL_ROTATION_HOLD_WORDS];
    const tl_field *heading = &kinds.kinds[WORLD_WALKER].fields[1];
    tl_rotation_set(words, heading, &kinds, 5, (tl_quat){0, 1, 0, 0}, (tl_vec3){0, 0, 0}, true);
    CHECK_NEAR(
        tl_quat_angle(tl_rotation_at(words, heading, 0, &kinds, 9, (tl_vec3){1, 0, 0}), tl_heading((tl_vec3){1, 0, 0})),
        0, 1e-9);
}

TEST(scalars_are_within_half_a_quantum)
{
    world_kinds(&kinds);
    uint64_t random = 5;
    const tl_field *field = &kinds.kinds[WORLD_BODY].fields[2];
    double quantum = ldexp(1, -field->shift[0]);
    for (int i = 0; i < 20000; i++) {
        int64_t words[3], tick = (int64_t)(check_random(&random) % 100000);
        double value = ldexp(between(&random, -1, 1), (int)(check_random(&random) % 40)),
               rate = between(&random, -50, 50);
        tl_scalar_set(words, field, &kinds, tick, value, rate);
        CHECK(tl_field_valid(field, &kinds, words, 0, tick));
        CHECK_NEAR(tl_scalar_at(words, field, 0, &kinds, (double)tick), value, quantum * 0.5001);
        CHECK_NEAR(tl_scalar_at(words, field, 0, &kinds, (double)tick + 20), value + rate, quantum * 2);
    }
    const double huge[] = {1e300, -1e300, DBL_MAX, -DBL_MAX, 5e-324};
    for (int i = 0; i < 5; i++) {
        int64_t words[3];
        tl_scalar_set(words, field, &kinds, 5, huge[i], huge[4 - i]); // clamped, and still valid
        CHECK(tl_field_valid(field, &kinds, words, 0, 5));
        CHECK(i == 4 || (tl_scalar_at(words, field, 0, &kinds, 5) > 0) == (huge[i] > 0));
    }
}

TEST(words_from_outside_are_checked)
{
    world_kinds(&kinds);
    const tl_kind *body = &kinds.kinds[WORLD_BODY], *sign = &kinds.kinds[WORLD_SIGN];
    int64_t words[TL_STATE_WORDS_MAX] = {0};
    CHECK(tl_state_valid(body, &kinds, words, 0, 0));
    const struct {
        int word;
        int64_t value;
        bool good;
    } cases[] = {{0, -1, false},        {0, 1000, true},        {0, 1001, false},       {1, INT64_MAX, false},
                 {2, INT64_MIN, false}, {4, INT64_MAX, false},  {6, INT64_MIN, false},  {7, -1, false},
                 {7, 1001, false},      {8, INT64_MAX, false},  {11, INT64_MIN, false}, {14, 1001, false},
                 {14, -5, false},       {15, INT64_MAX, false}, {16, INT64_MIN, false}, {17, INT64_MIN, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        words[cases[i].word] = cases[i].value;
        CHECK(tl_state_valid(body, &kinds, words, 0, 0) == cases[i].good);
        words[cases[i].word] = 0;
    }
    words[7] = 22;
    CHECK(!tl_state_valid(sign, &kinds, words, 0, 0));
    CHECK(tl_state_valid(sign, &kinds, words, 2, 0)); // not sent at that level
    words[7] = -1;
    CHECK(!tl_state_valid(sign, &kinds, words, 0, 0));
}

// Whatever is valid can be evaluated and derived without undefined behaviour.
TEST(any_valid_words_can_be_evaluated)
{
    uint64_t random = 6;
    world_kinds(&kinds);
    for (int i = 0; i < 100000; i++) {
        const tl_kind *kind = &kinds.kinds[check_random(&random) % WORLD_KINDS];
        int64_t words[TL_STATE_WORDS_MAX], coarse[TL_STATE_WORDS_MAX],
            tick = (int64_t)(check_random(&random) >> (8 + check_random(&random) % 56));
        for (int w = 0; w < kind->word_count; w++) {
            words[w] = (int64_t)check_random(&random) >> (check_random(&random) % 64);
            if (check_random(&random) % 4 == 0) {
                words[w] = 0;
            }
        }
        for (int f = 0; f < kind->field_count; f++) { // fields that are not valid are emptied
            const tl_field *field = &kind->fields[f];
            if (!tl_field_valid(field, &kinds, words + field->word, 0, tick)) {
                memset(words + field->word, 0, (size_t)field->word_count * 8);
            }
        }
        CHECK(tl_state_valid(kind, &kinds, words, 0, tick));
        int level = (int)(check_random(&random) % TL_LEVELS_MAX);
        tl_origin origin = {64ll << level, -(64ll << level) * 1000, 0};
        tl_values values;
        int64_t quanta[3];
        tl_position_quanta(words, kinds.rate_shift, (int64_t)check_random(&random), quanta);
        tl_state_derive(&(tl_level_context){&kinds, kind, level, tick, origin}, words, coarse);
        tl_state_holds(&(tl_level_context){&kinds, kind, level, tick, origin}, words, coarse, 1, 1000);
        tl_values_get(coarse, kind, &kinds, level, (double)tick + 0.5, &values);
    }
}

// ---- levels ----

static double field_error(const tl_kind *kind, int f, const int64_t *fine, const int64_t *coarse, double tick,
                          int level, tl_origin origin)
{
    const tl_field *field = &kind->fields[f];
    const int64_t *a = fine + field->word, *b = coarse + field->word;
    if (field->type == TL_FIELD_POSITION) {
        tl_vec3 p = tl_position_at(a, field->shift[0], &kinds, tick),
                q = tl_position_at(b, field->shift[level], &kinds, tick);
        if (f == 0) {
            q.x += (double)origin.x_m, q.y += (double)origin.y_m, q.z += (double)origin.z_m;
        }
        return distance(p, q);
    }
    if (field->type == TL_FIELD_ROTATION) {
        tl_vec3 v = tl_velocity_of(fine, kind->fields[0].shift[0], &kinds),
                w = tl_velocity_of(coarse, kind->fields[0].shift[level], &kinds);
        return tl_quat_angle(tl_rotation_at(a, field, 0, &kinds, tick, v),
                             tl_rotation_at(b, field, level, &kinds, tick, w));
    }
    if (field->type == TL_FIELD_SCALAR) {
        return fabs(tl_scalar_at(a, field, 0, &kinds, tick) - tl_scalar_at(b, field, level, &kinds, tick));
    }
    return memcmp(a, b, (size_t)field->word_count * sizeof *a) ? 1e9 : 0;
}

// What one level may be off from level 0: the difference of their tolerances, or one quantum where that is more.
static double field_limit(const tl_field *field, int level)
{
    return fmax(field->tolerance[level] - field->tolerance[0], ldexp(1, -field->shift[level])) * 1.0001 + 1e-6;
}

static void check_within(const tl_kind *kind, const int64_t *fine, const int64_t *coarse, double tick, int level,
                         tl_origin origin)
{
    for (int f = 0; f < kind->field_count; f++) {
        if (tl_field_at(&kind->fields[f], level)) {
            CHECK(field_error(kind, f, fine, coarse, tick, level, origin) <= field_limit(&kind->fields[f], level));
        }
    }
}

// Whether the kind's rotation follows the heading at a level: how fast it goes is rounded there, and with it where it
// faces.
static bool follows(const tl_kind *kind, const int64_t *words)
{
    return kind->rotation != TL_NONE && kind->fields[kind->rotation].predictor == TL_PREDICT_HEADING &&
           words[kind->fields[kind->rotation].word] == 1;
}

static void check_holds(world *w, int kind_number, double centre_m, double *ticks_sum)
{
    const tl_kind *kind = &kinds.kinds[kind_number];
    int64_t fine[TL_STATE_WORDS_MAX], later[TL_STATE_WORDS_MAX], coarse[TL_STATE_WORDS_MAX], again[TL_STATE_WORDS_MAX];
    w->centre = (tl_vec3){centre_m, centre_m / 3, -centre_m};
    w->tick = (int64_t)(check_random(&w->random) % 1000000);
    world_random_words(w, kind_number, false, fine);
    world_random_words(w, kind_number, false, later);
    int64_t start = w->tick + 1, tick = start + (int64_t)(check_random(&w->random) % 3000);
    for (int level = 0; level < TL_LEVELS_MAX; level++) {
        int64_t tile = 64ll << level;
        tl_origin origin = {(int64_t)floor(w->centre.x / (double)tile) * tile,
                            (int64_t)floor(w->centre.y / (double)tile) * tile,
                            (int64_t)floor(w->centre.z / (double)tile) * tile};
        tl_state_derive(&(tl_level_context){&kinds, kind, level, tick, origin}, fine, coarse);
        CHECK(tl_state_valid(kind, &kinds, coarse, level, tick));
        int64_t ticks = tl_state_holds(&(tl_level_context){&kinds, kind, level, tick, origin}, fine, coarse, 1, 1000);
        CHECK(ticks > 0 || follows(kind, fine)); // what was just derived holds
        if (level) {
            *ticks_sum += (double)ticks;
        }
        for (int i = 0; i < 40 && ticks; i++) {
            check_within(kind, fine, coarse, (double)(tick + (int64_t)(check_random(&w->random) % (uint64_t)ticks)),
                         level, origin);
        }
        if (ticks) {
            check_within(kind, fine, coarse, (double)(tick + ticks - 1), level, origin);
        }
        // Against another truth it seldom holds; but where it says so, it does.
        int64_t other = tl_state_holds(&(tl_level_context){&kinds, kind, level, tick, origin}, later, coarse, 1, 1000);
        if (other) {
            check_within(kind, later, coarse, (double)(tick + other - 1), level, origin);
        }
        if (level == 0) {
            continue;
        }
        // When it has run out, deriving anew mends it.
        if (ticks == 0 || ticks == 1000) {
            continue;
        }
        tl_state_derive(&(tl_level_context){&kinds, kind, level, tick + ticks, origin}, fine, again);
        CHECK(tl_state_holds(&(tl_level_context){&kinds, kind, level, tick + ticks, origin}, fine, again, 1, 1000) >
                  0 ||
              follows(kind, fine));
    }
}

TEST(coarser_levels_hold_as_long_as_they_say)
{
    world *w = world_create(4, 0, 21);
    world_kinds(&kinds);
    double ticks_sum = 0;
    for (int i = 0; i < 3000; i++) {
        check_holds(w, i % WORLD_KINDS, i % 3 == 0 ? 1e7 : i % 3 == 1 ? -123456.7 : 0, &ticks_sum);
    }
    CHECK(ticks_sum / (3000 * (TL_LEVELS_MAX - 1)) > 300); // and for long
    world_destroy(w);
}

TEST(level_0_is_the_very_state)
{
    world *w = world_create(4, 0, 22);
    world_kinds(&kinds);
    for (int i = 0; i < 200; i++) {
        const tl_kind *kind = &kinds.kinds[i % WORLD_KINDS];
        int64_t fine[TL_STATE_WORDS_MAX], words[TL_STATE_WORDS_MAX];
        world_random_words(w, i % WORLD_KINDS, false, fine);
        tl_state_derive(&(tl_level_context){&kinds, kind, 0, 1000, (tl_origin){0, 0, 0}}, fine, words);
        CHECK(memcmp(fine, words, (size_t)kind->word_count * 8) == 0);
        CHECK_EQUAL(
            tl_state_holds(&(tl_level_context){&kinds, kind, 0, 1000, (tl_origin){0, 0, 0}}, fine, words, 1, 500), 500);
    }
    world_destroy(w);
}

// An integer or bytes that differ never hold, at any level that sends them.
TEST(exact_fields_hold_exactly)
{
    world_kinds(&kinds);
    const tl_kind *body = &kinds.kinds[WORLD_BODY];
    int64_t fine[TL_STATE_WORDS_MAX] = {0}, coarse[TL_STATE_WORDS_MAX];
    for (int level = 0; level < TL_LEVELS_MAX; level++) {
        tl_state_derive(&(tl_level_context){&kinds, body, level, 5, (tl_origin){0, 0, 0}}, fine, coarse);
        CHECK_EQUAL(
            tl_state_holds(&(tl_level_context){&kinds, body, level, 5, (tl_origin){0, 0, 0}}, fine, coarse, 1, 100),
            100);
        coarse[body->fields[3].word]++;
        CHECK_EQUAL(
            tl_state_holds(&(tl_level_context){&kinds, body, level, 5, (tl_origin){0, 0, 0}}, fine, coarse, 1, 100), 0);
    }
}

// ---- ahead of an acceleration ----

typedef struct braking { // along -z, from a speed to a stand, as a game sets it tick by tick
    double speed, brake_mps2;
} braking;

static tl_vec3 place_at(const braking *b, double time_s, tl_vec3 *velocity)
{
    double t = fmin(time_s, b->speed / b->brake_mps2);
    *velocity = (tl_vec3){0, 0, -(b->speed - b->brake_mps2 * t)};
    return (tl_vec3){100, 0, -(b->speed - 0.5 * b->brake_mps2 * t) * t};
}

// Updates that a level needs from the braking's begin until all has stood for some seconds; every place must hold.
static int updates_of(const braking *b, int level, bool leads)
{
    const tl_kind *kind = &kinds.kinds[WORLD_WALKER];
    const tl_field *place = &kind->fields[0];
    int64_t fine[TL_STATE_WORDS_MAX] = {0}, before[TL_STATE_WORDS_MAX], coarse[TL_STATE_WORDS_MAX];
    float acceleration[3] = {0};
    double limit_m = place->tolerance[level] - place->tolerance[0];
    int updates = 0;
    for (int64_t tick = 100; tick < 100 + 20 * 15; tick++) {
        tl_vec3 velocity, truth = place_at(b, (double)(tick - 120) / 20 > 0 ? (double)(tick - 120) / 20 : 0, &velocity);
        if (tick < 120) {
            truth.z += b->speed * (double)(120 - tick) / 20; // steady before
        }
        memcpy(before, fine, sizeof before);
        tl_pose_publish(fine, kind, &kinds, tick, truth, velocity, (tl_vec3){0, 0, 0}, NULL, 1);
        tl_state_acceleration(kind, &kinds, before, fine, acceleration);
        if (tick == 100 || tl_state_holds(&(tl_level_context){&kinds, kind, level, tick, (tl_origin){0, 0, 0}}, fine,
                                          coarse, 1, 100) == 0) {
            tl_state_derive(&(tl_level_context){&kinds, kind, level, tick, (tl_origin){0, 0, 0}}, fine, coarse);
            if (leads && tl_state_accelerates(&(tl_level_context){.kinds = &kinds, .kind = kind, .tick = tick}, fine,
                                              acceleration)) {
                tl_state_lead(&(tl_level_context){.kinds = &kinds, .kind = kind, .level = level}, acceleration, limit_m,
                              coarse);
            }
            updates += tick > 100;
        }
        tl_vec3 shown = tl_position_at(coarse, place->shift[level], &kinds, (double)tick);
        CHECK(distance(shown, truth) <= place->tolerance[level] + 0.01);
    }
    return updates;
}

TEST(a_course_that_leads_holds_longer)
{
    world_kinds(&kinds);
    int plain = 0, leading = 0;
    for (int level = 2; level <= 6; level++) {
        for (double speed = 4; speed <= 16; speed += 4) {
            for (double brake_mps2 = 1; brake_mps2 <= 4; brake_mps2 *= 2) {
                braking b = {speed, brake_mps2};
                plain += updates_of(&b, level, false);
                leading += updates_of(&b, level, true);
            }
        }
    }
    printf("  %d updates, leading %d\n", plain, leading);
    CHECK(leading * 3 < plain * 2);
}

TEST(what_does_not_accelerate_any_more_is_not_led)
{
    world_kinds(&kinds);
    const tl_kind *kind = &kinds.kinds[WORLD_WALKER];
    const int64_t slow[7] = {100, 0, 0, 0, 1000, 0, 0}, fast[7] = {104, 0, 0, 0, 1500, 0, 0},
                  turned[7] = {300, 0, 0, 0, 0, 0, 1500};
    float a[3] = {0};
    tl_state_acceleration(kind, &kinds, slow, fast, a);
    CHECK(a[0] > 1 && a[2] == 0);
    CHECK(tl_state_accelerates(&(tl_level_context){.kinds = &kinds, .kind = kind, .tick = 105}, fast, a));
    CHECK(!tl_state_accelerates(&(tl_level_context){.kinds = &kinds, .kind = kind, .tick = 130}, fast,
                                a)); // it would have been told of since
    float kept = a[0];
    tl_state_acceleration(kind, &kinds, fast, fast, a);
    CHECK(a[0] == kept);
    tl_state_acceleration(kind, &kinds, fast, turned, a); // at once, after it had gone straight for long
    CHECK(a[0] == 0 && a[1] == 0 && a[2] == 0);
}

int main(void)
{
    RUN(rotation_vectors_round_trip);
    RUN(headings_face_the_motion);
    RUN(invalid_values_are_refused);
    RUN(positions_are_within_half_a_quantum);
    RUN(huge_velocities_are_clamped);
    RUN(rotations_are_within_the_tolerance);
    RUN(scalars_are_within_half_a_quantum);
    RUN(words_from_outside_are_checked);
    RUN(any_valid_words_can_be_evaluated);
    RUN(coarser_levels_hold_as_long_as_they_say);
    RUN(level_0_is_the_very_state);
    RUN(exact_fields_hold_exactly);
    RUN(a_course_that_leads_holds_longer);
    RUN(what_does_not_accelerate_any_more_is_not_led);
}
