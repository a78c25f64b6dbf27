// How fast a client takes what it is sent. One that is slower than its rate, for it has little CPU or its line is
// narrow, would have everything queue up before it, hear of each tile too late to go on from, and be sent it whole
// again and again. So its rate goes back to what it takes, by how late and how much is acknowledged, and rises again.
// Loss that does not depend on the rate is borne: a cut that does not help is taken back.
#ifndef TRAMLINE_SERVER_PACE_H
#define TRAMLINE_SERVER_PACE_H

#include "wire/datagram.h"

enum { TL_PACE_SENT_MAX = 1024 };

typedef struct tl_pace {
    double rate, rate_max; // bytes a second, now and at most
    struct tl_pace_sent {
        uint64_t time_us, total_bytes; // when it was sent, and what was sent by then
    } sent[TL_PACE_SENT_MAX];          // ring by sequence
    uint64_t total_bytes, newest, ack;
    uint64_t after;        // up to that datagram what was sent was of another rate
    bool limited, waiting; // the rate held something up; something had to wait, for whatever reason
    // the window that is looked at
    uint64_t begun_us;
    double offered_bytes, taken_bytes;
    uint64_t datagrams;
    uint64_t delay_us; // the least in it
    // over windows
    uint64_t delay_least_us; // 0: not known
    double loss_borne;
    double bad; // how much more was lost than is borne, summed over windows in a row
    int good;   // windows in a row that were good, and used all of the rate
    bool tried; // the rate was cut because of loss
    double loss_before, rate_before, known_before;
    double taken, loss; // bytes a second, and the part that was lost, in the last window
    double known;       // what it took when the rate was cut, 0: it never was
    uint32_t cuts;
} tl_pace;

void tl_pace_init(tl_pace *p, uint32_t kbit_s);
void tl_pace_sent(tl_pace *p, uint64_t sequence, size_t bytes, uint64_t now_us);
// `ack`: the newest datagram that has arrived; the head's bits say which before it have.
void tl_pace_acknowledge(tl_pace *p, uint64_t ack, const tl_report_head *head, uint64_t now_us);
// How many bytes may gather to be sent at once.
double tl_pace_burst(const tl_pace *p);
// So much is on its way that more would only queue up.
bool tl_pace_full(const tl_pace *p);

#endif
