// The heads of datagrams and chunks, there and back, and damaged.
#include "check.h"
#include "wire/datagram.h"
#include "world.h"

TEST(frame_heads_round_trip)
{
    uint64_t random = 1;
    for (int i = 0; i < 5000; i++) {
        unsigned char data[32];
        tl_frame_head head, read = {0};
        memset(&head, 0, sizeof head);
        head.sequence = (uint16_t)check_random(&random), head.tick = (uint32_t)check_random(&random);
        head.sent_units = (uint16_t)check_random(&random), head.ack = (uint16_t)check_random(&random);
        head.held_units = (uint16_t)check_random(&random), head.settled = (uint8_t)check_random(&random);
        head.flags = (uint8_t)(check_random(&random) & 31);
        tl_writer w = tl_writer_make(data, sizeof data);
        tl_frame_head_write(&w, &head);
        CHECK(w.size == 15 && data[0] == TL_WIRE_FRAME);
        tl_reader r = tl_reader_make(data + 1, w.size - 1);
        tl_frame_head_read(&r, &read);
        CHECK(!r.bad && r.at == r.size);
        CHECK(read.sequence == head.sequence && read.tick == head.tick && read.sent_units == head.sent_units &&
              read.ack == head.ack);
        CHECK(read.held_units == head.held_units && read.settled == head.settled && read.flags == head.flags);
        for (size_t cut = 0; cut < w.size - 1; cut++) {
            r = tl_reader_make(data + 1, cut);
            tl_frame_head_read(&r, &read);
            CHECK(r.bad);
        }
        data[w.size - 1] |= (unsigned char)(32 << i % 3); // flags that there are not
        r = tl_reader_make(data + 1, w.size - 1);
        tl_frame_head_read(&r, &read);
        CHECK(r.bad);
    }
}

TEST(report_heads_round_trip)
{
    uint64_t random = 2;
    for (int i = 0; i < 5000; i++) {
        unsigned char data[64];
        tl_report_head head, read = {0};
        memset(&head, 0, sizeof head);
        head.sequence = (uint16_t)check_random(&random), head.ack = (uint16_t)check_random(&random),
        head.flags = (uint8_t)(check_random(&random) & 31);
        for (size_t b = 0; b < sizeof head.bits; b++) {
            head.bits[b] = (unsigned char)check_random(&random);
        }
        tl_writer w = tl_writer_make(data, sizeof data);
        tl_report_head_write(&w, &head);
        CHECK(data[0] == TL_WIRE_REPORT);
        tl_reader r = tl_reader_make(data + 1, w.size - 1);
        tl_report_head_read(&r, &read);
        CHECK(!r.bad && r.at == r.size && read.sequence == head.sequence && read.ack == head.ack &&
              read.flags == head.flags);
        CHECK(memcmp(read.bits, head.bits, sizeof head.bits) == 0);
        for (size_t cut = 0; cut < w.size - 1; cut++) {
            r = tl_reader_make(data + 1, cut);
            tl_report_head_read(&r, &read);
            CHECK(r.bad);
        }
    }
}

static tl_chunk_head random_head(uint64_t *random, uint32_t handle)
{
    tl_chunk_head head;
    memset(&head, 0, sizeof head);
    head.handle = handle;
    head.whole = check_random(random) % 4 == 0;
    head.steps = check_random(random) % 2 ? 1 : 1 + (uint32_t)check_random(random) % 100000;
    head.age_ticks = check_random(random) % 2 ? 0 : (uint32_t)(check_random(random) % 1000);
    head.size = (size_t)(check_random(random) % (check_random(random) % 2 ? 1024 : TL_DATAGRAM_BYTES_MAX + 1));
    head.end = TL_SLOT_END;
    if (head.whole) {
        head.tile_size = (int)(check_random(random) % (TL_LEVELS_MAX - 1));
        head.level = head.tile_size + (int)(check_random(random) % 2);
        int32_t edge = TL_TILE_EDGE >> head.tile_size;
        head.x = (int32_t)(check_random(random) % (uint32_t)(2 * edge)) - edge,
        head.y = (int32_t)(check_random(random) % 5) - 2;
        head.z = (int32_t)(check_random(random) % (uint32_t)(2 * edge)) - edge;
    } else {
        head.from = 1 + (uint32_t)check_random(random) % (1u << (check_random(random) % 32));
        head.from_width = tl_from_width((int64_t)(check_random(random) % (check_random(random) % 2 ? 70 : 1000)));
        if (head.from_width != TL_FROM_FULL) {
            head.steps = 1 + head.steps % 60;
        }
    }
    if (check_random(random) % 4 == 0) {
        head.begin = (uint32_t)(check_random(random) % 5000);
        if (check_random(random) % 2) {
            head.end = head.begin + 1 + (uint32_t)(check_random(random) % 5000);
        }
    }
    return head;
}

