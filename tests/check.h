// The tests' frame: thin macros over cmocka. A test file has TEST functions and a main that RUNs them one after
// another. A failed CHECK prints its place and what it compared, ends its test, and makes the program fail; the tests
// after it still run. One test alone: test_x --test NAME, where NAME may have * and ? in it. docs/TESTING.md says more.
#ifndef TRAMLINE_CHECK_H
#define TRAMLINE_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST(name) static void name(void)
#define RUN(name) check_run_test(#name, name)

#define CHECK(condition)                                      \
    do {                                                      \
        if (!(condition)) {                                   \
            check_fail(__FILE__, __LINE__, "%s", #condition); \
        }                                                     \
    } while (0)

// CHECK_COMPARE(count, <, limit): numbers, truth values or pointers; prints both sides.
#define CHECK_COMPARE(a, operator, b)                                                            \
    do {                                                                                         \
        __auto_type check_a = (a);                                                               \
        __auto_type check_b = (b);                                                               \
        if (!(check_a operator check_b)) {                                                       \
            check_fail_compare(__FILE__, __LINE__, #a " " #operator" " #b, CHECK_VALUE(check_a), \
                               CHECK_VALUE(check_b));                                            \
        }                                                                                        \
    } while (0)

// Whole numbers, whatever their types: -1 equals no unsigned number.
#define CHECK_EQUAL(a, b)                                                                                     \
    do {                                                                                                      \
        __auto_type check_a = (a);                                                                            \
        __auto_type check_b = (b);                                                                            \
        if ((long long)check_a != (long long)check_b) {                                                       \
            check_fail_compare(__FILE__, __LINE__, #a " == " #b, CHECK_VALUE(check_a), CHECK_VALUE(check_b)); \
        }                                                                                                     \
    } while (0)

#define CHECK_TEXT(a, b)                                                                                          \
    do {                                                                                                          \
        const char *check_a = (a), *check_b = (b);                                                                \
        if (!check_a || !check_b || strcmp(check_a, check_b) != 0) {                                              \
            check_fail_compare(__FILE__, __LINE__, #a " == " #b, check_of_text(check_a), check_of_text(check_b)); \
        }                                                                                                         \
    } while (0)

#define CHECK_NEAR(a, b, tolerance)                                                                                   \
    do {                                                                                                              \
        double check_a = (a), check_b = (b), check_t = (tolerance);                                                   \
        if (!(check_a - check_b <= check_t && check_b - check_a <= check_t)) {                                        \
            check_fail(__FILE__, __LINE__, "%s near %s: %.12g, %.12g, within %g", #a, #b, check_a, check_b, check_t); \
        }                                                                                                             \
    } while (0)

// A value of any type, to be printed as what it is.
typedef struct check_value {
    enum { CHECK_SIGNED, CHECK_UNSIGNED, CHECK_REAL, CHECK_BOOL, CHECK_POINTER, CHECK_STRING } type;
    union {
        long long as_signed;
        unsigned long long as_unsigned;
        double as_real;
        const void *as_pointer;
    };
} check_value;

#define CHECK_VALUE(x)                         \
    _Generic((x),                              \
        bool: check_of_bool,                   \
        char: check_of_signed,                 \
        signed char: check_of_signed,          \
        short: check_of_signed,                \
        int: check_of_signed,                  \
        long: check_of_signed,                 \
        long long: check_of_signed,            \
        unsigned char: check_of_unsigned,      \
        unsigned short: check_of_unsigned,     \
        unsigned int: check_of_unsigned,       \
        unsigned long: check_of_unsigned,      \
        unsigned long long: check_of_unsigned, \
        float: check_of_real,                  \
        double: check_of_real,                 \
        default: check_of_pointer)(x)

check_value check_of_bool(bool value);
check_value check_of_signed(long long value);
check_value check_of_unsigned(unsigned long long value);
check_value check_of_real(double value);
check_value check_of_pointer(const volatile void *value);
check_value check_of_text(const char *value);

// Runs a test, unless --test names others.
void check_run_test(const char *name, void (*test)(void));

// Ends the running test as failed. Where there is none to return to (in another thread, in a process that a test has
// forked, outside of any test) it aborts.
_Noreturn void check_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void check_fail_compare(const char *file, int line, const char *expression, check_value a, check_value b);

// By what to multiply the times that a test waits for others at most: $TL_PATIENCE (1 if it is not set), and more while
// the machine has more to do than cores. What a test must know of an idle machine is no test's matter, but a
// benchmark's.
double check_patience(void);

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
