// Rows in FoundationDB have sums: what was put comes back, and of a row with any bit changed, nothing does; but for the
// versionstamps, which the database fills in.
#include "check.h"
#include "store/fdb/rows.h"

enum { STAMP_BYTES = 10 };

typedef bool getter(const uint8_t *bytes, int size, void *out);

#define GETTER(name, type)                                            \
    static bool get_##name(const uint8_t *bytes, int size, void *out) \
    {                                                                 \
        return tl_fdb_get_##name(bytes, size, out);                   \
    }
GETTER(world, tl_world_info)
GETTER(name, tl_fdb_name)
GETTER(lease, tl_fdb_lease)
GETTER(head, tl_log_head)
GETTER(epoch, tl_log_epoch)
GETTER(record, tl_fdb_record)
GETTER(checkpoint, tl_fdb_checkpoint)
GETTER(manifest, tl_fdb_manifest)
GETTER(count, uint32_t)

// Each bit, and each length that is too short, from the byte `from` on.
static void check_damage(tl_fdb_row row, getter *get, int from)
{
    unsigned char out[512];
    CHECK(get(row.bytes, row.size, out));
    for (int at = 0; at < row.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            row.bytes[at] ^= (uint8_t)(1 << bit);
            CHECK_EQUAL(get(row.bytes, row.size, out), at < from);
            row.bytes[at] ^= (uint8_t)(1 << bit);
        }
        CHECK(!get(row.bytes, at, out));
    }
    CHECK(get(row.bytes, row.size, out));
}

TEST(a_changed_bit_is_found)
{
    tl_world_info info = {
        .format = TL_STORE_FORMAT, .tick_hz = 20, .created_us = 7, .kinds_hash = 8, .seed = 9, .scenario = "x"};
    tl_log_epoch epoch = {.began_us = 5, .began_tick = 6, .ended_us = 7, .last_tick = 8, .heir = 2, .ended_order = 3};
    tl_fdb_record record = {
        .order = 1, .previous_tick = 2, .previous_sum = 3, .epoch = 4, .begun_us = 5, .sum = 6, .size = 7};
    check_damage(tl_fdb_put_world(&info), get_world, 0);
    check_damage(tl_fdb_put_name(&(tl_fdb_name){"alpha"}), get_name, 0);
    check_damage(tl_fdb_put_lease(&(tl_fdb_lease){.epoch = 3, .nonce = 4}), get_lease, 0);
    check_damage(tl_fdb_put_head(&(tl_log_head){.epoch = 3, .tick = 4, .heir = -1, .sum = 5}), get_head, 0);
    check_damage(tl_fdb_put_epoch(&epoch), get_epoch, 2 * STAMP_BYTES);
    check_damage(tl_fdb_put_record(&record), get_record, STAMP_BYTES);
    check_damage(tl_fdb_put_checkpoint(&(tl_fdb_checkpoint){.tick = 3, .sum = 4, .size = 5, .server = 6}),
                 get_checkpoint, 0);
    check_damage(tl_fdb_put_manifest(&(tl_fdb_manifest){.count = 3, .total = 4}), get_manifest, 0);
    check_damage(tl_fdb_put_count(&(uint32_t){3}), get_count, 0);
}

// The format before had no sums: such a world is refused for its format, not as damaged.
TEST(a_world_of_the_format_before_is_known)
{
    tl_world_info info = {.format = TL_STORE_FORMAT_FORMER, .tick_hz = 20, .created_us = 7, .scenario = "x"};
    tl_fdb_row row = tl_fdb_put_world(&info);
    enum { SUM_BYTES = 8 };
    CHECK(tl_fdb_is_former_world(row.bytes, row.size - SUM_BYTES));
    CHECK(!tl_fdb_is_former_world(row.bytes, row.size));
    CHECK(!tl_fdb_is_former_world(row.bytes, row.size - SUM_BYTES - 1));
    info.format = TL_STORE_FORMAT;
    row = tl_fdb_put_world(&info);
    CHECK(!tl_fdb_is_former_world(row.bytes, row.size - SUM_BYTES));
}

TEST(rows_come_back)
{
    tl_log_head head = {.epoch = 3, .tick = 4, .heir = -1, .sum = UINT64_MAX}, head_again;
    tl_fdb_record record = {.previous_tick = 2, .previous_sum = 3, .epoch = 4, .begun_us = 5, .sum = 6, .size = 7},
                  again;
    tl_fdb_row row = tl_fdb_put_head(&head);
    CHECK(tl_fdb_get_head(row.bytes, row.size, &head_again));
    CHECK(head_again.epoch == 3 && head_again.tick == 4 && head_again.heir == -1 && head_again.sum == UINT64_MAX);
    row = tl_fdb_put_record(&record);
    CHECK(tl_fdb_get_record(row.bytes, row.size, &again));
    CHECK(again.previous_tick == 2 && again.previous_sum == 3 && again.epoch == 4 && again.begun_us == 5 &&
          again.sum == 6 && again.size == 7);
}

// A record's sum covers whose it is, and the one before it.
TEST(records_are_chained)
{
    tl_fdb_record record = {.previous_tick = 2, .previous_sum = 3, .epoch = 4, .begun_us = 5};
    uint64_t sum = tl_fdb_record_sum(1, 9, &record, "abc", 3);
    CHECK(sum == tl_fdb_record_sum(1, 9, &record, "abc", 3));
    CHECK(sum != tl_fdb_record_sum(2, 9, &record, "abc", 3) && sum != tl_fdb_record_sum(1, 8, &record, "abc", 3));
    CHECK(sum != tl_fdb_record_sum(1, 9, &record, "abd", 3) && sum != tl_fdb_record_sum(1, 9, &record, "abc", 2));
    record.previous_sum = 4;
    CHECK(sum != tl_fdb_record_sum(1, 9, &record, "abc", 3));
}

int main(void)
{
    RUN(a_changed_bit_is_found);
    RUN(a_world_of_the_format_before_is_known);
    RUN(rows_come_back);
    RUN(records_are_chained);
    return 0;
}
