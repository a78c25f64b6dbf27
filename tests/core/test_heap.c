// The heap: aligned, zeroed blocks that never overlap, used again once freed, and NULL when there is no more.
#include "base/heap.h"
#include "check.h"

enum { BLOCKS = 400, HEAP_BYTES = 1 << 20 };

typedef struct block {
    unsigned char *data;
    size_t bytes;
    unsigned char mark;
} block;

static size_t random_size(uint64_t *random)
{
    return (size_t)(check_random(random) >> (check_random(random) % 14 + 50)) % 9000;
}

static void check_content(const block *b)
{
    for (size_t i = 0; i < b->bytes; i++) {
        CHECK(b->data[i] == b->mark);
    }
}

TEST(blocks_are_zeroed_aligned_and_apart)
{
    void *memory = calloc(1, HEAP_BYTES);
    tl_heap heap;
    tl_heap_init(&heap, memory, HEAP_BYTES);
    static block blocks[BLOCKS];
    uint64_t random = 7;
    int refused = 0;
    for (int step = 0; step < 40000; step++) {
        block *b = &blocks[check_random(&random) % BLOCKS];
        if (b->data) {
            check_content(b);
            tl_heap_free(&heap, b->data, b->bytes);
            b->data = NULL;
            continue;
        }
        b->bytes = random_size(&random);
        b->mark = (unsigned char)check_random(&random);
        b->data = tl_heap_alloc(&heap, b->bytes);
        refused += b->data == NULL;
        if (b->data == NULL) {
            continue;
        }
        CHECK(((uintptr_t)b->data & 15) == 0);
        CHECK(b->data >= (unsigned char *)memory && b->data + b->bytes <= (unsigned char *)memory + HEAP_BYTES);
        for (size_t i = 0; i < b->bytes; i++) {
            CHECK(b->data[i] == 0);
        }
        memset(b->data, b->mark, b->bytes);
        CHECK(heap.live_bytes <= heap.used_bytes && heap.used_bytes <= HEAP_BYTES);
    }
    CHECK(refused < 20000);
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i].data) {
            check_content(&blocks[i]);
        }
        tl_heap_free(&heap, blocks[i].data, blocks[i].bytes);
    }
    CHECK_EQUAL(heap.live_bytes, 0);
    free(memory);
}

TEST(a_freed_block_is_used_again)
{
    void *memory = calloc(1, HEAP_BYTES);
    tl_heap heap;
    tl_heap_init(&heap, memory, HEAP_BYTES);
    void *a = tl_heap_alloc(&heap, 100);
    size_t used = heap.used_bytes;
    tl_heap_free(&heap, a, 100);
    CHECK(tl_heap_alloc(&heap, 112) == a); // of the same class
    CHECK_EQUAL(heap.used_bytes, used);
    tl_heap_free(&heap, NULL, 100);
    free(memory);
}

TEST(a_full_heap_says_so_and_goes_on)
{
    void *memory = calloc(1, 4096);
    tl_heap heap;
    tl_heap_init(&heap, memory, 4096);
    void *first = tl_heap_alloc(&heap, 1024);
    int count = 1;
    while (tl_heap_alloc(&heap, 1024)) {
        count++;
    }
    CHECK_EQUAL(count, 4);
    CHECK(tl_heap_alloc(&heap, 1) == NULL);
    CHECK(tl_heap_alloc(&heap, SIZE_MAX) == NULL && tl_heap_alloc(&heap, SIZE_MAX / 2) == NULL &&
          tl_heap_alloc(&heap, (size_t)1 << 40) == NULL);
    tl_heap_free(&heap, first, 1024);
    CHECK(tl_heap_alloc(&heap, 1024) == first);
    free(memory);
}

TEST(growing_keeps_the_content)
{
    void *memory = calloc(1, HEAP_BYTES);
    tl_heap heap;
    tl_heap_init(&heap, memory, HEAP_BYTES);
    uint32_t *array = NULL, count = 0;
    while (count < 10000) {
        uint32_t more = count ? count * 2 : 4;
        uint32_t *grown = tl_heap_grow(&heap, array, count, more, sizeof *array);
        CHECK(grown);
        for (uint32_t i = 0; i < count; i++) {
            CHECK_EQUAL(grown[i], i + 1);
        }
        for (uint32_t i = count; i < more; i++) {
            CHECK_EQUAL(grown[i], 0);
            grown[i] = i + 1;
        }
        array = grown;
        count = more;
    }
    CHECK(tl_heap_grow(&heap, array, count, HEAP_BYTES, sizeof *array) == NULL);
    CHECK_EQUAL(array[count - 1], count); // the old one is kept
    free(memory);
}

int main(void)
{
    RUN(blocks_are_zeroed_aligned_and_apart);
    RUN(a_freed_block_is_used_again);
    RUN(a_full_heap_says_so_and_goes_on);
    RUN(growing_keeps_the_content);
}
