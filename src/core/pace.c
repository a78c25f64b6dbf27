#include "pace.h"

enum {
    WINDOW_US = 500000,
    SILENCE_US = 3000000,   // without a word for so long says nothing of the rate
    LATE_US = 400000,       // beyond the least delay: it queues up somewhere
    STRIKES = 4,            // bad windows in a row before the rate is cut
    STRIKES_AFTER = 2,      // that a cut leaves standing
    FLIGHT_BYTES = 48 * 1024, // may be on their way to anybody
};
static const double RATE_MIN = 8000, LOSS_BAD = 0.3, LOSS_KNOWN = 0.06 /* of one that is known to be slow */, FLIGHT_SECONDS = 0.75;

void tl_pace_init(tl_pace *p, uint32_t kbit_s)
{
    memset(p, 0, sizeof *p);
    p->rate = p->rate_max = kbit_s * 125.0;
}

void tl_pace_sent(tl_pace *p, uint64_t sequence, size_t bytes, uint64_t now_us)
{
    p->total_bytes += bytes;
    p->sent[sequence % TL_PACE_SENT_MAX] = (struct tl_pace_sent){now_us, p->total_bytes};
}

bool tl_pace_full(const tl_pace *p)
{
    uint64_t flight = p->total_bytes - p->sent[p->ack % TL_PACE_SENT_MAX].total_bytes;
    double room = p->known > 0 ? 4 * TL_DATAGRAM_BYTES_MAX : FLIGHT_BYTES; // of one that is known to be slow less may wait before it
    return (double)flight > fmin(p->rate, p->taken) * (FLIGHT_SECONDS + (double)p->delay_least_us * 1e-6) + room;
}

static void begin_window(tl_pace *p, uint64_t now_us)
{
    p->begun_us = now_us;
    p->offered_bytes = p->taken_bytes = 0;
    p->delay_us = UINT64_MAX;
    p->limited = false;
}

static void cut(tl_pace *p, double taken, bool late, double loss)
{
    double helped_if = 0.7 * p->loss_before;
    if (!late && p->tried && loss > helped_if) { // as much is lost of less: that is the line's own
        p->loss_borne = loss;
        p->tried = false;
        p->strikes = 0;
        if (loss < LOSS_BAD) return; // little enough to stay where it is
        p->rate = p->rate_before;
        p->known = 0;
        return;
    }
    p->known = taken;
    p->tried = !late;
    p->loss_before = loss;
    p->rate_before = p->rate;
    p->rate = fmax(RATE_MIN, fmin(p->rate, taken * (late ? 0.7 : 0.9)));
    p->strikes = STRIKES_AFTER;
    p->cuts++;
}

static void judge(tl_pace *p, double seconds)
{
    double loss = 1 - p->taken_bytes / p->offered_bytes, taken = p->taken_bytes / seconds;
    if (p->delay_least_us == 0 || p->delay_us < p->delay_least_us) p->delay_least_us = p->delay_us;
    p->taken = taken;
    bool late = p->delay_us > p->delay_least_us + LATE_US;
    uint64_t flight = p->total_bytes - p->sent[p->ack % TL_PACE_SENT_MAX].total_bytes;
    if (late && flight < 2 * TL_DATAGRAM_BYTES_MAX) { // nothing of ours is in its way: the way itself is longer now
        p->delay_least_us = p->delay_us;
        late = false;
    }
    p->loss_borne = fmin(p->loss_borne, loss + 0.05);
    if (late || loss > p->loss_borne + (p->known > 0 ? LOSS_KNOWN : LOSS_BAD)) {
        if (++p->strikes >= STRIKES) cut(p, taken, late, loss);
        return;
    }
    p->strikes = 0;
    if (!p->limited) return;
    double step = p->known == 0 ? 1.5 : p->rate < 0.9 * p->known ? 1.1 : 1.01; // near what it took it is tried with care
    p->rate = fmin(p->rate_max, p->rate * step + 100);
    if (p->rate == p->rate_max) p->known = 0;
    if (taken > p->known && p->known > 0) p->known = taken;
}

void tl_pace_acknowledge(tl_pace *p, uint64_t ack, const tl_report_head *head, uint64_t now_us)
{
    if (ack <= p->ack || p->total_bytes == 0) return;
    uint64_t news = ack - p->ack, known = news < TL_ACK_BITS ? news : TL_ACK_BITS, arrived = 0;
    for (uint64_t back = 0; back < known; back++) arrived += head->bits[back / 8] >> (back % 8) & 1;
    const struct tl_pace_sent *sent = &p->sent[ack % TL_PACE_SENT_MAX];
    double bytes = (double)(sent->total_bytes - p->sent[p->ack % TL_PACE_SENT_MAX].total_bytes);
    uint64_t delay_us = now_us - sent->time_us;
    p->ack = ack;
    if (p->begun_us == 0 || now_us - p->begun_us > SILENCE_US) begin_window(p, now_us);
    p->offered_bytes += bytes;
    p->taken_bytes += bytes * (double)arrived / (double)known;
    if (delay_us < p->delay_us) p->delay_us = delay_us;
    if (now_us - p->begun_us < WINDOW_US || p->offered_bytes <= 0) return;
    judge(p, (double)(now_us - p->begun_us) * 1e-6);
    begin_window(p, now_us);
}
