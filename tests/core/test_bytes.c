// Writers and readers of bytes: round trips, bounds, and what must be refused.
#include "base/bytes.h"
#include "check.h"

static uint64_t random_number(uint64_t *random)
{
    return check_random(random) >> (check_random(random) % 64);
}

TEST(varints_round_trip_at_every_length)
{
    for (int bits = 0; bits <= 64; bits++) {
        for (int off = -1; off <= 1; off++) {
            uint64_t value = (bits == 64 ? 0 : (uint64_t)1 << bits) + (uint64_t)(int64_t)off;
            unsigned char data[10];
            tl_writer w = tl_writer_make(data, sizeof data);
            tl_write_varint(&w, value);
            size_t expected = value ? ((size_t)tl_bit_length(value) + 6) / 7 : 1;
            CHECK(!w.bad);
            CHECK_EQUAL(w.size, expected);
            tl_reader r = tl_reader_make(data, w.size);
            CHECK(tl_read_varint(&r) == value && !r.bad && r.at == w.size);
            for (size_t cut = 0; cut < w.size; cut++) {
                r = tl_reader_make(data, cut);
                CHECK(tl_read_varint(&r) == 0 && r.bad);
            }
            tl_writer tight = tl_writer_make(data, expected - 1);
            tl_write_varint(&tight, value);
            CHECK(tight.bad && tight.size == 0);
        }
    }
}

TEST(varints_past_64_bits_are_refused)
{
    unsigned char data[12];
    memset(data, 0xff, sizeof data);
    tl_reader r = tl_reader_make(data, sizeof data);
    CHECK(tl_read_varint(&r) == 0 && r.bad);
    data[9] = 1; // exactly 64 bits
    r = tl_reader_make(data, sizeof data);
    CHECK(tl_read_varint(&r) == UINT64_MAX && !r.bad && r.at == 10);
    data[9] = 2;
    r = tl_reader_make(data, sizeof data);
    CHECK(tl_read_varint(&r) == 0 && r.bad);
    data[9] = 0x81;
    r = tl_reader_make(data, sizeof data);
    CHECK(tl_read_varint(&r) == 0 && r.bad);
}

TEST(signed_numbers_round_trip)
{
    const int64_t extremes[] = {0, 1, -1, 63, -64, 64, -65, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
        CHECK(tl_unzigzag(tl_zigzag(extremes[i])) == extremes[i]);
    }
    unsigned char data[16];
    uint64_t random = 5;
    for (int i = 0; i < 10000; i++) {
        int64_t value = (int64_t)(i < 11                      ? (uint64_t)extremes[i]
                                  : check_random(&random) % 2 ? random_number(&random)
                                                              : ~random_number(&random));
        tl_writer w = tl_writer_make(data, sizeof data);
        tl_write_signed(&w, value);
        tl_reader r = tl_reader_make(data, w.size);
        CHECK(tl_read_signed(&r) == value && !r.bad);
        if (value >= -64 && value < 64) {
            CHECK_EQUAL(w.size, 1);
        }
    }
}

TEST(a_random_mixture_round_trips)
{
    uint64_t random = 11;
    static unsigned char data[65536];
    for (int round = 0; round < 50; round++) {
        uint64_t seed = check_random(&random), a = seed, b = seed;
        tl_writer w = tl_writer_make(data, sizeof data);
        for (int i = 0; i < 500; i++) {
            int bytes = 1 + (int)(check_random(&a) % 8);
            tl_write_fixed(&w, check_random(&a), bytes);
            tl_write_varint(&w, random_number(&a));
            tl_write_name(&w, i % 2 ? "alpha" : "b-2");
        }
        CHECK(!w.bad);
        tl_reader r = tl_reader_make(data, w.size);
        for (int i = 0; i < 500; i++) {
            int bytes = 1 + (int)(check_random(&b) % 8);
            uint64_t value = check_random(&b);
            CHECK(tl_read_fixed(&r, bytes) == (bytes == 8 ? value : value & (((uint64_t)1 << (8 * bytes)) - 1)));
            CHECK(tl_read_varint(&r) == random_number(&b));
            char name[TL_NAME_BYTES_MAX + 1];
            tl_read_name(&r, name);
            CHECK(strcmp(name, i % 2 ? "alpha" : "b-2") == 0);
        }
        CHECK(!r.bad && tl_reader_left(&r) == 0);
    }
}

TEST(bad_stays_bad_and_reads_nothing)
{
    const unsigned char data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    tl_reader r = tl_reader_make(data, sizeof data);
    CHECK(tl_read_bytes(&r, 9) == NULL && r.bad && r.at == 0);
    CHECK(tl_read_fixed(&r, 1) == 0 && tl_read_varint(&r) == 0 && tl_read_bytes(&r, 0) == NULL &&
          tl_reader_left(&r) == 0);
    r = tl_reader_make(data, sizeof data);
    CHECK(tl_read_fixed(&r, 4) == 0x04030201 && tl_read_bytes(&r, SIZE_MAX) == NULL && r.bad); // no overflow
    unsigned char out[4];
    tl_writer w = tl_writer_make(out, sizeof out);
    tl_write_fixed(&w, 1, 3);
    tl_write_fixed(&w, 1, 2);
    CHECK(w.bad && w.size == 3);
    tl_write_fixed(&w, 1, 1); // would fit
    CHECK(w.bad && w.size == 3);
}

TEST(limits_are_kept)
{
    unsigned char data[16];
    for (uint64_t value = 0; value < 300; value++) {
        tl_writer w = tl_writer_make(data, sizeof data);
        tl_write_varint(&w, value);
        tl_reader r = tl_reader_make(data, w.size);
        uint64_t read = tl_read_limited(&r, 150);
        CHECK(r.bad == (value > 150) && read == (value > 150 ? 0 : value));
    }
}

TEST(names_from_outside_are_checked)
{
    char name[TL_NAME_BYTES_MAX + 1];
    const unsigned char too_long[40] = {TL_NAME_BYTES_MAX + 1, 'a'}, empty[] = {0}, zero[] = {3, 'a', 0, 'b'},
                        dot[] = {2, '.', 'a'}, cut[] = {4, 'a', 'b'};
    const struct {
        const unsigned char *data;
        size_t size;
    } bad[] = {{too_long, sizeof too_long}, {empty, 1}, {zero, 4}, {dot, 3}, {cut, 3}, {empty, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tl_reader r = tl_reader_make(bad[i].data, bad[i].size);
        tl_read_name(&r, name);
        CHECK(r.bad);
    }
}

int main(void)
{
    RUN(varints_round_trip_at_every_length);
    RUN(varints_past_64_bits_are_refused);
    RUN(signed_numbers_round_trip);
    RUN(a_random_mixture_round_trips);
    RUN(bad_stays_bad_and_reads_nothing);
    RUN(limits_are_kept);
    RUN(names_from_outside_are_checked);
}
