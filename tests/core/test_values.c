// Values of games: what is taken, what is published of it, and what is read back.
#include "check.h"
#include "motion/values.h"
#include "world.h"

#include <math.h>

// Whether published words hold still.
static uint32_t differ(const int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int64_t tick,
                       const tl_values *values, double share)
{
    int64_t copy[TL_STATE_WORDS_MAX];
    memcpy(copy, words, (size_t)kind->word_count * sizeof *copy);
    return tl_values_publish(copy, kind, kinds, tick, values, share);
}

static tl_kinds kinds;

static tl_values walker_values(tl_vec3 position, tl_vec3 velocity, tl_quat rotation)
{
    tl_values values = {.mask = 3};
    values.fields[0] = (tl_value){.position = position, .velocity = velocity};
    values.fields[1] = (tl_value){.rotation = rotation};
    return values;
}

TEST(invalid_values_are_refused)
{
    world_kinds(&kinds);
    const tl_kind *body = &kinds.kinds[WORLD_BODY], *sign = &kinds.kinds[WORLD_SIGN];
    tl_values values = {.mask = 15};
    values.fields[1].rotation = (tl_quat){0, 0, 0, 1};
    CHECK_EQUAL(tl_values_check(body, &values), TL_OK);
    values.mask = 31;
    CHECK(tl_values_check(body, &values) != TL_OK);
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        tl_values v = {.mask = 15};
        v.fields[1].rotation = (tl_quat){0, 0, 0, 1};
        double *places[] = {&v.fields[0].position.y, &v.fields[0].velocity.x, &v.fields[1].rotation.z,
                            &v.fields[1].spin.x,     &v.fields[2].scalar,     &v.fields[2].rate};
        for (int p = 0; p < 6; p++) {
            double before = *places[p];
            *places[p] = bad[i];
            CHECK(tl_values_check(body, &v) != TL_OK);
            *places[p] = before;
            CHECK_EQUAL(tl_values_check(body, &v), TL_OK);
        }
        v.fields[2].scalar = bad[i];
        v.mask = 11; // what is not given does not count
        CHECK_EQUAL(tl_values_check(body, &v), TL_OK);
    }
    values = (tl_values){.mask = 2};
    values.fields[1] = (tl_value){.bytes = "abc", .size = 22};
    CHECK(tl_values_check(sign, &values) != TL_OK);
    values.fields[1] = (tl_value){.bytes = NULL, .size = 3};
    CHECK(tl_values_check(sign, &values) != TL_OK);
    values.fields[1] = (tl_value){.bytes = NULL, .size = 0};
    CHECK_EQUAL(tl_values_check(sign, &values), TL_OK);
}

static void check_shows(const int64_t *words, const tl_kind *kind, int64_t tick, const tl_values *truth, double share)
{
    tl_values shown;
    tl_values_get(words, kind, &kinds, 0, (double)tick, &shown);
    for (int i = 0; i < kind->field_count; i++) {
        const tl_value *a = &truth->fields[i], *b = &shown.fields[i];
        double tolerance = kind->fields[i].tolerance[0];
        switch (kind->fields[i].type) {
        case TL_FIELD_POSITION:
            CHECK(tl_vec3_length(tl_vec3_sub(a->position, b->position)) <= tolerance * share + 1e-9);
            break;
        case TL_FIELD_ROTATION: CHECK(tl_quat_angle(a->rotation, b->rotation) <= tolerance); break;
        case TL_FIELD_SCALAR: CHECK(fabs(a->scalar - b->scalar) <= tolerance); break;
        case TL_FIELD_INTEGER: CHECK(a->integer == b->integer); break;
        default: CHECK(a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0);
        }
    }
    CHECK_EQUAL(differ(words, kind, &kinds, tick, truth, share), 0);
}

