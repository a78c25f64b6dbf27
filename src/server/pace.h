// Congestion control: how fast a client can receive. If a client is slower than its rate, because of little CPU or a
// narrow line, everything queues up before it; it then receives each tile too late to continue it, and is sent the
// whole tile again and again. So the rate falls to what the client receives, judged by how late and how much it
// acknowledges, and then rises again. Loss that does not depend on the rate is tolerated: a reduction that does not
// help is undone.
#ifndef TRAMLINE_SERVER_PACE_H
#define TRAMLINE_SERVER_PACE_H

#include "wire/datagram.h"

enum { TL_PACE_SENT_MAX = 1024 };

typedef struct tl_pace {
    double rate, rate_max; // bytes per second, now and at most
    struct tl_pace_sent {
        uint64_t time_us, total_bytes; // when it was sent, and the bytes sent up to and including it
    } sent[TL_PACE_SENT_MAX];          // ring by sequence
    uint64_t total_bytes, newest, ack;
    uint64_t after;        // datagrams up to this one were sent at another rate
    bool limited, waiting; // limited: the rate held data back; waiting: data had to wait for any reason
    // the current measurement window
    uint64_t begun_us;
    double offered_bytes, taken_bytes;
    uint64_t datagrams;
    uint64_t delay_us; // the least in the window
    // across windows
    uint64_t delay_least_us; // 0: unknown
    // the loss rate that is tolerated because the line causes it
    double loss_borne;
    double bad; // loss beyond what is tolerated, summed over consecutive windows
    int good;   // consecutive windows that were good and used the whole rate
    bool tried; // the rate was reduced because of loss
    double loss_before, rate_before, known_before;
    double taken, loss; // bytes per second received and fraction lost, in the last window
    double known;       // what was received when the rate was reduced, 0: it never was
    uint32_t cuts;
} tl_pace;

void tl_pace_init(tl_pace *p, uint32_t kbit_s);
void tl_pace_sent(tl_pace *p, uint64_t sequence, size_t bytes, uint64_t now_us);
// `ack`: the newest datagram that has arrived; the bits in `head` say which earlier ones have.
void tl_pace_acknowledge(tl_pace *p, uint64_t ack, const tl_report_head *head, uint64_t now_us);
// The number of bytes that may accumulate to be sent at once.
double tl_pace_burst(const tl_pace *p);
// Whether so much is in flight that more would only queue up.
bool tl_pace_full(const tl_pace *p);

#endif
