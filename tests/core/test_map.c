// The map against a naive list, with keys that fall together.
#include "base/map.h"
#include "check.h"

enum { KEYS = 600, COUNT_MAX = 400 };

typedef struct fixture {
    void *memory;
    tl_heap heap;
    tl_map map;
} fixture;

static void begin(fixture *f, uint32_t count_max)
{
    size_t bytes = tl_map_bytes(count_max) + 4096;
    f->memory = calloc(1, bytes);
    tl_heap_init(&f->heap, f->memory, bytes);
    CHECK(tl_map_init(&f->map, &f->heap, count_max));
}

// An empty place has no key, but perhaps still a value.
TEST(zero_is_never_there)
{
    fixture f;
    begin(&f, COUNT_MAX);
    CHECK(tl_map_find(&f.map, 0) == NULL);
    for (uint64_t key = 1; key <= COUNT_MAX; key++) {
        CHECK(tl_map_put(&f.map, key, 7));
    }
    CHECK(tl_map_find(&f.map, 0) == NULL);
    for (uint64_t key = 1; key <= COUNT_MAX; key++) {
        tl_map_remove(&f.map, key);
    }
    CHECK(tl_map_find(&f.map, 0) == NULL);
    free(f.memory);
}

TEST(random_operations_agree_with_a_list)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        fixture f;
        begin(&f, COUNT_MAX);
        uint64_t random = seed, keys[KEYS];
        uint32_t values[KEYS], count = 0;
        bool has[KEYS] = {false};
        for (int i = 0; i < KEYS; i++) {
            keys[i] = seed % 2 ? (uint64_t)i + 1 : check_random(&random) | 1;
        }
        for (int step = 0; step < 60000; step++) {
            int at = (int)(check_random(&random) % KEYS);
            bool fill = step / 5000 % 2 == 0; // fills up, then empties
            if (!has[at] && (fill || check_random(&random) % 4 == 0)) {
                uint32_t value = (uint32_t)check_random(&random);
                bool put = tl_map_put(&f.map, keys[at], value);
                CHECK(put == (count < COUNT_MAX));
                if (put) {
                    has[at] = true, values[at] = value, count++;
                }
            } else if (has[at] && (!fill || check_random(&random) % 4 == 0)) {
                tl_map_remove(&f.map, keys[at]);
                has[at] = false, count--;
            }
            CHECK_EQUAL(f.map.count, count);
            if (step % 50) {
                continue;
            }
            for (int i = 0; i < KEYS; i++) {
                const uint32_t *found = tl_map_find(&f.map, keys[i]);
                CHECK((found != NULL) == has[i]);
                if (found) {
                    CHECK_EQUAL(*found, values[i]);
                }
            }
        }
        free(f.memory);
    }
}

TEST(keys_that_fall_together_survive_removals)
{
    fixture f;
    begin(&f, 8); // 16 places: picks keys of one home, at the end of the table
    uint64_t keys[6], key = 1;
    for (int count = 0; count < 6; key++) {
        if (((uint32_t)tl_mix(key) & f.map.mask) == f.map.mask - 1) {
            keys[count++] = key;
        }
    }
    for (int removed = 0; removed < 6; removed++) {
        for (uint32_t i = 0; i < 6; i++) {
            CHECK(tl_map_put(&f.map, keys[i], i));
        }
        tl_map_remove(&f.map, keys[removed]);
        for (uint32_t i = 0; i < 6; i++) {
            const uint32_t *found = tl_map_find(&f.map, keys[i]);
            CHECK((found == NULL) == ((int)i == removed));
            if (found) {
                CHECK_EQUAL(*found, i);
            }
        }
        for (int i = 0; i < 6; i++) {
            tl_map_remove(&f.map, keys[i]); // one of them is absent
        }
        CHECK_EQUAL(f.map.count, 0);
    }
    free(f.memory);
}

TEST(the_limit_holds_and_the_memory_is_as_said)
{
    for (uint32_t count_max = 1; count_max < 5000; count_max = count_max * 2 + 1) {
        fixture f;
        begin(&f, count_max);
        for (uint64_t key = 1; key <= count_max; key++) {
            CHECK(tl_map_put(&f.map, key << 48, (uint32_t)key));
        }
        CHECK(!tl_map_put(&f.map, 12345, 1));
        CHECK(tl_map_find(&f.map, 12345) == NULL);
        CHECK(f.heap.used_bytes <= tl_map_bytes(count_max));
        free(f.memory);
    }
}

int main(void)
{
    RUN(zero_is_never_there);
    RUN(random_operations_agree_with_a_list);
    RUN(keys_that_fall_together_survive_removals);
    RUN(the_limit_holds_and_the_memory_is_as_said);
}
