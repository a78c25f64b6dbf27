#include "base/sort.h"

static bool before(const tl_sort_pair *a, const tl_sort_pair *b)
{
    return a->key != b->key ? a->key < b->key : a->value < b->value;
}

static void sift(tl_sort_pair *pairs, uint32_t at, uint32_t count)
{
    tl_sort_pair moved = pairs[at];
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(&pairs[child], &pairs[child + 1])) {
            child++;
        }
        if (!before(&moved, &pairs[child])) {
            break;
        }
        pairs[at] = pairs[child];
    }
    pairs[at] = moved;
}

void tl_sort(tl_sort_pair *pairs, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;) {
        sift(pairs, i, count);
    }
    for (uint32_t end = count; end-- > 1;) {
        tl_sort_pair last = pairs[end];
        pairs[end] = pairs[0];
        pairs[0] = last;
        sift(pairs, 0, end);
    }
}
