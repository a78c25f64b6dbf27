#include "app/histogram.h"

#include "base/base.h"

#include <math.h>
#include <string.h>

enum { DOUBLE_MANTISSA_BITS = 52, DOUBLE_EXPONENT_BIAS = 1023 };

static uint32_t bucket_of(double value)
{
    if (!(value > 0)) {
        return 0;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int64_t first = (int64_t)(DOUBLE_EXPONENT_BIAS + HISTOGRAM_EXPONENT_MIN) << HISTOGRAM_MANTISSA_BITS;
    int64_t bucket = (int64_t)(bits >> (DOUBLE_MANTISSA_BITS - HISTOGRAM_MANTISSA_BITS)) - first + 1;
    if (bucket < 1) {
        return 0;
    }
    return bucket < HISTOGRAM_BUCKETS ? (uint32_t)bucket : HISTOGRAM_BUCKETS - 1;
}

static double bucket_middle(uint32_t bucket)
{
    TL_ASSERT(bucket < HISTOGRAM_BUCKETS);
    if (bucket == 0) {
        return 0;
    }
    uint32_t mantissas = 1u << HISTOGRAM_MANTISSA_BITS, index = bucket - 1;
    double fraction = 1 + ((index & (mantissas - 1)) + 0.5) / mantissas;
    return ldexp(fraction, HISTOGRAM_EXPONENT_MIN + (int)(index >> HISTOGRAM_MANTISSA_BITS));
}

void histogram_add(histogram *h, double value)
{
    h->buckets[bucket_of(value)]++;
    h->count++;
    h->sum += value;
    h->max = value > h->max ? value : h->max;
}

void histogram_add_numbers(histogram *h, const json_t *numbers)
{
    size_t i;
    json_t *number;
    json_array_foreach(numbers, i, number)
    {
        if (json_is_number(number)) {
            histogram_add(h, json_number_value(number));
        }
    }
}

double histogram_percentile(const histogram *h, double part)
{
    TL_ASSERT(part >= 0 && part <= 1);
    uint64_t wanted = (uint64_t)ceil(part * (double)h->count), seen = 0;
    wanted = wanted > 0 ? wanted : 1;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && h->count > 0; i++) {
        seen += h->buckets[i];
        if (seen >= wanted) {
            return fmin(bucket_middle(i), h->max);
        }
    }
    return 0;
}

double histogram_mean(const histogram *h)
{
    return h->count ? h->sum / (double)h->count : 0;
}

json_t *histogram_json(const histogram *h)
{
    if (h->count == 0) {
        return json_pack("{s:n, s:n, s:n}", "p50", "p99", "max");
    }
    return json_pack("{s:f, s:f, s:f}", "p50", histogram_percentile(h, 0.5), "p99", histogram_percentile(h, 0.99),
                     "max", h->max);
}