// A body on a random course: at every tick what is published is within the tolerance, and seldom anything is.
static void ride(uint64_t seed, double centre, double share)
{
    uint64_t random = seed;
    const tl_kind *kind = &kinds.kinds[WORLD_BODY];
    int64_t words[TL_STATE_WORDS_MAX] = {0};
    tl_values truth = {.mask = 15};
    tl_vec3 p = {centre, 1, -centre}, v = {0, 0, 0};
    tl_quat q = {0, 0, 0, 1};
    double charge = 5;
    int published = 0;
    for (int64_t tick = 1; tick < 4000; tick++) {
        if (tick % 100 == 1) {
            v = (tl_vec3){check_random_between(&random, -20, 20), 0, check_random_between(&random, -20, 20)};
            truth.fields[1].spin = (tl_vec3){check_random_between(&random, -3, 3), check_random_between(&random, -3, 3),
                                             0};
            truth.fields[2].rate = check_random_between(&random, -2, 2);
            truth.fields[3].integer = (int64_t)check_random(&random);
            if (tick % 500 == 1) {
                p = (tl_vec3){centre + check_random_between(&random, -1e4, 1e4), 2, 3}; // a teleport
            }
        }
        p = tl_vec3_add(p, tl_vec3_scale(v, 0.05));
        q = tl_quat_multiply(tl_quat_from_vector(tl_vec3_scale(truth.fields[1].spin, 0.05)), q);
        charge += truth.fields[2].rate * 0.05;
        truth.fields[0].position = p, truth.fields[0].velocity = v;
        truth.fields[1].rotation = q;
        truth.fields[2].scalar = charge;
        CHECK_EQUAL(tl_values_check(kind, &truth), TL_OK);
        published += tl_values_publish(words, kind, &kinds, tick, &truth, share) != 0;
        CHECK(tl_state_valid(kind, &kinds, words, 0, tick));
        check_shows(words, kind, tick, &truth, share);
    }
    CHECK(published >= 39 && published < 400);
}

TEST(what_is_published_holds_the_truth)
{
    world_kinds(&kinds);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        ride(seed, seed % 2 ? 1e7 : 100, seed % 3 ? 1 : 0.25);
    }
}

TEST(the_heading_is_free_while_it_holds)
{
    world_kinds(&kinds);
    const tl_kind *kind = &kinds.kinds[WORLD_WALKER];
    int64_t words[TL_STATE_WORDS_MAX] = {0};
    tl_vec3 v = {1.4, 0, 0}, p = {5, 0, 0};
    tl_values truth = walker_values(p, v, tl_heading(v));
    CHECK_EQUAL(tl_values_publish(words, kind, &kinds, 1, &truth, 1), 3);
    CHECK_EQUAL(words[kind->fields[1].word], 1);
    for (int64_t tick = 2; tick < 200; tick++) { // round a corner now and then
        if (tick % 50 == 0) {
            v = (tl_vec3){v.z, 0, -v.x};
        }
        p = tl_vec3_add(p, tl_vec3_scale(v, 0.05));
        truth = walker_values(p, v, tl_heading(v));
        uint32_t changed = tl_values_publish(words, kind, &kinds, tick, &truth, 1);
        CHECK(changed == 0 || (changed & 1)); // the rotation comes of itself
        CHECK_EQUAL(words[kind->fields[1].word], 1);
        // The turn may show a tick late, when the place leaves its tolerance.
        if (tick % 50 > 2) {
            CHECK(differ(words, kind, &kinds, tick, &truth, 1) == 0);
        }
    }
    truth = walker_values(p, (tl_vec3){0, 0, 0}, (tl_quat){0, 1, 0, 0}); // stands, and looks about
    for (int64_t tick = 200; tick < 203; tick++) {
        tl_values_publish(words, kind, &kinds, tick, &truth, 1);
    }
    CHECK_EQUAL(differ(words, kind, &kinds, 203, &truth, 1), 0);
    CHECK_EQUAL(words[kind->fields[1].word], 0);
}

TEST(a_rotation_need_not_be_of_length_1)
{
    world_kinds(&kinds);
    const tl_kind *kind = &kinds.kinds[WORLD_CABIN]; // its rotation is tight
    double tolerance = kind->fields[1].tolerance[0];
    for (double length = 0.9991; length < 1.0009; length += 0.00005) {
        int64_t words[TL_STATE_WORDS_MAX] = {0};
        tl_values values = {.mask = 2};
        tl_quat q = tl_quat_from_vector((tl_vec3){0.3, -0.7, 1.1}),
                turned = tl_quat_multiply(tl_quat_from_vector((tl_vec3){0, 2 * tolerance, 0}), q);
        values.fields[1].rotation = (tl_quat){q.x * length, q.y * length, q.z * length, q.w * length};
        CHECK_EQUAL(tl_values_check(kind, &values), TL_OK);
        tl_values_publish(words, kind, &kinds, 1, &values, 1);
        CHECK_EQUAL(differ(words, kind, &kinds, 2, &values, 1), 0);
        values.fields[1].rotation = (tl_quat){turned.x * length, turned.y * length, turned.z * length,
                                              turned.w * length};
        CHECK_EQUAL(differ(words, kind, &kinds, 2, &values, 1), 2);
    }
}

