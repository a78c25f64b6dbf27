// The client's estimate of server time. Each frame states when it was sent, and how long before that the last report
// had arrived; that yields a round trip, as in NTP (RFC 5905). Of the last samples, the one with the shortest round
// trip is used. Once the clock runs, it is slewed to that sample and never jumps back. Before that, while a join keeps
// client and server busy and samples are poor, it is set.
#ifndef TRAMLINE_CLIENT_CLOCK_H
#define TRAMLINE_CLIENT_CLOCK_H

#include "base/base.h"

enum { TL_CLOCK_SAMPLES = 32 };

typedef struct tl_clock_sample {
    int64_t offset_us; // server time minus local time
    int64_t rtt_us;
} tl_clock_sample;

typedef struct tl_clock {
    tl_clock_sample samples[TL_CLOCK_SAMPLES]; // ring
    uint32_t count, next;
    double offset_us;        // in use
    uint64_t slewed_us;      // local time of the last slew
    double rtt_us, error_us; // of the best sample; half the spread of the good ones
    bool set, runs;
    uint32_t doubts;     // consecutive steps whose samples contradict the best one
    uint64_t doubted_us; // local time of the last doubt
} tl_clock;

void tl_clock_reset(tl_clock *c);
void tl_clock_restart(tl_clock *c); // another server's samples follow: the time in use continues
void tl_clock_run(tl_clock *c);     // the time is used from now on
// A negative rtt_us means unknown; such a sample counts only until better ones arrive.
void tl_clock_add(tl_clock *c, uint64_t now_us, int64_t server_us, int64_t rtt_us);
// Server time in microseconds since tick 0. Returns 0 before the first sample.
double tl_clock_server_us(const tl_clock *c, uint64_t now_us);

#endif
