// What holds for every scenario: kinds, counts, groups, ids, seeds, carriers.
#include "worlds.h"

#include <pthread.h>
#include <time.h>

static const char *const names[] = {"city", "far", "convoy", "choke", "concert", "ragdoll", "asteroids", "trace"};
enum { NAMES = sizeof names / sizeof *names, SMALL = 3000 };

static bool sized(const char *name) // takes a number of entities
{
    return strcmp(name, "city") == 0 || strcmp(name, "far") == 0 || strcmp(name, "choke") == 0 ||
           strcmp(name, "trace") == 0;
}

TEST(kinds_are_declared_in_order)
{
    static const char *const kind_names[KINDS] = {"walker", "car",    "thing", "tram",
                                                  "cabin",  "avatar", "body",  "performer"};
    const tl_kind_def *kinds;
    CHECK_EQUAL(scenario_kinds(&kinds), KINDS);
    for (int k = 0; k < KINDS; k++) {
        CHECK(strcmp(kinds[k].name, kind_names[k]) == 0);
        CHECK(kinds[k].field_count >= 2 && kinds[k].field_count <= TL_FIELDS_MAX);
        CHECK_EQUAL(kinds[k].fields[0].type, TL_FIELD_POSITION);
        CHECK_EQUAL(kinds[k].fields[1].type, TL_FIELD_ROTATION);
        CHECK_EQUAL(kinds[k].carrier_reach_m > 0, k == TRAM || k == CABIN);
    }
    CHECK_EQUAL(kinds[WALKER].fields[1].predictor, TL_PREDICT_HEADING);
    CHECK_EQUAL(kinds[PERFORMER].field_count, 8);
}

TEST(groups_partition_the_indices)
{
    for (int n = 0; n < NAMES; n++) {
        scenario *s = world_make(names[n], 1, 0);
        uint32_t next = 0, groups = scenario_group_count(s);
        CHECK(groups > 0);
        for (uint32_t g = 0; g < groups; g++) {
            uint32_t first, count;
            scenario_group_range(s, g, &first, &count);
            CHECK_EQUAL(first, next);
            CHECK(count > 0 && count <= 600);
            next += count;
        }
        CHECK_EQUAL(next, scenario_entity_count(s));
        scenario_destroy(s);
    }
}

TEST(any_number_of_entities_can_be_asked_for)
{
    static const uint32_t counts[] = {1, 2, 39, 40, 41, 100, 399, 1000, 12345};
    for (int n = 0; n < NAMES; n++) {
        for (size_t c = 0; sized(names[n]) && c < sizeof counts / sizeof *counts; c++) {
            scenario *s = world_make(names[n], 5, counts[c]);
            CHECK_EQUAL(scenario_entity_count(s), counts[c]);
            scenario_truth truth[64];
            uint32_t first = counts[c] / 2, rest = counts[c] - first;
            scenario_evaluate(s, 1234.5, first, rest < 64 ? rest : 64, truth);
            scenario_destroy(s);
        }
    }
}

TEST(ids_round_trip)
{
    scenario *s = world_make("city", 1, SMALL);
    uint32_t index, generation;
    for (uint32_t i = 0; i < SMALL; i += 7) {
        for (uint32_t g = 0; g < 5000; g += 999) {
            tl_entity_id id = scenario_entity_id(s, i, g);
            CHECK_EQUAL(id >> 48, 65534);
            CHECK(scenario_entity_index(s, id, &index, &generation));
            CHECK_EQUAL(index, i);
            CHECK_EQUAL(generation, g);
        }
    }
    CHECK(scenario_entity_id(s, 0, 1) != scenario_entity_id(s, SMALL - 1, 0));
    CHECK(!scenario_entity_index(s, 0, &index, &generation));
    CHECK(!scenario_entity_index(s, (tl_entity_id)65534 << 48, &index, &generation));
    CHECK(!scenario_entity_index(s, (tl_entity_id)1 << 48 | 1, &index, &generation));
    scenario_destroy(s);
}

static bool truths_equal(const scenario_truth *a, const scenario_truth *b)
{
    return a->present == b->present && a->kind == b->kind && a->carrier == b->carrier &&
           a->generation == b->generation && distance(a->position, b->position) == 0 &&
           distance(a->velocity, b->velocity) == 0 && memcmp(&a->rotation, &b->rotation, sizeof a->rotation) == 0;
}

TEST(a_seed_makes_the_same_world_again)
{
    static scenario_truth a[SMALL], b[SMALL], c[SMALL];
    for (int n = 0; n < NAMES; n++) {
        scenario *one = world_make(names[n], 7, SMALL), *same = world_make(names[n], 7, SMALL);
        scenario *other = world_make(names[n], 8, SMALL);
        uint32_t count = scenario_entity_count(one), differ = 0;
        count = count < SMALL ? count : SMALL;
        CHECK_EQUAL(scenario_entity_count(one), scenario_entity_count(same));
        scenario_evaluate(one, 77.7, 0, count, a);
        scenario_evaluate(same, 1e4, 0, count, b); // another time between changes nothing
        scenario_evaluate(same, 77.7, 0, count, b);
        scenario_evaluate(other, 77.7, 0, count, c);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(truths_equal(&a[i], &b[i]));
            scenario_truth alone = truth_at(one, 77.7, i);
            CHECK(truths_equal(&a[i], &alone));
            differ += !truths_equal(&a[i], &c[i]);
        }
        CHECK(differ > 0 || strcmp(names[n], "trace") == 0);
        scenario_destroy(one);
        scenario_destroy(same);
        scenario_destroy(other);
    }
}

