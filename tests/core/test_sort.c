// Sorting against the C library's.
#include "base/sort.h"
#include "check.h"

static int compare(const void *a, const void *b)
{
    const tl_sort_pair *x = a, *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return (x->value > y->value) - (x->value < y->value);
}

static void check_sorts(tl_sort_pair *pairs, uint32_t count)
{
    tl_sort_pair *expected = malloc((count + 1) * sizeof *expected);
    memcpy(expected, pairs, count * sizeof *pairs);
    if (count) {
        qsort(expected, count, sizeof *expected, compare);
    }
    tl_sort(pairs, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(pairs[i].key == expected[i].key && pairs[i].value == expected[i].value);
    }
    free(expected);
}

TEST(every_length_and_every_crowding)
{
    static tl_sort_pair pairs[3000];
    uint64_t random = 3;
    for (uint32_t count = 0; count < 3000; count = count < 40 ? count + 1 : count * 2 + 1) {
        for (int bits = 0; bits <= 64; bits += 8) { // few different keys, or many
            for (uint32_t i = 0; i < count; i++) {
                pairs[i] = (tl_sort_pair){bits ? check_random(&random) >> (64 - bits) : 0,
                                          (uint32_t)check_random(&random) % 100};
            }
            check_sorts(pairs, count);
            check_sorts(pairs, count); // what is sorted stays so
        }
    }
}

int main(void)
{
    RUN(every_length_and_every_crowding);
}
