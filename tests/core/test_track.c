// Tracks against the words they stand for: what a track says holds, the words say too; and it says so nearly always.
#include "check.h"
#include "motion/track.h"
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

enum { ROUNDS = 200000 };

static tl_kinds kinds;
static uint64_t seed = 7;

static double between(double low, double high)
{
    return check_random_between(&seed, low, high);
}

static tl_quat upright(double angle)
{
    return (tl_quat){0, sin(angle / 2), 0, cos(angle / 2)};
}

// A pose that is off by about the tolerances, sometimes far off, sometimes turned away from the vertical.
static tl_values pose_near(const tl_kind *kind, tl_vec3 place, double yaw)
{
    double off_m = kind->fields[0].tolerance[0] * between(0, 1.2) / sqrt(3),
           turn = kind->fields[1].tolerance[0] * between(-1.2, 1.2);
    tl_values values = {.mask = 3};
    values.fields[0].position = (tl_vec3){place.x + off_m, place.y - off_m, place.z + off_m};
    values.fields[1].rotation = upright(yaw + turn);
    if (check_random(&seed) % 16 == 0) {
        values.fields[1].rotation = tl_quat_from_vector((tl_vec3){between(-1, 1), between(-1, 1), between(-1, 1)});
    }
    return values;
}

// How many of the poses that hold by the words the track tells as well; each that it tells must hold by the words.
static double share_told(int kind_number, double far_m)
{
    const tl_kind *kind = &kinds.kinds[kind_number];
    int64_t words[TL_STATE_WORDS_MAX] = {0};
    int hold = 0, told = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double yaw = between(-3, 3), speed = between(0, 20), share = i % 3 ? 1 : 0.25;
        int64_t start = 1000 + (int64_t)(check_random(&seed) % 100000),
                tick = start + (int64_t)(check_random(&seed) % 400);
        tl_value place = {.position = {between(-far_m, far_m), between(-9, 9), between(-far_m, far_m)},
                          .velocity = {-sin(yaw) * speed, 0, -cos(yaw) * speed}};
        tl_value rotation = {.rotation = upright(yaw)};
        tl_value_set(words, kind, 0, &kinds, start, &place);
        tl_value_set(words, kind, 1, &kinds, start, &rotation);
        tl_track track;
        tl_track_set(&track, kind, &kinds, words, share);
        tl_values pose = pose_near(kind, tl_position_at(words, kind->fields[0].shift[0], &kinds, (double)tick), yaw);
        bool by_words = differ(words, kind, &kinds, tick, &pose, share * (1 + 1e-6)) == 0;
        bool by_track = tl_track_holds(&track, tick, pose.fields[0].position, &pose.fields[1].rotation);
        CHECK(!by_track || by_words);
        hold += by_words;
        told += by_track;
    }
    CHECK(hold > ROUNDS / 100 && hold < ROUNDS * 9 / 10);
    return (double)told / hold;
}

TEST(what_a_track_tells_to_hold_holds)
{
    CHECK(share_told(WORLD_WALKER, 3000) > 0.99);
    CHECK(share_told(WORLD_WALKER, 1e7) > 0.99); // doubles matter
}

TEST(what_it_cannot_tell_it_leaves_to_the_words)
{
    const tl_kind *kind = &kinds.kinds[WORLD_WALKER];
    int64_t words[TL_STATE_WORDS_MAX] = {0};
    tl_track track;
    tl_quat still = {0, 0, 0, 1}, nan_quat = {NAN, 0, 0, 1}, long_quat = {0, 0, 0, 2};
    tl_track_set(&track, kind, &kinds, words, 1);
    CHECK(tl_track_holds(&track, 5, (tl_vec3){0, 0, 0}, &still));
    CHECK(tl_track_holds(&track, 5, (tl_vec3){0, 0, 0}, NULL));
    CHECK(!tl_track_holds(&track, 5, (tl_vec3){NAN, 0, 0}, &still));
    CHECK(!tl_track_holds(&track, 5, (tl_vec3){INFINITY, 0, 0}, NULL));
    CHECK(!tl_track_holds(&track, 5, (tl_vec3){0, 0, 0}, &nan_quat));
    CHECK(!tl_track_holds(&track, 5, (tl_vec3){0, 0, 0}, &long_quat));
    tl_track_reset(&track);
    CHECK(!tl_track_holds(&track, 5, (tl_vec3){0, 0, 0}, NULL));
}

TEST(spins_are_left_to_the_words)
{
    const tl_kind *kind = &kinds.kinds[WORLD_BODY];
    int64_t words[TL_STATE_WORDS_MAX] = {0};
    tl_track track;
    tl_quat still = {0, 0, 0, 1};
    tl_track_set(&track, kind, &kinds, words, 1);
    CHECK(!tl_track_holds(&track, 5, (tl_vec3){0, 0, 0}, &still));
    CHECK(tl_track_holds(&track, 5, (tl_vec3){0, 0, 0}, NULL));
}

int main(void)
{
    world_kinds(&kinds);
    RUN(what_a_track_tells_to_hold_holds);
    RUN(what_it_cannot_tell_it_leaves_to_the_words);
    RUN(spins_are_left_to_the_words);
}
