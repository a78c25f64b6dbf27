#include "server/pace.h"

enum {
    WINDOW_US = 250000,
    WINDOW_US_MIN = 100000, // if there are enough datagrams in it to judge by
    WINDOW_DATAGRAMS = 8,   // fewer say little about loss
    WINDOW_DATAGRAMS_ENOUGH = 32,
    SILENCE_US = 3000000,     // after a longer silence the window says nothing about the rate
    LATE_US = 250000,         // beyond the least delay: data queues up somewhere
    FLIGHT_BYTES = 48 * 1024, // the limit in flight to any client
    SLOW_DATAGRAMS = 4,       // and to one known to be slow
};
static const double RATE_MIN = 8000;   // bytes per second
static const double LOSS_MEANT = 0.06, // less is noise
    LOSS_MUCH = 0.5,
                    BAD_WINDOW_MAX = 0.4,   // one window's limit on loss beyond what is tolerated
    BAD_MAX = 0.8, BAD_MAX_SLOW = 0.2;      // sums of it over consecutive windows at which the rate is reduced
static const double CUT = 0.9, TRIAL = 0.6, // factors on the rate received
    HELPED = 0.5;                           // reducing helped if at most this part of the loss is left
// Per window. After the first reduction the rate rises fast, since the reduction may have been a mistake; later with
// care, and faster the longer it goes well.
static const double RISE_FAST = 1.5, RISE_NEAR = 1.1, RISE = 0.004;
static const double FLIGHT_SECONDS = 0.75, FLIGHT_SECONDS_SLOW = 0.25; // in flight, at the current rate
static const double BURST_SECONDS = 0.25, BURST_SECONDS_SLOW = 0.05;

void tl_pace_init(tl_pace *p, uint32_t kbit_s)
{
    memset(p, 0, sizeof *p);
    p->rate = p->rate_max = kbit_s * 125.0;
}

void tl_pace_sent(tl_pace *p, uint64_t sequence, size_t bytes, uint64_t now_us)
{
    p->newest = sequence;
    p->total_bytes += bytes;
    p->sent[sequence % TL_PACE_SENT_MAX] = (struct tl_pace_sent){now_us, p->total_bytes};
}

static uint64_t flight_bytes(const tl_pace *p)
{
    return p->total_bytes - p->sent[p->ack % TL_PACE_SENT_MAX].total_bytes;
}

// The loss among recently acknowledged or skipped datagrams.
static double loss_now(const tl_pace *p)
{
    return p->datagrams < WINDOW_DATAGRAMS ? p->loss : 1 - p->taken_bytes / p->offered_bytes;
}

bool tl_pace_full(const tl_pace *p)
{
    double least = (double)p->delay_least_us * 1e-6, flight = (double)flight_bytes(p);
    if (p->known > 0) {
        double room = SLOW_DATAGRAMS * TL_DATAGRAM_BYTES_MAX;
        return flight > fmin(p->rate, fmax(p->known, p->taken)) * (FLIGHT_SECONDS_SLOW + least) + room;
    }
    // Until the cause of the loss is known, no more is put at risk than arrives.
    return flight > (fmin(p->rate, p->taken) * (FLIGHT_SECONDS + least) + FLIGHT_BYTES) * (1 - loss_now(p));
}

double tl_pace_burst(const tl_pace *p)
{
    if (p->known > 0) {
        return p->rate * BURST_SECONDS_SLOW + TL_DATAGRAM_BYTES_MAX;
    }
    return p->rate * BURST_SECONDS + 2 * TL_DATAGRAM_BYTES_MAX;
}

static void begin_window(tl_pace *p, uint64_t now_us)
{
    p->begun_us = now_us;
    p->offered_bytes = p->taken_bytes = 0;
    p->datagrams = 0;
    p->delay_us = UINT64_MAX;
    p->limited = p->waiting = false;
}

// Data sent before the rate changed says nothing about the new rate: windows continue after it.
static void change(tl_pace *p, double rate)
{
    p->rate = rate;
    p->after = p->newest;
    p->good = 0;
}

// Reduces the rate because of loss, far enough to show whether that helps.
static void try_less(tl_pace *p, double taken, double loss)
{
    p->tried = true;
    p->loss_before = loss;
    p->rate_before = p->rate;
    p->known_before = p->known;
    p->known = taken;
    change(p, fmax(RATE_MIN, fmin(p->rate, taken) * (p->cuts ? CUT : TRIAL)));
}

