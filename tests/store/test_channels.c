// What docs/SCALE.md promises of the keys in FoundationDB: rows of other channels than 0, and of spaces that are not in
// use yet, lie outside of every range that is read or cleared today; and squares of tiles are ranges of channels.
#include "check.h"
#include "store/fdb/rows.h"

#define PREFIX "city"
enum { SPACE_NEXT = TL_FDB_ASIDE + 1 };

static const uint64_t channels[] = {1, 22, 255, 256, (uint64_t)1 << 46, ((uint64_t)8 << 46) - 1, UINT64_MAX};
enum { CHANNELS = sizeof(channels) / sizeof(channels[0]) };

static int compare(const tl_fdb_key *a, const tl_fdb_key *b)
{
    int common = memcmp(a->bytes, b->bytes, (size_t)(a->size < b->size ? a->size : b->size));
    return common != 0 ? common : a->size - b->size;
}

// Whether a key is one of those that begin with `of`.
static bool is_in(const tl_fdb_key *key, const tl_fdb_key *of)
{
    tl_fdb_key end = tl_fdb_key_end(of);
    return compare(key, of) >= 0 && compare(key, &end) < 0;
}

TEST(other_channels_are_apart)
{
    tl_fdb_key heads = TL_FDB_KEY(PREFIX, TL_FDB_HEAD, TL_FDB_CHANNEL_ALL);
    tl_fdb_key records = TL_FDB_KEY(PREFIX, TL_FDB_RECORD, TL_FDB_CHANNEL_ALL);
    for (uint64_t server = 1; server <= TL_SERVERS_MAX; server++) {
        tl_fdb_key log = TL_FDB_KEY(PREFIX, TL_FDB_RECORD, TL_FDB_CHANNEL_ALL, server);
        tl_fdb_key head = TL_FDB_KEY(PREFIX, TL_FDB_HEAD, TL_FDB_CHANNEL_ALL, server);
        tl_fdb_key record = TL_FDB_KEY(PREFIX, TL_FDB_RECORD, TL_FDB_CHANNEL_ALL, server, 1000000, 1);
        CHECK(is_in(&head, &heads) && is_in(&record, &records) && is_in(&record, &log));
        for (int i = 0; i < CHANNELS; i++) {
            head = TL_FDB_KEY(PREFIX, TL_FDB_HEAD, channels[i], server);
            record = TL_FDB_KEY(PREFIX, TL_FDB_RECORD, channels[i], server, 1000000, 1);
            CHECK(!is_in(&head, &heads) && !is_in(&record, &records) && !is_in(&record, &log));
        }
    }
}

TEST(new_spaces_are_apart)
{
    tl_fdb_key wish = TL_FDB_KEY(PREFIX, (tl_fdb_space)SPACE_NEXT, 1, 1);
    for (int space = TL_FDB_WORLD; space < SPACE_NEXT; space++) {
        tl_fdb_key all = TL_FDB_KEY(PREFIX, (tl_fdb_space)space);
        CHECK(!is_in(&wish, &all));
    }
}

TEST(keys_come_back)
{
    for (int i = 0; i < CHANNELS; i++) {
        tl_fdb_key key = TL_FDB_KEY(PREFIX, TL_FDB_RECORD, channels[i], TL_SERVERS_MAX, INT64_MAX, UINT64_MAX);
        uint64_t at[4];
        CHECK(tl_fdb_key_read(PREFIX, TL_FDB_RECORD, key.bytes, key.size, at, 4));
        CHECK(at[0] == channels[i] && at[1] == TL_SERVERS_MAX && at[2] == INT64_MAX && at[3] == UINT64_MAX);
    }
}

TEST(channels_lie_in_order)
{
    uint64_t seed = 1;
    for (int i = 0; i < 100000; i++) {
        uint64_t a = check_random(&seed) >> (check_random(&seed) % 64),
                 b = check_random(&seed) >> (check_random(&seed) % 64);
        tl_fdb_key key_a = TL_FDB_KEY(PREFIX, TL_FDB_HEAD, a, 1), key_b = TL_FDB_KEY(PREFIX, TL_FDB_HEAD, b, 1);
        CHECK((compare(&key_a, &key_b) < 0) == (a < b));
    }
}

int main(void)
{
    RUN(other_channels_are_apart);
    RUN(new_spaces_are_apart);
    RUN(keys_come_back);
    RUN(channels_lie_in_order);
    return 0;
}