TEST(carriers_are_there_and_nest_no_deeper_than_allowed)
{
    const tl_kind_def *kinds;
    scenario_kinds(&kinds);
    for (int n = 0; n < NAMES; n++) {
        scenario *s = world_make(names[n], 1, 20000);
        for (uint32_t i = 0; i < scenario_entity_count(s); i++) {
            scenario_truth truth = truth_at(s, 100.25, i);
            CHECK(truth.kind < KINDS);
            for (int depth = 0; truth.carrier != SCENARIO_NONE; depth++) {
                CHECK(depth < TL_CARRIER_DEPTH_MAX - 1);
                CHECK(truth.carrier < scenario_entity_count(s));
                scenario_truth carrier = truth_at(s, 100.25, truth.carrier);
                CHECK(carrier.present);
                CHECK(length(truth.position) <= kinds[carrier.kind].carrier_reach_m);
                truth = carrier;
            }
        }
        scenario_destroy(s);
    }
}

TEST(rotations_are_unit)
{
    for (int n = 0; n < NAMES; n++) {
        scenario *s = world_make(names[n], 1, 20000);
        for (uint32_t i = 0; i < scenario_entity_count(s); i++) {
            tl_quat q = truth_at(s, 50, i).rotation;
            CHECK_NEAR(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w, 1, 1e-6);
        }
        scenario_destroy(s);
    }
}

TEST(a_scenario_that_is_none_is_refused)
{
    scenario_def def = scenario_def_default();
    char text[256];
    scenario *s;
    def.name = "village";
    CHECK_EQUAL(scenario_create(&def, &s, text, sizeof text), TL_ERR_NOT_FOUND);
    CHECK(strstr(text, "village") && strstr(text, "convoy") && !s);
    def.name = NULL;
    CHECK_EQUAL(scenario_create(&def, &s, text, sizeof text), TL_ERR_NOT_FOUND);
    def = scenario_def_default();
    def.entity_count = 2000000000;
    CHECK_EQUAL(scenario_create(&def, &s, text, sizeof text), TL_ERR_INVALID);
    def = scenario_def_default();
    def.name = "trace";
    CHECK_EQUAL(scenario_create(&def, &s, text, sizeof text), TL_ERR_INVALID);
    CHECK(strstr(text, "file"));
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

TEST(speed_of_evaluation_is_printed)
{
    for (int n = 0; n < NAMES; n++) {
        scenario *s = world_make(names[n], 1, 0);
        uint32_t count = scenario_entity_count(s);
        scenario_truth *truths = malloc(count * sizeof *truths);
        uint64_t evaluated = 0;
        double begin_s = now_s();
        for (int step = 0; step < 10; step++) {
            scenario_evaluate(s, step * 0.05, 0, count, truths);
            evaluated += count;
        }
        printf("  %-10s %6u entities, %.1f million/s\n", names[n], count,
               (double)evaluated / (now_s() - begin_s) / 1e6);
        free(truths);
        scenario_destroy(s);
    }
}

typedef struct share {
    const scenario *s;
    scenario_truth *truths;
} share;

static void *evaluate_all(void *user)
{
    share *own = user;
    scenario_evaluate(own->s, 33.3, 0, scenario_entity_count(own->s), own->truths);
    return NULL;
}

TEST(threads_see_the_same)
{
    scenario *s = world_make("city", 1, SMALL);
    static scenario_truth truths[4][SMALL];
    pthread_t threads[4];
    share shares[4];
    for (int n = 0; n < 4; n++) {
        shares[n] = (share){s, truths[n]};
        CHECK_EQUAL(pthread_create(&threads[n], NULL, evaluate_all, &shares[n]), 0);
    }
    for (int n = 0; n < 4; n++) {
        pthread_join(threads[n], NULL);
    }
    for (uint32_t i = 0; i < SMALL; i++) {
        CHECK(truths_equal(&truths[0][i], &truths[3][i]));
    }
    scenario_destroy(s);
}

int main(void)
{
    RUN(kinds_are_declared_in_order);
    RUN(groups_partition_the_indices);
    RUN(any_number_of_entities_can_be_asked_for);
    RUN(ids_round_trip);
    RUN(a_seed_makes_the_same_world_again);
    RUN(carriers_are_there_and_nest_no_deeper_than_allowed);
    RUN(rotations_are_unit);
    RUN(a_scenario_that_is_none_is_refused);
    RUN(threads_see_the_same);
    RUN(speed_of_evaluation_is_printed);
    return 0;
}
