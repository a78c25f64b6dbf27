// The entropy coder: what goes in comes out, near the entropy, and no bytes can hang or break it.
#include "check.h"
#include "wire/codec.h"

#include <math.h>

enum { CONTEXTS = TL_UINT_CONTEXTS + 2 * TL_SIGNED_CONTEXTS + 16, BUFFER = 1 << 20 };

static uint16_t models[CONTEXTS];
static unsigned char buffer[BUFFER];

static void even_models(void)
{
    for (int i = 0; i < CONTEXTS; i++) {
        models[i] = 32768;
    }
}

static uint64_t wide(uint64_t *random)
{
    return check_random(random) >> (check_random(random) % 64);
}

static int64_t wide_signed(uint64_t *random)
{
    static const int64_t extremes[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, 255, -256};
    uint64_t pick = check_random(random) % 40;
    if (pick < 9) {
        return extremes[pick];
    }
    int64_t value = (int64_t)wide(random);
    return check_random(random) % 2 ? value : (int64_t)(0 - (uint64_t)value);
}

// One script for both directions, as a grammar is: codes values that the seed gives, and checks what comes back.
static void run_script(tl_codec *c, uint64_t seed, int count)
{
    uint64_t random = seed;
    enum { BITS = TL_UINT_CONTEXTS + 2 * TL_SIGNED_CONTEXTS };
    for (int i = 0; i < count; i++) {
        int what = (int)(check_random(&random) % 5), context = (int)(check_random(&random) % 16),
            lean = (int)(check_random(&random) % 3) - 1;
        uint64_t value = wide(&random);
        int64_t number = wide_signed(&random);
        int bits = (int)(check_random(&random) % 65), bit = (int)(check_random(&random) % 16 > (uint64_t)context);
        if (what == 0) {
            CHECK_EQUAL(tl_code_bit(c, BITS + context, c->encode ? bit : 0), bit);
        }
        if (what == 1) {
            CHECK(tl_code_uint(c, 0, c->encode ? value : 0) == value);
        }
        if (what == 2) {
            CHECK(tl_code_signed(c, TL_UINT_CONTEXTS + (context & 1) * TL_SIGNED_CONTEXTS, lean,
                                 c->encode ? number : 0) == number);
        }
        if (what == 3) {
            uint64_t raw = bits == 64 ? value : value & (((uint64_t)1 << bits) - 1);
            CHECK(tl_code_raw(c, bits, c->encode ? raw : 0) == raw);
        }
        if (what == 4) {
            CHECK_EQUAL(tl_code_bit(c, BITS, c->encode ? 0 : 1), 0); // a long run of what is all but certain
        }
    }
}

static size_t encode_script(uint64_t seed, int count, size_t capacity)
{
    tl_codec c;
    even_models();
    tl_codec_encoder(&c, buffer, capacity, models);
    run_script(&c, seed, count);
    size_t bound = tl_codec_bytes(&c), size = tl_codec_finish(&c);
    CHECK(size <= bound);
    return size;
}

TEST(scripts_round_trip)
{
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        int count = (int)(seed % 60);
        size_t size = encode_script(seed, count, BUFFER);
        unsigned char *exact = malloc(size ? size : 1); // so that reading past the end is seen
        memcpy(exact, buffer, size);
        tl_codec c;
        even_models();
        tl_codec_decoder(&c, exact, size, models);
        run_script(&c, seed, count);
        free(exact);
    }
    size_t size = encode_script(77, 50000, BUFFER);
    tl_codec c;
    even_models();
    tl_codec_decoder(&c, buffer, size, models);
    run_script(&c, 77, 50000);
}

TEST(nothing_is_no_bytes)
{
    CHECK_EQUAL(encode_script(1, 0, BUFFER), 0);
    CHECK_EQUAL(encode_script(1, 0, 0), 0);
}

