// Sorts pairs by key, in place, without allocating (heap sort).
#ifndef TRAMLINE_BASE_SORT_H
#define TRAMLINE_BASE_SORT_H

#include "base/base.h"

typedef struct tl_sort_pair {
    uint64_t key;
    uint32_t value;
} tl_sort_pair;

void tl_sort(tl_sort_pair *pairs, uint32_t count); // in ascending order; equal keys by value

#endif
