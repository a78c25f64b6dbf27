#include "client/clock.h"

static const double SLEW_PER_US = 0.01; // the most by which the clock runs faster or slower than the local clock
static const double JUMP_US = 250000;   // a larger difference is not slewed

enum {
    UNKNOWN_RTT_US = 10000000,
    STEP_MARGIN_US = 20000, // for drift over the samples' time, and rounded units of time
    DOUBTS_MAX = 3,         // a client that decodes for long receives datagrams late, all in one step
};

void tl_clock_reset(tl_clock *c)
{
    *c = (tl_clock){0};
}

void tl_clock_restart(tl_clock *c)
{
    c->count = c->next = c->doubts = 0;
}

void tl_clock_run(tl_clock *c)
{
    c->runs = true;
}

static const tl_clock_sample *best(const tl_clock *c)
{
    TL_ASSERT(c->count <= TL_CLOCK_SAMPLES);
    const tl_clock_sample *found = &c->samples[0];
    for (uint32_t i = 1; i < c->count; i++) {
        if (c->samples[i].rtt_us < found->rtt_us) {
            found = &c->samples[i];
        }
    }
    return found;
}

// Half the spread of the offsets of samples whose round trip is close to the shortest.
static double spread(const tl_clock *c, int64_t rtt_us)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->samples[i].rtt_us > rtt_us + rtt_us / 4 + 500) {
            continue;
        }
        low = tl_min_i64(low, c->samples[i].offset_us);
        high = tl_max_i64(high, c->samples[i].offset_us);
    }
    return (double)(high - low) / 2;
}

// Whether a sample and the best one cannot both be true of the same clocks: each is accurate to half its round trip.
static bool contradicts(const tl_clock *c, const tl_clock_sample *sample)
{
    const tl_clock_sample *known = best(c);
    int64_t apart_us = (int64_t)tl_magnitude(sample->offset_us - known->offset_us);
    return sample->rtt_us < UNKNOWN_RTT_US && known->rtt_us < UNKNOWN_RTT_US &&
           apart_us > (sample->rtt_us + known->rtt_us) / 2 + STEP_MARGIN_US;
}

// Whether to discard a sample: it contradicts the best one, and too few samples have done so. When enough have, the
// server's clock was set, and earlier samples are void.
static bool is_doubtful(tl_clock *c, const tl_clock_sample *sample, uint64_t now_us)
{
    if (c->count == 0 || !contradicts(c, sample)) {
        c->doubts = 0;
        return false;
    }
    c->doubts += c->doubts == 0 || now_us != c->doubted_us;
    c->doubted_us = now_us;
    if (c->doubts < DOUBTS_MAX) {
        return true;
    }
    c->count = c->next = c->doubts = 0;
    return false;
}

void tl_clock_add(tl_clock *c, uint64_t now_us, int64_t server_us, int64_t rtt_us)
{
    bool known = rtt_us >= 0;
    tl_clock_sample sample = {server_us + (known ? rtt_us / 2 : 0) - (int64_t)now_us, known ? rtt_us : UNKNOWN_RTT_US};
    if (is_doubtful(c, &sample, now_us)) {
        return;
    }
    c->samples[c->next] = sample;
    c->next = (c->next + 1) % TL_CLOCK_SAMPLES;
    if (c->count < TL_CLOCK_SAMPLES) {
        c->count++;
    }
    const tl_clock_sample *believed = best(c);
    c->rtt_us = believed->rtt_us < UNKNOWN_RTT_US ? (double)believed->rtt_us : 0;
    c->error_us = spread(c, believed->rtt_us);
    double difference = (double)believed->offset_us - c->offset_us, elapsed = (double)(now_us - c->slewed_us);
    bool young = c->count < TL_CLOCK_SAMPLES; // the first ones lack the transit time: adopt leads
    if (!c->set || !c->runs || fabs(difference) > JUMP_US || (young && difference > 0)) {
        c->offset_us = (double)believed->offset_us;
    } else {
        c->offset_us += fmax(-elapsed * SLEW_PER_US, fmin(elapsed * SLEW_PER_US, difference));
    }
    c->slewed_us = now_us;
    c->set = true;
}

double tl_clock_server_us(const tl_clock *c, uint64_t now_us)
{
    return c->set ? (double)now_us + c->offset_us : 0;
}
