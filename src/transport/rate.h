// A rate with a burst: a bucket of tokens that fills by itself. All zero, it is full.
#ifndef TRAMLINE_TRANSPORT_RATE_H
#define TRAMLINE_TRANSPORT_RATE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rate_bucket {
    double tokens;
    uint64_t filled_us; // 0: never, so it is full
} rate_bucket;

// Takes one token, if there is one.
static inline bool rate_take(rate_bucket *bucket, double per_s, double burst, uint64_t now_us)
{
    double seconds = now_us > bucket->filled_us ? (double)(now_us - bucket->filled_us) * 1e-6 : 0;
    double tokens = bucket->filled_us == 0 ? burst : bucket->tokens + seconds * per_s;
    bucket->tokens = tokens < burst ? tokens : burst;
    bucket->filled_us = now_us ? now_us : 1;
    if (bucket->tokens < 1) {
        return false;
    }
    bucket->tokens -= 1;
    return true;
}

#endif
