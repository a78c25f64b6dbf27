// The client's idea of server time. Each frame says when it was sent, and how long ago the last report had come in: a
// round trip, as in NTP (RFC 5905). Of the last samples the one with the shortest round trip is believed. Once the
// clock runs, it is slewed to that, and never jumps back; before, while a join keeps client and server busy and samples
// are poor, it is set.
#ifndef TRAMLINE_CLIENT_CLOCK_H
#define TRAMLINE_CLIENT_CLOCK_H

#include "base/base.h"

enum { TL_CLOCK_SAMPLES = 32 };

typedef struct tl_clock_sample {
    int64_t offset_us; // server time less local time
    int64_t rtt_us;
} tl_clock_sample;

typedef struct tl_clock {
    tl_clock_sample samples[TL_CLOCK_SAMPLES]; // ring
    uint32_t count, next;
    double offset_us;        // in use
    uint64_t slewed_us;      // local time of the last slew
    double rtt_us, error_us; // of the believed sample; half the spread of the good ones
    bool set, runs;
    uint32_t doubts;     // steps in a row whose samples contradict the believed one
    uint64_t doubted_us; // local time of the last
} tl_clock;

void tl_clock_reset(tl_clock *c);
void tl_clock_restart(tl_clock *c); // another server's samples follow: the time in use goes on
void tl_clock_run(tl_clock *c);     // somebody goes by it from now on
// rtt_us below 0: not known; the sample counts only until better ones come.
void tl_clock_add(tl_clock *c, uint64_t now_us, int64_t server_us, int64_t rtt_us);
// Server time, on the server's scale of microseconds since tick 0. 0 before the first sample.
double tl_clock_server_us(const tl_clock *c, uint64_t now_us);

#endif