static void end_trial(tl_pace *p, double loss)
{
    p->tried = false;
    if (loss <= HELPED * p->loss_before) {
        p->cuts++;
        return;
    }
    p->loss_borne = loss; // a lower rate loses as much: the line itself causes it
    p->known = p->known_before;
    change(p, p->rate_before);
}

static void cut(tl_pace *p, double taken)
{
    p->known = taken;
    p->cuts++;
    change(p, fmax(RATE_MIN, fmin(p->rate, taken) * CUT));
}

static bool is_late(tl_pace *p)
{
    if (p->delay_least_us == 0 || p->delay_us < p->delay_least_us) {
        p->delay_least_us = p->delay_us;
    }
    if (p->delay_us <= p->delay_least_us + LATE_US) {
        return false;
    }
    if (flight_bytes(p) >= 2 * TL_DATAGRAM_BYTES_MAX) {
        return true;
    }
    p->delay_least_us = p->delay_us; // nothing of this server's is queued: the path itself has become longer
    return false;
}

static void rise(tl_pace *p)
{
    double step = p->cuts <= 1 ? RISE_FAST : p->rate < CUT * p->known ? RISE_NEAR : 1 + RISE * ++p->good;
    p->rate = fmin(p->rate_max, p->rate * step + 100);
    if (p->known > 0) {
        p->known = fmax(p->known, p->taken);
    }
    if (p->rate == p->rate_max) {
        p->known = p->cuts = 0;
    }
}

static void judge(tl_pace *p, double seconds)
{
    double loss = 1 - p->taken_bytes / p->offered_bytes, taken = p->taken_bytes / seconds;
    bool late = is_late(p);
    p->taken = taken;
    p->loss = loss;
    p->loss_borne = fmin(p->loss_borne, loss + 0.05);
    if (p->tried) {
        end_trial(p, loss);
        p->bad = 0;
        return;
    }
    double bad = late ? BAD_WINDOW_MAX : p->waiting ? fmin(loss - p->loss_borne - LOSS_MEANT, BAD_WINDOW_MAX) : 0;
    p->bad = bad > 0 ? p->bad + bad : 0;
    if (bad > 0) {
        p->good = 0;
    }
    if (p->bad >= (p->known > 0 ? BAD_MAX_SLOW : BAD_MAX)) {
        p->bad = 0;
        if (late) {
            cut(p, taken);
        } else {
            try_less(p, taken, loss);
        }
    } else if (bad <= 0 && p->limited) {
        rise(p);
    }
}

void tl_pace_acknowledge(tl_pace *p, uint64_t ack, const tl_report_head *head, uint64_t now_us)
{
    if (ack <= p->ack || p->total_bytes == 0) {
        return;
    }
    uint64_t news = ack - p->ack, known = news < TL_ACK_BITS ? news : TL_ACK_BITS, arrived = 0;
    for (uint64_t back = 0; back < known; back++) {
        arrived += head->bits[back / 8] >> (back % 8) & 1;
    }
    const struct tl_pace_sent *sent = &p->sent[ack % TL_PACE_SENT_MAX];
    double bytes = (double)(sent->total_bytes - p->sent[p->ack % TL_PACE_SENT_MAX].total_bytes);
    uint64_t delay_us = now_us - sent->time_us;
    bool of_before = p->ack < p->after; // at least some of it was sent at the former rate
    p->ack = ack;
    if (p->begun_us == 0 || now_us - p->begun_us > SILENCE_US || of_before) {
        begin_window(p, now_us);
    }
    if (of_before) {
        return;
    }
    p->offered_bytes += bytes;
    p->taken_bytes += bytes * (double)arrived / (double)known;
    p->datagrams += news;
    if (delay_us < p->delay_us) {
        p->delay_us = delay_us;
    }
    uint64_t window_us = now_us - p->begun_us;
    bool enough = window_us >= WINDOW_US_MIN && p->datagrams >= WINDOW_DATAGRAMS_ENOUGH && loss_now(p) > LOSS_MUCH;
    if (!enough && (window_us < WINDOW_US || p->datagrams < WINDOW_DATAGRAMS)) {
        return;
    }
    judge(p, (double)window_us * 1e-6);
    begin_window(p, now_us);
}
