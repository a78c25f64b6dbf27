// The ring: blocks keep what is in them until they are taken out, in whatever sizes they come.
#include "base/ring.h"
#include "check.h"

enum { BYTES = 5000, BLOCKS = 200000, WAITING_MAX = 64 };

typedef struct waiting {
    unsigned char *data;
    size_t size;
    unsigned char value;
} waiting;

static void take_first(tl_ring *ring, waiting *first)
{
    for (size_t i = 0; i < first->size; i++) {
        CHECK_EQUAL(first->data[i], first->value);
    }
    tl_ring_pop(ring, first->size);
}

TEST(blocks_come_out_as_they_went_in)
{
    static _Alignas(16) unsigned char memory[BYTES];
    static waiting queue[WAITING_MAX];
    tl_ring ring;
    tl_ring_init(&ring, memory, sizeof memory);
    uint64_t random = 7;
    uint32_t first = 0, count = 0, refused = 0;
    for (int i = 0; i < BLOCKS; i++) {
        size_t size = check_random(&random) % (i % 7 ? 90 : 2500);
        if (count == WAITING_MAX || (size + 15) / 16 * 16 > tl_ring_room(&ring)) {
            refused++;
            take_first(&ring, &queue[first]);
            first = (first + 1) % WAITING_MAX, count--;
            continue;
        }
        waiting *w = &queue[(first + count++) % WAITING_MAX];
        *w = (waiting){tl_ring_push(&ring, size), size, (unsigned char)i};
        CHECK(w->data >= memory && w->data + size <= memory + sizeof memory);
        memset(w->data, w->value, size);
    }
    CHECK(refused > BLOCKS / 10);
    for (; count; count--, first = (first + 1) % WAITING_MAX) {
        take_first(&ring, &queue[first]);
    }
    CHECK_EQUAL(tl_ring_room(&ring), BYTES / 16 * 16);
}

int main(void)
{
    RUN(blocks_come_out_as_they_went_in);
    return 0;
}
