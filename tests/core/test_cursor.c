// Cursor maps against one version a slot; when the runs do not do, less counts as held, never more.
#include "check.h"
#include "wire/cursor.h"

enum { SLOTS = 64 };

typedef struct model {
    uint32_t version[SLOTS + 1]; // the last one stands for all slots past the others
    uint64_t since[SLOTS + 1];
} model;

static uint32_t runs_of(const model *m)
{
    uint32_t runs = 1;
    for (int i = 1; i <= SLOTS; i++) {
        runs += m->version[i] != m->version[i - 1];
    }
    return runs;
}

static void check_agrees(const tl_cursor_map *map, model *m)
{
    CHECK(map->run_count >= 1 && map->run_count <= TL_CURSOR_RUNS_MAX && map->runs[0].begin == 0);
    for (uint32_t i = 1; i < map->run_count; i++) {
        CHECK(map->runs[i].begin > map->runs[i - 1].begin);
    }
    bool exact = runs_of(m) <= TL_CURSOR_RUNS_MAX;
    for (uint32_t slot = 0; slot <= SLOTS; slot++) {
        const tl_cursor_run *run = tl_cursor_at(map, slot == SLOTS ? TL_SLOT_END - 1 : slot);
        if (run->version != m->version[slot]) { // given up: only when there were too many runs, only as not held
            CHECK(!exact && run->version == 0);
            m->version[slot] = 0;
        }
        // losses count rather too often than too seldom, of what is held
        CHECK(run->since <= m->since[slot] || run->version == 0);
        m->since[slot] = run->since;
    }
}

static uint32_t slot_end(uint32_t slot)
{
    return slot > SLOTS ? TL_SLOT_END : slot;
}

static void check_is(const tl_cursor_map *map, const model *m, uint32_t begin, uint32_t end, uint32_t version)
{
    if (begin >= end) {
        return;
    }
    bool all = true;
    for (uint32_t i = begin; i < end && i <= SLOTS; i++) {
        all &= m->version[i] == version;
    }
    CHECK(tl_cursor_is(map, begin, slot_end(end), version) == all);
}

static void run(uint64_t seed, uint32_t versions, uint32_t width)
{
    tl_cursor_map map;
    model m = {0};
    uint64_t random = seed;
    tl_cursor_reset(&map);
    for (int step = 0; step < 3000; step++) {
        uint32_t begin = (uint32_t)(check_random(&random) % SLOTS),
                 end = begin + (uint32_t)(check_random(&random) % width);
        if (check_random(&random) % 8 == 0) {
            end = SLOTS + 1;
        }
        if (check_random(&random) % 16 == 0) {
            begin = 0;
        }
        if (end > SLOTS) {
            end = SLOTS + 1;
        }
        uint32_t version = (uint32_t)(check_random(&random) % versions);
        tl_cursor_set(&map, begin, slot_end(end), version, (uint64_t)step);
        for (uint32_t i = begin; i < end; i++) {
            m.version[i] = version, m.since[i] = (uint64_t)step;
        }
        check_agrees(&map, &m);
        check_is(&map, &m, begin, end, version);
        check_is(&map, &m, (uint32_t)(check_random(&random) % SLOTS), SLOTS + 1, version);
    }
}

TEST(a_new_map_holds_nothing)
{
    tl_cursor_map map;
    tl_cursor_reset(&map);
    CHECK(tl_cursor_is(&map, 0, TL_SLOT_END, 0) && !tl_cursor_is(&map, 5, 6, 1));
    CHECK_EQUAL(tl_cursor_run_end(&map, 0), TL_SLOT_END);
}

TEST(random_ranges_agree_with_a_list)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        run(seed, 3, 40);
    }
}

TEST(too_many_runs_give_up_the_rest)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        run(seed, 50, 3);
    }
    tl_cursor_map map;
    tl_cursor_reset(&map);
    for (uint32_t i = 0; i < 40; i++) {
        tl_cursor_set(&map, i * 2, i * 2 + 1, 7, 0);
    }
    CHECK_EQUAL(map.run_count, TL_CURSOR_RUNS_MAX);
    CHECK(tl_cursor_is(&map, 0, 1, 7) && tl_cursor_is(&map, 60, TL_SLOT_END, 0));
    tl_cursor_set(&map, 0, TL_SLOT_END, 9, 0); // and it is whole again
    CHECK(map.run_count == 1 && tl_cursor_is(&map, 0, TL_SLOT_END, 9));
}

// What was built anew must not be taken back by losses from before that, only because it has come to the version of its
// neighbours.
TEST(what_was_built_anew_stays_apart)
{
    tl_cursor_map map;
    tl_cursor_reset(&map);
    tl_cursor_set(&map, 0, TL_SLOT_END, 5, 10);
    tl_cursor_set(&map, 20, 30, 0, 40); // lost; to be sent again from datagram 40 on
    tl_cursor_set(&map, 20, 30, 6, 40);
    tl_cursor_set(&map, 0, 20, 6, 10);
    tl_cursor_set(&map, 30, TL_SLOT_END, 6, 10);
    CHECK(tl_cursor_is(&map, 0, TL_SLOT_END, 6));
    CHECK_EQUAL(tl_cursor_at(&map, 19)->since, 10);
    CHECK_EQUAL(tl_cursor_at(&map, 20)->since, 40);
    CHECK_EQUAL(tl_cursor_at(&map, 30)->since, 10);
    tl_cursor_settle(&map, 39); // no losses from before that any more
    CHECK_EQUAL(map.run_count, 3);
    tl_cursor_settle(&map, 40);
    CHECK_EQUAL(map.run_count, 1);
}

// Of what is not held no loss matters that was before it came to be so.
TEST(what_is_not_held_is_built_from_nothing)
{
    tl_cursor_map map;
    tl_cursor_reset(&map);
    tl_cursor_set(&map, 0, 20, 3, 10);
    tl_cursor_set(&map, 0, 20, 0, 40);
    CHECK_EQUAL(map.run_count, 1);
    CHECK_EQUAL(tl_cursor_at(&map, 0)->since, 40);
}

TEST(runs_that_do_not_do_are_joined_before_any_is_given_up)
{
    tl_cursor_map map;
    tl_cursor_reset(&map);
    tl_cursor_set(&map, 0, TL_SLOT_END, 7, 1);
    for (uint32_t i = 0; i < 40; i++) {
        tl_cursor_set(&map, i * 2, i * 2 + 1, 7, 2 + i);
    }
    CHECK(map.run_count <= TL_CURSOR_RUNS_MAX && tl_cursor_is(&map, 0, TL_SLOT_END, 7));
}

int main(void)
{
    RUN(a_new_map_holds_nothing);
    RUN(random_ranges_agree_with_a_list);
    RUN(too_many_runs_give_up_the_rest);
    RUN(what_was_built_anew_stays_apart);
    RUN(what_is_not_held_is_built_from_nothing);
    RUN(runs_that_do_not_do_are_joined_before_any_is_given_up);
}
