// A histogram of values >= 0: percentiles within 1.6 % of their value, the largest one exactly. No allocation.
//
// Buckets are a double's exponent and the first bits of its mantissa, as in HdrHistogram (Gil Tene).
#ifndef APP_HISTOGRAM_H
#define APP_HISTOGRAM_H

#include <jansson.h>
#include <stdint.h>

enum {
    HISTOGRAM_MANTISSA_BITS = 5,
    HISTOGRAM_EXPONENT_MIN = -40, // smaller values count as 0
    HISTOGRAM_EXPONENT_MAX = 40,  // larger ones as the last bucket
    HISTOGRAM_BUCKETS = ((HISTOGRAM_EXPONENT_MAX - HISTOGRAM_EXPONENT_MIN) << HISTOGRAM_MANTISSA_BITS) + 1,
};

typedef struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count;
    double sum, max;
} histogram;

void histogram_add(histogram *h, double value);
void histogram_add_numbers(histogram *h, const json_t *numbers); // an array; anything else in it is passed over
// part: 0..1. 0 if it is empty.
double histogram_percentile(const histogram *h, double part);
double histogram_mean(const histogram *h);
// {"p50", "p99", "max"}, all null if it is empty.
json_t *histogram_json(const histogram *h);

#endif
