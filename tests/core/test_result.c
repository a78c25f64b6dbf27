// Results have names and texts, and names of things are checked.
#include "base/base.h"
#include "check.h"

TEST(every_result_has_a_name_and_a_text)
{
    for (int i = 0; i < TL_RESULT_COUNT; i++) {
        const char *name = tl_result_name((tl_result)i), *text = tl_result_text((tl_result)i);
        CHECK(strncmp(name, "TL_", 3) == 0 && strlen(text) >= 2);
        for (int other = 0; other < i; other++) {
            CHECK(strcmp(name, tl_result_name((tl_result)other)) != 0);
            CHECK(strcmp(text, tl_result_text((tl_result)other)) != 0);
        }
    }
    CHECK(strcmp(tl_result_name(TL_OK), "TL_OK") == 0 && strcmp(tl_result_name(TL_ERR_MEMORY), "TL_ERR_MEMORY") == 0);
}

// They travel as bytes in answers (PROTOCOL.md) and stand in statistics: a number never changes its meaning.
TEST(results_keep_their_numbers)
{
    static const tl_result by_number[] = {
        TL_OK,
        TL_AGAIN,
        TL_ERR_INVALID,
        TL_ERR_STATE,
        TL_ERR_FULL,
        TL_ERR_NOT_FOUND,
        TL_ERR_EXISTS,
        TL_ERR_DENIED,
        TL_ERR_EXPIRED,
        TL_ERR_MALFORMED,
        TL_ERR_VERSION,
        TL_ERR_FENCED,
        TL_ERR_UNAVAILABLE,
        TL_ERR_BUSY,
        TL_ERR_READ_ONLY,
        TL_ERR_NO_SPACE,
        TL_ERR_CORRUPT,
        TL_ERR_IO,
        TL_ERR_MEMORY,
        TL_ERR_OUTSIDE,
    };
    CHECK_EQUAL(sizeof by_number / sizeof *by_number, TL_RESULT_COUNT);
    for (int i = 0; i < TL_RESULT_COUNT; i++) {
        CHECK_EQUAL(by_number[i], i);
    }
}

TEST(header_and_library_agree_on_the_version)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", TL_VERSION_MAJOR, TL_VERSION_MINOR, TL_VERSION_PATCH);
    CHECK(strcmp(text, TL_VERSION_STRING) == 0);
    CHECK_EQUAL(tl_version(), TL_VERSION);
    CHECK(tl_abi_matches());
}

TEST(a_number_that_is_no_result_has_a_text)
{
    const int wrong[] = {TL_RESULT_COUNT, -1, 1 << 30};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK(strcmp(tl_result_name((tl_result)wrong[i]), "TL_ERR_UNKNOWN") == 0);
        CHECK(strlen(tl_result_text((tl_result)wrong[i])) > 0);
    }
}

TEST(names_are_checked)
{
    char longest[TL_NAME_BYTES_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[TL_NAME_BYTES_MAX] = 0;
    CHECK(tl_name_valid(longest));
    longest[TL_NAME_BYTES_MAX] = 'a', longest[TL_NAME_BYTES_MAX + 1] = 0;
    CHECK(!tl_name_valid(longest));
    const char *good[] = {"a", "alpha", "Alpha-2", "a.b_c", "0", "-", "_"};
    const char *bad[] = {"", ".", ".hidden", "a b", "a/b", "\xc3\xa9", "a\n", "a:"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(tl_name_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!tl_name_valid(bad[i]));
    }
    CHECK(!tl_name_valid(NULL));
}

TEST(rounding_shifts)
{
    CHECK_EQUAL(tl_shift_round(5, 1), 3);
    CHECK_EQUAL(tl_shift_round(-5, 1), -2);
    CHECK_EQUAL(tl_shift_round(4, 2), 1);
    CHECK_EQUAL(tl_shift_round(-4, 2), -1);
    CHECK_EQUAL(tl_shift_round(3, 0), 3);
    CHECK_EQUAL(tl_shift_round(-3, -4), -48);
    uint64_t random = 1;
    for (int i = 0; i < 100000; i++) {
        int shift = 1 + (int)(check_random(&random) % 40);
        int64_t value = (int64_t)check_random(&random) >> (1 + check_random(&random) % 62);
        double exact = ldexp((double)(value >> 8), 8 - shift); // within 2^8 of it
        CHECK_NEAR((double)tl_shift_round(value, shift), exact, 0.5 + ldexp(256, -shift) + fabs(exact) * 1e-15);
    }
    CHECK_EQUAL(tl_bit_length(0), 0);
    CHECK_EQUAL(tl_bit_length(1), 1);
    CHECK_EQUAL(tl_bit_length(UINT64_MAX), 64);
}

int main(void)
{
    RUN(every_result_has_a_name_and_a_text);
    RUN(results_keep_their_numbers);
    RUN(header_and_library_agree_on_the_version);
    RUN(a_number_that_is_no_result_has_a_text);
    RUN(names_are_checked);
    RUN(rounding_shifts);
}