TEST(carries_run_through)
{
    // Bits that keep the interval at the top of its range: long runs of bytes that wait for a carry.
    for (int ones = 0; ones < 4000; ones += 37) {
        for (int last = 0; last < 2; last++) {
            tl_codec c;
            even_models();
            tl_codec_encoder(&c, buffer, BUFFER, models);
            for (int i = 0; i < ones; i++) {
                tl_code_raw(&c, 1, 1);
            }
            for (int i = 0; i < 40; i++) {
                tl_code_raw(&c, 1, (uint64_t)((i + last) & 1));
            }
            size_t size = tl_codec_finish(&c);
            tl_codec_decoder(&c, buffer, size, models);
            for (int i = 0; i < ones; i++) {
                CHECK_EQUAL(tl_code_raw(&c, 1, 0), 1);
            }
            for (int i = 0; i < 40; i++) {
                CHECK_EQUAL(tl_code_raw(&c, 1, 0), (i + last) & 1);
            }
        }
    }
}

TEST(too_little_room_is_said)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        size_t size = encode_script(seed, 50, BUFFER);
        for (size_t capacity = size > 6 ? size - 6 : 0; capacity < size; capacity++) {
            tl_codec c;
            even_models();
            unsigned char *exact = malloc(capacity ? capacity : 1);
            tl_codec_encoder(&c, exact, capacity, models);
            run_script(&c, seed, 50);
            CHECK(tl_codec_finish(&c) == 0 && c.bad);
            free(exact);
        }
    }
}

// The probability of one bit in a thousand, to a fair coin: the size is within a few percent of the entropy.
TEST(the_size_is_near_the_entropy)
{
    uint64_t random = 5;
    for (double p = 0.001; p <= 0.5; p *= 1.9) {
        tl_codec c;
        even_models();
        tl_codec_encoder(&c, buffer, BUFFER, models);
        int count = 200000, ones = 0;
        for (int i = 0; i < count; i++) {
            int bit = check_random_between(&random, 0, 1) < p;
            ones += bit;
            tl_code_bit(&c, 0, bit);
        }
        double q = (double)ones / count, entropy = -count * (q * log2(q) + (1 - q) * log2(1 - q)) / 8;
        double size = (double)tl_codec_finish(&c);
        CHECK(size < entropy * 1.2 + 16 && size > entropy * 0.95);
    }
    // Small numbers, as differences are: within a fifth of the entropy of their own distribution.
    tl_codec c;
    even_models();
    tl_codec_encoder(&c, buffer, BUFFER, models);
    int count = 100000, histogram[64] = {0};
    for (int i = 0; i < count; i++) {
        int value = 0;
        while (value < 63 && check_random(&random) % 3) {
            value++; // geometric
        }
        histogram[value]++;
        tl_code_uint(&c, 0, (uint64_t)value);
    }
    double entropy = 0;
    for (int i = 0; i < 64; i++) {
        if (histogram[i]) {
            entropy -= histogram[i] * log2((double)histogram[i] / count) / 8;
        }
    }
    CHECK((double)tl_codec_finish(&c) < entropy * 1.2);
}

// A decoder can be given anything: it ends, and stays within its bytes.
TEST(any_bytes_decode_to_something)
{
    uint64_t random = 6;
    for (int i = 0; i < 20000; i++) {
        size_t size = (size_t)(check_random(&random) % 60);
        unsigned char *exact = malloc(size ? size : 1);
        int style = i % 4;
        for (size_t b = 0; b < size; b++) {
            exact[b] = style == 0 ? 0xff : style == 1 ? 0 : (unsigned char)check_random(&random);
        }
        tl_codec c;
        even_models();
        tl_codec_decoder(&c, exact, size, models);
        for (int k = 0; k < 60; k++) {
            tl_code_uint(&c, 0, 0);
            tl_code_signed(&c, TL_UINT_CONTEXTS, k % 3 - 1, 0);
            CHECK(tl_code_raw(&c, 5, 0) < 32);
            CHECK((unsigned)tl_code_bit(&c, 3, 0) < 2);
            CHECK(c.at <= size);
        }
        free(exact);
    }
}

int main(void)
{
    RUN(scripts_round_trip);
    RUN(nothing_is_no_bytes);
    RUN(carries_run_through);
    RUN(too_little_room_is_said);
    RUN(the_size_is_near_the_entropy);
    RUN(any_bytes_decode_to_something);
}