TEST(chunk_heads_round_trip)
{
    uint64_t random = 3;
    for (int i = 0; i < 3000; i++) {
        enum { COUNT = 20 };
        tl_chunk_head heads[COUNT];
        unsigned char data[COUNT * TL_CHUNK_HEAD_BYTES_MAX];
        tl_writer w = tl_writer_make(data, sizeof data);
        int32_t last = -1;
        uint32_t handle = 0;
        for (int k = 0; k < COUNT; k++) { // handles that rise, or stay
            uint32_t step = (uint32_t)(check_random(&random) % (check_random(&random) % 4 ? 5 : 400));
            if (handle + step < TL_HANDLES_MAX) {
                handle += step;
            }
            heads[k] = random_head(&random, handle);
            size_t before = w.size;
            tl_chunk_head_write(&w, &heads[k], &last);
            CHECK(!w.bad && w.size - before <= TL_CHUNK_HEAD_BYTES_MAX);
        }
        tl_reader r = tl_reader_make(data, w.size);
        last = -1;
        for (int k = 0; k < COUNT; k++) {
            tl_chunk_head read, *head = &heads[k];
            tl_chunk_head_read(&r, &read, &last);
            CHECK(!r.bad && read.handle == head->handle && read.whole == head->whole && read.begin == head->begin &&
                  read.end == head->end);
            CHECK(read.steps == head->steps && read.age_ticks == head->age_ticks && read.size == head->size);
            if (head->whole) {
                CHECK(read.level == head->level && read.tile_size == head->tile_size && read.x == head->x &&
                      read.y == head->y && read.z == head->z);
            } else {
                CHECK(read.from_width >= head->from_width);
                CHECK_EQUAL(read.from,
                            read.from_width == TL_FROM_FULL ? head->from : head->from & ((1u << read.from_width) - 1));
            }
        }
        CHECK_EQUAL(r.at, r.size);
    }
}

TEST(a_plain_head_is_three_bytes)
{
    unsigned char data[64];
    tl_chunk_head head = {
        .handle = 100, .end = TL_SLOT_END, .steps = 1, .size = 1023, .from = 63, .from_width = TL_FROM_PLAIN};
    int32_t last = -1;
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_chunk_head_write(&w, &head, &last);
    CHECK_EQUAL(w.size, 3);
}

TEST(damaged_chunk_heads_stay_within_their_limits)
{
    uint64_t random = 4;
    int bad = 0;
    for (int i = 0; i < 50000; i++) {
        unsigned char data[256];
        tl_writer w = tl_writer_make(data, sizeof data);
        int32_t last = -1;
        for (int k = 0; k < 4; k++) {
            tl_chunk_head head = random_head(&random, (uint32_t)k * 200);
            tl_chunk_head_write(&w, &head, &last);
        }
        size_t size = i % 4 ? world_mutate(&random, data, w.size, sizeof data) : sizeof data;
        if (i % 4 == 0) {
            for (size_t b = 0; b < size; b++) {
                data[b] = (unsigned char)check_random(&random);
            }
        }
        tl_reader r = tl_reader_make(data, size);
        last = -1;
        uint32_t handle_before = 0;
        for (int k = 0; k < 4 && r.at < r.size; k++) {
            tl_chunk_head head;
            tl_chunk_head_read(&r, &head, &last);
            bad += r.bad;
            if (r.bad) {
                break;
            }
            CHECK(head.handle < TL_HANDLES_MAX && head.handle >= handle_before && head.begin < head.end &&
                  head.steps > 0);
            CHECK(head.level >= 0 && head.level < TL_LEVELS_MAX && head.tile_size >= 0 &&
                  head.tile_size <= head.level && abs(head.x) <= TL_TILE_EDGE >> head.tile_size &&
                  abs(head.z) <= TL_TILE_EDGE >> head.tile_size);
            CHECK((head.from_width == TL_FROM_FULL || head.from < 1u << head.from_width) &&
                  head.size <= TL_DATAGRAM_BYTES_MAX && head.age_ticks <= 1u << 31);
            handle_before = head.handle;
        }
    }
    CHECK(bad > 10000);
}

int main(void)
{
    RUN(frame_heads_round_trip);
    RUN(report_heads_round_trip);
    RUN(chunk_heads_round_trip);
    RUN(a_plain_head_is_three_bytes);
    RUN(damaged_chunk_heads_stay_within_their_limits);
}