TEST(only_what_is_given_is_published)
{
    world_kinds(&kinds);
    const tl_kind *kind = &kinds.kinds[WORLD_SIGN];
    int64_t words[TL_STATE_WORDS_MAX] = {0}, before[TL_STATE_WORDS_MAX];
    tl_values values = {.mask = 2};
    values.fields[0].position = (tl_vec3){9, 9, 9};
    values.fields[1] = (tl_value){.bytes = "platform two", .size = 12};
    CHECK_EQUAL(tl_values_publish(words, kind, &kinds, 5, &values, 1), 2);
    CHECK(words[1] == 0 && words[7] == 12 && memcmp(words + 8, "platform two", 12) == 0);
    CHECK_EQUAL(tl_values_publish(words, kind, &kinds, 6, &values, 1), 0);
    values.fields[1] = (tl_value){.bytes = "platform", .size = 8}; // shorter: nothing is left behind
    CHECK_EQUAL(tl_values_publish(words, kind, &kinds, 7, &values, 1), 2);
    memcpy(before, words, sizeof before);
    memset(words, 0, sizeof words);
    CHECK_EQUAL(tl_values_publish(words, kind, &kinds, 8, &values, 1), 2);
    CHECK(memcmp(before, words, (size_t)kind->word_count * 8) == 0);
    values.fields[1] = (tl_value){0};
    CHECK_EQUAL(tl_values_publish(words, kind, &kinds, 9, &values, 1), 2);
    CHECK_EQUAL(words[7], 0);
}

TEST(the_fast_path_does_the_same)
{
    world_kinds(&kinds);
    uint64_t random = 8;
    for (int k = 0; k < WORLD_KINDS; k++) {
        const tl_kind *kind = &kinds.kinds[k];
        int64_t a[TL_STATE_WORDS_MAX] = {0}, b[TL_STATE_WORDS_MAX] = {0};
        tl_vec3 p = {0, 0, 0}, v = {0, 0, 0};
        for (int64_t tick = 1; tick < 3000; tick++) {
            if (check_random(&random) % 30 == 0) {
                v = (tl_vec3){check_random_between(&random, -9, 9), 0, check_random_between(&random, -9, 9)};
            }
            p = tl_vec3_add(p, tl_vec3_scale(v, 0.05));
            // within and beyond the tolerance
            double aside = check_random(&random) % 3 ? 0 : check_random_between(&random, -0.3, 0.3);
            tl_quat q = tl_quat_multiply((tl_quat){0, sin(aside / 2), 0, cos(aside / 2)}, tl_heading(v));
            if (check_random(&random) % 2) {
                q = (tl_quat){-q.x, -q.y, -q.z, -q.w};
            }
            tl_values values = {.mask = kind->rotation == TL_NONE ? 1 : 1 | 1u << kind->rotation};
            values.fields[0] = (tl_value){.position = p, .velocity = v};
            if (kind->rotation != TL_NONE) {
                values.fields[kind->rotation].rotation = q;
            }
            uint32_t changed = tl_values_publish(a, kind, &kinds, tick, &values, 0.25);
            CHECK_EQUAL(tl_pose_publish(b, kind, &kinds, tick, p, v, (tl_vec3){0, 0, 0}, &q, 0.25), changed);
            CHECK(memcmp(a, b, (size_t)kind->word_count * 8) == 0);
        }
    }
}

int main(void)
{
    RUN(invalid_values_are_refused);
    RUN(what_is_published_holds_the_truth);
    RUN(the_heading_is_free_while_it_holds);
    RUN(a_rotation_need_not_be_of_length_1);
    RUN(only_what_is_given_is_published);
    RUN(the_fast_path_does_the_same);
}
