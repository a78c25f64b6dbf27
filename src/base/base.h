// Shared by every file of the core: assertions, small arithmetic, the private state of public values.
#ifndef TRAMLINE_BASE_BASE_H
#define TRAMLINE_BASE_BASE_H

#include "tramline/types.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

// A failed assertion ends the program, in every build.
_Noreturn void tl_assert_failed(const char *file, int line, const char *condition);
#define TL_ASSERT(condition) ((condition) ? (void)0 : tl_assert_failed(__FILE__, __LINE__, #condition))

enum {
    TL_NONE = -1,
    TL_DEF_COOKIE = 0x54524d4c, // marks definitions initialised by their default functions; others may lack members
};

// The largest valid tick: a world's time in microseconds fits into 64 bits. 580 years at 240 Hz.
#define TL_TICK_MAX ((int64_t)1 << 42)

static inline int64_t tl_min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t tl_max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

// Wraps instead of overflowing: values from the wire may be arbitrary.
static inline int64_t tl_add_wrap(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline int64_t tl_sub_wrap(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline uint64_t tl_magnitude(int64_t a)
{
    return a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
}

static inline int64_t tl_mul_wrap(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

// Returns a / 2^shift, rounded to nearest with halves up. A negative shift multiplies.
static inline int64_t tl_shift_round(int64_t a, int shift)
{
    if (shift <= 0) {
        return (int64_t)((uint64_t)a << -shift);
    }
    return tl_add_wrap(a, (int64_t)1 << (shift - 1)) >> shift;
}

// Returns 2^exponent, for exponents -1022..1023.
static inline double tl_power(int exponent)
{
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline int tl_bit_length(uint64_t value)
{
    return value ? 64 - __builtin_clzll(value) : 0;
}

enum { TL_CACHE_LINE_BYTES = 64 };

// Prefetches memory that will be read soon. Worlds exceed the caches, so loops over many entities prefetch the next
// ones while they work on the current one.
static inline void tl_prefetch(const void *memory, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += TL_CACHE_LINE_BYTES) {
        __builtin_prefetch((const char *)memory + at);
    }
}

// splitmix64 (Sebastiano Vigna, public domain): the state of a random number generator advances by this step.
#define TL_SPLITMIX_STEP 0x9e3779b97f4a7c15u
// The mixing function of splitmix64, also used as a hash of integers.
static inline uint64_t tl_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// Valid names have 1..TL_NAME_BYTES_MAX letters, digits, or any of - _ . and do not begin with a dot.
bool tl_name_valid(const char *name);

#endif
