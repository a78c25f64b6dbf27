// The tests' own checks: CHECK stops the program with the place and the values. A test file has TEST functions and a
// main that RUNs them by name.
#ifndef TRAMLINE_CHECK_H
#define TRAMLINE_CHECK_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

#define CHECK_EQUAL(a, b)                                                                                           \
    do {                                                                                                            \
        long long check_a = (long long)(a), check_b = (long long)(b);                                               \
        if (check_a != check_b) {                                                                                   \
            fprintf(stderr, "%s:%d: failed: %s == %s: %lld, %lld\n", __FILE__, __LINE__, #a, #b, check_a, check_b); \
            abort();                                                                                                \
        }                                                                                                           \
    } while (0)

#define CHECK_NEAR(a, b, tolerance)                                                                             \
    do {                                                                                                        \
        double check_a = (a), check_b = (b), check_t = (tolerance);                                             \
        if (!(check_a - check_b <= check_t && check_b - check_a <= check_t)) {                                  \
            fprintf(stderr, "%s:%d: failed: %s near %s: %.12g, %.12g, within %g\n", __FILE__, __LINE__, #a, #b, \
                    check_a, check_b, check_t);                                                                 \
            abort();                                                                                            \
        }                                                                                                       \
    } while (0)

#define TEST(name) static void name(void)
#define RUN(name)              \
    do {                       \
        printf("%s\n", #name); \
        fflush(stdout);        \
        name();                \
    } while (0)

// A small seeded generator (splitmix64, public domain method by Sebastiano Vigna) for test data.
static inline uint64_t check_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// 0 to limit - 1.
static inline uint32_t check_random_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)(check_random(state) % limit);
}

static inline double check_random_between(uint64_t *state, double low, double high)
{
    return low + (high - low) * ((double)(check_random(state) >> 11) * 0x1p-53);
}

#endif
